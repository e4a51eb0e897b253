public import Wire

/// What was read from a machine, before anybody judges it. The default is a healthy device, so that
/// a test changes the one thing that it is about.
///
/// Nil means that the thing is not there, or that it could not be asked; each says which.
public struct Facts: Hashable, Sendable {
    /// What the site asks for; nil when the site cannot be loaded.
    public var wiring: Wiring?
    public var sitePath = "/etc/busbar/site"
    /// What is wrong with the site, a line each.
    public var siteDefects: [String] = []
    /// With simulated, no hardware is wanted and none is judged.
    public var isSimulated = false

    public var can = CAN()
    public var relayBoard = RelayBoard()
    public var lines = Lines()
    public var watchdog = Watchdog()
    public var realTime = RealTime()
    public var clock = Clock()
    public var storage = Storage()
    public var accounts = Accounts()
    public var service = Service()
    public var uplink = Uplink()
    public var supply = Supply()

    public init(_ wiring: Wiring?) { self.wiring = wiring }

    /// A file as `stat` shows it.
    public struct File: Hashable, Sendable {
        public enum Kind: Sendable { case missing, device, directory, file, other }

        public var path: String
        public var kind: Kind
        public var user: UInt32
        public var group: UInt32
        /// The lower nine bits.
        public var mode: UInt16

        public init(
            _ path: String, _ kind: Kind, user: UInt32 = 0, group: UInt32 = 0, mode: UInt16 = 0o660
        ) {
            self.path = path
            self.kind = kind
            self.user = user
            self.group = group
            self.mode = mode
        }
    }

    public struct CAN: Hashable, Sendable {
        /// Whether the kernel has CAN sockets; else the number of the error that it answers with.
        public var familyError: Int32?
        /// Nil: there is no interface of that name.
        public var link: Link? = Link()

        public struct Link: Hashable, Sendable {
            /// can, vcan, or what else it is.
            public var kind = "can"
            public var isUp = true
            /// In bit/s; nil where the kernel tells none, as of a virtual interface.
            public var bitrate: Int? = 500_000
            /// ERROR-ACTIVE, BUS-OFF and so on; nil where the kernel tells none.
            public var state: String? = "ERROR-ACTIVE"

            public init() {}
        }

        public init() {}
    }

    public struct RelayBoard: Hashable, Sendable {
        /// The I2C bus of the site, by its number.
        public var bus = File("/dev/i2c-1", .device, group: 990)
        /// The name that the udev rules give it, and where it points to; nil where there is none.
        public var namedBus: String? = "/dev/i2c-1"
        public var answer = Answer.notAsked

        public enum Answer: Hashable, Sendable {
            /// busbard runs and owns the bus.
            case notAsked
            /// Map version, and the self-test bits.
            case board(map: UInt8, firmware: String, selfTestPassed: Bool, isTripped: Bool)
            case stranger(magic: UInt32)
            /// Why not, as a sentence.
            case failed(String)
        }

        public init() {}
    }

    public struct Lines: Hashable, Sendable {
        public var chip = File("/dev/gpiochip0", .device, group: 990)
        /// What busbard could not take, if it were started now.
        public var obstacles: [Obstacle] = []

        public struct Obstacle: Hashable, Sendable {
            /// What the site wants it for: permit, resetInput and so on.
            public var use: String
            /// GPIO line GPIO17.
            public var line: String
            /// Who has it; nil: there is no such line.
            public var holder: String?

            public init(use: String, line: String, holder: String?) {
                self.use = use
                self.line = line
                self.holder = holder
            }
        }

        public init() {}
    }

    public struct Watchdog: Hashable, Sendable {
        public var device = File("/dev/watchdog", .device, group: 990)
        /// Who made it, as its driver says.
        public var identity: String? = "Broadcom BCM2835 Watchdog timer"
        /// In seconds.
        public var timeout: Int? = 15
        /// It runs: somebody feeds it.
        public var isActive = true
        public init() {}
    }

    public struct RealTime: Hashable, Sendable {
        /// Of busbard's process; nil while it does not run.
        public var process: Process? = Process()
        /// The share of time that real-time threads may take, in µs of each second; −1: all.
        public var runtimeMicroseconds: Int64? = 950_000
        /// The smallest step of the monotonic clock, in ns.
        public var clockStep: Int64 = 1
        public var isPreemptible = true

        public struct Process: Hashable, Sendable {
            /// Of the loop's thread: 0 is an ordinary one.
            public var loopPriority = 80
            /// Nil: without a limit.
            public var lockedMemoryLimit: UInt64?
            /// In KiB.
            public var lockedMemory: UInt64 = 12_000
            public init() {}
        }

        public init() {}
    }

    public struct Clock: Hashable, Sendable {
        public var isSynchronised = true
        /// Seconds since 1970.
        public var wall: Int64 = 1_800_000_000
        public var hasBatteryClock = true
        public init() {}
    }

    public struct Storage: Hashable, Sendable {
        public var directory = File("/var/lib/busbar", .directory, user: 990, mode: 0o750)
        /// ext4, tmpfs and so on; nil when the mounts cannot be read.
        public var kind: String? = "ext4"
        public var isReadOnly = false
        /// Free for ordinary users, in bytes.
        public var free: Int64 = 8 << 30
        /// What the journal takes now, in bytes.
        public var used: Int64 = 0
        public var freeFiles: Int64 = 100_000
        /// eMMC's own word on its wear, in tenths used up (1 to 11); nil where it says none.
        public var wearTenths: Int?
        /// There is swap, on a file or a partition of a card.
        public var hasSwapOnCard = false
        public init() {}
    }

    public struct Accounts: Hashable, Sendable {
        /// The user that busbard runs as: its number and all of its groups; nil: there is none.
        public var controller: Account? = Account(number: 990, groups: [990, 991])
        public var uplink: Account? = Account(number: 992, groups: [991, 992])
        public var deviceGroup: UInt32? = 990
        /// Names of the site's roles that this system does not know.
        public var unknownUsers: [String] = []
        public var unknownGroups: [String] = []

        public struct Account: Hashable, Sendable {
            public var number: UInt32
            public var groups: [UInt32]

            public init(number: UInt32, groups: [UInt32]) {
                self.number = number
                self.groups = groups
            }
        }

        public init() {}
    }

    public struct Service: Hashable, Sendable {
        /// The unit's file is there; it is wanted by the target; the target is wanted at boot.
        public var isInstalled = true
        public var isEnabled = true
        public var isTargetEnabled = true
        public var answer = Answer.running(version: "0.1.0", board: "rpi", ticksMissed: 0)

        public enum Answer: Hashable, Sendable {
            case running(version: String, board: String, ticksMissed: Int64)
            /// Why it does not answer, in the client's words.
            case silent(String)
        }

        /// Whether there is a busbard that owns the buses.
        public var isRunning: Bool {
            if case .running = answer { return true }
            return false
        }

        public init() {}
    }

    public struct Uplink: Hashable, Sendable {
        public var isEnabled = true
        public var credentials: [File] = [
            "ca.crt", "client.crt", "client.key", "ack.key",
        ].map { File("/etc/busbar/credentials/\($0)", .file, user: 992, mode: 0o600) }
        /// As the running uplink has read them; none while it does not run.
        public var certificates: [CertificateTerm] = []
        public init() {}
    }

    public struct Supply: Hashable, Sendable {
        /// The Pi's firmware has seen too low a voltage since the boot; nil: it does not tell.
        public var wasLow: Bool? = false
        /// In millidegrees; nil: no sensor.
        public var temperature: Int64? = 52_000
        public init() {}
    }
}
