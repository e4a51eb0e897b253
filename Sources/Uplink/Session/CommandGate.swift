import Transit
import Wire

/// Which commands from the cluster are handed to busbard: signed for this device, in their time,
/// each once. busbard checks again what matters for safety, and its own inbox is the authority on
/// what was done; this gate keeps strangers and replays away from it.
struct CommandGate: Sendable {
    private let limits: UplinkLimits
    /// By id, until when it must be remembered, in ms since 1970.
    private var remembered: [Identifier128: Int64] = [:]

    init(limits: UplinkLimits) { self.limits = limits }

    /// How far a command may have been issued in our future: two clocks that are each right to a
    /// second, and a road that takes none.
    static let clockDifferenceMax: Int64 = 5_000

    mutating func check(
        _ payload: [UInt8], isRetained: Bool, device: String, key: CommandKey?, wall: WallTime?
    ) throws(CommandRefusal) -> SignedCommand {
        // First of all, so that not even a valid one is taken again at each reconnect.
        guard !isRetained else { throw .retained }
        guard payload.count <= limits.commandBytesMax else {
            throw .tooLarge(bytes: payload.count, most: limits.commandBytesMax)
        }
        guard let key else { throw .noKey }
        let signed: SignedCommand
        do throws(MessageError) {
            signed = try SignedCommand(decoding: payload)
        } catch {
            throw .unreadable(error.description)
        }
        guard key.verify(signed) else { throw .badSignature }
        let command = signed.command
        guard command.device == device else { throw .otherDevice(command.device) }
        guard let wall, wall.quality != .unsynced else { throw .clockNotSet }
        let now = wall.unixMilliseconds
        guard now < command.expiresUnixMilliseconds else {
            throw .expired(byMilliseconds: now - command.expiresUnixMilliseconds)
        }
        guard command.issuedUnixMilliseconds <= now + Self.clockDifferenceMax else {
            throw .notYetValid(inMilliseconds: command.issuedUnixMilliseconds - now)
        }
        remembered = remembered.filter { now < $0.value }
        guard remembered[command.id] == nil else { throw .repeated(command.id) }
        guard remembered.count < limits.commandsRememberedMax else {
            throw .tooMany(limits.commandsRememberedMax)
        }
        remembered[command.id] = command.expiresUnixMilliseconds
        return signed
    }
}

/// Why a command was not taken, and what to do about it.
enum CommandRefusal: Error, Hashable, CustomStringConvertible {
    case retained
    case tooLarge(bytes: Int, most: Int)
    case noKey
    case unreadable(String)
    case badSignature
    case otherDevice(String)
    case clockNotSet
    case expired(byMilliseconds: Int64)
    case notYetValid(inMilliseconds: Int64)
    case repeated(Identifier128)
    case tooMany(Int)

    /// As what it is found. QoS 1 may bring a genuine command twice, so a repetition is refused
    /// and is no forgery.
    var kind: Finding.Kind {
        switch self {
        case .retained: .commandRetained
        case .tooLarge: .commandTooLarge
        case .noKey: .commandNoKey
        case .unreadable: .commandUnreadable
        case .badSignature: .commandBadSignature
        case .otherDevice: .commandOtherDevice
        case .clockNotSet: .commandClockNotSet
        case .expired: .commandExpired
        case .notYetValid: .commandNotYetValid
        case .repeated: .commandRepeated
        case .tooMany: .commandsTooMany
        }
    }

    var description: String {
        "a command was refused: "
            + {
                switch self {
                case .retained:
                    "it was retained by the broker, and a command is never for whoever comes later: "
                        + "publish it without retain, and clear the topic"
                case .tooLarge(let bytes, let most):
                    "it has \(bytes) bytes; at most \(most) are read"
                case .noKey:
                    "this device has no command.pub: put the cluster's public key there, or send none"
                case .unreadable(let reason): reason
                case .badSignature:
                    "its signature is not the cluster's: find who sent it, or renew command.pub"
                case .otherDevice(let name): "it is signed for the device \"\(name)\""
                case .clockNotSet:
                    "this device's clock is not set, so nobody can tell whether it has expired: wait "
                        + "for the time server, or check it with timedatectl"
                case .expired(let late): "it expired \(late) ms ago: send it again"
                case .notYetValid(let early):
                    "it was issued \(early) ms from now: set the clock of who signed it"
                case .repeated(let id): "\(id.text) was taken before: a repetition needs a new id"
                case .tooMany(let most):
                    "\(most) commands that have not expired are remembered: wait, or give them "
                        + "shorter lives"
                }
            }()
    }
}
