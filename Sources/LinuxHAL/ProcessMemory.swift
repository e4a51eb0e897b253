import CLinuxHAL
import Glibc

/// What busbard does to its own memory, once, between start-up and the first tick.
public enum ProcessMemory {
    /// Keeps this process's memory out of swap.
    ///
    /// Pages are locked when they are first touched (MCL_ONFAULT), not all at once. Locking all of
    /// them would make every mapped library and every thread's whole stack resident, several times
    /// the 12 MB that busbard may take. The price: the first touch of a page still faults. The
    /// loop's stack is touched when its thread starts, and the rest by the warm-up ticks, which run
    /// the whole path with the outputs off; a page fault after that comes only from code that had
    /// never run.
    ///
    /// Under a finite RLIMIT_MEMLOCK nothing is locked: there the kernel would refuse a later
    /// allocation, rather than leave it unlocked, and end the process in the middle of a cycle.
    ///
    /// - Throws: when the kernel does not permit it. The loop runs without; it may be late under
    ///   memory pressure, so this becomes a WARNING.
    public static func lock() throws(SystemError) {
        let advice = "start Busbar from its systemd unit, or set LimitMEMLOCK=infinity"
        guard ProcessLimits.raise(.lockedMemory, to: .max) == .max else {
            throw SystemError("lock memory", number: EPERM, advice: advice)
        }
        let result = busbar_lock_memory()
        guard result == 0 else {
            throw SystemError("lock memory", number: -result, advice: advice)
        }
    }

    /// Gives back what start-up left free on the heap, and from then on keeps what it has, so that
    /// threads beside the loop do not map and unmap memory under it.
    public static func keepHeap() { busbar_keep_heap() }

    /// Gives back what is free on the heap now.
    public static func releaseFreeHeap() { busbar_release_free_heap() }
}

/// Limits that the kernel puts on this process.
public enum ProcessLimits {
    public enum Resource: Sendable {
        /// Bytes.
        case lockedMemory
        /// Open files and sockets.
        case descriptors
    }

    /// Raises a limit towards `wanted` as far as this process may, and returns what it is then.
    /// `UInt64.max` is "no limit". Never lowers it.
    @discardableResult
    public static func raise(_ resource: Resource, to wanted: UInt64) -> UInt64 {
        switch resource {
        case .lockedMemory: busbar_raise_locked_memory_limit(wanted)
        case .descriptors: busbar_raise_descriptor_limit(wanted)
        }
    }
}
