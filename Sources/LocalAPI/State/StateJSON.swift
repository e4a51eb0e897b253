public import Control
import Events
public import JSON
import RelayBoard
import Units
import Wire

/// The state of the device as JSON: what `status` and `watch` show and programs read.
///
/// Times are milliseconds. Everything that has an age carries the age, not an instant, because the
/// instants of the loop mean nothing to anybody else.
///
/// A class, because a snapshot has some kilobytes, the sentences hand it on to each other, and the
/// stack of the journal thread, which keeps the state image, is small.
final class StateJSON {
    let description: DeviceDescription
    let snapshot: Snapshot
    let shell: ShellReport
    /// When the alarms of the lockout were raised, where a record tells.
    var wallTimes: [AlarmCode: WallTime] = [:]
    /// Who has shelved what, where that is known.
    var shelves: [AlarmCode: Shelf] = [:]
    /// What busbar-uplink has found.
    var findings = FindingBoard()

    init(description: DeviceDescription, snapshot: Snapshot, shell: ShellReport) {
        self.description = description
        self.snapshot = snapshot
        self.shell = shell
    }

    /// A hundred years.
    static let ageMaximum = Milliseconds(3_155_760_000_000)

    var state: JSONValue {
        [
            "device": device,
            "tick": JSONValue(snapshot.tick.rawValue),
            "temperature_millicelsius": snapshot.temperature.map { JSONValue($0.rawValue) }
                ?? .null,
            "heating": heating,
            "interlock": interlock,
            "signals": signals,
            "alarms": .array(standingAlarms),
            "lockout": lockout,
            "frames": frames,
        ]
    }

    private var device: JSONValue {
        [
            "site": .string(description.site),
            "board": .string(description.board),
            "version": .string(description.version),
            "pid": JSONValue(description.processID),
            "up_ms": age(description.startedAt),
            "tick_ms": JSONValue(description.plan.tick.rawValue),
            "real_time": .bool(!shell.conditions.contains(.notRealTime)),
            "journal_writable": .bool(!shell.conditions.contains(.journalUnwritable)),
            "events_lost": JSONValue(shell.eventsLost),
            "ticks_missed": JSONValue(shell.ticksMissed),
            "uplink_silence": findings.uplinkSilence.map { .string($0) } ?? .null,
        ]
    }

    var heating: JSONValue {
        let heating = snapshot.heating
        return [
            "state": .string(name(heating.state)),
            "in_state_ms": age(heating.enteredAt),
            "demand": .bool(heating.hasDemand),
            "pending_demand": .bool(heating.hasPendingDemand),
            "requester": .string(heating.requester.name),
            "temperature_millicelsius": snapshot.temperature.map { JSONValue($0.rawValue) }
                ?? .null,
            "target_millicelsius": JSONValue(heating.target.rawValue),
            "heat_on": .bool(heating.isHeatOn),
            "heat_changed_ms": age(heating.heatChangedAt),
            "job": JSONValue(heating.job),
            "job_ms": heating.job == 0 ? .null : age(heating.jobStartedAt),
            "trials_left": JSONValue(heating.trialsLeft),
            "recycles_left": JSONValue(heating.recyclesLeft),
            "refusal": heating.refusal.map { .string($0.name) } ?? .null,
            "refusal_text": heating.refusal.map { .string($0.sentence) } ?? .null,
            "transitions": .array(transitions),
        ]
    }

    /// Newest first.
    var transitions: [JSONValue] {
        let log = snapshot.heating.transitions
        return (0..<log.count).map { index in
            let transition = log[index]
            return [
                "ago_ms": age(transition.at),
                "from": .string(name(transition.from)),
                "to": .string(name(transition.to)),
                "cause": .string(transition.cause.phrase),
            ]
        }
    }

    var interlock: JSONValue {
        let interlock = snapshot.interlock
        return [
            "state": .string(interlock.state.name),
            "in_state_ms": age(interlock.enteredAt),
            "permitted": .bool(interlock.isPermitted),
            "selfcheck": .string(interlock.selfCheck.name),
            "relays": .array(
                (0..<RelayMask.count).filter { fitted.rawValue & 1 << UInt8($0) != 0 }
                    .map { relay($0) }),
            "power_sense": .string(interlock.powerSense.name),
            "monostable": .string(interlock.monostable.name),
            "reset_button": .string(interlock.resetButton.name),
            "emergency_stop": .string(interlock.emergencyStop.name),
            "board_failures": JSONValue(interlock.boardFailures),
            "board": [
                "answers": .bool(interlock.actual != nil),
                "armed": .bool(interlock.board.isArmed),
                "lease_running": .bool(interlock.board.isLeaseRunning),
                "expired": .bool(interlock.board.hasExpired),
                "tripped": .bool(interlock.board.isTripped),
            ],
            "can_bus": .string(interlock.bus.name),
        ]
    }

