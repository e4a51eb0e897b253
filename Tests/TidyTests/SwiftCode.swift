/// Swift text without its comments and the contents of its strings, line for line: what is left can
/// be searched for words and counted for braces.
///
/// Not a parser. It reads `"`, `"""`, `//` and nested `/* */`; a string inside an interpolation is
/// taken for the end of the outer one and the beginning of the next, which balances again.
struct SwiftCode: Sendable {
    let lines: [Substring]

    init(_ text: String) {
        var scanner = Scanner(Array(text.utf8))
        let code = scanner.stripped()
        lines = code.split(separator: "\n", omittingEmptySubsequences: false)
    }

    struct Function: Equatable {
        var name: String
        /// Of the line with the name; the first line of a file is 1.
        var line: Int
        /// From that line to the closing brace, both counted.
        var length: Int
    }

    /// Every `func`, `init` and `deinit` that has a body, outer ones before inner ones.
    var functions: [Function] {
        lines.indices.compactMap { index in
            guard let name = Self.declaredName(in: lines[index]) else { return nil }
            guard let end = endOfBody(from: index) else { return nil }
            return Function(name: name, line: index + 1, length: end - index + 1)
        }
    }

    private static func declaredName(in line: Substring) -> String? {
        let pattern = #/^\s*(?:[@\w()]+\s+)*(?:func\s+([^\s(<]+)|(init)[?!]?\s*[(<]|(deinit)\s*\{)/#
        guard let match = line.prefixMatch(of: pattern) else { return nil }
        return (match.1 ?? match.2 ?? match.3).map(String.init)
    }

    /// The line of the closing brace, or nil for a requirement of a protocol, which has no body.
    private func endOfBody(from start: Int) -> Int? {
        var parentheses = 0
        var braces = 0
        for index in start..<lines.count {
            // Outside the parameter list, the next declaration or the end of the type comes first.
            if index > start, braces == 0, parentheses == 0,
                lines[index].contains(#/^\s*(?:\}|.*\b(?:func|var|let|init|case)\b)/#)
            {
                return nil
            }
            for character in lines[index].utf8 {
                switch character {
                case UInt8(ascii: "("): parentheses += 1
                case UInt8(ascii: ")"): parentheses -= 1
                case UInt8(ascii: "{"): braces += 1
                case UInt8(ascii: "}"):
                    braces -= 1
                    if braces == 0, parentheses == 0 { return index }
                default: break
                }
            }
        }
        return nil
    }

    /// Walks over the bytes once.
    private struct Scanner {
        enum Place { case code, line, block(depth: Int), string, longString }

        let bytes: [UInt8]
        var position = 0
        var place = Place.code
        var output: [UInt8] = []

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func stripped() -> String {
            while position < bytes.count { step() }
            return String(decoding: output, as: UTF8.self)
        }

        private func sees(_ text: StaticString) -> Bool {
            let count = text.utf8CodeUnitCount
            guard position + count <= bytes.count else { return false }
            return text.withUTF8Buffer { $0.elementsEqual(bytes[position..<position + count]) }
        }

        /// Leaves `count` bytes out; line breaks stay, so that lines keep their numbers.
        private mutating func skip(_ count: Int = 1) {
            for _ in 0..<count where position < bytes.count {
                if bytes[position] == UInt8(ascii: "\n") { output.append(bytes[position]) }
                position += 1
            }
        }

        private mutating func step() {
            switch place {
            case .code: stepInCode()
            case .line:
                if sees("\n") { place = .code }
                skip()
            case .block(let depth):
                if sees("/*") {
                    place = .block(depth: depth + 1)
                    skip(2)
                } else if sees("*/") {
                    place = depth == 1 ? .code : .block(depth: depth - 1)
                    skip(2)
                } else {
                    skip()
                }
            case .string:
                // A string of one line ends with it, whatever this scanner misread before.
                if sees("\"") || sees("\n") { place = .code }
                skip(sees("\\") ? 2 : 1)
            case .longString:
                if sees("\"\"\"") {
                    place = .code
                    skip(3)
                } else {
                    skip(sees("\\") ? 2 : 1)
                }
            }
        }

        private mutating func stepInCode() {
            if sees("//") {
                place = .line
                skip(2)
            } else if sees("/*") {
                place = .block(depth: 1)
                skip(2)
            } else if sees("\"\"\"") {
                place = .longString
                skip(3)
            } else if sees("\"") {
                place = .string
                skip()
            } else {
                output.append(bytes[position])
                position += 1
            }
        }
    }
}
