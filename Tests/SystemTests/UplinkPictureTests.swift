import JSON
import Testing

/// What `busbar uplink` makes of an answer of the daemon.
@Suite("busbar uplink")
struct UplinkPictureTests {
    private static func shown(_ status: JSONValue) throws -> String {
        let place = try LocalSocket()
        place.answer(["status": status, "age_ms": 10, "problem": .null])
        let result = try Programs.run("busbar", ["uplink", "--socket", place.path])
        #expect(result.code == 0, "\(result.error)")
        return result.output
    }

    private static func status(
        _ guarantee: String, given: JSONValue = .null, isConnected: Bool = true
    ) -> JSONValue {
        [
            "state": "sending", "guarantee": .string(guarantee), "given": given,
            "connected": .bool(isConnected), "broker": "b:1", "shard": "07", "why": .null,
            "ack_round_trip_ms": 300,
            "link": ["delay_ms": 2, "bytes_per_second": 9_000, "messages_unconfirmed": 1],
            "lanes": [
                [
                    "lane": "alarm", "unacknowledged": 66, "oldest_age_ms": 1_500, "in_flight": 10,
                    "acknowledged": 4_003, "last_ack_age_ms": 61_000, "dropped": 7,
                ]
            ],
            "findings": [],
        ]
    }

    @Test("a message without the broker's answer and an event in flight are two things")
    func whole() throws {
        let said = try Self.shown(Self.status("kafka", given: "kafka"))
        #expect(
            said
                == """
                Uplink sending to b:1, shard 07, guarantee kafka, round trip 0.3 s, link 0.0 s and \
                9000 B/s, 1 message unconfirmed

                  LANE   WAITING  OLDEST WAITS  IN FLIGHT  ACKNOWLEDGED UP TO        LAST ACK  \
                DROPPED SINCE START
                  alarm       66         1.5 s         10                4003  1 min 01 s ago  \
                                  7

                """)
    }

    @Test(
        "the guarantee is what the bridge that is there gives, not what the site file asks for",
        arguments: [
            ("kafka", "kafka", true, "kafka"),
            (
                "kafka", "development", true,
                "kafka (a development cluster: nothing is safe there)"
            ),
            ("kafka", "none", true, "none now (asked for: kafka)"),
            ("kafka", nil, true, "none now (asked for: kafka)"),
            ("kafka", nil, false, "kafka"),
            ("broker", nil, true, "broker (sent, unconfirmed)"),
            ("local", nil, true, "local"),
        ] as [(String, String?, Bool, String)])
    func guarantee(asked: String, given: String?, isConnected: Bool, text: String) throws {
        let given = given.map { JSONValue.string($0) } ?? .null
        let said = try Self.shown(Self.status(asked, given: given, isConnected: isConnected))
        #expect(said.contains(", guarantee \(text), round trip "), "\(said)")
    }
}
