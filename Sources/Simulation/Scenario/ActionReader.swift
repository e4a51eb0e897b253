import Control
import Events
import JSON
import RelayBoard
import Units

/// Reads actions from JSON: `{"at": 5000, "action": "force", "signal": "gas", "value": 1}`.
///
/// An action that lasts may say `until`; the reader then adds its undoing at that time. One that
/// does not last may say `everyMs` and `until`, and is then done again and again.
enum ActionReader {
    /// A day. Longer scenarios are not needed to see what a heater does.
    static let timeMax: Int64 = 86_400_000

    /// What is done, and what undoes it if something can.
    struct Reading {
        var does: WorldAction
        var undoes: WorldAction?

        init(_ does: WorldAction, undoneBy undoes: WorldAction? = nil) {
            self.does = does
            self.undoes = undoes
        }
    }

    /// The actions that one element of `do` stands for.
    static func read(
        _ value: JSONValue, file: String, at path: JSONPath
    ) throws(ScenarioError) -> [ScheduledAction] {
        var fields = try Fields(value, file: file, at: path)
        let at = try fields.int("at", 0...timeMax)
        let word = try fields.choice("action", words)
        let until = try fields.optionalInt("until", (at + 1)...(timeMax + 1))
        let every = try fields.optionalInt("everyMs", 1...60_000)
        let reading = try read(word, &fields)
        try fields.refuseUnknownKeys()
        if let every {
            guard let until else {
                throw fields.error("everyMs", "an action that repeats needs an until")
            }
            return stride(from: at, to: until, by: Int(every)).map {
                ScheduledAction(at: $0, reading.does)
            }
        }
        guard let until else { return [ScheduledAction(at: at, reading.does)] }
        guard let undoes = reading.undoes else {
            throw fields.error("until", "this action does not last; give it everyMs or no until")
        }
        return [ScheduledAction(at: at, reading.does), ScheduledAction(at: until, undoes)]
    }

    /// One action to be done now, without `at`.
    static func readNow(_ value: JSONValue) throws(ScenarioError) -> WorldAction {
        var fields = try Fields(value, file: "action", at: .root)
        let reading = try read(try fields.choice("action", words), &fields)
        try fields.refuseUnknownKeys()
        return reading.does
    }

    private enum Word {
        case request(RequestWord)
        case sensor(SensorWord)
        case node(NodeWord)
        case board(BoardWord)
        case machine(MachineWord)
        case hand(HandWord)
    }

    private static let words: [(String, Word)] =
        RequestWord.allCases.map { ($0.rawValue, .request($0)) }
        + SensorWord.allCases.map { ($0.rawValue, .sensor($0)) }
        + NodeWord.allCases.map { ($0.rawValue, .node($0)) }
        + BoardWord.allCases.map { ($0.rawValue, .board($0)) }
        + MachineWord.allCases.map { ($0.rawValue, .machine($0)) }
        + HandWord.allCases.map { ($0.rawValue, .hand($0)) }

    private static func read(
        _ word: Word, _ fields: inout Fields
    ) throws(ScenarioError) -> Reading {
        switch word {
        case .request(let word): try word.read(&fields)
        case .sensor(let word): try word.read(&fields)
        case .node(let word): try word.read(&fields)
        case .board(let word): try word.read(&fields)
        case .machine(let word): try word.read(&fields)
        case .hand(let word): try word.read(&fields)
        }
    }
}

private let times: ClosedRange<Int64> = 0...ActionReader.timeMax
private let spans: ClosedRange<Int64> = 1...ActionReader.timeMax
private let int32s = Int64(Int32.min)...Int64(Int32.max)

extension Fields {
    fileprivate mutating func requester(
        default fallback: Requester = .scenario
    ) throws(ScenarioError) -> Requester {
        try choice("by", Words.requesters, default: fallback)
    }

    fileprivate mutating func amount(_ key: String) throws(ScenarioError) -> Int32 {
        Int32(try int(key, int32s, unit: ""))
    }
}

/// What people ask for.
private enum RequestWord: String, CaseIterable {
    case demand, setTarget, acknowledge, shelve, unshelve, outOfService
    case resetRemotely, pressReset, releaseReset, pressStop, releaseStop

