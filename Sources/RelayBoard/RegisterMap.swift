/// The relay board as the Pi sees it: an SMBus target at 0x43 that knows block transfers only.
///
/// | Reg  | Name       | Dir | Bytes | Content                                                       |
/// |------|------------|-----|-------|---------------------------------------------------------------|
/// | 0x00 | identity   | R   | 8     | see `BoardIdentity`                                           |
/// | 0x01 | status     | R   | 16    | see `BoardStatus`                                             |
/// | 0x02 | control    | W   | 3     | heartbeat number, whole relay mask, proof token or 0          |
/// | 0x03 | configure  | W   | 4     | profile, lease in ms (little-endian, 16 bits), 0              |
/// | 0x04 | arm        | W   | 2     | 0x41 0x52: energising is allowed from the next control write  |
/// | 0x05 | trip       | W   | 2     | 0x54 0x50: all off, latched until the local reset             |
/// | 0x06 | counters   | R   | 8     | PEC errors, refused writes, expiries, trips: 16 bits each,    |
/// |      |            |     |       | little-endian, modulo 65 536                                  |
///
/// On the wire a write is `address+W, register, count, bytes, PEC` and a read is `address+W,
/// register, repeated start, address+R, count, bytes, PEC`. The PEC covers all that stands before
/// it, address bytes included. Reading a register that is not in the table, or may only be written,
/// gives a block of 0 bytes; writing one that may only be read is refused.
///
/// A write takes effect at its STOP, whole or not at all. A damaged write (wrong PEC) is not even
/// refused: it is counted and leaves no other trace. A refused write changes nothing, and so a
/// control write with a forbidden mask renews no lease.
///
/// There is one exception, because off is always allowed: a control write that asks for fewer
/// relays than are on now, and for none that is off, drops those relays even if its heartbeat
/// number is wrong. It is still a refused write: it renews no lease and takes no number. So a host
/// that has lost count can open a valve's relay but never hold one. A forbidden mask stays refused
/// whole, since taking away the pump and leaving the heat is not "off".
///
/// The last byte of `configure` must be 0. What a site may forgo (the pump of a static tank, a
/// spark before the valve) depends on its wiring; a host that may be hostile cannot grant it.
public enum Register: UInt8, Sendable {
    case identity = 0x00
    case status = 0x01
    case control = 0x02
    case configure = 0x03
    case arm = 0x04
    case trip = 0x05
    case counters = 0x06

    /// The seven-bit address. 0x43 is free on a Pi's bus 1 (chosen by the site's owner).
    public static let address: UInt8 = 0x43
    /// "BUSB", so that another device at this address is not taken for a relay board.
    public static let magic: UInt32 = 0x4253_5542
    /// Raised with every change of this map. The Pi refuses a board whose map it does not know.
    public static let mapVersion: UInt8 = 1
    public static let armKey: (UInt8, UInt8) = (0x41, 0x52)
    public static let tripKey: (UInt8, UInt8) = (0x54, 0x50)

    /// The proof that belongs to heartbeat `number`, so that a stuck byte is not a proof twice
    /// within 128 heartbeats. Bit 7 is always set: the 0 of a host without proof is never one.
    public static func proof(for number: UInt8) -> UInt8 { 0x80 | (number ^ 0x43) }

    /// How many bytes a write to this register carries; nil if it may only be read.
    public var writeLength: UInt8? {
        switch self {
        case .control: 3
        case .configure: 4
        case .arm, .trip: 2
        case .identity, .status, .counters: nil
        }
    }

    /// How many bytes a read of this register gives; nil if it may only be written.
    public var readLength: UInt8? {
        switch self {
        case .identity, .counters: 8
        case .status: 16
        case .control, .configure, .arm, .trip: nil
        }
    }
}

/// What the board refuses on its own depends on what hangs on its relays.
public enum BoardProfile: UInt8, Sendable {
    /// A water heater: lease at most 1 000 ms, rules P4 to P8 for fuel and heat.
    case burner = 1
}

/// Why the board opened its relays by itself.
public enum TripCause: UInt8, Sendable {
    case none = 0
    /// The host wrote TRIP.
    case host = 1
    /// The lease ran out with a heat relay on (P2, P3).
    case leaseWithHeat = 2
    /// Heat on without proof (P5).
    case unproven = 3
    /// Heat on longer than the hard cap (P8).
    case heatTooLong = 4
    /// A pin read back other than it was driven (P9).
    case readBack = 5
    /// Too many watchdog resets (P10).
    case watchdog = 6
    /// A self-test that runs during operation failed (P11). One that fails at boot trips nothing:
    /// the board then cannot be armed at all.
    case selfTest = 7
    // A spark held too long (P6) is no trip: the spark goes off and stays refused for its rest.
}

public enum BoardResetCause: UInt8, Sendable { case powerOn = 0, watchdog = 1, forced = 2 }

