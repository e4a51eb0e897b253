/// A strict parser of RFC 8259: what is doubtful is refused, because two readers of one site file
/// must not see two sites. So no duplicate keys, no comments, no trailing commas, no NaN, no lone
/// surrogates, no invalid UTF-8, no byte order mark, and nothing after the document.
public struct JSONParser {
    /// Parses one whole document.
    /// - Throws: the first thing that is wrong, with its line and column.
    public static func parse(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: bytes, depthMax: limits.depth)
        guard bytes.count <= limits.size else {
            throw parser.error(
                "the document has \(bytes.count) bytes; at most \(limits.size) are read")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw parser.error("found a byte order mark; save the file as UTF-8 without one")
        }
        parser.skipSpace()
        let value = try parser.value()
        parser.skipSpace()
        guard parser.isAtEnd else {
            throw parser.error("found \(parser.found) after the end of the document")
        }
        return value
    }

    let bytes: [UInt8]
    var position = 0
    private var depth = 0
    private let depthMax: Int

    private init(bytes: [UInt8], depthMax: Int) {
        self.bytes = bytes
        self.depthMax = depthMax
    }

    var isAtEnd: Bool { position == bytes.count }

    /// The byte to be read next; nil at the end.
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func value() throws(JSONError) -> JSONValue {
        guard let next else { throw error("found \(found) where a value was expected") }
        switch next {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return .bool(try word("true", true))
        case UInt8(ascii: "f"): return .bool(try word("false", false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw error("found \(found) where a value was expected")
        }
    }

    private mutating func word<Value>(_ word: String, _ value: Value) throws(JSONError) -> Value {
        let start = position
        for byte in word.utf8 {
            guard next == byte else {
                throw error("expected \(word) here; a text needs quotes", at: start)
            }
            position += 1
        }
        return value
    }

    private mutating func object() throws(JSONError) -> JSONObject {
        try enter()
        var members: [JSONObject.Member] = []
        // Byte arrays, for String's equality would take two spellings of "é" for one key.
        var seen: Set<[UInt8]> = []
        var isDone = take(UInt8(ascii: "}"))
        while !isDone {
            let start = position
            guard next == UInt8(ascii: "\"") else {
                throw error("found \(found) where a key in quotes was expected")
            }
            let key = try string()
            guard seen.insert(Array(key.utf8)).inserted else {
                throw error("the key \"\(key)\" stands twice in one object", at: start)
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else {
                throw error("found \(found) where ':' was expected after a key")
            }
            skipSpace()
            members.append(JSONObject.Member(key: key, value: try value()))
            isDone = try separator(closing: UInt8(ascii: "}"))
        }
        depth -= 1
        return JSONObject(members: members)
    }

    private mutating func array() throws(JSONError) -> [JSONValue] {
        try enter()
        var elements: [JSONValue] = []
        var isDone = take(UInt8(ascii: "]"))
        while !isDone {
            elements.append(try value())
            isDone = try separator(closing: UInt8(ascii: "]"))
        }
        depth -= 1
        return elements
    }

    /// Takes an opening bracket and the space after it.
    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= depthMax else {
            throw error("arrays and objects nest deeper than \(depthMax)")
        }
        position += 1
        skipSpace()
    }

    /// Takes what stands after a member or element.
    /// - Returns: true if it was the closing bracket.
    private mutating func separator(closing: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        let start = position
        if take(closing) { return true }
        let bracket = Character(Unicode.Scalar(closing))
        guard take(UInt8(ascii: ",")) else {
            throw error("found \(found) where ',' or '\(bracket)' was expected")
        }
        skipSpace()
        guard next != closing else {
            throw error("found a comma before '\(bracket)'; remove it", at: start)
        }
        return false
    }

    /// Takes `byte`, if it is next.
    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = next {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = position
        var digits = ""
        if next == UInt8(ascii: "-") {
            digits = "-"
            position += 1
        }
        let whole = position
        try takeDigits(into: &digits, of: "a number")
        if bytes[whole] == UInt8(ascii: "0"), position > whole + 1 {
            throw error("a number must not begin with 0; remove the zero", at: start)
        }
        var exponent = 0
        if next == UInt8(ascii: ".") {
            position += 1
            let fraction = position
            try takeDigits(into: &digits, of: "the fraction of a number")
            exponent = -(position - fraction)
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            position += 1
            var sign = ""
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") {
                sign = next == UInt8(ascii: "-") ? "-" : ""
                position += 1
            }
            var power = sign
            try takeDigits(into: &power, of: "the exponent of a number")
            guard let power = Int(power), abs(power) <= JSONNumber.exponentMax / 2 else {
                throw error("the exponent of this number is out of range", at: start)
            }
            exponent += power
        }
        // Half of the range is left for the digits of the fraction and for trailing zeros.
        guard digits.utf8.count <= JSONNumber.exponentMax / 2 else {
            throw error("this number has more digits than are read", at: start)
        }
        return JSONNumber(canonical: digits, exponent: exponent)
    }

    private mutating func takeDigits(into text: inout String, of what: String) throws(JSONError) {
        let start = position
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            position += 1
        }
        guard position > start else {
            throw error("found \(found) where a digit of \(what) was expected")
        }
        text += String(decoding: bytes[start..<position], as: UTF8.self)
    }
}

extension JSONParser {
    /// What stands at the position, for messages.
    var found: String {
        guard let byte = next else { return "the end of the text" }
        guard (0x21..<0x7F).contains(byte) else { return "byte 0x" + String(byte, radix: 16) }
        return "'\(Character(Unicode.Scalar(byte)))'"
    }

    func error(_ reason: String) -> JSONError { error(reason, at: position) }

    func error(_ reason: String, at place: Int) -> JSONError {
        let before = bytes[..<place]
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let line = before.count { $0 == 0x0A } + 1
        // Continuation bytes of UTF-8 do not begin a character.
        let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
        return JSONError(line: line, column: column, reason: reason)
    }
}
