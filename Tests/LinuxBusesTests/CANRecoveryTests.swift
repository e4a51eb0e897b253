import Testing
import Units

@testable import LinuxBuses

@Suite("CAN recovery")
struct CANRecoveryTests {
    static let rate: UInt32 = 500_000
    static let well = CANLinkReport(index: 3, controller: .active, bitrate: rate)
    static let busOff = CANLinkReport(index: 3, controller: .busOff, bitrate: rate)

    /// Looks every 10 ms and tells when something was done.
    static func attempts(
        _ recovery: inout CANRecovery, _ report: CANLinkReport, from start: Int64, to end: Int64
    ) -> [Int64] {
        var times: [Int64] = []
        for time in stride(from: start, through: end, by: 10)
        where recovery.action(for: report, now: Instant(time)) != .wait {
            times.append(time)
        }
        return times
    }

    struct Remedy: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let report: CANLinkReport
        let action: CANRecovery.Action
        let state: CANBusState
    }

    static let remedies: [Remedy] = [
        Remedy(
            testDescription: "bus-off is restarted", report: busOff, action: .restart,
            state: .busOff),
        Remedy(
            testDescription: "where the kernel's timer is on, the link is set up anew",
            report: CANLinkReport(
                index: 3, controller: .busOff, bitrate: rate, kernelRestart: 100),
            action: .configure, state: .busOff),
        Remedy(
            testDescription: "a link that is down is set up",
            report: CANLinkReport(index: 3, isUp: false, controller: .stopped),
            action: .configure, state: .down),
        Remedy(
            testDescription: "a virtual link that is down too",
            report: CANLinkReport(index: 3, isUp: false), action: .configure, state: .down),
        Remedy(
            testDescription: "another bit rate is put right",
            report: CANLinkReport(index: 3, controller: .active, bitrate: 250_000),
            action: .configure, state: .active),
        Remedy(
            testDescription: "an interface that is not there is waited for",
            report: CANLinkReport(index: 0, isUp: false), action: .wait, state: .down),
        Remedy(
            testDescription: "error-passive mends itself",
            report: CANLinkReport(index: 3, controller: .passive, bitrate: rate), action: .wait,
            state: .passive),
        Remedy(
            testDescription: "a link that is well is left alone", report: well, action: .wait,
            state: .active),
        Remedy(
            testDescription: "a virtual link is well without state and rate",
            report: CANLinkReport(index: 3), action: .wait, state: .active),
    ]

    @Test("each fault has its remedy", arguments: remedies)
    func remedy(row: Remedy) {
        var recovery = CANRecovery(bitrate: Self.rate)
        #expect(recovery.action(for: row.report, now: Instant(0)) == .wait)
        #expect(recovery.action(for: row.report, now: Instant(199)) == .wait)
        #expect(recovery.action(for: row.report, now: Instant(200)) == row.action)
        #expect(row.report.state == row.state)
    }

    @Test("waits 200 ms, then twice as long each time, and 10 s at most")
    func backsOff() {
        var recovery = CANRecovery(bitrate: Self.rate)
        let times = Self.attempts(&recovery, Self.busOff, from: 0, to: 60_000)
        #expect(
            times == [200, 600, 1_400, 3_000, 6_200, 12_600, 22_600, 32_600, 42_600, 52_600])
    }

    @Test("a restart that lasts less than 30 s does not bring the short delay back")
    func shortLived() {
        var recovery = CANRecovery(bitrate: Self.rate)
        #expect(Self.attempts(&recovery, Self.busOff, from: 0, to: 200) == [200])
        #expect(Self.attempts(&recovery, Self.well, from: 300, to: 30_200) == [])
        #expect(Self.attempts(&recovery, Self.busOff, from: 30_210, to: 30_700) == [30_610])
    }

    @Test("after 30 s without a fault the next one starts anew")
    func startsAnew() {
        var recovery = CANRecovery(bitrate: Self.rate)
        #expect(Self.attempts(&recovery, Self.busOff, from: 0, to: 200) == [200])
        #expect(Self.attempts(&recovery, Self.well, from: 300, to: 30_300) == [])
        #expect(Self.attempts(&recovery, Self.busOff, from: 30_310, to: 30_700) == [30_510])
    }

    @Test("an interface that is gone does not count as well")
    func goneIsNotWell() {
        var recovery = CANRecovery(bitrate: Self.rate)
        #expect(Self.attempts(&recovery, Self.busOff, from: 0, to: 600) == [200, 600])
        let gone = CANLinkReport(index: 0, isUp: false)
        #expect(Self.attempts(&recovery, gone, from: 700, to: 60_000) == [])
        #expect(Self.attempts(&recovery, Self.busOff, from: 60_010, to: 61_000) == [60_810])
    }
}

@Suite("Memory of the controller")
struct ControllerMemoryTests {
    static let virtual = CANLinkReport(index: 3)
    static let gone = CANLinkReport(index: 0, isUp: false)

    @Test("a virtual interface is asked for its controller once in 10 s")
    func virtualInterface() {
        var memory = ControllerMemory()
        #expect(memory.asks(at: Instant(0)))
        #expect(memory.judge(Self.virtual, wasAsked: true, at: Instant(0)) == Self.virtual)
        #expect(!memory.asks(at: Instant(9_999)))
        #expect(memory.judge(Self.virtual, wasAsked: false, at: Instant(9_999)) == Self.virtual)
        #expect(memory.asks(at: Instant(10_000)))
    }

