import CGPIOD
import Glibc
public import LinuxHAL

/// Where a line is: by the name that the board's device tree gives it, or by its offset on a chip.
/// Names are the same on every Raspberry Pi; chips are numbered anew by each kernel.
public enum GPIOPlace: Hashable, Sendable, CustomStringConvertible {
    /// On any chip, such as GPIO17.
    case name(String)
    /// On a chip with a name in /dev, such as gpiochip0.
    case offset(UInt32, chip: String)

    public var description: String {
        switch self {
        case .name(let name): "GPIO line \(name)"
        case .offset(let offset, let chip): "GPIO line \(offset) of \(chip)"
        }
    }
}

/// One line of a GPIO chip, held by this process alone.
///
/// When the process ends the kernel lets go of the line. An output then falls back or stays as it
/// is: that depends on chip, driver and kernel (gpio-sim was seen to fall back). Busbar relies on
/// neither, which is why the permit line means nothing by its level and everything by its changes.
public struct GPIOLine: ~Copyable {
    private let line: UnsafeMutablePointer<busbar_gpio_line>

    /// - Parameter isOutput: it is then driven low at once.
    /// - Throws: when there is no such line, or another process has it.
    public init(_ place: GPIOPlace, isOutput: Bool) throws(SystemError) {
        var error: Int32 = 0
        let opened =
            switch place {
            case .name(let name):
                busbar_gpio_open(nil, name, 0, isOutput ? 1 : 0, "busbard", &error)
            case .offset(let offset, let chip):
                busbar_gpio_open(chip, nil, offset, isOutput ? 1 : 0, "busbard", &error)
            }
        guard let opened else { throw Self.refusal(place, error) }
        line = opened
    }

    deinit { busbar_gpio_close(line) }

    /// - Returns: nil when the kernel could not tell.
    public func level() -> Bool? {
        let level = busbar_gpio_get(line)
        return level < 0 ? nil : level == 1
    }

    /// - Returns: whether the kernel took it.
    public func drive(_ isHigh: Bool) -> Bool { busbar_gpio_set(line, isHigh ? 1 : 0) == 0 }

    private static func refusal(_ place: GPIOPlace, _ number: Int32) -> SystemError {
        let advice =
            switch number {
            case ENOENT, EINVAL: "compare the site's lines with what is there: gpioinfo"
            case EBUSY: "see who has it (gpioinfo) and end that, or take its overlay away"
            case EACCES, EPERM:
                "install Busbar's udev rules and put this user into the group busbar-devices"
            default: "look into the kernel's log: dmesg | grep gpio"
            }
        return SystemError("take \(place)", number: number, advice: advice)
    }
}
