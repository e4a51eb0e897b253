import CLinuxHAL
import Glibc

/// What the kernel can do, asked by trying.
public enum KernelFeatures {
    /// AF_CAN and CAN_RAW, which Glibc's module does not have: linux/can.h.
    private static let canFamily: Int32 = 29
    private static let canRaw: Int32 = 1

    /// Why there are no CAN sockets, as an `errno`; nil when there are.
    public static func canSocketError() -> Int32? {
        let socket = Glibc.socket(canFamily, Int32(SOCK_RAW.rawValue), canRaw)
        guard socket >= 0 else { return errno }
        close(socket)
        return nil
    }

    /// The smallest step of the monotonic clock, in ns: 1 with high-resolution timers.
    public static func clockStep() -> Int64 {
        var step = timespec()
        guard clock_getres(CLOCK_MONOTONIC, &step) == 0 else { return .max }
        return Int64(step.tv_sec) * 1_000_000_000 + Int64(step.tv_nsec)
    }

    /// Whether the wall clock is synchronised, by the kernel's word.
    public static func isClockSynchronised() -> Bool { busbar_wall_clock_is_synced() == 1 }
}

/// An account of this system and every group that it is in.
public struct SystemAccount: Hashable, Sendable {
    public let number: UInt32
    public let groups: [UInt32]

    /// - Returns: nil when there is no user of that name.
    public init?(named name: String) {
        guard let entry = getpwnam(name) else { return nil }
        number = entry.pointee.pw_uid
        let primary = entry.pointee.pw_gid
        var count: Int32 = 64
        var found = [gid_t](repeating: 0, count: Int(count))
        // More than 64 groups: those that fit are there, and no service account has so many.
        let result = getgrouplist(name, primary, &found, &count)
        groups = result < 0 ? found : Array(found.prefix(Int(count)))
    }
}
