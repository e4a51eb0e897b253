/// The numbers of rules P2 to P9, in µs unless said otherwise.
///
/// All from the specification's §6(a), where they were chosen from what burner controls in the
/// field do (§2.2). None was measured on a burner.
public enum RelayBoardLimits {
    /// P2, in ms. At least three of the Pi's ticks of 100 ms, so that one lost heartbeat is no
    /// trip.
    public static let leaseMinimum: UInt32 = 300
    /// P2, in ms: with a dead Pi fuel flows at most this long.
    public static let leaseMaximum: UInt32 = 1_000
    /// P2, in ms: until the host configures another.
    public static let leaseDefault: UInt32 = 500
    /// P5: heat without a first proof. Longer than the longest safety time that a site may have,
    /// 4 500 ms, by the 500 ms of §5's cross check.
    public static let firstProof: UInt32 = 5_000_000
    /// P5: between two proofs.
    public static let proofRenewal: UInt32 = 1_500_000
    /// P6.
    public static let spark: UInt32 = 3_000_000
    /// P6 and P7: after a spark and after heat.
    public static let rest: UInt32 = 10_000_000
    /// P8, in minutes: 4 h.
    public static let heatMinutes: UInt8 = 240
    public static let minute: UInt32 = 60_000_000
    /// P9: longer than any relay takes to follow its coil, some 10 ms.
    public static let mismatch: UInt32 = 50_000
}
