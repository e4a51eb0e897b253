import CrashDisk
import Journal
import Uplink
import Wire

// What happens to cards: copied, put back, put into another machine. And the uplink's cursor on
// them.

/// A copy of a card as somebody made it, and what was promised by then: what came later exists on
/// no copy.
struct CardImage {
    var disk: CrashDisk
    var promised: Set<Int>
    /// In which its machine numbered then.
    var epoch: Identifier128
}

extension Machine {
    /// What a power cut just now would leave at least: the copy is sound, as one of a card in a
    /// reader.
    func takeImage(_ chain: Chain) -> CardImage {
        let promised = chain.oracle.events.indices.filter {
            chain.oracle.events[$0].machine == number
                && chain.oracle.events[$0].standing == .promised
        }
        return CardImage(
            disk: disk.copy(synced: true, seed: chain.faultDice.next()), promised: Set(promised),
            epoch: journal?.epoch ?? Identifier128(high: 0, low: 0))
    }

    /// Puts the whole card back: nothing on it can know of what was.
    func restoreCard(_ image: CardImage, _ chain: Chain) {
        losePower(chain)
        disk.restore(image.disk, synced: true)
        release(allBut: image, chain)
        chain.oracle.mayCollide.insert(image.epoch)
    }

    /// Puts only the database back, as who repairs a device from a backup may do. The mark beside
    /// it knows better.
    func restoreDatabase(_ image: CardImage, _ chain: Chain) {
        losePower(chain)
        for suffix in ["", "-wal", "-shm"] {
            let path = Self.directory + "/journal.sqlite3" + suffix
            // The index of the log is no part of a copy: SQLite makes it anew.
            if suffix != "-shm", case .file(let size) = image.disk.inspect(path),
                case .bytes(let bytes) = image.disk.read(path, limit: Int(size))
            {
                try? disk.overwrite(path, with: bytes)
            } else {
                try? disk.remove(path)
            }
        }
        if chain.defect == .counterRolledBack {
            try? disk.remove(Self.directory + "/queue-mark")
        }
        try? disk.sync(directory: Self.directory)
        release(allBut: image, chain)
    }

    /// What was promised after the copy was made is gone with what was overwritten. What Kafka has
    /// stays there.
    private func release(allBut image: CardImage, _ chain: Chain) {
        for id in chain.oracle.events.indices
        where chain.oracle.events[id].machine == number && !image.promised.contains(id) {
            chain.oracle.release(id)
        }
    }

    // MARK: The uplink's cursor

    static let cursorName = "uplink-cursor"

    func readCursor(_ chain: Chain) -> UplinkCursor? {
        switch cursorFile.read(limit: 4_096) {
        case .missing: return nil
        case .unreadable: return nil
        case .bytes(let bytes):
            let cursor = UplinkCursor(text: String(decoding: bytes, as: UTF8.self))
            if cursor == nil { chain.tell(name, "uplink: the cursor file is damaged") }
            return cursor
        }
    }

    func save(_ cursor: UplinkCursor, _ chain: Chain) {
        do {
            try cursorFile.replace(with: Array(cursor.text.utf8))
            noteCursor(chain)
        } catch {
            chain.tell(name, "uplink cannot keep its cursor: \(error.message)")
        }
        _ = endIfDead(chain)
    }

    /// The defect of a queue that forgets what it has handed over: a cursor of what was sent.
    func noteSent(_ batch: SentBatch) {
        sentCursor[batch.header.lane] = UplinkCursor.Place(
            epoch: batch.header.epoch, upTo: batch.header.last, digest: nil)
        try? StateFile(Self.sentCursorName, in: Self.uplinkDirectory, storage: disk)
            .replace(with: Array(sentCursor.text.utf8))
    }

    static let sentCursorName = "sent-cursor"

    /// The cursor is what lets the device forget: everything that it covers must be in Kafka, with
    /// this content, or be declared a gap.
    func judge(_ cursor: UplinkCursor, _ chain: Chain) {
        for lane in Lane.allCases {
            guard let place = cursor[lane] else { continue }
            let key = EventStream(device: Self.device, epoch: place.epoch, lane: lane)
            let first = (judgedUpTo[key] ?? 0) + 1
            guard place.upTo >= first else { continue }
            guard judge(key, first...place.upTo, chain) else { return }
            judgedUpTo[key] = place.upTo
        }
    }

    /// - Returns: false when the rows could not be read: they are judged with the next cursor.
    private func judge(
        _ stream: EventStream, _ numbers: ClosedRange<Int64>, _ chain: Chain
    ) -> Bool {
        var from = numbers.lowerBound
        while from <= numbers.upperBound {
            guard
                let page = try? self.page(
                    of: stream.lane, from: from, maxEvents: 512, maxBytes: 1 << 20)
            else { return false }
            guard let last = page.records.last else { return true }
            for record in page.records
            where record.epoch == stream.epoch && numbers.contains(record.seq) {
                guard !chain.oracle.isKept(record, device: Self.device) else { continue }
                chain.fail(
                    .cursorBehindKafka,
                    expected: "Kafka to have \(stream.text) up to \(numbers.upperBound), which the "
                        + "uplink takes for acknowledged",
                    found: "\(record.seq) (\(record.type)) missing there")
                return true
            }
            from = last.seq + 1
        }
        return true
    }
}

extension Machine {
    /// Whether the uplink knows of everything on the card that it is safe.
    var isDrained: Bool { Lane.allCases.allSatisfy { firstUnacknowledged($0) == nil } }

    /// In words: what is not.
    var lag: String {
        Lane.allCases.compactMap { lane in
            firstUnacknowledged(lane).map { "\(lane.name) from \($0) on is not acknowledged" }
        }.joined(separator: ", ")
    }

    /// The number of the first event of a lane that no acknowledgement has covered; 0 when nobody
    /// can say.
    private func firstUnacknowledged(_ lane: Lane) -> Int64? {
        guard let uplink else { return 0 }
        let from = (uplink.cursor[lane]?.upTo ?? 0) + 1
        guard let page = try? self.page(of: lane, from: from, maxEvents: 1, maxBytes: 1 << 16)
        else { return 0 }
        return page.records.first?.seq
    }
}
