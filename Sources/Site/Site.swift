public import CANDatabase
public import Control
public import Events
public import JSON
public import Units

/// One installation as its folder describes it, checked: whoever holds a `Site` holds a plan that
/// the core may run.
///
/// Made from `site.json`, an overlay for the profile (`dev`, `stage`, `prod`), overrides, and the
/// DBC file that it names. Nothing is half applied: either all of it is right, or `SiteError` says
/// what is not (E901).
public struct Site: Sendable {
    /// What the site and the device are called, in URNs, topics and the journal.
    public let name: String
    public let device: String
    /// The overlay that was applied; nil for the plain file.
    public let profile: String?

    public let plan: ControlPlan
    /// The names of the steps of `plan.sequence`, by their index.
    public let stepNames: [String]

    public let can: CANPort
    /// Every message of the site's DBC file, those that no sensor row uses too.
    public let database: Database
    public let relayBus: RelayBusPort
    public let lines: LineMap

    public let hygieneCycle: HygieneCycle?
    /// A certified person has accepted that Busbar drives valve and spark.
    public let isDirectBurnerAccepted: Bool
    public let isFlowThrough: Bool
    public let hasMixingValve: Bool

    public let roles: Roles
    public let routes: RouteTable
    public let queues: QueueQuotas
    /// Nil where the site sends nothing to a cluster.
    public let uplink: UplinkPort?
    /// Between two samples of the plant in the telemetry lane; 0: none are taken.
    public let telemetryPeriod: Milliseconds
    /// Advice that this site words in its own way; for all others the alarm table's holds.
    public let alarmTexts: [AlarmCode: String]

    /// What the site is after overlay and overrides, as JSON.
    public let json: JSONValue
    /// Changes when anything in `json` or in the DBC file does: 16 hexadecimal digits. FNV-1a,
    /// which tells versions apart; it is no protection against forgery.
    public let digest: String

    /// Water that stands below 60 °C must be heated through now and then (legionella). Busbar
    /// states the duty; asking for that heat on time is the schedule's business.
    public struct HygieneCycle: Hashable, Sendable {
        public let target: MilliCelsius
        public let everyHours: Int
    }

    /// The sentence for `busbar doctor`: each thing that this site leaves unchecked for want of a
    /// wire or a sensor, and what would cover it.
    public var notCovered: [String] {
        var gaps: [String] = []
        if !plan.interlock.hasPowerSense {
            gaps.append("A welded K1 or K2 is not seen: no power sense is fitted.")
        }
        if !plan.interlock.hasMonostable {
            gaps.append("The permit's drop-out is not measured: no monostable feedback is fitted.")
        }
        if !plan.interlock.hasResetButton {
            gaps.append("A lockout cannot be reset: no reset input is fitted.")
        }
        if !plan.interlock.hasEmergencyStop {
            gaps.append("A press of the emergency stop is not seen: its contact is not wired.")
        }
        if plan.signals.temperatureChannels == 1 {
            gaps.append("A drifting probe is not seen: there is one temperature channel.")
        }
        if !plan.signals.has(.gas) {
            gaps.append("A gas leak is not seen: no gas sensor is fitted.")
        }
        return gaps
    }
}

extension Site {
    /// Where a site's file is in its folder.
    public static let fileName = "site.json"

    /// Reads and checks the site in `directory`.
    ///
    /// - Parameters:
    ///   - profile: the overlay to apply: dev, stage or prod. With nil, the one that the file
    ///     itself names under `profile`, if any.
    ///   - overrides: merge patches (RFC 7396), applied after the overlay, first to last.
    /// - Throws: what is wrong, by file, place and reason.
    public static func load(
        directory: String, profile: String? = nil, overrides: [JSONValue] = []
    ) throws(SiteError) -> Site {
        try load(directory: directory, profile: profile, overrides: overrides, read: readFile)
    }

    /// As above, with the file system given: tests hand in files that are nowhere on disk.
    public static func load(
        directory: String, profile: String?, overrides: [JSONValue],
        read: (_ path: String) throws(FileError) -> [UInt8]
    ) throws(SiteError) -> Site {
        let path = directory + "/" + fileName
        let json: JSONValue
        do {
            json = try JSONValue.parse(contents(of: path, read))
        } catch let error as JSONError {
            throw SiteError(
                file: path, place: "line \(error.line), column \(error.column)",
                reason: error.reason)
        } catch let error as SiteError {
            throw error
        } catch {
            preconditionFailure("reading a site throws JSONError or SiteError, not \(error)")
        }
        let effective = try overlaid(json, profile: profile, overrides: overrides, file: path)
        // The name is checked with the rest; here it is only used if it can be one.
        guard let database = effective.json["can"]?["database"]?.string,
            NameRule.isFile(database, suffix: ".dbc")
        else {
            return try Site(effective, database: nil, databaseFile: "", file: path)
        }
        let databasePath = directory + "/" + database
        let bytes = try contents(of: databasePath, read)
        return try Site(
            effective, database: bytes, databaseFile: databasePath, file: path)
    }

    /// Checks a site that is already in memory.
    public init(
        json: JSONValue, dbcBytes: [UInt8], profile: String? = nil, overrides: [JSONValue] = [],
        file: String = Site.fileName, databaseFile: String = "sensors.dbc"
    ) throws(SiteError) {
        let effective = try Self.overlaid(json, profile: profile, overrides: overrides, file: file)
        self = try Site(effective, database: dbcBytes, databaseFile: databaseFile, file: file)
    }

    private static func contents(
        of path: String, _ read: (String) throws(FileError) -> [UInt8]
    ) throws(SiteError) -> [UInt8] {
        do throws(FileError) {
            return try read(path)
        } catch {
            throw SiteError(file: path, place: "$", reason: error.reason)
        }
    }
}

/// The CAN interface that the sensors hang on.
public struct CANPort: Hashable, Sendable {
    public let interface: String
    /// In bit/s.
    public let bitrate: Int
}

/// Where the relay board is.
public struct RelayBusPort: Hashable, Sendable {
    /// The number in /dev/i2c-N.
    public let bus: Int
    /// The seven-bit address.
    public let address: UInt8
}

/// Where one digital line is.
public enum LinePlace: Hashable, Sendable {
    /// The name that the board's device tree gives it, the same on every Raspberry Pi: GPIO17.
    case name(String)
    /// Its offset on the map's chip.
    case offset(Int)
}

/// The controller's digital lines.
public struct LineMap: Hashable, Sendable {
    /// The name in /dev, such as gpiochip0, of the chip that offsets are on. Each kernel numbers
    /// its chips anew; names are looked for on every chip.
    public let chip: String
    public let permit: LinePlace
    public let powerSense: LinePlace?
    public let monostable: LinePlace?
    public let resetInput: LinePlace?
    public let emergencyStop: LinePlace?
}
