import Events
import RelayBoard
import Units
import Wire

/// Turns what changed into the history that expectations are judged by, and into the trace.
///
/// Touched on changes only; a tick in which nothing changes costs it nothing.
struct Recorder {
    private(set) var history = History()
    private let origin: Int64
    private let tick: Int64
    private let encoder: EventEncoder
    private let sink: (([UInt8]) -> Void)?

    /// - Parameters:
    ///   - origin: the world's time at the scenario's t = 0. What is before is not recorded.
    ///   - tick: the control period in ms.
    init(origin: Int64, tick: Int64, encoder: EventEncoder, sink: (([UInt8]) -> Void)?) {
        self.origin = origin
        self.tick = tick
        self.encoder = encoder
        self.sink = sink
    }

    mutating func record(_ change: WorldChange) {
        guard change.at >= origin else { return }
        let at = change.at - origin
        history.append(History.Entry(at: at, what: .world(change.what)))
        guard let sink else { return }
        var members = begin(at)
        switch change.what {
        case .relay(let bit, let isOn):
            members.add("kind", "relay")
            members.add("id", encoder.relayNames[Int(bit)])
            members.add("on", isOn)
        case .permit(let isOn):
            members.add("kind", "permit")
            members.add("on", isOn)
        case .k2(let isClosed):
            members.add("kind", "contact")
            members.add("id", "k2")
            members.add("on", isClosed)
        case .power(let isClosed):
            members.add("kind", "power")
            members.add("on", isClosed)
        }
        end(members, sink)
    }

    /// A fact that the process stated in the tick at `now` of the world.
    mutating func record(_ fact: Fact, at now: Int64) {
        guard now >= origin else { return }
        let at = now - origin
        history.append(History.Entry(at: at, what: .fact(fact)))
        guard let sink else { return }
        var members = begin(at)
        switch fact {
        case .alarm(let transition):
            members.add("kind", "alarm")
            members.add("change", transition.change.name)
            encoder.appendMembers(of: .alarm(transition), to: &members)
        case .heatingStepEntered:
            members.add("kind", "heating")
            encoder.appendMembers(of: fact, to: &members)
        case .interlockEntered:
            members.add("kind", "interlock")
            encoder.appendMembers(of: fact, to: &members)
        default:
            members.add("kind", "event")
            members.add("type", fact.kind.name)
            encoder.appendMembers(of: fact, to: &members)
        }
        end(members, sink)
    }

    private func begin(_ at: Int64) -> JSONMembers {
        var members = JSONMembers()
        members.add("t_ms", at)
        members.add("tick", at / tick)
        return members
    }

    private func end(_ members: JSONMembers, _ sink: ([UInt8]) -> Void) {
        var line = members.object
        line.append(UInt8(ascii: "\n"))
        sink(line)
    }
}