    func read(_ fields: inout Fields) throws(ScenarioError) -> ActionReader.Reading {
        switch self {
        case .demand:
            let isOn = try fields.bool("on")
            let by = try fields.requester()
            return .init(
                .command(.demand(isOn: isOn), by),
                undoneBy: .command(.demand(isOn: !isOn), by))
        case .setTarget:
            let target = MilliCelsius(try fields.amount("value"))
            return .init(.command(.setTarget(target), try fields.requester()))
        case .acknowledge:
            let code = try fields.choice("code", Words.alarms)
            return .init(.command(.acknowledge(code), try fields.requester()))
        case .shelve:
            let code = try fields.choice("code", Words.alarms)
            let span = try fields.int("forMs", spans)
            let by = try fields.requester()
            return .init(
                .shelve(code, forMs: span, by), undoneBy: .command(.unshelve(code), by))
        case .unshelve:
            let code = try fields.choice("code", Words.alarms)
            return .init(.command(.unshelve(code), try fields.requester()))
        case .outOfService:
            let code = try fields.choice("code", Words.alarms)
            let isOut = try fields.bool("on", default: true)
            let by = try fields.requester()
            return .init(
                .command(.setOutOfService(code, isOut), by),
                undoneBy: .command(.setOutOfService(code, !isOut), by))
        case .resetRemotely:
            return .init(.command(.resetRemotely, try fields.requester(default: .cluster)))
        case .pressReset: return .init(.pressReset, undoneBy: .releaseReset)
        case .releaseReset: return .init(.releaseReset)
        case .pressStop: return .init(.pressStop, undoneBy: .releaseStop)
        case .releaseStop: return .init(.releaseStop)
        }
    }
}

/// What the sensors see.
private enum SensorWord: String, CaseIterable {
    case force, ramp, release, sample, set, offset, flame

    func read(_ fields: inout Fields) throws(ScenarioError) -> ActionReader.Reading {
        switch self {
        case .force:
            let signal = try fields.choice("signal", Words.signals)
            let value = try fields.amount("value")
            return .init(
                .force(signal, from: nil, to: value, overMs: 0), undoneBy: .release(signal))
        case .ramp:
            let signal = try fields.choice("signal", Words.signals)
            let from = try fields.optionalInt("from", int32s, unit: "").map { Int32($0) }
            let to = try fields.amount("to")
            let over = try fields.int("overMs", spans)
            return .init(
                .force(signal, from: from, to: to, overMs: over), undoneBy: .release(signal))
        case .release: return .init(.release(try fields.choice("signal", Words.signals)))
        case .sample:
            let signal = try fields.choice("signal", Words.signals)
            return .init(.sample(signal, try fields.amount("value")))
        case .set:
            let quantity = try fields.choice("quantity", Words.quantities)
            return .init(.set(quantity, try fields.amount("value")))
        case .offset:
            let channel = Int(try fields.int("channel", 1...3, unit: "")) - 1
            let value = Int32(try fields.int("value", -100_000...100_000, unit: "m°C"))
            return .init(
                .offset(channel: channel, value), undoneBy: .offset(channel: channel, 0))
        case .flame:
            return .init(.flame(try fields.choice("mode", Words.flames)), undoneBy: .flame(.normal))
        }
    }
}

/// What befalls the node and its bus.
private enum NodeWord: String, CaseIterable {
    case stopNode, freezeNode, corruptFrames, shortenFrames, restoreNode, restartNode
    case jumpCounter, bus, flood, errorFrames

    func read(_ fields: inout Fields) throws(ScenarioError) -> ActionReader.Reading {
        switch self {
        case .stopNode: return try fault(.silent, &fields)
        case .freezeNode: return try fault(.frozen, &fields)
        case .corruptFrames: return try fault(.corrupt, &fields)
        case .shortenFrames: return try fault(.short, &fields)
        case .restoreNode: return .init(.restoreNode)
        case .restartNode:
            return .init(.restartNode(warmUpMs: try fields.optionalInt("warmUpMs", times) ?? 0))
        case .jumpCounter: return .init(.jumpCounter(try fields.int("by", 1...15, unit: "frames")))
        case .bus:
            return .init(.bus(try fields.choice("state", Words.busStates)), undoneBy: .bus(.active))
        case .flood:
            let rate = try fields.int("perSecond", 0...20_000, unit: "frames")
            return .init(.flood(perSecond: rate), undoneBy: .flood(perSecond: 0))
        case .errorFrames:
            let rate = try fields.int("perSecond", 0...20_000, unit: "frames")
            return .init(.errorFrames(perSecond: rate), undoneBy: .errorFrames(perSecond: 0))
        }
    }

    /// With a signal, only the frames that carry it fail.
    private func fault(
        _ fault: NodeFault, _ fields: inout Fields
    ) throws(ScenarioError) -> ActionReader.Reading {
        let signal = try fields.optionalChoice("signal", Words.signals)
        return .init(
            .node(fault, signal, isOn: true), undoneBy: .node(fault, signal, isOn: false))
    }
}

/// What befalls the relay board and the contactors.
private enum BoardWord: String, CaseIterable {
    case silenceBoard, delayBoard, restartBoard, stickPin, damageTransfers, driftBoard, weld

