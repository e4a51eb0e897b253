import Control

/// The second copy of the lockout record: a file of its own, so that no damage to the database
/// touches it.
struct LockoutFile {
    static let name = "lockout.bin"
    private let file: StateFile

    init(in directory: StateDirectory) { file = StateFile(Self.name, in: directory) }

    func read() -> LockoutCopy {
        switch file.read(limit: LockoutRecord.encodedLength) {
        case .missing: .missing
        case .unreadable: .bad
        case .bytes(let bytes): LockoutCopy(bytes: bytes)
        }
    }

    func write(_ record: LockoutRecord) throws(JournalError) {
        try file.replace(with: record.bytes)
    }
}

extension LockoutCopy {
    /// Any length but the right one is a bad copy; an empty one too.
    init(bytes: [UInt8]) {
        guard bytes.count == LockoutRecord.encodedLength else {
            self = .bad
            return
        }
        var block = InlineArray<512, UInt8>(repeating: 0)
        for index in 0..<bytes.count { block[index] = bytes[index] }
        guard let record = LockoutRecord(decoding: block) else {
            self = .bad
            return
        }
        self = .good(record)
    }

    /// Whether the copy holds exactly this record.
    func holds(_ record: LockoutRecord) -> Bool {
        guard case .good(let found) = self else { return false }
        return found == record
    }
}

extension LockoutRecord {
    var bytes: [UInt8] {
        let block = encoded()
        return block.indices.map { block[$0] }
    }
}
