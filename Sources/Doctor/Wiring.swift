public import Site

/// What a site asks of the machine that it runs on.
public struct Wiring: Hashable, Sendable {
    public var device = "water-heater-1"
    public var canInterface = "can0"
    /// In bit/s.
    public var bitrate = 500_000
    /// The number in /dev/i2c-N.
    public var relayBus = 1
    public var relayAddress: UInt8 = 0x43
    /// The users and groups that have a role, by name.
    public var users: [String] = []
    public var groups: [String] = []
    /// What the journal may grow to, in bytes, all lanes together.
    public var quotaBytes: Int64 = 0
    public var hasUplink = false
    public var isUplinkTLS = true
    /// Whether acknowledgements come with a MAC, and so a key for them is needed.
    public var needsAcknowledgementKey = true
    /// What the fitted hardware leaves unchecked; the site's own sentences.
    public var notCovered: [String] = []

    public init() {}

    public init(_ site: Site) {
        device = site.device
        canInterface = site.can.interface
        bitrate = site.can.bitrate
        relayBus = site.relayBus.bus
        relayAddress = site.relayBus.address
        for members in [
            site.roles.viewers, site.roles.cluster, site.roles.technicians, site.roles.admins,
        ] {
            users += Self.names(members.users)
            groups += Self.names(members.groups)
        }
        quotaBytes =
            site.queues.alarm + site.queues.event + site.queues.telemetry
        hasUplink = site.uplink.map { $0.guarantee != .local } ?? false
        isUplinkTLS = site.uplink?.isTLS ?? true
        needsAcknowledgementKey = site.uplink?.guarantee == .kafka
        notCovered = site.notCovered
    }

    private static func names(_ accounts: [Roles.Account]) -> [String] {
        accounts.compactMap { account in
            if case .name(let name) = account { return name }
            return nil
        }
    }
}
