import Bridge
import Testing
import Units
import Wire

@Suite("Metrics of a bridge")
struct MetricsTests {
    @Test("are in Prometheus' text format, each name once, with help and type before its samples")
    func grammar() throws {
        var rig = try Rig()
        rig.receive(batch(1...3))
        rig.report([0])
        let text = rig.session.snapshot(now: rig.now).metrics
        #expect(PrometheusChecker.faults(in: text) == [])
        #expect(text.contains("\nbusbar_bridge_events_total 3\n"))
        #expect(text.contains("\nbusbar_bridge_records_stored_total{lane=\"event\"} 1\n"))
        #expect(text.contains("\nbusbar_bridge_records_held 2\n"))
        #expect(text.contains("\nbusbar_bridge_guarantee{guarantee=\"kafka\"} 1\n"))
        #expect(!text.contains("heater-1"), "no device is in a label")
    }

    @Test("the certificates' days are told by whose they are, also of one that has ended")
    func certificates() throws {
        let rig = try Rig()
        var snapshot = rig.session.snapshot(now: rig.now)
        #expect(PrometheusChecker.faults(in: snapshot.metrics) == [])
        snapshot.certificateDays = [(.client, 12), (.authority, 3_300), (.broker, -2)]
        let text = snapshot.metrics
        #expect(PrometheusChecker.faults(in: text) == [])
        #expect(
            text.contains(
                """

                busbar_bridge_certificate_days_left{certificate="client"} 12
                busbar_bridge_certificate_days_left{certificate="authority"} 3300
                busbar_bridge_certificate_days_left{certificate="broker"} -2

                """))
    }

    @Test("a label's value may hold quotes, backslashes and line feeds")
    func escapes() {
        var family = MetricFamily("a_total", .counter, "Odd \"help\"\nwith \\")
        family.add([("label", "a\"b\\c\nd")], 7)
        #expect(
            family.text
                == "# HELP a_total Odd \"help\"\\nwith \\\\\n# TYPE a_total counter\n"
                + "a_total{label=\"a\\\"b\\\\c\\nd\"} 7\n")
        #expect(PrometheusChecker.faults(in: family.text) == [])
    }

    @Test("seconds have three places", arguments: [(0, "0"), (1, "0.001"), (61_050, "61.050")])
    func seconds(milliseconds: Int64, text: String) {
        var family = MetricFamily("age_seconds", .gauge, "Age")
        family.samples.append(MetricFamily.Sample(labels: [], thousandths: milliseconds))
        #expect(family.text.hasSuffix("\nage_seconds \(text)\n"))
    }

    @Test(
        "the checker sees what is wrong",
        arguments: [
            ("a_total 1\n", "a_total has no TYPE before it"),
            ("# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c} 1\n", "not a sample"),
            ("# HELP a_total x\n# TYPE a_total counter\na_total one\n", "not a sample"),
            ("# HELP a x\n# TYPE a counter\na 1\n", "the counter a does not end in _total"),
            ("# HELP a_total x\n# TYPE a_total counter\na_total 1", "no line feed at the end"),
            (
                "# HELP a_total x\n# TYPE a_total counter\na_total 1\na_total 2\n",
                "a_total stands twice"
            ),
        ])
    func teeth(text: String, fault: String) {
        #expect(PrometheusChecker.faults(in: text).contains { $0.contains(fault) })
    }
}

/// The text format 0.0.4, as Prometheus documents it, and promtool's rules about names.
enum PrometheusChecker {
    private nonisolated(unsafe) static let sample =
        #/([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?)/#

    private static func labelsAreSound(_ labels: Substring?) -> Bool {
        guard let labels else { return true }
        let label = #/[a-zA-Z_]\w*="(?:[^"\\]|\\\\|\\"|\\n)*"/#
        var rest = labels
        while let match = rest.prefixMatch(of: label) {
            rest.removeFirst(match.output.count)
            if rest.isEmpty { return true }
            guard rest.first == "," else { return false }
            rest.removeFirst()
        }
        return false
    }

    static func faults(in text: String) -> [String] {
        var faults: [String] = []
        var types: [String: String] = [:]
        var helps: Set<String> = []
        var seen: Set<String> = []
        var current = ""
        if !text.hasSuffix("\n") { faults.append("no line feed at the end") }
        for line in text.split(separator: "\n") {
            if let match = line.wholeMatch(of: #/# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/#) {
                if !helps.insert(String(match.1)).inserted { faults.append("HELP twice: \(line)") }
                if match.2.wholeMatch(of: #/(?:[^\\]|\\\\|\\n)*/#) == nil {
                    faults.append("bad escape: \(line)")
                }
            } else if let match = line.wholeMatch(
                of: #/# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)/#)
            {
                current = String(match.1)
                if types.updateValue(String(match.2), forKey: current) != nil {
                    faults.append("TYPE twice: \(line)")
                }
                if !helps.contains(current) { faults.append("\(current) has no HELP") }
                if match.2 == "counter", !current.hasSuffix("_total") {
                    faults.append("the counter \(current) does not end in _total")
                }
            } else if let match = line.wholeMatch(of: sample), labelsAreSound(match.2) {
                let name = String(match.1)
                if name != current { faults.append("\(name) has no TYPE before it") }
                if !seen.insert(name + (match.2.map(String.init) ?? "")).inserted {
                    faults.append("\(name) stands twice")
                }
            } else {
                faults.append("not a sample: \(line)")
            }
        }
        return faults
    }
}
