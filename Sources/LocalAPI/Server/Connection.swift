import Control
import Glibc
import JSON
import Units
import Wire

/// One client: what it has said, what it has not yet read, and what it is being answered.
final class Connection {
    let descriptor: Int32
    let peer: Peer
    let role: Role
    var input = LineBuffer()
    private var output: [UInt8] = []
    private var written = 0
    /// The call that is being answered. Only one at a time: the next line waits until it is done.
    var call: Call?
    /// Streams go on until the client hangs up.
    var stream: Stream?
    var badLines = 0
    /// Close once everything is written.
    var isEnding = false
    var isBroken = false
    var heardAt: Instant
    private var halfLineSince: Instant?
    private var unreadSince: Instant?

    /// Takes over `descriptor`, which must not block.
    init(descriptor: Int32, peer: Peer, role: Role, now: Instant) {
        self.descriptor = descriptor
        self.peer = peer
        self.role = role
        heardAt = now
    }

    deinit { close(descriptor) }

    var hasOutput: Bool { written < output.count }
    /// Whether more input is wanted: not while a call is open, so a client that asks faster than it
    /// can be answered waits in its own socket buffer.
    var wantsInput: Bool { call == nil && !isEnding && !isBroken }

    func send(_ bytes: [UInt8], now: Instant) {
        guard !isBroken else { return }
        guard output.count - written + bytes.count <= Limits.unreadBytes else {
            isBroken = true
            return
        }
        output.append(contentsOf: bytes)
        flush(now: now)
    }

    /// Writes what the socket takes.
    func flush(now: Instant) {
        while hasOutput, !isBroken {
            let count = output.withUnsafeBytes { bytes in
                Glibc.send(
                    descriptor, bytes.baseAddress! + written, bytes.count - written,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                written += count
                unreadSince = nil
            } else if count < 0 && errno == EINTR {
                continue
            } else if count < 0 && errno == EAGAIN {
                unreadSince = unreadSince ?? now
                return
            } else {
                isBroken = true
            }
        }
        output.removeAll(keepingCapacity: output.capacity <= Limits.lineBytes)
        written = 0
    }

    /// Reads at most `chunk` bytes, so that a flood from one client leaves time for the others.
    func receive(into chunk: inout [UInt8], now: Instant) {
        let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count > 0 {
            heardAt = now
            input.append(chunk[..<count])
            halfLineSince = input.hasHalfLine ? (halfLineSince ?? now) : nil
        } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
            isBroken = true
        }
    }

    /// To be called after lines were taken out.
    func noteLinesTaken(now: Instant) {
        halfLineSince = input.hasHalfLine ? now : nil
    }

    /// Whether the client has used up its patience with us, or we ours with it.
    func hasExpired(at now: Instant) -> Bool {
        if let since = unreadSince, now - since >= Limits.unreadTime { return true }
        if call != nil { return false }
        if let since = halfLineSince, now - since >= Limits.halfLineTime { return true }
        return stream == nil && now - heardAt >= Limits.idleTime
    }
}

/// A call whose answer needs something from the control thread.
struct Call {
    var request: RPCRequest
    var method: Method
    /// What a command from the cluster asks for, in its own word: it may be no method at all.
    var asked: String?
    var deadline: Instant
    /// What was asked of the controller, for a call that does.
    var command: Command?
    /// Under which number its result will come.
    var ticket: UInt32?
    var result: CommandResult?
    /// Whether the next snapshot was asked for after the call came, and so may answer it.
    var waitsForSnapshot = false
    /// Of a command from the cluster.
    var origin: CommandOrigin?
    /// After this it is not carried out any more.
    var expiry = Instant.never
    /// The uplink had no answer the last time, because one of the two was stopped: that it comes
    /// again is then no wonder.
    var isResent = false
    /// Whether the inbox has not yet said whether it takes the command.
    var waitsForInbox = false
}

/// What a stream sends next.
enum Stream {
    /// The state, each `period`.
    case watch(id: JSONValue, period: Milliseconds, next: Instant)
    /// Events after a place in the record, as they come.
    case events(id: JSONValue, query: EventQuery, next: Instant)
}
