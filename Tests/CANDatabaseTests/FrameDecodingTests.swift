import CANDatabase
import Testing
import Units

@Suite("Decoded frames")
struct FrameDecodingTests {
    static func text(_ frameText: String, _ database: Database) throws -> String {
        let record = CandumpRecord(
            microseconds: 1_500_000, interface: "can0", frame: try frame(frameText))
        return decodedLines(record, with: database).text
    }

    @Test("numbers stand under each other, with units and texts")
    func alignment() throws {
        let database = try Database(parsing: try Fixtures.sensors(), file: "sensors.dbc")
        let expected = """
            (1.500000) can0  121  WATER
                CRC             0
                AliveCounter    5
                BootCounter     2
                Flow            3.001 L/min
                Level          87.5   %
                Flame           1      flame
                Gas             0      no gas
                GasReady        1      ready
                BurnerLockout   0      in order
                BurnerOn        0      off
            """
        #expect(try Self.text("121#0025B90B6B030500", database) == expected)
    }

    @Test("an unknown id is said")
    func unknown() throws {
        let database = try Fixtures.database("pylontech.dbc")
        #expect(
            try Self.text("00000356#00", database)
                == "(1.500000) can0  00000356  unknown id, not in the database")
    }

    @Test("an empty frame says of each signal what it lacks")
    func empty() throws {
        let database = try Fixtures.database("traps.dbc")
        let expected = """
            (1.500000) can0  250  CELLS
                Group  missing: needs 1 bytes, the frame has 0
                Cell0  missing: needs 1 bytes, the frame has 0
                Cell1  missing: needs 1 bytes, the frame has 0
                Cell4  missing: needs 1 bytes, the frame has 0
                Temp4  missing: needs 1 bytes, the frame has 0
            """
        #expect(try Self.text("250#", database) == expected)
    }

    @Test("what a terminal would act on is not passed on")
    func controlCharacters() throws {
        let database = try parse(
            """
            BO_ 1 A: 1 N
             SG_ X : 0|8@1+ (1,0) [0|0] "\u{1B}[2J" N
            VAL_ 1 X 0 "a\nb\u{202E}" ;
            """)
        #expect(
            try Self.text("001#00", database)
                == "(1.500000) can0  001  A\n    X  0 \u{FFFD}[2J  a\u{FFFD}b\u{FFFD}")
    }
}

@Suite("The sensor node's database")
struct SensorNodeTests {
    struct Place: Hashable, CustomStringConvertible {
        let message: String
        let signal: String
        let bits: BitField?
        let factor: String
        let unit: String
        var description: String { "\(message).\(signal) \(factor) \(unit)" }
    }

    static func place(
        _ message: String, _ signal: String, _ start: Int, _ length: Int, isSigned: Bool = false,
        _ factor: String = "1", _ unit: String = ""
    ) -> Place {
        Place(
            message: message, signal: signal,
            bits: BitField(startBit: start, length: length, order: .intel, isSigned: isSigned),
            factor: factor, unit: unit)
    }

    @Test("has each signal at its place, with its scale and unit")
    func layout() throws {
        let database = try Database(parsing: try Fixtures.sensors(), file: "sensors.dbc")
        #expect(database.messages.map(\.id) == [0x120, 0x121, 0x122, 0x123])
        #expect(database.warnings == [])
        var expected: [Place] = []
        for name in ["TANK", "WATER", "AMBIENT", "PROBES"] {
            expected.append(Self.place(name, "CRC", 0, 8))
            expected.append(Self.place(name, "AliveCounter", 8, 4))
            expected.append(Self.place(name, "BootCounter", 12, 4))
        }
        expected += [
            Self.place("TANK", "Temperature1", 16, 24, isSigned: true, "0.001", "°C"),
            Self.place("TANK", "Temperature2", 40, 24, isSigned: true, "0.001", "°C"),
            Self.place("WATER", "Flow", 16, 16, "0.001", "L/min"),
            Self.place("WATER", "Level", 32, 16, "0.1", "%"),
            Self.place("WATER", "Flame", 48, 1), Self.place("WATER", "Gas", 49, 1),
            Self.place("WATER", "GasReady", 50, 1), Self.place("WATER", "BurnerLockout", 51, 1),
            Self.place("WATER", "BurnerOn", 52, 1),
            Self.place("AMBIENT", "Temperature3", 16, 24, isSigned: true, "0.001", "°C"),
            Self.place("AMBIENT", "AmbientTemperature", 40, 16, isSigned: true, "0.01", "°C"),
            Self.place("AMBIENT", "AmbientHumidity", 56, 8, "0.5", "%"),
            Self.place("PROBES", "Probe1Ratio", 16, 16, "0.1", "%"),
            Self.place("PROBES", "Probe2Ratio", 32, 16, "0.1", "%"),
            Self.place("PROBES", "Probe3Ratio", 48, 16, "0.1", "%"),
        ]
        let found = database.messages.flatMap { message in
            message.signals.map { signal in
                Place(
                    message: message.name, signal: signal.name, bits: signal.bits,
                    factor: signal.factor.description, unit: signal.unit)
            }
        }
        #expect(Set(found).symmetricDifference(expected) == [])
        #expect(found.count == expected.count)
    }

    @Test("says of each message how often it comes, and of each signal what it means")
    func documentation() throws {
        let database = try Database(parsing: try Fixtures.sensors(), file: "sensors.dbc")
        for message in database.messages {
            #expect(message.cycleTime == 200)
            #expect(message.length == 8)
            #expect(message.transmitter == "SENSOR_NODE")
            #expect(message.comment != nil, "\(message.name)")
            for signal in message.signals {
                #expect(signal.comment != nil, "\(message.name).\(signal.name)")
                if signal.bits.length == 1 { #expect(signal.values.count == 2, "\(signal.name)") }
            }
        }
    }

    @Test("carries the exact codes that a disconnected probe gives")
    func disconnectedProbe() throws {
        let database = try Database(parsing: try Fixtures.sensors(), file: "sensors.dbc")
        let tank = try #require(database.message(named: "TANK"))
        // -127000 m°C is 0xFE0FE8, and 85000 m°C is 0x014C08.
        let frame = try frame("120#0010E80FFE084C01")
        #expect(tank.signal(named: "Temperature1")?.value(in: frame)?.description == "-127")
        #expect(tank.signal(named: "Temperature2")?.value(in: frame)?.description == "85")
    }
}
