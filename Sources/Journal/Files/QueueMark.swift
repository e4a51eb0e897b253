import Wire

/// What is remembered outside of the database, so that a database put back from an old copy is
/// found out: without it, numbers would be used a second time for other events.
struct QueueMark: Equatable {
    static let name = "queue-mark"

    var epoch: Identifier128
    /// By lane: every number up to here may have been used.
    var reservedTo: [Int64]
    /// No run is using numbers. A database that says so while the mark does not has lost what came
    /// after its farewell: the log was damaged, or the file is a copy from before.
    var isClosed: Bool
    /// The run that wrote this, as the database numbers them. A database whose last run is an
    /// earlier one is a copy from before.
    var run: Int64

    /// The mark that is there; nil if there is none, or none that can be read. A mark that is lost
    /// weakens the check and costs nothing else, so it is made anew.
    static func read(in directory: StateDirectory) -> QueueMark? {
        guard case .bytes(let bytes) = StateFile(name, in: directory).read(limit: 256)
        else { return nil }
        return QueueMark(text: String(decoding: bytes, as: UTF8.self))
    }

    func write(in directory: StateDirectory) throws(JournalError) {
        try StateFile(Self.name, in: directory).replace(with: Array(text.utf8))
    }

    /// "busbar queue mark 2 <epoch> <alarm> <event> <telemetry> open|closed <run> <check>", one
    /// line.
    private var text: String {
        let words =
            [epoch.text] + reservedTo.map(String.init)
            + [isClosed ? "closed" : "open", String(run)]
        let fields = words.joined(separator: " ")
        return "busbar queue mark 2 \(fields) \(Self.check(fields))\n"
    }

    private init?(text: String) {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count == 11, words[0..<4] == ["busbar", "queue", "mark", "2"],
            let epoch = Identifier128(text: String(words[4])),
            words[8] == "open" || words[8] == "closed",
            let run = Int64(words[9]),
            String(words[10]) == Self.check(words[4..<10].joined(separator: " "))
        else { return nil }
        isClosed = words[8] == "closed"
        self.run = run
        self.epoch = epoch
        reservedTo = words[5..<8].compactMap { Int64($0) }
        guard reservedTo.count == Lane.allCases.count else { return nil }
    }

    init(epoch: Identifier128, reservedTo: [Int64], isClosed: Bool, run: Int64) {
        self.epoch = epoch
        self.reservedTo = reservedTo
        self.isClosed = isClosed
        self.run = run
    }

    /// Without leading zeros, as the files of devices have it.
    private static func check(_ fields: String) -> String {
        var sum = FNV1a()
        sum.add(fields.utf8)
        return String(sum.hash, radix: 16)
    }
}
