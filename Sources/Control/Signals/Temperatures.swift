import Events
import Units

/// The water temperature from one to three probes: what the job steers by, and who votes to trip.
///
/// Steering takes the median or the higher value; trips are votes of each channel, because a median
/// hides the one probe that is right (§4, "Voting").
struct Temperatures: Sendable {
    /// Probes further apart than this are not both right (§5).
    static let spreadMaximum: Int32 = 5_000
    /// How long they must be apart before it counts, and how long a probe that was left out must
    /// agree again before it is believed.
    static let spreadDelay = Milliseconds(10_000)
    static let votesNeeded: UInt8 = 2

    /// How many probes the site has, 0 to 3.
    private(set) var count: Int
    var channels: InlineArray<3, TemperatureChannel>
    /// Voted value of the last tick that had a valid channel.
    private(set) var control: Int32 = 0
    /// Whether a channel is valid now.
    private(set) var isValid = false
    /// A good sample came in this tick.
    private(set) var isNew = false
    /// Age of the freshest channel that is not left out.
    private(set) var age = Milliseconds(0)
    /// The probe that is left out because it stands apart from the two others.
    private(set) var excluded: Int?
    /// Two probes disagree and there is no third to decide.
    private(set) var disagrees = false
    /// A configured probe is not valid, or left out, while others are.
    private(set) var isIncomplete = false
    private(set) var isOverSite = false
    private(set) var isOverJob = false
    /// The highest sample behind a vote: what the record shows.
    private(set) var hottest: Int32 = 0
    /// How far the probes that are compared are apart.
    private(set) var spread: Int32 = 0
    private var spreadSince: Instant?
    private var agreesSince: Instant?
    private var hasSample = false

    init(count: Int) {
        self.count = count
        channels = InlineArray(repeating: TemperatureChannel())
    }

    mutating func beginTick() {
        isNew = false
        hasSample = false
    }

    mutating func noteSample() { hasSample = true }

    /// Votes, once all frames of the tick are in.
    mutating func vote(now: Instant, staleAfter: Milliseconds) {
        var valid: UInt8 = 0
        var freshest = Int64.max
        for index in 0..<count {
            let channelAge = channels[index].freshness.age(now)
            if !channels[index].freshness.isStale(now, after: staleAfter) {
                valid |= 1 << UInt8(index)
            }
            // By the latest sample, not the latest good one: rejected ones vote too (§5).
            if now - channels[index].latestAt >= staleAfter { channels[index].forgetVotes() }
            if index != excluded, channelAge.rawValue < freshest {
                freshest = channelAge.rawValue
            }
        }
        age = Milliseconds(freshest)
        disagree(valid, now)
        choose(valid)
        trip(valid)
        isNew = hasSample && isValid
    }

    private mutating func choose(_ valid: UInt8) {
        let usable = excluded.map { valid & ~(1 << UInt8($0)) } ?? valid
        let all: UInt8 = (1 << UInt8(count)) - 1
        isValid = usable != 0
        isIncomplete = count > 1 && isValid && usable != all
        guard isValid else { return }
        if usable == 0b111 {
            control = median(channels[0].value, channels[1].value, channels[2].value)
            return
        }
        var highest = Int32.min
        for index in 0..<count where usable & (1 << UInt8(index)) != 0 {
            highest = max(highest, channels[index].value)
        }
        control = highest
    }

    private mutating func disagree(_ valid: UInt8, _ now: Instant) {
        readmit(valid, now)
        var lowest = Int32.max
        var highest = Int32.min
        var compared = 0
        for index in 0..<count where valid & (1 << UInt8(index)) != 0 && index != excluded {
            lowest = min(lowest, channels[index].value)
            highest = max(highest, channels[index].value)
            compared += 1
        }
        spread = compared > 1 ? highest - lowest : 0
        guard spread > Self.spreadMaximum else {
            spreadSince = nil
            disagrees = false
            return
        }
        let since = spreadSince ?? now
        spreadSince = since
        guard now - since >= Self.spreadDelay else { return }
        if compared == 3 {
            excluded = outlier()
            spreadSince = nil
        } else {
            disagrees = true
        }
    }

    /// A probe that was left out comes back slowly: one that crosses the others on its way through
    /// has not become right.
    private mutating func readmit(_ valid: UInt8, _ now: Instant) {
        guard let index = excluded, valid == 0b111, !standsApart(index) else {
            agreesSince = nil
            return
        }
        let since = agreesSince ?? now
        agreesSince = since
        guard now - since >= Self.spreadDelay else { return }
        excluded = nil
        agreesSince = nil
    }

    /// Whether the probe is further than the limit from both others.
    private func standsApart(_ index: Int) -> Bool {
        let a = channels[(index + 1) % 3].value
        let b = channels[(index + 2) % 3].value
        let own = channels[index].value
        return abs(own - a) > Self.spreadMaximum && abs(own - b) > Self.spreadMaximum
    }

    private func outlier() -> Int {
        let middle = median(channels[0].value, channels[1].value, channels[2].value)
        var furthest = 0
        for index in 1..<3
        where abs(channels[index].value - middle) > abs(channels[furthest].value - middle) {
            furthest = index
        }
        return furthest
    }

    /// 1oo1, 1oo2, 2oo3; a channel that is not valid, or left out, votes as soon as another does
    /// (§5), so that 2oo3 degrades to 1oo2.
    private mutating func trip(_ valid: UInt8) {
        var siteVotes = 0
        var jobVotes = 0
        // Votes of channels that are not to be trusted and do not vote themselves.
        var sitePresumed = 0
        var jobPresumed = 0
        hottest = control
        for index in 0..<count {
            let overSite = channels[index].siteCount >= Self.votesNeeded
            let overJob = channels[index].jobCount >= Self.votesNeeded
            if overSite { siteVotes += 1 }
            if overJob { jobVotes += 1 }
            if overSite || overJob { hottest = max(hottest, channels[index].latest) }
            if valid & (1 << UInt8(index)) == 0 || index == excluded {
                if !overSite { sitePresumed += 1 }
                if !overJob { jobPresumed += 1 }
            }
        }
        let needed = count == 3 ? 2 : 1
        isOverSite = siteVotes > 0 && siteVotes + sitePresumed >= needed
        isOverJob = jobVotes > 0 && jobVotes + jobPresumed >= needed
    }
}

private func median(_ a: Int32, _ b: Int32, _ c: Int32) -> Int32 {
    max(min(a, b), min(max(a, b), c))
}
