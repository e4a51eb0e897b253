import Foundation
import JSON
import Testing
import Units

@testable import LocalAPI

@Suite("Roles")
struct AccessTests {
    /// The whole matrix, written out by hand: a change of the table must be made twice.
    static let matrix: [(method: Method, roles: String)] = [
        (.version, "viewer cluster technician admin"),
        (.status, "viewer cluster technician admin"),
        (.watch, "viewer cluster technician admin"),
        (.why, "viewer cluster technician admin"),
        (.alarmsList, "viewer cluster technician admin"),
        (.alarmsHistory, "viewer cluster technician admin"),
        (.alarmsPerformance, "viewer cluster technician admin"),
        (.alarmsAcknowledge, "technician admin"),
        (.alarmsShelve, "technician admin"),
        (.alarmsUnshelve, "technician admin"),
        (.heatingStatus, "viewer cluster technician admin"),
        (.heatingStart, "technician admin"),
        (.heatingStop, "technician admin"),
        (.heatingSetTarget, "technician admin"),
        (.eventsList, "viewer cluster technician admin"),
        (.eventsTail, "viewer cluster technician admin"),
        (.transactionsList, "viewer cluster technician admin"),
        (.queueStatus, "viewer cluster technician admin"),
        (.uplinkStatus, "viewer cluster technician admin"),
        (.uplinkFinding, "cluster admin"),
        (.uplinkCommand, "cluster admin"),
        (.reset, "technician admin"),
        (.simulationApply, "technician admin"),
    ]

    @Test("the matrix names every method once")
    func matrixIsWhole() {
        #expect(Self.matrix.map(\.method.rawValue) == Method.allCases.map(\.rawValue))
    }

    @Test("each method is open to exactly its roles, through the server", arguments: Role.allCases)
    func matrix(role: Role) throws {
        let device = FakeDevice()
        // Connections of the test's own user have the role under test, whoever runs it.
        let server = try RoleServer(device, role)
        for (method, roles) in Self.matrix {
            let reply = try server.call(method)
            let isPermitted = roles.split(separator: " ").contains { $0 == role.name }
            let message = reply["error"]?["message"]?.string ?? ""
            #expect(
                message.contains("needs the role") != isPermitted,
                "\(method.rawValue) as \(role.name): \(reply.serialized())")
        }
    }

    @Test("a flood of refusals leaves ten lines in the record, and the rest as a number")
    func refusalFlood() throws {
        let device = FakeDevice()
        let server = try RoleServer(device, .viewer)
        for _ in 0..<30 {
            let message = try server.call(.heatingStart)["error"]?["message"]?.string
            #expect(message?.contains("needs the role") == true, "each call is answered")
        }
        #expect(device.audits.count == Limits.refusalsTold)
        #expect(device.audits.allSatisfy { $0.unrecorded == 0 })
    }

    @Test("after its minute a user's next refusal tells how many were left out")
    func refusalQuota() {
        var quota = RefusalQuota()
        for _ in 0..<10 { #expect(quota.admit(user: 7, now: Instant(0)) == 0) }
        for _ in 0..<25 { #expect(quota.admit(user: 7, now: Instant(59_999)) == nil) }
        #expect(quota.admit(user: 8, now: Instant(59_999)) == 0, "another user has its own")
        #expect(quota.admit(user: 7, now: Instant(60_000)) == 25)
        #expect(quota.admit(user: 7, now: Instant(60_000)) == 0)
    }

    /// Begins requests on a connection with a given role and reads what was sent, without a
    /// listening socket and so without the kernel's opinion of who we are.
    final class RoleServer {
        private let server: LocalServer
        private let role: Role
        private let path: String

        init(_ device: FakeDevice, _ role: Role) throws {
            path =
                FileManager.default.temporaryDirectory.path
                + "/busbar-role-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
            server = try LocalServer(
                path: path, group: nil, policy: AccessPolicy(), backend: device)
            self.role = role
        }

        func call(_ method: Method) throws -> JSONValue {
            var ends: [Int32] = [0, 0]
            let type = Int32(SOCK_STREAM.rawValue)
            try #require(socketpair(AF_UNIX, type, 0, &ends) == 0)
            defer { close(ends[1]) }
            let peer = Peer(processID: 1, userID: 1_000, groupIDs: [])
            let connection = Connection(
                descriptor: ends[0], peer: peer, role: role, now: server.backend.now())
            server.connections = [connection]
            defer { server.connections = [] }
            let line = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\(method.rawValue)\"}\n"
            _ = line.withCString { write(ends[1], $0, strlen($0)) }
            for _ in 0..<4 { server.turn(patience: 1) }
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = recv(ends[1], &bytes, bytes.count, Int32(MSG_DONTWAIT))
            try #require(count > 0, "\(method.rawValue) was not answered")
            let first = bytes[..<count].prefix { $0 != 10 }
            return try JSONValue.parse(Array(first))
        }
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let user: UInt32
        let groups: [UInt32]
        let role: Role?
    }

    static let rows = [
        Row(testDescription: "root is admin", user: 0, groups: [0], role: .admin),
        Row(testDescription: "a listed user", user: 1_001, groups: [1_001], role: .viewer),
        Row(
            testDescription: "a primary group counts", user: 1_002, groups: [500],
            role: .technician),
        Row(
            testDescription: "a supplementary group counts", user: 1_002, groups: [1_002, 500],
            role: .technician),
        Row(
            testDescription: "the highest of several roles counts", user: 1_001,
            groups: [500, 600], role: .admin),
        Row(testDescription: "the uplink's own user", user: 1_003, groups: [], role: .cluster),
        Row(testDescription: "nobody else", user: 1_002, groups: [1_002, 1_001], role: nil),
        Row(testDescription: "group 0 alone is not root", user: 1_002, groups: [0], role: nil),
    ]

    @Test("The role of a peer", arguments: rows)
    func role(row: Row) {
        var policy = AccessPolicy()
        policy.allow(user: 1_001, .viewer)
        policy.allow(group: 500, .technician)
        policy.allow(group: 600, .admin)
        policy.allow(group: 600, .viewer)
        policy.allow(user: 1_003, .cluster)
        let peer = Peer(processID: 1, userID: row.user, groupIDs: row.groups)
        #expect(policy.role(of: peer) == row.role)
    }
}

/// Needs to be root, to become somebody else: elsewhere nobody could be refused by the kernel's
/// word.
@Suite("Peers", .enabled(if: getuid() == 0, "only root can become another user"), .serialized)
struct PeerTests {
    @Test("an unlisted user is told so, gets nothing, and raises its alarm once")
    func unlisted() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        chmod(served.path, 0o666)
        let refusal =
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32002,\"message\":"
            + "\"user nobody has no role at this device: ask for an entry in the site file under "
            + "roles\",\"data\":{\"reason\":\"unlisted\"}}}"
        for _ in 0..<3 {
            #expect(try lines(from: served.path, asUser: 65_534) == [refusal])
        }
        #expect(served.device.refusedPeers.map(\.userID) == [65_534])
        #expect(served.device.commands.isEmpty)
    }

    /// What the server says to a python process of another user that sends a request at once.
    private func lines(from path: String, asUser user: UInt32) throws -> [String] {
        let script = """
            import os, socket, sys
            os.setgroups([]); os.setgid(65534); os.setuid(\(user))
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(5)
            try: s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"heating.start"}\\n')
            except BrokenPipeError: pass
            data = b''
            while True:
                try: more = s.recv(4096)
                except ConnectionResetError: break
                if not more: break
                data += more
            sys.stdout.write(data.decode())
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script, path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
