public import Events

/// One ordered queue of events. The raw value is stored in the journal and never changes.
public enum Lane: UInt8, Sendable, CaseIterable {
    /// What somebody must learn of first. Never dropped.
    case alarm = 0
    /// Everything else that happens. The oldest is dropped first, and the drop is recorded.
    case event = 1
    /// Measurements on a schedule. Dropped like `event`.
    case telemetry = 2

    public var name: String {
        switch self {
        case .alarm: "alarm"
        case .event: "event"
        case .telemetry: "telemetry"
        }
    }
}

/// What is known of the wall clock at the moment it was read.
public enum ClockQuality: UInt8, Sendable {
    /// Disciplined by a time source now.
    case synced = 0
    /// Was disciplined in this boot, runs free now.
    case holdover = 1
    /// Never set in this boot: the number may be anything, and nothing may be sorted by it.
    case unsynced = 2

    public var name: String {
        switch self {
        case .synced: "synced"
        case .holdover: "holdover"
        case .unsynced: "unsynced"
        }
    }
}

/// A reading of the wall clock. It is for people; order is by number, rules are by `Instant`.
public struct WallTime: Hashable, Sendable {
    /// Since 1970-01-01T00:00:00Z.
    public var unixMilliseconds: Int64
    public var quality: ClockQuality

    public init(unixMilliseconds: Int64, quality: ClockQuality) {
        self.unixMilliseconds = unixMilliseconds
        self.quality = quality
    }
}

/// An event and when it was recorded by the wall clock.
public struct RecordedEvent: Hashable, Sendable {
    public var event: Event
    public var wall: WallTime

    public init(_ event: Event, wall: WallTime) {
        self.event = event
        self.wall = wall
    }
}

/// 128 random bits: the life of one queue file, or one boot, or one run.
public struct Identifier128: Hashable, Sendable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From the system's random source.
    public static func random() -> Identifier128 {
        var source = SystemRandomNumberGenerator()
        return Identifier128(high: source.next(), low: source.next())
    }

    /// Most significant byte first, so that the bytes sort and print like the text.
    public var bytes: [UInt8] {
        (0..<16).map { index in
            UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - 8 * (index % 8)))
        }
    }

    /// - Returns: nil unless there are sixteen bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.init(
            high: bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) },
            low: bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// 32 lower-case hexadecimal digits.
    public var text: String { String(hexadecimal: high, low) }

    /// Reads 32 hexadecimal digits; hyphens, as the kernel writes them in a boot id, are skipped.
    public init?(text: String) {
        self.init(high: 0, low: 0)
        var count = 0
        for byte in text.utf8 where byte != UInt8(ascii: "-") {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(digit)
            count += 1
        }
        guard count == 32 else { return nil }
    }
}
