import Foundation
import JSON
import Testing

/// The programs that are tried: of the folder in BUSBAR_PROGRAMS, as `make test` has it with those
/// that it installs, or else what was built beside these tests.
enum Programs {
    static let directory =
        ProcessInfo.processInfo.environment["BUSBAR_PROGRAMS"].map { URL(fileURLWithPath: $0) }
        ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()
    /// The repository, from this file's own place in it.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static var site: String { root.appendingPathComponent("board/water-heater").path }

    struct Result {
        var code: Int32
        var output: String
        var error: String
    }

    /// Runs a program to its end, with nothing on its standard input.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Result {
        try run(
            path: directory.appendingPathComponent(program).path, arguments,
            environment: environment)
    }

    /// The same for a program of the system.
    static func run(
        path: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "TZ": "UTC"].merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let (output, error) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = error
        try process.run()
        // What these programs print fits into a pipe, so one can be read after the other.
        let texts = [output, error].map {
            String(decoding: $0.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        process.waitUntilExit()
        return Result(code: process.terminationStatus, output: texts[0], error: texts[1])
    }
}

/// A daemon on the simulated board in a directory of its own.
final class Daemon {
    let directory: URL
    let socket: String
    private(set) var process: Process
    private let standardError: FileHandle?
    private let environment: [String: String]
    /// For the next start.
    var arguments: [String]

    /// - Parameters:
    ///   - standardError: where its log goes; without one, to the file `log`.
    ///   - environment: in addition to this process's own.
    ///   - arguments: in addition to those that every daemon here has.
    init(
        standardError: FileHandle? = nil, environment: [String: String] = [:],
        arguments: [String] = []
    ) throws {
        self.standardError = standardError
        self.environment = environment
        self.arguments = arguments
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-system-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true)
        socket = directory.appendingPathComponent("s").path
        process = Process()
        try start()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        do { try FileManager.default.removeItem(at: directory) } catch { print(error) }
    }

    var stateDirectory: URL { directory.appendingPathComponent("state") }

    /// Starts the program and waits until it answers.
    func start() throws {
        process = Process()
        process.executableURL = Programs.directory.appendingPathComponent("busbard")
        process.arguments =
            [
                "--site", Programs.site, "--board", "simulated", "--state-dir", stateDirectory.path,
                "--socket", socket,
            ] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardError = try standardError ?? log()
        try process.run()
        try waitUntil("the daemon answers", within: 15) { try busbar("status").code == 0 }
    }

    private func log() throws -> FileHandle {
        let path = directory.appendingPathComponent("log").path
        if !FileManager.default.fileExists(atPath: path) {
            try #require(FileManager.default.createFile(atPath: path, contents: nil))
        }
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        return handle
    }

    /// Ends the program with a signal and waits for its end.
    func end(_ signal: Int32) -> (reason: Process.TerminationReason, status: Int32) {
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        return (process.terminationReason, process.terminationStatus)
    }

    func busbar(_ arguments: String...) throws -> Programs.Result {
        try Programs.run("busbar", arguments, environment: ["BUSBAR_SOCKET": socket])
    }

    /// The state as `busbar status --json` has it.
    func state() throws -> JSONValue {
        let result = try busbar("status", "--json")
        try #require(result.code == 0, "\(result.error)")
        return try JSONValue.parse(Array(result.output.utf8))
    }

    func interlock() throws -> String? { try state()["interlock"]?["state"]?.string }

    /// Asks again and again, ten times a second: these tests run in real time.
    func waitUntil(
        _ what: String, within seconds: Double, _ condition: () throws -> Bool
    ) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            if try condition() { return }
            Thread.sleep(forTimeInterval: 0.1)
        }
        Issue.record("not within \(seconds) s: \(what)")
        throw TimedOut()
    }

    struct TimedOut: Error {}
}

/// A pipe that nobody reads, filled to its last byte.
struct FullPipe {
    private let pipe = Pipe()
    var writing: FileHandle { pipe.fileHandleForWriting }

    init() throws {
        let descriptor = writing.fileDescriptor
        let flags = fcntl(descriptor, F_GETFL)
        try #require(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
        let block = [UInt8](repeating: UInt8(ascii: "."), count: 4_096)
        while write(descriptor, block, block.count) > 0 {}
        while write(descriptor, block, 1) > 0 {}
        // The flag belongs to the pipe's end, not to the descriptor: the daemon would inherit it.
        try #require(fcntl(descriptor, F_SETFL, flags) == 0)
    }
}
