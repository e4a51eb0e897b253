import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// §7.2's table for gas, row by row, at the ticks that §8 gives.
@Suite("Heating job, gas")
struct HeatingJobTests {
    typealias Script = [(Int64, @Sendable (JobBench) -> Void)]

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let script: Script
        let end: Int64
        /// The states entered after the first three, PRECHECK 0, PRECIRC 1 000, PREPURGE 11 000.
        let log: [String]
        let alarms: [UInt16]
        var parameters: @Sendable (inout HeatingParameters) -> Void = { _ in }
    }

    static let begin = ["check 0", "circulate 1000", "purge 11000"]
    static let toRun = ["ignite 26000", "stabilise 27000", "heat 30000"]

    static func flame(_ isOn: Bool?) -> @Sendable (JobBench) -> Void {
        { $0.forcedFlame = isOn }
    }
    static let demandOff: @Sendable (JobBench) -> Void = { $0.demand(false) }

    static let rows: [Row] = [
        Row(
            testDescription: "T01 nominal", script: [], end: 421_000,
            log: toRun + ["close 390200", "circulate 390600", "complete 420200", "standby 420300"],
            alarms: [1, 2]),
        Row(
            testDescription: "T02 no flame ever", script: [(0, flame(false))], end: 63_000,
            log: ["ignite 26000", "retry 29000", "ignite 59000", "lockout 62000"],
            alarms: [1, 203, 204]),
        Row(
            testDescription: "T03 late flame", script: [(0, flame(false)), (28_600, flame(true))],
            end: 32_000, log: ["ignite 26000", "stabilise 28800", "heat 31800"], alarms: [1]),
        Row(
            testDescription: "T04 flame at the end of the safety time passes before it times out",
            script: [(0, flame(false)), (28_800, flame(true))], end: 33_000,
            log: ["ignite 26000", "stabilise 29000", "heat 32000"], alarms: [1]),
        Row(
            testDescription: "T05 flame too late",
            script: [(0, flame(false)), (29_000, flame(true)), (29_100, flame(nil))],
            end: 30_000, log: ["ignite 26000", "retry 29000"], alarms: [1, 203]),
        Row(
            testDescription: "one trial of one", script: [(0, flame(false))], end: 30_000,
            log: ["ignite 26000", "lockout 29000"], alarms: [1, 204],
            parameters: { $0.trials = 1 }),
        Row(
            testDescription: "three trials of three", script: [(0, flame(false))], end: 100_000,
            log: [
                "ignite 26000", "retry 29000", "ignite 59000", "retry 62000", "ignite 92000",
                "lockout 95000",
            ], alarms: [1, 203, 203, 204], parameters: { $0.trials = 3 }),
        Row(
            testDescription: "flame lost while it stabilises is a failed trial",
            script: [(28_000, flame(false)), (28_500, flame(nil))], end: 29_000,
            log: ["ignite 26000", "stabilise 27000", "retry 28200"], alarms: [1, 203]),
        Row(
            testDescription: "T06 flame loss once",
            script: [(100_050, flame(false)), (110_000, flame(nil))], end: 140_000,
            log: toRun + [
                "retry 100400", "ignite 130400", "stabilise 131400", "heat 134400",
            ], alarms: [1, 205]),
        Row(
            testDescription: "T10 second loss",
            script: [
                (100_050, flame(false)), (110_000, flame(nil)), (200_050, flame(false)),
            ], end: 201_000,
            log: toRun + [
                "retry 100400", "ignite 130400", "stabilise 131400", "heat 134400",
                "lockout 200400",
            ], alarms: [1, 205, 206]),
        Row(
            testDescription: "after a recycle there is one trial",
            script: [(100_050, flame(false))], end: 140_000,
            log: toRun + ["retry 100400", "ignite 130400", "lockout 133400"],
            alarms: [1, 205, 204]),
        Row(
            testDescription: "no recycles: the first loss locks out",
            script: [(100_050, flame(false))], end: 101_000, log: toRun + ["lockout 100400"],
            alarms: [1, 206], parameters: { $0.recycles = 0 }),
        Row(
            testDescription: "T07 no rise", script: [(0, { $0.heatingRate = 0 })], end: 211_000,
            log: toRun + ["lockout 210000"], alarms: [1, 201]),
        Row(
            testDescription: "T08 stall after the first degree",
            script: [(0, { $0.heatingRate = 0 }), (200_000, { $0.node.temperature = 21_000 })],
            end: 381_000, log: toRun + ["lockout 380000"], alarms: [1, 201]),
        Row(
            testDescription: "a rise of less than noRiseGain is none",
            script: [(0, { $0.heatingRate = 0 }), (200_000, { $0.node.temperature = 20_999 })],
            end: 211_000, log: toRun + ["lockout 210000"], alarms: [1, 201]),
        Row(
            testDescription: "T13 a silent node holds, and its return retries",
            script: [(100_200, { $0.isSilent = true }), (105_000, { $0.isSilent = false })],
            end: 136_000,
            log: toRun + ["hold 101000", "retry 105400", "ignite 135400"],
            alarms: [1, 301]),
        Row(
            testDescription: "a hold ends for ever, too",
            script: [(100_200, { $0.isSilent = true })],
            end: 122_000, log: toRun + ["hold 101000", "lockout 121000"],
            alarms: [1, 301, 302]),
        Row(
            testDescription: "a step of the temperature holds",
            script: [(100_200, { $0.node.temperature += 8_000 })], end: 103_000,
            log: toRun + ["hold 101000", "retry 101600"], alarms: [1, 301]),
        Row(
            testDescription: "T18 flow lost", script: [(80_000, { $0.node.flow = 0 })],
            end: 111_000,
            log: toRun + ["close 80400", "circulate 80800", "failed 110400", "standby 110500"],
            alarms: [1, 209]),
        Row(
            testDescription: "two samples below the flow are not three",
            script: [
                (80_000, { $0.node.flow = 980 }), (80_400, { $0.node.flow = 1_000 }),
            ], end: 90_000, log: toRun, alarms: [1]),
        Row(
            testDescription: "T19 maximum run time", script: [(0, { $0.heatingRate = 10 })],
            end: 1_830_100, log: toRun + ["close 1830000"], alarms: [1, 207],
            parameters: { $0.maxRun = ms(1_800_000) }),
        Row(
            testDescription: "T20 demand removed in the trial", script: [(26_500, demandOff)],
            end: 57_000,
            log: [
                "ignite 26000", "close 26500", "circulate 26600", "complete 56500", "standby 56600",
            ],
            alarms: [1]),
        Row(
            testDescription: "demand removed in PREPURGE", script: [(20_000, demandOff)],
            end: 21_000, log: ["circulate 20000", "complete 20100", "standby 20200"], alarms: [1]),
        Row(
            testDescription: "demand removed in STABILISE", script: [(28_000, demandOff)],
            end: 28_100, log: ["ignite 26000", "stabilise 27000", "close 28000"], alarms: [1]),
        Row(
            testDescription: "demand removed in RUN", script: [(50_000, demandOff)], end: 50_100,
            log: toRun + ["close 50000"], alarms: [1]),
        Row(
            testDescription: "demand removed in HOLD",
            script: [(100_200, { $0.isSilent = true }), (102_000, demandOff)], end: 132_000,
            log: toRun + ["hold 101000", "circulate 102000", "complete 131000", "standby 131100"],
            alarms: [1, 301]),
        Row(
            testDescription: "demand removed in RETRY",
            script: [(100_050, flame(false)), (110_000, demandOff)], end: 131_000,
            log: toRun + ["retry 100400", "circulate 110000", "complete 130400", "standby 130500"],
            alarms: [1, 205]),
        Row(
            testDescription: "a flame signal that is stale in the trial holds",
            script: [(26_200, { $0.isSilent = true })], end: 27_100,
            log: ["ignite 26000", "hold 27000"], alarms: [1, 301]),
        // Priorities: in one tick the row that stands higher in the table wins.
        Row(
            testDescription: "RUN: stale before demand gone",
            script: [(100_200, { $0.isSilent = true }), (101_000, demandOff)], end: 101_000,
            log: toRun + ["hold 101000"], alarms: [1, 301]),
        Row(
            testDescription: "RUN: flame off before demand gone",
            script: [(100_050, flame(false)), (100_400, demandOff)], end: 100_400,
            log: toRun + ["retry 100400"], alarms: [1, 205]),
        Row(
            testDescription: "RUN: demand gone before flow lost",
            script: [(80_000, { $0.node.flow = 0 }), (80_400, demandOff)], end: 80_400,
            log: toRun + ["close 80400"], alarms: [1]),
        Row(
            testDescription: "RUN: flow lost before target reached",
            script: [
                (80_000, { $0.node.flow = 0 }), (80_200, { $0.job.setTarget(20_000) }),
            ], end: 80_400, log: toRun + ["close 80400"], alarms: [1, 209]),
        Row(
            testDescription: "RUN: target reached before maximum run time",
            script: [
                (40_000, { $0.job.setTarget(5_000) })
            ], end: 40_200, log: toRun + ["close 40200"], alarms: [1],
            parameters: { $0.maxRun = ms(10_200) }),
        Row(
            testDescription: "IGNITE: demand gone before flame on", script: [(27_000, demandOff)],
            end: 27_000, log: ["ignite 26000", "close 27000"], alarms: [1]),
    ]

    @Test("the job goes its way", arguments: rows)
    func goes(row: Row) {
        let bench = JobBench(.gas, row.parameters)
        bench.demand(true)
        bench.run(row.script, to: row.end)
        #expect(bench.log == Self.begin + row.log)
        #expect(bench.numbers == row.alarms)
    }

    @Test("T01 and T02: relays change at the ticks of the specification")
    func switchesRelays() {
        let nominal = JobBench()
        nominal.demand(true)
        nominal.run(to: 421_000)
        #expect(
            nominal.relayLog == [
                "pump on 1000", "valve on 26000", "spark on 26000", "spark off 27000",
                "valve off 390200", "pump off 420200",
            ])
        let noFlame = JobBench()
        noFlame.forcedFlame = false
        noFlame.demand(true)
        noFlame.run(to: 63_000)
        #expect(
            noFlame.relayLog == [
                "pump on 1000", "valve on 26000", "spark on 26000", "spark off 28000",
                "valve off 29000", "valve on 59000", "spark on 59000", "spark off 61000",
                "pump off 62000", "valve off 62000",
            ])
    }
}
