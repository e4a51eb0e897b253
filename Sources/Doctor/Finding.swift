public import JSON

/// One thing that was looked at, what was found, and what mends it.
public struct Finding: Hashable, Sendable {
    public enum Level: UInt8, Sendable, Comparable {
        /// As it must be.
        case good = 0
        /// Not judged, or worth knowing: nothing to do.
        case note = 1
        /// Busbar works, but not as well or as safely as it could.
        case warning = 2
        /// Busbar cannot do its work, or not safely.
        case fault = 3

        public static func < (one: Level, other: Level) -> Bool { one.rawValue < other.rawValue }

        public var name: String {
            switch self {
            case .good: "ok"
            case .note: "note"
            case .warning: "warning"
            case .fault: "fault"
            }
        }
    }

    public enum Area: UInt8, Sendable, CaseIterable {
        case site, accounts, can, relayBoard, lines, watchdog, clock, storage, service, realTime
        case uplink, supply, cover

        public var name: String {
            switch self {
            case .site: "site"
            case .can: "can"
            case .relayBoard: "relay board"
            case .lines: "lines"
            case .watchdog: "watchdog"
            case .realTime: "real time"
            case .clock: "clock"
            case .storage: "storage"
            case .accounts: "accounts"
            case .service: "service"
            case .uplink: "uplink"
            case .supply: "supply"
            case .cover: "not covered"
            }
        }
    }

    public var area: Area
    public var level: Level
    /// One sentence: what, where, and what was found.
    public var what: String
    /// The command that mends it, or the order to a person; nil where nothing is to be done.
    public var mend: String?

    public init(_ area: Area, _ level: Level, _ what: String, mend: String? = nil) {
        self.area = area
        self.level = level
        self.what = what
        self.mend = mend
    }

    public var json: JSONValue {
        [
            "area": .string(area.name), "level": .string(level.name), "what": .string(what),
            "mend": mend.map { .string($0) } ?? .null,
        ]
    }
}

/// All findings about one device.
public struct Examination: Hashable, Sendable {
    /// In the order in which a person mends: what another thing needs comes before that. The
    /// installation brings all files; accounts own devices and folders; a start needs those.
    public let findings: [Finding]

    /// Judges everything that is in `facts`.
    public init(_ facts: Facts) {
        findings =
            facts.installationFindings + facts.siteFindings + facts.accountFindings
            + facts.canFindings + facts.relayBoardFindings + facts.lineFindings
            + facts.watchdogFindings + facts.clockFindings + facts.storageFindings
            + facts.serviceFindings + facts.realTimeFindings + facts.uplinkFindings
            + facts.supplyFindings + facts.coverFindings
    }

    public func count(_ level: Finding.Level) -> Int { findings.count { $0.level == level } }

    /// Nothing stands in the way of safe work. Warnings do not count.
    public var isFit: Bool { count(.fault) == 0 }

    public var json: JSONValue {
        [
            "fit": .bool(isFit), "faults": JSONValue(count(.fault)),
            "warnings": JSONValue(count(.warning)), "findings": .array(findings.map(\.json)),
        ]
    }
}
