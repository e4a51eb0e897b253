import Glibc
import LocalAPI

/// The command line. Read by hand: an argument parser would double the daemon's size for seven
/// options.
struct Arguments {
    var site = ""
    var stateDirectory = ""
    /// Where the local API is served. Without an option: where `busbar` looks for it, and in the
    /// state directory for a user who may not write there: a trial needs no preparation.
    var socket = ""
    var profile: String?
    /// Where busbar-uplink keeps its cursor and status; nil where there is none.
    var uplinkDirectory: String?
    /// Not to control, but to prove that a controller which was given up left nothing on.
    var provesOff = false

    static let usage = """
        usage: busbard --site DIR --board simulated --state-dir DIR [--socket PATH] [--profile NAME]
                       [--uplink-dir DIR]
               busbard --prove-off --site DIR --board KIND [--profile NAME]

          --site DIR       the folder with site.json
          --board KIND     simulated: relay board, sensors and plant in memory, in real time
          --state-dir DIR  where the journal and the lockout record are kept
          --socket PATH    the local socket (BUSBAR_SOCKET, else /run/busbar/control.sock; for a
                           user who may not write there: control.sock in the state directory)
          --profile NAME   dev, stage or prod: the overlay on the site file
          --uplink-dir DIR where busbar-uplink keeps its status and its cursor: events that the
                           cursor names are deleted a day later (without: none are)
          --prove-off      trip the relay board, read back that all is off, say so, and end
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
            case "--uplink-dir": uplinkDirectory = try value(of: option)
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
        guard board == "simulated" else {
            throw StartError(
                "--board is \"\(board)\"; allowed is simulated (a real board comes with a later "
                    + "version)", exitCode: 2)
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
