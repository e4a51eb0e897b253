import ArgumentParser
import Bridge
import Kafka
import LinuxHAL
import MQTT
import Transit
import Wire

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serve shards of devices until SIGTERM. The default.")

    @OptionGroup var cluster: ClusterOptions

    @Option(help: ArgumentHelp("The MQTT broker.", valueName: "host:port"))
    var mqtt: String

    @Option(
        help: ArgumentHelp(
            "Who may have signed the broker's certificate (PEM).", valueName: "file"),
        completion: .file())
    var ca: String?

    @Option(help: ArgumentHelp("This bridge's certificate (PEM).", valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("The certificate's key (PEM).", valueName: "file"))
    var key: String?

    @Option(help: "The shards of devices that are this bridge's: \"0-63\", \"0,4,8-11\".")
    var shards = "0-63"

    @OptionGroup var secret: SecretOption

    @Option(
        help: ArgumentHelp("Where health and metrics are served.", valueName: "address:port"))
    var http = "127.0.0.1:9463"

    func run() throws {
        // Before any thread: one that was started earlier would take the signal its own way.
        let stop = try Self.wrapping { () throws(SystemError) in try StopSignal() }
        let secret = try secret.read()
        let settings = BridgeSettings(
            instance: cluster.instance, session: .random(), shards: try shardList(),
            secret: secret)
        let broker = try brokerSettings()
        let board = HealthBoard()
        let server = try HealthServer(at: try Endpoint(http, what: "--http"), board: board)
        let sink = try cluster.makeSink()
        Log.line(
            "busbar-bridge \(bridgeVersion): \(cluster.instance), shards \(shards), "
                + "MQTT \(mqtt), Kafka \(cluster.kafka), health on http://\(http)/readyz, "
                + "memory by jemalloc \(Memory.version)")
        let reading = try Self.wrapping { () throws(SystemError) in try ReadingThread() }
        var loop = BridgeLoop(
            settings: settings, broker: broker, reading: reading, sink: sink, board: board)
        loop.run(until: stop)
        reading.stop()
        server.stop()
        Log.line("busbar-bridge: stopped")
    }

    private func brokerSettings() throws(Failure) -> MQTTSettings {
        let endpoint = try Endpoint(mqtt, what: "--mqtt")
        let tls: TLSFiles?
        switch (ca, cert, key) {
        case (let ca?, let cert?, let key?):
            tls = TLSFiles(authority: ca, certificate: cert, key: key)
        case (nil, nil, nil):
            guard ["127.0.0.1", "localhost", "::1"].contains(endpoint.host) else {
                throw Failure(
                    "without TLS only a broker on this machine is used, and \(endpoint.host) is "
                        + "another one: give --ca, --cert and --key", exitCode: 2)
            }
            tls = nil
        default:
            throw Failure("give all three of --ca, --cert and --key, or none", exitCode: 2)
        }
        var settings = MQTTSettings(
            host: endpoint.host, port: endpoint.port,
            clientID: "busbar-bridge-\(cluster.instance)", tls: tls)
        // 2 MiB: the largest batch that cannot be compressed, and its topic.
        settings.packetBytesMax = 2 << 20
        return settings
    }

    /// "0-63", "0,4,8-11": numbers and ranges, each shard once.
    private func shardList() throws(Failure) -> [Shard] {
        var found: Set<Shard> = []
        for part in shards.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let first = ends[0],
                let last = ends[ends.count - 1],
                first <= last, first >= 0, last < Int(Shard.count)
            else {
                throw Failure(
                    "--shards: found \"\(part)\"; expected are numbers and ranges from 0 to 63",
                    exitCode: 2)
            }
            found.formUnion((first...last).compactMap { Shard($0) })
        }
        return found.sorted()
    }

    private static func wrapping<Value: ~Copyable, Cause: Error & CustomStringConvertible>(
        _ body: () throws(Cause) -> Value
    ) throws(Failure) -> Value {
        do throws(Cause) { return try body() } catch { throw Failure(error.description) }
    }
}

/// "host:port", "[::1]:9463".
struct Endpoint {
    var host: String
    var port: UInt16

    init(_ text: String, what: String) throws(Failure) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]),
            colon > text.startIndex
        else {
            throw Failure("\(what): found \"\(text)\"; expected is host:port", exitCode: 2)
        }
        self.port = port
        host = String(text[..<colon].filter { $0 != "[" && $0 != "]" })
    }
}
