import Control
public import HAL
public import RelayBoard
public import Units

/// What came of proving that a board which nobody drives any more holds no relay.
///
/// For the time after a controller was given up. Its lease and its permit line have opened the
/// contactors by then; here that is not believed but asked of the board, whose pins are read back.
public enum OffProof: Hashable, Sendable {
    /// The board is tripped, drives nothing, and its pins read so, twice, with its clock advancing
    /// in between.
    case proven(attempts: Int)
    /// It is tripped, and these pins read high.
    case stillOn(RelayMask)
    /// It answers, and did not take the TRIP.
    case notTripped
    /// It answered once, at the last attempt.
    case unconfirmed
    /// It answers, and its clock stands still: the answer may be an old one.
    case frozen
    /// Another device answers at its address, and says this in the place of its name.
    case stranger(magic: UInt32)
    /// Nothing that could be read came back; the failures of all attempts by their kind.
    case silent(TransferCounters)

    /// 50 attempts, 100 ms apart: longer than any lease, and than a board takes to restart.
    public static let attemptsMax = 50
    public static let pause = Milliseconds(100)

    /// Writes TRIP and reads back until the board has proven that all is off, or attempts end.
    ///
    /// - Parameter wait: lets `pause` pass.
    public static func take<Bus: RelayBus & ~Copyable>(
        of board: inout PicoRelayBoard<Bus>, wait: (inout Bus) -> Void
    ) -> OffProof {
        var asked = Outputs()
        asked.trips = true
        asked.readsIdentity = true
        var last = OffProof.silent(board.counters)
        var before: BoardStatus?
        for attempt in 1...attemptsMax {
            let answer = board.exchange(asked)
            last = judge(answer, after: before, attempt: attempt, failures: board.counters)
            if case .proven = last { return last }
            before = answer.status
            wait(&board.bus)
        }
        return last
    }

    /// - Parameter before: the status of the attempt before this one; without one nothing tells
    ///   whether the board's clock runs.
    private static func judge(
        _ answer: BoardAnswer, after before: BoardStatus?, attempt: Int, failures: TransferCounters
    ) -> OffProof {
        guard let status = answer.status, let identity = answer.identity else {
            return .silent(failures)
        }
        guard identity.magic == Register.magic else { return .stranger(magic: identity.magic) }
        guard status.isTripped else { return .notTripped }
        let on = status.actual.union(status.wanted)
        guard on.isEmpty else { return .stillOn(on) }
        guard let before else { return .unconfirmed }
        guard before.clockMicroseconds != status.clockMicroseconds else { return .frozen }
        return .proven(attempts: attempt)
    }

    public var isProven: Bool {
        if case .proven = self { return true }
        return false
    }
}

extension OffProof {
    /// For the console: whoever stands there may be about to touch the installation.
    ///
    /// - Parameter relayNames: one for each bit of a mask.
    public func sentence(relayNames: [String]) -> String {
        switch self {
        case .proven(let attempts):
            "RELAYS PROVEN OFF: the relay board is tripped and reads every pin low (attempt "
                + "\(attempts)); it heats again after the reset button at the site"
        case .stillOn(let relays):
            Self.alarm(
                "the relay board is tripped, but reads \(Self.names(relays, relayNames)) as on")
        case .notTripped:
            Self.alarm("the relay board answers, but did not take the TRIP")
        case .unconfirmed:
            Self.alarm("the relay board answered only once, too late to be asked again")
        case .frozen:
            Self.alarm("the relay board answers, but its clock stands still")
        case .stranger(let magic):
            Self.alarm(
                "what answers at 0x\(String(Register.address, radix: 16)) is no relay board: it "
                    + "says 0x\(String(magic, radix: 16))")
        case .silent(let failures):
            Self.alarm("no relay board answered (\(Self.kinds(failures)))")
        }
    }

    /// The sentence for a bus that could not even be opened.
    ///
    /// - Parameter reason: why not, and what to do, without a full stop.
    public static func unreachable(_ reason: String) -> String { alarm(reason) }

    private static func alarm(_ what: String) -> String {
        "RELAYS NOT PROVEN OFF: \(what). Switch the installation off at its isolator before "
            + "anything else"
    }

    private static func names(_ relays: RelayMask, _ names: [String]) -> String {
        zip(UInt8(0)..., names).filter { relays.rawValue & (1 << $0.0) != 0 }
            .map(\.1).joined(separator: ", ")
    }

    private static func kinds(_ failures: TransferCounters) -> String {
        let kinds = [
            ("not acknowledged", failures.noAnswer), ("timed out", failures.timedOut),
            ("damaged", failures.wrongPEC), ("arbitration lost", failures.arbitrationLost),
            ("of another length", failures.wrongLength), ("not understood", failures.unreadable),
        ]
        let counted = kinds.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }
        return counted.isEmpty ? "nothing was tried" : counted.joined(separator: ", ")
    }
}
