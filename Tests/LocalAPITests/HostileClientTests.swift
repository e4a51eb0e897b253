import Foundation
import JSON
import Testing

@testable import LocalAPI

/// Whatever a client sends, the server answers or closes, goes on serving, and passes no command
/// on.
@Suite("Hostile clients", .serialized)
struct HostileClientTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let line: String
        let code: Int64
        let message: String
    }

    static let rows = [
        Row(
            testDescription: "an empty line is no JSON", line: "", code: -32_700,
            message: "this line is not JSON: line 1, column 1"),
        Row(
            testDescription: "a half object is no JSON", line: "{\"jsonrpc\":", code: -32_700,
            message: "this line is not JSON: line 1, column 12"),
        Row(
            testDescription: "bytes that are no UTF-8 are no JSON", line: "\u{0}\u{1}\u{7f}",
            code: -32_700, message: "this line is not JSON"),
        Row(
            testDescription: "17 levels are too deep",
            line: String(repeating: "[", count: 17) + String(repeating: "]", count: 17),
            code: -32_700, message: "this line is not JSON"),
        Row(
            testDescription: "a batch is refused", line: "[]", code: -32_600,
            message: "expected one JSON-RPC request object on a line, found an array"),
        Row(
            testDescription: "a notification is refused",
            line: "{\"jsonrpc\":\"2.0\",\"method\":\"heating.start\"}", code: -32_600,
            message: "\"id\" must be a string or an integer"),
        Row(
            testDescription: "another version is refused",
            line: "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"status\"}", code: -32_600,
            message: "\"jsonrpc\" must be \"2.0\""),
        Row(
            testDescription: "parameters by place are refused",
            line: "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"params\":[1]}",
            code: -32_600, message: "\"params\" must be an object"),
        Row(
            testDescription: "an unknown method is named",
            line: "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"open.valve\"}", code: -32_601,
            message: "there is no method \"open.valve\""),
        Row(
            testDescription: "an unknown parameter is named",
            line: "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"heating.start\","
                + "\"params\":{\"force\":true}}",
            code: -32_602,
            message: "heating.start knows no parameter \"force\": it takes none"),
        Row(
            testDescription: "a wrong type is named with what was found",
            line:
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"alarms.ack\",\"params\":{\"code\":7}}",
            code: -32_602,
            message: "alarms.ack: \"code\" must be a text of at most 200 bytes, found 7"),
        Row(
            testDescription: "an alarm that does not exist is named",
            line: "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"alarms.ack\","
                + "\"params\":{\"code\":\"E999\"}}",
            code: -32_602, message: "there is no alarm \"E999\""),
    ]

    @Test("What is no good request gets an error that says why", arguments: rows)
    func badLine(row: Row) throws {
        let served = try ServedDevice()
        defer { served.stop() }
        let client = try RawClient(served.path)
        client.send(row.line + "\n")
        let error = try #require(try client.reply()["error"])
        #expect(error["code"]?.int == row.code)
        #expect(error["message"]?.string?.hasPrefix(row.message) == true, "\(error)")
        #expect(served.device.commands.isEmpty)
    }

    @Test("the third bad line ends the connection")
    func threeBadLines() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        let client = try RawClient(served.path)
        client.send("junk\njunk\njunk\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}\n")
        for _ in 0..<3 { #expect(try client.reply()["error"]?["code"]?.int == -32_700) }
        #expect(client.line() == nil)
    }

    @Test("a request in pieces is one request")
    func pieces() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        let client = try RawClient(served.path)
        for byte in "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"version\"}\r\n".utf8 {
            client.send([byte])
        }
        let reply = try client.reply()
        #expect(reply["id"]?.string == "a")
        #expect(reply["result"]?["site"]?.string == "test-site")
    }

    @Test("64 KiB without a line feed, or with one behind them, end the connection")
    func overlongLine() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        for ending in ["", "\n"] {
            let client = try RawClient(served.path)
            client.send(String(repeating: "x", count: Limits.lineBytes + 1) + ending)
            #expect(try client.reply()["error"]?["message"]?.string == "a line has at most 64 KiB")
            #expect(client.line() == nil)
        }
    }

    @Test("10 MB are cut off long before they are read, and others are served meanwhile")
    func tenMegabytes() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        let client = try RawClient(served.path)
        let wasTaken = client.send([UInt8](repeating: UInt8(ascii: "{"), count: 10_000_000))
        #expect(!wasTaken, "the server read all of it")
        #expect(try RawClient(served.path).call("version")["result"] != nil)
    }

    @Test("a client that asks and never reads is put off and dropped, and others are served")
    func neverReads() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        let client = try RawClient(served.path)
        #expect(try client.call("watch", "{\"hz\":10}")["result"] != nil)
        for _ in 0..<2_000 {
            client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}\n")
        }
        #expect(try RawClient(served.path).call("status")["result"] != nil)
    }

    @Test(
        "1,000 connections: 32 of one user are served, the others told why, the loop asked nothing")
    func thousandConnections() throws {
        // Two ends of each connection are in this process.
        var limit = rlimit(rlim_cur: 4_096, rlim_max: 4_096)
        try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        let served = try ServedDevice()
        defer { served.stop() }
        var clients: [RawClient] = []
        for _ in 0..<1_000 { clients.append(try RawClient(served.path)) }
        var refused = 0
        for client in clients.dropFirst(Limits.connectionsOfOneUser) {
            let message = try client.reply()["error"]?["message"]?.string
            #expect(message == "you have 32 connections open, the most that one user may have")
            if client.line() == nil { refused += 1 }
        }
        #expect(refused == 1_000 - Limits.connectionsOfOneUser)
        #expect(try clients[0].call("status")["result"] != nil)
        #expect(served.device.commands.isEmpty && served.device.snapshotsGiven == 1)
        clients.removeAll()
        // The server hears of the hang-ups in its own time; a refusal until then is right.
        var answers = 0
        for _ in 0..<500 where answers == 0 {
            if try RawClient(served.path).call("version")["result"] != nil { answers += 1 }
        }
        #expect(answers == 1, "500 tries")
    }
}
