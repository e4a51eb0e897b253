import RelayBoard
import _Volatile

/// The last two sectors of the Pico's 2 MB of flash, by the boot ROM's functions.
struct TripFlash: TripLogFlash {
    private static let offset: UInt32 = 0x001F_E000
    private static let sectorSize: UInt32 = 4_096
    private static let uncached: UInt = 0x1300_0000

    private let routines: InlineArray<5, UInt32>

    /// - Returns: nil if the boot ROM lacks a function: then this is no RP2040.
    init?() {
        guard let connect = Self.find("I", "F"), let exit = Self.find("E", "X"),
            let erase = Self.find("R", "E"), let program = Self.find("R", "P"),
            let flush = Self.find("F", "C")
        else { return nil }
        routines = [connect, exit, erase, program, flush]
    }

    /// Walks the ROM's table of functions: pairs of a code of two letters and an address, 16 bits
    /// each, until a code of 0 (data sheet, chapter "Bootrom", "Bootrom contents").
    private static func find(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> UInt32? {
        let code = UInt16(UInt8(ascii: first)) | UInt16(UInt8(ascii: second)) &<< 8
        var entry = UInt(half(0x14))
        // No ROM has so many functions: a table without an end is no table.
        for _ in 0..<256 {
            let found = half(entry)
            if found == code { return UInt32(half(entry &+ 2)) }
            if found == 0 { return nil }
            entry &+= 4
        }
        return nil
    }

    private static func half(_ address: UInt) -> UInt16 {
        VolatileMappedRegister<UInt16>(unsafeBitPattern: address).load()
    }

    func word(_ index: Int) -> UInt32 {
        Hardware(Self.uncached &+ UInt(Self.offset) &+ 4 &* UInt(bitPattern: index)).value
    }

    /// Writes the whole page that the slot lies in, with ones, which change nothing, everywhere
    /// else.
    mutating func program(_ words: InlineArray<4, UInt32>, into slot: Int) {
        var page = InlineArray<64, UInt32>(repeating: .max)
        let position = slot & 15
        for index in 0..<4 { page[4 &* position &+ index] = words[index] }
        let offset = Self.offset &+ UInt32(truncatingIfNeeded: slot &>> 4) &* 256
        withUnsafePointer(to: page) { page in
            page.withMemoryRebound(to: UInt32.self, capacity: 64) { change(offset, $0) }
        }
    }

    mutating func erase(_ sector: Int) {
        Watchdog.allowErasing()
        change(Self.offset &+ UInt32(truncatingIfNeeded: sector) &* Self.sectorSize, nil)
    }

    private func change(_ offset: UInt32, _ page: UnsafePointer<UInt32>?) {
        withUnsafePointer(to: routines) { routines in
            routines.withMemoryRebound(to: UInt32.self, capacity: 5) {
                changeFlash($0, offset, page)
            }
        }
    }
}

/// The trip latch as the board keeps it over a loss of power.
struct TripLatch {
    private var flash: TripFlash
    private var log: TripLog

    var cause: TripCause { log.cause }
    var onAtTrip: RelayMask { log.onAtTrip }

    /// Before the watchdog runs and the bus answers: a sector may be erased here.
    ///
    /// - Returns: nil if what the log says cannot be written, because of the flash or of its ROM.
    init?() {
        guard var flash = TripFlash() else { return nil }
        var log = TripLog(reading: flash)
        if !log.isSettled, !log.write(log.cause, onAtTrip: log.onAtTrip, to: &flash) {
            return nil
        }
        log.makeRoom(in: &flash)
        self.flash = flash
        self.log = log
    }

    /// Writes what has changed. Waits while a sector would have to be erased under relays that are
    /// on: a reset that is not on record yet is a trip after a loss of power, no more.
    ///
    /// - Returns: false if the flash does not take it.
    mutating func keep(_ memory: ResetMemory, drive: RelayMask) -> Bool {
        guard memory.tripCause != log.cause else { return true }
        if log.needsErasing, !drive.isEmpty { return true }
        return log.write(memory.tripCause, onAtTrip: memory.onAtTrip, to: &flash)
    }
}

/// In `flash.S`.
@_silgen_name("flash_change")
private func changeFlash(
    _ routines: UnsafePointer<UInt32>, _ offset: UInt32, _ page: UnsafePointer<UInt32>?)
