import JSON
public import Wire

/// One line of an export: a CloudEvent in structured JSON, which is to become the same record that
/// a bridge would have made of it.
public struct ExportedEvent: Sendable {
    public let lane: Lane
    /// "<epoch>:<lane>:<seq>"
    public let id: String
    private let device: String
    private let attributes: [SinkRecord.Header]
    private let contentType: String
    private let value: [UInt8]

    /// Attributes without which it is no event of ours. The others are taken as they are: an export
    /// may be of a newer device.
    private static let required = [
        "specversion", "id", "source", "type", "subject", "time", "partitionkey", "sequence",
        "busbarepoch",
    ]

    /// - Throws: what is wrong with the line, or with which of its members.
    public init(line: [UInt8]) throws(ExportError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue.parse(line, limits: JSONLimits(size: 256 << 10))
        } catch {
            throw ExportError("not JSON: column \(error.column): \(error.reason)")
        }
        guard let members = document.object else { throw ExportError("it is no JSON object") }
        for name in Self.required where members[name]?.string == nil {
            throw ExportError("the attribute \"\(name)\" is missing, or is no text")
        }
        (lane, device, id) = try Self.sender(members)
        attributes = try Self.attributes(members)
        contentType = members["datacontenttype"]?.string ?? "application/json"
        value = try Self.value(members)
    }

    /// - Parameter unixMilliseconds: the wall time of this machine, for the record's time.
    public func record(unixMilliseconds: Int64) -> SinkRecord {
        var headers = RecordHeaders(attributes)
        headers.add("ce_recordedtime", UTCTime.text(unixMilliseconds: unixMilliseconds))
        headers.add("content-type", contentType)
        return SinkRecord(
            topic: SinkRecord.topic(of: lane), key: Array(device.utf8), value: value,
            headers: headers, unixMilliseconds: unixMilliseconds)
    }

    /// Lane and device from the source, which the identity and the key must agree with.
    private static func sender(
        _ members: JSONObject
    ) throws(ExportError) -> (Lane, device: String, id: String) {
        let source = members["source"]?.string ?? ""
        let words = source.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 5, words[0...1] == ["urn", "busbar"], words[2].isSiteName,
            words[3].isSiteName, let lane = Lane(name: words[4])
        else {
            throw ExportError(
                "the source is \"\(source)\"; expected is urn:busbar:SITE:DEVICE:LANE")
        }
        let epoch = members["busbarepoch"]?.string ?? ""
        let sequence = members["sequence"]?.string ?? ""
        guard sequence.utf8.count == 20, let number = Int64(sequence), number >= 1 else {
            throw ExportError("the sequence is \"\(sequence)\"; expected are 20 digits")
        }
        let id = "\(epoch):\(lane.name):\(number)"
        guard Identifier128(text: epoch)?.text == epoch, members["id"]?.string == id else {
            throw ExportError(
                "the id is \"\(members["id"]?.string ?? "")\"; by epoch, lane and sequence it is "
                    + "\"\(id)\"")
        }
        guard members["partitionkey"]?.string == words[3] else {
            throw ExportError("the partitionkey is not the source's device \"\(words[3])\"")
        }
        return (lane, words[3], id)
    }

    private static func attributes(
        _ members: JSONObject
    ) throws(ExportError) -> [SinkRecord.Header] {
        var headers: [SinkRecord.Header] = []
        for member in members {
            // The time of recording is this bridge's.
            if ["data", "data_base64", "datacontenttype", "recordedtime"].contains(member.key) {
                continue
            }
            guard let text = member.value.string ?? member.value.int.map({ String($0) }) else {
                throw ExportError(
                    "the attribute \"\(member.key)\" is \(member.value.kind); expected is a text "
                        + "or an integer")
            }
            headers.append(.init("ce_" + member.key, text))
        }
        return headers
    }

    private static func value(_ members: JSONObject) throws(ExportError) -> [UInt8] {
        switch (members["data"], members["data_base64"]?.string) {
        case (let data?, nil):
            guard data.object != nil else { throw ExportError("the data is no JSON object") }
            return data.serializedBytes()
        case (nil, let text?):
            guard let bytes = [UInt8](base64: Array(text.utf8)[...]) else {
                throw ExportError("data_base64 is no base64")
            }
            return bytes.isEmpty ? Array("{}".utf8) : bytes
        default:
            throw ExportError("expected is either data or data_base64")
        }
    }
}

/// Why a line is no exported event.
public struct ExportError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
