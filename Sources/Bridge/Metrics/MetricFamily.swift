/// One metric and its samples, as Prometheus reads them (text format 0.0.4).
public struct MetricFamily: Sendable {
    public enum Kind: String, Sendable {
        case counter
        case gauge
    }

    public struct Sample: Sendable {
        /// Names and values, in order. The values come from short lists of ours: never a device's
        /// name, of which there is no end.
        public var labels: [(name: String, value: String)]
        /// Thousandths, so that seconds need no floating point.
        public var thousandths: Int64

        public init(labels: [(name: String, value: String)], thousandths: Int64) {
            self.labels = labels
            self.thousandths = thousandths
        }
    }

    public var name: String
    /// One sentence without a full stop, with the unit.
    public var help: String
    public var kind: Kind
    public var samples: [Sample]

    public init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.help = help
        self.kind = kind
        samples = []
    }

    /// With one sample that has no labels.
    public init(_ name: String, _ kind: Kind, _ help: String, value: UInt64) {
        self.init(name, kind, help)
        add([], value)
    }

    /// A count above Int64's thousandth part, nine times 10^15, stays there.
    public mutating func add(_ labels: [(name: String, value: String)], _ value: UInt64) {
        samples.append(
            Sample(
                labels: labels, thousandths: Int64(min(value, UInt64(Int64.max / 1_000))) * 1_000))
    }

    /// The lines of this family, each with a line feed.
    public var text: String {
        var text = "# HELP \(name) \(Self.escaped(help, quotes: false))\n"
        text += "# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            text += name
            if !sample.labels.isEmpty {
                let labels = sample.labels.map {
                    "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\""
                }
                text += "{\(labels.joined(separator: ","))}"
            }
            text += " \(Self.decimal(sample.thousandths))\n"
        }
        return text
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }

    private static func decimal(_ thousandths: Int64) -> String {
        let (whole, rest) = thousandths.magnitude.quotientAndRemainder(dividingBy: 1_000)
        let sign = thousandths < 0 ? "-" : ""
        guard rest != 0 else { return "\(sign)\(whole)" }
        let digits = String(rest)
        return "\(sign)\(whole)." + String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }
}
