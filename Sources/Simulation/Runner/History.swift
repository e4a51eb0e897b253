public import Events
import Units

/// What happened in a run, in order: changes only, each with its millisecond.
public struct History: Sendable {
    public enum What: Hashable, Sendable {
        case world(WorldChange.What)
        case fact(Fact)
    }

    public struct Entry: Hashable, Sendable {
        /// ms of the scenario.
        public var at: Int64
        public var what: What
    }

    public private(set) var entries: [Entry] = []

    mutating func append(_ entry: Entry) { entries.append(entry) }

    /// When something happened that `isIt` knows.
    func times(_ isIt: (What) -> Bool) -> [Int64] {
        entries.filter { isIt($0.what) }.map(\.at)
    }

    /// The changes of one switch, in order.
    func changes(_ state: (WorldChange.What) -> Bool?) -> [(at: Int64, isOn: Bool)] {
        entries.compactMap { entry in
            guard case .world(let change) = entry.what, let isOn = state(change) else { return nil }
            return (entry.at, isOn)
        }
    }
}
