// Sections that say more about a message or signal that stands further up in the file.

extension DatabaseReader {
    /// - Returns: nil if the message is left out, or missing where that defect is accepted.
    private mutating func message(
        _ id: UInt32, namedBy section: String, at line: Int
    ) throws(DatabaseError) -> Int? {
        guard let index = indexByID[id] else {
            try defect("\(section) names the message \(id), which the file does not have", at: line)
            return nil
        }
        guard let index, !scopes[index].isDropped else { return nil }
        return index
    }

    /// The index of the message and of the signal in it.
    private mutating func signal(
        _ name: String, of id: UInt32, namedBy section: String, at line: Int
    ) throws(DatabaseError) -> (message: Int, signal: Int)? {
        guard let index = try message(id, namedBy: section, at: line) else { return nil }
        switch scopes[index].places[name] {
        case .kept(let place): return (index, place)
        case .omitted: return nil
        case nil:
            try defect(
                "\(section) names the signal \(name), which the message \(messages[index].name) "
                    + "does not have", at: line)
            return nil
        }
    }

    /// `VAL_ 289 Flame 0 "dark" 1 "burning" ;`, or the same with an environment variable's name.
    mutating func readValues() throws(DatabaseError) {
        let line = scanner.line
        guard let word = scanner.peekWord(), let first = word.utf8.first,
            first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9")
        else {
            try scanner.skipSection(named: "VAL_", keywords: Self.keywords)
            return
        }
        let id = try takeMessageID()
        let name = try takeReference("the signal's name")
        let place = try signal(name, of: id, namedBy: "VAL_", at: line)
        var values: [Int64: String] = [:]
        while !scanner.take(";") {
            let entryLine = scanner.line
            let number = try scanner.expectNumber("a value or ';'")
            let text = try scanner.expectString("the value's text")
            guard let value = number.integer else {
                try defect(
                    "the value \(Scanner.shown(number)) of the signal \(name) is no whole number of "
                        + "64 bits", at: entryLine)
                continue
            }
            if values.updateValue(text, forKey: value) != nil {
                try defect("the value \(value) of the signal \(name) has two texts", at: entryLine)
            }
        }
        guard let place else { return }
        guard messages[place.message].signals[place.signal].values.isEmpty else {
            try defect("the signal \(name) already has a VAL_ section", at: line)
            return
        }
        messages[place.message].signals[place.signal].values = values
    }

    /// `CM_ "file";`, `CM_ BU_ node "…";`, `CM_ BO_ id "…";`, `CM_ SG_ id signal "…";`.
    mutating func readComment() throws(DatabaseError) {
        let line = scanner.line
        let kind = scanner.takeWord()
        switch kind {
        case nil, "BU_", "EV_":
            if kind != nil { _ = try takeReference("the name of what the comment is about") }
            _ = try scanner.expectString("the comment")
        case "BO_":
            let index = try message(takeMessageID(), namedBy: "CM_", at: line)
            let text = try scanner.expectString("the comment")
            if let index { messages[index].comment = text }
        case "SG_":
            let id = try takeMessageID()
            let name = try takeReference("the signal's name")
            let place = try signal(name, of: id, namedBy: "CM_", at: line)
            let text = try scanner.expectString("the comment")
            if let place { messages[place.message].signals[place.signal].comment = text }
        case .some(let word):
            throw scanner.error(
                "expected BU_, BO_, SG_, EV_ or a comment in double quotes after CM_, "
                    + "found '\(word.prefix(60))'")
        }
        try scanner.expect(";", after: "the comment")
    }

    private static let cycleTimeAttribute = "GenMsgCycleTime"

    /// `BA_ "GenMsgCycleTime" BO_ 288 200;`. Of the attributes only this one is used.
    mutating func readAttribute() throws(DatabaseError) {
        let line = scanner.line
        let attribute = try scanner.expectString("the attribute's name")
        switch scanner.peekWord() {
        case "BO_":
            _ = scanner.takeWord()
            let index = try message(takeMessageID(), namedBy: "BA_", at: line)
            if attribute == Self.cycleTimeAttribute, let time = try readCycleTime(), let index {
                messages[index].cycleTime = time
            }
        case "SG_":
            _ = scanner.takeWord()
            let id = try takeMessageID()
            let name = try takeReference("the signal's name")
            _ = try signal(name, of: id, namedBy: "BA_", at: line)
        default:
            // Of a node, of an environment variable, or of the whole file.
            break
        }
        try scanner.skipSection(named: "BA_", keywords: Self.keywords)
    }

    mutating func readAttributeDefault() throws(DatabaseError) {
        if try scanner.expectString("the attribute's name") == Self.cycleTimeAttribute {
            defaultCycleTime = try readCycleTime()
        }
        try scanner.skipSection(named: "BA_DEF_DEF_", keywords: Self.keywords)
    }

    private mutating func readCycleTime() throws(DatabaseError) -> Int64? {
        scanner.skipSpace()
        // A file that declares the attribute as a text says nothing that could be used.
        guard scanner.next != UInt8(ascii: "\"") else { return nil }
        let line = scanner.line
        let number = try scanner.expectNumber(Self.cycleTimeAttribute)
        guard let time = number.integer, time >= 0 else {
            try defect(
                "\(Self.cycleTimeAttribute) is \(Scanner.shown(number)); whole milliseconds are "
                    + "allowed", at: line)
            return nil
        }
        return time
    }

    /// `SIG_VALTYPE_ 100 Power : 1;`: 0 integer, 1 IEEE float, 2 IEEE double.
    mutating func readValueType() throws(DatabaseError) {
        let line = scanner.line
        let id = try takeMessageID()
        let name = try takeReference("the signal's name")
        let place = try signal(name, of: id, namedBy: "SIG_VALTYPE_", at: line)
        _ = scanner.take(":")
        let type = try scanner.expectInteger("the signal's value type")
        try scanner.expect(";", after: "the signal's value type")
        guard type != 0, let place else { return }
        // Read as an integer it would give a plausible wrong number, so the message goes as a
        // whole.
        try defect(
            "the signal \(name) of the message \(messages[place.message].name) is a "
                + "floating-point number; only integers are decoded", at: line)
        scopes[place.message].isDropped = true
    }

    /// `SG_MUL_VAL_ 100 Cell Mode 2-2;`. Taken where it repeats what `m2` says already, as tools
    /// write it; several ranges, or another multiplexer than the message's `M`, are not supported.
    mutating func readMultiplexRanges() throws(DatabaseError) {
        let line = scanner.line
        let id = try takeMessageID()
        let name = try takeReference("the signal's name")
        let place = try signal(name, of: id, namedBy: "SG_MUL_VAL_", at: line)
        let multiplexer = try takeReference("the multiplexer's name")
        var ranges: [String] = []
        repeat {
            let text = try scanner.numberText("a range of multiplexer values")
            ranges.append(String(decoding: text.prefix(60), as: UTF8.self))
        } while scanner.take(",")
        try scanner.expect(";", after: "the ranges of multiplexer values")
        guard let place else { return }
        let message = messages[place.message]
        if case .selected(let value) = message.signals[place.signal].multiplexing,
            message.multiplexer?.name == multiplexer, ranges == ["\(value)-\(value)"]
        {
            return
        }
        try defect(
            "the signal \(name) is selected by \(multiplexer) \(ranges.prefix(8).joined(separator: ", ")) "
                + "(extended multiplexing), which is not supported", at: line)
        scopes[place.message].isDropped = true
    }
}
