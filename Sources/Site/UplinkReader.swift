import JSON

/// How the site reaches its cluster. Read by busbar-uplink; busbard runs the same without it.
public struct UplinkPort: Hashable, Sendable {
    /// What an acknowledgement means here.
    public enum Guarantee: String, Sendable, CaseIterable {
        /// Kafka has it, by the word of our bridge.
        case kafka
        /// A broker has taken it: for a bridge that is not ours.
        case broker
        /// Nothing is sent.
        case local
    }

    /// A name or an address.
    public let host: String
    public let port: UInt16
    /// Off only where nobody can listen in: on loopback, or in the profile dev.
    public let isTLS: Bool
    public let guarantee: Guarantee
    /// 0 to 63; nil for the one that follows from the device's name.
    public let shard: Int?
    /// In seconds.
    public let keepAlive: Int
    /// For events and telemetry together; nil for as much as the link takes.
    public let bytesPerSecondMax: Int?
    /// Whether the device describes itself to Home Assistant on the same broker.
    public let isHomeAssistant: Bool
}

/// Reads `$.uplink`.
struct UplinkReader {
    private let root: ObjectReader

    init(_ root: ObjectReader) { self.root = root }

    /// - Parameter profile: the overlay in force.
    /// - Returns: nil where the site has no uplink.
    func uplink(profile: String?) -> UplinkPort? {
        guard root.value("uplink") != nil else { return nil }
        let reader = root.object("uplink")
        let host = reader.string("host", allowed: "a name or address of 1 to 253 characters") {
            Self.isHost($0)
        }
        let isTLS = reader.bool("tls", default: true)
        let guarantee = reader.choice(
            "guarantee", ["kafka": .kafka, "broker": .broker, "local": .local],
            default: UplinkPort.Guarantee.kafka)
        let port = UplinkPort(
            host: host,
            port: UInt16(reader.int("port", 1...65_535, default: isTLS ? 8_883 : 1_883)),
            isTLS: isTLS, guarantee: guarantee ?? .kafka,
            shard: reader.optionalInt("shard", 0...63).map(Int.init),
            // Below 5 s a slow link looks dead; above 20 min nobody hears that it is.
            keepAlive: Int(reader.int("keepAliveS", 5...1_200, unit: "s", default: 30)),
            // 500 B/s carries about one event a second; above 100 MB/s there is nothing to shape.
            bytesPerSecondMax: reader.optionalInt("bytesPerSecondMax", 500...100_000_000)
                .map(Int.init),
            isHomeAssistant: reader.bool("homeAssistant", default: false))
        reader.refuseUnknownKeys()
        if !isTLS, profile != "dev", !Self.isLoopback(host) {
            reader.defect(
                "tls",
                "found false with host \"\(host)\"; without TLS everybody on the way reads and "
                    + "forges: allowed only for localhost, 127.0.0.1, ::1, or in the profile dev")
        }
        return port
    }

    /// What a resolver takes: names, and addresses of both kinds. No white space, no URL.
    private static func isHost(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                NameRule.isLower($0) || NameRule.isUpper($0) || NameRule.isDigit($0)
                    || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":")].contains($0)
            }
    }

    private static func isLoopback(_ host: String) -> Bool {
        ["localhost", "127.0.0.1", "::1"].contains(host)
    }
}

extension ObjectReader {
    /// An integer within `range`, or nil where the key is absent.
    fileprivate func optionalInt(_ key: String, _ range: ClosedRange<Int64>) -> Int64? {
        value(key) == nil ? nil : int(key, range, default: range.lowerBound)
    }
}