    @Test("a controller is asked each time, and its silence is no news")
    func silence() {
        var memory = ControllerMemory()
        #expect(
            memory.judge(CANRecoveryTests.busOff, wasAsked: true, at: Instant(0))
                == CANRecoveryTests.busOff)
        #expect(memory.asks(at: Instant(100)))
        #expect(memory.judge(Self.virtual, wasAsked: true, at: Instant(100)) == nil)
        #expect(memory.asks(at: Instant(200)))
        #expect(
            memory.judge(CANRecoveryTests.well, wasAsked: true, at: Instant(200))
                == CANRecoveryTests.well)
    }

    @Test("an interface that came in another's place is asked at once")
    func another() {
        var memory = ControllerMemory()
        _ = memory.judge(Self.virtual, wasAsked: true, at: Instant(0))
        let other = CANLinkReport(index: 4)
        #expect(memory.judge(other, wasAsked: false, at: Instant(100)) == other)
        #expect(memory.asks(at: Instant(200)))
    }

    @Test("one that is gone is news, whatever it had")
    func isGone() {
        var memory = ControllerMemory()
        _ = memory.judge(CANRecoveryTests.well, wasAsked: true, at: Instant(0))
        #expect(memory.judge(Self.gone, wasAsked: true, at: Instant(100)) == Self.gone)
        #expect(memory.asks(at: Instant(200)))
    }
}

@Suite("Arrival of CAN frames")
struct CANArrivalsTests {
    /// A wall clock that is this far ahead of the monotonic one, in nanoseconds.
    static let ahead: Int64 = 1_700_000_000_000_000_000
    static let millisecond: Int64 = 1_000_000

    static func at(_ milliseconds: Int64) -> Int64 { milliseconds * millisecond }

    /// A reader that emptied the queue at 1 000 ms and reads again at 1 100 ms, with the wall clock
    /// moved by `step` nanoseconds in between.
    static func arrivals(step: Int64 = 0) -> CANArrivals {
        var arrivals = CANArrivals(start: at(0))
        arrivals.begin(monotonic: at(1_000), wall: at(1_000) + ahead)
        arrivals.noteEmpty()
        arrivals.begin(monotonic: at(1_100), wall: at(1_100) + ahead + step)
        return arrivals
    }

    @Test("a stamp is the moment of arrival")
    func stamp() {
        #expect(Self.arrivals().arrival(ofStamp: Self.at(1_050) + Self.ahead) == Self.at(1_050))
    }

    @Test("no frame arrived after it was read, or before the queue was empty")
    func bounds() {
        let arrivals = Self.arrivals()
        #expect(arrivals.arrival(ofStamp: Self.at(1_101) + Self.ahead) == Self.at(1_100))
        #expect(arrivals.arrival(ofStamp: Self.at(999) + Self.ahead) == Self.at(1_000))
        #expect(arrivals.arrival(ofStamp: 0) == Self.at(1_000), "a frame without a stamp")
    }

    @Test("slewing moves a frame by as little as the clock", arguments: [-4_999_999, 4_999_999])
    func slewing(step: Int64) {
        let arrival = Self.arrivals(step: step).arrival(ofStamp: Self.at(1_050) + Self.ahead)
        #expect(arrival == Self.at(1_050) - step)
    }

    @Test(
        "where the wall clock was stepped, every frame is as old as it can be",
        arguments: [-5_000_000, 5_000_000, -ahead, 3_600_000_000_000])
    func step(step: Int64) {
        let arrivals = Self.arrivals(step: step)
        for wall in [Self.at(1_050) + Self.ahead, Self.at(1_090) + Self.ahead + step] {
            #expect(arrivals.arrival(ofStamp: wall) == Self.at(1_000))
        }
    }

    @Test("the tick after a step believes the stamps again, but for frames left in the queue")
    func afterTheStep() {
        let step: Int64 = 3_600_000_000_000
        var arrivals = Self.arrivals(step: step)
        arrivals.noteEmpty()
        arrivals.begin(monotonic: Self.at(1_200), wall: Self.at(1_200) + Self.ahead + step)
        #expect(
            arrivals.arrival(ofStamp: Self.at(1_150) + Self.ahead + step) == Self.at(1_150))
    }

    @Test(
        "what a step left in the queue stays as old as it can be",
        arguments: [-3_600_000_000_000, 3_600_000_000_000])
    func leftInTheQueue(step: Int64) {
        var arrivals = Self.arrivals(step: step)
        arrivals.begin(monotonic: Self.at(1_200), wall: Self.at(1_200) + Self.ahead + step)
        let before = arrivals.arrival(ofStamp: Self.at(1_020) + Self.ahead)
        #expect(before == Self.at(1_000), "not the present, which its stamp seems to say")
        arrivals.noteEmpty()
        arrivals.begin(monotonic: Self.at(1_300), wall: Self.at(1_300) + Self.ahead + step)
        #expect(
            arrivals.arrival(ofStamp: Self.at(1_250) + Self.ahead + step) == Self.at(1_250))
    }

    @Test("a queue that was not emptied keeps its older bound")
    func notEmptied() {
        var arrivals = Self.arrivals()
        arrivals.begin(monotonic: Self.at(1_200), wall: Self.at(1_200) + Self.ahead)
        #expect(arrivals.arrival(ofStamp: Self.at(1_020) + Self.ahead) == Self.at(1_020))
        arrivals.noteEmpty()
        arrivals.begin(monotonic: Self.at(1_300), wall: Self.at(1_300) + Self.ahead)
        #expect(arrivals.arrival(ofStamp: Self.at(1_020) + Self.ahead) == Self.at(1_200))
    }
}
