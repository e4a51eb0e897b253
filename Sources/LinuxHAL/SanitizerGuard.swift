import CLinuxHAL
public import HAL

/// Hands the region to RealtimeSanitizer where the program was linked with it, as
/// `.ci/realtime-sanitizer` does. In any other build each call tests one address and returns.
public struct SanitizerGuard: RealtimeGuard, Sendable {
    public init() {}
    public func enter() { busbar_rtsan_enter() }
    public func exit() { busbar_rtsan_exit() }
}
