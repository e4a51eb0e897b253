/// One JSON document or a part of one.
///
/// Written here rather than taken from FoundationEssentials because `busbard` must stay under 12 MB
/// resident when idle, and a statically linked trivial program that uses FoundationEssentials
/// already has 8.6 MB against 5.2 MB without (measured on x86_64, Swift 6.3.1). Beside that, a
/// controller wants what Foundation's parser does not give: duplicate keys refused, numbers exact,
/// members in the order of the file, and the line and column of what is wrong.
///
/// Not an indirect enum: arrays and objects are on the heap as it is, and a box for each number
/// would be paid in every event.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue {
    /// Parses one document with the default limits. See `JSONParser`.
    public static func parse(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        try JSONParser.parse(bytes, limits: limits)
    }

    /// The document as text: one line, or with `pretty` indented by two spaces and with a line feed
    /// at the end. Members stand in the order in which they were put in.
    public func serialized(pretty: Bool = false) -> String {
        String(decoding: serializedBytes(pretty: pretty), as: UTF8.self)
    }

    public func serializedBytes(pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        writer.value(self)
        if pretty { writer.newline() }
        return writer.bytes
    }

    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    public var number: JSONNumber? {
        if case .number(let value) = self { value } else { nil }
    }

    /// The number as an integer, if it is one: 1, 1.0 and 1e3 are, 1.5 and 1e30 are not.
    public var int: Int64? { number?.asInt64 }

    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    public var array: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    public var object: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The member of that name; nil if there is none or if this is not an object.
    public subscript(key: String) -> JSONValue? { object?[key] }

    /// The element at that place; nil if there is none or if this is not an array.
    public subscript(index: Int) -> JSONValue? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }

    /// What kind of value this is, as a message names it: "a number", "an object".
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// This value after a JSON merge patch (RFC 7396): objects are merged member by member, a null
    /// removes a member, and everything else, arrays too, is replaced whole.
    public func merging(patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = object ?? JSONObject()
        for member in changes {
            if member.value.isNull {
                result[member.key] = nil
            } else {
                result[member.key] = (result[member.key] ?? .null).merging(patch: member.value)
            }
        }
        return .object(result)
    }
}

/// Numbers are equal by value (1 and 1.0 are), objects whatever the order of their members.
extension JSONValue: Equatable {
    public static func == (lhs: JSONValue, rhs: JSONValue) -> Bool {
        switch (lhs, rhs) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        case (.null, _), (.bool, _), (.number, _), (.string, _), (.array, _), (.object, _): false
        }
    }
}

// Literals, so that a patch or an answer can be written as it looks. None for floating point: a
// Double is not the decimal that was written; use `JSONNumber(mantissa:exponent:)`.

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .number(JSONNumber(value)) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// - Precondition: no key stands twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements {
            precondition(object[key] == nil, "a JSON object literal names a key twice")
            object.append(key, value)
        }
        self = .object(object)
    }
}

extension JSONValue {
    public init<Number: BinaryInteger>(_ value: Number) { self = .number(JSONNumber(value)) }
}
