public import Events
public import Units

/// What must survive power loss so that a lockout does: which FATALs, in which order, and how often
/// it was reset lately. Two copies are kept, in two places; a record without a FATAL is as real as
/// one with, so that a missing file can be told from a clear one.
///
/// Time: instants are of the run that made the record and mean nothing to the next one. Resets are
/// therefore kept as a count; after a boot all of them count as made at boot time (§7.5).
public struct LockoutRecord: Hashable, Sendable {
    /// FATALs after the sixteenth add nothing that a technician could use; they are in the journal.
    public static let entryCapacity = 16

    public struct Entry: Hashable, Sendable {
        public var code: AlarmCode
        public var tick: Tick
        /// Milliseconds after the start of the run.
        public var at: Instant
        public var value: Int32
        public var limit: Int32

        public init(code: AlarmCode, tick: Tick, at: Instant, value: Int32, limit: Int32) {
            self.code = code
            self.tick = tick
            self.at = at
            self.value = value
            self.limit = limit
        }
    }

    /// Raised with each change; the copy with the higher number is the newer one.
    public var sequence: UInt32 = 0
    /// Accepted resets in the last 15 minutes, 0 to 5.
    public var recentResets: UInt8 = 0
    /// Where the heating job stood when the first one came.
    public var stateAtTrip = HeatingState.standby
    public private(set) var count: UInt8 = 0
    private var entries: InlineArray<16, Entry>

    public init() {
        entries = InlineArray(
            repeating: Entry(code: .gasLeak, tick: Tick(0), at: Instant(0), value: 0, limit: 0))
    }

    public var isLocked: Bool { count > 0 }
    /// The FATAL that came first.
    public var firstOut: AlarmCode? { count > 0 ? entries[0].code : nil }

    /// - Precondition: `index` is below `count`.
    public subscript(index: Int) -> Entry {
        precondition(index >= 0 && index < Int(count), "no entry at this index")
        return entries[index]
    }

    public func contains(_ code: AlarmCode) -> Bool {
        for index in 0..<Int(count) where entries[index].code == code { return true }
        return false
    }

    /// Appends `entry` unless its code is there already or the record is full.
    public mutating func append(_ entry: Entry) {
        guard count < Self.entryCapacity, !contains(entry.code) else { return }
        entries[Int(count)] = entry
        count += 1
    }

    /// Forgets the FATALs, keeps sequence and resets.
    public mutating func clear() {
        count = 0
        stateAtTrip = .standby
    }

    public static func == (lhs: LockoutRecord, rhs: LockoutRecord) -> Bool {
        guard lhs.sequence == rhs.sequence, lhs.recentResets == rhs.recentResets,
            lhs.stateAtTrip == rhs.stateAtTrip, lhs.count == rhs.count
        else { return false }
        for index in 0..<Int(lhs.count) where lhs.entries[index] != rhs.entries[index] {
            return false
        }
        return true
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(sequence)
        hasher.combine(count)
    }
}

// The bytes of a copy. Little-endian, 512 in all:
//
// | Offset | Bytes | Content                                            |
// |--------|-------|----------------------------------------------------|
// | 0      | 4     | "BBLK"                                             |
// | 4      | 1     | layout version, 1                                  |
// | 5      | 1     | count of entries                                   |
// | 6      | 1     | recent resets                                      |
// | 7      | 1     | state at trip: 0 standby, 1 complete, 2 failed,    |
// |        |       | 3 lockout, 16 + n step n                           |
// | 8      | 4     | sequence                                           |
// | 12     | 26×16 | entries: number 2, tick 8, at 8, value 4, limit 4  |
// | 508    | 4     | CRC-32 of bytes 0 to 507                           |

extension LockoutRecord {
    /// One SD-card sector, so that a write of a copy is one sector's write.
    public static let encodedLength = 512
    private static let entryLength = 26
    private static let magic: UInt32 = 0x4B4C_4242

