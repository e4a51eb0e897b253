import CCrashDisk
public import Journal
import Synchronization

/// A disk in memory for tests and simulations: what was not synced is lost at a power cut, or kept,
/// each sector, file size and name by itself, as a seed has it.
///
/// SQLite and the journal's small files use the same one. Its worst is what POSIX leaves open, so
/// it is harsher than ext4: a new file's name lasts only once its directory was synced, and a
/// synced rename says nothing of another. Sectors of 512 bytes are written whole or not at all, as
/// SD cards promise.
///
/// Any number of disks live side by side, and one may be used by several threads. A journal or
/// reader that was open when the power went gets errors from then on, and may be let go of late.
public final class CrashDisk: StateStorage {
    /// Kinds of calls, for counting them and for choosing which one fails.
    public struct Calls: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        init(_ call: crash_disk_call) { rawValue = call.rawValue }

        public static let create = Calls(crash_disk_call_create)
        public static let write = Calls(crash_disk_call_write)
        public static let sync = Calls(crash_disk_call_sync)
        public static let truncate = Calls(crash_disk_call_truncate)
        public static let rename = Calls(crash_disk_call_rename)
        public static let remove = Calls(crash_disk_call_remove)
        public static let makeDirectory = Calls(crash_disk_call_make_directory)
        public static let syncDirectory = Calls(crash_disk_call_sync_directory)
        public static let read = Calls(crash_disk_call_read)
        /// All that a power cut in the midst of it could make a difference to.
        public static let changing: Calls = [
            .create, .write, .sync, .truncate, .rename, .remove, .makeDirectory, .syncDirectory,
        ]
    }

    public enum Fault: Hashable, Sendable {
        /// The call fails with this errno and changes nothing.
        case once(Int32)
        /// It fails, and every later one of the chosen kinds.
        case fromNowOn(Int32)
        /// The power goes: a write may leave some of its sectors, and everything fails until
        /// `losePower` has said what is left.
        case power
    }

    private static let count = Atomic<UInt64>(0)

    /// C locks it for each call.
    nonisolated(unsafe) private let disk: OpaquePointer
    private let name: String
    private let limit = Mutex<Int64?>(nil)

    /// - Parameter seed: what SQLite is given when it asks this disk for randomness.
    public init(seed: UInt64 = 0) {
        name = "crash-disk-\(Self.count.wrappingAdd(1, ordering: .relaxed).newValue)"
        guard let made = crash_disk_create(name, seed) else {
            preconditionFailure("no memory, or SQLite has a VFS of this name: \(name)")
        }
        disk = made
    }

    deinit { crash_disk_destroy(disk) }

    // MARK: what a test does to it

    /// Cuts the power and brings it back: of what was not synced, `seed` decides.
    public func losePower(seed: UInt64) { crash_disk_lose_power(disk, seed) }

    public func losePower(using generator: inout some RandomNumberGenerator) {
        losePower(seed: generator.next())
    }

    /// Ends the process that uses it: nothing is lost, and nothing that was open works any more.
    public func kill() { crash_disk_kill(disk) }

    /// A card that lies: a sync returns at once and makes nothing durable.
    public func ignoreSyncs(_ ignored: Bool) { crash_disk_ignore_syncs(disk, ignored) }

    /// Bytes, in blocks of 4096, that all files may have together. Nil: no limit.
    public var capacity: Int64? {
        get { limit.withLock { $0 } }
        set {
            limit.withLock { $0 = newValue }
            crash_disk_set_capacity(disk, UInt64(newValue ?? 0))
        }
    }

    public var used: Int64 { Int64(crash_disk_used(disk)) }

    /// Writes that had no room since the disk was made.
    public var refusals: Int { Int(crash_disk_refusals(disk)) }

    /// What SQLite is told when it asks for the time of day.
    public func setTime(unixMilliseconds: Int64) { crash_disk_set_time(disk, unixMilliseconds) }

    /// Arms one fault; an earlier one is forgotten.
    ///
    /// - Parameter number: of the call that fails, among those of the kinds in `calls` from now on.
    ///   The next is 1.
    public func arm(_ fault: Fault, at number: Int, of calls: Calls = .changing) {
        precondition(number > 0)
        let (kind, code): (crash_disk_fault, Int32) =
            switch fault {
            case .once(let code): (crash_disk_fault_once, code)
            case .fromNowOn(let code): (crash_disk_fault_from_now_on, code)
            case .power: (crash_disk_fault_power, 0)
            }
        crash_disk_arm(disk, calls.rawValue, UInt64(number), kind, code)
    }

    public func disarm() { crash_disk_arm(disk, 0, 0, crash_disk_fault_once, 0) }

    /// Calls since the disk was made, those that failed too.
    public func count(_ calls: Calls = .changing) -> Int {
        Int(crash_disk_calls(disk, calls.rawValue))
    }

    /// Whether the power went and has not come back.
    public var isDead: Bool { crash_disk_is_dead(disk) }

    /// Flips one bit of a file for good.
    public func flip(bit: Int, of path: String) throws(JournalError) {
        try Self.check(crash_disk_flip(disk, path, UInt64(bit)), "flip", path)
    }

    /// Makes reading any of these bytes of a file fail. An empty range ends that.
    public func spoil(_ bytes: Range<Int>, of path: String) throws(JournalError) {
        let code = crash_disk_spoil(disk, path, UInt64(bytes.lowerBound), UInt64(bytes.count))
        try Self.check(code, "spoil", path)
    }

    /// A disk of its own that holds what this one does.
    ///
    /// - Parameter synced: only what a power cut just now could not take.
    public func copy(synced: Bool = true, seed: UInt64 = 0) -> CrashDisk {
        let copy = CrashDisk(seed: seed)
        copy.restore(self, synced: synced)
        return copy
    }

    /// Puts the content of another disk in place of this one's. What was open here is not any more.
    public func restore(_ other: CrashDisk, synced: Bool = true) {
        precondition(other !== self)
        precondition(crash_disk_copy(disk, other.disk, synced) == 0)
    }

    private static func check(
        _ code: Int32, _ operation: String, _ path: String
    ) throws(JournalError) {
        guard code == 0 else { throw JournalError(errno: code, operation: operation, path: path) }
    }

    // MARK: StateStorage

    public var databaseFileSystem: String? { name }

    public func read(_ path: String, limit: Int) -> StoredContent {
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        let code = bytes.withUnsafeMutableBytes {
            crash_disk_read(disk, path, $0.baseAddress, $0.count, &count)
        }
        switch code {
        case 0: return .bytes(Array(bytes[..<count]))
        case Self.missing: return .missing
        default: return .unreadable(JournalError(errno: code, operation: "read", path: path))
        }
    }
    /// ENOENT.
    private static let missing: Int32 = 2

    public func overwrite(_ path: String, with bytes: [UInt8]) throws(JournalError) {
        let code = bytes.withUnsafeBytes {
            crash_disk_overwrite(disk, path, $0.baseAddress, $0.count)
        }
        try Self.check(code, "write", path)
        try Self.check(crash_disk_sync(disk, path), "fsync", path)
    }

    /// Writes as many zeros, so a simulation asks for a small reserve.
    public func preallocate(_ path: String, bytes: Int64) throws(JournalError) {
        do {
            try overwrite(path, with: [UInt8](repeating: 0, count: Int(bytes)))
        } catch {
            // Whatever of it came to be: the first error is the one to tell.
            try? remove(path)
            throw error
        }
    }

    public func rename(_ from: String, to new: String) throws(JournalError) {
        try Self.check(crash_disk_rename(disk, from, new), "rename", from)
    }

    public func remove(_ path: String) throws(JournalError) {
        try Self.check(crash_disk_remove(disk, path), "unlink", path)
    }

    public func makeDirectory(_ path: String) throws(JournalError) -> Bool {
        let code = crash_disk_make_directory(disk, path)
        if code == 17 { return false }  // EEXIST
        try Self.check(code, "mkdir", path)
        return true
    }

    public func sync(directory: String) throws(JournalError) {
        let path = directory == "/" ? "" : directory
        try Self.check(crash_disk_sync_directory(disk, path), "fsync", directory)
    }

    public func inspect(_ path: String) -> StoredKind {
        var isDirectory = false
        var size: UInt64 = 0
        switch crash_disk_inspect(disk, path, &isDirectory, &size) {
        case 0: return isDirectory ? .other : .file(bytes: Int64(size))
        case Self.missing: return .missing
        default: return .other
        }
    }

    public func names(in directory: String) -> [String] {
        final class Names { var found: [String] = [] }
        let names = Names()
        crash_disk_list(
            disk, directory,
            { context, name in
                guard let context, let name else { return }
                Unmanaged<Names>.fromOpaque(context).takeUnretainedValue().found
                    .append(String(cString: name))
            }, Unmanaged.passUnretained(names).toOpaque())
        return names.found
    }

    public func lock(_ path: String) throws(JournalError) -> UInt64 {
        var token: UInt64 = 0
        let code = crash_disk_lock(disk, path, &token)
        if code == 11 { throw .heldElsewhere(path, code: code) }  // EWOULDBLOCK
        try Self.check(code, "open", path)
        return token
    }

    public func unlock(_ token: UInt64) { crash_disk_unlock(disk, token) }

    public func freeBytes(at path: String) -> Int64? { capacity.map { max(0, $0 - used) } }
}
