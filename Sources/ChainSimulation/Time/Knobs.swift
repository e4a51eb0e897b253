import Bridge
import Units
import Uplink

/// Everything that a seed may choose: sizes, times and counts, often much smaller than any site's,
/// so that what happens once a year happens in every run.
struct Knobs {
    // The run.
    /// Virtual milliseconds in which faults come and events are issued.
    var faultTime: Int64
    /// Long stretches in which the device has no way to the broker.
    var isWeeksLong: Bool
    /// Milliseconds between two events at the most.
    var eventPauseMax: Int64
    /// Events issued at one moment at the most.
    var eventBurstMax: Int
    /// Percent of events that are alarms.
    var alarmPercent: Int
    /// Percent of the others that are samples of the plant, in the telemetry lane.
    var samplePercent: Int

    // The device.
    /// So small that the event lane drops its oldest in most runs, and the telemetry lane too.
    var isQuotaSmall: Bool
    var eventQuota: Int64
    /// Milliseconds that acknowledged events are kept all the same.
    var acknowledgedGrace: Int64
    var reserveBytes: Int64
    /// How often busbard looks at the uplink's cursor and reclaims space.
    var reclaimPause: Int64

    var uplink: UplinkLimits

    // The roads.
    var linkDelayMax: Int64
    /// Bytes a millisecond.
    var linkRate: Int64
    var keepAlive: Int64

    // The broker.
    var brokerInflight: Int
    var brokerQueue: Int
    var brokerSavePause: Int64

    // The bridge.
    var bridge: BridgeKnobs
    /// Whether the broker keeps a bridge's session while it is away.
    var isBridgeSessionKept: Bool

    // Kafka.
    /// Percent of events that the brokers refuse, each time.
    var poisonPercent: Int
    var producerCapacity: Int
    var deliveryTimeout: Int64
    var kafkaDelayMax: Int64

    init(_ dice: inout Dice) {
        isWeeksLong = dice.chance(6)
        faultTime = isWeeksLong ? dice.number(10...28) * 86_400_000 : dice.number(60_000...600_000)
        let eventCount = dice.number(8...30)
        eventPauseMax = max(1, faultTime / Int64(eventCount))
        eventBurstMax = dice.pick([1, 2, 4, 8])
        alarmPercent = dice.pick([2, 20, 60])
        samplePercent = dice.pick([0, 20, 80])

        isQuotaSmall = dice.chance(30)
        // A row takes about 150 bytes of it.
        eventQuota = isQuotaSmall ? dice.pick([1 << 10, 2 << 10, 4 << 10]) : 1 << 20
        acknowledgedGrace = dice.pick([0, 30_000, 86_400_000])
        reserveBytes = dice.pick([0, 64 << 10])
        reclaimPause = isWeeksLong ? 6 * 3_600_000 : dice.pick([5_000, 60_000])

        uplink = Self.uplinkLimits(&dice, isWeeksLong: isWeeksLong)

        linkDelayMax = dice.pick([2, 40, 400])
        linkRate = dice.pick([8, 32, 1_000_000])
        keepAlive = dice.pick([5_000, 30_000, 60_000])

        brokerInflight = dice.pick([1, 3, 20])
        brokerQueue = dice.pick([2, 10, 1_000])
        brokerSavePause = isWeeksLong ? 6 * 3_600_000 : dice.pick([5_000, 60_000])

        bridge = BridgeKnobs(&dice)
        isBridgeSessionKept = dice.chance(50)

        poisonPercent = dice.pick([0, 0, 0, 5])
        producerCapacity = dice.pick([3, 50, 10_000])
        deliveryTimeout = dice.pick([5_000, 30_000, 120_000])
        kafkaDelayMax = dice.pick([5, 50, 500])
    }

    private static func uplinkLimits(_ dice: inout Dice, isWeeksLong: Bool) -> UplinkLimits {
        var limits = UplinkLimits()
        limits.unconfirmedMax = dice.pick([1, 2, 100])
        limits.batchEventsMax = dice.pick([1, 3, 256])
        limits.batchBytesMax = dice.pick([512, 128 << 10])
        limits.pageEventsMax = dice.pick([1, 7, 512])
        limits.pageBytesMax = dice.pick([512, 192 << 10])
        limits.windowEventsMax = dice.pick([1, 10, 8_000])
        limits.windowGapsMax = dice.pick([1, 64])
        limits.ackTimeoutFirst = Milliseconds(dice.pick([2_000, 10_000]))
        limits.ackTimeoutMax = Milliseconds(dice.pick([10_000, 120_000]))
        limits.publishTimeout = Milliseconds(dice.pick([5_000, 60_000]))
        limits.reconnectMax = Milliseconds(dice.pick([5_000, 120_000]))
        limits.takeoverWait = Milliseconds(dice.pick([20_000, 600_000]))
        limits.stateInterval = Milliseconds(dice.pick([500, 2_000]))
        limits.cursorInterval = Milliseconds(dice.pick([100, 1_000]))
        limits.missingWait = Milliseconds(dice.pick([10_000, 60_000]))
        // No disk here lies about its last number, and most of a seed is idle: asked every five
        // seconds, a seed takes seven times the steps (measured).
        limits.askAgainAfter = .seconds(60)
        if isWeeksLong {
            // What is done a million times in weeks is done a thousand times here.
            limits.reconnectMax = Milliseconds(1_800_000)
            limits.stateInterval = Milliseconds(600_000)
            limits.stateIntervalOffline = Milliseconds(1_800_000)
            limits.statusInterval = Milliseconds(3_600_000)
            limits.askAgainAfter = Milliseconds(86_400_000)
            limits.reconnectMaxWithAlarm = Milliseconds(1_800_000)
        }
        return limits
    }
}

/// What a seed chooses for the bridges.
struct BridgeKnobs {
    private var acknowledgeAfter: Milliseconds
    private var acknowledgeEvents: Int64
    private var recordsMax: Int
    private var slotsPerLaneMax: Int
    private var lanesMax: Int

    init(_ dice: inout Dice) {
        acknowledgeAfter = Milliseconds(dice.pick([0, 50, 250, 2_000]))
        acknowledgeEvents = dice.pick([1, 10, 256])
        recordsMax = dice.pick([1_100, 20_000])
        slotsPerLaneMax = dice.pick([512, 8_192])
        lanesMax = dice.pick([3, 8_192])
    }

    func apply(to settings: inout BridgeSettings) {
        settings.acknowledgeAfter = acknowledgeAfter
        settings.acknowledgeEvents = acknowledgeEvents
        settings.recordsMax = recordsMax
        settings.slotsPerLaneMax = slotsPerLaneMax
        settings.lanesMax = lanesMax
    }
}
