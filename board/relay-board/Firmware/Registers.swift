// The RP2040's registers that the firmware touches: addresses and bits as in the data sheet's
// chapters named beside them ("RP2040 Datasheet", Raspberry Pi Ltd.).

import _Volatile

/// A register of 32 bits. Each read and each write happens, in the order in which they stand.
struct Hardware {
    let address: UInt
    init(_ address: UInt) { self.address = address }

    var value: UInt32 {
        get { VolatileMappedRegister<UInt32>(unsafeBitPattern: address).load() }
        nonmutating set {
            VolatileMappedRegister<UInt32>(unsafeBitPattern: address).store(newValue)
        }
    }

    /// Sets or clears bits by the aliases of chapter "Atomic register access", which peripherals
    /// behind the APB bridge have and SIO has not.
    func set(_ bits: UInt32) { Hardware(address &+ 0x2000).value = bits }
    func clear(_ bits: UInt32) { Hardware(address &+ 0x3000).value = bits }
    func has(_ bits: UInt32) -> Bool { value & bits == bits }
}

/// Chapter "Subsystem resets".
enum Resets {
    static var reset: Hardware { Hardware(0x4000_C000) }
    static var done: Hardware { Hardware(0x4000_C008) }
    static let i2c0: UInt32 = 1 << 3
    static let ioBank0: UInt32 = 1 << 5
    static let padsBank0: UInt32 = 1 << 8
    static let timer: UInt32 = 1 << 21

    static func release(_ blocks: UInt32) {
        reset.clear(blocks)
        while !done.has(blocks) {}
    }
}

/// Chapter "Power-on state machine".
enum PowerOn {
    static var watchdogSelect: Hardware { Hardware(0x4001_0008) }
    /// All but the two oscillators, bits 0 and 1: the processors, the pins, every peripheral.
    static let allButOscillators: UInt32 = 0x0001_FFFC
}

/// Chapter "Crystal oscillator (XOSC)".
enum Crystal {
    static var control: Hardware { Hardware(0x4002_4000) }
    static var status: Hardware { Hardware(0x4002_4004) }
    static var startup: Hardware { Hardware(0x4002_400C) }
    /// ENABLE in bits 12 to 23, the range of 1 to 15 MHz below it.
    static let enable: UInt32 = 0xFAB << 12 | 0xAA0
    static let isStable: UInt32 = 1 << 31
}

/// Chapter "Ring oscillator (ROSC)".
enum RingOscillator {
    static var randomBit: Hardware { Hardware(0x4006_001C) }
}

/// Chapter "Clocks".
enum Clocks {
    static var referenceControl: Hardware { Hardware(0x4000_8030) }
    static var referenceSelected: Hardware { Hardware(0x4000_8038) }
    static var systemControl: Hardware { Hardware(0x4000_803C) }
    static var systemSelected: Hardware { Hardware(0x4000_8044) }
    static var counterReference: Hardware { Hardware(0x4000_8080) }
    static var counterMinimum: Hardware { Hardware(0x4000_8084) }
    static var counterMaximum: Hardware { Hardware(0x4000_8088) }
    static var counterInterval: Hardware { Hardware(0x4000_8090) }
    static var counterSource: Hardware { Hardware(0x4000_8094) }
    static var counterStatus: Hardware { Hardware(0x4000_8098) }
    static var counterResult: Hardware { Hardware(0x4000_809C) }
    static let counterDone: UInt32 = 1 << 4
    static let ringOscillatorSource: UInt32 = 3
}

/// Chapter "Watchdog". Its tick also drives the timer.
enum WatchdogRegisters {
    static var control: Hardware { Hardware(0x4005_8000) }
    static var load: Hardware { Hardware(0x4005_8004) }
    static var reason: Hardware { Hardware(0x4005_8008) }
    static var tick: Hardware { Hardware(0x4005_802C) }
    static func scratch(_ index: UInt) -> Hardware { Hardware(0x4005_800C &+ 4 &* index) }
    static let enable: UInt32 = 1 << 30
    static let byTimer: UInt32 = 1 << 0
    static let byForce: UInt32 = 1 << 1
    static let tickEnable: UInt32 = 1 << 9
}

/// Chapter "Timer": µs, the low 32 bits without the latch of the high ones.
enum Timer {
    static var low: Hardware { Hardware(0x4005_4028) }
}

/// Chapter "SIO": the processor's own pins. Always clocked.
enum SIO {
    static var input: Hardware { Hardware(0xD000_0004) }
    static var outputSet: Hardware { Hardware(0xD000_0014) }
    static var outputClear: Hardware { Hardware(0xD000_0018) }
}

/// Chapter "GPIO", for bank 0.
enum PinRegisters {
    static func control(_ pin: UInt32) -> Hardware { Hardware(0x4001_4004 &+ 8 &* UInt(pin)) }
    static func pad(_ pin: UInt32) -> Hardware { Hardware(0x4001_C004 &+ 4 &* UInt(pin)) }
    static let functionI2C: UInt32 = 3
    static let functionSIO: UInt32 = 5
    /// Input on, Schmitt trigger, pull-up or pull-down.
    static let pulledUp: UInt32 = 1 << 6 | 1 << 3 | 1 << 1
    static let pulledDown: UInt32 = 1 << 6 | 1 << 2 | 1 << 1
}

/// Chapter "I2C": Synopsys DW_apb_i2c, instance 0.
enum I2C0 {
    static var control: Hardware { Hardware(0x4004_4000) }
    static var targetAddress: Hardware { Hardware(0x4004_4008) }
    static var data: Hardware { Hardware(0x4004_4010) }
    static var interruptMask: Hardware { Hardware(0x4004_4030) }
    static var rawInterrupts: Hardware { Hardware(0x4004_4034) }
    static var clearReadRequest: Hardware { Hardware(0x4004_4050) }
    static var clearAbort: Hardware { Hardware(0x4004_4054) }
    static var clearStop: Hardware { Hardware(0x4004_4060) }
    static var enable: Hardware { Hardware(0x4004_406C) }
    static var status: Hardware { Hardware(0x4004_4070) }
    static var dataHold: Hardware { Hardware(0x4004_407C) }
    static var dataSetup: Hardware { Hardware(0x4004_4094) }
    static var generalCall: Hardware { Hardware(0x4004_4098) }
    static var spikeLength: Hardware { Hardware(0x4004_40A0) }

    // IC_DATA_CMD.
    static let isFirstByte: UInt32 = 1 << 11
    // IC_RAW_INTR_STAT.
    static let readRequest: UInt32 = 1 << 5
    static let abort: UInt32 = 1 << 6
    static let stopDetected: UInt32 = 1 << 9
    // IC_STATUS.
    static let hasReceived: UInt32 = 1 << 3
    static let isAddressed: UInt32 = 1 << 6
}

/// Cortex-M0+, "SysTick": counts the processor's clock down in 24 bits.
enum SysTick {
    static var control: Hardware { Hardware(0xE000_E010) }
    static var reload: Hardware { Hardware(0xE000_E014) }
    static var current: Hardware { Hardware(0xE000_E018) }
    /// Running, from the processor's clock, without an interrupt.
    static let run: UInt32 = 0b101
}
