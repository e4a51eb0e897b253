import Control
import Events
import JSON
import Site
import Testing
import Units
import Wire

@Suite struct SiteTests {
    @Test("reads the reference site from its folder")
    func readsTheReferenceSite() throws {
        let site = try Site.load(directory: ReferenceSite.folder)
        #expect(site.name == "reference-house")
        #expect(site.device == "water-heater-1")
        #expect(site.profile == nil)
        #expect(site.plan.profile == .external)
        #expect(site.plan.tick == Milliseconds(100))
        #expect(site.can.interface == "can0")
        #expect(site.can.bitrate == 500_000)
        #expect(site.relayBus.address == 0x43)
        #expect(site.lines.permit == .name("GPIO17"))
        #expect(site.lines.resetInput == .name("GPIO23"))
        #expect(site.plan.interlock.hasPowerSense)
        #expect(site.plan.interlock.lease == Milliseconds(500))
        #expect(site.plan.signals.temperatureChannels == 1)
        #expect(site.roles.cluster.users == [.name("busbar-uplink")])
        #expect(site.roles.admins.users == [.name("root")])
        #expect(site.queues[.telemetry] == 268_435_456)
        #expect(site.telemetryPeriod == Milliseconds(60_000))
        #expect(site.alarmTexts[.gasLeak]?.hasPrefix("Leave the house") == true)
        #expect(site.database.messages.count == 4)
    }

