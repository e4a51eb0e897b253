/// Why a text is not JSON, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    /// From 1, in characters (Unicode scalars), as editors count.
    public let column: Int
    /// What was found there and what was expected.
    public let reason: String

    public init(line: Int, column: Int, reason: String) {
        self.line = line
        self.column = column
        self.reason = reason
    }

    public var description: String { "line \(line), column \(column): \(reason)" }
}

/// How much a document may ask of its reader. What exceeds it is refused, never cut.
public struct JSONLimits: Hashable, Sendable {
    /// Arrays and objects within one another. 64 is many times what any file of ours has and far
    /// below what the stack of a thread (512 KiB) can take.
    public var depth = 64
    /// In bytes. 4 MiB is a hundred times the largest site or scenario file.
    public var size = 4 << 20

    public init(depth: Int = 64, size: Int = 4 << 20) {
        self.depth = depth
        self.size = size
    }
}

/// Where in a document something stands, as messages write it: `$.heating.parameters.target`,
/// `$.sequence[2].kind`, `$["odd key"]`.
public struct JSONPath: Hashable, Sendable, CustomStringConvertible {
    public enum Component: Hashable, Sendable {
        case key(String)
        case index(Int)
    }

    public private(set) var components: [Component] = []

    /// The whole document.
    public static let root = JSONPath()

    public func key(_ key: String) -> JSONPath { appending(.key(key)) }
    public func index(_ index: Int) -> JSONPath { appending(.index(index)) }

    private func appending(_ component: Component) -> JSONPath {
        var path = self
        path.components.append(component)
        return path
    }

    public var description: String {
        components.reduce(into: "$") { text, component in
            switch component {
            case .index(let index): text += "[\(index)]"
            case .key(let key):
                text += Self.isPlain(key) ? ".\(key)" : "[\(JSONValue.string(key).serialized())]"
            }
        }
    }

    private static func isPlain(_ key: String) -> Bool {
        guard let first = key.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return key.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): true
            default: false
            }
        }
    }
}
