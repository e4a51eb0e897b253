import JSON
import Units

/// How long busbar-uplink has been silent, by the file that it writes of itself. The daemon looks
/// there now and then; it asks nobody and waits for nobody.
struct UplinkWatch {
    private var lookAt = Instant.never
    /// When it last wrote; before anything was read, when the first look was made.
    private var heardAt: Instant?
    /// What is wrong with it as a program; nil while it writes.
    private(set) var problem: String?

    /// - Returns: whether it is time for a look; the caller then makes it.
    mutating func isDue(now: Instant) -> Bool {
        guard lookAt <= now else { return false }
        lookAt = now + Limits.uplinkLook
        return true
    }

    /// - Parameter answer: as `UplinkReport` gives it.
    mutating func note(_ answer: JSONValue, now: Instant) {
        problem = answer["problem"]?.string
        if let age = answer["age_ms"]?.int {
            heardAt = now - Milliseconds(age)
        } else if heardAt == nil {
            // It wrote before this boot, or never: counted from here, so that it has its time to
            // start in.
            heardAt = now
        }
    }

    /// The problem, once it has lasted; nil before.
    func silence(now: Instant) -> String? {
        guard let problem, let heardAt, now - heardAt > Limits.uplinkSilence else { return nil }
        return problem
    }
}

extension LocalServer {
    /// Nothing is told by an uplink that is dead, not even that it is: its silence is what tells.
    func watchUplink(now: Instant) {
        guard backend.expectsUplink, uplinkWatch.isDue(now: now) else { return }
        uplinkWatch.note(backend.uplinkStatus(), now: now)
        // What it found stands until it can say otherwise.
        if uplinkWatch.problem != nil { findings.keep(now: now) }
        guard let line = findings.note(silence: uplinkWatch.silence(now: now)) else { return }
        backend.noteFinding(line)
        backend.hold(.uplinkStalled, findings.stands(.uplinkStalled))
    }
}
