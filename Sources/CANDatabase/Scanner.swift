/// Reads a DBC file from front to back, one word, number or string at a time.
///
/// It works on bytes: a DBC file is ASCII outside its strings, and inside them whatever the
/// maker's computer used. Each step moves forward, so the work is bounded by the file's length.
struct Scanner {
    private let bytes: [UInt8]
    private let file: String
    private(set) var position = 0
    /// The line of `position`. The first line is 1.
    private(set) var line = 1

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
        // A UTF-8 byte order mark, which Windows editors put in front.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    func error(_ reason: String) -> DatabaseError { error(reason, at: line) }

    func error(_ reason: String, at line: Int) -> DatabaseError {
        DatabaseError(file: file, line: line, reason: reason)
    }

    /// The byte at the position, or nil at the end of the file.
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func advance() {
        if bytes[position] == UInt8(ascii: "\n") { line += 1 }
        position += 1
    }

    mutating func skipSpace() {
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\n") else { return }
            advance()
        }
    }

    /// Skips what does not end the line: blanks, and `//` up to the line's end, which the format
    /// does not have and hand-edited files do.
    private mutating func skipBlanks() {
        while let byte = next, byte != UInt8(ascii: "\n") {
            if Self.isSpace(byte) {
                advance()
            } else if byte == UInt8(ascii: "/"), position + 1 < bytes.count,
                bytes[position + 1] == byte
            {
                skipLine()
            } else {
                return
            }
        }
    }

    mutating func skipLine() {
        while let byte = next, byte != UInt8(ascii: "\n") { advance() }
    }

    mutating func isAtEnd() -> Bool {
        skipSpace()
        return next == nil
    }

    /// Whether only blanks stand between here and the end of the line. Moves over them.
    mutating func isAtEndOfLine() -> Bool {
        skipBlanks()
        return next == nil || next == UInt8(ascii: "\n")
    }

    /// Takes `character` if it comes next.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == UInt8(ascii: character) else { return false }
        advance()
        return true
    }

    mutating func expect(_ character: Unicode.Scalar, after what: String) throws(DatabaseError) {
        guard take(character) else {
            throw error("expected '\(character)' after \(what), found \(found())")
        }
    }

    /// Takes letters, digits and underscores, or nothing.
    mutating func takeWord() -> String? {
        skipSpace()
        let start = position
        while let byte = next, Self.isWord(byte) { advance() }
        guard position > start else { return nil }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// The word that comes next, without taking it.
    mutating func peekWord() -> String? {
        skipSpace()
        let start = position
        let word = takeWord()
        position = start
        return word
    }

    mutating func expectWord(_ what: String) throws(DatabaseError) -> String {
        guard let word = takeWord() else { throw error("expected \(what), found \(found())") }
        return word
    }

    mutating func expectNumber(_ what: String) throws(DatabaseError) -> ExactDecimal {
        let text = try numberText(what)
        guard let number = ExactDecimal(parsing: text) else {
            let shown = String(decoding: text.prefix(60), as: UTF8.self)
            throw error("\(what) is '\(shown)', which is no decimal number of 18 digits or fewer")
        }
        return number
    }

    mutating func expectInteger(_ what: String) throws(DatabaseError) -> Int64 {
        let number = try expectNumber(what)
        guard let integer = number.integer else {
            throw error("\(what) is \(Self.shown(number)), which is no whole number of 64 bits")
        }
        return integer
    }

    /// The bytes of what should be a number; what they say is the caller's to find out.
    mutating func numberText(_ what: String) throws(DatabaseError) -> ArraySlice<UInt8> {
        skipSpace()
        let start = position
        while let byte = next, Self.isNumber(byte) { advance() }
        guard position > start else { throw error("expected \(what), found \(found())") }
        return bytes[start..<position]
    }

    /// A string in double quotes, which may go over several lines. `\"` is a quote in it.
    mutating func expectString(_ what: String) throws(DatabaseError) -> String {
        skipSpace()
        guard next == UInt8(ascii: "\"") else {
            throw error("expected \(what) in double quotes, found \(found())")
        }
        let firstLine = line
        advance()
        var content: [UInt8] = []
        while let byte = next {
            advance()
            switch byte {
            case UInt8(ascii: "\""):
                return Self.decode(content)
            case UInt8(ascii: "\\") where next == UInt8(ascii: "\""):
                content.append(UInt8(ascii: "\""))
                advance()
            case UInt8(ascii: "\r") where next == UInt8(ascii: "\n"):
                break
            default:
                content.append(byte)
            }
        }
        throw error(
            "\(what) begins here and no double quote closes it before the end of the file",
            at: firstLine)
    }

    /// UTF-8 where the bytes are valid as such; Latin-1 else, which older tools write: 0xB0 is °.
    private static func decode(_ content: [UInt8]) -> String {
        if let text = String(validating: content, as: UTF8.self) { return text }
        var text = String.UnicodeScalarView()
        for byte in content { text.append(Unicode.Scalar(byte)) }
        return String(text)
    }

    /// Takes all up to the `;` that closes the section, over strings with semicolons in them.
    ///
    /// A line that begins with a keyword before that means that the `;` is missing: going on would
    /// swallow messages.
    mutating func skipSection(named name: String, keywords: Set<String>) throws(DatabaseError) {
        let firstLine = line
        while true {
            let lineBefore = line
            skipSpace()
            if line != lineBefore, let word = peekWord(), keywords.contains(word) {
                throw error(
                    "no ';' closes the section \(name) before \(word) begins on line \(line)",
                    at: firstLine)
            }
            switch next {
            case nil:
                throw error(
                    "no ';' closes the section \(name) before the end of the file",
                    at: firstLine)
            case UInt8(ascii: ";"):
                advance()
                return
            case UInt8(ascii: "\""):
                _ = try expectString("a string of the section \(name)")
            case .some(let byte):
                if Self.isWord(byte) { _ = takeWord() } else { advance() }
            }
        }
    }

    /// What comes next, for a message: a word, a character, or the end of the file.
    mutating func found() -> String {
        if let word = peekWord() { return "'\(word.prefix(60))'" }
        guard let byte = next else { return "the end of the file" }
        if byte > 0x20, byte < 0x7F { return "'\(Unicode.Scalar(byte))'" }
        return "the byte 0x" + hexadecimal(UInt64(byte), digits: 2)
    }

    /// A number with its exponent, where writing it out could fill a screen.
    static func shown(_ number: ExactDecimal) -> String {
        abs(number.exponent) <= 20
            ? number.description : "\(number.mantissa)E\(number.exponent)"
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (byte >= 0x09 && byte <= 0x0D)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z"))
            || (byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z"))
            || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
            || byte == UInt8(ascii: "_")
    }

    private static func isNumber(_ byte: UInt8) -> Bool {
        isWord(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".")
    }
}

/// `value` in upper-case hexadecimal, with at least so many digits.
func hexadecimal(_ value: UInt64, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
