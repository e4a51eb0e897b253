public import Events
import RelayBoard
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

    /// For how many ms at least one relay that heats was on, from t = 0 to `end`.
    func heatMs(until end: Int64, initially relays: RelayMask) -> Int64 {
        var heaters = relays.intersection(.heat).rawValue
        var since: Int64 = 0
        var sum: Int64 = 0
        for entry in entries {
            guard case .world(.relay(let bit, let isOn)) = entry.what,
                RelayMask.heat.rawValue & (1 << bit) != 0
            else { continue }
            if heaters != 0 { sum += entry.at - since }
            since = entry.at
            heaters = isOn ? heaters | (1 << bit) : heaters & ~(1 << bit)
        }
        return heaters != 0 ? sum + end - since : sum
    }
}
