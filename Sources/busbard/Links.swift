import Control
import Runtime
import Simulation
import Synchronization
import Units
import Wire

/// What the threads of the daemon share beside the postbox. Bits and rings, nothing to wait for.
final class Links: Sendable {
    let post = Postbox()
    /// What somebody plays on the simulated board: API → control.
    let actions = SPSCRing<ScheduledAction>(capacity: 64)
    /// Commands and what came of them: API → journal. Ten a second at most are carried out, and of
    /// refusals ten a minute are told, so 256 cover a card that stands still for half a minute.
    let answers = CountedRing<AnsweredCommand>(capacity: 256)
    /// Commands of the cluster on their way to the inbox: API → journal, and what it says to them:
    /// journal → API. A connection has one call at a time, so no more than `Limits.connections`
    /// can come before the API thread looks for admissions; the way back holds those of both.
    let received = SPSCRing<ReceivedCommand>(capacity: 64)
    let admissions = SPSCRing<AdmittedCommand>(capacity: 256)
    /// What the buses counted: control → journal's thread, which tells the log.
    let hardware = SPSCRing<HardwareCounters>(capacity: 4)
    /// What the journal knows of the time before this start; nil until it is open.
    let recollection = Mutex<Recollection?>(nil)
    /// What the journal calls this run; nil until it is open.
    let run = Mutex<Identifier128?>(nil)
    let isStopping = Atomic<Bool>(false)
    /// The control thread has ended and will post nothing more.
    let hasControlEnded = Atomic<Bool>(false)
    /// Deadlines without a tick.
    let ticksMissed = Atomic<UInt64>(0)
    /// Why there is no real-time priority or locked memory; 0 if there is.
    let realtimeErrno = Atomic<Int32>(0)
    /// Rises with everything that the journal has taken: who follows the record looks here first.
    let recordVersion = Atomic<UInt64>(0)
}

/// A command's record on its way to the journal.
struct AnsweredCommand: Sendable {
    let answer: CommandAnswer
    let at: Instant
}

/// What the inbox said to a command.
struct AdmittedCommand: Sendable {
    let ticket: UInt32
    let admission: Admission
}
