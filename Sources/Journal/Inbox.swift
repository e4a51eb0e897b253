public import Units
public import Wire

/// The inbox: which commands of the cluster were taken in, and what came of each.
///
/// What must never happen: that one id is carried out twice, whatever stops in between and whatever
/// the clock does. So a command is on the disk before anybody may act on it, a row stays until the
/// command's own expiry is long over, and where rows are gone (forgotten, put aside with a damaged
/// file, absent from an old copy) everything that could have stood in them is refused.
///
/// After a crash a command without an answer is never carried out late: the next run states that it
/// was interrupted. It may have been carried out before the crash; who sent it looks at the state.
extension Journal {
    /// Rows at most: chosen, more than a cluster sends in the day for which each is kept; a row has
    /// about 200 bytes.
    public static let inboxCapacity: Int64 = 1_024
    /// How long after its expiry a command is known with what came of it; chosen.
    public static let inboxMargin: Int64 = 86_400_000
    /// How many of the expired go at once when the inbox is full; chosen.
    static let inboxStep: Int64 = 64
    /// How far the clock of who signs may be ahead of ours: what the uplink's gate lets through.
    public static let inboxClockDifference: Int64 = 5_000

    /// Takes a command in, durably, or says why not. Only after `admitted` may it be carried out.
    ///
    /// - Parameter wall: now. What it is worth was checked before: a clock that is not set tells
    ///   nothing about an expiry.
    public func receive(_ command: ReceivedCommand, wall: WallTime, now: Instant) -> Admission {
        // Between two attempts nothing is tried, and nothing may wait here for one.
        if now < nextAttempt, let databaseFailure { return .failed(databaseFailure.description) }
        var admission: Admission?
        do {
            try openInbox(wall: wall, now: now)
            try attempt(now: now) { (store, batch) throws(JournalError) in
                admission = try store.admit(command, run: batch.run, wall: wall)
            }
        } catch { return .failed(error.description) }
        guard let admission else { preconditionFailure("a commit without an error ran its body") }
        return admission
    }

    /// Notes when the inbox of this file began, once the clock is set. Commands that were signed
    /// before cannot be told from those that another file's inbox has carried out.
    public func openInbox(wall: WallTime, now: Instant) throws(JournalError) {
        guard wall.quality != .unsynced, now >= nextAttempt else { return }
        // A beginning that lies ahead was noted by a clock that was ahead: it was not after now.
        if let inboxSince, inboxSince <= wall.unixMilliseconds + Self.inboxClockDifference {
            return
        }
        try attempt(now: now) { (store, _) throws(JournalError) in
            try store.beginInbox(at: wall.unixMilliseconds)
        }
        inboxSince = wall.unixMilliseconds
    }
}

/// How a row of the inbox stands. Stored: values never change.
private enum InboxState: Int64 {
    case received = 0
    case answered = 1
}

extension Store {
    func admit(
        _ command: ReceivedCommand, run: Int64, wall: WallTime
    ) throws(JournalError) -> Admission {
        if let known = try admission(ofKnown: command.origin.id) { return known }
        let bounds = try inboxBounds()
        guard command.expiresUnixMilliseconds > bounds.forgotten else { return .forgotten }
        guard let since = bounds.since,
            command.issuedUnixMilliseconds > since + Journal.inboxClockDifference
        else { return .beforeInbox }
        try forgetCommands(expiredBefore: wall.unixMilliseconds - Journal.inboxMargin)
        if try commandCount() >= Journal.inboxCapacity {
            try makeRoomInInbox(now: wall.unixMilliseconds)
        }
        let count = try commandCount()
        guard count < Journal.inboxCapacity else { return .full(Int(count)) }
        try insert(command, run: run, wall: wall)
        return .admitted
    }

    private func admission(
        ofKnown id: Identifier128
    ) throws(JournalError) -> Admission? {
        let query = try connection.prepare(
            "SELECT state, result, refusal FROM inbox WHERE id = ?")
        query.bind(1, blob: id.bytes)
        guard try query.step() else { return nil }
        guard query.integer(0) == InboxState.answered.rawValue,
            let result = CommandAnswer.Result(
                rawValue: UInt8(truncatingIfNeeded: query.integer(1)))
        else { return .repeated(nil) }
        return .repeated(Admission.Outcome(result: result, refusal: query.optionalText(2)))
    }

    private func commandCount() throws(JournalError) -> Int64 {
        try connection.integer("SELECT count(*) FROM inbox") ?? 0
    }

