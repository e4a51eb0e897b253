import ArgumentParser
import Bridge
import Kafka
import Transit

/// What every verb that writes to the cluster takes.
struct ClusterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Kafka's bootstrap servers, separated by commas.", valueName: "host:port,..."))
    var kafka: String

    @Option(
        help: ArgumentHelp(
            "A file with properties of librdkafka, one \"name=value\" a line: TLS, SASL.",
            valueName: "file"), completion: .file())
    var kafkaConfig: String?

    @Option(help: "Replicas that each topic must have for acknowledgements to be given.")
    var minReplication = 3

    @Option(help: "The min.insync.replicas that each topic must have for that.")
    var minIsr = 2

    @Flag(
        help: """
            This is a cluster for development: acknowledge with less replication, and say so in \
            every acknowledgement. What a broker of it loses is lost: no device sends it again.
            """)
    var developmentCluster = false

    @Option(help: "This bridge's name, in acknowledgements, logs and metrics.")
    var instance = "bridge-0"

    func validate() throws {
        guard (1...100).contains(minReplication), (1...100).contains(minIsr) else {
            throw ValidationError("--min-replication and --min-isr are from 1 to 100.")
        }
        guard !kafka.isEmpty else { throw ValidationError("--kafka is empty.") }
        let isName = instance.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isName, (1...64).contains(instance.utf8.count) else {
            throw ValidationError("--instance is 1 to 64 printable ASCII characters, no space.")
        }
    }

    func makeSink() throws(Failure) -> KafkaSink {
        var settings = KafkaSettings(
            bootstrapServers: kafka, clientID: "busbar-bridge-\(instance)")
        settings.replicationMin = minReplication
        settings.inSyncMin = minIsr
        settings.isDevelopment = developmentCluster
        settings.properties = try properties()
        do throws(KafkaError) {
            return try KafkaSink(settings)
        } catch {
            throw Failure(error.description)
        }
    }

    private func properties() throws(Failure) -> [(name: String, value: String)] {
        guard let kafkaConfig else { return [] }
        let text = try LineFile.text(at: kafkaConfig)
        var properties: [(name: String, value: String)] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated() where !line.isEmpty && !line.hasPrefix("#")
        {
            guard let equals = line.firstIndex(of: "="), equals > line.startIndex else {
                // The line itself may hold a password.
                throw Failure("\(kafkaConfig), line \(index + 1): expected is name=value")
            }
            properties.append(
                (String(line[..<equals]), String(line[line.index(after: equals)...])))
        }
        return properties
    }
}
