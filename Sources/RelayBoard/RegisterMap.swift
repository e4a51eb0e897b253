/// The relay board as the Pi sees it: an SMBus target at 0x43 that knows block transfers only.
///
/// | Reg  | Name       | Dir | Bytes | Content                                                       |
/// |------|------------|-----|-------|---------------------------------------------------------------|
/// | 0x00 | identity   | R   | 8     | magic "BUSB", map version, firmware major, minor, self-test   |
/// | 0x01 | status     | R   | 16    | see `BoardStatus`                                             |
/// | 0x02 | control    | W   | 3     | heartbeat number, whole relay mask, proof token               |
/// | 0x03 | configure  | W   | 4     | profile, lease in ms (little-endian, 16 bits), options        |
/// | 0x04 | arm        | W   | 2     | 0x41 0x52: energising is allowed from the next control write  |
/// | 0x05 | trip       | W   | 2     | 0x54 0x50: all off, latched until the local reset             |
/// | 0x06 | counters   | R   | 8     | PEC errors, refused writes, expiries, trips, each 16 bits     |
///
/// Each transfer carries a PEC, over the address bytes too. A block is a byte count and that many
/// bytes. At most 32 registers: what is not in the table is answered with an empty block and a
/// write to it is refused.
///
/// A write takes effect at its STOP, whole or not at all. A write that is refused changes nothing,
/// so a control write with a forbidden mask renews no lease either.
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

    /// The proof that belongs to heartbeat `number`: a stuck byte is not a proof twice.
    public static func proof(for number: UInt8) -> UInt8 { number ^ 0xC3 }
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
    /// The spark was held too long (P6) is no trip: the spark goes off and stays refused.
    case selfTest = 7
}

public enum BoardResetCause: UInt8, Sendable { case powerOn = 0, watchdog = 1, forced = 2 }

/// Why the last refused write was refused.
public enum WriteRefusal: UInt8, Sendable {
    case none = 0
    case unknownRegister = 1
    case wrongLength = 2
    case wrongKey = 3
    case notArmed = 4
    case tripped = 5
    case repeatedHeartbeat = 6
    case forbiddenMask = 7
    case leaseOutOfRange = 8
    case sparkResting = 9
    case heatResting = 10
    case noLocalReset = 11
    case selfTestFailed = 12
}

/// The 16 bytes of the status register.
///
/// | Byte  | Content                                                                              |
/// |-------|--------------------------------------------------------------------------------------|
/// | 0     | bit 0 armed, 1 lease running, 2 expired latch, 3 tripped latch, 4 read-back mismatch, |
/// |       | 5 local reset seen, 6 self-test passed, 7 spark allowed                               |
/// | 1     | relays wanted                                                                        |
/// | 2     | pins read back                                                                       |
/// | 3     | last accepted heartbeat number                                                       |
/// | 4     | trip cause                                                                           |
/// | 5     | relays that were on when the lease last ran out or the board tripped                 |
/// | 6     | cause of the last reset                                                              |
/// | 7     | boot count, modulo 256                                                               |
/// | 8–11  | the board's clock, µs, 32 bits, wraps after 71.6 min                                 |
/// | 12    | why the last refused write was refused                                               |
/// | 13    | refused writes, modulo 256                                                           |
/// | 14–15 | lease in ms                                                                          |
public struct BoardStatus: Hashable, Sendable {
    public static let length = 16

    public var isArmed = false
    public var isLeaseRunning = false
    public var hasExpired = false
    public var isTripped = false
    public var hasMismatch = false
    public var hasLocalReset = false
    public var selfTestPassed = false
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
}

/// The 8 bytes of the identity register.
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
