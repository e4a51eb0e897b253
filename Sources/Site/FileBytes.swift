import Glibc

/// Why a file could not be read.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String { "\(path): \(reason)" }
}

/// The whole of a file. The one place in this module that speaks to the system; everything unsafe
/// in it is these calls.
///
/// - Throws: if it cannot be opened or read, or has more than 4 MiB, a hundred times what a site's
///   files have.
public func readFile(_ path: String) throws(FileError) -> [UInt8] {
    let sizeMax = 4 << 20
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(path: path, reason: failure("open", errno)) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = unsafe chunk.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress, buffer.count)
        }
        if count < 0 {
            let code = errno
            if code == EINTR { continue }
            throw FileError(path: path, reason: failure("read", code))
        }
        if count == 0 { return bytes }
        bytes += chunk[..<count]
        guard bytes.count <= sizeMax else {
            throw FileError(path: path, reason: "the file has more than \(sizeMax) bytes")
        }
    }
}

private func failure(_ verb: String, _ code: Int32) -> String {
    "cannot \(verb) it: " + (unsafe strerror(code).map { unsafe String(cString: $0) } ?? "\(code)")
}
