import ArgumentParser
import Control
import Events
import JSON
import LocalAPI
import Site
import Wire

struct SiteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "site", abstract: "Work with site files.", subcommands: [Check.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Check a site as busbard does at its start, and say everything that is wrong.",
            discussion: """
                Prints one line for each error: file, place and reason; exit code 1. A site that \
                is in order is summed up with its digest.
                """)
        @Argument(help: "The folder with site.json.", completion: .directory)
        var site: String
        @Option(help: ArgumentHelp("The site's profile: dev, stage or prod.", valueName: "name"))
        var profile: String?
        @Flag(help: "Print one JSON document.")
        var json = false

        func run() throws {
            do throws(SiteError) {
                let picture = SitePicture(
                    site: try Site.load(directory: site, profile: profile), folder: site)
                if json {
                    Output.text(picture.json.serialized(pretty: true))
                } else {
                    Output.lines(picture.lines)
                }
            } catch {
                for line in error.lines { Output.error(line) }
                if json { Output.text(document(of: error).serialized(pretty: true)) }
                throw ExitCode(Failure.Kind.failed.rawValue)
            }
        }

        private func document(of error: SiteError) -> JSONValue {
            let errors = error.defects.map { defect -> JSONValue in
                [
                    "code": .string(SiteError.code.name), "file": .string(defect.file),
                    "place": .string(defect.place), "reason": .string(defect.reason),
                ]
            }
            return ["ok": false, "errors": .array(errors)]
        }
    }
}

/// A site that is in order, on one page.
struct SitePicture {
    let site: Site
    let folder: String

    var lines: [String] {
        [
            "\(folder): \(site.name) is in order",
            "  Digest   \(site.digest)",
            "  Device   \(site.device), profile \(site.profile ?? "none")",
            "  Heating  \(heating), \(site.stepNames.count) steps: "
                + site.stepNames.joined(separator: " "),
            "  Relays   \(relays.joined(separator: " "))",
            "  Signals  \(signals.joined(separator: " "))",
            "  CAN      \(site.can.interface), \(site.can.bitrate) bit/s, "
                + "\(site.plan.signals.frameCount) frames are used",
            "  Tick     \(site.plan.tick.rawValue) ms",
        ]
            + site.notCovered.map { "  Not covered: \($0)" } + notes.map { "  Note: \($0)" }
    }

    /// What the file says and Busbar does not do.
    private var notes: [String] {
        let rows = site.json["routes"]?.array ?? []
        let count = rows.count { $0["retentionDays"] != nil }
        guard count > 0 else { return [] }
        return [
            "retentionDays of \(count) routes is checked and not yet kept to: the journal lets go of "
                + "what is acknowledged, and of what is over the lane's quota"
        ]
    }

    var json: JSONValue {
        [
            "ok": true, "site": .string(site.name), "device": .string(site.device),
            "profile": site.profile.map { .string($0) } ?? .null,
            "digest": .string(site.digest), "heating": .string(heating),
            "steps": strings(site.stepNames), "relays": strings(relays),
            "signals": strings(signals), "can_interface": .string(site.can.interface),
            "can_bitrate": JSONValue(site.can.bitrate),
            "can_frames": JSONValue(site.plan.signals.frameCount),
            "tick_ms": JSONValue(site.plan.tick.rawValue), "not_covered": strings(site.notCovered),
            "notes": strings(notes),
        ]
    }

    private var heating: String { text(site.json["heating"]?["profile"]) }

    private var relays: [String] {
        let fitted = site.plan.fittedRelays
        return standardRelayNames.enumerated()
            .filter { fitted.rawValue & (1 << UInt8($0.offset)) != 0 }.map { "\($0.element)" }
    }

    private var signals: [String] {
        (0..<UInt8(SignalID.count)).compactMap { SignalID(rawValue: $0) }
            .filter { site.plan.signals.has($0) }.map { "\($0.name)" }
    }

    private func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
}
