// What the local API and the journal say to each other about the cluster's commands. The inbox is
// a table of the journal: it knows each command by its id before anything is done for it.

/// A command of the cluster, checked and on its way into the inbox.
public struct ReceivedCommand: Hashable, Sendable {
    public var origin: CommandOrigin
    /// The number that the local API gave to it.
    public var ticket: UInt32
    /// "heating.start".
    public var method: String
    /// As they will stand in the answer: one JSON object.
    public var parameters: [UInt8]
    /// Who brought it, by the kernel's word for the peer of the connection.
    public var userID: UInt32
    /// The system's name for that user.
    public var user: String
    /// By the cluster's clock, milliseconds since 1970.
    public var issuedUnixMilliseconds: Int64
    /// After this it is not carried out any more.
    public var expiresUnixMilliseconds: Int64

    public init(
        origin: CommandOrigin, ticket: UInt32, method: String, parameters: [UInt8],
        userID: UInt32, user: String, issuedUnixMilliseconds: Int64,
        expiresUnixMilliseconds: Int64
    ) {
        self.origin = origin
        self.ticket = ticket
        self.method = method
        self.parameters = parameters
        self.userID = userID
        self.user = user
        self.issuedUnixMilliseconds = issuedUnixMilliseconds
        self.expiresUnixMilliseconds = expiresUnixMilliseconds
    }
}

/// How the cluster names a command.
public struct CommandOrigin: Hashable, Sendable {
    /// New for each command.
    public var id: Identifier128
    /// Who asked there.
    public var by: String
    /// Whether the inbox has taken it in: its answer is then the one that the inbox keeps. Not so
    /// for a repetition, nor for what was refused at the door.
    public var isAdmitted: Bool

    public init(id: Identifier128, by: String, isAdmitted: Bool = false) {
        self.id = id
        self.by = by
        self.isAdmitted = isAdmitted
    }
}

/// What the inbox says to a command. Only `admitted` is ever carried out, and no id gets that word
/// twice.
public enum Admission: Hashable, Sendable {
    /// It is on the disk, so it may be carried out now.
    case admitted
    /// The id was taken before; with what came of it then, if that is known yet.
    case repeated(Outcome?)
    /// Ids that expired so long ago have been forgotten, so nobody can tell whether this one was
    /// taken before: the clock went back, or it is a replay.
    case forgotten
    /// It was signed before this inbox began, in which it would stand if it was carried out then:
    /// the journal is new, was put aside, or is an old copy.
    case beforeInbox
    /// So many wait for their expiry already.
    case full(Int)
    /// The journal could not take it; in its words.
    case failed(String)

    /// What came of a command the first time.
    public struct Outcome: Hashable, Sendable {
        public var result: CommandAnswer.Result
        public var refusal: String?

        public init(result: CommandAnswer.Result, refusal: String?) {
            self.result = result
            self.refusal = refusal
        }
    }
}
