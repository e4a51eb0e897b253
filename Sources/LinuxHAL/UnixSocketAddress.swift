public import Glibc

/// Where a Unix socket is: a path in the file system.
public struct UnixSocketAddress: Sendable {
    private let address: sockaddr_un

    /// - Throws: for an empty path, and for one too long for a socket address.
    public init(path: String) throws(SystemError) {
        let bytes = Array(path.utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The path ends with a zero.
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError(
                "use the socket \"\(path)\"", number: EINVAL,
                advice: "name a path of 1 to 107 bytes, relative if need be")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        self.address = address
    }

    /// Hands the address over as the socket calls take it.
    public func withPointer<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
