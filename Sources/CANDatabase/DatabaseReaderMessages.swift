import Units

// BO_ and SG_: the layouts themselves.

/// An `SG_` line as it stands in the file, before it is held against its message.
private struct SignalLine {
    var line: Int
    var name: String
    var startBit: Int
    var length: Int
    var order: BitField.ByteOrder
    var isSigned: Bool
    var factor = ExactDecimal.one
    var offset = ExactDecimal.zero
    var minimum = ExactDecimal.zero
    var maximum = ExactDecimal.zero
    var unit = ""
    var multiplexing: Signal.Multiplexing
    /// `mNM`: selected by one multiplexer and itself one.
    var isExtended: Bool

    /// The first bit after the signal, counted from the start of the payload. A Motorola signal
    /// starts at its most significant bit in the sawtooth numbering and grows towards byte 7.
    var end: Int {
        switch order {
        case .intel: startBit + length
        case .motorola: (startBit / 8) * 8 + (7 - startBit % 8) + length
        }
    }
}

extension DatabaseReader {
    mutating func readMessage() throws(DatabaseError) {
        let line = scanner.line
        let id = try takeMessageID()
        let name = try takeName("the message's name")
        try scanner.expect(":", after: "the message's name")
        let length = try scanner.expectInteger("the message's length")
        if let word = scanner.peekWord(), word == "SG_" || word == "BO_" {
            throw scanner.error("expected the message's transmitter, found the keyword \(word)")
        }
        let transmitter = try takeReference("the message's transmitter")

        if id == Self.independentSignalsID {
            while try readSignalLine() != nil {}
            return
        }
        messages.append(
            Message(
                id: id, name: name, length: Int(clamping: length), transmitter: transmitter,
                signals: []))
        scopes.append(Scope(line: line))
        let index = messages.count - 1
        try checkMessage(at: index)
        while let signal = try readSignalLine() {
            guard scopes[index].places.count < Self.signalsPerMessageMax else {
                throw scanner.error(
                    "the message \(name) has more than \(Self.signalsPerMessageMax) signals",
                    at: signal.line)
            }
            try append(signal, to: index)
        }
        try checkMultiplexing(of: index)
        try checkOverlaps(in: index)
    }

    private mutating func checkMessage(at index: Int) throws(DatabaseError) {
        let message = messages[index]
        let line = scopes[index].line
        if let other = indexByID[message.id] {
            // Which of the two layouts is right cannot be known, so neither is used.
            try defect(
                "the id \(message.id) of the message \(message.name) is taken by the one on line "
                    + "\(other.map { scopes[$0].line } ?? line)", at: line)
            if let other { scopes[other].isDropped = true }
            scopes[index].isDropped = true
        } else {
            indexByID[message.id] = index
        }
        if let other = lineByName[message.name] {
            try defect("the message \(message.name) is already on line \(other)", at: line)
        } else {
            lineByName[message.name] = line
        }
        let extended = message.id & CANFrame.extendedFlag != 0
        let bits = message.id & ~CANFrame.extendedFlag
        if bits > (extended ? 0x1FFF_FFFF : 0x7FF) {
            let advice = extended ? "" : "; add 2147483648 for an extended identifier"
            try defect(
                "the id \(message.id) of the message \(message.name) has more than "
                    + "\(extended ? 29 : 11) bits\(advice)", at: line)
            scopes[index].isDropped = true
        }
        if message.length < 1 || message.length > 64 {
            try defect(
                "the message \(message.name) is \(message.length) bytes long; 1 to 64 are allowed",
                at: line)
            if message.length != 0 { scopes[index].isDropped = true }
        }
    }

    /// - Returns: nil if no `SG_` comes next.
    private mutating func readSignalLine() throws(DatabaseError) -> SignalLine? {
        guard scanner.peekWord() == "SG_" else { return nil }
        _ = scanner.takeWord()
        let line = scanner.line
        let name = try takeName("the signal's name")
        let (multiplexing, isExtended) = try readMultiplexing()
        try scanner.expect(":", after: "the signal's name")
        let startBit = try readBitCount("the start bit")
        try scanner.expect("|", after: "the start bit")
        let length = try readBitCount("the signal's length")
        try scanner.expect("@", after: "the signal's length")
        let isIntel = scanner.take("1")
        if !isIntel, !scanner.take("0") {
            throw scanner.error(
                "expected a byte order, 1 (Intel) or 0 (Motorola), found \(scanner.found())")
        }
        let isUnsigned = scanner.take("+")
        if !isUnsigned, !scanner.take("-") {
            throw scanner.error("expected a sign, + or -, found \(scanner.found())")
        }
        var signal = SignalLine(
            line: line, name: name, startBit: startBit, length: length,
            order: isIntel ? .intel : .motorola, isSigned: !isUnsigned,
            multiplexing: multiplexing, isExtended: isExtended)
        try readScale(of: &signal)
        try readReceivers()
        return signal
    }

