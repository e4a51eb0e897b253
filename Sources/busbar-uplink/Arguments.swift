import Glibc

/// The command line. Read by hand: an argument parser would double the daemon's size for eight
/// options.
struct Arguments {
    var site = ""
    var profile: String?
    /// Of busbard: where the journal is.
    var journal = ""
    /// Our own: the cursor and the status.
    var stateDirectory = ""
    /// Where the status goes; nil for the state directory, on the card.
    var statusDirectory: String?
    var credentials = ""
    /// Of busbard; nil for one that takes no findings and no commands.
    var socket: String?

    static let usage = """
        usage: busbar-uplink --site DIR --journal DIR --state-dir DIR --credentials DIR
                             [--status-dir DIR] [--socket PATH] [--profile NAME]

          --site DIR         the folder with site.json; its "uplink" says where to connect
          --journal DIR      busbard's state directory; it is only read
          --state-dir DIR    where uplink-cursor is kept
          --status-dir DIR   where status.json is written each second: in memory, as a folder in
                             /run; busbard needs the same as --uplink-status-dir (without: in the
                             state directory, and there once a minute or when something changes)
          --credentials DIR  ca.crt, client.crt, client.key, ack.key; command.pub for commands
          --socket PATH      busbard's local socket, for findings and commands
          --profile NAME     dev, stage or prod: the overlay on the site file
          --version          print the version
          --help             print this
        """

    /// - Returns: nil if help or version was asked for and printed.
    /// - Throws: exit code 2, with what is wrong and what is allowed.
    init?(_ words: some Collection<String>) throws(StartError) {
        var words = Array(words)
        var found: [String: String] = [:]
        let known = [
            "--site", "--journal", "--state-dir", "--credentials", "--status-dir", "--socket",
            "--profile",
        ]
        while !words.isEmpty {
            let option = words.removeFirst()
            if option == "--help" || option == "--version" {
                print(option == "--help" ? Self.usage : "busbar-uplink \(BusbarUplink.version)")
                return nil
            }
            guard known.contains(option) else {
                throw StartError("unknown option \"\(option)\"\n\(Self.usage)", exitCode: 2)
            }
            guard let value = words.first, !value.hasPrefix("--") else {
                throw StartError("\(option) needs a value\n\(Self.usage)", exitCode: 2)
            }
            found[option] = value
            words.removeFirst()
        }
        let missing = known.prefix(4).filter { found[$0] == nil }
        guard missing.isEmpty else {
            throw StartError(
                "missing \(missing.joined(separator: ", "))\n\(Self.usage)", exitCode: 2)
        }
        site = found["--site"] ?? ""
        journal = found["--journal"] ?? ""
        stateDirectory = found["--state-dir"] ?? ""
        credentials = found["--credentials"] ?? ""
        statusDirectory = found["--status-dir"]
        socket = found["--socket"]
        profile = found["--profile"]
    }
}