    /// The bytes of a copy of this record.
    public func encoded() -> InlineArray<512, UInt8> {
        var bytes = InlineArray<512, UInt8>(repeating: 0)
        Self.put(Self.magic, at: 0, in: &bytes)
        bytes[4] = 1
        bytes[5] = count
        bytes[6] = recentResets
        switch stateAtTrip {
        case .standby: bytes[7] = 0
        case .complete: bytes[7] = 1
        case .failed: bytes[7] = 2
        case .lockout: bytes[7] = 3
        case .step(let index): bytes[7] = 16 &+ index
        }
        Self.put(sequence, at: 8, in: &bytes)
        for index in 0..<Int(count) {
            let entry = entries[index]
            let place = 12 + index * Self.entryLength
            Self.put(entry.code.number, at: place, in: &bytes)
            Self.put(entry.tick.rawValue, at: place + 2, in: &bytes)
            Self.put(UInt64(bitPattern: entry.at.rawValue), at: place + 10, in: &bytes)
            Self.put(UInt32(bitPattern: entry.value), at: place + 18, in: &bytes)
            Self.put(UInt32(bitPattern: entry.limit), at: place + 22, in: &bytes)
        }
        Self.put(Self.crc32(of: bytes), at: 508, in: &bytes)
        return bytes
    }

    /// Reads a copy back. Nil for anything that is not, whole and unchanged, what `encoded` made:
    /// the caller then has a bad copy, which is never the same as no lockout.
    public init?(decoding bytes: InlineArray<512, UInt8>) {
        guard Self.get32(at: 0, in: bytes) == Self.magic, bytes[4] == 1,
            Int(bytes[5]) <= Self.entryCapacity,
            Self.get32(at: 508, in: bytes) == Self.crc32(of: bytes)
        else { return nil }
        self.init()
        recentResets = bytes[6]
        switch bytes[7] {
        case 0: stateAtTrip = .standby
        case 1: stateAtTrip = .complete
        case 2: stateAtTrip = .failed
        case 3: stateAtTrip = .lockout
        case 16..<(16 + UInt8(Sequence.capacity)): stateAtTrip = .step(bytes[7] - 16)
        default: return nil
        }
        sequence = Self.get32(at: 8, in: bytes)
        for index in 0..<Int(bytes[5]) {
            let place = 12 + index * Self.entryLength
            guard let code = AlarmCode(number: Self.get16(at: place, in: bytes))
            else { return nil }
            append(
                Entry(
                    code: code,
                    tick: Tick(Self.get64(at: place + 2, in: bytes)),
                    at: Instant(
                        Int64(bitPattern: Self.get64(at: place + 10, in: bytes))),
                    value: Int32(bitPattern: Self.get32(at: place + 18, in: bytes)),
                    limit: Int32(bitPattern: Self.get32(at: place + 22, in: bytes))))
        }
        guard count == bytes[5] else { return nil }
    }

    private static func put(
        _ number: UInt64, at place: Int, in bytes: inout InlineArray<512, UInt8>
    ) {
        put(UInt32(truncatingIfNeeded: number), at: place, in: &bytes)
        put(UInt32(truncatingIfNeeded: number &>> 32), at: place + 4, in: &bytes)
    }

    private static func put(
        _ number: UInt32, at place: Int, in bytes: inout InlineArray<512, UInt8>
    ) {
        put(UInt16(truncatingIfNeeded: number), at: place, in: &bytes)
        put(UInt16(truncatingIfNeeded: number >> 16), at: place + 2, in: &bytes)
    }

    private static func put(
        _ number: UInt16, at place: Int, in bytes: inout InlineArray<512, UInt8>
    ) {
        bytes[place] = UInt8(truncatingIfNeeded: number)
        bytes[place + 1] = UInt8(truncatingIfNeeded: number >> 8)
    }

    private static func get16(at place: Int, in bytes: InlineArray<512, UInt8>) -> UInt16 {
        UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
    }

    private static func get32(at place: Int, in bytes: InlineArray<512, UInt8>) -> UInt32 {
        UInt32(get16(at: place, in: bytes)) | UInt32(get16(at: place + 2, in: bytes)) << 16
    }

    private static func get64(at place: Int, in bytes: InlineArray<512, UInt8>) -> UInt64 {
        UInt64(widening: get32(at: place, in: bytes))
            | UInt64(widening: get32(at: place + 4, in: bytes)) &<< 32
    }

    /// CRC-32 as in IEEE 802.3 (reflected 0xEDB88320), by bits: it runs when something trips or
    /// starts, never in an ordinary tick.
    private static func crc32(of bytes: InlineArray<512, UInt8>) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for index in 0..<508 {
            crc ^= UInt32(bytes[index])
            for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 0 ? 0 : 0xEDB8_8320) }
        }
        return ~crc
    }
}
