/// One copy of the lockout record, as it was found at start.
public enum LockoutCopy: Sendable {
    /// There is nothing there, and the place could be looked at.
    case missing
    /// Something is there that is not a record, or the place cannot be read.
    case bad
    case good(LockoutRecord)
}

/// What two copies of the lockout record say together (§7.6 step 2).
///
/// The rule above all others: no way of losing or damaging *one* copy may lose a lockout. Between
/// the writes of the two copies the power can fail, so they may differ without either being bad;
/// a lock in either of them then locks. The one thing that this cannot see is a lockout whose first
/// copy was written, whose second was not, and whose first was then destroyed; the relay board's
/// own latch stands behind that.
public struct LockoutReconciliation: Sendable {
    public var lockout: Recollection.Lockout
    /// What both copies must hold before the first tick. Nil if they do so already, or if nothing
    /// is known: the controller then locks out and writes a record of its own (E606).
    public var rewrite: LockoutRecord?

    /// - Parameter hasRunBefore: whether anything else tells that this device ever ran. A device
    ///   that did has had both copies since its first start, so that their absence is a loss.
    public init(copyA: LockoutCopy, copyB: LockoutCopy, hasRunBefore: Bool) {
        switch (copyA, copyB) {
        case (.good(let first), .good(let second)):
            self = Self(first, second)
        case (.good(let record), _), (_, .good(let record)):
            lockout = .repaired(record)
            rewrite = record
        case (.missing, .missing) where !hasRunBefore:
            lockout = .clear
            rewrite = LockoutRecord()
        case (.missing, .missing), (.bad, _), (_, .bad):
            lockout = .unreadable
            rewrite = nil
        }
    }

    private init(_ first: LockoutRecord, _ second: LockoutRecord) {
        if first == second {
            // Resets count through a restart (§7.5), so a record that holds some is handed on.
            lockout = first.isLocked || first.recentResets > 0 ? .locked(first) : .clear
            rewrite = nil
            return
        }
        let newer = second.sequence > first.sequence ? second : first
        let older = second.sequence > first.sequence ? first : second
        // A reset that reached one copy only is undone: pressing the button again costs a minute.
        var merged = newer.isLocked || !older.isLocked ? newer : older
        // Equal numbers with different content were never written by one controller; both FATALs
        // are then kept, for nothing tells which of them is the truth.
        if newer.sequence == older.sequence {
            for index in 0..<Int(older.count) { merged.append(older[index]) }
        }
        merged.recentResets = max(newer.recentResets, older.recentResets)
        // Above both, so that the copy that is not yet rewritten can never win later.
        merged.sequence = newer.sequence == .max ? .max : newer.sequence + 1
        lockout = .repaired(merged)
        rewrite = merged
    }
}
