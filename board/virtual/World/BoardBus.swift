import Glibc
import HAL
import LinuxHAL
import Simulation
import Units

/// The relay board's end of the kernel's I2C bus: takes each transfer from /dev/i2c-peer, lets the
/// board do it, and answers. The format is at modules/i2c-peer.c.
struct BoardBus: ~Copyable {
    /// What is wrong with the bus itself. What is wrong with the board is the board's.
    enum Fault: Equatable {
        /// Nobody acknowledges anything.
        case open
        /// Somebody holds a line: no transfer ever ends.
        case stuck
        /// Another master wins the next `count` transfers.
        case contested(Int)
    }

    let device: Descriptor
    var fault: Fault?
    /// A transfer whose answer waits for the clock to be let go.
    private var held: (number: [UInt8], until: Int64, answer: [UInt8])?

    /// Whether the clock of a transfer is held: it needs looking after without being asked.
    var isHolding: Bool { held != nil }

    init() throws(SystemError) {
        device = try Descriptor(
            opening: "/dev/i2c-peer", O_RDWR | O_NONBLOCK,
            advice: "load the virtual board's module i2c-peer")
    }

    /// One message of a transfer.
    private struct Message {
        var address: UInt8
        var isRead: Bool
        var isCounted: Bool
        var length: Int
        var bytes: [UInt8]
    }

    /// Does the transfer that waits, if there is one.
    ///
    /// - Parameter note: gets what was written, register first, without its PEC.
    mutating func serve(
        _ board: inout SimulatedRelayBoard, now: Int64, noting note: (String) -> Void
    ) {
        if let held, held.until <= now {
            answer(held.number, 0, held.answer)
            self.held = nil
        }
        let transfer = device.read()
        guard transfer.count > 5 else { return }
        let number = Array(transfer[..<4])
        let messages = Self.messages(transfer)
        if let status = refusal() {
            if let status { answer(number, status, []) }
            return
        }
        // SMBus has two kinds: a write, and a write with a read behind it.
        let written = messages.first { !$0.isRead }
        let read = messages.first { $0.isRead }
        let sent = written?.bytes ?? []
        do throws(RelayBusError) {
            let bytes = try board.transfer(
                sent.span, reading: read?.length ?? 0, isCounted: read?.isCounted ?? false,
                at: messages[0].address)
            if read == nil, sent.count > 2 { note(Self.hex([sent[0]] + sent[2..<sent.count - 1])) }
            guard board.stretch > .zero else {
                answer(number, 0, bytes)
                return
            }
            held = (number, now + board.stretch.rawValue, bytes)
        } catch {
            answer(number, -ENXIO, [])
        }
    }

    /// Nil to let the transfer pass; a status to refuse it with, or no status to leave it hanging.
    private mutating func refusal() -> Int32?? {
        switch fault {
        case nil: return nil
        case .open: return .some(-ENXIO)
        case .stuck: return .some(nil)
        case .contested(let count):
            fault = count > 1 ? .contested(count - 1) : nil
            return .some(-EAGAIN)
        }
    }

    private static func messages(_ transfer: [UInt8]) -> [Message] {
        var messages: [Message] = []
        var place = 5
        for _ in 0..<transfer[4] {
            let flags = transfer[place + 1]
            var message = Message(
                address: transfer[place], isRead: flags & 1 != 0, isCounted: flags & 2 != 0,
                length: Int(transfer[place + 2]), bytes: [])
            place += 3
            if !message.isRead {
                message.bytes = Array(transfer[place..<place + message.length])
                place += message.length
            }
            messages.append(message)
        }
        return messages
    }

    private func answer(_ number: [UInt8], _ status: Int32, _ bytes: [UInt8]) {
        let word = (0..<4).map { UInt8(truncatingIfNeeded: status >> (8 * $0)) }
        let message = number + word + bytes
        // ESTALE: the kernel has given the transfer up, which is what a stretched clock is for.
        if Glibc.write(device.number, message, message.count) < 0, errno != ESTALE {
            complain("the I2C bus took no answer: errno \(errno)")
        }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
