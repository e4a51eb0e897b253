public import Control
public import Events
import HAL
import Runtime
import Units

/// The device's storage in memory, as far as the controller's safety hangs on it: two copies of the
/// lockout record and the mark that heat is on. It outlives the process, and a power cycle.
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

    var copyA = Copy()
    var copyB = Copy()
    public private(set) var isHeatMarked = false
    /// Whether the last run wrote its farewell.
    public private(set) var isClosed = true
    public private(set) var hasRunBefore = false
    public var isDiskFull = false

    public init() {}

    mutating func write(_ record: LockoutRecord) {
        guard !isDiskFull else { return }
        copyA.write(record)
        copyB.write(record)
    }

    mutating func mark(isHeatOn: Bool) {
        if !isDiskFull { isHeatMarked = isHeatOn }
    }

    /// What a new process finds. Copies that need it are rewritten, as busbard does at its start.
    mutating func recollect() -> Recollection {
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

    public init() { events.reserveCapacity(EventBuffer.capacity) }

    public mutating func send(_ command: RequestedCommand) { waiting.append(command) }

    /// What is lost when the process dies.
    mutating func close() { waiting.removeAll(keepingCapacity: true) }

    mutating func clearEvents() { events.removeAll(keepingCapacity: true) }

    public mutating func takeCommands(into batch: inout CommandBatch) {
        guard !waiting.isEmpty else { return }
        while !waiting.isEmpty, !batch.isFull { batch.append(waiting.removeFirst()) }
    }

    public var conditions: ShellConditions {
        guard storage.isDiskFull else { return shell }
        var conditions = shell
        conditions.insert(.journalUnwritable)
        return conditions
    }

    public mutating func post(_ event: Event) { events.append(event) }
    public mutating func post(_ record: LockoutRecord) { storage.write(record) }
    public mutating func post(_ samples: PreTripSamples) { preTrip = samples }
    public mutating func post(runMarker: Bool) { storage.mark(isHeatOn: runMarker) }
}
