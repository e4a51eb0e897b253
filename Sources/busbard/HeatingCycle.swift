import Control
import Events
import Journal
import RelayBoard
import Units
import Wire

/// Each heating job is one transaction of the journal: opened when it starts, its figures stored
/// each minute, closed with its outcome. One that a crash leaves open is closed as interrupted by
/// the next start.
struct HeatingCycle {
    private static let period = Milliseconds(60_000)

    private var handle: TransactionHandle?
    private var startMilliCelsius: Int64?
    private var heatMilliseconds: Int64 = 0
    /// When the heat last went on, while it is on.
    private var heatOnAt: Instant?
    private var checkpointAt = Instant(0)

    /// Follows one event.
    mutating func take(
        _ event: Event, _ journal: Journal, _ image: Snapshot?, _ stamp: Stamp, now: Instant
    ) {
        switch event.fact {
        case .heatingStarted(let job):
            startMilliCelsius = image?.temperature.map { Int64($0.rawValue) }
            heatMilliseconds = 0
            heatOnAt = nil
            checkpointAt = now + Self.period
            handle = journal.open(
                "heating", job: job, counters: counters(image, now), stamp: stamp, now: now)
        case .relaysCommanded(_, let mask):
            noteHeat(RelayMask(rawValue: mask).intersects(.heat), at: event.at)
        case .powerCut:
            noteHeat(false, at: event.at)
        case .heatingFinished(_, let outcome):
            noteHeat(false, at: event.at)
            close(outcome.name, journal, image, stamp, now)
        default:
            return
        }
    }

    /// Stores the figures if a minute has passed.
    mutating func checkpoint(
        _ journal: Journal, _ image: Snapshot?, _ stamp: Stamp, now: Instant
    ) {
        guard let handle, now >= checkpointAt else { return }
        checkpointAt = now + Self.period
        journal.checkpoint(handle, counters: counters(image, now), stamp: stamp, now: now)
    }

    /// The daemon stops in order: a job that ran was stopped with it.
    mutating func end(_ journal: Journal, _ image: Snapshot?, _ stamp: Stamp, now: Instant) {
        noteHeat(false, at: now)
        close(HeatingOutcome.stopped.name, journal, image, stamp, now)
    }

    private mutating func close(
        _ outcome: String, _ journal: Journal, _ image: Snapshot?, _ stamp: Stamp, _ now: Instant
    ) {
        guard let open = handle else { return }
        handle = nil
        journal.close(
            open, outcome: outcome, counters: counters(image, now), stamp: stamp, now: now)
    }

    private mutating func noteHeat(_ isOn: Bool, at instant: Instant) {
        if let since = heatOnAt, !isOn {
            heatMilliseconds += (instant - since).rawValue
            heatOnAt = nil
        } else if heatOnAt == nil, isOn {
            heatOnAt = instant
        }
    }

    private func counters(_ image: Snapshot?, _ now: Instant) -> [TransactionCounter] {
        let running = heatOnAt.map { (now - $0).rawValue } ?? 0
        var counters = [TransactionCounter("heat_ms", heatMilliseconds + running)]
        if let start = startMilliCelsius {
            counters.append(TransactionCounter("start_millicelsius", start))
        }
        if let temperature = image?.temperature {
            counters.append(TransactionCounter("millicelsius", Int64(temperature.rawValue)))
        }
        if let target = image?.heating.target {
            counters.append(TransactionCounter("target_millicelsius", Int64(target.rawValue)))
        }
        return counters
    }
}
