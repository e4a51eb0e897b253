/// The flash that a trip log is kept in: two sectors that are erased each as a whole, to ones, and
/// whose bits can then only be cleared.
public protocol TripLogFlash: ~Copyable {
    /// - Parameter index: 0 to `TripLog.wordCount - 1`; the second sector follows the first.
    func word(_ index: Int) -> UInt32
    /// Clears the bits that `words` has cleared, in slot 0 to `TripLog.slotCount - 1`.
    mutating func program(_ words: InlineArray<4, UInt32>, into slot: Int)
    /// Sets all bits of sector 0 or 1.
    mutating func erase(_ sector: Int)
}

/// The trip latch over a loss of power: a log of which the newest record says how the board stands.
///
/// A record is written for each trip and for each reset of one, in the next free slot; a sector is
/// erased only when the other is full, which wears each of them once in 512 records. A trip needs
/// somebody at the button before the next one can come, so no host can wear the flash out.
///
/// Power may go at any moment. A slot that is neither blank nor a whole record is one whose writing
/// was cut short. Records tell of changes, and whichever change that was, the board then stands as
/// tripped: a trip that was not written to its end is a trip, and a reset that was not is none.
///
/// | Word | Content                                                                        |
/// |------|--------------------------------------------------------------------------------|
/// | 0    | number of the record, from 1                                                   |
/// | 1    | trip cause, 0 for a reset; relays on at the trip; 0x544C: 8, 8 and 16 bits     |
/// | 2    | all ones                                                                       |
/// | 3    | CRC-32 of words 0 and 1                                                        |
public struct TripLog: Sendable {
    public static let slotsPerSector = 256
    public static let slotCount = 512
    public static let wordCount = 2_048

    /// How the board stands; `.none` is not tripped. A trip whose record is damaged has the cause
    /// `.selfTest`, unless the record before it names one.
    public private(set) var cause = TripCause.none
    public private(set) var onAtTrip = RelayMask.none
    /// Whether the newest record says that, so that nothing needs to be written.
    public private(set) var isSettled = true

    private var number: UInt32 = 0
    /// The slot for the next record; `slotsPerSector` and `slotCount` are a sector's end.
    private var next = 0

    /// Whether the next record will have to erase a sector first, which takes up to 400 ms.
    public private(set) var needsErasing = false

    public init(reading flash: borrowing some TripLogFlash & ~Copyable) {
        let newest = readNewest(flash)
        let sector = newest.map { $0 / Self.slotsPerSector } ?? 0
        next = Self.firstFree(in: sector, flash)
        var isTorn = next > (newest ?? -1) &+ 1
        // A full sector: the next record went, or was to go, into the other one.
        if next == (sector &+ 1) &* Self.slotsPerSector, !isTorn || newest == nil {
            let other = 1 &- sector
            let first = other &* Self.slotsPerSector
            if !Self.isBlank(first, flash), Self.record(first, flash) == nil {
                isTorn = true
                next = Self.firstFree(in: other, flash)
            }
        }
        needsErasing = mustErase(flash)
        guard isTorn else { return }
        isSettled = false
        if cause == .none {
            cause = .selfTest
            onAtTrip = .none
        }
    }

    /// Writes how the board stands now.
    ///
    /// - Returns: false if the flash did not take it in four tries: it is worn out or broken.
    public mutating func write(
        _ cause: TripCause, onAtTrip: RelayMask, to flash: inout some TripLogFlash & ~Copyable
    ) -> Bool {
        self.cause = cause
        self.onAtTrip = onAtTrip
        for _ in 0..<4 {
            if next == Self.slotsPerSector || next == Self.slotCount { turnOver(&flash) }
            number &+= 1
            let content = UInt32(cause.rawValue) | UInt32(onAtTrip.rawValue) &<< 8 | 0x544C_0000
            let slot = next
            flash.program([number, content, .max, Self.check(number, content)], into: slot)
            next &+= 1
            needsErasing = mustErase(flash)
            if let written = Self.record(slot, flash), written == (number, content) {
                isSettled = true
                return true
            }
        }
        isSettled = false
        return false
    }

    /// Erases the sector that is not in use, unless it is blank. For the boot, when nobody waits:
    /// then no record has to wait for it later.
    public mutating func makeRoom(in flash: inout some TripLogFlash & ~Copyable) {
        guard isSettled, number != 0 else { return }
        let other = next &- 1 < Self.slotsPerSector ? 1 : 0
        if !Self.isBlankSector(other, flash) { flash.erase(other) }
        needsErasing = mustErase(flash)
    }

    private mutating func turnOver(_ flash: inout some TripLogFlash & ~Copyable) {
        let other = next == Self.slotCount ? 0 : 1
        if !Self.isBlankSector(other, flash) { flash.erase(other) }
        next = other &* Self.slotsPerSector
    }

    private func mustErase(_ flash: borrowing some TripLogFlash & ~Copyable) -> Bool {
        if next == Self.slotsPerSector { return !Self.isBlankSector(1, flash) }
        if next == Self.slotCount { return !Self.isBlankSector(0, flash) }
        return false
    }

    /// Takes over the newest record.
    ///
    /// - Returns: its slot, or nil if there is no whole record.
    private mutating func readNewest(_ flash: borrowing some TripLogFlash & ~Copyable) -> Int? {
        var newest: Int?
        for slot in 0..<Self.slotCount {
            guard let record = Self.record(slot, flash), record.number > number else { continue }
            newest = slot
            number = record.number
            // A cause that this firmware does not know is a trip all the same.
            cause = TripCause(rawValue: UInt8(truncatingIfNeeded: record.content)) ?? .selfTest
            onAtTrip = RelayMask(rawValue: UInt8(truncatingIfNeeded: record.content &>> 8))
        }
        return newest
    }

    /// The slot behind the last one that is not blank.
    private static func firstFree(
        in sector: Int, _ flash: borrowing some TripLogFlash & ~Copyable
    ) -> Int {
        var slot = (sector &+ 1) &* slotsPerSector
        while slot > sector &* slotsPerSector, isBlank(slot &- 1, flash) { slot &-= 1 }
        return slot
    }

    private static func isBlankSector(
        _ sector: Int, _ flash: borrowing some TripLogFlash & ~Copyable
    ) -> Bool { firstFree(in: sector, flash) == sector &* slotsPerSector }

    private static func isBlank(
        _ slot: Int, _ flash: borrowing some TripLogFlash & ~Copyable
    ) -> Bool {
        for index in 0..<4 where flash.word(4 &* slot &+ index) != .max { return false }
        return true
    }

    private static func record(
        _ slot: Int, _ flash: borrowing some TripLogFlash & ~Copyable
    ) -> (number: UInt32, content: UInt32)? {
        let number = flash.word(4 &* slot)
        let content = flash.word(4 &* slot &+ 1)
        guard content &>> 16 == 0x544C, flash.word(4 &* slot &+ 3) == check(number, content) else {
            return nil
        }
        return (number, content)
    }

    private static func check(_ number: UInt32, _ content: UInt32) -> UInt32 {
        var code = CRC32()
        code.add(number)
        code.add(content)
        return code.value
    }
}
