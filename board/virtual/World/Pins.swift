import Glibc
import LinuxHAL

/// The world's side of the GPIO chip: reads what an output drives, and drives the inputs.
///
/// The chip is the kernel's gpio-sim, whose lines each have a folder in sysfs: `value` reads the
/// line, `pull` is what drives it from outside.
struct Pins: ~Copyable {
    private let folder: String
    private let permit: Descriptor
    private var isPermitHigh = false

    private init(folder: String, permit: consuming Descriptor) {
        self.folder = folder
        self.permit = permit
    }

    /// - Parameters:
    ///   - folder: of the chip in sysfs.
    ///   - permit: offset of the line that rises in each tick.
    static func open(folder: String, permit: Int) throws(SystemError) -> Pins {
        let value = try Descriptor(
            opening: "\(folder)/sim_gpio\(permit)/value", O_RDONLY,
            advice: "the virtual board's init makes the chip; look at its console log")
        var pins = Pins(folder: folder, permit: value)
        _ = pins.permitRises()
        return pins
    }

    /// - Returns: whether the line rose since the last call. Within a tick it is low for as long as
    ///   the board is spoken to, and the board is us: so no rise is missed.
    mutating func permitRises() -> Bool {
        var character: UInt8 = 0
        guard pread(permit.number, &character, 1, 0) == 1 else {
            complain("the permit line cannot be read: errno \(errno)")
            return false
        }
        let isHigh = character == UInt8(ascii: "1")
        defer { isPermitHigh = isHigh }
        return isHigh && !isPermitHigh
    }

    /// Drives an input.
    func drive(_ offset: Int, high isHigh: Bool) throws(SystemError) {
        let path = "\(folder)/sim_gpio\(offset)/pull"
        let file = try Descriptor(
            opening: path, O_WRONLY, advice: "the chip has no such line: see board/virtual/init")
        try file.write(
            Array((isHigh ? "pull-up" : "pull-down").utf8), "drive \(path)",
            advice: "is it an output of somebody's?")
    }
}
