/// MQTT 5 reason codes in words (OASIS MQTT 5.0, section 2.4), the same at both ends of the
/// broker.
public enum ReasonText {
    public static func of(_ code: UInt8) -> String {
        switch code {
        case 0x80: "unspecified error"
        case 0x81, 0x82: "protocol error"
        case 0x83: "a reason of its own"
        case 0x84: "it does not speak MQTT 5"
        case 0x85: "client identifier not valid"
        case 0x86: "bad user name or password"
        case 0x87: "not authorised"
        case 0x88: "server unavailable"
        case 0x89: "server busy"
        case 0x8A: "banned"
        case 0x8B: "server shutting down"
        case 0x8C: "bad authentication method"
        case 0x8D: "keep-alive timeout"
        case 0x8E: "session taken over"
        case 0x90: "topic not allowed"
        case 0x93: "too many messages at once"
        case 0x95: "packet too large"
        case 0x96: "message rate too high"
        case 0x97: "quota exceeded"
        case 0x98: "an administrator's action"
        case 0x9A: "retain not supported"
        case 0x9C, 0x9D: "use another server"
        case 0x9F: "connection rate exceeded"
        default: "reason 0x" + String(code, radix: 16)
        }
    }
}
