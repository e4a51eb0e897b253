import CRdkafka
import Glibc

/// A Kafka cluster in memory for tests and the demo (librdkafka's mock), and a reader of clusters.
///
/// It is no Kafka: it keeps about 5 MB of each partition, replicates nothing, and forgets all when
/// it ends. Its protocol is real.
@main
enum MockKafka {
    static let usage = """
        usage: mock-kafka [--brokers N] [--partitions N] [--replicas N] [--stay] [TOPIC...]
               mock-kafka dump BOOTSTRAP [--follow] [TOPIC...]

        The first starts a cluster with Busbar's topics, or those named, prints its bootstrap
        servers as one line, and then takes commands as lines, each answered by "ok" or
        "error: ...". It ends with its input, unless told to stay.

          down BROKER|all            takes no connections
          up BROKER|all
          rtt BROKER|all MS          answers that much later
          error REQUEST CODE COUNT   the next COUNT requests fail, as: error Produce \
        NOT_ENOUGH_REPLICAS 3
          leader TOPIC PARTITION BROKER

        The second prints the records of a cluster as JSON Lines, each partition in order, until
        it has read all, or with --follow for ever.
        """

    static let busbarTopics = [
        "busbar.alarm.v1", "busbar.event.v1", "busbar.telemetry.v1", "busbar.dlq.v1",
    ]

    static func main() {
        var arguments = Array(CommandLine.arguments.dropFirst())
        do throws(Failure) {
            if arguments.first == "dump" {
                arguments.removeFirst()
                try Dump(arguments).run()
            } else if arguments.first == "--help" {
                say(usage)
            } else {
                try serve(arguments)
            }
        } catch {
            complain("mock-kafka: \(error.text)")
            exit(error.exitCode)
        }
    }

    private static func serve(_ arguments: [String]) throws(Failure) {
        var counts = ["--brokers": 3, "--partitions": 4, "--replicas": 3]
        var stays = false
        var topics: [String] = []
        var rest = arguments[...]
        while let word = rest.popFirst() {
            if counts[word] != nil {
                guard let count = rest.popFirst().flatMap({ Int($0) }), (1...100).contains(count)
                else { throw Failure("\(word) wants a number from 1 to 100\n\(usage)", 2) }
                counts[word] = count
            } else if word == "--stay" {
                stays = true
            } else if word.hasPrefix("-") {
                throw Failure("unknown option \(word)\n\(usage)", 2)
            } else {
                topics.append(word)
            }
        }
        let cluster = try MockCluster(brokers: counts["--brokers"] ?? 3)
        for topic in topics.isEmpty ? busbarTopics : topics {
            try cluster.create(
                topic, partitions: counts["--partitions"] ?? 4, replicas: counts["--replicas"] ?? 3)
        }
        say(cluster.bootstrapServers)
        while let line = readLine() {
            do throws(Failure) {
                try cluster.obey(line)
                say("ok")
            } catch {
                say("error: \(error.text)")
            }
        }
        while stays { pause() }
    }

    static func say(_ text: String) {
        print(text)
        fflush(nil)
    }

    static func complain(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}

struct Failure: Error {
    var text: String
    var exitCode: Int32

    init(_ text: String, _ exitCode: Int32 = 1) {
        self.text = text
        self.exitCode = exitCode
    }

    /// A text that a C function wrote into a buffer.
    static func string(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
