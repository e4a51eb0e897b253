import Control
import Events
import JSON
import RelayBoard
import Testing
import Units

@testable import LocalAPI

/// What `busbar why CODE` tells of an alarm: what was measured, in words, and of one that does not
/// stand what it means and what to do when it comes.
@Suite("Words about an alarm")
struct AlarmWordsTests {
    private static func state(_ change: (inout Snapshot) -> Void) -> StateJSON {
        let device = FakeDevice()
        device.snapshot.now = Instant(60_000)
        change(&device.snapshot)
        return StateJSON(
            description: device.description, snapshot: device.snapshot, shell: ShellReport())
    }

    private static func chain(
        _ code: AlarmCode, _ change: (inout AlarmView) -> Void
    ) -> [String] {
        let state = state { change(&$0.alarms[Int(code.rawValue)]) }
        let answer = AlarmReason(state: state, code: code).answer
        return (answer["chain"]?.array ?? []).compactMap(\.string)
    }

    /// The sentence about what was measured: the second of an alarm that stands. Nil if there is
    /// none, so that its cause follows at once.
    private static func measured(_ code: AlarmCode, _ value: Int32, _ limit: Int32) -> String? {
        let chain = chain(code) { view in
            view.state = .unacknowledged
            view.raisedAt = Instant(50_000)
            view.count = 1
            view.value = value
            view.limit = limit
        }
        return chain.count > 1 && chain[1] != "Its cause is still there." ? chain[1] : nil
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let code: AlarmCode
        let value: Int32
        let limit: Int32
        let sentence: String?

        init(_ code: AlarmCode, _ value: Int32, _ limit: Int32, _ sentence: String?) {
            testDescription = "\(code.name), \(value) and \(limit)"
            self.code = code
            self.value = value
            self.limit = limit
            self.sentence = sentence
        }
    }

    static let quantities = [
        Row(.overTemperatureJob, 48_000, 43_000, "Measured 48.0 °C, limit 43.0 °C."),
        Row(.overTemperatureSite, 70_000, 70_000, "Measured 70.0 °C, limit 70.0 °C."),
        Row(.tankEmptyJob, 40, 50, "Measured 4.0 %, limit 5.0 %."),
        Row(.tankEmptyIdle, 40, 50, "Measured 4.0 %, limit 5.0 %."),
        Row(.uncommandedHeating, 5_000, 5_000, "Measured a rise of 5.0 °C, limit 5.0 °C."),
        Row(.runawayRate, 12_500, 10_000, "Measured a rise of 12.5 °C, limit 10.0 °C."),
        Row(
            .noTemperatureRise, 0, 1_000,
            "Measured a rise of 0.0 °C; at least 1.0 °C were expected."),
        Row(.sensorsDisagree, 6_000, 5_000, "Measured a difference of 6.0 °C, limit 5.0 °C."),
        Row(
            .requestOutOfRange, 65_000, 60_000,
            "Asked for 65.0 °C; this site allows 5.0 °C to 60.0 °C."),
        Row(.signalStale, 2_100, 2_000, "The oldest safety signal was 2.1 s old, limit 2.0 s."),
        Row(.signalStale, 1_000, 0, "The oldest safety signal was 1.0 s old."),
        Row(.signalStale, .max, 2_000, "A safety signal has never come."),
        Row(
            .signalStaleFatal, 10_000, 10_000,
            "The oldest safety signal was 10.0 s old, limit 10.0 s."),
        Row(.busSilent, 3_000, 0, "No frame came for 3.0 s."),
        Row(
            .tickOverrun, 300, 250,
            "A control cycle began 300 ms after the one before it, limit 250 ms."),
        Row(.flameSimulation, 1_200, 1_000, "A flame was seen for 1.2 s, limit 1.0 s."),
        Row(.flameInStandby, 1_200, 1_000, "A flame was seen for 1.2 s, limit 1.0 s."),
        Row(
            .flameAfterClose, 5_000, 5_000,
            "A flame was still seen 5.0 s after the valve was closed, limit 5.0 s."),
    ]

