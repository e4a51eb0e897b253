import Control
import Events
import JSON
import Site
import Testing
import Units

/// The way from a DBC file's decimals to the core's integers.
@Suite struct SignalPlanTests {
    @Test("turns the reference DBC file into integers in m°C, mL/min and ‰")
    func turnsDecimalsIntoIntegers() throws {
        let plan = try ReferenceSite.site([
            "sensors": ["probe1Ratio": ["message": "PROBES", "name": "Probe1Ratio"]]
        ]).plan.signals
        #expect(plan.frameCount == 4)
        var seen = 0
        for index in 0..<plan.frameCount {
            let frame = plan[index]
            #expect(frame.period == Milliseconds(200))
            #expect(frame.length == 8)
            #expect(frame.checksumByte == 0)
            #expect(frame.aliveCounter?.bytesNeeded == 2)
            #expect(frame.bootCounter?.length == 4)
            for position in 0..<frame.fieldCount {
                let field = frame[position]
                seen += 1
                let scale = "\(field.multiplier)/\(field.divisor)+\(field.offset)"
                switch field.signal {
                case .ambientTemperature: #expect(scale == "10/1+0")
                case .ambientHumidity: #expect(scale == "5/1+0")
                default: #expect(scale == "1/1+0", "\(field.signal)")
                }
            }
        }
        #expect(seen == 11)
        #expect(plan[0].id == 0x120)
    }

    @Test("holds heating to the signals that D-09 names, as the profile has them")
    func requiresSafetySignals() throws {
        func required(_ patch: JSONValue) throws -> [SignalID] {
            let plan = try ReferenceSite.site(patch).plan.signals
            return (0..<UInt8(SignalID.count)).compactMap(SignalID.init).filter(plan.isSafety)
        }
        #expect(try required(ReferenceSite.gas) == [.temperature1, .flow, .level, .flame, .gas])
        #expect(
            try required(["heating": ["profile": "electric"]])
                == [.temperature1, .flow, .level, .gas])
        #expect(
            try required([:])
                == [.temperature1, .flow, .level, .gas, .burnerLockout, .burnerOn])
    }

    struct Scale: CustomTestStringConvertible {
        let line: String
        let outcome: String
        var testDescription: String { line }
    }

    @Test(
        "scales exactly or refuses",
        arguments: [
            Scale(line: "16|16@1- (0.0625,0) [0|0] \"degC\"", outcome: "625/10+0"),
            Scale(line: "16|16@1- (0.1,-40) [0|0] \"°C\"", outcome: "100/1+-40000"),
            Scale(line: "16|16@1- (1E-6,0) [0|0] \"°C\"", outcome: "1/1000+0"),
            Scale(line: "16|16@1- (-2.5,0.001) [0|0] \"°C\"", outcome: "-2500/1+1"),
            Scale(
                line: "16|16@1- (0.1,0.0001) [0|0] \"°C\"",
                outcome: "offset 0.0001 is too large or too fine for exact integers"),
            Scale(
                line: "16|16@1- (1,3000000) [0|0] \"°C\"",
                outcome: "offset 3000000 is too large or too fine for exact integers"),
            Scale(
                line: "16|16@1- (1E-22,0) [0|0] \"°C\"",
                outcome:
                    "factor 0.0000000000000000000001 is too large or too fine for exact integers"),
            Scale(
                line: "16|24@1- (1E15,0) [0|0] \"°C\"",
                outcome: "factor 1000000000000000 is too large or too fine for exact integers"),
            Scale(
                line: "16|16@1- (0.1,0) [0|0] \"K\"",
                outcome: "found unit \"K\"; allowed is degC or °C"),
            Scale(
                line: "16|16@1- (0.1,0) [0|0] \"\"",
                outcome: "found unit \"\"; allowed is degC or °C"),
        ])
    func scalesExactlyOrRefuses(_ row: Scale) throws {
        let text = String(decoding: try ReferenceSite.database(), as: UTF8.self)
        let original = "16|24@1- (0.001,0) [-127|150] \"°C\" BUSBAR\n SG_ Temperature2"
        let changed = text.replacing(original, with: row.line + " BUSBAR\n SG_ Temperature2")
        #expect(changed != text)
        let json = try ReferenceSite.json()
        do throws(SiteError) {
            let site = try Site(json: json, dbcBytes: Array(changed.utf8))
            let field = site.plan.signals[0][0]
            #expect("\(field.multiplier)/\(field.divisor)+\(field.offset)" == row.outcome)
        } catch {
            #expect(
                error.lines == [
                    "E901 site.json: $.sensors.temperature1.name: sensors.dbc, signal "
                        + "Temperature1: " + row.outcome
                ])
        }
    }
}