    private func relay(_ bit: Int) -> JSONValue {
        let mask = RelayMask(rawValue: 1 << UInt8(bit))
        return [
            "id": .string(description.encoder.relayNames[bit]),
            "commanded": .bool(snapshot.interlock.commanded.contains(mask)),
            "actual": snapshot.interlock.actual.map { .bool($0.contains(mask)) } ?? .null,
        ]
    }

    /// The relays that the site's sequence moves, and the power contactor.
    private var fitted: RelayMask { description.plan.fittedRelays }

    private var signals: JSONValue {
        .array(
            (0..<UInt8(SignalID.count)).compactMap { raw in
                guard let signal = SignalID(rawValue: raw), snapshot[signal].isFitted
                else { return nil }
                return self.signal(signal)
            })
    }

    func signal(_ signal: SignalID) -> JSONValue {
        let view = snapshot[signal]
        let neverSeen = view.quality == .absent
        // The age of what never came is a number without meaning, greater than any run's length.
        let hasAge = !neverSeen && view.age < Self.ageMaximum
        return [
            "id": .string(signal.name),
            "safety": .bool(view.isSafety),
            "quality": .string(view.quality.name),
            "value": neverSeen ? .null : JSONValue(view.value),
            "unit": .string(QuantityText.unit(of: signal)),
            "text": .string(
                neverSeen ? "–" : QuantityText.value(Int64(view.value), of: signal)),
            "age_ms": hasAge ? JSONValue(view.age.rawValue) : .null,
        ]
    }

    /// Every alarm that is not normal, or hidden from its normal course; FATAL first, then by when
    /// it was raised.
    var standingAlarms: [JSONValue] {
        let codes = AlarmCode.all.filter { code in
            let view = snapshot[code]
            return view.state != .normal || view.shelvedUntil != nil || view.isOutOfService
        }
        return codes.sorted { first, second in
            let (one, two) = (snapshot[first], snapshot[second])
            let (worse, better) = (severity(first), severity(second))
            if worse != better { return worse > better }
            if one.raisedAt != two.raisedAt { return one.raisedAt < two.raisedAt }
            return first.rawValue < second.rawValue
        }.map { alarm($0) }
    }

    /// How bad an alarm is, or would be: one that does not stand has the table's severity.
    func severity(_ code: AlarmCode) -> Severity {
        let view = snapshot[code]
        return view.state == .normal ? alarmDefinition(code).severity : view.severity
    }

    /// Who keeps an alarm from the lists that people read: a shelf, the service, or the alarm whose
    /// consequence it is. Nil if nobody does; a FATAL is never hidden, whatever its flags say.
    private func hider(of code: AlarmCode) -> String? {
        let view = snapshot[code]
        guard severity(code) != .fatal, !snapshot.lockout.contains(code) else { return nil }
        if view.isOutOfService { return "out_of_service" }
        if view.shelvedUntil != nil { return "shelf" }
        guard view.isSuppressed else { return nil }
        return alarmDefinition(code).consequenceOf?.name ?? "suppression"
    }

    func alarm(_ code: AlarmCode) -> JSONValue {
        let view = snapshot[code]
        let row = alarmDefinition(code)
        let isFirstOut = snapshot.lockout.firstOut == code
        let shelf = view.shelvedUntil == nil ? nil : shelves[code]
        return [
            "code": .string(code.name),
            "name": .string(String(describing: row.name)),
            "severity": .string(severity(code).name),
            "state": .string(view.state.name),
            "first_out": .bool(isFirstOut),
            "raised_ms": view.raisedAt == .never ? .null : age(view.raisedAt),
            "raised_unix_ms": wallTimes[code].map { JSONValue($0.unixMilliseconds) } ?? .null,
            "raised_clock": wallTimes[code].map { .string($0.quality.name) } ?? .null,
            "gone_ms": view.goneAt.map { age($0) } ?? .null,
            "value": JSONValue(view.value),
            "limit": JSONValue(view.limit),
            "count": JSONValue(view.count),
            "shelved_for_ms": view.shelvedUntil.map {
                JSONValue(($0 - snapshot.now).rawValue)
            } ?? .null,
            "shelved_by": shelf.map { .string($0.person) } ?? .null,
            "shelve_reason": shelf.map { .string($0.reason) } ?? .null,
            "suppressed": .bool(view.isSuppressed),
            "out_of_service": .bool(view.isOutOfService),
            "hidden_by": hider(of: code).map { .string($0) } ?? .null,
            "advice": .string(advice(code)),
        ]
    }