    static let ofTheJob = [
        Row(.ignitionFailed, 3_000, 0, "It came 3.0 s after its step of the job began."),
        Row(.flameSimulation, 15_000, 0, "It came 15.0 s after its step of the job began."),
        Row(.flameAfterClose, 30_000, 0, "It came 30.0 s after its step of the job began."),
        Row(.noFlowAtStart, 5_000, 0, "It came 5.0 s after its step of the job began."),
        Row(.flowLost, 5_000, 0, "It came 5.0 s after its step of the job began."),
        Row(.maximumRunTime, 1_800_000, 0, "It came 30 min 00 s after its step of the job began."),
        Row(.noTemperatureRise, 0, 0, nil),
        Row(.trialFailed, 1, 0, "Trials left in this job: 1."),
        Row(.flameLostRecycle, 0, 0, "Restarts left in this job: 0."),
    ]

    static let ofTheBoard = [
        Row(.boardLost, 3, 3, "3 exchanges with the board failed in a row; from 3 on it is lost."),
        Row(
            .leaseExpired, Int32(TripCause.leaseWithHeat.rawValue), 0,
            "The board's lease ran out with a heat relay on, and the board tripped."),
        Row(
            .leaseExpired, 0, 0,
            "The board's lease ran out while the power was closed and no heat relay was on."),
        Row(.boardRestarted, 5, 4, "The board's count of its starts went from 4 to 5."),
        Row(.boardRestarted, 0, 255, "The board's count of its starts went from 255 to 0."),
        Row(.boardRestarted, 0, 0, "The board was not armed any more, and had not tripped."),
        Row(
            .powerContact, 1, 500,
            "K1 was told to open, and the power sense still saw the supply after 0.5 s."),
        Row(
            .powerContact, 2, 500,
            "K2 was told to open, and the power sense still saw the supply after 0.5 s."),
        Row(
            .powerContact, 0, 500,
            "The power sense did not agree with K1 and K2; 0.5 s are allowed."),
        Row(
            .powerContact, 0, 0,
            "The self-check saw the supply behind K1 and K2, which were both open."),
        Row(.readBackMismatch, 3, 1, "The board reads back on: power, pump. Commanded on: power."),
        Row(.readBackMismatch, 0, 2, "The board reads back on: none. Commanded on: pump."),
        Row(.readBackMismatch, 0x80, 0, "The board reads back on: relay7. Commanded on: none."),
        Row(
            .selfCheckFailed, 6, 0,
            "Its step 6, lease, failed: the relay board could not be armed, or kept or ended its "
                + "lease wrongly."),
        Row(
            .selfCheckFailed, 3, 0,
            "Its step 3, identity, failed: the relay board's kind, version or own test is not what "
                + "this busbard needs."),
        Row(
            .selfCheckFailed, 4, 0,
            "Its step 4, outputs, failed: the relay board did not say that all its relays are off."
        ),
        Row(
            .selfCheckFailed, 5, 0,
            "Its step 5, clock, failed: the relay board's clock is more than 2 % from the Pi's."),
        Row(
            .selfCheckFailed, 7, 0,
            "Its step 7, permit, failed: K2 did not close, or not drop out 200 to 400 ms after the "
                + "permit line's last edge."),
        Row(
            .selfCheckFailed, 0, 0,
            "Which step failed is the last selfcheck.entered before \"failed\" in: busbar events "
                + "list"
        ),
    ]

    static let trips: [(TripCause, String)] = [
        (.host, "The board's trip cause: the controller told it to."),
        (.leaseWithHeat, "The board's trip cause: its lease ran out with a heat relay on."),
        (.unproven, "The board's trip cause: heat was on for too long without proof."),
        (.heatTooLong, "The board's trip cause: heat was on for longer than the board allows."),
        (.readBack, "The board's trip cause: an output read back other than it was driven."),
        (.watchdog, "The board's trip cause: its own watchdog restarted it too often."),
        (.selfTest, "The board's trip cause: a self-test failed while it worked."),
        (.none, "The board's trip cause: none that it knows."),
    ]