    @Test("applies the overlay of a profile, and overrides after it")
    func appliesOverlays() throws {
        let dev = try ReferenceSite.site(profile: "dev")
        #expect(dev.profile == "dev")
        #expect(dev.device == "water-heater-dev")
        #expect(dev.plan.profile == .gas)
        #expect(dev.queues[.telemetry] == 16_777_216)
        #expect(try ReferenceSite.site(profile: "stage").plan.heating.target.rawValue == 30_000)
        #expect(try ReferenceSite.site(profile: "prod").queues[.telemetry] == 536_870_912)
        let overridden = try ReferenceSite.site(["device": "mine"], profile: "dev")
        #expect(overridden.device == "mine")
        #expect(overridden.plan.profile == .gas)
        // A profile that the file itself names, and one on the command line that overrules it.
        #expect(try ReferenceSite.site(["profile": "stage"]).device == "water-heater-stage")
        #expect(
            try ReferenceSite.site(["profile": "stage"], profile: "dev").device
                == "water-heater-dev")
    }

    @Test("gives an empty parameters object the defaults of the specification")
    func givesDefaults() throws {
        let site = try ReferenceSite.site([
            "heating": [
                "profile": "gas", "directBurnerAccepted": true,
                "parameters": ["target": nil, "siteLimit": nil, "maxRunMs": nil, "leaseMs": nil],
            ]
        ])
        #expect(site.plan.heating == HeatingParameters())
        #expect(site.plan.interlock.lease == Milliseconds(500))
    }

    struct Bounds: CustomTestStringConvertible {
        let patch: JSONValue
        let lowest: Int32
        let highest: Int32
        var testDescription: String { patch.serialized() }
    }

    @Test(
        "bounds what a request may set as the file itself is bounded",
        arguments: [
            Bounds(patch: [:], lowest: 5_000, highest: 60_000),
            Bounds(
                patch: ["heating": ["parameters": ["siteLimit": 50_000]]], lowest: 5_000,
                highest: 45_000),
            Bounds(
                patch: ["heating": ["mixingValve": true, "parameters": ["siteLimit": 75_000]]],
                lowest: 5_000, highest: 70_000),
            Bounds(
                patch: ["heating": ["flowThrough": false, "parameters": ["target": 60_000]]],
                lowest: 60_000, highest: 60_000),
        ])
    func boundsRequests(_ row: Bounds) throws {
        let heating = try ReferenceSite.site(row.patch).plan.heating
        #expect(heating.targetMinimum.rawValue == row.lowest)
        #expect(heating.targetMaximum.rawValue == row.highest)
    }

    @Test("pauses 10 s between heats where there is nothing to purge")
    func restsWithoutPurge() throws {
        let electric = try ReferenceSite.site(["heating": ["profile": "electric"]])
        #expect(electric.plan.heating.interPurge == Milliseconds(10_000))
        #expect(
            try ReferenceSite.site(ReferenceSite.gas).plan.heating.interPurge
                == Milliseconds(30_000))
    }

    @Test("says what a poorer site leaves uncovered")
    func saysWhatIsNotCovered() throws {
        #expect(
            try ReferenceSite.site().notCovered == [
                "A drifting probe is not seen: there is one temperature channel."
            ])
        let bare = try ReferenceSite.site([
            "interlock": ["powerSense": false, "monostable": false, "resetInput": false],
            "sensors": [
                "gas": nil, "temperature2": ["message": "TANK", "name": "Temperature2"],
            ],
        ])
        #expect(bare.notCovered.count == 4)
        #expect(bare.notCovered[2] == "A lockout cannot be reset: no reset input is fitted.")
    }

    @Test("changes its digest with every value and with the DBC file, not with the order of keys")
    func digests() throws {
        let json = try ReferenceSite.json()
        let database = try ReferenceSite.database()
        let digest = try Site(json: json, dbcBytes: database).digest
        #expect(digest.utf8.count == 16)
        var reversed = JSONObject()
        for member in try #require(json.object).reversed() {
            reversed.append(member.key, member.value)
        }
        #expect(try Site(json: .object(reversed), dbcBytes: database).digest == digest)
        #expect(
            try ReferenceSite.site(["heating": ["parameters": ["target": 38_001]]]).digest != digest
        )
        #expect(try Site(json: json, dbcBytes: database + [0x0A]).digest != digest)
    }

    @Test("applies what the site changes of an alarm, and nothing else")
    func changesAlarms() throws {
        let site = try ReferenceSite.site([
            "alarms": ["E301": ["offDelayMs": 20_000, "severity": "error", "text": "Look."]]
        ])
        let row = Int(AlarmCode.signalStale.rawValue)
        #expect(site.plan.alarms.offDelays[row] == Milliseconds(20_000))
        #expect(site.plan.alarms.severities[row] == .error)
        #expect(site.alarmTexts[.signalStale] == "Look.")
        let standard = AlarmPlan()
        for other in 0..<AlarmCode.count where other != row {
            #expect(site.plan.alarms.offDelays[other] == standard.offDelays[other])
            #expect(site.plan.alarms.severities[other] == standard.severities[other])
        }
    }

    @Test("routes by the first row that matches, and never lets a FATAL be dropped")
    func routes() throws {
        let routes = try ReferenceSite.site([
            "routes": [
                ["type": "alarm.raised", "severity": "warning", "lane": "telemetry"],
                ["type": "alarm.*", "lane": "event"],
                ["type": "relay.commanded", "lane": "telemetry", "retentionDays": 30],
            ]
        ]).routes
        let lanes = routes.lanes
        #expect(lanes.lane(of: .alarmRaised, .warning) == .telemetry)
        #expect(lanes.lane(of: .alarmRaised, .error) == .event)
        #expect(lanes.lane(of: .alarmRaised, .fatal) == .alarm)
        #expect(lanes.lane(of: .relayCommanded, .info) == .telemetry)
        #expect(routes.route(for: "relay.commanded")?.retentionDays == 30)
        #expect(routes.route(for: "relay.confirmed") == nil)
        #expect(lanes.lane(of: .relayConfirmed, .info) == .event)
        #expect(RouteTable.standard.route(for: "sample.taken")?.lane == .telemetry)
    }

    @Test("the reference site's routes and a site's without any are the lanes that hold alone")
    func standardRoutes() throws {
        let tables = [try ReferenceSite.site().routes, RouteTable.standard]
        for kind in EventKind.allCases {
            for severity in [Severity.info, .warning, .error, .fatal] {
                let lane = LaneTable.standard.lane(of: kind, severity)
                for table in tables {
                    #expect(table.lanes.lane(of: kind, severity) == lane, "\(kind.name)")
                }
            }
        }
    }
}
