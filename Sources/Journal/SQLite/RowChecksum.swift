import CSQLite

/// SQLite's pages have no checksum: a bit that flips in a row's content makes another event of it,
/// and nothing notices. So rows that somebody will be told of carry one of their own.
///
/// It is made and compared in SQL, by the function `row_checksum` of any number of values: FNV-1a
/// over the type, the length and the bytes of each, 64 bits. A change of one byte is always seen,
/// any other but by one chance in 2^64. Against damage, not intent.
enum RowChecksum {
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
        add(UInt64(type), bytes: 1, to: &checksum)
        switch type {
        case SQLITE_INTEGER:
            add(UInt64(bitPattern: sqlite3_value_int64(value)), bytes: 8, to: &checksum)
        case SQLITE_FLOAT:
            add(sqlite3_value_double(value).bitPattern, bytes: 8, to: &checksum)
        case SQLITE_NULL: break
        default:
            // A blob's address is asked for before its size: asking for it may convert the value.
            let start = sqlite3_value_blob(value)
            let count = Int(sqlite3_value_bytes(value))
            add(UInt64(count), bytes: 8, to: &checksum)
            for byte in UnsafeRawBufferPointer(start: start, count: count) {
                add(UInt64(byte), bytes: 1, to: &checksum)
            }
        }
    }

    @inline(__always)
    private static func add(_ value: UInt64, bytes: Int, to checksum: inout UInt64) {
        for index in 0..<bytes {
            checksum = (checksum ^ (value >> UInt64(8 * index) & 0xFF)) &* 0x0000_0100_0000_01B3
        }
    }
}
