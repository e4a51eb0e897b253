public import Control
public import HAL
public import RelayBoard
public import Units

/// The relay board on a Pi Pico, as the control loop speaks to it once a tick.
///
/// Order of one exchange: TRIP and nothing else if asked; otherwise configure, arm, control; then
/// the status, whatever became of the writes. The register map is at `Register`.
///
/// Transfers that may be repeated without harm are tried twice: status, identity, configure, ARM
/// and TRIP. A control write is tried once. When it fails nobody here knows whether the board has
/// taken its heartbeat number, and a repeated number is refused; the next tick reads the status,
/// takes the number that follows, and the lease spans at least three ticks. After a time-out
/// nothing more is tried in this exchange: each attempt on a hung bus costs the whole time-out, and
/// the tick has a deadline that the permit line depends on.
///
/// A write that the board refused, or that reached it damaged, is `done` here: I2C does not tell.
/// The status does (`refusal`, `refusedCount`, `lastHeartbeat`).
public struct PicoRelayBoard<Bus: RelayBus & ~Copyable>: ~Copyable, RelayPort {
    public var bus: Bus
    /// What went wrong since the process started, by kind.
    public var counters = TransferCounters()
    @usableFromInline let leaseMilliseconds: UInt16
    /// A transfer of the exchange under way timed out.
    @usableFromInline var isHung = false

    /// - Precondition: `lease` is what the site file may say, 300 to 1 000 ms.
    public init(bus: consuming Bus, lease: Milliseconds) {
        precondition(
            lease.rawValue >= Int64(RelayBoardLimits.leaseMinimum)
                && lease.rawValue <= Int64(RelayBoardLimits.leaseMaximum),
            "the site checker lets no lease through that the board would refuse")
        self.bus = bus
        leaseMilliseconds = UInt16(lease.rawValue)
    }

    @inlinable public mutating func exchange(_ outputs: Outputs) -> BoardAnswer {
        isHung = false
        var answer = BoardAnswer()
        if outputs.trips {
            answer.trip = writeTrip()
        } else {
            answer.writes = write(outputs)
        }
        answer.status = readStatus()
        if outputs.readsIdentity { answer.identity = readIdentity() }
        return answer
    }

    /// Writes TRIP at once, even if the last exchange found the bus hung: a cut is always tried.
    @discardableResult @inlinable public mutating func trip() -> BoardAnswer.Transfer {
        isHung = false
        return writeTrip()
    }

    @usableFromInline mutating func writeTrip() -> BoardAnswer.Transfer {
        let key: InlineArray<2, UInt8> = [Register.tripKey.0, Register.tripKey.1]
        return write(key.span, to: .trip, attempts: 2)
    }

    /// - Returns: the worst of what was written.
    @inlinable mutating func write(_ outputs: Outputs) -> BoardAnswer.Transfer {
        var worst = BoardAnswer.Transfer.notTried
        if outputs.configures { worst = writeConfigure() }
        // A board whose lease is not the site's is not armed. Control is written even so: it may
        // have relays to switch off.
        if outputs.arms, worst != .failed { worst = writeArm() }
        guard let number = outputs.heartbeat else { return worst }
        let content: InlineArray<3, UInt8> = [
            number, outputs.relays.rawValue,
            outputs.carriesProof ? Register.proof(for: number) : 0,
        ]
        let control = write(content.span, to: .control, attempts: 1)
        return worst == .failed ? .failed : control
    }

    @usableFromInline mutating func writeConfigure() -> BoardAnswer.Transfer {
        let content: InlineArray<4, UInt8> = [
            BoardProfile.burner.rawValue, UInt8(truncatingIfNeeded: leaseMilliseconds),
            UInt8(truncatingIfNeeded: leaseMilliseconds >> 8), 0,
        ]
        return write(content.span, to: .configure, attempts: 2)
    }

    @usableFromInline mutating func writeArm() -> BoardAnswer.Transfer {
        let key: InlineArray<2, UInt8> = [Register.armKey.0, Register.armKey.1]
        return write(key.span, to: .arm, attempts: 2)
    }

    @inlinable mutating func readStatus() -> BoardStatus? {
        var block = InlineArray<32, UInt8>(repeating: 0)
        guard read(.status, length: BoardStatus.length, into: &block) else { return nil }
        let status = BoardStatus(block)
        if status == nil { counters.unreadable &+= 1 }
        return status
    }

    @usableFromInline mutating func readIdentity() -> BoardIdentity? {
        var block = InlineArray<32, UInt8>(repeating: 0)
        guard read(.identity, length: BoardIdentity.length, into: &block) else { return nil }
        return BoardIdentity(block)
    }

    @inlinable mutating func write(
        _ content: Span<UInt8>, to register: Register, attempts: Int
    ) -> BoardAnswer.Transfer {
        for _ in 0..<attempts where !isHung {
            do throws(RelayBusError) {
                try bus.write(content, to: register.rawValue, of: Register.address)
                return .done
            } catch {
                note(error)
            }
        }
        return .failed
    }

    @inlinable mutating func read(
        _ register: Register, length: Int, into block: inout InlineArray<32, UInt8>
    ) -> Bool {
        for _ in 0..<2 where !isHung {
            do throws(RelayBusError) {
                let count = try bus.read(register.rawValue, of: Register.address, into: &block)
                if count == length { return true }
                note(.wrongLength)
            } catch {
                note(error)
            }
        }
        return false
    }

    @usableFromInline mutating func note(_ error: RelayBusError) {
        counters.add(error)
        if error == .timedOut { isHung = true }
    }
}

/// Failed transfers by kind, each attempt counted. They wrap after 4 thousand million, and so only
/// differences mean anything.
public struct TransferCounters: Hashable, Sendable {
    public var noAnswer: UInt32 = 0
    public var timedOut: UInt32 = 0
    public var wrongPEC: UInt32 = 0
    public var arbitrationLost: UInt32 = 0
    public var wrongLength: UInt32 = 0
    /// Undamaged statuses with a byte that this version of the map does not know.
    public var unreadable: UInt32 = 0

    public init() {}

    public mutating func add(_ error: RelayBusError) {
        switch error {
        case .noAnswer: noAnswer &+= 1
        case .timedOut: timedOut &+= 1
        case .wrongPEC: wrongPEC &+= 1
        case .arbitrationLost: arbitrationLost &+= 1
        case .wrongLength: wrongLength &+= 1
        }
    }
}
