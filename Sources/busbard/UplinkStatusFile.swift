import Glibc
import LocalAPI

/// What busbar-uplink wrote of itself last.
enum UplinkStatusFile {
    /// - Returns: nil when there is nothing to be read. The file is another user's, who may put
    ///   anything there: neither a pipe nor a link is followed, so that nobody waits.
    static func read(in directory: String?) -> [UInt8]? {
        guard let directory else { return nil }
        let path = "\(directory)/\(UplinkReport.fileName)"
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: UplinkReport.sizeMax)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe Glibc.read(file, $0.baseAddress, $0.count)
        }
        return count >= 0 ? Array(bytes[..<count]) : nil
    }
}
