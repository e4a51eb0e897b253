import Bridge
import HAL
import Kafka
import LinuxHAL
import MQTT
import Units
import Wire

/// The bridge's loop: what comes from the broker and from the cluster goes into the
/// session, and what the session says is done. It decides nothing.
struct BridgeLoop {
    private let broker: MQTTSettings
    private let reading: ReadingThread
    private let sink: KafkaSink
    private let board: HealthBoard
    private var session: BridgeSession
    private var clock = MonotonicClock()

    private var connection: MQTTConnection?
    private var nextAttempt = Instant.never
    private var pause = ReconnectPause()
    /// Why there is no connection, as the log has it. Said once: it is tried every few seconds.
    private var lossTold: String?
    /// Messages that are read and for which the session has no room yet.
    private var waiting: [MessageReading] = []
    /// Since when the session has had no room; nil while it has.
    private var noRoomSince: Instant?
    /// What the broker has not answered to, by the library's numbers.
    private var published: [Int32: BridgeSession.Publication] = [:]
    private var subscription: Int32?
    /// Of the files of `broker.tls`, when they were looked at last.
    private var certificate: FileFingerprint
    private var certificateLook = Instant.never
    private var termsLook = Instant.never
    private var certificateDays: [(role: CertificateTerm.Role, days: Int64)] = []
    private var brokerTerm: CertificateTerm?
    /// What was said of certificates that end soon.
    private var termsSaid = ""
    private var isStopping = false
    private var isFinished = false

    /// Without room nothing is read for so long. 5 s: a leader's election takes about one, and the
    /// keep-alive of 30 s is far away.
    private static let holdMax = Milliseconds.seconds(5)
    /// How often that is looked at, in ms, when nothing else happens.
    private static let holdLookMax: Int32 = 100
    /// How long the broker may take to confirm what was said last, 2 s, and then to read the
    /// farewell, 1 s: both chosen, for a broker that runs needs a hundredth.
    private static let confirmMax = Milliseconds.seconds(2)
    private static let lingerMax: Int32 = 1_000
    /// A renewed certificate is in use that soon. 5 s, as in the uplink.
    private static let certificateInterval = Milliseconds.seconds(5)
    /// Between two looks at when the certificates end, of which days are told.
    private static let termsInterval = Milliseconds.seconds(3_600)

    init(
        settings: BridgeSettings, broker: MQTTSettings, reading: ReadingThread, sink: KafkaSink,
        board: HealthBoard
    ) {
        session = BridgeSession(settings: settings)
        self.broker = broker
        self.reading = reading
        self.sink = sink
        self.board = board
        certificate = Self.certificate(broker)
    }

    /// Returns once a stop was asked for and everything is finished that could be.
    mutating func run(until stop: borrowing StopSignal) {
        while !isFinished {
            let now = clock.now()
            if !isStopping { lookAtCertificate(now) }
            lookAtTerms(now)
            if connection == nil, !isStopping, nextAttempt <= now { connect(now) }
            let until = act()
            var snapshot = session.snapshot(now: clock.now())
            snapshot.certificateDays = certificateDays
            board.post(snapshot)
            for line in session.takeNotices() + sink.takeLines() { Log.line(line) }
            if isFinished { break }
            takeIn(waitingUntil: until, stop: stop.descriptor)
            if !isStopping, stop.wasAsked() {
                isStopping = true
                Log.line("busbar-bridge: stopping; waiting for the cluster's reports")
                session.noteStop(now: clock.now())
            }
        }
        leave()
    }

    /// Does what the session says, and returns until when it then waits.
    private mutating func act() -> Instant {
        // The time of day once: asking for it, and whether it is right, is a call into the kernel.
        let wall = wall()
        let now = clock.now()
        while true {
            switch session.action(now: now, wall: wall) {
            case .subscribe(let topics): subscribe(topics)
            case .unsubscribe(let topics): unsubscribe(topics)
            case .publish(let publication): publish(publication)
            case .send(let record, let token):
                if !sink.send(record, token: token) { session.noteSinkFull(token, now: now) }
            case .wait(let until): return until
            case .finished:
                isFinished = true
                return now
            }
        }
    }

    private mutating func takeIn(waitingUntil until: Instant, stop: Int32) {
        let now = clock.now()
        let due = connection == nil ? min(until, nextAttempt) : until
        let wait = Int32(clamping: max(0, (due - now).rawValue))
        let others = [stop, sink.descriptor, reading.descriptor]
        if reading.hasRoom, let connection, !isHoldingBack(now) {
            for event in connection.poll(milliseconds: waiting.isEmpty ? wait : 0, waking: others) {
                note(event)
            }
        } else {
            // Without room nothing is read from the broker, and yet the wait must end when there is
            // some again: a record was reported on, or a message was read.
            Doorbell.wait(for: others, milliseconds: min(wait, Self.holdLookMax))
        }
        handOver()
        let reports = sink.poll(milliseconds: 0)
        let reported = clock.now()
        for report in reports { session.note(report, now: reported) }
        handOver()
        session.note(sink.guarantee)
        session.note(sinkTrouble: sink.trouble)
    }

    /// Without room nothing is read from the broker for a moment: TCP holds it back, and the
    /// devices their events. For longer that would end the connection, which has to be kept alive;
    /// then what comes is read, and the session leaves it to the devices to send it again.
    private mutating func isHoldingBack(_ now: Instant) -> Bool {
        guard !session.hasRoom, !isStopping else {
            noRoomSince = nil
            return false
        }
        let since = noRoomSince ?? now
        noRoomSince = since
        return now - since < Self.holdMax
    }

