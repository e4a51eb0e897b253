public import Events
import RelayBoard
import Units

// How the controller shows itself. Nothing in here is called in an ordinary tick, and nothing
// changes the controller: what is `mutating` is that for the compiler. To check what a borrowed
// controller may lend, Swift 6.3.1 takes 8 s of the module's 12 for these functions (measured).

extension Controller {
    /// The state at the end of the latest tick.
    public mutating func snapshot() -> Snapshot {
        var snapshot = Snapshot()
        snapshot.now = now
        snapshot.tick = tick
        snapshot.heating = heatingView()
        snapshot.interlock = interlockView()
        snapshot.temperature =
            signals.image.temperatures.isValid
            ? MilliCelsius(signals.image.temperatures.control) : nil
        for row in 0..<UInt8(SignalID.count) {
            if let signal = SignalID(rawValue: row) {
                snapshot.signals[Int(row)] = view(of: signal)
            }
        }
        snapshot.alarms = alarms.views
        snapshot.lockout = lockout
        snapshot.isLockoutRecalled = isLockoutRecalled
        snapshot.frames = signals.counters
        return snapshot
    }

    /// Where the heating job stands, for those who need nothing else.
    public var heatingState: HeatingState { job.state }
    public var interlockState: InterlockState { interlock.state }
    public var selfCheckStep: SelfCheckStep { check.step }

    private mutating func heatingView() -> HeatingView {
        var view = HeatingView()
        view.state = job.state
        view.enteredAt = job.enteredAt
        view.hasDemand = job.hasDemand
        view.hasPendingDemand = job.hasPendingDemand
        view.requester = job.requester
        view.target = MilliCelsius(job.target)
        view.job = job.job
        view.jobStartedAt = job.startedAt
        view.trialsLeft = job.trialsLeft
        view.recyclesLeft = job.recyclesLeft
        view.isHeatOn = job.isHeatOn
        view.heatChangedAt = job.isHeatOn ? job.heatOnAt : job.heatOffAt
        view.refusal = refusal()
        view.transitions = job.transitions
        return view
    }

    private mutating func interlockView() -> InterlockView {
        var view = InterlockView()
        view.state = interlock.state
        view.enteredAt = interlock.enteredAt
        view.selfCheck = check.step
        view.commanded = isTripped ? .none : job.relays.union(interlock.holdsK1 ? .power : .none)
        view.actual = link.isAnswering ? link.status.actual : nil
        view.isPermitted = shown.isPermitted
        view.powerSense = shown.sense
        view.monostable = shown.monostable
        view.resetButton = shown.button
        view.emergencyStop = shown.emergencyStop
        view.board = link.status
        view.boardFailures = link.failures
        view.cycle = interlock.cycle
        view.bus = shown.bus
        return view
    }

    private mutating func view(of signal: SignalID) -> SignalView {
        var view = SignalView()
        view.isFitted = signals.image.has(signal)
        view.isSafety = signals.image.isSafety(signal)
        view.quality = quality(of: signal)
        let (value, freshness) = reading(of: signal)
        view.value = value
        view.age = freshness.age(now)
        return view
    }

    /// What is to be thought of the latest sample.
    mutating func quality(of signal: SignalID) -> SignalQuality {
        let (_, freshness) = reading(of: signal)
        if let own = ownQuality(of: signal), own != .ok { return own }
        if !freshness.isTrusted { return .absent }
        if signal == .gas, signals.image.has(.gasReady), !signals.image.gasReady.latest {
            return .warmingUp
        }
        let limit = signal == .flame ? settings.heating.flameStale : settings.heating.hold
        return freshness.age(now) >= limit ? .stale : .ok
    }

    private mutating func ownQuality(of signal: SignalID) -> SignalQuality? {
        switch signal {
        case .temperature1: signals.probes.channels[0].quality
        case .temperature2: signals.probes.channels[1].quality
        case .temperature3: signals.probes.channels[2].quality
        case .flow: own(signals.image.flow)
        case .level: own(signals.image.level)
        case .ambientTemperature: own(signals.image.ambientTemperature)
        case .ambientHumidity: own(signals.image.ambientHumidity)
        case .flame, .gas, .gasReady, .burnerLockout, .burnerOn: nil
        case .probe1Ratio, .probe2Ratio, .probe3Ratio: nil
        }
    }

    private func own(_ signal: ScalarSignal) -> SignalQuality {
        switch signal.quality {
        case .absent: .absent
        case .ok: .ok
        case .range: .range
        }
    }

    private mutating func reading(of signal: SignalID) -> (Int32, Freshness) {
        func binary(_ signal: BinarySignal) -> (Int32, Freshness) {
            (signal.latest ? 1 : 0, signal.freshness)
        }
        func channel(_ index: Int) -> (Int32, Freshness) {
            let channel = signals.probes.channels[index]
            return (channel.value, channel.freshness)
        }
        return switch signal {
        case .temperature1: channel(0)
        case .temperature2: channel(1)
        case .temperature3: channel(2)
        case .flow: (signals.image.flow.value, signals.image.flow.freshness)
        case .level: (signals.image.level.value, signals.image.level.freshness)
        case .flame: binary(signals.image.flame)
        case .gas: binary(signals.image.gas)
        case .gasReady: binary(signals.image.gasReady)
        case .ambientTemperature:
            (signals.image.ambientTemperature.value, signals.image.ambientTemperature.freshness)
        case .ambientHumidity:
            (signals.image.ambientHumidity.value, signals.image.ambientHumidity.freshness)
        case .burnerLockout: binary(signals.image.burnerLockout)
        case .burnerOn: binary(signals.image.burnerOn)
        case .probe1Ratio, .probe2Ratio, .probe3Ratio: (0, Freshness())
        }
    }
}
