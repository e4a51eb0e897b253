public import Control
public import Events
import HAL
import Runtime
public import Units

/// The device's storage in memory, as far as the controller's safety hangs on it: two copies of the
/// lockout record and the mark that heat is on. It outlives the process, and a power cycle.
///
/// A full disk does to it what it does to the journal: the files are replaced by way of spares that
/// have their blocks already, so record and mark still reach them, and the database's copy waits.
public struct SimulatedStorage: Sendable {
    /// What can be wrong with one copy.
    public enum Fault: UInt8, Sendable { case damaged, empty, readOnly, healthy }

    struct Copy: Sendable {
        var bytes: InlineArray<512, UInt8> = InlineArray(repeating: 0)
        var isThere = false
        var isReadOnly = false

        mutating func write(_ record: LockoutRecord) {
            guard !isReadOnly else { return }
            bytes = record.encoded()
            isThere = true
        }

        func read() -> LockoutCopy {
            guard isThere else { return .missing }
            guard let record = LockoutRecord(decoding: bytes) else { return .bad }
            return .good(record)
        }

        mutating func apply(_ fault: Fault) {
            switch fault {
            case .damaged:
                isThere = true
                bytes[8] ^= 0x10
            case .empty: isThere = false
            case .readOnly: isReadOnly = true
            case .healthy: isReadOnly = false
            }
        }
    }

    /// The database's.
    var copyA = Copy()
    /// The file's.
    var copyB = Copy()
    /// What the database does not hold yet. In the memory of the process, so it dies with it.
    private var unstored: LockoutRecord?
    public private(set) var isHeatMarked = false
    /// Whether the last run wrote its farewell.
    public private(set) var isClosed = true
    public private(set) var hasRunBefore = false
    public var isDiskFull = false

    public init() {}

    mutating func write(_ record: LockoutRecord) {
        copyB.write(record)
        unstored = record
        storeWhatIsDue()
    }

    /// Tries the database again; in each tick.
    mutating func storeWhatIsDue() {
        guard !isDiskFull, let record = unstored else { return }
        copyA.write(record)
        unstored = nil
    }

    mutating func mark(isHeatOn: Bool) { isHeatMarked = isHeatOn }

    /// What a new process finds. Copies that need it are rewritten, as busbard does at its start.
    mutating func recollect() -> Recollection {
        unstored = nil
        let found = LockoutReconciliation(
            copyA: copyA.read(), copyB: copyB.read(), hasRunBefore: hasRunBefore)
        if let record = found.rewrite { write(record) }
        var recollection = Recollection()
        recollection.lockout = found.lockout
        recollection.wasHeating = isHeatMarked
        recollection.wasUnclean = hasRunBefore && !isClosed
        hasRunBefore = true
        isClosed = false
        isHeatMarked = false
        return recollection
    }
}

/// Where the simulated loop gets its commands and leaves its facts.
public struct SimulatedMailbox: Mailbox, ~Copyable {
    public var storage = SimulatedStorage()
    /// Set by a scenario beside what the storage says of itself.
    public var shell = ShellConditions()
    /// The facts of the latest tick.
    public private(set) var events: [Event] = []
    /// What was seen before the latest cut.
    public private(set) var preTrip = PreTripSamples()
    private var waiting: [RequestedCommand] = []
    private var unstatedLosses: UInt32 = 0

    public init() { events.reserveCapacity(EventBuffer.capacity) }

    public mutating func send(_ command: RequestedCommand) { waiting.append(command) }

    /// What is lost when the process dies.
    mutating func close() { waiting.removeAll(keepingCapacity: true) }

    mutating func clearEvents() { events.removeAll(keepingCapacity: true) }

    public mutating func takeCommands(into batch: inout CommandBatch, at now: Instant) {
        storage.storeWhatIsDue()
        guard !waiting.isEmpty else { return }
        while !waiting.isEmpty, !batch.isFull { batch.append(waiting.removeFirst()) }
    }

    public var conditions: ShellConditions {
        var conditions = shell
        if storage.isDiskFull { conditions.insert(.journalUnwritable) }
        if unstatedLosses > 0 { conditions.insert(.eventsLost) }
        return conditions
    }

    public mutating func noteLost(_ count: UInt32) { unstatedLosses &+= count }

    public mutating func post(_ event: Event) {
        if unstatedLosses > 0 {
            var loss = event
            loss.fact = .eventsLost(count: unstatedLosses)
            events.append(loss)
            unstatedLosses = 0
        }
        events.append(event)
    }
    public mutating func post(_ record: LockoutRecord) { storage.write(record) }
    public mutating func post(_ samples: PreTripSamples) { preTrip = samples }
    public mutating func post(runMarker: Bool) { storage.mark(isHeatOn: runMarker) }
}
