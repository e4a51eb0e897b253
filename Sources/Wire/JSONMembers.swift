/// Writes the members of one JSON object, straight into bytes.
///
/// Events are encoded for every change that the device sees, so no tree of values is built first.
/// Names are ours and plain ASCII; only values are escaped.
public struct JSONMembers: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    public init() {}

    /// Goes on after members that are there already.
    public init(appendingTo bytes: [UInt8], needsComma: Bool) {
        self.bytes = bytes
        self.needsComma = needsComma
    }

    public mutating func add(_ name: String, _ value: String) {
        begin(name)
        appendQuoted(value)
    }

    public mutating func add<Number: FixedWidthInteger>(_ name: String, _ value: Number) {
        begin(name)
        appendDigits(value)
    }

    public mutating func add(_ name: String, _ value: Bool) {
        begin(name)
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    public mutating func addNull(_ name: String) {
        begin(name)
        bytes.append(contentsOf: "null".utf8)
    }

    /// Adds the text, or null where there is none.
    public mutating func addOptional(_ name: String, _ value: String?) {
        if let value { add(name, value) } else { addNull(name) }
    }

    public mutating func add(_ name: String, _ values: [String]) {
        begin(name)
        bytes.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            appendQuoted(value)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Adds a member whose value is JSON already.
    public mutating func add(_ name: String, json: [UInt8]) {
        begin(name)
        bytes.append(contentsOf: json)
    }

    /// The members as an object: in braces, and `{}` when there are none.
    public var object: [UInt8] {
        var whole: [UInt8] = []
        whole.reserveCapacity(bytes.count + 2)
        whole.append(UInt8(ascii: "{"))
        whole.append(contentsOf: bytes)
        whole.append(UInt8(ascii: "}"))
        return whole
    }

    private mutating func begin(_ name: String) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func appendQuoted(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                let hex = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(hex[Int(byte >> 4)])
                bytes.append(hex[Int(byte & 15)])
            default:
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendDigits<Number: FixedWidthInteger>(_ value: Number) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var rest = value.magnitude
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest != 0
        bytes[start...].reverse()
    }
}
