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
final class ReadBatch: Sendable {
    let batch: EventBatch
    /// Of each line, to know it again.
    let hashes: [UInt64]
    /// The running hash after each line.
    let digests: [RunningDigest]
    /// What is to be stored of each line, or why it is no event.
    let records: [Result<SinkRecord, BatchError>]

    init(_ batch: EventBatch, unixMilliseconds: Int64) {
        let header = batch.header
        let shared = SharedHeaders(header, recordedMilliseconds: unixMilliseconds)
        digests = RunningHash.digests(
            after: header.before ?? .start(of: header.epoch), batch.lines)
        var records: [Result<SinkRecord, BatchError>] = []
        records.reserveCapacity(batch.lines.count)
        for index in batch.lines.indices {
            do throws(BatchError) {
                let event = CloudEvent(
                    try batch.event(at: index), of: header,
                    recordedMilliseconds: unixMilliseconds, hash: digests[index])
                records.append(
                    .success(
                        SinkRecord(event, sharing: shared, unixMilliseconds: unixMilliseconds)))
            } catch {
                records.append(.failure(error))
            }
        }
        self.batch = batch
        self.records = records
        hashes = batch.lines.map { BridgeSession.hash(of: $0.bytes) }
    }
}
