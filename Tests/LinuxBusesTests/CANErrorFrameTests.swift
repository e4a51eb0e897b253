@testable import LinuxBuses
import Testing
import Units

/// Error frames as the kernel's drivers make them. The numbers are those of linux/can/error.h: they
/// are a contract between kernel and programs, and so written out here.
@Suite("CAN error frame")
struct CANErrorFrameTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let identifier: UInt32
        let controller: UInt8
        let state: CANBusState?
        var hasOverflowed = false
    }

    static let rows: [Row] = [
        Row(testDescription: "bus-off", identifier: 0x40, controller: 0, state: .busOff),
        Row(testDescription: "restarted", identifier: 0x100, controller: 0, state: .active),
        Row(
            testDescription: "restarted and off again at once", identifier: 0x140, controller: 0,
            state: .busOff),
        Row(
            testDescription: "receiver passive", identifier: 0x04, controller: 0x10,
            state: .passive),
        Row(
            testDescription: "transmitter passive", identifier: 0x04, controller: 0x20,
            state: .passive),
        Row(
            testDescription: "passive while its counters come along", identifier: 0x204,
            controller: 0x30, state: .passive),
        Row(
            testDescription: "receiver at the warning level", identifier: 0x04, controller: 0x04,
            state: .active),
        Row(
            testDescription: "transmitter at the warning level", identifier: 0x04,
            controller: 0x08, state: .active),
        Row(
            testDescription: "one side passive, the other at the warning level", identifier: 0x04,
            controller: 0x18, state: .passive),
        Row(
            testDescription: "active again", identifier: 0x04, controller: 0x40, state: .active),
        Row(
            testDescription: "buffer overflow says nothing of the state", identifier: 0x04,
            controller: 0x01, state: nil, hasOverflowed: true),
        Row(
            testDescription: "transmit overflow is none of ours", identifier: 0x04,
            controller: 0x02, state: nil),
        Row(
            testDescription: "overflow and passive at once", identifier: 0x04, controller: 0x11,
            state: .passive, hasOverflowed: true),
        Row(
            testDescription: "byte 1 means nothing without its flag", identifier: 0x02,
            controller: 0x31, state: nil),
        Row(testDescription: "a bus error", identifier: 0x88, controller: 0, state: nil),
        Row(testDescription: "no acknowledge", identifier: 0x20, controller: 0, state: nil),
    ]

    @Test("tells the state", arguments: rows)
    func tellsTheState(row: Row) {
        // Byte 1 alone; the bytes around it hold what must not be looked at.
        let payload = UInt64(row.controller) << 8 | 0xFFFF_FFFF_FFFF_00FF
        let frame = CANErrorFrame(identifier: row.identifier, payload: payload)
        #expect(frame.state == row.state)
        #expect(frame.hasOverflowed == row.hasOverflowed)
    }
}

@Suite("State of the CAN interface")
struct CANStateTrackerTests {
    static let busOff = CANErrorFrame(identifier: 0x40, payload: 0)
    static let restarted = CANErrorFrame(identifier: 0x100, payload: 0)
    static let lostArbitration = CANErrorFrame(identifier: 0x02, payload: 0)

    @Test("is down until somebody has seen it")
    func beginsDown() {
        #expect(CANStateTracker().state == .down)
    }

    @Test("bus-off holds at once, and until a report asked for after it")
    func busOffHolds() {
        var tracker = CANStateTracker()
        tracker.note(.active, askedAt: Instant(1_000))
        #expect(tracker.state == .active)
        tracker.note(Self.busOff, at: Instant(2_000))
        #expect(tracker.state == .busOff)
        tracker.note(.active, askedAt: Instant(1_999))
        #expect(tracker.state == .busOff)
        tracker.note(.active, askedAt: Instant(2_000))
        #expect(tracker.state == .busOff)
        tracker.note(.active, askedAt: Instant(2_001))
        #expect(tracker.state == .active)
    }

    @Test("a restart is believed from the error frame too")
    func restartIsBelieved() {
        var tracker = CANStateTracker()
        tracker.note(Self.busOff, at: Instant(0))
        tracker.note(Self.restarted, at: Instant(100))
        #expect(tracker.state == .active)
    }

    @Test("an error frame about something else changes nothing, and delays no report")
    func otherFrames() {
        var tracker = CANStateTracker()
        tracker.note(.passive, askedAt: Instant(0))
        tracker.note(Self.lostArbitration, at: Instant(100))
        #expect(tracker.state == .passive)
        tracker.note(.active, askedAt: Instant(50))
        #expect(tracker.state == .active)
    }

    @Test("an interface that goes away under the socket is down until a later report")
    func goesDown() {
        var tracker = CANStateTracker()
        tracker.note(.active, askedAt: Instant(0))
        tracker.noteDown(at: Instant(100))
        #expect(tracker.state == .down)
        tracker.note(.active, askedAt: Instant(100))
        #expect(tracker.state == .down)
        tracker.note(.active, askedAt: Instant(101))
        #expect(tracker.state == .active)
    }

    @Test("the news keep state and time apart", arguments: [0, 1, 15, 16, 1 << 40] as [Int64])
    func news(time: Int64) throws {
        let news = CANLinkNews()
        #expect(news.latest == nil)
        for state in [CANBusState.active, .passive, .busOff, .down] {
            news.post(state, askedAt: Instant(time))
            let latest = try #require(news.latest)
            #expect(latest.state == state)
            #expect(latest.askedAt == Instant(time))
        }
    }
}
