/// Reads the sections of a DBC file in their order. `Database.init(parsing:)` is the door.
///
/// Three kinds of trouble are told apart. What cannot be read at all is always thrown. A *defect*
/// can be read but contradicts itself; it is thrown unless defects are accepted, and then becomes a
/// warning, and whatever could decode wrongly because of it is left out. A *note* changes no
/// decoded number and is a warning in either mode.
struct DatabaseReader {
    /// The largest DBC file met in the field has 2 MB; what is eight times that is something else.
    static let fileSizeMax = 16 << 20
    /// CANdb++ allows 128 characters; chosen with room, so that no message can fill a screen.
    static let nameLengthMax = 256
    /// Bounds the work of the checks that compare signals with each other. Chosen: 64 multiplexer
    /// values with 64 signals each.
    static let signalsPerMessageMax = 4_096
    /// A file with more is not worth trusting in part.
    static let warningsMax = 1_000

    /// CANdb++ keeps signals without a message in a message of this id. Nothing sends it.
    static let independentSignalsID: UInt32 = 0xC000_0000

    enum Place {
        case kept(Int)
        /// Described in the file, and left out of the message's signals.
        case omitted
    }

    /// What must be known of a message while the file is read, beside the message itself.
    struct Scope {
        var line: Int
        var places: [String: Place] = [:]
        /// The message contradicts itself, and a defect was accepted: leave it out of the result.
        var isDropped = false
        /// Where each of the message's signals stands in the file.
        var signalLines: [Int] = []
    }

    var scanner: Scanner
    let acceptsDefects: Bool
    var messages: [Message] = []
    /// One for each message.
    var scopes: [Scope] = []
    /// nil for the pseudo message of independent signals and for messages that are left out.
    var indexByID: [UInt32: Int?] = [independentSignalsID: nil]
    var lineByName: [String: Int] = [:]
    var nodes: [String] = []
    var warnings: [DatabaseError] = []
    var defaultCycleTime: Int64?

    init(_ bytes: [UInt8], file: String, acceptsDefects: Bool) throws(DatabaseError) {
        scanner = Scanner(bytes, file: file)
        self.acceptsDefects = acceptsDefects
        guard bytes.count <= Self.fileSizeMax else {
            throw scanner.error(
                "the file has \(bytes.count) bytes; \(Self.fileSizeMax) are the most allowed")
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw scanner.error("the file is UTF-16; save it as UTF-8 or Latin-1")
        }
    }

    mutating func read() throws(DatabaseError) -> Database {
        while !scanner.isAtEnd() {
            guard let keyword = scanner.takeWord() else {
                throw scanner.error("expected a section such as BO_, found \(scanner.found())")
            }
            try readSection(keyword)
        }
        var kept: [Message] = []
        for (index, scope) in scopes.enumerated() where !scope.isDropped {
            if messages[index].cycleTime == nil { messages[index].cycleTime = defaultCycleTime }
            if messages[index].cycleTime == 0 { messages[index].cycleTime = nil }
            kept.append(messages[index])
        }
        guard !kept.isEmpty else {
            throw scanner.error(
                "the file describes no message that can be decoded; BO_ and SG_ lines do")
        }
        return Database(messages: kept, nodes: nodes, warnings: warnings)
    }

    /// Sections that end in `;` and say nothing of how a frame is decoded.
    static let skippedSections: Set<String> = [
        "VAL_TABLE_", "BO_TX_BU_", "EV_", "ENVVAR_DATA_", "EV_DATA_", "SGTYPE_", "SGTYPE_VAL_",
        "SIG_GROUP_", "SIG_TYPE_REF_", "SIGTYPE_VALTYPE_", "BA_DEF_", "BA_DEF_REL_", "BA_REL_",
        "BA_DEF_DEF_REL_", "BA_DEF_SGTYPE_", "BA_SGTYPE_", "BU_SG_REL_", "BU_EV_REL_", "BU_BO_REL_",
        "CAT_DEF_", "CAT_", "FILTER",
    ]
    static let keywords = skippedSections.union([
        "VERSION", "NS_", "BS_", "BU_", "BO_", "SG_", "VAL_", "CM_", "BA_", "BA_DEF_DEF_",
        "SIG_VALTYPE_", "SG_MUL_VAL_",
    ])

