import Wire

/// 32 secret bytes, as one line of 64 hexadecimal digits in a file that only its owner reads. No
/// description or dump ever shows them.
protocol Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// What it is, for errors: "the bridge's secret".
    static var name: String { get }
}

extension Secret {
    public var description: String { "\(Self.name) (not shown)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The bytes of a key file: 64 hexadecimal digits in lower case, and a line feed or none.
    static func bytes(fileText: String) throws(KeyError) -> [UInt8] {
        let line = fileText.hasSuffix("\n") ? String(fileText.dropLast()) : fileText
        guard let bytes = [UInt8](hexadecimal: line, count: 32) else {
            throw KeyError(
                "\(name): the file has \(fileText.utf8.count) bytes that are not 64 hexadecimal "
                    + "digits in lower case on one line; write 32 random bytes so")
        }
        // A file of zeros is what a careless script leaves behind.
        guard bytes.contains(where: { $0 != 0 }) else {
            throw KeyError("\(name): all its bytes are zero; write 32 random bytes")
        }
        return bytes
    }
}

/// Why a key cannot be used. Never says what was in it.
public struct KeyError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
