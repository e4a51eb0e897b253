import Wire

/// The log's lines of what lasts: one when it begins, one when it has become something else, one
/// when it is over. What is both the reason why nothing is sent and a finding has one for both, and
/// a number in it that moves each second makes none: the log is on the card.
public struct LastingLines: Sendable {
    private enum Source: Hashable {
        case reason
        case finding(Finding.Kind)
    }

    private var standing: [Source: String] = [:]

    public init() {}

    /// - Parameter reason: why nothing is sent now; nil while all is well.
    /// - Returns: the line for the log; nil if it has it already.
    public mutating func line(reason: String?) -> String? { line(.reason, reason) }

    /// - Returns: the line for the log; nil if it has it already. A single event has one each time
    ///   that it is told, which the session bounds.
    public mutating func line(of finding: Finding) -> String? {
        guard finding.kind.isLasting else {
            return finding.isActive ? finding.text : "over: \(finding.text)"
        }
        return line(.finding(finding.kind), finding.isActive ? finding.text : nil)
    }

    private mutating func line(_ source: Source, _ text: String?) -> String? {
        let before = standing[source]
        standing[source] = nil
        func isSaid(_ text: String) -> Bool {
            standing.values.contains { $0.withoutNumbers == text.withoutNumbers }
        }
        guard let text else {
            // It is over when nobody says it any longer.
            return before.flatMap { isSaid($0) ? nil : "over: \($0)" }
        }
        let isKnown = before?.withoutNumbers == text.withoutNumbers || isSaid(text)
        standing[source] = text
        return isKnown ? nil : text
    }
}

extension String {
    /// What tells one reason from another when numbers in it move.
    var withoutNumbers: String {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        return String(decoding: utf8.filter { !digits.contains($0) }, as: UTF8.self)
    }
}
