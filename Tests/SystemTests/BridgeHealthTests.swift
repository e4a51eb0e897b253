import Foundation
import Testing

/// A bridge that has neither broker nor cluster: it must live, say what it lacks, and not be
/// disturbed by whoever talks to its port.
@Suite("The health of a bridge", .serialized)
struct BridgeHealthTests {
    @Test("it lives without broker and cluster, and says why it is not ready")
    func health() throws {
        let bridge = try LonelyBridge()
        let alive = try bridge.get("/livez")
        #expect(alive.status == 200)
        #expect(alive.body == "alive\n")
        let ready = try bridge.get("/readyz")
        #expect(ready.status == 503)
        #expect(ready.body == "not connected to the MQTT broker\n")
        #expect(ready.headers.contains("content-type: text/plain; charset=utf-8"))
        #expect(try bridge.get("/readyz?verbose").body == ready.body)
        #expect(bridge.end() == 0, "SIGTERM ends it in order")
    }

    @Test("its metrics are in Prometheus' text format")
    func metrics() throws {
        let bridge = try LonelyBridge()
        let answer = try bridge.get("/metrics")
        #expect(answer.status == 200)
        #expect(answer.headers.contains("content-type: text/plain; version=0.0.4; charset=utf-8"))
        #expect(answer.body.hasSuffix("\n"))
        let lines = answer.body.split(separator: "\n")
        let samples = lines.filter { !$0.hasPrefix("#") }
        #expect(samples.count > 20)
        let form = #/[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?\d+(\.\d+)?/#
        for sample in samples {
            #expect(sample.wholeMatch(of: form) != nil, "no sample: \(sample)")
            let name = sample.prefix { $0 != "{" && $0 != " " }
            #expect(lines.contains { $0.hasPrefix("# TYPE \(name) ") }, "no type: \(sample)")
            #expect(lines.contains { $0.hasPrefix("# HELP \(name) ") }, "no help: \(sample)")
        }
        #expect(samples.contains("busbar_bridge_ready 0"))
        #expect(samples.contains("busbar_bridge_dead_letters_total{class=\"gap\"} 0"))
    }

    struct Request: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        /// Nil: it is closed without an answer, or with one that does not matter.
        let status: Int?
    }

    static let requests = [
        Request(
            testDescription: "an unknown path", bytes: Array("GET / HTTP/1.1\r\n\r\n".utf8),
            status: 404),
        Request(
            testDescription: "a path that only begins like a known one",
            bytes: Array("GET /livez2 HTTP/1.1\r\n\r\n".utf8), status: 404),
        Request(
            testDescription: "another method",
            bytes: Array("POST /livez HTTP/1.1\r\nContent-Length: 0\r\n\r\n".utf8), status: 405),
        Request(
            testDescription: "no HTTP at all", bytes: Array("\u{1}\u{2}what?\r\n\r\n".utf8),
            status: nil),
        Request(
            testDescription: "100 kB of one header's value",
            bytes: Array("GET /livez HTTP/1.1\r\nX: ".utf8)
                + [UInt8](repeating: UInt8(ascii: "x"), count: 100_000), status: nil),
        Request(
            testDescription: "a body of 100 kB",
            bytes: Array("GET /livez HTTP/1.1\r\nContent-Length: 100000\r\n\r\n".utf8)
                + [UInt8](repeating: UInt8(ascii: "x"), count: 100_000), status: nil),
        Request(
            testDescription: "a length that is none",
            bytes: Array("GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n".utf8), status: nil),
        Request(testDescription: "zeros", bytes: [UInt8](repeating: 0, count: 4_096), status: nil),
        Request(testDescription: "nothing", bytes: [], status: nil),
    ]

    @Test("it outlives whatever is sent to its port")
    func requests() throws {
        let bridge = try LonelyBridge()
        for request in Self.requests {
            let answer = try bridge.exchange(request.bytes, isEnded: request.status == nil)
            if let status = request.status {
                #expect(answer?.status == status, "\(request.testDescription)")
            } else {
                #expect(answer?.status != 200, "\(request.testDescription)")
            }
            #expect(try bridge.get("/livez").status == 200, "after \(request.testDescription)")
        }
    }

    @Test("more connections than it keeps are closed, and those that were kept make room again")
    func connections() throws {
        let bridge = try LonelyBridge()
        let idle = try (0..<40).map { _ in try bridge.connect() }
        // The 33rd and later ones are closed at once.
        #expect(bridge.isClosed(idle[39]))
        for socket in idle { close(socket) }
        try bridge.waitUntil("there is room again") {
            try bridge.exchange(bridge.request("/livez"))?.status == 200
        }
    }
}

