import Testing
import Units

@testable import Control

/// §7.5: which presses of the button count, and how many resets.
@Suite("Reset procedure")
struct ResetProcedureTests {
    /// Samples a button that is pressed in these spans, each 100 ms unless said otherwise.
    static func presses(
        _ spans: [Range<Int64>], to end: Int64, every period: Int64 = 100
    ) -> (presses: [ResetButton.Press], stuckAt: [Int64]) {
        var button = ResetButton()
        var presses: [ResetButton.Press] = []
        var stuck: [Int64] = []
        for time in stride(from: Int64(0), through: end, by: Int(period)) {
            let isDown = spans.contains { $0.contains(time) }
            if let press = button.step(isDown ? .active : .inactive, now: at(time)) {
                presses.append(press)
            }
            if button.isStuck { stuck.append(time) }
        }
        return (presses, stuck)
    }

    @Test(
        "a press tells when it began and how long it was",
        arguments: [
            Int64(30), 999, 1_000, 5_000, 5_001, 9_999,
        ])
    func measures(length: Int64) {
        let seen = Self.presses([300..<(300 + length)], to: 12_000, every: 1)
        #expect(seen.presses == [ResetButton.Press(began: at(300), length: ms(length))])
        #expect(seen.stuckAt.isEmpty)
    }

    @Test(
        "what a contact does within 30 ms of its first change is its bounce",
        arguments: [
            (Int64(1), Int64(30), true), (29, 30, true), (1, 31, false), (29, 31, false),
            (30, 31, false),
        ])
    func bounce(from: Int64, to: Int64, isOnePress: Bool) {
        // Pressed at 1 000 ms for 2 s, but open again from `from` to `to` ms after that.
        let seen = Self.presses(
            [1_000..<(1_000 + from), (1_000 + to)..<3_000], to: 5_000, every: 1)
        let whole = ResetButton.Press(began: at(1_000), length: ms(2_000))
        #expect((seen.presses == [whole]) == isOnePress)
    }

    @Test("the limits of a press are 1 000 and 5 000 ms")
    func limits() {
        #expect(ResetButton.pressMinimum == ms(1_000))
        #expect(ResetButton.pressMaximum == ms(5_000))
    }

    @Test("it must have been released for 200 ms before", arguments: [Int64(199), 200])
    func needsRelease(release: Int64) {
        let first = Int64(1_000)..<2_000
        let second = (2_000 + release)..<(4_000 + release)
        let seen = Self.presses([first, second], to: 6_000, every: 1)
        #expect(seen.presses.count == (release >= 200 ? 2 : 1))
    }

    @Test("pressed at boot it is stuck until it is released, and that release is no press")
    func stuckAtBoot() {
        let seen = Self.presses([0..<3_000, 4_000..<6_000], to: 8_000)
        #expect(seen.stuckAt.first == 0)
        #expect(seen.stuckAt.last == 2_900)
        #expect(seen.presses == [ResetButton.Press(began: at(4_000), length: ms(2_000))])
    }

    @Test("held for 10 s it is stuck until it is released, and that release is no press")
    func stuckWhenHeld() {
        let seen = Self.presses([1_000..<12_000, 13_000..<15_000], to: 20_000)
        #expect(seen.stuckAt.first == 11_000)
        #expect(seen.stuckAt.last == 11_900)
        #expect(seen.presses == [ResetButton.Press(began: at(13_000), length: ms(2_000))])
    }

    @Test("a button that is not fitted is never pressed")
    func notFitted() {
        var button = ResetButton()
        for time in 0..<100 {
            let press = button.step(.notFitted, now: at(Int64(time) * 100))
            #expect(press == nil)
        }
        #expect(!button.isStuck)
    }

    @Test("five resets count for 900 000 ms each")
    func countsResets() {
        var history = ResetHistory()
        for index in 0..<5 {
            #expect(history.count(at(400_000)) == UInt8(index))
            history.note(at(Int64(index) * 100_000))
        }
        #expect(history.count(at(899_999)) == 5)
        #expect(history.count(at(900_000)) == 4)
        #expect(history.count(at(1_299_999)) == 1)
        #expect(history.count(at(1_300_000)) == 0)
    }

    @Test(
        "resets of earlier runs count as made at boot",
        arguments: [
            (UInt8(0), UInt8(0)), (4, 4), (5, 5), (200, 5),
        ])
    func countsEarlier(row: (earlier: UInt8, counted: UInt8)) {
        var history = ResetHistory()
        history.begin(earlier: row.earlier, now: at(1_000))
        #expect(history.count(at(900_999)) == row.counted)
        #expect(history.count(at(901_000)) == 0)
    }
}
