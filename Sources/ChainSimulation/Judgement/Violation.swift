/// A rule of the chain that a run has broken.
public struct Violation: Hashable, Sendable {
    /// The rules, by the words that tables and stories use.
    public enum Rule: String, Sendable, CaseIterable {
        case obligationMet = "every obligation is met"
        case effectOnce = "effects happen once"
        case payloadEqual = "nothing arrives that was not issued"
        case orderKept = "order within a lane holds"
        case neverTwoContents = "an identity has one content"
        case cursorBehindKafka = "nothing is acknowledged that Kafka does not have"
        case acknowledged = "what is in Kafka is acknowledged"
        case numbersKnown = "every number is in Kafka or declared there"
        case freshAlarm = "a fresh alarm gets through"
        case faultsHappen = "what was planned happens"
    }

    public var rule: Rule
    public var expected: String
    public var found: String
    public var milliseconds: Int64

    public var text: String {
        "\(rule.rawValue), at \(Story.time(milliseconds)): expected \(expected), found \(found)"
    }
}
