import Bridge
import Testing
import Wire

@Suite("An exported event")
struct ExportedEventTests {
    private static let line = String(
        decoding: CloudEvent(event(7), site: "house", device: "heater-1").structuredJSON,
        as: UTF8.self)

    @Test("becomes the record that a bridge makes of the same event, save for hash and time")
    func sameRecord() throws {
        var rig = try Rig()
        rig.receive(batch(7...7))
        let bridged = try #require(rig.sent.first?.record)
        let ingested = try ExportedEvent(line: Array(Self.line.utf8)).record(unixMilliseconds: 5)
        #expect(ingested.topic == bridged.topic)
        #expect(ingested.key == bridged.key)
        #expect(ingested.value == bridged.value)
        #expect(ingested.header("ce_recordedtime") == "1970-01-01T00:00:00.005Z")
        func rest(_ record: SinkRecord) -> Set<SinkRecord.Header> {
            Set(
                record.headers.texts.filter {
                    !["ce_recordedtime", "ce_busbarhash"].contains($0.name)
                })
        }
        #expect(rest(ingested) == rest(bridged))
    }

    @Test(
        "a line that is none is refused with its fault",
        arguments: [
            ("{\"specversion\"", "{\"specversion\"x", "not JSON: column "),
            ("\"subject\":\"job/7\",", "", "the attribute \"subject\" is missing, or is no text"),
            (
                "urn:busbar:house:heater-1:event", "urn:other",
                "the source is \"urn:other\"; expected is urn:busbar:SITE:DEVICE:LANE"
            ),
            ("00000000000000000007", "7", "the sequence is \"7\"; expected are 20 digits"),
            (
                "\"partitionkey\":\"heater-1\"", "\"partitionkey\":\"heater-2\"",
                "the partitionkey is not the source's device \"heater-1\""
            ),
            (":event:7\"", ":event:8\"", "the id is \"\(epochA.text):event:8\"; "),
            ("\"data\":{\"text\":\"\"}", "\"data\":3", "the data is no JSON object"),
        ])
    func refused(found: String, put: String, fault: String) throws {
        let pieces = Self.line.split(
            separator: found, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(pieces.count == 2, "\(found) is not in the line")
        let error = #expect(throws: ExportError.self) {
            try ExportedEvent(line: Array((pieces[0] + put + pieces[1]).utf8))
        }
        #expect(error?.description.hasPrefix(fault) == true, "\(String(describing: error))")
    }
}
