public import Control
public import Units
public import Wire

// What is kept beside the events: lockout, run marker, transactions, state image, configurations.

extension Journal {
    /// Stores the lockout record, first in its own file, then in the database: both are tried,
    /// whatever becomes of the first.
    ///
    /// - Throws: what failed. `service` tries it again; the record is not forgotten.
    public func save(_ record: LockoutRecord, now: Instant) throws(JournalError) {
        lockout = record
        isLockoutFileDue = true
        isLockoutRowDue = true
        var first: JournalError?
        do { try serviceFiles() } catch { first = error }
        try attempt(now: now, extra: nil)
        if let first { throw first }
    }

    /// Notes what the process is doing, durably. "Heating" must be noted before the heat is
    /// relied on.
    public func mark(_ marker: RunMarker) throws(JournalError) {
        self.marker = marker
        isMarkerDue = true
        do {
            try markerFile.write(marker)
        } catch {
            fileFailure = error
            throw error
        }
        isMarkerDue = false
    }

    /// Writes the small files that are due, the lockout first.
    func serviceFiles() throws(JournalError) {
        do {
            if isLockoutFileDue, let lockout {
                try lockoutFile.write(lockout)
                isLockoutFileDue = false
            }
            if isMarkerDue {
                try markerFile.write(marker)
                isMarkerDue = false
            }
            if isQueueMarkDue {
                try queueMark(isClosed: false).write(in: directory)
                isQueueMarkDue = false
            }
        } catch {
            fileFailure = error
            throw error
        }
        fileFailure = nil
    }

    func queueMark(isClosed: Bool) -> QueueMark {
        QueueMark(
            epoch: epoch, reservedTo: counters.map(\.reservedTo), isClosed: isClosed,
            run: runNumber)
    }

    /// Opens a transaction, durably. It is open until `close`; if the process ends first, the next
    /// start closes it as interrupted.
    ///
    /// - Parameter kind: what work it is: "heating".
    public func open(
        _ kind: String, job: UInt32, counters: [TransactionCounter], stamp: Stamp, now: Instant
    ) -> TransactionHandle {
        let handle = TransactionHandle(rawValue: handleCount)
        handleCount += 1
        running[handle] = (kind, job)
        change(handle, .opened, counters, stamp, isUrgent: true, now: now)
        return handle
    }

    /// Stores the counters of an open transaction: each minute, by the specification.
    public func checkpoint(
        _ handle: TransactionHandle, counters: [TransactionCounter], stamp: Stamp, now: Instant
    ) {
        change(handle, .checkpointed, counters, stamp, isUrgent: false, now: now)
    }

    /// Closes an open transaction with its outcome, durably.
    public func close(
        _ handle: TransactionHandle, outcome: String, counters: [TransactionCounter],
        stamp: Stamp, now: Instant
    ) {
        change(handle, .closed(outcome: outcome), counters, stamp, isUrgent: true, now: now)
        running[handle] = nil
    }

    private func change(
        _ handle: TransactionHandle, _ step: TransactionChange.Step,
        _ counters: [TransactionCounter], _ stamp: Stamp, isUrgent: Bool, now: Instant
    ) {
        guard let (kind, job) = running[handle] else {
            preconditionFailure("the transaction is closed already")
        }
        latestStamp = stamp
        enqueue(
            .transaction(
                TransactionChange(
                    handle: handle, step: step, kind: kind, job: job,
                    counters: TransactionCounter.object(of: counters), stamp: stamp)),
            isUrgent: isUrgent, now: now)
    }

    /// Sets one entry of the state image: what is served as the device's latest state.
    ///
    /// - Parameter json: one JSON value. It is stored with the next commit, at the latest after
    ///   `stateDelay`.
    public func setState(_ key: String, json: [UInt8], stamp: Stamp, now: Instant) {
        image[key] = StateEntry(json: json, tick: stamp.tick, wall: stamp.wall)
        if firstImageAt == nil { firstImageAt = now }
    }

    /// Stores a version of the site file, durably, and the event that tells of it.
    ///
    /// - Returns: the version's number.
    public func addConfiguration(
        _ bytes: [UInt8], digest: String, status: ConfigurationStatus, stamp: Stamp, now: Instant
    ) throws(JournalError) -> Int64 {
        var version: Int64 = 0
        try attempt(now: now) { (store, batch) throws(JournalError) in
            version = try store.addConfiguration(
                bytes, digest: digest, status: status, wall: stamp.wall)
            try batch.add(.configuration(status, version: version, digest: digest), stamp: stamp)
        }
        return version
    }

    /// Changes how a stored version stands, durably, and tells of it.
    ///
    /// - Returns: false if there is no such version.
    public func setConfiguration(
        _ version: Int64, status: ConfigurationStatus, stamp: Stamp, now: Instant
    ) throws(JournalError) -> Bool {
        var isFound = false
        try attempt(now: now) { (store, batch) throws(JournalError) in
            guard let digest = try store.setConfiguration(version, status: status) else { return }
            isFound = true
            try batch.add(.configuration(status, version: version, digest: digest), stamp: stamp)
        }
        return isFound
    }
}

extension Store {
    fileprivate func addConfiguration(
        _ bytes: [UInt8], digest: String, status: ConfigurationStatus, wall: WallTime
    ) throws(JournalError) -> Int64 {
        let statement = try connection.prepare(
            "INSERT INTO configurations VALUES(NULL,?,?,?,?)")
        statement.bind(1, digest)
        statement.bind(2, blob: bytes)
        statement.bind(3, wall.unixMilliseconds)
        statement.bind(4, Int64(status.rawValue))
        try statement.run()
        return connection.lastInsertedRow
    }

    /// - Returns: the version's digest; nil if there is no such version.
    fileprivate func setConfiguration(
        _ version: Int64, status: ConfigurationStatus
    ) throws(JournalError) -> String? {
        let statement = try connection.prepare(
            "UPDATE configurations SET status = ? WHERE version = ? RETURNING digest")
        statement.bind(1, Int64(status.rawValue))
        statement.bind(2, version)
        guard try statement.step() else { return nil }
        let digest = statement.text(0)
        try statement.run()
        return digest
    }
}
