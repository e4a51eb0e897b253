import ArgumentParser
import Doctor
import JSON
import LocalAPI

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check this machine for all that Busbar needs, and say what mends it.",
        discussion: """
            Looks at the site, interfaces, permissions, kernel, clock, real-time limits, storage, \
            accounts, services and credentials, and names what the fitted hardware cannot cover. \
            It changes nothing and switches nothing. Run it as root to see all.

            Exit codes: 0 fit, warnings or not; 1 at least one fault.
            """)
    @Option(
        help: ArgumentHelp("The folder with site.json.", valueName: "dir"),
        completion: .directory)
    var site = "/etc/busbar/site"
    @Option(help: ArgumentHelp("The site's profile: dev, stage or prod.", valueName: "name"))
    var profile: String?
    @Option(
        help: ArgumentHelp("Where the daemon keeps its journal.", valueName: "dir"),
        completion: .directory)
    var stateDir = "/var/lib/busbar"
    @Flag(help: "The board is simulated: judge no hardware.")
    var simulated = false
    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let reader = FactReader(
            site: site, profile: profile, stateDirectory: stateDir, socket: daemon.path,
            isSimulated: simulated)
        let examination = Examination(reader.read())
        daemon.show(examination.json) { style in
            ExaminationPicture(style: style).lines(examination)
        }
        if !examination.isFit { throw ExitCode(Failure.Kind.failed.rawValue) }
    }
}

/// The findings as a list: what is wrong stands out, and under it what mends it.
struct ExaminationPicture {
    let style: Style
    var columns = Wrapping.columnsOfOutput

    func lines(_ examination: Examination) -> [String] {
        examination.findings.flatMap(lines) + [""] + [verdict(examination)]
    }

    private func lines(_ finding: Finding) -> [String] {
        let head =
            " " + Self.padded(finding.level.name, 8) + Self.padded(finding.area.name, 13)
        var lines = Wrapping.lines(finding.what, after: head, columns: columns)
        lines[0] = " " + painted(finding.level) + lines[0].dropFirst(9)
        if let mend = finding.mend {
            let arrow = String(repeating: " ", count: head.count) + "→ "
            lines += Wrapping.lines(mend, after: arrow, columns: columns)
        }
        return lines
    }

    private func painted(_ level: Finding.Level) -> String {
        let text = Self.padded(level.name, 8)
        switch level {
        case .good: return style.good(text)
        case .note: return style.faint(text)
        case .warning: return style.warning(text)
        case .fault: return style.bad(text)
        }
    }

    private func verdict(_ examination: Examination) -> String {
        func counted(_ count: Int, _ noun: String) -> String {
            "\(count) \(noun)\(count == 1 ? "" : "s")"
        }
        let warnings = counted(examination.count(.warning), "warning")
        return examination.isFit
            ? "Fit for work, with \(warnings)."
            : "Not fit for work: \(counted(examination.count(.fault), "fault")), \(warnings)."
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
