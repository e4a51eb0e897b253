public import JSON

/// A command from the cluster to a device: signed, for a time, at most once. It goes to
/// `Topics.command(device:)`, never retained.
public struct ClusterCommand: Equatable, Sendable {
    /// New for each command; a device does no id twice.
    public var id: Identifier128
    public var device: String
    /// A method of the local socket: "heating.start".
    public var method: String
    public var parameters: JSONObject
    /// By the cluster's wall clock, milliseconds since 1970.
    public var issuedUnixMilliseconds: Int64
    /// After this it is not done any more.
    public var expiresUnixMilliseconds: Int64
    /// Who asked: a name for the record.
    public var by: String

    /// Longer than a day is no command but a wish: whoever wants it sends it again.
    public static let lifetimeMax: Int64 = 86_400_000
    /// In bytes of the whole message.
    public static let sizeMax = 16 << 10

    /// - Throws: if a field is not as `decoding` would have it, so that nothing is signed that no
    ///   device would take.
    public init(
        id: Identifier128, device: String, method: String, parameters: JSONObject,
        issuedUnixMilliseconds: Int64, expiresUnixMilliseconds: Int64, by: String
    ) throws(MessageError) {
        var members = JSONObject()
        members.append("v", 1)
        members.append("id", .string(id.text))
        members.append("device", .string(device))
        members.append("method", .string(method))
        members.append("parameters", .object(parameters))
        members.append("issued_ms", JSONValue(issuedUnixMilliseconds))
        members.append("expires_ms", JSONValue(expiresUnixMilliseconds))
        members.append("by", .string(by))
        var reader = try MessageReader(.object(members), what: "command")
        try self.init(&reader)
        try reader.finish()
    }

    fileprivate init(_ reader: inout MessageReader) throws(MessageError) {
        try reader.version()
        id = try reader.identifier("id")
        device = try reader.name("device")
        method = try reader.text("method", in: 1...64)
        let value = try reader.value("parameters")
        guard let parameters = value.object, let ordered = CanonicalJSON.ordered(parameters) else {
            throw reader.wrong(
                "parameters", value,
                "an object with plain names and whole numbers up to 2^53 - 1, not nested deeper "
                    + "than \(CanonicalJSON.depthMax)")
        }
        self.parameters = ordered
        issuedUnixMilliseconds = try reader.integer("issued_ms", in: 0...UTCTime.range.upperBound)
        expiresUnixMilliseconds = try reader.integer(
            "expires_ms",
            in: issuedUnixMilliseconds...(issuedUnixMilliseconds + Self.lifetimeMax))
        by = try reader.text("by")
    }

    /// What the signature covers: every field, one a line, in this order, the parameters in the
    /// form of RFC 8785. No field may hold a line feed.
    public var signedText: String {
        [
            "busbar command 1", id.text, device, method, JSONValue.object(parameters).serialized(),
            String(issuedUnixMilliseconds), String(expiresUnixMilliseconds), by,
        ].joined(separator: "\n")
    }
}

/// A command with its signature. Reading one proves nothing; `Transit`'s key tells.
public struct SignedCommand: Equatable, Sendable {
    public var command: ClusterCommand
    /// Ed25519 over the bytes of `signedText`: 64 bytes.
    public var signature: [UInt8]

    public init(_ command: ClusterCommand, signature: [UInt8]) {
        self.command = command
        self.signature = signature
    }

    public func encoded() -> [UInt8] {
        var members = JSONMembers()
        members.add("v", 1)
        members.add("id", command.id.text)
        members.add("device", command.device)
        members.add("method", command.method)
        members.add(
            "parameters", json: JSONValue.object(command.parameters).serializedBytes())
        members.add("issued_ms", command.issuedUnixMilliseconds)
        members.add("expires_ms", command.expiresUnixMilliseconds)
        members.add("by", command.by)
        members.add("signature", signature.hexadecimal)
        return members.object
    }

    /// - Throws: unless every member is there and in its range, and no other is.
    public init(decoding bytes: [UInt8]) throws(MessageError) {
        try self.init(
            MessageReader(bytes, what: "command", sizeMax: ClusterCommand.sizeMax))
    }

    /// The same for a message that was read as JSON already, by a reader with bounds of its own.
    public init(members: JSONObject) throws(MessageError) {
        try self.init(MessageReader(.object(members), what: "command"))
    }

    private init(_ message: MessageReader) throws(MessageError) {
        var reader = message
        command = try ClusterCommand(&reader)
        signature = try reader.hexadecimal("signature", count: 64)
        try reader.finish()
    }
}

/// The one spelling of a JSON document (RFC 8785), so that a signature made in any language fits.
///
/// Of that standard only what needs no judgement: names of objects are ASCII, so that sorting them
/// by bytes is sorting them by UTF-16; numbers are integers that a double holds exactly.
enum CanonicalJSON {
    static let depthMax = 8
    private static let integers: ClosedRange<Int64> = -9_007_199_254_740_991...9_007_199_254_740_991

    /// The same object with its names in order at every depth; nil if it holds what is not allowed.
    static func ordered(_ object: JSONObject, depth: Int = 1) -> JSONObject? {
        guard depth <= depthMax else { return nil }
        var result = JSONObject()
        let members = object.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for member in members {
            guard member.key.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }),
                let value = ordered(member.value, depth: depth + 1)
            else { return nil }
            result.append(member.key, value)
        }
        return result
    }

    private static func ordered(_ value: JSONValue, depth: Int) -> JSONValue? {
        guard depth <= depthMax + 1 else { return nil }
        switch value {
        case .null, .bool, .string: return value
        case .number(let number):
            guard let integer = number.asInt64, integers.contains(integer) else { return nil }
            return value
        case .array(let elements):
            guard depth <= depthMax else { return nil }
            var result: [JSONValue] = []
            for element in elements {
                guard let element = ordered(element, depth: depth + 1) else { return nil }
                result.append(element)
            }
            return .array(result)
        case .object(let object): return ordered(object, depth: depth).map { .object($0) }
        }
    }
}
