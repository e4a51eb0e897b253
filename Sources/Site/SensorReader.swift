import CANDatabase
import Control
import Events
import JSON
import Units

/// Reads `$.frames` and `$.sensors` and looks each name up in the DBC file.
struct SensorReader {
    /// The words of the site file for the signals that Busbar knows.
    static let signals: KeyValuePairs<String, SignalID> = [
        "temperature1": .temperature1, "temperature2": .temperature2,
        "temperature3": .temperature3, "flow": .flow, "level": .level, "flame": .flame,
        "gas": .gas, "gasReady": .gasReady, "ambientTemperature": .ambientTemperature,
        "ambientHumidity": .ambientHumidity, "burnerLockout": .burnerLockout,
        "burnerOn": .burnerOn, "probe1Ratio": .probe1Ratio, "probe2Ratio": .probe2Ratio,
        "probe3Ratio": .probe3Ratio,
    ]

    private struct Row {
        let signal: SignalID
        let message: String
        let name: String
        let path: JSONPath
    }

    let database: Database
    /// What the database is called in messages.
    let databaseFile: String
    let frames: ObjectReader
    let sensors: ObjectReader

    private var defects: DefectList { sensors.defects }

    /// - Parameters: profile and parameters must already be in the plan.
    func read(into plan: inout ControlPlan) {
        let rows = readRows()
        let found = Set(rows.map(\.signal))
        checkPresence(of: found, in: plan)
        for member in frames.namedMembers() {
            readFrame(member.key, member.value, rows, into: &plan)
        }
        for row in rows where !frames.has(row.message) {
            defects.add(
                row.path.key("message"),
                "found \"\(row.message)\"; $.frames has no such message, and without its alive "
                    + "counter a frame cannot be trusted")
        }
        for signal in found where isSafety(signal, plan.profile) { plan.signals.require(signal) }
    }

    private func readRows() -> [Row] {
        var rows: [Row] = []
        for (key, signal) in Self.signals {
            guard sensors.value(key) != nil else { continue }
            let reader = sensors.object(key)
            let message = reader.string("message", allowed: "the name of a message in the DBC file")
            {
                NameRule.isSymbol($0)
            }
            let name = reader.string("name", allowed: "the name of a signal in that message") {
                NameRule.isSymbol($0)
            }
            reader.refuseUnknownKeys()
            guard !message.isEmpty, !name.isEmpty else { continue }
            if let other = rows.first(where: { $0.message == message && $0.name == name }) {
                defects.add(
                    reader.path.key("name"),
                    "found \"\(name)\"; \(other.path) reads the same signal, and one sensor cannot "
                        + "stand for two")
            }
            rows.append(Row(signal: signal, message: message, name: name, path: reader.path))
        }
        sensors.refuseUnknownKeys()
        return rows
    }

    /// What a profile cannot do without (§5 cross checks, V3, V4).
    private func checkPresence(of found: Set<SignalID>, in plan: ControlPlan) {
        func need(_ signal: SignalID, _ key: String, _ why: String) {
            guard !found.contains(signal) else { return }
            sensors.defect(key, "missing; \(why)")
        }
        need(.temperature1, "temperature1", "heating needs a water temperature")
        if found.contains(.temperature3) {
            need(.temperature2, "temperature2", "temperature channels are numbered without a gap")
        }
        need(.level, "level", "heating needs a level, or D-04 could not see an empty tank")
        if !plan.heating.isStaticTank {
            need(.flow, "flow", "heating needs a flow unless heating.staticTank is true")
        }
        switch plan.profile {
        case .gas:
            need(.flame, "flame", "the gas profile needs a flame signal")
            need(.gas, "gas", "the gas profile needs a gas sensor")
        case .external:
            need(.burnerLockout, "burnerLockout", "profile external reads the burner's lockout")
            need(.burnerOn, "burnerOn", "profile external reads whether the burner burns")
        case .electric: break
        }
    }

    /// Whether heating stops when the signal is lost: D-09's list, where there is such a sensor,
    /// and what an external burner says of itself, because silence is no good news.
    private func isSafety(_ signal: SignalID, _ profile: HeatingProfile) -> Bool {
        switch signal {
        case .temperature1, .temperature2, .temperature3, .flow, .level, .gas: true
        case .flame: profile == .gas
        case .burnerLockout, .burnerOn: profile == .external
        case .gasReady, .ambientTemperature, .ambientHumidity: false
        case .probe1Ratio, .probe2Ratio, .probe3Ratio: false
        }
    }

