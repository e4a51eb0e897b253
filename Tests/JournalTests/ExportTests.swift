import CrashDisk
import Foundation
import Testing
import Units
import Wire

@testable import Journal

@Suite("Export")
struct ExportTests {
    @Test("an export is of one moment, whatever is written and dropped meanwhile")
    func oneMoment() throws {
        let run = ScriptedRun(disk: CrashDisk(), seed: 1)
        let journal = run.open { $0.eventQuota = 20_000 }
        try journal.append((0..<96).map { heating($0) }, now: Instant(0))
        try journal.append([alarm(.flowLost)], now: Instant(0))
        let before = try run.reader.events(lane: .event, limit: .max)
        var exported: [EventRecord] = []
        let unsound = try run.reader.export(lanes: Lane.allCases) {
            (record) throws(JournalError) in
            exported.append(record)
            try journal.append((0..<32).map { heating($0 + 500) }, now: Instant(0))
        }
        #expect(unsound == 0)
        #expect(exported.filter { $0.lane == .event } == before)
        #expect(exported.filter { $0.lane == .alarm }.count == 1)
        let now = try run.reader.events(lane: .event, limit: .max)
        #expect(now.first!.seq > before.last!.seq, "the rows that were exported are dropped by now")
    }

    @Test("a lane and a time leave out the rest")
    func selection() throws {
        let run = ScriptedRun(disk: CrashDisk(), seed: 1)
        let journal = run.open()
        try journal.append([heating(1), alarm(.flowLost)], now: Instant(0))
        var count = 0
        _ = try run.reader.export(lanes: [.alarm]) { (_) throws(JournalError) in count += 1 }
        #expect(count == 1)
        let later = Device.wall.unixMilliseconds + 1
        _ = try run.reader.export(lanes: Lane.allCases, sinceUnixMilliseconds: later) {
            (_) throws(JournalError) in count += 1
        }
        #expect(count == 1)
    }

    @Test("damaged rows are left out and counted, whatever time they say they are of")
    func unsound() throws {
        let run = ScriptedRun(disk: CrashDisk(), seed: 1)
        let journal = run.open()
        try journal.append((1...5).map { heating($0) } + [alarm(.flowLost)], now: Instant(0))
        try journal.farewell(now: Instant(0))
        let connection = try Connection(
            to: StateDirectory(path: ScriptedRun.directory, storage: run.disk), mode: .readWrite)
        try connection.execute(
            """
            UPDATE event_lane SET data = x'7b7d' WHERE subject = 'job/2';
            UPDATE event_lane SET wall_ms = 5 WHERE subject = 'job/4';
            UPDATE alarm_lane SET tick = tick + 1
            """)
        var jobs: [String] = []
        func export(_ lanes: [Lane]) throws -> Int {
            jobs = []
            let since = Device.wall.unixMilliseconds
            return try run.reader.export(lanes: lanes, sinceUnixMilliseconds: since) {
                (record) throws(JournalError) in
                if record.subject.hasPrefix("job/") { jobs.append(record.subject) }
            }
        }
        #expect(try export([.event]) == 2)
        #expect(jobs == ["job/1", "job/3", "job/5"])
        #expect(try export(Lane.allCases) == 3)
        #expect(try export([.telemetry]) == 0)
    }

    @Test("the file is there whole or not at all, and none is replaced")
    func wholeOrNotAtAll() throws {
        let device = Device()
        try FileManager.default.createDirectory(
            atPath: device.path, withIntermediateDirectories: true)
        let path = device.path + "/out.jsonl"
        func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: device.path).sorted()
        }
        do {
            let left = try ExportFile(path)
            try left.add([UInt8](repeating: 0x61, count: 100_000))
            #expect(try names() == ["out.jsonl.part"])
            withExtendedLifetime(left) {}
        }
        #expect(try names() == [], "an export that was given up leaves nothing")
        let done = try ExportFile(path)
        try done.add(Array("a".utf8))
        try done.add(Array("b".utf8))
        try done.finish()
        #expect(try names() == ["out.jsonl"])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "a\nb\n")
        let refused = error { _ = try ExportFile(path) }
        #expect(
            refused?.description
                == "\(path): open: File exists (errno 17); choose another name: nothing is replaced"
        )
        let nowhere = error { _ = try ExportFile(device.path + "/none/out") }
        #expect(
            nowhere?.description
                == "\(device.path)/none/out.part: open: No such file or directory (errno 2); make "
                + "the folder for it, or choose one that is there")
        let beneath = error { _ = try ExportFile(path + "/out") }
        #expect(
            beneath?.description
                == "\(path)/out.part: open: Not a directory (errno 20); make the folder for it, or "
                + "choose one that is there")
    }
}
