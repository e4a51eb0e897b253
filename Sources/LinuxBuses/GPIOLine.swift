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

    /// What a line is to somebody who does not have it.
    public enum Standing: Hashable, Sendable {
        case free
        /// By whom, as the kernel knows him: "busbard", "spi0 CS1"; empty where it does not.
        case taken(by: String)
        case missing
        /// It may not be looked at, or the kernel does not say.
        case unknown
    }

    /// Looks at a line and takes nothing.
    public static func standing(of place: GPIOPlace) -> Standing {
        var consumer = InlineArray<32, CChar>(repeating: 0)
        var span = consumer.mutableSpan
        let result = span.withUnsafeMutableBufferPointer { room in
            switch place {
            case .name(let name): busbar_gpio_look(nil, name, 0, room.baseAddress)
            case .offset(let offset, let chip):
                busbar_gpio_look(chip, nil, offset, room.baseAddress)
            }
        }
        switch result {
        case 0: return .free
        // EINVAL: an offset that the chip does not have.
        case ENOENT, EINVAL: return .missing
        case EBUSY:
            let name = consumer.span.withUnsafeBytes {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            return .taken(by: name)
        default: return .unknown
        }
    }

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
