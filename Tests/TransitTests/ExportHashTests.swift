import Testing
import Wire

@testable import Transit

@Suite("The hash of an export")
struct ExportHashTests {
    /// By Python's hashlib: of nothing, "a\n", and so on.
    static let rows: [([String], String)] = [
        ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (["a", "bc"], "4b8d1dd1e2b97bee100f449a998ac84a292fb223d969296c4737b44459e545de"),
        (["a", "bc", ""], "de756504e061aa952740aaf398715507d4f46e961486043dc860bbeb08fde4df"),
    ]

    @Test("is SHA-256 of its lines, each with its line feed", arguments: rows)
    func lines(lines: [String], expected: String) {
        let hash = ExportHash()
        for line in lines {
            // Asking for the end before the end changes nothing.
            _ = hash.end
            hash.add(Array(line.utf8))
        }
        #expect(hash.end.events == Int64(lines.count))
        #expect(hash.end.hash.hexadecimal == expected)
    }
}
