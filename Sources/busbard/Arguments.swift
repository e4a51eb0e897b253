import Glibc
import LocalAPI

/// What `--board` names.
enum BoardKind: Equatable {
    /// Relay board, sensors and plant in memory.
    case simulated
    /// The same, but for the relay board: a process of its own behind a socket.
    case socket(path: String)
    /// What hangs on a Raspberry Pi: CAN, I2C and GPIO of the kernel.
    case raspberryPi

    /// - Throws: exit code 2, with what is allowed.
    init(_ word: String) throws(StartError) {
        if word == "simulated" {
            self = .simulated
        } else if word == "rpi" {
            self = .raspberryPi
        } else if word.hasPrefix("socket:"), word.count > "socket:".count {
            self = .socket(path: String(word.dropFirst("socket:".count)))
        } else {
            throw StartError(
                "--board is \"\(word)\"; allowed are simulated, socket:PATH and rpi", exitCode: 2)
        }
    }

    /// As `busbar status` names it, before the word "board".
    var name: String {
        switch self {
        case .simulated: "simulated"
        case .socket: "emulated"
        case .raspberryPi: "rpi"
        }
    }
}

/// The command line. Read by hand: an argument parser would double the daemon's size for eleven
/// options.
struct Arguments {
    var site = ""
    var board = BoardKind.simulated
    var stateDirectory = ""
    /// Where the local API is served. Without an option: where `busbar` looks for it, and in the
    /// state directory for a user who may not write there: a trial needs no preparation.
    var socket = ""
    var profile: String?
    /// Where busbar-uplink keeps its cursor; nil where there is none.
    var uplinkDirectory: String?
    /// Where it writes its status; nil for the same folder.
    var uplinkStatusDirectory: String?
    /// Not to control, but to prove that a controller which was given up left nothing on.
    var provesOff = false
    /// Nil: none is fed.
    var watchdog: String? = "/dev/watchdog"

    static let usage = """
        usage: busbard --site DIR --board KIND --state-dir DIR [--socket PATH] [--profile NAME]
                       [--uplink-dir DIR] [--uplink-status-dir DIR] [--watchdog PATH]
               busbard --prove-off --site DIR --board KIND [--profile NAME]

          --site DIR       the folder with site.json
          --board KIND     rpi: CAN, I2C and GPIO of this Raspberry Pi, as the site names them
                           simulated: relay board, sensors and plant in memory, in real time
                           socket:PATH: the same, but the relay board is the process that listens
                           on PATH, such as the emulator that runs its firmware; for trials
          --state-dir DIR  where the journal and the lockout record are kept
          --socket PATH    the local socket (BUSBAR_SOCKET, else /run/busbar/control.sock; for a
                           user who may not write there: control.sock in the state directory)
          --profile NAME   dev, stage or prod: the overlay on the site file
          --uplink-dir DIR where busbar-uplink keeps its cursor: events that the cursor names are
                           deleted a day later, or when room is wanted (without: none are)
          --uplink-status-dir DIR
                           where it writes its status: its --status-dir (without: --uplink-dir)
          --prove-off      trip the relay board, read back that all is off, say so, and end
          --watchdog PATH  the watchdog device of --board rpi (/dev/watchdog); none: systemd has it
          --version        print the version
          --help           print this
        """

    /// - Returns: nil if help or version was asked for and printed.
    /// - Throws: exit code 2, with what is wrong and what is allowed.
    init?(_ words: some Collection<String>) throws(StartError) {
        var words = Array(words)
        var board: String?
        var sites: String?
        var state: String?
        func value(of option: String) throws(StartError) -> String {
            guard let value = words.first, !value.hasPrefix("--") else {
                throw StartError("\(option) needs a value\n\(Self.usage)", exitCode: 2)
            }
            words.removeFirst()
            return value
        }
        while !words.isEmpty {
            let option = words.removeFirst()
            switch option {
            case "--help", "-h": return nil
            case "--version":
                Log.out("busbard \(Busbard.version)")
                throw StartError("", exitCode: 0)
            case "--site": sites = try value(of: option)
            case "--board": board = try value(of: option)
            case "--state-dir": state = try value(of: option)
            case "--socket": socket = try value(of: option)
            case "--profile": profile = try value(of: option)
            case "--prove-off": provesOff = true
            case "--watchdog":
                let path = try value(of: option)
                watchdog = path == "none" ? nil : path
            case "--uplink-dir": uplinkDirectory = try value(of: option)
            case "--uplink-status-dir": uplinkStatusDirectory = try value(of: option)
            default:
                throw StartError("unknown option \"\(option)\"\n\(Self.usage)", exitCode: 2)
            }
        }
        // Who proves keeps nothing, and needs no folder for it.
        if provesOff, state == nil { state = "" }
        guard let sites, let board, let state else {
            let missing = [
                sites == nil ? "--site" : nil, board == nil ? "--board" : nil,
                state == nil ? "--state-dir" : nil,
            ].compactMap { $0 }
            throw StartError(
                "missing \(missing.joined(separator: ", "))\n\(Self.usage)", exitCode: 2)
        }
        self.board = try BoardKind(board)
        if case .socket = self.board, profile == "prod" {
            throw StartError(
                "--board \(board) is for trials and switches nothing real: it does not go with "
                    + "--profile prod", exitCode: 2)
        }
        site = sites
        stateDirectory = state
        if socket.isEmpty {
            let standard = SocketPath.standard()
            let isReachable =
                unsafe standard != SocketPath.installed || geteuid() == 0
                || access("/run/busbar", W_OK) == 0
            socket = isReachable ? standard : "\(state)/control.sock"
        }
    }
}
