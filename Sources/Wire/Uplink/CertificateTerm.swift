/// Until when a certificate holds that the way to the cluster needs: from that day on nothing
/// connects, however well all the rest is.
public struct CertificateTerm: Hashable, Sendable {
    public enum Role: String, Sendable, CaseIterable {
        /// Ours.
        case client
        /// Of whoever signs the broker's.
        case authority
        case broker
    }

    /// From here on it is told each day. Chosen: a month is what people need who renew by hand.
    public static let daysOfWarning: Int64 = 30
    private static let day: Int64 = 86_400_000

    public var role: Role
    /// The file's path; of the broker's, its address.
    public var name: String
    /// In milliseconds since 1970, UTC.
    public var endsAt: Int64

    public init(role: Role, name: String, endsAt: Int64) {
        self.role = role
        self.name = name
        self.endsAt = endsAt
    }

    /// Whole days; negative once it has ended.
    public func daysLeft(unixMilliseconds now: Int64) -> Int64 {
        let (left, isOver) = endsAt.subtractingReportingOverflow(now)
        guard !isOver else { return endsAt < now ? -1 : .max / Self.day }
        return left >= 0 ? left / Self.day : -1 - (-1 - left) / Self.day
    }

    /// - Returns: what is the matter, without what to do; nil while there is time.
    public func ending(unixMilliseconds now: Int64) -> String? {
        let days = daysLeft(unixMilliseconds: now)
        guard days < Self.daysOfWarning else { return nil }
        let end =
            switch days {
            case ..<0: "has ended"
            case 0: "ends within a day"
            case 1: "ends in 1 day"
            default: "ends in \(days) days"
            }
        return role == .broker ? "the certificate of the broker \(name) \(end)" : "\(name) \(end)"
    }

    /// What to do about it.
    public var remedy: String {
        switch role {
        case .client: "have it renewed, without it nothing reaches the cluster"
        case .authority: "put the authority's next certificate into the file as well"
        case .broker: "renew it on the broker"
        }
    }

    /// One line of both; nil while there is time.
    public func warning(unixMilliseconds now: Int64) -> String? {
        ending(unixMilliseconds: now).map { "\($0): \(remedy)" }
    }
}
