public import Wire

/// What the kernel says of this machine and this boot.
public enum ThisDevice {
    /// The kernel's own number of this boot. Zero if it does not tell.
    public static var boot: Identifier128 {
        let unknown = Identifier128(high: 0, low: 0)
        guard let text = firstLine(of: "boot_id", in: "/proc/sys/kernel/random") else {
            return unknown
        }
        return Identifier128(text: text) ?? unknown
    }

    /// The serial number that the board's firmware gives (on a Pi, of its processor). Nil where
    /// there is no device tree.
    public static var serial: String? { firstLine(of: "serial-number", in: "/proc/device-tree") }

    /// The number that its maker gave to the SD card or eMMC. Nil where there is none.
    public static var card: String? { firstLine(of: "cid", in: "/sys/block/mmcblk0/device") }

    /// Board and card together: a card that moved to another board, and a copied card in the same
    /// board, are both other hardware. Nil where neither tells its number.
    public static var hardware: String? {
        if serial == nil && card == nil { return nil }
        return "board \(serial ?? "-") card \(card ?? "-")"
    }

    private static func firstLine(of name: String, in directory: String) -> String? {
        guard case .bytes(let bytes) = StateFile(name, in: directory).read(limit: 256)
        else { return nil }
        // The device tree ends its texts with a zero, the kernel with a line feed.
        let line = bytes.prefix { $0 >= 0x20 && $0 < 0x7F }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }
}
