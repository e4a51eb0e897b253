import Synchronization
import Wire

/// Where a machine gets the names of epochs and runs from, so that one seed has one history.
final class IdentifierSource: Sendable {
    private let dice: Mutex<Dice>

    init(seed: UInt64) { dice = Mutex(Dice(seed: seed)) }

    func next() -> Identifier128 {
        dice.withLock { Identifier128(high: $0.next(), low: $0.next()) }
    }
}
