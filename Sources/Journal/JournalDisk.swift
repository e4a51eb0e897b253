/// The disk that the journal is on, as whoever forecasts must know it.
public struct JournalDisk: Hashable, Sendable {
    public let directory: String
    /// Free for the journal's user, in bytes; nil where nobody says.
    public let free: Int64?
    /// Whether the space for alarms on a full disk is still set aside.
    public let hasReserve: Bool

    /// Below this a commit may find no room: what a full disk takes from a lane at once.
    private static let least = Journal.reliefStep

    public init(directory: String, free: Int64?, hasReserve: Bool) {
        self.directory = directory
        self.free = free
        self.hasReserve = hasReserve
    }

    public var isFull: Bool { free.map { $0 < Self.least } ?? false }
}

extension JournalReader {
    /// Asked of the disk itself: neither the database nor the journal's thread is waited for.
    public func disk() -> JournalDisk {
        let (path, storage) = (directory.path, directory.storage)
        let reserve = storage.inspect(path + "/" + Journal.reserveName)
        return JournalDisk(
            directory: path, free: storage.freeBytes(at: path), hasReserve: reserve != .missing)
    }
}
