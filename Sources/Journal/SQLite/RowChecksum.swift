import CSQLite

/// SQLite's pages have no checksum: a bit that flips in a row's content makes another event of it,
/// and nothing notices. So rows that somebody will be told of carry one of their own.
///
/// It is compared in SQL, by the function `row_checksum` of any number of values, over the type, the
/// length and the bytes of each, in words of eight bytes: FNV-1a's step, with a turn of the bits so
/// that high ones reach the low ones. Each step is one to one, so a change within one word is always
/// seen, any other but by one chance in 2^64. Against damage, not intent.
///
/// It is made in SQL, too, but for the rows of the lanes: of these there are many, and handing
/// eleven values back from SQLite cost a tenth of storing a row. For them `add` is called with the
/// same values, in the columns' order, before SQLite has them.
struct RowChecksum {
    private(set) var value = basis

    mutating func add(integer: Int64) {
        Self.add(UInt64(SQLITE_INTEGER), to: &value)
        Self.add(UInt64(bitPattern: integer), to: &value)
    }

    mutating func add(text: UnsafeBufferPointer<UInt8>) {
        add(UnsafeRawBufferPointer(text), as: SQLITE_TEXT)
    }

    mutating func add(blob: UnsafeRawBufferPointer) { add(blob, as: SQLITE_BLOB) }

    private mutating func add(_ bytes: UnsafeRawBufferPointer, as type: Int32) {
        Self.add(UInt64(type), to: &value)
        Self.add(UInt64(bytes.count), to: &value)
        Self.add(bytes, to: &value)
    }

    /// What a lane's checksum is over: the row as it is stored, so that what refers to another
    /// table is its number, and that table has checksums too.
    static let laneColumns = """
        l.seq, l.run, l.tick, l.mono_ms, l.wall_ms, l.clock, l.severity, l.correlation, l.type,
        l.subject, l.data
        """

    /// Whether a row of a lane, named l, is as it was written. Rows of before there were checksums
    /// count as sound.
    static let isSound = "(l.checksum IS NULL OR l.checksum = row_checksum(\(laneColumns)))"

    static let epochColumns = """
        n, epoch, reason, wall_ms, alarm_first, event_first, telemetry_first
        """
    static let runColumns = "n, run, boot, wall_ms, clock"
    /// Of `lanes`: where a lane's numbers stand.
    static let placeColumns = "lane, reserved_to, next, counted_to, bytes, dropped"
    static let gapColumns = "g.lane, g.first, g.last, g.reason"

    /// Whether a declared gap, named g, is as it was written: one with another end would hide every
    /// event that gets a number in it. Those of before there were checksums count as sound here; a
    /// start looks at them more closely.
    static let isSoundGap = "(g.checksum IS NULL OR g.checksum = row_checksum(\(gapColumns)))"

    /// Makes the function known to a connection.
    static func register(with handle: OpaquePointer) -> Int32 {
        sqlite3_create_function_v2(
            handle, "row_checksum", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nil,
            { context, count, values in
                var checksum = RowChecksum.basis
                for index in 0..<Int(count) {
                    RowChecksum.add(values![index]!, to: &checksum)
                }
                sqlite3_result_int64(context, Int64(bitPattern: checksum))
            }, nil, nil, nil)
    }

    private static let basis: UInt64 = 0xCBF2_9CE4_8422_2325

    private static func add(_ value: OpaquePointer, to checksum: inout UInt64) {
        let type = sqlite3_value_type(value)
        add(UInt64(type), to: &checksum)
        switch type {
        case SQLITE_INTEGER:
            add(UInt64(bitPattern: sqlite3_value_int64(value)), to: &checksum)
        case SQLITE_FLOAT:
            add(sqlite3_value_double(value).bitPattern, to: &checksum)
        case SQLITE_NULL: break
        default:
            // A blob's address is asked for before its size: asking for it may convert the value.
            let start = sqlite3_value_blob(value)
            let count = Int(sqlite3_value_bytes(value))
            add(UInt64(count), to: &checksum)
            add(UnsafeRawBufferPointer(start: start, count: count), to: &checksum)
        }
    }

    /// The bytes as little-endian words; zeros fill the last one.
    private static func add(_ bytes: UnsafeRawBufferPointer, to checksum: inout UInt64) {
        let whole = bytes.count & ~7
        for place in stride(from: 0, to: whole, by: 8) {
            let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            add(UInt64(littleEndian: word), to: &checksum)
        }
        guard whole < bytes.count else { return }
        var last: UInt64 = 0
        for place in whole..<bytes.count {
            last |= UInt64(bytes[place]) << UInt64(8 * (place - whole))
        }
        add(last, to: &checksum)
    }

    @inline(__always)
    private static func add(_ word: UInt64, to checksum: inout UInt64) {
        let mixed = (checksum ^ word) &* 0x0000_0100_0000_01B3
        checksum = mixed << 29 | mixed >> 35
    }
}
