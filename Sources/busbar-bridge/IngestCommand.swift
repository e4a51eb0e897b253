import ArgumentParser
import Bridge
import HAL
import Kafka
import LinuxHAL
import Units
import Wire

struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Write a file of \"busbar queue export\" to Kafka.",
        discussion: """
            Each line is one event and keeps its identity, so that what Kafka has already is known \
            to its consumers as a repetition. The whole file is checked first: with a line that is \
            no event, or when its last line has another count or hash of them, nothing is written.
            """)

    @OptionGroup var cluster: ClusterOptions

    @Option(help: "Give up after so many seconds without a report from the cluster.")
    var patience = 60

    @Flag(help: "Take a file without its last line too: one that was cut, or an older busbar's.")
    var incomplete = false

    @Argument(
        help: "The file: one CloudEvent a line in structured JSON, then a line with their count.",
        completion: .file())
    var file: String

    func validate() throws {
        guard (1...86_400).contains(patience) else {
            throw ValidationError("--patience is from 1 to 86400.")
        }
    }

    func run() throws {
        let (count, isWhole) = try forEachEvent(elseSay: "Nothing was written") {
            _ throws(Failure) in
        }
        if !isWhole {
            Log.line(
                "\(file): \(count) events without the line that says how many there are: whether "
                    + "there were more, this file does not tell")
        }
        let sink = try cluster.makeSink()
        try waitForGuarantee(sink)
        var ingest = Ingest(sink: sink, patience: .seconds(Int64(patience)))
        let changed = "It was changed while it was read, and is written in part: run it again"
        _ = try forEachEvent(elseSay: changed) { event throws(Failure) in
            try ingest.send(event)
        }
        try ingest.finish()
        print("\(file): \(count) events; \(ingest.stored) stored, \(ingest.refused) refused")
        for lane in Lane.allCases {
            print("\(lane.name): \(ingest.storedByLane[Int(lane.rawValue)]) stored")
        }
        if ingest.refused > 0 {
            throw Failure("\(ingest.refused) events were refused; the lines above say why")
        }
    }

    /// - Parameter consequence: what a file that is not as it should be has led to.
    /// - Returns: how many there are, and whether it is known that these are all.
    private func forEachEvent(
        elseSay consequence: String, _ body: (ExportedEvent) throws(Failure) -> Void
    ) throws(Failure) -> (count: Int64, isWhole: Bool) {
        let lines = try LineFile(file)
        var check = ExportCheck(isIncompleteTaken: incomplete)
        while let line = try lines.next() {
            let event: ExportedEvent?
            do throws(ExportError) {
                event = try check.take(line, isTerminated: lines.isTerminated)
            } catch {
                throw Failure("\(file), line \(lines.number): \(error). \(consequence)")
            }
            if let event { try body(event) }
        }
        do throws(ExportError) {
            return (check.events, isWhole: try check.finish())
        } catch {
            throw Failure("\(file): \(error). \(consequence)")
        }
    }

    private func waitForGuarantee(_ sink: KafkaSink) throws(Failure) {
        let clock = MonotonicClock()
        let deadline = clock.now() + .seconds(Int64(patience))
        while true {
            switch sink.guarantee {
            case .replicated: return
            case .development(let reason):
                Log.line("a cluster for development: \(reason)")
                return
            case .insufficient(let reason): throw Failure(reason)
            case .unknown:
                guard clock.now() < deadline else {
                    throw Failure(
                        "the cluster's replication is not known after \(patience) s: "
                            + (sink.trouble ?? "no answer"))
                }
                _ = sink.poll(milliseconds: 100)
            }
        }
    }
}

/// Records on their way from a file to the cluster.
private struct Ingest {
    let sink: KafkaSink
    let patience: Milliseconds
    let wall: Int64
    private(set) var refused = 0
    /// By `Lane.rawValue`.
    private(set) var storedByLane = [Int](repeating: 0, count: Lane.allCases.count)
    private var clock = MonotonicClock()
    private var onTheirWay: [RecordToken: (lane: Lane, id: String)] = [:]
    private var lastToken: UInt64 = 0
    private var lastReport: Instant

    /// Few enough that a failure at the end of the file is seen early.
    private static let recordsMax = 10_000

    init(sink: KafkaSink, patience: Milliseconds) {
        self.sink = sink
        self.patience = patience
        var clock = MonotonicClock()
        wall = clock.wall().milliseconds
        lastReport = clock.now()
    }

    var stored: Int { storedByLane.reduce(0, +) }

    mutating func send(_ event: ExportedEvent) throws(Failure) {
        let record = event.record(unixMilliseconds: wall)
        while onTheirWay.count >= Self.recordsMax { try collect() }
        lastToken += 1
        let token = RecordToken(lastToken)
        while !sink.send(record, token: token) { try collect() }
        onTheirWay[token] = (event.lane, event.id)
        if lastToken % 100 == 0 { try collect(waiting: 0) }
    }

    mutating func finish() throws(Failure) {
        while !onTheirWay.isEmpty { try collect() }
    }

    private mutating func collect(waiting milliseconds: Int32 = 100) throws(Failure) {
        for report in sink.poll(milliseconds: milliseconds) {
            lastReport = clock.now()
            guard let event = onTheirWay.removeValue(forKey: report.token) else { continue }
            switch report.outcome {
            case .stored:
                storedByLane[Int(event.lane.rawValue)] += 1
            case .refused(let reason):
                refused += 1
                Log.line("refused \(event.id): \(reason)")
            case .failed(let reason):
                throw Failure(
                    "\(stored) events are stored, then the cluster failed: \(reason). Run it "
                        + "again; what is there already does no harm")
            }
        }
        guard clock.now() - lastReport < patience || onTheirWay.isEmpty else {
            throw Failure(
                "\(stored) events are stored, and for \(patience.rawValue / 1_000) s the cluster "
                    + "said nothing: \(sink.trouble ?? "no reason given"). Run it again; what is "
                    + "there already does no harm")
        }
    }
}