    /// They are found or not, and have no figure.
    static let withoutFigures: [AlarmCode] = [
        .gasLeak, .singleGasSample, .channelExcluded, .stepAdopted, .ambientLost, .emergencyStop,
        .uncleanStop, .journalUnwritable, .eventsLost, .lockoutCopyBad, .lockoutCopiesBad,
        .notRealTime, .buttonStuck, .peerRefused, .clusterForgery, .uplinkStalled,
        .clusterDisagrees, .configurationRejected,
    ]

    @Test(
        "what was measured is said in words or with its unit",
        arguments: quantities + ofTheJob + ofTheBoard)
    func measurement(row: Row) {
        #expect(Self.measured(row.code, row.value, row.limit) == row.sentence)
    }

    @Test("why the board tripped is said in words", arguments: trips)
    func tripCause(cause: TripCause, sentence: String) {
        #expect(Self.measured(.boardTripped, Int32(cause.rawValue), 0) == sentence)
    }

    @Test("a trip cause that this version does not know is told by its number")
    func unknownTripCause() {
        #expect(
            Self.measured(.boardTripped, 9, 0)
                == "The board's trip cause: number 9, which this version does not know.")
    }

    @Test("what has no figure shows none", arguments: withoutFigures)
    func noFigure(code: AlarmCode) {
        #expect(Self.measured(code, 1, 1) == nil)
    }

    // MARK: One that does not stand

    @Test("what does not stand tells that, what it means and what to do when it comes")
    func neverRaised() {
        #expect(
            Self.chain(.gasLeak) { _ in } == [
                "It does not stand now, and was not raised since the controller started. Earlier "
                    + "times: busbar alarms history --code E103",
                "It comes when the gas sensor reports gas in two samples in a row.",
                "The power is then cut at once, and stays cut until a reset at the site.",
                "When it comes: Leave the room, touch no switch, close the gas outside and call "
                    + "the gas emergency line.",
            ])
    }

    @Test(
        "when it was last raised is told, where this run knows it",
        arguments: [
            (1, Instant(50_000), "once since the controller started, 10.0 s ago, and is over."),
            (
                2, Instant(50_000),
                "2 times since the controller started, last 10.0 s ago, and is over."
            ),
            (1, Instant.never, "before the controller last started, and is over."),
        ])
    func raisedBefore(row: (count: UInt32, raisedAt: Instant, end: String)) {
        let chain = Self.chain(.maximumRunTime) {
            $0.count = row.count
            $0.raisedAt = row.raisedAt
        }
        #expect(chain.first == "It does not stand now. It was raised \(row.end)")
    }

    @Test(
        "what follows from an alarm is told by its severity",
        arguments: [
            (AlarmCode.jobStarted, "It is for the record only."),
            (.busSilent, "It locks nothing out, and is shown until it is over and acknowledged."),
            (.maximumRunTime, "Heating then ends, and none starts before its cause is gone."),
            (
                .boardLost,
                "The power is then cut at once, and stays cut until a reset at the site."
            ),
        ])
    func consequence(code: AlarmCode, sentence: String) {
        let chain = Self.chain(code) { _ in }
        #expect(chain.count == 4 && chain[2] == sentence, "\(chain)")
    }

    @Test("every alarm has a meaning of its own, and its advice is given for when it comes")
    func everyAlarm() {
        var meanings: Set<String> = []
        for code in AlarmCode.all {
            let chain = Self.chain(code) { _ in }
            #expect(chain.count == 4, "\(code.name): \(chain)")
            guard chain.count == 4 else { continue }
            #expect(chain[1].hasPrefix("It comes when "), "\(chain)")
            #expect(!chain[1].contains("its condition holds"), "\(code.name) has no meaning")
            #expect(chain[3] == "When it comes: \(alarmDefinition(code).advice)", "\(chain)")
            meanings.insert(chain[1])
        }
        #expect(meanings.count == AlarmCode.count)
    }
}
