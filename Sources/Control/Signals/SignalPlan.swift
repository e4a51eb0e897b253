public import Events
public import Units

/// Which frames the site's sensors send and where in them each signal stands.
///
/// Made by `Site` from the DBC file and the sensor rows of the site file. Every number here is an
/// integer: the DBC's decimal factor has become a multiplication and a division.
public struct SignalPlan: Sendable {
    public static let frameCapacity = 8

    /// Read in place by the core; a copy of a plan is too long for a tick.
    var frames: InlineArray<8, FramePlan>
    public private(set) var frameCount = 0
    private(set) var present: UInt32 = 0
    /// Sent by the site file's rows, so a missing one holds or trips. Set by `Site`.
    public private(set) var safety: UInt32 = 0

    public init() { frames = InlineArray(repeating: FramePlan()) }

    /// - Returns: false if there are eight frames already.
    public mutating func append(_ frame: FramePlan) -> Bool {
        guard frameCount < Self.frameCapacity else { return false }
        frames[frameCount] = frame
        frameCount += 1
        for index in 0..<frame.fieldCount {
            present |= 1 << UInt32(frame[index].signal.rawValue)
        }
        return true
    }

    public subscript(index: Int) -> FramePlan {
        precondition(index < frameCount, "no frame at this index")
        return frames[index]
    }

    /// Declares `signal` to be one that heating depends on.
    public mutating func require(_ signal: SignalID) { safety |= 1 << UInt32(signal.rawValue) }

    public func has(_ signal: SignalID) -> Bool {
        present & (1 << UInt32(signal.rawValue)) != 0
    }

    public func isSafety(_ signal: SignalID) -> Bool {
        safety & (1 << UInt32(signal.rawValue)) != 0
    }

    /// How many water-temperature channels there are, 1 to 3.
    public var temperatureChannels: Int {
        (has(.temperature1) ? 1 : 0) + (has(.temperature2) ? 1 : 0) + (has(.temperature3) ? 1 : 0)
    }
}

/// One CAN message: how to know that it is new and whole, and what stands in it.
public struct FramePlan: Sendable {
    public static let fieldCapacity = 8

    /// As in `CANFrame.id`.
    public var id: UInt32 = 0
    /// A shorter frame is garbage, whatever its identifier.
    public var length: UInt8 = 8
    public var period = Milliseconds(200)
    /// Advances with each transmission. Without it no frame of this message can be trusted.
    public var aliveCounter: BitField?
    /// Changes with each start of the node.
    public var bootCounter: BitField?
    /// The byte that holds the CRC-8 of the rest; nil if the message has none.
    public var checksumByte: UInt8?

    var fields: InlineArray<8, FieldPlan>
    public private(set) var fieldCount = 0

    public init() { fields = InlineArray(repeating: FieldPlan()) }

    /// - Returns: false if there are eight fields already.
    public mutating func append(_ field: FieldPlan) -> Bool {
        guard fieldCount < Self.fieldCapacity else { return false }
        fields[fieldCount] = field
        fieldCount += 1
        return true
    }

    public subscript(index: Int) -> FieldPlan {
        precondition(index < fieldCount, "no field at this index")
        return fields[index]
    }
}

/// One signal in a message, and how its raw number becomes the signal's unit.
///
/// value = raw × `multiplier` ÷ `divisor` + `offset`, rounded towards zero, in the unit of the
/// signal: m°C, mL/min, ‰, or 0 and 1. Clamped to 32 bits.
public struct FieldPlan: Sendable {
    public var signal = SignalID.flow
    public var bits: BitField?
    public var multiplier: Int64 = 1
    public var divisor: Int64 = 1
    public var offset: Int64 = 0
    /// For a multiplexed signal: where the multiplexer stands and which value selects this signal.
    public var multiplexer: BitField?
    public var multiplexerValue: Int64 = 0

    public init() {}
}

extension FramePlan {
    /// What tells whether a frame is new and whole, apart from what stands in it.
    struct Header: Sendable {
        let length: UInt8
        let checksumByte: UInt8?
        let aliveCounter: BitField?
        let bootCounter: BitField?
    }

    var header: Header {
        Header(
            length: length, checksumByte: checksumByte, aliveCounter: aliveCounter,
            bootCounter: bootCounter)
    }
}