    func read(_ fields: inout Fields) throws(ScenarioError) -> ActionReader.Reading {
        switch self {
        case .silenceBoard:
            let span = try fields.optionalInt("forMs", spans) ?? ActionReader.timeMax
            return .init(.silenceBoard(forMs: span), undoneBy: .silenceBoard(forMs: 0))
        case .delayBoard:
            return .init(.delayBoard(try fields.int("byMs", 0...1_000)), undoneBy: .delayBoard(0))
        case .restartBoard:
            let cause = try fields.choice("cause", Words.resetCauses, default: .watchdog)
            // 20 ms: the Pico's boot from its flash, about; chosen.
            let silence = try fields.optionalInt("forMs", 0...60_000) ?? 20
            return .init(.restartBoard(cause, forMs: silence))
        case .stickPin:
            let relay = try fields.choice("id", Words.relays)
            let isOn = try fields.bool("on", default: true)
            return .init(.stickPins(relay, isHigh: isOn), undoneBy: .freePins(relay))
        case .damageTransfers:
            return .init(
                .damageTransfers(try fields.int("count", 1...1_000, unit: "transfers")))
        case .driftBoard:
            let drift = try fields.int("permille", -500...500, unit: "‰")
            return .init(.driftBoard(permille: drift), undoneBy: .driftBoard(permille: 0))
        case .weld:
            return try weld(&fields)
        }
    }

    private func weld(_ fields: inout Fields) throws(ScenarioError) -> ActionReader.Reading {
        let relays = Words.relays.map { ($0.0, Optional($0.1)) }
        let contact = try fields.choice("id", relays + [("k1", .power), ("k2", nil)])
        let isOn = try fields.bool("on", default: true)
        guard let relay = contact else {
            return .init(.weldK2(isWelded: isOn), undoneBy: .weldK2(isWelded: !isOn))
        }
        return .init(.weld(relay, isWelded: isOn), undoneBy: .weld(relay, isWelded: !isOn))
    }
}

/// What befalls the process and its machine.
private enum MachineWord: String, CaseIterable {
    case stopProcess, kill, powerCycle, stepWallClock, lockoutCopy, diskFull

    func read(_ fields: inout Fields) throws(ScenarioError) -> ActionReader.Reading {
        switch self {
        case .stopProcess: return .init(.stopProcess(forMs: try fields.int("forMs", spans)))
        // 2 s: what systemd needs to start a service again, about; chosen.
        case .kill: return .init(.kill(forMs: try fields.optionalInt("forMs", spans) ?? 2_000))
        // 20 s: the boot of a Pi, about; chosen.
        case .powerCycle:
            return .init(.powerCycle(forMs: try fields.optionalInt("forMs", spans) ?? 20_000))
        case .stepWallClock:
            let step = try fields.int("byMs", -4_000_000_000_000...4_000_000_000_000)
            return .init(.stepWallClock(step))
        case .lockoutCopy:
            let copy = try fields.choice("copy", Words.copies)
            let fault = try fields.choice("fault", Words.copyFaults)
            return .init(.lockoutCopy(copy, fault), undoneBy: .lockoutCopy(copy, .healthy))
        case .diskFull:
            let isFull = try fields.bool("on", default: true)
            return .init(.diskFull(isFull), undoneBy: .diskFull(!isFull))
        }
    }
}

/// Transfers to the relay board by hand, with the controller absent.
private enum HandWord: String, CaseIterable {
    case writeControl, writeConfigure, writeArm, writeTrip, writeRaw

    func read(_ fields: inout Fields) throws(ScenarioError) -> ActionReader.Reading {
        switch self {
        case .writeControl:
            let number = try fields.optionalInt("heartbeat", 0...255, unit: "").map { UInt8($0) }
            let relays = try fields.choices("relays", Words.relays).union
            let proof = try fields.bool("proof", default: false)
            return .init(.write(.control(heartbeat: number, relays: relays, proof: proof)))
        case .writeConfigure:
            return .init(.write(.configure(leaseMs: UInt16(try fields.int("leaseMs", 0...65_535)))))
        case .writeArm: return .init(.write(.arm))
        case .writeTrip: return .init(.write(.trip))
        case .writeRaw:
            let register = UInt8(try fields.int("register", 0...255, unit: ""))
            var bytes: [UInt8] = []
            for element in try fields.array("bytes") {
                guard let byte = element.int, (0...255).contains(byte), bytes.count < 32 else {
                    throw fields.error(
                        "bytes",
                        "found \(Fields.describe(element)); allowed are up to 32 integers from 0 "
                            + "to 255")
                }
                bytes.append(UInt8(byte))
            }
            return .init(.write(.raw(register: register, bytes: bytes)))
        }
    }
}
