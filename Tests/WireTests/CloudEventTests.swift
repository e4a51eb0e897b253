import Events
import JSON
import Testing
import Units
import Wire

@Suite("CloudEvent")
struct CloudEventTests {
    /// As the bridge makes it, from a batch.
    static func event(_ record: EventRecord) throws -> CloudEvent {
        var header = BatchRig.header(base: record.seq, first: record.seq, last: record.seq)
        header.lane = record.lane
        let batch = EventBatch(header: header, lines: [BatchLine(record)])
        let decoded = try EventBatch(decoding: batch.encoded())
        return CloudEvent(
            try decoded.event(at: 0), of: decoded.header, recordedMilliseconds: 1_700_000_001_000,
            hash: RunningDigest(Identifier128(high: 7, low: 8)))
    }

    @Test("an event in structured JSON is this text")
    func structured() throws {
        let text = """
            {"specversion":"1.0","id":"00000000000000010000000000000abc:alarm:18",\
            "source":"urn:busbar:house:heater-1:alarm","type":"io.busbar.alarm.raised.v1",\
            "subject":"alarm/E103","time":"2023-11-14T22:13:20.123Z",\
            "dataschema":"urn:busbar:schema:alarm.raised.v1","partitionkey":"heater-1",\
            "sequence":"00000000000000000018","severitytext":"FATAL","severitynumber":21,\
            "traceparent":"00-111122223333444455556666777788c5-0000000000000012-01",\
            "recordedtime":"2023-11-14T22:13:21.000Z",\
            "busbarepoch":"00000000000000010000000000000abc",\
            "busbarboot":"00000000000000020000000000000003",\
            "busbarrun":"11112222333344445555666677778888","busbarmono":"501200",\
            "busbartick":"5012","busbarclock":"synced","busbarcorrelation":"77",\
            "busbarhash":"00000000000000070000000000000008",\
            "datacontenttype":"application/json","data":{"code":"E103"}}
            """
        let event = try Self.event(BatchRig.record(18))
        #expect(String(decoding: event.structuredJSON, as: UTF8.self) == text)
        #expect(event.id == BatchRig.record(18).id)
    }

    @Test("the device itself makes the same event, without what only a bridge knows")
    func sameOnTheDevice() throws {
        var ofBridge = try Self.event(BatchRig.record(18))
        ofBridge.recordedMilliseconds = nil
        ofBridge.hash = nil
        let ofDevice = CloudEvent(BatchRig.record(18), site: "house", device: "heater-1")
        #expect(ofDevice == ofBridge)
        #expect(ofDevice.structuredJSON == ofBridge.structuredJSON)
    }

    @Test("binary mode has every attribute of structured mode as a header, and the data as value")
    func binary() throws {
        for data in [#"{"code":"E103"}"#, "{}", "broken"] {
            let event = try Self.event(BatchRig.record(18, data: data))
            let structured = try JSONValue.parse(event.structuredJSON)
            var expected: [String: String] = [:]
            for member in try #require(structured.object) {
                switch member.key {
                case "data", "data_base64": continue
                case "datacontenttype": expected["content-type"] = member.value.string
                default:
                    expected["ce_" + member.key] = member.value.string ?? member.value.serialized()
                }
            }
            let headers = event.recordHeaders.texts
            #expect(headers.count == expected.count)
            for header in headers { #expect(expected[header.name] == header.value) }
            #expect(event.kafkaValue == Array(data.utf8))
        }
    }

    @Test("data that a card damaged is bytes, with no schema, and never empty")
    func damaged() throws {
        let event = try Self.event(BatchRig.record(18, data: "broken"))
        let text = String(decoding: event.structuredJSON, as: UTF8.self)
        #expect(
            text.hasSuffix(
                #""busbardamaged":"6","datacontenttype":"application/octet-stream","#
                    + #""data_base64":"YnJva2Vu"}"#))
        #expect(!text.contains("dataschema"))
        let empty = try Self.event(BatchRig.record(18, data: ""))
        #expect(empty.kafkaValue == Array("{}".utf8))
        let ofDevice = CloudEvent(BatchRig.record(18, data: "broken"), site: "a", device: "b")
        #expect(ofDevice.event == event.event)
    }

    static let severities: [(Severity, String, String)] = [
        (.info, "INFO", "9"), (.warning, "WARNING", "13"), (.error, "ERROR", "17"),
        (.fatal, "FATAL", "21"),
    ]

    @Test("a severity has OpenTelemetry's number", arguments: severities)
    func severity(severity: Severity, text: String, number: String) throws {
        var record = BatchRig.record(1)
        record.severity = severity
        let headers = try Self.event(record).recordHeaders.texts
        #expect(headers.first { $0.name == "ce_severitytext" }?.value == text)
        #expect(headers.first { $0.name == "ce_severitynumber" }?.value == number)
    }

    @Test("spans of two lanes differ, and the greatest number fits")
    func spans() throws {
        var record = BatchRig.record(BatchHeader.numberMax)
        record.lane = .telemetry
        let headers = try Self.event(record).recordHeaders.texts
        #expect(
            headers.first { $0.name == "ce_traceparent" }?.value
                == "00-111122223333444455556666777788c5-02ffffffffffffff-01")
        #expect(headers.first { $0.name == "ce_sequence" }?.value == "00072057594037927935")
    }
}
