import Transit
public import Wire

/// A message on one of the up topics as far as it can be read by itself: unpacked, cut into lines,
/// hashed, and each event made a record. That is most of a bridge's work, and it needs nothing that
/// the session knows, so that a program may do it in a thread of its own.
public struct MessageReading: Sendable {
    struct Fault: Error { var reason: String }

    let topic: String
    let payload: [UInt8]
    let isRetained: Bool
    /// The bridge's wall time when it came, for the records.
    let unixMilliseconds: Int64
    /// Nil for a retained message, which is refused unread.
    let batch: Result<ReadBatch, Fault>?

    /// - Parameter wall: the bridge's.
    public init(_ payload: [UInt8], on topic: String, isRetained: Bool, wall: WallTime) {
        self.topic = topic
        self.payload = payload
        self.isRetained = isRetained
        unixMilliseconds = wall.unixMilliseconds
        batch = isRetained ? nil : Self.read(payload, unixMilliseconds: wall.unixMilliseconds)
    }

    private static func read(
        _ payload: [UInt8], unixMilliseconds: Int64
    ) -> Result<ReadBatch, Fault> {
        do throws(PayloadError) {
            let bytes = try Payload.unpack(payload)
            do throws(BatchError) {
                let batch = try EventBatch(decoding: bytes)
                return .success(ReadBatch(batch, unixMilliseconds: unixMilliseconds))
            } catch {
                return .failure(Fault(reason: error.description))
            }
        } catch {
            return .failure(Fault(reason: error.description))
        }
    }
}

/// A batch with what follows from it alone. Its parcels share it.
///
/// All its records' bytes are in two pieces of memory, the batch's own and that of the headers. As
/// pieces of their own, made by the thread that reads and let go of by the loop's, they were a
/// tenth of what a bridge does with an event.
final class ReadBatch: Sendable {
    let header: BatchHeader
    let lines: [BatchLine]
    /// Of each line, to know it again.
    let hashes: [UInt64]
    /// The running hash after the last line.
    let digest: RunningDigest?

    private let shared: SharedHeaders
    private let unixMilliseconds: Int64
    /// The headers of one record after the other.
    private let rows: [UInt8]
    private let places: [Place]

    /// What is to be stored of a line, or why it is no event.
    private enum Place {
        case record(body: ArraySlice<UInt8>, rows: Range<Int>, count: Int)
        case fault(BatchError)
    }

    /// For each record's headers, 20 of them at most, with values as long as ours are.
    private static let rowsRoom = 640

    init(_ batch: EventBatch, unixMilliseconds: Int64) {
        let header = batch.header
        let shared = SharedHeaders(header, recordedMilliseconds: unixMilliseconds)
        let digests = RunningHash.digests(
            after: header.before ?? .start(of: header.epoch), batch.lines)
        var rows: [UInt8] = []
        rows.reserveCapacity(Self.rowsRoom * batch.lines.count)
        var places: [Place] = []
        places.reserveCapacity(batch.lines.count)
        for index in batch.lines.indices {
            do throws(BatchError) {
                let event = CloudEvent(
                    try batch.event(at: index), of: header,
                    recordedMilliseconds: unixMilliseconds, hash: digests[index])
                let start = rows.count
                let count = event.appendHeaders(to: &rows, shared)
                places.append(
                    .record(body: event.kafkaBody, rows: start..<rows.count, count: count))
            } catch {
                places.append(.fault(error))
            }
        }
        self.header = header
        self.shared = shared
        self.unixMilliseconds = unixMilliseconds
        self.rows = rows
        self.places = places
        lines = batch.lines
        digest = digests.last
        hashes = batch.lines.map { BridgeSession.hash(of: $0.text.span) }
    }

    /// - Throws: why the line is no event.
    func record(at index: Int) throws(BatchError) -> SinkRecord {
        switch places[index] {
        case .record(let body, let range, let count):
            SinkRecord(
                topic: SinkRecord.topic(of: header.lane), key: shared.key, body: body,
                headers: RecordHeaders(shared, count: count, in: rows[range]),
                unixMilliseconds: unixMilliseconds)
        case .fault(let error): throw error
        }
    }
}
