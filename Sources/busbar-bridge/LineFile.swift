import Glibc

/// A file that is read line by line, so that one of any size needs the memory of its longest line.
final class LineFile {
    let path: String
    /// Of the line that `next` returned last, from 1.
    private(set) var number = 0
    /// Whether a line feed came after that line.
    private(set) var isTerminated = true
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false

    /// Of a line, in bytes: an exported event has 64 KiB of data at most, and some attributes.
    static let lineMax = 256 << 10

    init(_ path: String) throws(Failure) {
        self.path = path
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, "open") }
    }

    deinit { close(descriptor) }

    /// The next line without its line feed; nil after the last one. A last line that has no line
    /// feed is one too.
    func next() throws(Failure) -> [UInt8]? {
        while true {
            if let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                number += 1
                return Array(buffer[position..<end])
            }
            guard buffer.count - position <= Self.lineMax else {
                throw Failure(
                    "\(path), line \(number + 1): it has more than \(Self.lineMax) bytes")
            }
            if isAtEnd {
                guard position < buffer.count else { return nil }
                defer { position = buffer.count }
                number += 1
                isTerminated = false
                return Array(buffer[position...])
            }
            try fill()
        }
    }

    private func fill() throws(Failure) {
        buffer.removeFirst(position)
        position = 0
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var count = -1
        repeat {
            count = unsafe chunk.withUnsafeMutableBytes { bytes in
                unsafe read(descriptor, bytes.baseAddress, bytes.count)
            }
        } while count < 0 && errno == EINTR
        guard count >= 0 else { throw Self.failure(path, "read") }
        isAtEnd = count == 0
        buffer += chunk[..<count]
    }

    private static func failure(_ path: String, _ verb: String) -> Failure {
        let reason = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "\(errno)"
        return Failure("\(path): cannot \(verb) it: \(reason)")
    }

    /// What its owner, its group and others may do with it, as in `chmod`.
    func mode() throws(Failure) -> UInt32 {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw Self.failure(path, "stat") }
        return status.st_mode & 0o777
    }

    /// The whole of a small file: a key, or properties.
    static func text(at path: String) throws(Failure) -> String {
        let file = try LineFile(path)
        var lines: [String] = []
        while let line = try file.next() {
            // 1,000 lines: many times what such a file has.
            guard lines.count < 1_000 else { throw Failure("\(path): more than 1,000 lines") }
            lines.append(String(decoding: line, as: UTF8.self))
        }
        return lines.joined(separator: "\n")
    }
}
