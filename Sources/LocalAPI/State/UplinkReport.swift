public import JSON

/// What is known of busbar-uplink from the file that it writes of itself: the daemon asks nobody
/// and waits for nobody.
public struct UplinkReport: Sendable {
    public static let fileName = "status.json"
    /// Beyond the period that it names itself. Ten seconds are a slow card, or a resolver that does
    /// not answer.
    public static let staleAfter: Int64 = 10_000
    /// It writes once a minute where the file wears a card.
    private static let periodMax: Int64 = 60_000
    /// A status with every finding has 9 kB.
    public static let sizeMax = 64 << 10
    public static let limits = JSONLimits(depth: 8, size: sizeMax)

    private let directory: String?
    private let bytes: [UInt8]?
    private let boot: String
    private let monotonicMs: Int64

    /// - Parameters:
    ///   - directory: where the uplink keeps its files; nil when the daemon was told of none.
    ///   - bytes: of the file; nil when there is none.
    ///   - boot: the kernel's number for this boot.
    ///   - monotonicMs: now, since that boot.
    public init(directory: String?, bytes: [UInt8]?, boot: String, monotonicMs: Int64) {
        self.directory = directory
        self.bytes = bytes
        self.boot = boot
        self.monotonicMs = monotonicMs
    }

    /// `status` is what the uplink wrote, or null; `age_ms` how old that is; `problem` what is
    /// wrong with the uplink as a program, in one line with what to do, or null.
    public var answer: JSONValue {
        guard let directory else {
            return reply(
                problem:
                    "busbard was not told of an uplink: start it with --uplink-dir, or the site "
                    + "has none")
        }
        guard let bytes else {
            return reply(
                problem:
                    "\(directory)/\(Self.fileName) is not there: busbar-uplink has never run, or "
                    + "has another --status-dir: systemctl status busbar-uplink")
        }
        guard let status = try? JSONValue.parse(bytes, limits: Self.limits), status["v"]?.int == 1,
            let writtenAt = status["written_mono_ms"]?.int
        else {
            return reply(
                problem: "\(directory)/\(Self.fileName) is not what this busbard reads: install "
                    + "busbard and busbar-uplink of one version")
        }
        guard status["boot"]?.string == boot, writtenAt <= monotonicMs else {
            return reply(
                status: status,
                problem:
                    "busbar-uplink has not written since the device was started: is it running? "
                    + "systemctl status busbar-uplink")
        }
        let age = monotonicMs - writtenAt
        let isStopped = status["state"]?.string == "stopped"
        let period = min(max(0, status["period_ms"]?.int ?? 0), Self.periodMax)
        guard age - period > Self.staleAfter || isStopped else {
            return reply(status: status, age: age)
        }
        let problem =
            isStopped
            ? "busbar-uplink was stopped: systemctl start busbar-uplink"
            : "busbar-uplink has not written for \(age / 1_000) s: is it running? systemctl status "
                + "busbar-uplink"
        return reply(status: status, age: age, problem: problem)
    }

    private func reply(
        status: JSONValue = .null, age: Int64? = nil, problem: String? = nil
    ) -> JSONValue {
        [
            "status": status, "age_ms": age.map { JSONValue($0) } ?? .null,
            "problem": problem.map(JSONValue.string) ?? .null,
        ]
    }
}
