import Transit
import Uplink
import Wire

/// What a message of events holds, for stories and for defects.
struct SentBatch {
    var header: BatchHeader
    var digest: RunningDigest

    static let topicPrefix = "busbar/v1/up/"

    /// Nil if the message is no batch.
    init?(_ message: Message) {
        guard message.topic.hasPrefix(Self.topicPrefix),
            let bytes = try? Payload.unpack(message.payload),
            let batch = try? EventBatch(decoding: bytes)
        else { return nil }
        header = batch.header
        digest = batch.lines.reduce(header.before ?? .start(of: header.epoch)) {
            RunningHash.next($0, $1.text)
        }
    }

    var text: String {
        let gaps =
            header.gaps.isEmpty
            ? ""
            : ", gaps "
                + header.gaps.map { "\($0.lowerBound)-\($0.upperBound)" }
                .joined(separator: " ")
        return "\(header.lane.name) \(header.first)-\(header.last) of "
            + "\(header.epoch.text.prefix(8)), base \(header.base)\(gaps)"
    }

    /// The acknowledgement that a bridge would publish for it.
    func sealedAcknowledgement(key: AcknowledgementKey) -> (topic: String, payload: [UInt8]) {
        let acknowledgement = Acknowledgement(
            device: header.device, epoch: header.epoch, lane: header.lane, upTo: header.last,
            kafkaTopic: "busbar.\(header.lane.name).v1", partition: 0, offset: 0,
            digest: digest, bridge: "bridge-0", isDevelopment: false)
        return (
            Topics.ack(device: header.device, lane: header.lane),
            key.seal(acknowledgement).encoded()
        )
    }
}

/// The message in a few words.
func describe(_ message: Message) -> String {
    guard let sealed = try? SealedAcknowledgement(decoding: message.payload) else {
        return message.topic
    }
    let acknowledgement = sealed.acknowledgement
    return "an ack of \(acknowledgement.lane.name) up to \(acknowledgement.upTo) of "
        + "\(acknowledgement.epoch.text.prefix(8))"
}

/// The same acknowledgement under a seal that is right: what a device that does not check would
/// take it for.
func resealed(_ payload: [UInt8], key: AcknowledgementKey) -> [UInt8] {
    guard let sealed = try? SealedAcknowledgement(decoding: payload) else { return payload }
    return key.seal(sealed.acknowledgement).encoded()
}

/// The same batch, claiming that nothing came before it: what a bridge sees that does not ask.
func withoutPredecessors(_ payload: [UInt8]) -> [UInt8] {
    guard let bytes = try? Payload.unpack(payload), var batch = try? EventBatch(decoding: bytes)
    else { return payload }
    batch.header.base = batch.header.first
    batch.header.gaps = []
    return Payload.pack(batch.encoded())
}

extension QueuePage {
    /// Forgets a row in the middle, and says that there never was one.
    mutating func loseARow() {
        guard records.count > 2 else { return }
        let lost = records.remove(at: records.count / 2)
        gaps.append(lost.seq...lost.seq)
        gaps.sort { $0.lowerBound < $1.lowerBound }
        losses.append(lost.seq...lost.seq)
    }
}
