public import Units

/// What a client may ask of the server. All chosen, generous for people and small for the device.
public enum Limits {
    /// Open connections in all. A device has one or two people at it.
    public static let connections = 64
    /// Of one user, so that nobody can lock the others out.
    public static let connectionsOfOneUser = 32
    /// The longest request is a few hundred bytes.
    public static let lineBytes = 64 * 1_024
    /// Lines that are no request, after which the connection is closed.
    public static let badLines = 3
    /// Output that a client has not read. An answer has 64 KiB at most but for long lists.
    public static let unreadBytes = 1 << 20
    /// How long a client may leave output unread.
    public static let unreadTime = Milliseconds(10_000)
    /// How long half a line may wait for its other half.
    public static let halfLineTime = Milliseconds(10_000)
    /// How long a connection may say nothing, unless it watches.
    public static let idleTime = Milliseconds(300_000)
    /// How long the control loop has to take a command: 20 ticks of 100 ms.
    public static let commandTime = Milliseconds(2_000)
    /// How long a command may wait for the control loop to take it. It is dropped then, so that
    /// nothing is done that its caller has given up; the rest of `commandTime` is for saying so.
    public static let commandWait = Milliseconds(1_500)
    /// How long a command of the cluster may wait for the inbox: a card may stand still for
    /// seconds, and what has waited longer than this is carried out for nobody.
    public static let inboxTime = Milliseconds(30_000)
    /// The longest text of a finding: two sentences and a topic.
    public static let findingBytes = 1_000
    /// Between two lines in the log for one kind of finding; the rest is counted.
    public static let findingPeriod = Milliseconds(10_000)
    /// A lasting finding is told again every five minutes; thrice unheard, it is held no longer.
    public static let findingLife = Milliseconds(900_000)
    /// An uplink that has been silent for longer is a cause of E803: chosen, for an update of its
    /// program takes a minute, and a stall that it has told must not be let go of before.
    public static let uplinkSilence = Milliseconds(300_000)
    /// Between two looks at whether it is: a small file, read every ten seconds.
    public static let uplinkLook = Milliseconds(10_000)
    /// Refusals of one user that go to the record one by one in each period; others are counted.
    public static let refusalsTold = 10
    public static let refusalPeriod = Milliseconds(60_000)
    /// Rows in one answer.
    public static let rows = 1_000
    /// How far back the alarm measures may go: 100,000 days, what `--since` can say.
    public static let performanceSpan = Milliseconds(100_000 * 86_400_000)
    /// How long an alarm may be hidden: the controller's own limit (alarms and events, shelved).
    public static let shelf = Milliseconds(12 * 3_600_000)
    /// Refused users that are remembered, so that each raises its alarm once.
    public static let refusedUsers = 256
}
