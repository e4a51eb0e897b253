// Which pin is what. Changing one means another board: README.md has the wiring.

import RelayBoard

enum Pins {
    static let data: UInt32 = 4
    static let clock: UInt32 = 5
    /// Relay n of the mask is at pin 6 + n, high is energised. `startup.S` knows these pins too.
    static let firstRelay: UInt32 = 6
    static let relays: UInt32 = 0xFF << 6
    /// The local reset, to ground when pressed. A broken wire is a button that is not pressed.
    static let localReset: UInt32 = 15
    /// P12, each with a strap to ground that says that it is wired.
    static let permit: UInt32 = 16
    static let flame: UInt32 = 17
    static let permitStrap: UInt32 = 18
    static let flameStrap: UInt32 = 19

    /// Connects all pins but the relays', which `startup.S` drives already.
    static func connect() {
        connect(data, to: PinRegisters.functionI2C, PinRegisters.pulledUp)
        connect(clock, to: PinRegisters.functionI2C, PinRegisters.pulledUp)
        connect(localReset, to: PinRegisters.functionSIO, PinRegisters.pulledUp)
        connect(permit, to: PinRegisters.functionSIO, PinRegisters.pulledDown)
        connect(flame, to: PinRegisters.functionSIO, PinRegisters.pulledDown)
        connect(permitStrap, to: PinRegisters.functionSIO, PinRegisters.pulledUp)
        connect(flameStrap, to: PinRegisters.functionSIO, PinRegisters.pulledUp)
    }

    private static func connect(_ pin: UInt32, to function: UInt32, _ pad: UInt32) {
        PinRegisters.pad(pin).value = pad
        PinRegisters.control(pin).value = function
    }

    static func isHigh(_ pin: UInt32, in input: UInt32) -> Bool { input & 1 &<< pin != 0 }

    /// Looked at once, at boot, long after the pull-ups were switched on.
    static func hasStrap(_ pin: UInt32) -> Bool { !isHigh(pin, in: SIO.input.value) }

    static func relays(in input: UInt32) -> RelayMask {
        RelayMask(rawValue: UInt8(truncatingIfNeeded: input &>> firstRelay))
    }

    /// Off first: at no time is anything on that neither the old nor the new mask has.
    static func drive(_ mask: RelayMask) {
        let pins = UInt32(mask.rawValue) &<< firstRelay
        SIO.outputClear.value = relays & ~pins
        SIO.outputSet.value = pins
    }
}
