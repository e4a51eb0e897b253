public import Control
public import Events
public import Units

/// A command of the local API with the number that its answer will carry.
public struct TicketedCommand: Hashable, Sendable {
    public var ticket: UInt32
    public var request: RequestedCommand
    /// No tick after this carries it out: whoever asked has given up by then, and heat that starts
    /// minutes after its demand starts for nobody.
    public var expiry: Instant

    public init(ticket: UInt32, request: RequestedCommand, expiry: Instant) {
        self.ticket = ticket
        self.request = request
        self.expiry = expiry
    }
}

/// What the controller did with a command.
public struct CommandOutcome: Hashable, Sendable {
    public enum Result: Hashable, Sendable {
        /// The controller stated a fact that says so: the alarm is acknowledged, the target is set.
        case done
        /// Taken, and no fact followed: mostly because nothing had to change, as when heat that is
        /// off is asked to go off. Who asked compares the state with what was wanted.
        case unchanged
        case refusedHeat(HeatingRefusal)
        case refusedReset(ResetRefusal)
        /// The value is outside what the site permits (E902).
        case outOfRange
        /// Never given to the controller: the tick came after the command's expiry.
        case expired
    }

    public var ticket: UInt32
    public var result: Result

    public init(ticket: UInt32, result: Result) {
        self.ticket = ticket
        self.result = result
    }
}

/// A command that is in the tick that runs, and what the tick's events have said of it so far.
struct PendingCommand {
    private let ticketed: TicketedCommand
    private var result = CommandOutcome.Result.unchanged

    init(_ ticketed: TicketedCommand) { self.ticketed = ticketed }

    var outcome: CommandOutcome { CommandOutcome(ticket: ticketed.ticket, result: result) }

    /// Learns from `fact` if it is about this command. A refusal outweighs what else is said.
    mutating func note(_ fact: Fact) {
        switch (ticketed.request.command, fact) {
        case (.demand(isOn: true), .heatingRefused(let reason, _)):
            result = .refusedHeat(reason)
        case (.demand(isOn: true), .heatingRequested), (.demand, .heatingStepEntered),
            (.demand, .heatingFinished), (.setTarget, .targetChanged):
            if result == .unchanged { result = .done }
        case (.resetRemotely, .resetRefused(let reason)):
            result = .refusedReset(reason)
        case (.demand, .alarm(let change)), (.setTarget, .alarm(let change)):
            if change.code == .requestOutOfRange, change.change == .raised { result = .outOfRange }
        case (.acknowledge(let code), .alarm(let change)):
            note(change, of: code, means: change.change == .acknowledged)
        case (.shelve(let code, until: _), .alarm(let change)):
            note(change, of: code, means: change.change == .shelved)
        case (.unshelve(let code), .alarm(let change)):
            note(change, of: code, means: change.change == .unshelved)
        case (.setOutOfService(let code, let isOut), .alarm(let change)):
            note(change, of: code, means: change.change == (isOut ? .outOfService : .inService))
        default:
            break
        }
    }

    private mutating func note(
        _ change: AlarmTransition, of code: AlarmCode, means isTheAnswer: Bool
    ) {
        if change.code == code, isTheAnswer { result = .done }
    }
}
