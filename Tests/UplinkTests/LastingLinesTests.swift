import Testing
import Units
import Wire

@testable import Uplink

@Suite("What the log gets of what lasts")
struct LastingLinesTests {
    private static func finding(
        _ text: String, _ kind: Finding.Kind = .noBridge, isActive: Bool = true
    ) -> Finding {
        Finding(
            kind: kind, isActive: isActive, text: text, count: 1, at: Instant(0))
    }

    @Test("a line when it begins, when it becomes another, and when it is over; none for a number")
    func reasons() {
        var lines = LastingLines()
        let said: [String?] = [nil, "none for 10 s", "none for 11 s", "broken", "broken", nil, nil]
        var told: [String?] = []
        for reason in said { told.append(lines.line(reason: reason)) }
        #expect(told == [nil, "none for 10 s", nil, "broken", nil, "over: broken", nil])
        #expect(lines.line(reason: "broken") == "broken", "again is news")
    }

    @Test("a finding that is told again is no news, until it is over")
    func findings() {
        var lines = LastingLines()
        #expect(lines.line(of: Self.finding("no bridge")) == "no bridge")
        #expect(lines.line(of: Self.finding("no bridge")) == nil)
        #expect(lines.line(of: Self.finding("refused", .eventsRefused)) == "refused")
        #expect(lines.line(of: Self.finding("wrong key")) == "wrong key")
        #expect(
            lines.line(of: Self.finding("wrong key", isActive: false)) == "over: wrong key")
        #expect(lines.line(of: Self.finding("wrong key", isActive: false)) == nil)
        #expect(lines.line(of: Self.finding("no bridge")) == "no bridge")
    }

    @Test("what is a reason and a finding has one line, and is over when it is neither")
    func both() {
        var lines = LastingLines()
        #expect(lines.line(reason: "no bridge") == "no bridge")
        #expect(lines.line(of: Self.finding("no bridge")) == nil)
        #expect(lines.line(of: Self.finding("no bridge", isActive: false)) == nil)
        #expect(lines.line(reason: nil) == "over: no bridge")
        #expect(lines.line(of: Self.finding("no bridge")) == "no bridge")
        #expect(lines.line(reason: "no bridge") == nil)
        #expect(lines.line(reason: nil) == nil)
        #expect(
            lines.line(of: Self.finding("no bridge", isActive: false)) == "over: no bridge")
    }

    @Test("a single event has a line each time")
    func events() {
        var lines = LastingLines()
        for _ in 0..<2 {
            #expect(lines.line(of: Self.finding("forged", .commandBadSignature)) == "forged")
        }
        #expect(
            lines.line(of: Self.finding("taken over", .clientTakenOver, isActive: false))
                == "over: taken over")
    }

    @Test("a broker that is frozen for a minute makes two lines, and one when it is over")
    func frozenBroker() {
        var bench = SessionBench()
        var lines = LastingLines()
        bench.publishCode = nil
        bench.append(1...1)
        bench.turn()
        var said: [String] = []
        for second in 1...70 {
            if second == 65 { bench.publishCode = 0 }
            bench.pass(.seconds(1))
            if let line = lines.line(reason: bench.explanation) { said.append(line) }
        }
        #expect(
            said.first
                == "the broker confirms nothing for 10 s: look whether it still runs; after 60 s "
                + "we connect anew")
        #expect(said.count <= 3, "\(said)")
        #expect(said.last?.hasPrefix("over: ") == true)
    }
}
