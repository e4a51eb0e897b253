import Glibc
import LinuxHAL
import Testing

@Suite("Pages of the program")
struct ProgramPagesTests {
    /// Bytes by permissions of what is mapped from files, as the kernel has it.
    private static func mapped() throws -> (unwritable: UInt64, all: UInt64) {
        let maps = try #require(fopen("/proc/self/maps", "r"))
        defer { fclose(maps) }
        var found = (unwritable: UInt64(0), all: UInt64(0))
        var buffer = [CChar](repeating: 0, count: 4_096)
        while fgets(&buffer, Int32(buffer.count), maps) != nil {
            let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let line = String(decoding: bytes, as: UTF8.self)
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[5].hasPrefix("/") else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            try #require(ends.count == 2)
            found.all += ends[1] - ends[0]
            if !fields[1].contains("w") { found.unwritable += ends[1] - ends[0] }
        }
        return found
    }

    /// KiB that are resident of the beginning of each mapped library, where its headers are.
    private static func beginnings() throws -> [String: Int] {
        let maps = try #require(fopen("/proc/self/smaps", "r"))
        defer { fclose(maps) }
        var found: [String: Int] = [:]
        var library: String?
        var buffer = [CChar](repeating: 0, count: 4_096)
        while fgets(&buffer, Int32(buffer.count), maps) != nil {
            let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
            let fields = String(decoding: bytes, as: UTF8.self)
                .split(separator: " ", omittingEmptySubsequences: true)
            if fields.first == "Rss:", let name = library {
                let resident: Int = try #require(Int(fields[1]))
                found[name] = resident
                library = nil
            } else if fields.count >= 6, fields[5].contains(".so") {
                // Not where code begins at once: that may be needed again.
                let isBeginning = fields[1].hasPrefix("r--") && fields[2].allSatisfy { $0 == "0" }
                library = isBeginning ? String(fields[5]) : nil
            }
        }
        return found
    }

    @Test("to let go of a library's beginning is not to read it again")
    func headersStayAway() throws {
        // Once before, so that the dynamic linker has found all that is called below.
        _ = try Self.beginnings()
        ProcessMemory.releaseProgramPages()
        let left = try Self.beginnings()
        try #require(left.count >= 4, "\(left)")
        // A last page that is not whole stays. The dynamic linker may look up a name meanwhile, in
        // a few of them.
        let page = Int(sysconf(Int32(_SC_PAGESIZE))) >> 10
        #expect(left.values.count { $0 > page } * 2 < left.count, "\(left)")
    }

    /// A class, whose metadata were relocated: they must not be let go.
    private class Shape { func sides() -> Int { 0 } }
    private final class Square: Shape { override func sides() -> Int { 4 } }

    @Test("code and constants are let go, nothing that was written, and the process goes on")
    func goesOn() throws {
        let mapped = try Self.mapped()
        for _ in 0..<3 {
            let released = ProcessMemory.releaseProgramPages()
            // At least this program's own code, and no byte that is mapped for writing.
            #expect(released > 1 << 20)
            #expect(released <= mapped.unwritable)
            #expect(released < mapped.all)
        }
        let shapes: [Shape] = [Square(), Shape()]
        #expect(shapes.map { $0.sides() } == [4, 0])
        #expect([3, 1, 2].sorted().map(String.init).joined() == "123")
        ProcessMemory.releaseFreeHeap()
        #expect([UInt8](repeating: 7, count: 1 << 20).allSatisfy { $0 == 7 })
    }
}
