/// Marks the part of a tick in which nothing may allocate, lock, sleep or do I/O.
///
/// The loop calls `enter` before it decides and `exit` before it touches a bus. `LinuxHAL`'s guard
/// hands the region to RealtimeSanitizer; elsewhere `NoRealtimeGuard` costs nothing. A protocol and
/// not a closure, because a closure that is kept would itself be allocated.
public protocol RealtimeGuard {
    func enter()
    func exit()
}

/// For a loop that is not under the sanitizer, such as one in a unit test.
public struct NoRealtimeGuard: RealtimeGuard, Sendable {
    @inlinable public init() {}
    @inlinable public func enter() {}
    @inlinable public func exit() {}
}
