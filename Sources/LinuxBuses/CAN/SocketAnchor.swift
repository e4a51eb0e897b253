/// Which interface the loop's socket hangs on, by the kernel's number of it.
///
/// An interface that was gone and came again has the old name and another number, and the old
/// socket hears nothing of it. That is so also between the socket's opening and the first look, and
/// it stays so until a new socket stands: one attempt that fails must not be the last.
struct SocketAnchor: Sendable {
    /// 0: not known.
    private(set) var index: UInt32
    private var isFailureTold = false

    /// - Parameter index: as it was read before the socket was opened.
    init(index: UInt32) { self.index = index }

    /// Whether the loop needs another socket.
    func isLost(_ report: CANLinkReport) -> Bool { report.index != 0 && report.index != index }

    /// A socket stands on the interface of that number.
    mutating func move(to index: UInt32) {
        self.index = index
        isFailureTold = false
    }

    /// A socket could not be opened.
    ///
    /// - Returns: whether that is news, and not another failure of the same.
    mutating func noteFailure() -> Bool {
        defer { isFailureTold = true }
        return !isFailureTold
    }
}
