import Bridge
import CRdkafka
import LinuxHAL
import Synchronization

/// Looks every minute at what the cluster's replication is worth, in a thread of its own: asking
/// for metadata blocks, and the bridge's loop must not.
final class ReplicationWatch: Sendable {
    private struct State {
        var guarantee = SinkGuarantee.unknown
        var trouble: String?
        var isStopping = false
        /// Looks begun, and the last of them that the cluster answered.
        var begun: UInt64 = 0
        var answered: UInt64 = 0
        var isAwaited = false
    }

    private let state = Mutex(State())
    private let settings: KafkaSettings

    /// Between looks while all is well, in half seconds: a minute. Topics are changed by hand.
    private static let calm = 120
    /// While it is not, 3 s: an operator waits for it.
    private static let uneasy = 6

    init(_ settings: KafkaSettings) { self.settings = settings }

    var guarantee: SinkGuarantee { state.withLock { $0.guarantee } }
    /// Why the last look saw nothing.
    var trouble: String? { state.withLock { $0.trouble } }

    /// The number of the last look that the cluster answered.
    var answered: UInt64 { state.withLock { $0.answered } }

    /// Makes looks follow each other as if all were not well.
    ///
    /// - Returns: the number of the last look begun: a later one tells something new.
    func hurry() -> UInt64 {
        state.withLock {
            $0.isAwaited = true
            return $0.begun
        }
    }

    /// Nobody waits any more.
    func relax() { state.withLock { $0.isAwaited = false } }

    /// Asks the thread to end, which it does after at most one look.
    func stop() { state.withLock { $0.isStopping = true } }

    func start() throws(KafkaError) -> OrdinaryThread {
        do throws(SystemError) {
            return try OrdinaryThread(named: "kafka-watch") { [self] in run() }
        } catch {
            throw KafkaError("\(error)")
        }
    }

    private func run() {
        let client: KafkaAdministration
        do throws(KafkaError) {
            client = try KafkaAdministration(settings)
        } catch {
            state.withLock { $0.trouble = error.description }
            return
        }
        while !isStopping {
            look { () throws(KafkaError) in try client.replication(of: SinkRecord.topics) }
            var pauses = 0
            // Asked for anew each time: somebody may come to wait for the next look.
            while pauses < pausesNow, !isStopping {
                client.pause(milliseconds: 500)
                pauses += 1
            }
        }
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    private var pausesNow: Int {
        let state = state.withLock { $0 }
        if state.isAwaited || state.trouble != nil { return Self.uneasy }
        switch state.guarantee {
        case .replicated, .development: return Self.calm
        case .insufficient, .unknown: return Self.uneasy
        }
    }

    /// - Parameter ask: what the cluster says of all topics that the bridge writes to.
    func look(_ ask: () throws(KafkaError) -> [Replication]) {
        let number = state.withLock {
            $0.begun += 1
            return $0.begun
        }
        do throws(KafkaError) {
            let judged = Replication.judge(try ask(), settings)
            state.withLock {
                $0.guarantee = judged
                $0.trouble = nil
                $0.answered = number
            }
        } catch {
            // Nothing is concluded from silence: what was seen last stands.
            state.withLock { $0.trouble = error.description }
        }
    }
}

/// How often a topic's records are kept.
struct Replication: Hashable {
    var topic: String
    /// Of the partition that has the fewest; nil when there is no such topic.
    var replicas: Int?
    /// `min.insync.replicas`; nil when the cluster does not tell.
    var inSync: Int?
    /// `max.message.bytes`, which is of whole batches; nil when the cluster does not tell.
    var batchMax: Int?

    /// - Parameter seen: all topics that the bridge writes to.
    static func judge(_ seen: [Replication], _ settings: KafkaSettings) -> SinkGuarantee {
        for topic in seen where topic.replicas == nil {
            return .insufficient(
                reason: "the topic \(topic.topic) does not exist. Create it with at least "
                    + "\(settings.replicationMin) replicas and min.insync.replicas="
                    + "\(settings.inSyncMin)")
        }
        // Not excused by development either: sound events would be put aside, and acknowledged.
        for topic in seen {
            guard let batchMax = topic.batchMax, batchMax < settings.batchBytes else { continue }
            return .insufficient(
                reason: "the topic \(topic.topic) refuses batches over max.message.bytes="
                    + "\(batchMax), and the bridge's have up to \(settings.batchBytes). Set it to "
                    + "1048588 with kafka-configs.sh, or batch.size=\(batchMax) in the file of "
                    + "--kafka-config")
        }
        let faults = seen.compactMap { $0.fault(settings) }
        guard let first = faults.first else { return .replicated }
        return settings.isDevelopment ? .development(reason: first) : .insufficient(reason: first)
    }

    private func fault(_ settings: KafkaSettings) -> String? {
        // Whoever has said so need not be told. Else the word is for a trial's first minutes, and
        // must not tempt anybody on a night when a plant's events wait.
        let otherwise =
            settings.isDevelopment
            ? ""
            : ". For trials alone there is --development-cluster: it acknowledges so too, and what "
                + "one broker then loses no device sends again"
        if let replicas, replicas < settings.replicationMin {
            return "the topic \(topic) has \(replicas) replicas, wanted are "
                + "\(settings.replicationMin). Reassign its partitions to more brokers\(otherwise)"
        }
        guard let inSync else {
            return "the cluster does not tell min.insync.replicas of \(topic). Allow the bridge "
                + "DescribeConfigs on it\(otherwise)"
        }
        if inSync < settings.inSyncMin {
            return "the topic \(topic) has min.insync.replicas=\(inSync), wanted is "
                + "\(settings.inSyncMin). Set it with kafka-configs.sh\(otherwise)"
        }
        return nil
    }
}
