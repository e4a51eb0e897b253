import ArgumentParser
import JSON
import LocalAPI
import Wire

struct UplinkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uplink",
        abstract: "Show what has reached the cluster, and why the rest has not.")

    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let answer = try daemon.call(.uplinkStatus)
        daemon.show(answer) { style in UplinkPicture(answer: answer, style: style).lines }
    }
}

/// The uplink's report for a terminal: first what is wrong, then the lanes.
struct UplinkPicture {
    let answer: JSONValue
    let style: Style

    private var status: JSONValue { answer["status"] ?? .null }

    var lines: [String] {
        var lines: [String] = []
        if let problem = answer["problem"]?.string { lines.append(style.bad(problem)) }
        guard status.object != nil else { return lines }
        lines.append(headline(status))
        let then = isPast ? " then" : ""
        if let why = status["why"]?.string {
            lines.append("  " + style.warning("Why\(then)\(span(ofWhy: why)): \(why)"))
        }
        // One that is not there tries nothing.
        if let nextTry, !isPast {
            lines.append("  Next try in \(max(1, (nextTry + 999) / 1_000)) s.")
        }
        if let problem = status["local"]?["problem"]?.string {
            lines.append("  " + style.warning(isPast ? "Then: \(problem)" : problem))
        }
        if let terms { lines.append("  " + terms) }
        lines.append("")
        lines += table(status)
        let findings = (status["findings"]?.array ?? []).filter {
            $0["active"]?.bool == true || $0["security"]?.bool == true
        }
        if !findings.isEmpty {
            lines += ["", "  Found since it was started:"]
            lines += findings.map {
                "    \(int($0["count"]))x\(moment($0)) \(text($0["text"]))"
            }
        }
        return lines
    }

    /// ", for 3 min": where a finding that stands is why.
    private func span(ofWhy why: String) -> String {
        let finding = status["findings"]?.array?.first {
            $0["text"]?.string == why && $0["has_end"]?.bool == true
                && $0["active"]?.bool == true
        }
        return finding.flatMap(age).map { ", for \($0)" } ?? ""
    }

    /// When there was a finding last, or for how long it stands; with what comes before its text.
    private func moment(_ finding: JSONValue) -> String {
        guard finding["active"]?.bool == true else { return ", over:" }
        guard let age = age(finding) else { return "" }
        return finding["has_end"]?.bool == true ? ", for \(age):" : ", last \(age) ago:"
    }

    /// Nil in a status of another boot, whose times nobody can compare.
    private func age(_ finding: JSONValue) -> String? {
        guard let at = finding["at_mono_ms"]?.int, let written = status["written_mono_ms"]?.int,
            let age = answer["age_ms"]?.int
        else { return nil }
        // What is past stood until it was written; nobody knows of more.
        let isOpen = !isPast || finding["has_end"]?.bool != true
        return QuantityText.duration(max(0, written + (isOpen ? age : 0) - at))
    }

    /// Whether what it wrote is no longer how it is: it is dead, stopped or hangs.
    private var isPast: Bool { answer["problem"]?.string != nil }

    /// How long ago that was.
    private var agoWords: String {
        answer["age_ms"]?.int.map { "\(QuantityText.duration($0)) ago" }
            ?? "before the device was started"
    }

    /// An age that has gone on since it was written; nil where nobody knows by how much.
    private func grown(_ age: JSONValue?) -> String {
        guard let age = age?.int else { return "–" }
        guard isPast else { return QuantityText.duration(age) }
        return answer["age_ms"]?.int.map { QuantityText.duration(age + $0) } ?? "–"
    }

    private func lastAcknowledgement(_ lane: JSONValue) -> String {
        let age = grown(lane["last_ack_age_ms"])
        return age == "–" ? age : "\(age) ago"
    }

    /// How long the certificates hold; nil where there are none.
    private var terms: String? {
        let terms = answer["status"]?["certificates"]?.array ?? []
        guard !terms.isEmpty else { return nil }
        let days = terms.compactMap { $0["days_left"]?.int }
        let words = terms.map { term in
            let left = term["days_left"]?.int
            return "\(text(term["role"])) "
                + (left.map { $0 < 0 ? "ended" : $0 == 1 ? "1 day" : "\($0) days" } ?? "–")
        }
        let line = "Certificates hold for: \(words.joined(separator: ", "))."
        let isShort = days.contains { $0 < CertificateTerm.daysOfWarning }
        return isShort ? style.warning(line) : line
    }

    /// In ms from now; nil when there is a connection.
    private var nextTry: Int64? {
        guard let at = answer["status"]?["next_try_mono_ms"]?.int,
            let written = answer["status"]?["written_mono_ms"]?.int, let age = answer["age_ms"]?.int
        else { return nil }
        return at - written - age
    }

    private func headline(_ status: JSONValue) -> String {
        let link = status["link"]
        let state = text(status["state"])
        let isFlowing = ["idle", "sending", "local"].contains(state)
        // Nothing may wait, and a fault stand all the same.
        let isWell = isFlowing && (status["why"]?.string == nil || state == "local")
        let now = isFlowing && !isWell ? "not well (\(state))" : state
        let word = isPast ? "was \(now)" : now
        let time = isPast ? " \(agoWords)" : ""
        let messages = int(link?["messages_unconfirmed"])
        return "Uplink \(style.paint(word, isWell && !isPast ? .good : .bad)) to "
            + "\(text(status["broker"]))\(time), shard \(text(status["shard"])), "
            + "guarantee \(guarantee(status)), round trip "
            + "\(duration(status["ack_round_trip_ms"])), link "
            + "\(duration(link?["delay_ms"])) and \(rate(link?["bytes_per_second"])), "
            + "\(messages) \(messages == 1 ? "message" : "messages") unconfirmed"
    }

    /// What is asked for, and while there is a connection also what is given of it.
    private func guarantee(_ status: JSONValue) -> String {
        let asked = text(status["guarantee"])
        guard asked == "kafka", status["connected"]?.bool == true else {
            return asked == "broker" ? "broker (sent, unconfirmed)" : asked
        }
        switch status["given"]?.string {
        case "kafka": return "kafka"
        case "development": return "kafka (a development cluster: nothing is safe there)"
        default: return "none now (asked for: kafka)"
        }
    }

    private func rate(_ value: JSONValue?) -> String {
        value?.int.map { $0 < 10_000 ? "\($0) B/s" : "\($0 / 1_000) kB/s" } ?? "–"
    }

    private func table(_ status: JSONValue) -> [String] {
        var table = Table(
            [
                "LANE", "WAITING", "OLDEST WAITS", "IN FLIGHT", "ACKNOWLEDGED UP TO", "LAST ACK",
                "DROPPED SINCE START",
            ], rightAligned: [1, 2, 3, 4, 5, 6], style: style)
        for lane in status["lanes"]?.array ?? [] {
            table.add(texts: [
                text(lane["lane"]), String(int(lane["unacknowledged"])),
                grown(lane["oldest_age_ms"]), String(int(lane["in_flight"])),
                String(int(lane["acknowledged"])),
                lastAcknowledgement(lane),
                String(int(lane["dropped"])),
            ])
        }
        return table.lines()
    }
}