    /// What to do about one alarm. While a gas leak is locked in, nobody is sent anywhere by
    /// another: "look for a leak" would stand below "leave the house".
    private func advice(_ code: AlarmCode) -> String {
        guard snapshot.lockout.contains(.gasLeak), code != .gasLeak else {
            return description.advice(code)
        }
        return "First see to \(AlarmCode.gasLeak.name) \(alarmDefinition(.gasLeak).name)."
    }

    /// What to do in the lockout: about what came first, unless gas leaks. Nothing is as dangerous
    /// as gas, so nobody is sent to a contactor while there may be some in the room; nor kept out
    /// of the house, where the button is, once valid samples show none.
    var lockoutAdvice: String? {
        let record = snapshot.lockout
        guard record.contains(.gasLeak) else {
            return record.firstOut.map { description.advice($0) }
        }
        return ResetProcedure(state: self).isGasSeenGone
            ? "No gas is seen any more. Air the rooms and have the leak mended before the reset."
            : description.advice(.gasLeak)
    }

    var lockout: JSONValue {
        let record = snapshot.lockout
        let tripped = record.firstOut.flatMap { wallTimes[$0] }
        // The loop counts from its own start, which tells nothing of a trip before it.
        let hasAge = record.isLocked && !snapshot.isLockoutRecalled
        return [
            "locked": .bool(record.isLocked),
            "first_out": record.firstOut.map { .string($0.name) } ?? .null,
            "advice": lockoutAdvice.map { .string($0) } ?? .null,
            "recalled": .bool(record.isLocked && snapshot.isLockoutRecalled),
            "since_ms": hasAge ? age(snapshot.interlock.enteredAt) : .null,
            "tripped_unix_ms": tripped.map { JSONValue($0.unixMilliseconds) } ?? .null,
            "tripped_clock": tripped.map { .string($0.quality.name) } ?? .null,
            "state_at_trip": record.isLocked ? .string(name(record.stateAtTrip)) : .null,
            "resets_in_15_min": JSONValue(record.recentResets),
            "reset": record.isLocked ? ResetProcedure(state: self).answer : .null,
            "entries": .array(
                (0..<Int(record.count)).map { index in
                    let entry = record[index]
                    return [
                        "code": .string(entry.code.name),
                        "name": .string(String(describing: alarmDefinition(entry.code).name)),
                        "tick": JSONValue(entry.tick.rawValue),
                        "value": JSONValue(entry.value),
                        "limit": JSONValue(entry.limit),
                    ]
                }),
        ]
    }

    private var frames: JSONValue {
        let frames = snapshot.frames
        return [
            "accepted": JSONValue(frames.accepted),
            "foreign": JSONValue(frames.foreign),
            "too_short": JSONValue(frames.tooShort),
            "bad_checksum": JSONValue(frames.badChecksum),
            "repeated": JSONValue(frames.repeated),
            "out_of_order": JSONValue(frames.outOfOrder),
            "missed": JSONValue(frames.missed),
        ]
    }

    func name(_ state: HeatingState) -> String {
        state.name(stepNames: description.encoder.stepNames)
    }

    /// Milliseconds since `instant`; null for what never happened.
    private func age(_ instant: Instant) -> JSONValue {
        instant == .never ? .null : JSONValue((snapshot.now - instant).rawValue)
    }
}

/// The state as one JSON document, for whoever keeps it.
public func stateDocument(
    _ description: DeviceDescription, _ snapshot: Snapshot, _ shell: ShellReport
) -> JSONValue {
    StateJSON(description: description, snapshot: snapshot, shell: shell).state
}