    /// Messages go into the session in the order in which they came, as long as it is not better
    /// that they wait.
    private mutating func handOver() {
        waiting += reading.take()
        var count = 0
        while count < waiting.count {
            let now = clock.now()
            guard !isHoldingBack(now) else { break }
            session.note(waiting[count], now: now)
            count += 1
        }
        waiting.removeFirst(count)
    }

    private mutating func note(_ event: MQTTEvent) {
        switch event {
        case .connected:
            Log.line("connected to the MQTT broker \(broker.host):\(broker.port)")
            pause.reset()
            lossTold = nil
            brokerTerm = connection?.brokerTerm
            termsLook = .never
            session.noteConnected()
        case .connectFailed(let failure):
            lose("cannot connect to the MQTT broker \(broker.host):\(broker.port): \(failure)")
        case .disconnected(let failure):
            lose("lost the MQTT broker \(broker.host):\(broker.port): \(failure)")
        case .subscribed(let id, let codes):
            guard id == subscription else { return }
            let refused = codes.first { $0 >= 0x80 }
            session.noteSubscribed(
                refusal: refused.map { "reason 0x\(String($0, radix: 16))" })
        case .message(let message): reading.put(message, wall: wall())
        case .published(let id, let code):
            guard let publication = published.removeValue(forKey: id) else { return }
            session.notePublished(publication, reasonCode: code, now: clock.now())
        }
    }

    private static func certificate(_ broker: MQTTSettings) -> FileFingerprint {
        FileFingerprint(
            paths: broker.tls.map { [$0.authority, $0.certificate, $0.key] } ?? [])
    }

    /// What the files say counts from the next connection on.
    private mutating func lookAtCertificate(_ now: Instant) {
        guard now - certificateLook >= Self.certificateInterval else { return }
        certificateLook = now
        let found = Self.certificate(broker)
        guard found != certificate else { return }
        certificate = found
        termsLook = .never
        Log.line("the certificate files were changed; connecting to the MQTT broker anew")
        connection?.disconnect(lingering: Self.lingerMax)
        forgetConnection()
        pause.reset()
        nextAttempt = now
    }

    /// The words change with the days that are left, so each day is told once.
    private mutating func lookAtTerms(_ now: Instant) {
        guard let files = broker.tls, now - termsLook >= Self.termsInterval else { return }
        termsLook = now
        let terms = files.terms + [brokerTerm].compactMap { $0 }
        let time = wall().unixMilliseconds
        certificateDays = terms.map { ($0.role, $0.daysLeft(unixMilliseconds: time)) }
        let text = terms.compactMap { $0.warning(unixMilliseconds: time) }.joined(separator: "; ")
        guard text != termsSaid else { return }
        termsSaid = text
        Log.line(text.isEmpty ? "all certificates hold for a month or longer" : text)
    }

    private mutating func connect(_ now: Instant) {
        var settings = broker
        let will = BridgeSession.will(session.settings, wall: wall())
        settings.will = MQTTMessage(
            topic: will.topic, payload: will.payload, isRetained: will.isRetained)
        do throws(MQTTError) {
            connection = try MQTTConnection(settings)
        } catch {
            lose("cannot connect to the MQTT broker: \(error)")
        }
    }

    private mutating func lose(_ reason: String) {
        if reason != lossTold {
            lossTold = reason
            let stop = reason.hasSuffix(".") ? "" : "."
            let most = ReconnectPause.most.rawValue / 1_000
            Log.line("\(reason)\(stop) Trying again, at least every \(most) s")
        }
        forgetConnection()
        nextAttempt = clock.now() + pause.span
        pause.failed()
    }

    private mutating func forgetConnection() {
        connection = nil
        subscription = nil
        waiting.removeAll()
        reading.discard()
        published.removeAll()
        session.noteDisconnected()
    }

    private mutating func wall() -> Wire.WallTime {
        let wall = clock.wall()
        let quality: Wire.ClockQuality =
            switch wall.quality {
            case .synced: .synced
            case .holdover: .holdover
            case .unsynced: .unsynced
            }
        return Wire.WallTime(unixMilliseconds: wall.milliseconds, quality: quality)
    }

    private mutating func subscribe(_ topics: [String]) {
        do throws(MQTTError) {
            // With the flag of those that are published while we are here, too: events are never
            // to be retained.
            subscription = try connection?.subscribe(topics, keepsRetainedFlag: true)
        } catch {
            lose("\(error)")
        }
    }

    private mutating func unsubscribe(_ topics: [String]) {
        do throws(MQTTError) {
            try connection?.unsubscribe(topics)
        } catch {
            Log.line("\(error); leaving without it")
        }
    }

    private mutating func publish(_ publication: BridgeSession.Publication) {
        do throws(MQTTError) {
            let id = try connection?.publish(
                MQTTMessage(
                    topic: publication.topic, payload: publication.payload,
                    isRetained: publication.isRetained, contentType: "application/json"))
            if let id { published[id] = publication }
        } catch {
            // An acknowledgement or a hello that is lost is said again when the device sends again.
            lose("\(error)")
        }
    }
    /// Ends the connection when the broker has what was said last: acknowledgements, and the hello
    /// that says that it was stopped. What devices send meanwhile they send again.
    private mutating func leave() {
        guard let connection else { return }
        let deadline = clock.now() + Self.confirmMax
        while connection.hasUnconfirmed, !connection.hasEnded, clock.now() < deadline {
            let rest = Int32(clamping: (deadline - clock.now()).rawValue)
            for event in connection.poll(milliseconds: max(0, rest)) {
                if case .published = event { note(event) }
            }
        }
        if connection.hasUnconfirmed {
            Log.line(
                "the MQTT broker has not confirmed what the bridge said last. Devices learn from "
                    + "the next bridge, or by their time-outs, that this one is gone")
        }
        connection.disconnect(lingering: Self.lingerMax)
        for line in session.takeNotices() { Log.line(line) }
    }
}
