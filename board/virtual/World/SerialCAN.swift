import Glibc
import LinuxHAL
import Units

/// The CAN controller and its transceiver: a program behind a serial line, as the kernel's slcan
/// driver knows them.
///
/// The kernel sees a CAN interface like any other, with bit rate, state and restart. What the
/// controller says comes from here: frames, errors, and its state on the way to bus-off.
struct SerialCAN: ~Copyable {
    /// From <asm-generic/ioctls.h> and <linux/tty.h>, which Swift's Glibc leaves out.
    private static let unlock: UInt = 0x4004_5431
    private static let terminalNumber: UInt = 0x8004_5430
    private static let setDiscipline: UInt = 0x5423
    private static let slcan: Int32 = 17

    /// The end that this program holds.
    let line: Descriptor
    /// The kernel's end, kept open: the interface lives as long as it.
    private let terminal: Descriptor
    private var unfinished: [UInt8] = []

    private init(line: consuming Descriptor, terminal: consuming Descriptor) {
        self.line = line
        self.terminal = terminal
    }

    /// Makes the interface; the kernel calls the first one can0.
    ///
    /// - Throws: what the kernel refused, with what to load.
    static func open() throws(SystemError) -> SerialCAN {
        let advice = "run this on the virtual board, whose kernel has slcan"
        let line = try Descriptor(
            opening: "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, advice: advice)
        var zero: Int32 = 0
        try line.control(unlock, &zero, "unlock a pseudo-terminal", advice: advice)
        var number: Int32 = 0
        try line.control(terminalNumber, &number, "name a pseudo-terminal", advice: advice)
        let terminal = try Descriptor(
            opening: "/dev/pts/\(number)", O_RDWR | O_NOCTTY, advice: advice)
        var mode = termios()
        tcgetattr(terminal.number, &mode)
        cfmakeraw(&mode)
        tcsetattr(terminal.number, TCSANOW, &mode)
        var discipline = slcan
        try terminal.control(
            setDiscipline, &discipline, "make a CAN interface of a pseudo-terminal",
            advice: advice)
        return SerialCAN(line: line, terminal: terminal)
    }

    /// A frame on the wire. One that the line has no room for is lost, as it would be there.
    func send(_ frame: CANFrame) {
        let isExtended = frame.id & CANFrame.extendedFlag != 0
        let id = frame.id & ~CANFrame.extendedFlag
        var text = isExtended ? "T\(Self.hex(id, 8))" : "t\(Self.hex(id, 3))"
        text += "\(frame.length)"
        for index in 0..<Int(frame.length) { text += Self.hex(UInt32(frame.byte(index)), 2) }
        say(text)
    }

    /// Without data: 8,000 of them are nine tenths of what a wire with 500 kbit/s carries (47 bits
    /// and those that are stuffed into them).
    private static let foreignFrame = Array("t7F00\r".utf8)
    private static let foreignFrames = Array(
        repeatElement(foreignFrame, count: ForeignTraffic.burstMax).joined())

    /// So many frames that concern nobody here, at most `ForeignTraffic.burstMax`.
    func sendForeign(_ count: Int) {
        let length = count * Self.foreignFrame.count
        let written = Self.foreignFrames.withUnsafeBytes {
            Glibc.write(line.number, $0.baseAddress, min(length, $0.count))
        }
        if written != length { complain("the serial line had no room for \(count) frames") }
    }

    /// The controller's state, with the error counters that belong to it (CAN 2.0: passive from
    /// 128, bus-off above 255).
    func report(_ state: CANBusState) {
        switch state {
        case .active: say("sa000000")
        case .passive: say("sp000130")
        case .busOff: say("sb000255")
        case .down: break
        }
    }

    /// One line of the protocol, as it is: "e1c" is a frame with a wrong checksum.
    func say(_ text: String) {
        let bytes = Array((text + "\r").utf8)
        let count = Glibc.write(line.number, bytes, bytes.count)
        if count != bytes.count { complain("the serial line had no room for \(text)") }
    }

    /// The commands that the kernel has sent: "S6" is 500 kbit/s, "O" open, "C" close. Frames that
    /// somebody sends on the interface are passed over: nobody on this wire listens to them.
    mutating func commands() -> [String] {
        var found: [String] = []
        for byte in line.read() {
            guard byte == 13 else {
                unfinished.append(byte)
                continue
            }
            let isFrame = unfinished.first.map { $0 | 0x20 == UInt8(ascii: "t") } ?? false
            if !isFrame { found.append(String(decoding: unfinished, as: UTF8.self)) }
            unfinished.removeAll(keepingCapacity: true)
        }
        return found
    }

    private static func hex(_ value: UInt32, _ digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
