import CANDatabase
import Testing

/// Frames that real packs sent, with the values that their makers' documents give them.
@Suite("Golden vectors of real captures")
struct GoldenVectorTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let frame: String
        /// Names and values in the order of the database.
        let values: [String]
        var missing: [String] = []
    }

    static let rows: [Row] = [
        Row(
            testDescription: "US5000 limits", frame: "351#1402C012C012C201",
            values: [
                "ChargeVoltageLimit 53.2 V", "ChargeCurrentLimit 480 A",
                "DischargeCurrentLimit 480 A", "DischargeVoltageLimit 45 V",
            ]),
        Row(
            testDescription: "US5000 charge, without the fine value", frame: "355#58005E00",
            values: ["StateOfCharge 88 %", "StateOfHealth 94 %"], missing: ["StateOfChargeFine"]),
        Row(
            testDescription: "US5000 measured", frame: "356#7A13F2FE6B01",
            values: ["Voltage 49.86 V", "Current -27 A", "Temperature 36.3 °C"]),
        Row(
            testDescription: "US5000 six modules, nothing wrong", frame: "359#0000000006504E",
            values: [
                "Overvoltage 0", "Undervoltage 0", "Overtemperature 0", "Undertemperature 0",
                "DischargeOvercurrent 0", "ChargeOvercurrent 0", "SystemError 0", "Modules 6",
                "Maker 20558",
            ]),
        Row(
            testDescription: "Cubix limits", frame: "351#4802D007D007C001",
            values: [
                "ChargeVoltageLimit 58.4 V", "ChargeCurrentLimit 200 A",
                "DischargeCurrentLimit 200 A", "DischargeVoltageLimit 44.8 V",
            ]),
        Row(
            testDescription: "Cubix sends zeros for the fine value", frame: "355#1E00640000000000",
            values: ["StateOfCharge 30 %", "StateOfHealth 100 %", "StateOfChargeFine 0 %"]),
        Row(
            testDescription: "Cubix measured", frame: "356#7914000071000000",
            values: ["Voltage 52.41 V", "Current 0 A", "Temperature 11.3 °C"]),
        Row(
            testDescription: "Cubix cell extremes", frame: "370#76006C00CF0CCA0C",
            values: [
                "CellTemperatureMax 11.8 °C", "CellTemperatureMin 10.8 °C",
                "CellVoltageMax 3279 mV",
                "CellVoltageMin 3274 mV",
            ]),
        Row(
            testDescription: "Cubix cells", frame: "373#CA0CCF0C1B011C01",
            values: [
                "LowestCell 3274 mV", "HighestCell 3279 mV", "ColdestCell 283 K",
                "HottestCell 284 K",
            ]),
        Row(
            testDescription: "BYD limits", frame: "351#480200050005AE01",
            values: [
                "ChargeVoltageLimit 58.4 V", "ChargeCurrentLimit 128 A",
                "DischargeCurrentLimit 128 A", "DischargeVoltageLimit 43 V",
            ]),
        Row(
            testDescription: "BYD measured", frame: "356#BE14F9FF8C00",
            values: ["Voltage 53.1 V", "Current -0.7 A", "Temperature 14 °C"]),
        Row(
            testDescription: "BYD in health says 2 in each pair", frame: "35A#AAAAAAAAAAAAAAAA",
            values: [
                "General 2 OK", "HighVoltage 2 OK", "LowVoltage 2 OK", "HighTemperature 2 OK",
                "SystemStatus 2 OK",
            ]),
        Row(
            testDescription: "BYD modules while starting", frame: "372#0200020001000000",
            values: ["Online 2", "BlockingCharge 2", "BlockingDischarge 1", "Offline 0"]),
        Row(
            testDescription: "BYD modules started", frame: "372#0200000000000000",
            values: ["Online 2", "BlockingCharge 0", "BlockingDischarge 0", "Offline 0"]),
        Row(
            testDescription: "BYD cells", frame: "373#EA0C010D1F012201",
            values: [
                "LowestCell 3306 mV", "HighestCell 3329 mV", "ColdestCell 287 K",
                "HottestCell 290 K",
            ]),
        Row(
            testDescription: "REC Q limits", frame: "351#1F01BC02E803E700",
            values: [
                "ChargeVoltageLimit 28.7 V", "ChargeCurrentLimit 70 A",
                "DischargeCurrentLimit 100 A",
                "DischargeVoltageLimit 23.1 V",
            ]),
        Row(
            testDescription: "REC Q charge, with the fine value", frame: "355#320064008813",
            values: ["StateOfCharge 50 %", "StateOfHealth 100 %", "StateOfChargeFine 50 %"]),
        Row(
            testDescription: "REC Q without an alarm", frame: "35A#A8A082000000800A",
            values: [
                "General 0 not supported", "HighVoltage 2 OK", "LowVoltage 2 OK",
                "HighTemperature 2 OK", "SystemStatus 2 OK",
            ]),
        Row(
            testDescription: "early diyBMS sends a negative limit", frame: "351#440264009CFF3F02",
            values: [
                "ChargeVoltageLimit 58 V", "ChargeCurrentLimit 10 A", "DischargeCurrentLimit -10 A",
                "DischargeVoltageLimit 57.5 V",
            ]),
    ]

    @Test("decodes to the exact values", arguments: rows)
    func decodes(row: Row) throws {
        let database = try Fixtures.database("pylontech.dbc")
        let record = CandumpRecord(microseconds: 0, interface: "can0", frame: try frame(row.frame))
        let decoded = decodedLines(record, with: database)
        let found = decoded.signals.map { signal in
            [signal.name, signal.value.description, signal.unit, signal.valueText ?? ""]
                .filter { !$0.isEmpty }.joined(separator: " ")
        }
        #expect(found == row.values)
        #expect(decoded.missing.map(\.name) == row.missing)
    }

    @Test("the US5000 capture decodes from its log, line by line")
    func capture() throws {
        let database = try Fixtures.database("pylontech.dbc")
        var reader = CandumpReader(file: "us5000.log")
        reader.append(try Fixtures.bytes("us5000.log"))
        reader.finish()
        var text: [String] = []
        while let entry = try reader.next() {
            guard case .frame(let record) = entry else { continue }
            text.append(decodedLines(record, with: database).text)
        }
        let expected = """
            (1700000000.123456) can0  351  LIMITS
                ChargeVoltageLimit      53.2 V
                ChargeCurrentLimit     480   A
                DischargeCurrentLimit  480   A
                DischargeVoltageLimit   45   V
            (1700000000.124012) can0  355  CHARGE
                StateOfCharge      88 %
                StateOfHealth      94 %
                StateOfChargeFine  missing: needs 6 bytes, the frame has 4
            (1700000000.124498) can0  356  MEASURED
                Voltage       49.86 V
                Current      -27    A
                Temperature   36.3  °C
            (1700000000.125051) can0  359  PROTECTION
                Overvoltage               0
                Undervoltage              0
                Overtemperature           0
                Undertemperature          0
                DischargeOvercurrent      0
                ChargeOvercurrent         0
                SystemError               0
                Modules                   6
                Maker                 20558
            """
        #expect(text.joined(separator: "\n") == expected)
    }
}
