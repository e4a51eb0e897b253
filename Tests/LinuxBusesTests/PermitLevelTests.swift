import Testing

@testable import LinuxBuses

@Suite("Level of the permit line")
struct PermitLevelTests {
    static func at(_ milliseconds: Int64) -> Int64 { milliseconds * 1_000_000 }

    /// One edge, as the lines make it: what was driven.
    static func edge(_ level: inout PermitLevel, at now: Int64) -> [Bool] {
        let (first, second) = level.edge(at: now)
        let driven = [first] + (second.map { [$0] } ?? [])
        for isHigh in driven { level.note(isHigh, at: now) }
        return driven
    }

    @Test("each edge is one change, and an even number of them ends low")
    func edges() {
        var level = PermitLevel(at: 0)
        let driven = (1...4).map { Self.edge(&level, at: Self.at($0 * 100)) }
        #expect(driven == [[true], [false], [true], [false]])
        #expect(!level.isHigh)
    }

    @Test(
        "a high line stands when K2 has fallen behind it",
        arguments: [(Int64(100), false), (299, false), (300, true), (3_000, true)])
    func stands(row: (after: Int64, isStanding: Bool)) {
        var level = PermitLevel(at: 0)
        level.note(true, at: Self.at(100))
        #expect(level.isStanding(at: Self.at(100 + row.after)) == row.isStanding)
    }

    @Test("a low line never does: to drive it low changes nothing")
    func low() {
        var level = PermitLevel(at: 0)
        #expect(!level.isStanding(at: Self.at(10_000)))
        level.note(true, at: Self.at(100))
        level.note(false, at: Self.at(200))
        #expect(!level.isStanding(at: Self.at(10_000)))
    }

    @Test("from a line that stands high four edges end low, the first one down and up at once")
    func fromStanding() {
        var level = PermitLevel(at: 0)
        level.note(true, at: 0)
        let driven = (10...13).map { Self.edge(&level, at: Self.at($0 * 100)) }
        #expect(driven == [[false, true], [false], [true], [false]])
    }

    @Test("a level that is driven again is no change")
    func again() {
        var level = PermitLevel(at: 0)
        level.note(true, at: Self.at(100))
        level.note(true, at: Self.at(350))
        #expect(level.isStanding(at: Self.at(400)))
    }
}
