import Control
import Events
import RelayBoard
import Units
import Wire

// The words of a scenario file. Those of the core are Wire's, so that a scenario, a trace and an
// event call a thing by one name; signals have the names that they have in site.json.

enum Words {
    static let signals: [(String, SignalID)] = (0..<UInt8(SignalID.count)).compactMap { row in
        SignalID(rawValue: row).map { (inCamelCase($0.name), $0) }
    }

    private static func inCamelCase(_ name: String) -> String {
        let parts = name.split(separator: "_")
        return parts[0]
            + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }
            .joined()
    }

    static let alarms: [(String, AlarmCode)] = (0..<UInt8(AlarmCode.count)).compactMap { row in
        AlarmCode(rawValue: row).map { ($0.name, $0) }
    }

    static let relays: [(String, RelayMask)] = standardRelayNames.prefix(7).enumerated().map {
        ($0.element, RelayMask(rawValue: 1 << UInt8($0.offset)))
    }

    static let requesters: [(String, Requester)] = [
        Requester.site, .technician, .admin, .cluster, .schedule, .scenario,
    ].map { ($0.name, $0) }

    static let interlockStates: [(String, InterlockState)] = [
        InterlockState.open, .closing, .closed, .opening, .tripped,
    ].map { ($0.name, $0) }

    static let alarmChanges: [(String, AlarmChange)] = [
        AlarmChange.raised, .acknowledged, .returned, .cleared, .latched, .reset, .shelved,
        .unshelved, .suppressed, .unsuppressed, .outOfService, .inService,
    ].map { ($0.name, $0) }

    static let refusals: [(String, HeatingRefusal)] = [
        HeatingRefusal.fatalAlarm, .errorAlarm, .flameInStandby, .gasSensorNotReady,
        .sensorsDisagree, .selfCheckRunning, .selfCheckFailed, .jobRunning, .alreadyHot,
    ].map { ($0.name, $0) }

    static let resetRefusals: [(String, ResetRefusal)] = [
        ResetRefusal.notLocal, .noLockout, .tooSoon, .conditionHolds, .powerStillPresent,
        .tooMany, .pressTooShort, .pressTooLong, .boardRefused,
        .selfCheckTimedOut, .selfCheckFailed,
    ].map { ($0.name, $0) }

    static let quantities: [(String, PlantQuantity)] = [
        ("waterTemperature", .waterTemperature), ("heatingRate", .heatingRate),
        ("coolingRate", .coolingRate), ("flow", .flow), ("level", .level), ("gas", .gas),
        ("gasReady", .gasReady), ("ambientTemperature", .ambientTemperature),
        ("ambientHumidity", .ambientHumidity), ("flameDelay", .flameDelay),
        ("burnerDelay", .burnerDelay), ("burnerLockout", .burnerLockout),
    ]

    static let flames: [(String, FlameMode)] = [
        ("normal", .normal), ("never", .never), ("stuck", .stuck),
    ]

    static let busStates: [(String, CANBusState)] = [
        ("active", .active), ("passive", .passive), ("busOff", .busOff), ("down", .down),
    ]

    static let copies: [(String, LockoutCopyName)] = [
        ("first", .first), ("second", .second), ("both", .both),
    ]

    static let copyFaults: [(String, SimulatedStorage.Fault)] = [
        ("damaged", .damaged), ("empty", .empty), ("readOnly", .readOnly), ("healthy", .healthy),
    ]

    static let resetCauses: [(String, BoardResetCause)] = [
        ("powerOn", .powerOn), ("watchdog", .watchdog), ("forced", .forced),
    ]

    static let tripCauses: [(String, TripCause)] = [
        ("none", .none), ("host", .host), ("leaseWithHeat", .leaseWithHeat),
        ("unproven", .unproven), ("heatTooLong", .heatTooLong), ("readBack", .readBack),
        ("watchdog", .watchdog), ("selfTest", .selfTest),
    ]

    static let writeRefusals: [(String, WriteRefusal)] = [
        ("none", .none), ("unknownRegister", .unknownRegister), ("wrongLength", .wrongLength),
        ("wrongKey", .wrongKey), ("notArmed", .notArmed), ("tripped", .tripped),
        ("repeatedHeartbeat", .repeatedHeartbeat), ("forbiddenMask", .forbiddenMask),
        ("leaseOutOfRange", .leaseOutOfRange), ("sparkResting", .sparkResting),
        ("heatResting", .heatResting), ("noLocalReset", .noLocalReset),
        ("selfTestFailed", .selfTestFailed),
    ]

    static func name<Choice: Equatable>(
        of choice: Choice, in choices: [(String, Choice)]
    ) -> String {
        choices.first { $0.1 == choice }?.0 ?? "?"
    }
}

extension [RelayMask] {
    var union: RelayMask { reduce(.none) { $0.union($1) } }
}