/// busbar-bridge with the addresses of a broker and of a cluster where nobody listens.
private final class LonelyBridge {
    struct Answer {
        var status: Int
        /// In lower case, one an element.
        var headers: [String]
        var body: String
    }

    struct NoAnswer: Error { var path: String }

    private let directory: URL
    private let process = Process()
    private let port: UInt16

    init() throws {
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-bridge-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let secret = directory.appendingPathComponent("secret")
        try #require(
            FileManager.default.createFile(
                atPath: secret.path, contents: Data(String(repeating: "5e", count: 32).utf8),
                attributes: [.posixPermissions: 0o600]))
        let log = directory.appendingPathComponent("log")
        try #require(FileManager.default.createFile(atPath: log.path, contents: nil))
        port = try Self.freePort()
        let (broker, cluster) = (try Self.freePort(), try Self.freePort())
        process.executableURL = Programs.directory.appendingPathComponent("busbar-bridge")
        process.arguments = [
            "run", "--mqtt", "127.0.0.1:\(broker)", "--kafka", "127.0.0.1:\(cluster)",
            "--secret-file", secret.path, "--http", "127.0.0.1:\(port)",
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        try waitUntil("the bridge answers") {
            guard process.isRunning else {
                let text = try String(contentsOf: log, encoding: .utf8)
                Issue.record("the bridge ended: \(text)")
                return true
            }
            return try exchange(request("/livez"))?.status == 200
        }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        do { try FileManager.default.removeItem(at: directory) } catch { print(error) }
    }

    /// - Returns: the exit code after SIGTERM.
    func end() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }

    func request(_ path: String) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nHost: here\r\n\r\n".utf8)
    }

    func get(_ path: String) throws -> Answer {
        guard let answer = try exchange(request(path)) else { throw NoAnswer(path: path) }
        return answer
    }

    /// Sends bytes; nil when what comes back is no answer of HTTP.
    ///
    /// - Parameter isEnded: whether to say that nothing will follow. Otherwise an unfinished
    ///   request is waited for.
    func exchange(_ bytes: [UInt8], isEnded: Bool = false) throws -> Answer? {
        guard let socket = try? connect() else { return nil }
        defer { close(socket) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            // It may close before it has read everything.
            guard count > 0 else { break }
            rest.removeFirst(count)
        }
        if isEnded { shutdown(socket, Int32(SHUT_WR)) }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            received += buffer[..<count]
        }
        return Self.answer(String(decoding: received, as: UTF8.self))
    }

    private static func answer(_ text: String) -> Answer? {
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        var lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        let words = lines.removeFirst().split(separator: " ")
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
            return nil
        }
        return Answer(
            status: status, headers: lines.map { $0.lowercased() },
            body: String(text[end.upperBound...]))
    }

    func connect() throws -> Int32 {
        let socket = Self.makeSocket()
        var address = Self.address(port)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            close(socket)
            throw NoAnswer(path: "connect")
        }
        // 10 s: twice what an idle connection is kept.
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return socket
    }

    /// Whether the other end has closed, within a second.
    func isClosed(_ socket: Int32) -> Bool {
        var wanted = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, 1_000) == 1 else { return false }
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, 0) <= 0
    }

    func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
        let deadline = Date().addingTimeInterval(20)
        while Date() < deadline {
            if try condition() { return }
            Thread.sleep(forTimeInterval: 0.05)
        }
        Issue.record("not within 20 s: \(what)")
    }

    private static func makeSocket() -> Int32 {
        socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    /// A port where nobody listened a moment ago.
    private static func freePort() throws -> UInt16 {
        let socket = makeSocket()
        defer { close(socket) }
        var address = address(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
            }
        }
        try #require(isBound)
        return UInt16(bigEndian: address.sin_port)
    }
}
