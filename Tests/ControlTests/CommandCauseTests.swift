import Events
import Testing
import Units

@testable import Control

/// What a command leads to carries the command's correlation, and nothing else does.
@Suite("Causes of what commands lead to")
struct CommandCauseTests {
    static let cause = Correlation(command: 41)

    static func send(_ command: Command, to rig: ControllerRig) {
        rig.commands.append(
            RequestedCommand(command, by: .technician, correlation: cause))
    }

    /// "alarm E303 shelved", "heating started": the facts of the tick with that correlation.
    static func caused(_ rig: ControllerRig) -> [Fact] {
        rig.stated.filter { $0.correlation == cause }.map(\.fact)
    }

    @Test("the number of a command is no tick's", arguments: [UInt64(0), 1, 41, 42])
    func isOfItsOwn(tick: UInt64) {
        for place in [UInt8(0), 1, 2, 253, 255] {
            #expect(Correlation(tick: Tick(tick), place: place) != Self.cause)
        }
        #expect(Self.cause == Correlation(41 << 8 | 254))
    }

    @Test("a shelved alarm carries it; what else happens in the tick does not")
    func shelve() {
        let rig = ControllerRig()
        rig.start()
        rig.isSilent = true
        while !rig.facts.contains(where: { if case .signalLost = $0 { true } else { false } }),
            rig.time < 60_000
        {
            Self.send(.unshelve(.flowLost), to: rig)
            Self.send(.shelve(.flowLost, until: at(rig.time + 100_000)), to: rig)
            rig.tick()
        }
        #expect(rig.facts.contains { if case .signalLost = $0 { true } else { false } })
        let changes = Self.caused(rig).map { fact in
            if case .alarm(let change) = fact { "\(change.change)" } else { "\(fact)" }
        }
        #expect(changes == ["unshelved", "shelved"])
    }

    @Test("the alarms that a refused command raises at the end of the tick carry it too")
    func deferredAlarms() {
        let rig = ControllerRig()
        rig.start()
        Self.send(.setTarget(MilliCelsius(95_000)), to: rig)
        rig.tick()
        let codes = Self.caused(rig).compactMap { fact in
            if case .alarm(let change) = fact { change.code } else { nil }
        }
        #expect(codes == [.requestOutOfRange])

        Self.send(.resetRemotely, to: rig)
        rig.tick()
        #expect(Self.caused(rig) == [.resetRefused(.noLockout)], "E701 would ask for the button")

        let locked = ControllerRig(lockout: .locked(ControllerResetTests.record([.gasLeak])))
        locked.tick()
        Self.send(.resetRemotely, to: locked)
        locked.tick()
        #expect(Self.caused(locked).first == .resetRefused(.notLocal))
        let raised = Self.caused(locked).compactMap { fact in
            if case .alarm(let change) = fact { change.code } else { nil }
        }
        #expect(raised == [.resetRefused])
    }

    @Test("heat that waits for the self-check starts under the demand's correlation")
    func pendingDemand() {
        let rig = ControllerRig()
        rig.tick()
        Self.send(.demand(isOn: true), to: rig)
        rig.tick()
        #expect(Self.caused(rig) == [.heatingRequested(.technician)])
        while rig.controller.heatingState == .standby, rig.time < 20_000 { rig.tick() }
        let started = Self.caused(rig)
        #expect(started.contains(.heatingStarted(job: 1)))
        #expect(
            started.contains {
                if case .alarm(let change) = $0 { change.code == .jobStarted } else { false }
            })
        rig.run(to: rig.time + 1_000)
        #expect(Self.caused(rig).isEmpty, "the job's own course has its ticks' causes")
    }

    @Test("a command without one leaves its tick's")
    func withoutOne() {
        let rig = ControllerRig()
        rig.start()
        rig.send(.shelve(.flowLost, until: at(rig.time + 100_000)))
        rig.tick()
        #expect(rig.stated.map(\.correlation) == [Correlation(tick: rig.controller.tick, place: 0)])
    }
}
