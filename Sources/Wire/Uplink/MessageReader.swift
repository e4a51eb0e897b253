import JSON

/// Why a message of the road between device and cluster is not taken: what it is, which member,
/// what was found, and what is expected there.
public struct MessageError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

/// Reads the members of one small JSON message strictly: each must be there, be of its type and in
/// its range, and no other may be. What comes over the road may be from anybody.
struct MessageReader {
    /// What the message is, for errors: "acknowledgement".
    let what: String
    private let members: JSONObject
    private var asked: [String] = []

    /// - Parameter sizeMax: in bytes.
    init(_ bytes: [UInt8], what: String, sizeMax: Int) throws(MessageError) {
        guard bytes.count <= sizeMax else {
            throw MessageError("\(what): it has \(bytes.count) bytes; at most \(sizeMax) are read")
        }
        let value: JSONValue
        do throws(JSONError) {
            // Depth 16: no message of ours nests deeper than four, a command's parameters twelve.
            value = try JSONValue.parse(bytes, limits: JSONLimits(depth: 16, size: sizeMax))
        } catch {
            throw MessageError("\(what): not JSON: \(error)")
        }
        try self.init(value, what: what)
    }

    init(_ value: JSONValue, what: String) throws(MessageError) {
        guard let members = value.object else {
            throw MessageError("\(what): it is \(value.kind); an object is expected")
        }
        self.what = what
        self.members = members
    }

    mutating func value(_ key: String) throws(MessageError) -> JSONValue {
        if !asked.contains(key) { asked.append(key) }
        guard let value = members[key] else {
            throw MessageError("\(what): the member \"\(key)\" is missing")
        }
        return value
    }

    /// Whether null stands there. A truth value and no optional one: compared with nil, a
    /// `JSONValue?` is compared with JSON's null, for that is what the literal makes of it.
    private mutating func isNull(_ key: String) throws(MessageError) -> Bool {
        try value(key).isNull
    }

    func wrong(_ key: String, _ value: JSONValue, _ expected: String) -> MessageError {
        var found = value.kind
        switch value {
        case .null, .bool, .number, .string:
            let text = value.serialized()
            // Long enough for a MAC; a whole payload in the log would help nobody.
            found = text.utf8.count <= 80 ? text : String(text.prefix(80)) + "…"
        case .array, .object: break
        }
        return MessageError("\(what): the member \"\(key)\" is \(found); expected is \(expected)")
    }

    /// `v`, the version of the message. 1 is the only one there is.
    mutating func version() throws(MessageError) {
        let value = try value("v")
        guard value.int == 1 else { throw wrong("v", value, "1") }
    }

    mutating func integer(
        _ key: String, in range: ClosedRange<Int64>
    ) throws(MessageError) -> Int64 {
        let value = try value(key)
        guard let number = value.int, range.contains(number) else {
            throw wrong(
                key, value, "an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func optionalInteger(
        _ key: String, in range: ClosedRange<Int64>
    ) throws(MessageError) -> Int64? {
        if try isNull(key) { return nil }
        return try integer(key, in: range)
    }

    mutating func bool(_ key: String) throws(MessageError) -> Bool {
        let value = try value(key)
        guard let flag = value.bool else { throw wrong(key, value, "true or false") }
        return flag
    }

    /// Text without control characters: what is signed line by line cannot hold a line feed.
    /// - Parameter max: in bytes of UTF-8.
    mutating func text(
        _ key: String, in range: ClosedRange<Int> = 1...128
    ) throws(MessageError) -> String {
        let value = try value(key)
        guard let text = value.string, range.contains(text.utf8.count), text.isOneLine else {
            throw wrong(
                key, value,
                "a text of \(range.lowerBound) to \(range.upperBound) bytes "
                    + "without control characters")
        }
        return text
    }

    mutating func optionalText(
        _ key: String, in range: ClosedRange<Int> = 1...128
    ) throws(MessageError) -> String? {
        if try isNull(key) { return nil }
        return try text(key, in: range)
    }

    /// The name of a site, device or bridge.
    mutating func name(_ key: String) throws(MessageError) -> String {
        let value = try value(key)
        guard let text = value.string, text.isSiteName else {
            throw wrong(
                key, value, "a name of 1 to 63 small letters, digits and inner hyphens")
        }
        return text
    }

    mutating func identifier(_ key: String) throws(MessageError) -> Identifier128 {
        let value = try value(key)
        // Only the one spelling: the text is part of what is signed.
        guard let text = value.string, let found = Identifier128(text: text), found.text == text
        else { throw wrong(key, value, "32 hexadecimal digits in lower case") }
        return found
    }

    mutating func optionalIdentifier(_ key: String) throws(MessageError) -> Identifier128? {
        if try isNull(key) { return nil }
        return try identifier(key)
    }

    mutating func lane(_ key: String) throws(MessageError) -> Lane {
        let value = try value(key)
        guard let text = value.string, let lane = Lane(name: text) else {
            throw wrong(key, value, "\"alarm\", \"event\" or \"telemetry\"")
        }
        return lane
    }

    /// - Parameter count: how many bytes; twice as many digits.
    mutating func hexadecimal(_ key: String, count: Int) throws(MessageError) -> [UInt8] {
        let value = try value(key)
        guard let text = value.string, let bytes = [UInt8](hexadecimal: text, count: count) else {
            throw wrong(key, value, "\(2 * count) hexadecimal digits in lower case")
        }
        return bytes
    }

    mutating func array(
        _ key: String, countMax: Int
    ) throws(MessageError) -> [JSONValue] {
        let value = try value(key)
        guard let elements = value.array, elements.count <= countMax else {
            throw wrong(key, value, "a list of at most \(countMax)")
        }
        return elements
    }

    /// Refuses members that nobody asked for. To be called last.
    func finish() throws(MessageError) {
        for key in members.keys where !asked.contains(key) {
            throw MessageError(
                "\(what): the member \"\(key)\" is unknown; known are \(asked.joined(separator: ", "))"
            )
        }
    }
}

extension Lane {
    public init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

extension String {
    /// Without control characters, line feeds among them.
    var isOneLine: Bool { utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }

    /// What a site file allows as the name of a site or device: a label of the DNS.
    public var isSiteName: Bool {
        let isPlain = utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isPlain && (1...63).contains(utf8.count) && utf8.first != UInt8(ascii: "-")
            && utf8.last != UInt8(ascii: "-")
    }
}
