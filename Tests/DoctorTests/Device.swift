import Doctor

/// Facts of a device on which nothing is wrong.
enum Device {
    static var wiring: Wiring {
        var wiring = Wiring()
        wiring.quotaBytes = 448 << 20
        wiring.hasUplink = true
        return wiring
    }

    static var healthy: Facts { Facts(wiring) }

    /// What is found after one change, without what is in order.
    static func findings(_ change: (inout Facts) -> Void) -> [Finding] {
        var facts = healthy
        change(&facts)
        return Examination(facts).findings.filter { $0.level > .good }
    }
}

/// One change of a healthy device, and the one finding that comes of it.
struct Row: Sendable, CustomStringConvertible {
    let description: String
    let change: @Sendable (inout Facts) -> Void
    let finding: Finding?

    /// - Parameter finding: nil for a change that is just within what is right.
    init(
        _ description: String, _ finding: Finding?,
        _ change: @escaping @Sendable (inout Facts) -> Void
    ) {
        self.description = description
        self.change = change
        self.finding = finding
    }
}
