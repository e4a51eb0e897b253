import Glibc

/// The bytes of a whole file.
/// - Throws: with the file's name and the system's reason.
func bytes(of path: String) throws(Failure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { throw Failure(.failed, "\(path): \(systemErrorText())") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = unsafe read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw Failure(.failed, "\(path): \(systemErrorText())") }
        guard count > 0 else { return bytes }
        bytes += chunk[..<count]
    }
}

/// The text of `errno`.
func systemErrorText() -> String { unsafe String(cString: strerror(errno)) }