    private mutating func readBitCount(_ what: String) throws(DatabaseError) -> Int {
        let number = try scanner.expectInteger(what)
        // 64 bytes of CAN FD have bits 0 to 511. J1939 transport messages may have 1785 bytes; they
        // are refused by their length, which says more.
        guard number >= 0, number <= 16_384 else {
            throw scanner.error("\(what) is \(number); 0 to 16384 are allowed")
        }
        return Int(number)
    }

    private mutating func readScale(of signal: inout SignalLine) throws(DatabaseError) {
        try scanner.expect("(", after: "the sign")
        signal.factor = try scanner.expectNumber("the factor")
        try scanner.expect(",", after: "the factor")
        signal.offset = try scanner.expectNumber("the offset")
        try scanner.expect(")", after: "the offset")
        try scanner.expect("[", after: "the factor and offset")
        let minimum = try readLimit("the minimum")
        try scanner.expect("|", after: "the minimum")
        let maximum = try readLimit("the maximum")
        try scanner.expect("]", after: "the maximum")
        if let minimum, let maximum {
            signal.minimum = minimum
            signal.maximum = maximum
        }
        signal.unit = try scanner.expectString("the unit")
    }

    /// - Returns: nil, with a note, if the limit is a number that has too many digits: that of an
    ///   unsigned signal of 64 bits does. The decoder enforces no limits, so nothing is lost by it.
    private mutating func readLimit(_ what: String) throws(DatabaseError) -> ExactDecimal? {
        let line = scanner.line
        var ahead = scanner
        let text = try ahead.numberText(what)
        guard ExactDecimal(parsing: text) == nil, text.count > 18,
            text.allSatisfy({ "+-.0123456789Ee".utf8.contains($0) })
        else { return try scanner.expectNumber(what) }
        scanner = ahead
        try note(
            "\(what) has more digits than 64 bits hold; the range of the signal is not used",
            at: line)
        return nil
    }

    private mutating func readMultiplexing() throws(DatabaseError) -> (Signal.Multiplexing, Bool) {
        guard scanner.next != UInt8(ascii: ":"), let word = scanner.takeWord() else {
            return (.none, false)
        }
        if word == "M" { return (.multiplexer, false) }
        var digits = Array(word.utf8)[...]
        let isExtended = digits.last == UInt8(ascii: "M")
        if isExtended { digits.removeLast() }
        guard digits.first == UInt8(ascii: "m"),
            digits.dropFirst().allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let value = ExactDecimal(parsing: digits.dropFirst())?.integer
        else {
            throw scanner.error(
                "expected ':', M or m with a number after the signal's name, "
                    + "found '\(word.prefix(60))'")
        }
        return (.selected(by: value), isExtended)
    }

    /// The receivers, which decoding does not need. They end with the line unless a comma does.
    private mutating func readReceivers() throws(DatabaseError) {
        var isAfterComma = false
        while isAfterComma || !scanner.isAtEndOfLine() {
            if scanner.take(",") {
                isAfterComma = true
            } else {
                _ = try takeReference("the signal's receiver")
                isAfterComma = false
            }
        }
    }

    private mutating func append(_ signal: SignalLine, to index: Int) throws(DatabaseError) {
        if scopes[index].places[signal.name] != nil {
            try defect(
                "the message \(messages[index].name) already has a signal \(signal.name)",
                at: signal.line)
            scopes[index].isDropped = true
        }
        guard !scopes[index].isDropped else {
            scopes[index].places[signal.name] = .omitted
            return
        }
        if signal.isExtended {
            try defect(
                "the signal \(signal.name) is multiplexed and a multiplexer (extended "
                    + "multiplexing), which is not supported", at: signal.line)
            scopes[index].isDropped = true
        }
        guard let bits = try bitField(of: signal, in: messages[index]) else {
            scopes[index].places[signal.name] = .omitted
            messages[index].omittedSignals.append(signal.name)
            return
        }
        scopes[index].places[signal.name] = .kept(messages[index].signals.count)
        scopes[index].signalLines.append(signal.line)
        messages[index].signals.append(
            Signal(
                name: signal.name, bits: bits, factor: signal.factor, offset: signal.offset,
                minimum: signal.minimum, maximum: signal.maximum, unit: signal.unit,
                multiplexing: signal.multiplexing))
    }

    /// - Returns: nil if the signal must be left out.
    private mutating func bitField(
        of signal: SignalLine, in message: Message
    ) throws(DatabaseError) -> BitField? {
        if signal.factor.mantissa == 0 {
            try defect("the signal \(signal.name) has the factor 0", at: signal.line)
            return nil
        }
        if signal.length == 0 {
            try defect("the signal \(signal.name) is 0 bits long", at: signal.line)
            return nil
        }
        if signal.end > message.length * 8 {
            try defect(
                "the signal \(signal.name) ends at bit \(signal.end) of the payload, but the "
                    + "message \(message.name) has \(message.length) bytes (\(message.length * 8) "
                    + "bits)", at: signal.line)
        }
        return BitField(
            startBit: signal.startBit, length: signal.length, order: signal.order,
            isSigned: signal.isSigned)
    }
}
