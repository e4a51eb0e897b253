public import Units

/// The messages that a DBC file describes.
///
/// The type is not called `CANDatabase`: a module that shares its name with a type in it cannot be
/// named in front of its other types.
public struct Database: Sendable {
    /// In the order of the file.
    public let messages: [Message]
    /// The nodes that `BU_` names, in the order of the file.
    public let nodes: [String]
    /// What was found wrong and was left out or put up with, in the order it was found. Without
    /// `acceptingDefects` a defect is thrown, so only notes that change no decoded number stand
    /// here.
    public let warnings: [DatabaseError]

    private let indexByName: [String: Int]
    private let indexByID: [UInt32: Int]

    init(messages: [Message], nodes: [String], warnings: [DatabaseError]) {
        self.messages = messages
        self.nodes = nodes
        self.warnings = warnings
        var byName: [String: Int] = [:]
        var byID: [UInt32: Int] = [:]
        for (index, message) in messages.enumerated() {
            if byName[message.name] == nil { byName[message.name] = index }
            byID[message.id] = index
        }
        indexByName = byName
        indexByID = byID
    }

    /// Where the file was accepted although two messages have the name, the first of them.
    public func message(named name: String) -> Message? { indexByName[name].map { messages[$0] } }

    /// - Parameter id: as in `CANFrame.id`: bit 31 set for an extended identifier.
    public func message(id: UInt32) -> Message? { indexByID[id].map { messages[$0] } }
}

/// A `BO_` line and its signals.
public struct Message: Sendable {
    /// As in `CANFrame.id` and in the file: bit 31 set for an extended identifier.
    public let id: UInt32
    public let name: String
    /// Payload bytes, 0 to 64. Above 8 it is a CAN FD (or J1939 transport) message: it is kept, and
    /// so are its signals in the first 8 bytes, which is all that a `CANFrame` can hold. The others
    /// are named in `omittedSignals`.
    public let length: Int
    public let transmitter: String
    public internal(set) var comment: String?
    /// In the order of the file.
    public internal(set) var signals: [Signal]
    /// Signals that the file describes and that cannot be decoded, so that nobody waits for them
    /// in vain: those beyond byte 8, and those with a defect that was accepted.
    public internal(set) var omittedSignals: [String] = []
    /// The message's `GenMsgCycleTime`, or the file's default for it. In milliseconds; nil where
    /// the file states none or 0, which means "not cyclic".
    public internal(set) var cycleTime: Int64?

    /// The signal whose value selects among the multiplexed ones.
    public var multiplexer: Signal? { signals.first { $0.multiplexing == .multiplexer } }

    public func signal(named name: String) -> Signal? { signals.first { $0.name == name } }
}

/// An `SG_` line: where a number stands in the payload, and what it means.
public struct Signal: Sendable {
    public enum Multiplexing: Hashable, Sendable {
        case none
        /// This signal's raw value selects among the others.
        case multiplexer
        /// In the payload only while the multiplexer's raw value is this.
        case selected(by: Int64)
    }

    public let name: String
    public let bits: BitField
    /// value = raw × `factor` + `offset`, in `unit`.
    public let factor: ExactDecimal
    public let offset: ExactDecimal
    /// Both 0 where the file states no range. In `unit`; the decoder does not enforce them.
    public let minimum: ExactDecimal
    public let maximum: ExactDecimal
    public let unit: String
    public let multiplexing: Multiplexing
    public internal(set) var comment: String?
    /// What raw values are called, from `VAL_`.
    public internal(set) var values: [Int64: String] = [:]
    /// Where the multiplexer stands; nil unless `multiplexing` is `selected`.
    public internal(set) var selector: BitField?

    /// The number as it stands in the payload, sign-extended where the field is signed.
    ///
    /// - Returns: nil if the frame is too short, if the multiplexer selects another signal, or if
    ///   an unsigned field of 64 bits is above `Int64.max`. A code for "not available" is a number
    ///   here.
    public func raw(in frame: CANFrame) -> Int64? {
        guard case .present(let raw) = presence(in: frame) else { return nil }
        return raw
    }

    /// The number in `unit`, exact.
    ///
    /// - Returns: nil where `raw(in:)` is nil, or if the exact value does not fit `ExactDecimal`.
    public func value(in frame: CANFrame) -> ExactDecimal? { raw(in: frame).flatMap(value(ofRaw:)) }

    /// - Returns: nil if the exact value does not fit `ExactDecimal`.
    public func value(ofRaw raw: Int64) -> ExactDecimal? {
        ExactDecimal(raw).multiplied(by: factor)?.adding(offset)
    }

    enum Presence: Hashable {
        case present(Int64)
        /// The multiplexer selects another signal: nothing is missing.
        case notSelected
        case frameTooShort(bytesNeeded: Int)
        /// An unsigned field of 64 bits, above `Int64.max`.
        case tooLarge
    }

    func presence(in frame: CANFrame) -> Presence {
        if case .selected(let value) = multiplexing, let selector {
            guard frame.length >= selector.bytesNeeded else {
                return .frameTooShort(bytesNeeded: Int(selector.bytesNeeded))
            }
            guard selector.value(of: frame.payload) == value else { return .notSelected }
        }
        guard frame.length >= bits.bytesNeeded else {
            return .frameTooShort(bytesNeeded: Int(bits.bytesNeeded))
        }
        let isTooLarge =
            bits.length == 64 && !bits.isSigned && bits.bits(of: frame.payload) > UInt64(Int64.max)
        return isTooLarge ? .tooLarge : .present(bits.value(of: frame.payload))
    }
}
