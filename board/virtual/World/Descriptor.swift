import Glibc
import LinuxHAL

/// An open file of the kernel's, closed with its owner.
struct Descriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    init(
        opening path: String, _ flags: Int32, advice: String
    ) throws(SystemError) {
        let opened = open(path, flags | O_CLOEXEC, 0o644)
        guard opened >= 0 else {
            throw SystemError("open \(path)", number: errno, advice: advice)
        }
        number = opened
    }

    deinit { close(number) }

    /// What is there to be read now, at most 4 096 bytes; nothing when there is none.
    func read() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 4_096) { buffer, count in
            count = max(0, Glibc.read(number, buffer.baseAddress, buffer.count))
        }
    }

    /// Writes all of it, or says why not.
    func write(_ bytes: [UInt8], _ attempt: String, advice: String) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes {
                Glibc.write(number, $0.baseAddress, $0.count)
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw SystemError(attempt, number: errno, advice: advice)
            }
            done += count
        }
    }

    /// `ioctl` with a pointer to one value.
    func control<Value>(
        _ request: UInt, _ value: inout Value, _ attempt: String, advice: String
    ) throws(SystemError) {
        let result = withUnsafeMutablePointer(to: &value) { ioctl(number, request, $0) }
        if result < 0 { throw SystemError(attempt, number: errno, advice: advice) }
    }
}
