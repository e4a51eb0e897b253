import Foundation
import Glibc
import JSON
import Testing

@testable import Uplink

@Suite("The post to busbard")
struct LocalPostTests {
    /// A busbard that answers what the test says.
    final class Listener {
        let path: String
        private let socket: Int32
        private var client: Int32 = -1

        init() throws {
            path = "/tmp/post-\(UUID().uuidString.prefix(8))"
            socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            let size = socklen_t(MemoryLayout<sockaddr_un>.size)
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) }
            }
            try #require(result == 0 && listen(socket, 4) == 0)
        }

        deinit {
            close(client)
            close(socket)
            unlink(path)
        }

        /// The methods that came, in order.
        func received() throws -> [JSONValue] {
            if client < 0 { client = accept(socket, nil, nil) }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(client, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            return try chunk.prefix(max(0, count)).split(separator: UInt8(ascii: "\n"))
                .map { try JSONValue.parse(Array($0)) }
        }

        func answer(_ text: String) {
            _ = Array((text + "\n").utf8).withUnsafeBytes {
                send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
        }
    }

    static func problem(_ path: String, _ reason: String, waiting: Int, lost: String = "") -> String
    {
        "busbard is not reached at \(path) (\(reason)), so it hears of no finding and gets no "
            + "command: \(waiting) wait\(lost): check --socket, or systemctl status busbard"
    }

    @Test("a wrong path is said after five seconds, with what waits, also before anything does")
    func wrongPath() {
        let path = "/tmp/nothing-\(UUID().uuidString.prefix(8))"
        var post = LocalPost(path: path)
        _ = post.serve(now: 0)
        _ = post.serve(now: 4_999)
        let early = post.problem(now: 4_999)
        #expect(early == nil)
        _ = post.serve(now: 5_000)
        let late = post.problem(now: 5_000)
        #expect(late == Self.problem(path, "No such file or directory", waiting: 0))
        for _ in 0..<66 { post.call("uplink.finding", [:]) }
        let full = post.problem(now: 5_000)
        #expect(
            full
                == Self.problem(
                    path, "No such file or directory", waiting: 64, lost: ", 2 were given up"))
    }

    @Test("a path that no socket can have is said as well")
    func longPath() {
        let path = "/tmp/" + String(repeating: "x", count: 103)
        var post = LocalPost(path: path)
        _ = post.serve(now: 0)
        let problem = post.problem(now: 5_000)
        #expect(
            problem
                == Self.problem(path, "the path has more than 107 bytes", waiting: 0))
    }

    @Test("what waited goes when busbard is there, and the problem is over")
    func comesLater() throws {
        let listener = try Listener()
        let right = listener.path
        rename(right, right + ".away")
        var post = LocalPost(path: right)
        post.call("uplink.finding", ["n": 1])
        _ = post.serve(now: 0)
        let before = post.problem(now: 5_000)
        #expect(before != nil)
        rename(right + ".away", right)
        _ = post.serve(now: 6_000)
        let (after, left) = (post.problem(now: 60_000), post.waiting)
        #expect(after == nil && left == 0)
        #expect(try listener.received().compactMap { $0["method"]?.string } == ["uplink.finding"])
    }

    @Test("a command is answered once, with busbard's word on it; a finding is no command")
    func replies() throws {
        let listener = try Listener()
        var post = LocalPost(path: listener.path)
        post.call("uplink.command", [:], isCommand: true)
        post.call("uplink.finding", [:])
        post.call("uplink.command", [:], isCommand: true)
        _ = post.serve(now: 0)
        #expect(try listener.received().compactMap { $0["id"]?.int } == [1, 2, 3])
        let unanswered = post.waiting
        #expect(unanswered == 2, "two commands, and no finding")
        listener.answer(#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        listener.answer(#"{"jsonrpc":"2.0","id":2,"result":{}}"#)
        listener.answer(#"{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"no"}}"#)
        let replies = post.serve(now: 10)
        let left = post.waiting
        #expect(
            replies == [
                LocalPost.Reply(isCommand: true, error: nil),
                LocalPost.Reply(isCommand: false, error: nil),
                LocalPost.Reply(isCommand: true, error: "no"),
            ])
        #expect(left == 0)
    }
}