    private func insert(
        _ command: ReceivedCommand, run: Int64, wall: WallTime
    ) throws(JournalError) {
        let statement = try connection.prepare(
            "INSERT INTO inbox VALUES(?,?,?,?,?,?,?,?,?,?,?,0,NULL,NULL)")
        statement.bind(1, blob: command.origin.id.bytes)
        statement.bind(2, run)
        statement.bind(3, Int64(command.ticket))
        statement.bind(4, command.method)
        statement.bind(5, blob: command.parameters)
        statement.bind(6, command.origin.by)
        statement.bind(7, Int64(command.userID))
        statement.bind(8, command.user)
        statement.bind(9, command.issuedUnixMilliseconds)
        statement.bind(10, command.expiresUnixMilliseconds)
        statement.bind(11, wall.unixMilliseconds)
        try statement.run()
    }

    /// Notes what came of a command that was admitted, in the commit that stores its answer.
    func settle(_ answer: CommandAnswer, _ origin: CommandOrigin) throws(JournalError) {
        let statement = try connection.prepare(
            "UPDATE inbox SET state = ?, result = ?, refusal = ? WHERE id = ?")
        statement.bind(1, InboxState.answered.rawValue)
        statement.bind(2, Int64(answer.result.rawValue))
        statement.bind(3, answer.refusal)
        statement.bind(4, blob: origin.id.bytes)
        try statement.run()
    }

    /// Forgets what has expired long ago. The latest expiry among it stays known: what expires no
    /// later than that is refused for ever, also when the clock goes back.
    private func forgetCommands(expiredBefore cutoff: Int64) throws(JournalError) {
        guard
            let last = try connection.integer(
                "SELECT max(expires_ms) FROM inbox WHERE expires_ms < \(cutoff)")
        else { return }
        try connection.execute("DELETE FROM inbox WHERE expires_ms < \(cutoff)")
        try noteForgotten(last)
    }

    /// Forgets the oldest of those that have expired and are answered, without the margin.
    private func makeRoomInInbox(now: Int64) throws(JournalError) {
        let candidates =
            "FROM inbox WHERE expires_ms < \(now) AND state = \(InboxState.answered.rawValue)"
        guard
            let last = try connection.integer(
                """
                SELECT max(expires_ms) FROM
                (SELECT expires_ms \(candidates) ORDER BY expires_ms LIMIT \(Journal.inboxStep))
                """)
        else { return }
        try connection.execute("DELETE \(candidates) AND expires_ms <= \(last)")
        try noteForgotten(last)
    }

    private func noteForgotten(_ expiry: Int64) throws(JournalError) {
        try connection.execute(
            "UPDATE inbox_bounds SET forgotten_ms = max(forgotten_ms, \(expiry)) WHERE n = 1")
    }

    /// Since when this file's inbox takes commands in, nil where that is not known yet, and the
    /// latest expiry that was forgotten.
    func inboxBounds() throws(JournalError) -> (since: Int64?, forgotten: Int64) {
        let query = try connection.prepare(
            "SELECT since_ms, forgotten_ms FROM inbox_bounds WHERE n = 1")
        // Without its row nothing is known, so nothing is taken.
        guard try query.step() else { return (nil, .max) }
        return (query.optionalInteger(0), query.integer(1))
    }

    /// - Parameter unixMilliseconds: nil until the clock is set.
    func beginInbox(at unixMilliseconds: Int64?) throws(JournalError) {
        let statement = try connection.prepare(
            "UPDATE inbox_bounds SET since_ms = ? WHERE n = 1")
        statement.bind(1, unixMilliseconds)
        try statement.run()
    }

    /// What earlier runs took in and did not answer, as this one answers it: nobody can tell
    /// whether it was carried out, and it will not be now.
    func interruptedCommands() throws(JournalError) -> [CommandAnswer] {
        let query = try connection.prepare(
            """
            SELECT id, ticket, method, parameters, by_name, uid, user FROM inbox
            WHERE state = \(InboxState.received.rawValue) ORDER BY received_ms, ticket
            """)
        var answers: [CommandAnswer] = []
        while try query.step() {
            guard let id = Identifier128(bytes: query.blob(0)) else { continue }
            answers.append(
                CommandAnswer(
                    ticket: UInt32(truncatingIfNeeded: query.integer(1)), method: query.text(2),
                    userID: UInt32(truncatingIfNeeded: query.integer(5)), user: query.text(6),
                    role: "cluster", parameters: query.blob(3), result: .noAnswer,
                    refusal: "interrupted",
                    origin: CommandOrigin(id: id, by: query.text(4), isAdmitted: true)))
        }
        return answers
    }
}
