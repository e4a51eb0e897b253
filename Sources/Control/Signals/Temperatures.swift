import Events
import Units

/// The water temperature from one to three probes: what the job steers by, and who votes to trip.
///
/// Steering takes the median or the higher value; trips are votes of each channel, because a median
/// hides the one probe that is right (§4, "Voting").
struct Temperatures: ~Copyable {
    /// Probes further apart than this are not both right (§5).
    static let spreadMaximum: Int32 = 5_000
    /// How long they must be apart before it counts, and how long a probe that was left out must
    /// agree again before it is believed.
    static let spreadDelay = Milliseconds(10_000)
    static let votesNeeded: UInt8 = 2

    /// How many probes the site has, 0 to 3.
    private(set) var count: Int
    var channels: InlineArray<3, TemperatureChannel>
    private(set) var image = TemperatureImage()
    /// The probe that is left out because it stands apart from the two others.
    private(set) var excluded: Int?
    private var spreadSince: Instant?
    private var agreesSince: Instant?
    private var hasSample = false

    init(count: Int) {
        self.count = count
        channels = InlineArray(repeating: TemperatureChannel())
    }

    mutating func beginTick() {
        image.isNew = false
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
        image.age = Milliseconds(freshest)
        disagree(valid, now)
        choose(valid)
        trip(valid)
        image.isNew = hasSample && image.isValid
    }

    /// Three good samples since the last mark, from a probe that is not left out.
    var isProven: Bool {
        for index in 0..<count
        where index != excluded && channels[index].freshness.isProven { return true }
        return false
    }

    private mutating func choose(_ valid: UInt8) {
        image.validChannels = valid
        let usable = excluded.map { valid & ~(1 << UInt8($0)) } ?? valid
        let all: UInt8 = (1 << UInt8(count)) - 1
        image.isValid = usable != 0
        image.isIncomplete = count > 1 && image.isValid && usable != all
        guard image.isValid else { return }
        if usable == 0b111 {
            image.control = median(channels[0].value, channels[1].value, channels[2].value)
            return
        }
        var highest = Int32.min
        for index in 0..<count where usable & (1 << UInt8(index)) != 0 {
            highest = max(highest, channels[index].value)
        }
        image.control = highest
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
        guard compared > 1, highest - lowest > Self.spreadMaximum else {
            spreadSince = nil
            image.disagrees = false
            return
        }
        let since = spreadSince ?? now
        spreadSince = since
        image.spread = highest - lowest
        guard now - since >= Self.spreadDelay else { return }
        if compared == 3 {
            excluded = outlier()
            spreadSince = nil
        } else {
            image.disagrees = true
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
        image.hottest = image.control
        for index in 0..<count {
            let overSite = channels[index].siteCount >= Self.votesNeeded
            let overJob = channels[index].jobCount >= Self.votesNeeded
            if overSite { siteVotes += 1 }
            if overJob { jobVotes += 1 }
            if overSite || overJob { image.hottest = max(image.hottest, channels[index].latest) }
            if valid & (1 << UInt8(index)) == 0 || index == excluded {
                if !overSite { sitePresumed += 1 }
                if !overJob { jobPresumed += 1 }
            }
        }
        let needed = count == 3 ? 2 : 1
        image.isOverSite = siteVotes > 0 && siteVotes + sitePresumed >= needed
        image.isOverJob = jobVotes > 0 && jobVotes + jobPresumed >= needed
    }
}

/// What the vote of one tick came to.
struct TemperatureImage: Sendable {
    /// Voted value of the last tick that had a valid channel, in m°C.
    var control: Int32 = 0
    /// Whether a channel is valid now.
    var isValid = false
    /// A good sample came in this tick.
    var isNew = false
    /// Age of the freshest channel that is not left out.
    var age = Milliseconds(0)
    /// Two probes disagree and there is no third to decide.
    var disagrees = false
    /// How far apart the probes were when they last disagreed.
    var spread: Int32 = 0
    /// A configured probe is not valid, or left out, while others are.
    var isIncomplete = false
    /// Which channels are valid, one bit each.
    var validChannels: UInt8 = 0
    var isOverSite = false
    var isOverJob = false
    /// The highest sample behind a vote: what the record shows.
    var hottest: Int32 = 0
}

private func median(_ a: Int32, _ b: Int32, _ c: Int32) -> Int32 {
    max(min(a, b), min(max(a, b), c))
}