    private mutating func readSection(_ keyword: String) throws(DatabaseError) {
        switch keyword {
        case "VERSION": _ = try scanner.expectString("the version")
        case "NS_": try readNewSymbols()
        case "BS_": scanner.skipLine()
        case "BU_": try readNodes()
        case "BO_": try readMessage()
        case "SG_":
            throw scanner.error("a signal without a message; SG_ lines follow a BO_ line")
        case "VAL_": try readValues()
        case "CM_": try readComment()
        case "BA_": try readAttribute()
        case "BA_DEF_DEF_": try readAttributeDefault()
        case "SIG_VALTYPE_": try readValueType()
        case "SG_MUL_VAL_": try readMultiplexRanges()
        default:
            let line = scanner.line
            try scanner.skipSection(named: try checked(keyword), keywords: Self.keywords)
            if !Self.skippedSections.contains(keyword) {
                try note("the section \(keyword) is unknown and was skipped", at: line)
            }
        }
    }

    /// `NS_` lists the keywords that the file may use, one to a line. It has no end mark, so a
    /// keyword with something after it on its line is the next section.
    private mutating func readNewSymbols() throws(DatabaseError) {
        try scanner.expect(":", after: "NS_")
        while true {
            var ahead = scanner
            guard ahead.takeWord() != nil, ahead.isAtEndOfLine() else { return }
            scanner = ahead
        }
    }

    private mutating func readNodes() throws(DatabaseError) {
        try scanner.expect(":", after: "BU_")
        while let word = scanner.peekWord(), !Self.keywords.contains(word) {
            nodes.append(try takeName("a node's name"))
        }
    }
}

extension DatabaseReader {
    /// Throws the defect, or keeps it as a warning where defects are accepted.
    mutating func defect(_ reason: String, at line: Int) throws(DatabaseError) {
        guard acceptsDefects else { throw scanner.error(reason, at: line) }
        try note(reason, at: line)
    }

    mutating func note(_ reason: String, at line: Int) throws(DatabaseError) {
        guard warnings.count < Self.warningsMax else {
            throw scanner.error(
                "more than \(Self.warningsMax) defects; the file is refused as a whole", at: line)
        }
        warnings.append(scanner.error(reason, at: line))
    }

    private func checked(_ name: String) throws(DatabaseError) -> String {
        guard name.utf8.count <= Self.nameLengthMax else {
            throw scanner.error(
                "a name of \(name.utf8.count) characters; \(Self.nameLengthMax) are allowed")
        }
        return name
    }

    /// A name of the language C, or one that begins with a digit where that defect is accepted.
    mutating func takeName(_ what: String) throws(DatabaseError) -> String {
        let name = try checked(try scanner.expectWord(what))
        if let first = name.utf8.first, first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9") {
            try defect("\(what) is '\(name)'; a name must not begin with a digit", at: scanner.line)
        }
        return name
    }

    /// A name that refers to something; whether it is well formed was said where it was declared.
    mutating func takeReference(_ what: String) throws(DatabaseError) -> String {
        try checked(try scanner.expectWord(what))
    }

    mutating func takeMessageID() throws(DatabaseError) -> UInt32 {
        let number = try scanner.expectInteger("a message's id")
        guard let id = UInt32(exactly: number) else {
            throw scanner.error("the message's id is \(number); 0 to 4294967295 are allowed")
        }
        return id
    }
}

extension Database {
    /// Reads a DBC file.
    ///
    /// - Parameters:
    ///   - file: its name, for messages. Nothing is opened.
    ///   - acceptingDefects: takes a file that contradicts itself, as real ones do. Each defect
    ///     becomes a warning, and a signal or message that it could make wrong is left out.
    /// - Throws: at the first line that cannot be read, or that has a defect.
    public init(
        parsing bytes: [UInt8], file: String, acceptingDefects: Bool = false
    ) throws(DatabaseError) {
        var reader = try DatabaseReader(bytes, file: file, acceptsDefects: acceptingDefects)
        self = try reader.read()
    }
}
