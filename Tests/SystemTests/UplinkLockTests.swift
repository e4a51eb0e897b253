import Foundation
import JSON
import Testing

/// The real busbar-uplink, with a broker that is not there.
@Suite("One uplink for each state directory", .serialized)
struct UplinkLockTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-lock-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let site = folder.appendingPathComponent("site")
        try FileManager.default.copyItem(at: URL(fileURLWithPath: Programs.site), to: site)
        let file = site.appendingPathComponent("site.json")
        var members = try #require(
            JSONValue.parse(Array(String(contentsOf: file, encoding: .utf8).utf8)).object)
        members["uplink"] = ["host": "localhost", "port": 1]
        try Data(JSONValue.object(members).serializedBytes()).write(to: file)
    }

    private func arguments(_ state: String) -> [String] {
        [
            "--site", folder.path + "/site", "--profile", "dev", "--journal", folder.path,
            "--state-dir", folder.path + "/" + state, "--credentials", folder.path,
        ]
    }

    /// Runs until it is killed; `log` has what it says.
    private func start(_ state: String, log: String) throws -> Process {
        let process = Process()
        process.executableURL = Programs.directory.appendingPathComponent("busbar-uplink")
        process.arguments = arguments(state)
        process.environment = ["PATH": "/usr/bin:/bin"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let path = folder.appendingPathComponent(log)
        try Data().write(to: path)
        process.standardError = try FileHandle(forWritingTo: path)
        try process.run()
        for _ in 0..<400 {
            if try String(contentsOf: path, encoding: .utf8).contains(", guarantee kafka\n") {
                return process
            }
            usleep(25_000)
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        Issue.record("it did not start: \(try String(contentsOf: path, encoding: .utf8))")
        return process
    }

    private func end(_ process: Process) {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    @Test("where no lock can be taken it says on which file, and whose it must be")
    func unlockable() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("up/uplink.lock"), withIntermediateDirectories: true)
        let program = Programs.directory.appendingPathComponent("busbar-uplink").path
        let result = try Programs.run(
            path: "/usr/bin/timeout", ["20", program] + arguments("up"))
        #expect(result.code == 1)
        #expect(
            result.error
                == "busbar-uplink: \(folder.path)/up/uplink.lock: Is a directory: it must be a "
                + "file that the user of busbar-uplink may write\n")
    }

    @Test("a second one is refused with who is there; a kill leaves no lock behind")
    func second() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let first = try start("up", log: "first.log")
        let program = Programs.directory.appendingPathComponent("busbar-uplink").path
        // One that is let in would run on.
        let result = try Programs.run(
            path: "/usr/bin/timeout", ["20", program] + arguments("up"))
        #expect(result.code == 1)
        #expect(
            result.error
                == "busbar-uplink: \(folder.path)/up: another busbar-uplink (process "
                + "\(first.processIdentifier)) works there: stop it first (systemctl stop "
                + "busbar-uplink), or give this one another --state-dir\n")
        // Another folder is another uplink.
        end(try start("other", log: "other.log"))
        #expect(first.isRunning)
        end(first)
        end(try start("up", log: "third.log"))
    }
}