    private func readFrame(
        _ name: String, _ value: JSONValue, _ rows: [Row], into plan: inout ControlPlan
    ) {
        let path = frames.path.key(name)
        guard let reader = ObjectReader.make(value, at: path, defects) else { return }
        var frame = FramePlan()
        frame.period = Milliseconds(
            reader.int("periodMs", 10...10_000, unit: "ms", default: nil))
        let alive = symbol("alive", of: reader, isRequired: true)
        let boot = symbol("boot", of: reader, isRequired: false)
        let checksum = symbol("crc", of: reader, isRequired: false)
        reader.refuseUnknownKeys()
        guard let message = database.message(named: name) else {
            defects.add(path, "\(databaseFile) has no message \"\(name)\"; \(messageNames)")
            return
        }
        guard message.length <= 8 else {
            defects.add(
                path,
                "message \(name) has \(message.length) bytes; allowed is at most 8 (classic CAN)")
            return
        }
        frame.id = message.id
        frame.length = UInt8(message.length)
        frame.aliveCounter = counter(alive, in: message, at: path.key("alive"))
        frame.bootCounter = counter(boot, in: message, at: path.key("boot"))
        frame.checksumByte = checksumByte(checksum, in: message, at: path.key("crc"))
        let wanted = rows.filter { $0.message == name }
        for row in wanted { readField(row, in: message, into: &frame) }
        checkPeriod(frame, wanted, plan, at: path)
        // A message that no row reads is described and not listened to.
        guard !wanted.isEmpty else { return }
        if !plan.signals.append(frame) {
            defects.add(path, "too many messages; allowed are \(SignalPlan.frameCapacity)")
        }
    }

    private func symbol(_ key: String, of reader: ObjectReader, isRequired: Bool) -> String? {
        guard isRequired || reader.has(key) else {
            _ = reader.value(key)
            return nil
        }
        let text = reader.string(key, allowed: "the name of a signal in this message") {
            NameRule.isSymbol($0)
        }
        return text.isEmpty ? nil : text
    }

    private var messageNames: String {
        "it has " + database.messages.map(\.name).joined(separator: ", ")
    }

    private func find(_ name: String, in message: Message, at path: JSONPath) -> Signal? {
        if let signal = message.signal(named: name) { return signal }
        let names = message.signals.map(\.name).joined(separator: ", ")
        defects.add(
            path,
            "\(databaseFile) has no signal \"\(name)\" in message \(message.name); it has \(names)")
        return nil
    }

    private func counter(_ name: String?, in message: Message, at path: JSONPath) -> BitField? {
        guard let name, let signal = find(name, in: message, at: path) else { return nil }
        guard !signal.bits.isSigned, (2...16).contains(signal.bits.length),
            signal.multiplexing == .none
        else {
            defects.add(
                path,
                "found \"\(name)\"; a counter is an unsigned signal of 2 to 16 bits that is "
                    + "not multiplexed")
            return nil
        }
        return signal.bits
    }

    private func checksumByte(
        _ name: String?, in message: Message, at path: JSONPath
    ) -> UInt8? {
        guard let name, let signal = find(name, in: message, at: path) else { return nil }
        var filled: UInt64 = 0
        signal.bits.insert(-1, into: &filled)
        for byte in UInt8(0)..<8 where filled == 0xFF << (8 * UInt64(byte)) { return byte }
        defects.add(path, "found \"\(name)\"; a CRC-8 is a signal that fills one byte")
        return nil
    }

    private func readField(_ row: Row, in message: Message, into frame: inout FramePlan) {
        let path = row.path.key("name")
        guard let signal = find(row.name, in: message, at: path) else { return }
        do {
            let field = try FieldScale.field(for: row.signal, from: signal)
            guard frame.append(field) else {
                defects.add(
                    path, "too many signals in one message; allowed are \(FramePlan.fieldCapacity)")
                return
            }
        } catch {
            defects.add(path, "\(databaseFile), signal \(row.name): \(error.reason)")
        }
    }

    /// A frame with the flame in it must come three times within `flameStaleMs`, so that two lost
    /// frames do not look like a lost flame (§5).
    private func checkPeriod(
        _ frame: FramePlan, _ rows: [Row], _ plan: ControlPlan, at path: JSONPath
    ) {
        let stale = plan.heating.flameStale.rawValue
        guard plan.profile == .gas, rows.contains(where: { $0.signal == .flame }),
            frame.period.rawValue * 3 > stale
        else { return }
        defects.add(
            path.key("periodMs"),
            "found \(frame.period.rawValue); the flame is in this message, so allowed is at most "
                + "flameStaleMs / 3, which is \(stale / 3)")
    }
}
