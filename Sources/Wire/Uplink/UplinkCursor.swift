/// What the uplink has been told is safe: by lane, the epoch and the last acknowledged number. It
/// is the one thing that passes from busbar-uplink to busbard, as a small file which the one writes
/// and the other reads to reclaim space.
public struct UplinkCursor: Hashable, Sendable {
    public struct Place: Hashable, Sendable {
        public var epoch: Identifier128
        /// Every number of `epoch` up to here is acknowledged. 0: none yet.
        public var upTo: Int64
        /// The running hash after `upTo`; nil when it is not known.
        public var digest: RunningDigest?

        public init(epoch: Identifier128, upTo: Int64, digest: RunningDigest?) {
            self.epoch = epoch
            self.upTo = upTo
            self.digest = digest
        }
    }

    /// By the lane's raw value; nil where nothing was ever acknowledged.
    public var places: [Place?]
    /// An epoch in which an acknowledgement named a number that was never sent: the database was
    /// put back from an old copy. busbard begins a new epoch when it reads its own epoch here.
    public var rolledBack: Identifier128?

    /// What the file is called, in the uplink's own directory.
    public static let fileName = "uplink-cursor"

    public init() { places = Lane.allCases.map { _ in nil } }

    public subscript(lane: Lane) -> Place? {
        get { places[Int(lane.rawValue)] }
        set { places[Int(lane.rawValue)] = newValue }
    }

    /// "busbar uplink cursor 1", then a line for each lane that has a place, the rolled-back epoch
    /// if there is one, and a check over all of it (FNV-1a, 64 bits: against damage, not intent).
    ///
    /// ```
    /// busbar uplink cursor 1
    /// alarm <epoch> <upTo> <digest>|-
    /// rolled-back <epoch>
    /// check <16 hex>
    /// ```
    public var text: String {
        var lines = ["busbar uplink cursor 1"]
        for lane in Lane.allCases {
            guard let place = self[lane] else { continue }
            let digest = place.digest?.value.text ?? "-"
            lines.append("\(lane.name) \(place.epoch.text) \(place.upTo) \(digest)")
        }
        if let rolledBack { lines.append("rolled-back \(rolledBack.text)") }
        let body = lines.joined(separator: "\n") + "\n"
        return body + "check \(Self.check(body))\n"
    }

    /// Reads a cursor; nil if anything at all is not as `text` writes it. Whoever gets nil begins
    /// with nothing acknowledged, which costs duplicates and loses nothing.
    public init?(text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // The check is not looked at by itself: the text that this cursor would have is compared.
        guard lines.count >= 3, lines.removeFirst() == "busbar uplink cursor 1",
            lines.removeLast().isEmpty, lines.removeLast().hasPrefix("check ")
        else { return nil }
        self.init()
        for line in lines {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            if words.count == 2, words[0] == "rolled-back", rolledBack == nil {
                guard let epoch = Identifier128(text: String(words[1])) else { return nil }
                rolledBack = epoch
                continue
            }
            guard words.count == 4,
                let lane = Lane.allCases.first(where: { $0.name == words[0] }), self[lane] == nil,
                let epoch = Identifier128(text: String(words[1])),
                let upTo = Int64(words[2]), upTo >= 0
            else { return nil }
            var digest: RunningDigest?
            if words[3] != "-" {
                guard let value = Identifier128(text: String(words[3])) else { return nil }
                digest = RunningDigest(value)
            }
            self[lane] = Place(epoch: epoch, upTo: upTo, digest: digest)
        }
        guard text == self.text else { return nil }
    }

    private static func check(_ body: String) -> String {
        var sum = FNV1a()
        sum.add(body.utf8)
        return sum.text
    }
}
