import Foundation
import JSON
import Testing

/// A socket in the place of a daemon's, that takes calls and says nothing, or one thing.
final class LocalSocket: Sendable {
    let path: String
    private let descriptor: Int32

    init() throws {
        path =
            FileManager.default.temporaryDirectory.path
            + "/busbar-socket-\(UUID().uuidString.prefix(8))"
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            bytes.copyBytes(from: path.utf8.prefix(bytes.count - 1))
        }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0 && listen(descriptor, 4) == 0)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// Answers the next call with this result, on a thread of its own.
    func answer(_ result: JSONValue) {
        Thread.detachNewThread { [self] in
            let client = accept(descriptor, nil, nil)
            guard client >= 0 else { return }
            defer { close(client) }
            var line: [UInt8] = []
            var byte: UInt8 = 0
            while read(client, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
            let call = (try? JSONValue.parse(line)) ?? .null
            let reply: JSONValue = ["jsonrpc": "2.0", "id": call["id"] ?? .null, "result": result]
            let bytes = reply.serializedBytes() + [UInt8(ascii: "\n")]
            _ = bytes.withUnsafeBytes { write(client, $0.baseAddress, $0.count) }
        }
    }
}