/// Why the last refused write was refused.
public enum WriteRefusal: UInt8, Sendable {
    case none = 0
    /// No such register, or one that may only be read.
    case unknownRegister = 1
    /// The byte count is not the register's, or is not how many bytes came.
    case wrongLength = 2
    /// ARM or TRIP without its key; `configure` with an unknown profile or a last byte other than
    /// 0.
    case wrongKey = 3
    /// Relays were to be energised on a board that is not armed.
    case notArmed = 4
    /// Relays were to be energised on a tripped board.
    case tripped = 5
    /// The heartbeat number is not the last accepted one plus 1.
    case repeatedHeartbeat = 6
    /// P4.
    case forbiddenMask = 7
    case leaseOutOfRange = 8
    /// P6.
    case sparkResting = 9
    /// P7.
    case heatResting = 10
    /// ARM on a tripped board while the local reset does not count.
    case noLocalReset = 11
    /// ARM on a board that failed a self-test (P11).
    case selfTestFailed = 12
}

/// The 16 bytes of the status register.
///
/// | Byte  | Content                                                                              |
/// |-------|--------------------------------------------------------------------------------------|
/// | 0     | bit 0 armed, 1 lease running, 2 expired latch, 3 tripped latch, 4 read-back mismatch, |
/// |       | 5 local reset counts, 6 self-test passed, 7 spark and heat have rested               |
/// | 1     | relays wanted                                                                        |
/// | 2     | pins read back                                                                       |
/// | 3     | last accepted heartbeat number; a host that starts continues from it                 |
/// | 4     | trip cause                                                                           |
/// | 5     | relays that were on when the lease last ran out or the board tripped                 |
/// | 6     | cause of the last reset                                                              |
/// | 7     | boot count, modulo 256                                                               |
/// | 8–11  | the board's clock, µs, 32 bits little-endian, wraps after 71.6 min                   |
/// | 12    | why the last refused write was refused                                               |
/// | 13    | refused writes, modulo 256                                                           |
/// | 14–15 | lease in ms, little-endian                                                           |
public struct BoardStatus: Hashable, Sendable {
    public static let length = 16

    /// Byte 0. Eight truths in the byte that they travel in, so that reading a status is a copy.
    var flags: UInt8 = 0
    public var wanted = RelayMask.none
    public var actual = RelayMask.none
    public var lastHeartbeat: UInt8 = 0
    public var tripCause = TripCause.none
    public var onAtTrip = RelayMask.none
    public var resetCause = BoardResetCause.powerOn
    public var bootCount: UInt8 = 0
    public var clockMicroseconds: UInt32 = 0
    public var refusal = WriteRefusal.none
    public var refusedCount: UInt8 = 0
    public var leaseMilliseconds: UInt16 = 0

    public init() {}

    public var isArmed: Bool {
        get { flag(0) }
        set { setFlag(0, newValue) }
    }
    public var isLeaseRunning: Bool {
        get { flag(1) }
        set { setFlag(1, newValue) }
    }
    /// The lease ran out with no heat relay on; ARM clears it.
    public var hasExpired: Bool {
        get { flag(2) }
        set { setFlag(2, newValue) }
    }
    /// Cleared by ARM while the local reset counts, and by nothing else.
    public var isTripped: Bool {
        get { flag(3) }
        set { setFlag(3, newValue) }
    }
    /// The pins differ from what is driven now.
    public var hasMismatch: Bool {
        get { flag(4) }
        set { setFlag(4, newValue) }
    }
    /// The local reset counts now (see `LocalReset`).
    public var hasLocalReset: Bool {
        get { flag(5) }
        set { setFlag(5, newValue) }
    }
    public var selfTestPassed: Bool {
        get { flag(6) }
        set { setFlag(6, newValue) }
    }
    /// Neither P6 nor P7 would refuse a spark or heat now.
    public var isRested: Bool {
        get { flag(7) }
        set { setFlag(7, newValue) }
    }

    private func flag(_ bit: UInt8) -> Bool { flags & (1 &<< bit) != 0 }
    private mutating func setFlag(_ bit: UInt8, _ isSet: Bool) {
        flags = flags & ~(1 &<< bit) | (isSet ? 1 : 0) &<< bit
    }
}

/// The 8 bytes of the identity register.
///
/// | Byte | Content                                              |
/// |------|------------------------------------------------------|
/// | 0–3  | magic, little-endian: the letters "BUSB"             |
/// | 4    | map version                                          |
/// | 5, 6 | firmware version: major, minor                       |
/// | 7    | self-test: bit 0 image CRC, 1 RAM, 2 clock; 1 passed |
public struct BoardIdentity: Hashable, Sendable {
    public static let length = 8

    public var magic: UInt32 = 0
    public var mapVersion: UInt8 = 0
    public var firmwareMajor: UInt8 = 0
    public var firmwareMinor: UInt8 = 0
    /// Bit 0 image CRC, 1 RAM, 2 clock: 1 is passed. All three make 0b111.
    public var selfTest: UInt8 = 0

    public static let selfTestPassed: UInt8 = 0b111

    public init() {}
}
