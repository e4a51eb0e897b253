import Control
import JSON
import Units

/// Reads how the site is wired: `$.can`, `$.i2c`, `$.lines` and `$.interlock`.
struct WiringReader {
    private let root: ObjectReader

    init(_ root: ObjectReader) { self.root = root }

    func can() -> CANPort {
        let reader = root.object("can", isRequired: true)
        let interface = reader.string("interface", allowed: "an interface such as can0") {
            NameRule.isInterface($0)
        }
        let rates: ClosedRange<Int64> = 10_000...1_000_000
        let bitrate = reader.int("bitrate", rates, unit: "bit/s", default: nil)
        _ = reader.string("database", allowed: "a file name that ends in .dbc, without a folder") {
            NameRule.isFile($0, suffix: ".dbc")
        }
        reader.refuseUnknownKeys()
        return CANPort(interface: interface, bitrate: Int(bitrate))
    }

    func relayBus() -> RelayBusPort {
        let reader = root.object("i2c", isRequired: true)
        let bus = reader.int("bus", 0...255, default: nil)
        // 8 to 119 are the addresses that the I2C specification leaves to devices.
        let address = reader.int("address", 8...119, default: nil)
        reader.refuseUnknownKeys()
        return RelayBusPort(bus: Int(bus), address: UInt8(address))
    }

    func interlock() -> InterlockPlan {
        let reader = root.object("interlock", isRequired: true)
        var plan = InterlockPlan()
        plan.hasPowerSense = reader.bool("powerSense", default: nil)
        plan.hasMonostable = reader.bool("monostable", default: nil)
        plan.hasResetButton = reader.bool("resetInput", default: nil)
        plan.hasEmergencyStop = reader.bool("emergencyStop", default: false)
        _ = reader.choice("powerPolicy", ["onDemand": true], default: true)
        reader.refuseUnknownKeys()
        return plan
    }

    func lines(for interlock: InterlockPlan) -> LineMap {
        let reader = root.object("lines", isRequired: true)
        let chip = reader.string(
            "chip", default: "gpiochip0", allowed: "a GPIO chip such as gpiochip0"
        ) {
            NameRule.isInterface($0)
        }
        var taken: [LinePlace: String] = [:]
        func line(_ key: String, isRequired: Bool, because: String) -> LinePlace? {
            guard isRequired || reader.has(key) else {
                _ = reader.value(key)
                return nil
            }
            guard let value = reader.value(key) else {
                reader.defect(key, "missing; \(because)")
                return nil
            }
            guard let place = Self.place(value) else {
                reader.wrong(key, value, "an integer from 0 to 511 or a name such as GPIO17")
                return nil
            }
            if let other = taken[place] {
                let found = ObjectReader.describe(value)
                reader.defect(key, "found \(found); \(other) already uses this line")
            }
            taken[place] = key
            return place
        }
        let map = LineMap(
            chip: chip,
            permit: line("permit", isRequired: true, because: "K2 needs a permit line")
                ?? .offset(0),
            powerSense: line(
                "powerSense", isRequired: interlock.hasPowerSense,
                because: "interlock.powerSense says that it is fitted"),
            monostable: line(
                "monostable", isRequired: interlock.hasMonostable,
                because: "interlock.monostable says that it is fitted"),
            resetInput: line(
                "resetInput", isRequired: interlock.hasResetButton,
                because: "interlock.resetInput says that it is fitted"),
            emergencyStop: line(
                "emergencyStop", isRequired: interlock.hasEmergencyStop,
                because: "interlock.emergencyStop says that it is fitted"))
        reader.refuseUnknownKeys()
        return map
    }

    /// By its offset on the chip, or by the name that the board's device tree gives it.
    private static func place(_ value: JSONValue) -> LinePlace? {
        if let offset = value.int { return (0...511).contains(offset) ? .offset(Int(offset)) : nil }
        guard let name = value.string, NameRule.isLine(name) else { return nil }
        return .name(name)
    }
}
