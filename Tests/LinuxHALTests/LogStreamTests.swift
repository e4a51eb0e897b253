import Glibc
import Testing

@testable import LinuxHAL

@Suite("A log that nobody reads")
struct LogStreamTests {
    enum Kind: CaseIterable { case pipe, socket }

    /// Two ends: what is written to the second can be read from the first.
    private static func ends(_ kind: Kind) throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [0, 0]
        switch kind {
        case .pipe: try #require(pipe(&ends) == 0)
        case .socket:
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        }
        // The reader must not wait either, or a test that fails would hang.
        try #require(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        return (ends[0], ends[1])
    }

    private static func drain(_ descriptor: Int32) -> String {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += chunk[..<count]
        }
    }

    @Test(
        "drops what finds no room, never waits, and says later how much", arguments: Kind.allCases)
    func full(kind: Kind) throws {
        let (reading, writing) = try Self.ends(kind)
        defer {
            close(reading)
            close(writing)
        }
        let log = LogStream(descriptor: writing)
        let line = String(repeating: "x", count: 999)
        // 2 MB: more than a pipe or a socket of any usual setting holds.
        for _ in 0..<2_000 { log.write(line: line) }
        let kept = Self.drain(reading)
        let count = kept.split(separator: "\n").count
        #expect(count > 10 && count < 2_000)
        #expect(kept.utf8.count == count * 1_000, "a line was cut in two")
        log.write(line: "and on")
        #expect(
            Self.drain(reading)
                == "(\(2_000 - count) lines were dropped here: nobody read them)\nand on\n")
        #expect(fcntl(writing, F_GETFL) & O_NONBLOCK == 0, "others have this descriptor too")
    }

    @Test("a line is cut at what a pipe takes whole")
    func longLine() throws {
        let (reading, writing) = try Self.ends(.pipe)
        defer {
            close(reading)
            close(writing)
        }
        LogStream(descriptor: writing).write(line: String(repeating: "x", count: 10_000))
        let text = Self.drain(reading)
        #expect(text.utf8.count == 4_096 && text.hasSuffix("x\n"))
    }

    @Test("a reader that is gone is no harm")
    func hungUp() throws {
        let (reading, writing) = try Self.ends(.socket)
        defer { close(writing) }
        close(reading)
        LogStream(descriptor: writing).write(line: "to nobody")
    }
}
