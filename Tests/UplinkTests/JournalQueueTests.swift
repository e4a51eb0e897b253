import Events
import Foundation
import Journal
import Testing
import Units
import Uplink
import Wire

@Suite("The journal's queues beside its writer")
struct JournalQueueTests {
    private let directory = FileManager.default.temporaryDirectory
        .appending(path: "busbar-queue-\(UUID().uuidString)")

    private func open() -> Journal {
        Journal(
            Journal.Configuration(
                directory: directory.path, encoder: EventEncoder(stepNames: []),
                boot: Identifier128(high: 0, low: 1), hardware: "test"),
            now: Instant(0), wall: WallTime(unixMilliseconds: 0, quality: .synced))
    }

    private func write(_ sample: String, to journal: Journal) throws {
        journal.take(
            sample: Array(sample.utf8),
            stamp: Stamp(
                tick: Tick(1), at: Instant(1),
                wall: WallTime(unixMilliseconds: 1, quality: .synced),
                correlation: Correlation(1)),
            now: Instant(1))
        try journal.commit(now: Instant(1))
    }

    private func samples(_ queue: inout JournalQueue) throws -> [String] {
        let page = try queue.page(of: .telemetry, from: 1, maxEvents: 100, maxBytes: 1 << 20)
        return page.records.map { String(decoding: $0.data, as: UTF8.self) }
    }

    @Test("what is written meanwhile is seen, and so is the file that took the other's place")
    func current() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        var queue = JournalQueue(directory: directory.path)
        #expect(throws: QueueError.self) { try samples(&queue) }
        var journal: Journal? = open()
        try write("{\"n\":1}", to: try #require(journal))
        #expect(try samples(&queue) == ["{\"n\":1}"])
        try write("{\"n\":2}", to: try #require(journal))
        #expect(try samples(&queue) == ["{\"n\":1}", "{\"n\":2}"])
        // One process has it at a time.
        journal = nil
        // As it is put aside when it cannot be used any more.
        let aside = directory.appending(path: "aside")
        try FileManager.default.createDirectory(at: aside, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: directory.path)
        where name.hasPrefix("journal.sqlite3") {
            try FileManager.default.moveItem(
                at: directory.appending(path: name), to: aside.appending(path: name))
        }
        #expect(throws: QueueError.self) { try samples(&queue) }
        try write("{\"n\":3}", to: open())
        #expect(try samples(&queue) == ["{\"n\":3}"])
    }
}
