import JSON
import Testing
import Units
import Wire

@testable import Uplink

@Suite("Home Assistant")
struct HomeAssistantTests {
    static func image(_ temperature: Int64, quality: String = "ok") -> JSONValue {
        [
            "signals": [
                [
                    "id": "temperature1", "quality": .string(quality),
                    "value": JSONValue(temperature), "unit": "millicelsius",
                ],
                ["id": "gas", "quality": "ok", "value": 1, "unit": "boolean"],
                ["id": "x\"}}{%", "quality": "ok", "value": 1, "unit": "boolean"],
            ],
            "alarms": [["severity": "warning"]], "lockout": ["locked": true],
            "heating": ["heat_on": false, "state": "STANDBY"],
        ]
    }

    static func bench() -> SessionBench {
        var bench = SessionBench(isHomeAssistant: true)
        bench.session.note(.image(image(21_500)), now: bench.now)
        bench.pass(.seconds(1))
        return bench
    }

    @Test("each signal and the device itself are described once, retained, with where to look")
    func discovery() throws {
        let bench = Self.bench()
        #expect(bench.home.allSatisfy { $0.isRetained })
        #expect(
            bench.home.map(\.topic) == [
                "homeassistant/sensor/heater-1/temperature1/config",
                "homeassistant/binary_sensor/heater-1/gas/config",
                "homeassistant/binary_sensor/heater-1/locked_out/config",
                "homeassistant/binary_sensor/heater-1/alarm/config",
                "homeassistant/binary_sensor/heater-1/heat_on/config",
                "homeassistant/sensor/heater-1/heating_state/config",
                "busbar/v1/state/heater-1",
            ])
        let config = try JSONValue.parse(bench.home[0].payload)
        #expect(config["state_topic"]?.string == "busbar/v1/state/heater-1")
        #expect(config["availability_topic"]?.string == "busbar/v1/status/heater-1")
        #expect(config["unit_of_measurement"]?.string == "°C")
        #expect(config["unique_id"]?.string == "busbar_heater-1_temperature1")
        #expect(
            config["value_template"]?.string
                == "{{ value_json.temperature1 / 1000 if value_json.temperature1 is number else "
                + "None }}")
    }

    @Test("values are those of the image; what is not good is null")
    func values() throws {
        let bench = Self.bench()
        #expect(
            String(decoding: try #require(bench.home.last).payload, as: UTF8.self)
                == "{\"temperature1\":21500,\"gas\":1,\"locked_out\":true,\"alarm\":true,"
                + "\"heat_on\":false,\"heating_state\":\"STANDBY\"}")
        let home = HomeAssistant(site: "house", device: "heater-1", version: "1")
        let stale = home.values(Self.image(21_500, quality: "stale"))
        #expect(String(decoding: stale.payload, as: UTF8.self).hasPrefix("{\"temperature1\":null,"))
    }

    @Test("values go on change, at most each ten seconds, and all again after a reconnect")
    func paced() {
        var bench = Self.bench()
        let count = bench.home.count
        for step in 1...20 {
            bench.session.note(.image(Self.image(Int64(step))), now: bench.now)
            bench.pass(.seconds(1))
        }
        #expect((1...3).contains(bench.home.count - count))
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        bench.pass(.seconds(3))
        let before = bench.home.count
        bench.session.note(.image(Self.image(5)), now: bench.now)
        bench.pass(.seconds(12))
        #expect(bench.home.count - before == 7)
    }

    @Test("what the broker refuses is found, tried again, and over when all of it is taken")
    func refused() {
        var bench = SessionBench(isHomeAssistant: true)
        bench.publishCode = 0x87
        bench.session.note(.image(Self.image(1)), now: bench.now)
        bench.pass(.seconds(70))
        #expect(bench.findings.map(\.kind) == [.messagesRefused, .messagesRefused])
        #expect(
            bench.findings[0].text
                == "the broker does not take what goes to busbar/v1/status/heater-1 (not "
                + "authorised): let the client \"heater-1\" publish as board/broker/acl has it, or "
                + "client.crt is not for this name")
        #expect(bench.findings[1].text.contains(" and 7 more topics (not authorised)"))
        bench.publishCode = 0
        bench.pass(.seconds(70))
        #expect(bench.findings.allSatisfy { $0.isActive }, "nobody has the descriptions yet")
        bench.pass(.seconds(160))
        bench.session.note(.image(Self.image(2)), now: bench.now)
        bench.pass(.seconds(12))
        #expect(bench.findings.last.map { $0.kind == .messagesRefused && !$0.isActive } == true)
    }

    @Test("nothing of it unless the site asks for it")
    func off() {
        var bench = SessionBench()
        bench.session.note(.image(Self.image(1)), now: bench.now)
        bench.pass(.seconds(30))
        #expect(bench.home.isEmpty)
    }
}
