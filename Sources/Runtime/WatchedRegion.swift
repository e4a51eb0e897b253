import CSanitizer

/// Watched by RealtimeSanitizer where the program was linked with it, as `.ci/realtime-sanitizer`
/// does: anything in the region that allocates, locks, sleeps or does I/O then stops the program
/// with its stack. In any other build each call tests one address and returns.
public struct WatchedRegion: RealtimeRegion, Sendable {
    public init() {}
    public func enter() { busbar_region_enter() }
    public func exit() { busbar_region_exit() }
}
