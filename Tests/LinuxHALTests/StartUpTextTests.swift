import Testing

@testable import LinuxHAL

@Suite("Text of start-up")
struct StartUpTextTests {
    static let rows: [(line: String, start: UInt?)] = [
        ("1000-3000 r-xp 00000000 08:01 12 /usr/bin/busbard\n", 0x1000),
        ("1000-3000 r--p 00000000 08:01 12 /usr/bin/busbard\n", nil),
        ("1000-3000 rw-p 00000000 08:01 12 /usr/bin/busbard\n", nil),
        ("1000-3000 rwxp 00000000 08:01 12 /usr/bin/busbard\n", nil),
        ("1000-3000 r-xp 00000000 00:00 0 [vdso]\n", nil),
        ("1000-3000 r-xp 00000000 00:00 0\n", nil),
        ("3000-1000 r-xp 00000000 08:01 12 /usr/bin/busbard\n", nil),
    ]

    @Test("Only executable mappings of files are let go", arguments: rows)
    func mapping(line: String, start: UInt?) {
        #expect(ProcessMemory.executableFile(in: line)?.start == start)
    }

    @Test("the process goes on after it has let its text go")
    func goesOn() {
        ProcessMemory.releaseStartUpText()
        #expect([3, 1, 2].sorted().map(String.init).joined() == "123")
    }
}
