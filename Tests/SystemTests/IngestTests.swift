import Foundation
import Testing

/// `busbar-bridge ingest` with what `busbar queue export` wrote, and with what became of it on the
/// way. The cluster is librdkafka's mock, in a process of its own.
@Suite("Exports on their way past the broker", .serialized)
struct IngestTests {
    private func ingest(_ file: URL, _ kafka: String, _ options: String...) throws
        -> Programs.Result
    {
        try Programs.run(
            "busbar-bridge",
            ["ingest", file.path, "--kafka", kafka, "--development-cluster"] + options)
    }

    @Test("a whole export is written, lane by lane in a fixed order; a cut or altered one is not")
    func exports() throws {
        let daemon = try Daemon()
        let file = daemon.directory.appendingPathComponent("out.jsonl")
        let state = daemon.stateDirectory.path
        try daemon.waitUntil("the first events are stored", within: 20) {
            try? FileManager.default.removeItem(at: file)
            let result = try daemon.busbar("queue", "export", file.path, "--state-dir", state)
            return result.code == 0 && Int(result.output.prefix { $0 != " " }) ?? 0 > 1
        }
        let text = try String(contentsOf: file, encoding: .utf8)
        let lines = text.split(separator: "\n").map { $0 + "\n" }
        let count = lines.count - 1
        func made(_ name: String, _ content: String) throws -> URL {
            let changed = daemon.directory.appendingPathComponent(name)
            try content.write(to: changed, atomically: true, encoding: .utf8)
            return changed
        }
        // Nobody is there: what is wrong with a file is said before the cluster is asked.
        let nobody = "127.0.0.1:1"
        let cut = try made("cut", lines.dropLast().joined())
        let refused = try ingest(cut, nobody)
        #expect(refused.code == 1)
        #expect(
            refused.error
                == "busbar-bridge: \(cut.path): it ends after \(count) events without the line "
                + "that says how many there are: it was cut, or an older busbar wrote it. Copy it "
                + "or export it again; where neither can be, --incomplete takes what is there. "
                + "Nothing was written\n")
        let torn = try ingest(try made("torn", String(text.dropLast(5))), nobody)
        #expect(torn.code == 1)
        #expect(
            torn.error
                == "busbar-bridge: \(daemon.directory.path)/torn, line \(lines.count): the file "
                + "was cut in the middle of this line. Copy it or export it again; where neither "
                + "can be, --incomplete takes the lines before. Nothing was written\n")
        let altered = try ingest(
            try made("altered", text.replacing("\"INFO\"", with: "\"INFQ\"")), nobody)
        #expect(altered.code == 1)
        #expect(
            altered.error.contains(": something in it was altered. Copy it or export it again. "))

        let cluster = try MockCluster()
        let counts = ["alarm", "event", "telemetry"].map { lane in
            (lane, lines.filter { $0.contains(":\(lane)\",\"type\":") }.count)
        }
        let taken = counts.map { "\($0): \($1) stored\n" }.joined()
        let whole = try ingest(file, cluster.bootstraps)
        #expect(whole.code == 0, "\(whole.error)")
        #expect(
            whole.output == "\(file.path): \(count) events; \(count) stored, 0 refused\n" + taken)
        let rescued = try ingest(cut, cluster.bootstraps, "--incomplete")
        #expect(rescued.code == 0, "\(rescued.error)")
        #expect(
            rescued.output == "\(cut.path): \(count) events; \(count) stored, 0 refused\n" + taken)
        #expect(
            rescued.error.hasPrefix(
                "\(cut.path): \(count) events without the line that says how many there are: "
                    + "whether there were more, this file does not tell\n"))
    }

    @Test(
        "a secret that others can read or change is used, and told",
        arguments: [
            (0o600, nil), (0o440, nil), (0o604, "604"), (0o644, "644"), (0o620, "620"),
            (0o601, "601"),
        ] as [(Int, String?)])
    func secret(mode: Int, told: String?) throws {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-secret-\(UUID().uuidString.prefix(8))")
        defer { unlink(file.path) }
        try #require(
            FileManager.default.createFile(
                atPath: file.path, contents: Data(String(repeating: "5e", count: 32).utf8),
                attributes: [.posixPermissions: mode]))
        let result = try Programs.run(
            "busbar-bridge", ["derive-key", "--secret-file", file.path, "--device", "heater-1"])
        #expect(result.code == 0)
        #expect(result.output.utf8.count == 65)
        #expect(
            result.error
                == (told.map {
                    "\(file.path): others may read or change this secret (mode \($0)), and whoever "
                        + "has it can forge acknowledgements: chmod 600 \(file.path)\n"
                } ?? ""))
    }
}

/// A cluster in memory.
private final class MockCluster {
    let bootstraps: String
    private let process = Process()
    private let input = Pipe()

    init() throws {
        let output = Pipe()
        process.executableURL = Programs.directory.appendingPathComponent("mock-kafka")
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        bootstraps = said.trimmingCharacters(in: .whitespacesAndNewlines)
        try #require(!bootstraps.isEmpty)
    }

    deinit {
        // Neither by the end of its input, which every process that was started meanwhile holds
        // open, nor by a signal that the thread which started it blocks.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
