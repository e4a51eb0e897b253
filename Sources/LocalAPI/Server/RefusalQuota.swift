import Units

/// How many refusals of each user go to the record one by one. Asking in vain costs a client
/// nothing, so it must not cost the device a line each time; what is left out is counted.
struct RefusalQuota {
    private struct Account {
        var since: Instant
        var told: Int
        var untold: Int
    }

    /// By user: a process number is as quickly changed as a connection.
    private var accounts: [UInt32: Account] = [:]

    /// Takes note of a refusal.
    /// - Returns: nil if this user has used up its period; else how many refusals of it were left
    ///   out since the last one that was not.
    mutating func admit(user: UInt32, now: Instant) -> Int? {
        var account = accounts[user] ?? Account(since: now, told: 0, untold: 0)
        if now - account.since >= Limits.refusalPeriod {
            account.since = now
            account.told = 0
        }
        defer { accounts[user] = account }
        guard account.told < Limits.refusalsTold else {
            account.untold += 1
            return nil
        }
        account.told += 1
        defer { account.untold = 0 }
        return account.untold
    }
}
