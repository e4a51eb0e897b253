import Units

/// One frame with all that the database says about it.
public struct DecodedFrame: Sendable {
    public let record: CandumpRecord
    /// nil if the database has no message with the frame's identifier.
    public let messageName: String?
    /// In the order of the database. Signals that the multiplexer does not select are left out.
    public let signals: [DecodedSignal]
    /// Signals that the message has and that could not be had from this frame.
    public let missing: [MissingSignal]
}

public struct DecodedSignal: Hashable, Sendable {
    public let name: String
    public let raw: Int64
    /// In `unit`, exact.
    public let value: ExactDecimal
    /// Empty if the signal has none.
    public let unit: String
    /// What the database calls this raw value.
    public let valueText: String?
}

public struct MissingSignal: Hashable, Sendable {
    public enum Reason: Hashable, Sendable, CustomStringConvertible {
        case frameTooShort(bytesNeeded: Int, bytes: Int)
        /// Beyond byte 8 of a CAN FD message, or left out for a defect of the file.
        case notDecodable
        /// The exact value has more digits than 64 bits hold.
        case tooLarge

        public var description: String {
            switch self {
            case .frameTooShort(let needed, let bytes):
                "needs \(needed) bytes, the frame has \(bytes)"
            case .notDecodable: "is described in the database and cannot be decoded"
            case .tooLarge: "has a value of more digits than 64 bits hold"
            }
        }
    }

    public let name: String
    public let reason: Reason
}

/// Decodes one frame of a log, for people and programs that read logs.
public func decodedLines(_ record: CandumpRecord, with database: Database) -> DecodedFrame {
    guard let message = database.message(id: record.frame.id) else {
        return DecodedFrame(record: record, messageName: nil, signals: [], missing: [])
    }
    var signals: [DecodedSignal] = []
    var missing: [MissingSignal] = []
    for signal in message.signals {
        switch signal.presence(in: record.frame) {
        case .notSelected:
            continue
        case .frameTooShort(let needed):
            missing.append(
                MissingSignal(
                    name: signal.name,
                    reason: .frameTooShort(bytesNeeded: needed, bytes: Int(record.frame.length))))
        case .tooLarge:
            missing.append(MissingSignal(name: signal.name, reason: .tooLarge))
        case .present(let raw):
            guard let value = signal.value(ofRaw: raw) else {
                missing.append(MissingSignal(name: signal.name, reason: .tooLarge))
                continue
            }
            signals.append(
                DecodedSignal(
                    name: signal.name, raw: raw, value: value, unit: signal.unit,
                    valueText: signal.values[raw]))
        }
    }
    for name in message.omittedSignals {
        missing.append(MissingSignal(name: name, reason: .notDecodable))
    }
    return DecodedFrame(
        record: record, messageName: message.name, signals: signals, missing: missing)
}

extension DecodedFrame {
    /// The frame for people: a line for the frame, one for each signal, and one for each that is
    /// missing. Numbers stand under each other by their decimal points. Ends without a line feed.
    public var text: String {
        var head = "(\(CandumpLog.text(ofTime: record.microseconds))) \(record.interface)  "
        head += CandumpLog.text(ofID: record.frame.id)
        guard let messageName else { return head + "  unknown id, not in the database" }
        var lines = [head + "  " + messageName]

        let names = signals.map(\.name) + missing.map(\.name)
        let nameWidth = names.map(\.count).max() ?? 0
        let numbers = signals.map { $0.value.description }
        let wholeWidth = numbers.map(Self.wholeDigits).max() ?? 0
        let fractionWidth = numbers.map { $0.count - Self.wholeDigits($0) }.max() ?? 0
        for (signal, number) in zip(signals, numbers) {
            let whole = Self.wholeDigits(number)
            var line = "    " + Self.padded(signal.name, to: nameWidth) + "  "
            line += String(repeating: " ", count: wholeWidth - whole)
            line += Self.padded(number, to: whole + fractionWidth)
            if !signal.unit.isEmpty { line += " " + Self.printable(signal.unit) }
            if let text = signal.valueText { line += "  " + Self.printable(text) }
            while line.last == " " { line.removeLast() }
            lines.append(line)
        }
        for signal in missing {
            lines.append(
                "    " + Self.padded(signal.name, to: nameWidth) + "  missing: \(signal.reason)")
        }
        return lines.joined(separator: "\n")
    }

    /// Characters in front of the decimal point, the sign included.
    private static func wholeDigits(_ number: String) -> Int {
        number.prefix { $0 != "." }.count
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Units and texts come from a file that somebody else wrote: what a terminal would act on, or
    /// what would break the line, is shown as a replacement character.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
                    default: scalar
                    }
                }))
    }
}
