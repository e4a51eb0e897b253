/// Writes JSON into a byte array: whole values, or piece by piece for event streams, where building
/// a `JSONValue` first would cost an allocation for each member.
///
/// ```
/// var writer = JSONWriter()
/// writer.beginObject()
/// writer.member("t_ms", 1_000)
/// writer.member("on", true)
/// writer.endObject()
/// writer.newline()            // {"t_ms":1000,"on":true}
/// ```
///
/// Commas, colons and indentation are the writer's business. That begins and ends match, and that a
/// key stands before each value in an object, is the caller's.
public struct JSONWriter: Sendable {
    /// What has been written so far.
    public private(set) var bytes: [UInt8] = []

    private let isPretty: Bool
    private var depth = 0
    /// The last thing written was a value, so another one needs a comma before it.
    private var followsValue = false
    /// The last thing written was a key, so the value stands on the same line.
    private var followsKey = false

    public init(pretty: Bool = false) { isPretty = pretty }

    /// Forgets what was written and keeps the memory, for the next event.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        depth = 0
        followsValue = false
        followsKey = false
    }

    public mutating func beginObject() { begin(UInt8(ascii: "{")) }
    public mutating func endObject() { end(UInt8(ascii: "}")) }
    public mutating func beginArray() { begin(UInt8(ascii: "[")) }
    public mutating func endArray() { end(UInt8(ascii: "]")) }

    public mutating func key(_ key: String) {
        separate()
        quote(key)
        bytes.append(UInt8(ascii: ":"))
        if isPretty { bytes.append(UInt8(ascii: " ")) }
        followsKey = true
    }

    public mutating func string(_ value: String) {
        separate()
        quote(value)
        followsValue = true
    }

    public mutating func int<Number: FixedWidthInteger>(_ value: Number) {
        separate()
        decimal(value)
        followsValue = true
    }

    public mutating func number(_ value: JSONNumber) {
        separate()
        bytes.append(contentsOf: value.text.utf8)
        followsValue = true
    }

    public mutating func bool(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
        followsValue = true
    }

    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
        followsValue = true
    }

    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let flag): bool(flag)
        case .number(let number): self.number(number)
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members { self.member(member.key, member.value) }
            endObject()
        }
    }

    public mutating func member(_ key: String, _ value: JSONValue) {
        self.key(key)
        self.value(value)
    }

    public mutating func member(_ key: String, _ value: String) {
        self.key(key)
        string(value)
    }

    public mutating func member<Number: FixedWidthInteger>(_ key: String, _ value: Number) {
        self.key(key)
        int(value)
    }

    public mutating func member(_ key: String, _ value: Bool) {
        self.key(key)
        bool(value)
    }

    /// Ends a document: the next value begins a new one on its own line (JSON Lines).
    /// - Precondition: everything that was begun has ended.
    public mutating func newline() {
        precondition(depth == 0, "a JSON document ends after all that it began")
        bytes.append(UInt8(ascii: "\n"))
        followsValue = false
    }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        depth += 1
        followsValue = false
    }

    private mutating func end(_ bracket: UInt8) {
        precondition(depth > 0 && !followsKey, "a JSON end without its begin, or a key alone")
        depth -= 1
        if followsValue { indent() }
        bytes.append(bracket)
        followsValue = true
    }

    /// What stands between the previous thing and the next.
    private mutating func separate() {
        if followsKey {
            followsKey = false
            followsValue = false
            return
        }
        if followsValue { bytes.append(UInt8(ascii: ",")) }
        followsValue = false
        if depth > 0 { indent() }
    }

    private mutating func indent() {
        guard isPretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
    }

    /// Digits from the last to the first into a small stack array; a `String` would do the same
    /// with a detour. 20 digits is a UInt64's most.
    private mutating func decimal<Number: FixedWidthInteger>(_ value: Number) {
        precondition(Number.bitWidth <= 64, "integers of at most 64 bits")
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var count = 0
        var rest = UInt64(value.magnitude)
        repeat {
            digits[count] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            count += 1
        } while rest > 0
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        while count > 0 {
            count -= 1
            bytes.append(digits[count])
        }
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        let utf8 = text.utf8
        if utf8.allSatisfy(Self.isPlain) {
            bytes.append(contentsOf: utf8)
        } else {
            for byte in utf8 { escape(byte) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        guard !Self.isPlain(byte) else {
            bytes.append(byte)
            return
        }
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x00..<0x20:
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(UInt8(ascii: "0") + byte >> 4)
            let low = byte & 0x0F
            bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        default: bytes.append(byte)
        }
    }
}
