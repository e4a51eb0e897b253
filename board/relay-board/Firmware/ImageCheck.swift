import RelayBoard

/// P11: the image's CRC, at boot as a whole and while the board runs four bytes a pass.
///
/// It is read past the cache (data sheet, "Flash", "Cache"): the cache would hide a flash that has
/// gone bad. Out of the count are the CRC itself and the second stage, which the boot ROM has
/// checked.
struct ImageCheck: ~Copyable {
    private static let uncached: UInt = 0x1300_0000
    private static let cached: UInt = 0x1000_0000
    private static let start: UInt = 0x0000_0100
    /// Behind 48 vectors: the address of the image's end, and the CRC.
    private static let header: UInt = 0x0000_01C0

    private var position = ImageCheck.start
    private var code = CRC32()

    private static func word(_ offset: UInt) -> UInt32 { Hardware(uncached &+ offset).value }

    /// The end by the image's own word. A damaged one must not lead out of the flash.
    private static var end: UInt? {
        let end = UInt(word(header)) &- cached
        return end > header && end <= 0x0020_0000 && end & 3 == 0 ? end : nil
    }

    /// - Returns: false as soon as the image is found to be wrong.
    mutating func step() -> Bool {
        guard let end = Self.end else { return false }
        if position != Self.header &+ 4 { code.add(Self.word(position)) }
        position &+= 4
        guard position >= end else { return true }
        let isWhole = code.value == Self.word(Self.header &+ 4)
        position = Self.start
        code = CRC32()
        return isWhole
    }

    static func imageIsWhole() -> Bool {
        var check = ImageCheck()
        repeat {
            if !check.step() { return false }
        } while check.position != start
        return true
    }
}
