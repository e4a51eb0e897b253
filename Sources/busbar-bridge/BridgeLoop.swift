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
    /// Doubles with each failure: 1 s to 30 s.
    private var pause = Milliseconds.seconds(1)
    /// Messages that are read and for which the session has no room yet.
    private var waiting: [MessageReading] = []
    private var subscription: Int32?
    private var isFinished = false

    init(
        settings: BridgeSettings, broker: MQTTSettings, reading: ReadingThread, sink: KafkaSink,
        board: HealthBoard
    ) {
        session = BridgeSession(settings: settings)
        self.broker = broker
        self.reading = reading
        self.sink = sink
        self.board = board
    }

    /// Returns once a stop was asked for and everything is finished that could be.
    mutating func run(until stop: borrowing StopSignal) {
        var isStopping = false
        while !isFinished {
            let now = clock.now()
            if connection == nil, !isStopping, nextAttempt <= now { connect(now) }
            let until = act()
            board.post(session.snapshot(now: clock.now()))
            for line in session.takeNotices() + sink.takeLines() { Log.line(line) }
            if isFinished { break }
            takeIn(waitingUntil: until, stop: stop.descriptor)
            if !isStopping, stop.wasAsked() {
                isStopping = true
                Log.line("busbar-bridge: stopping; waiting for the cluster's reports")
                session.noteStop(now: clock.now())
            }
        }
        connection?.disconnect()
    }

    /// Does what the session says, and returns until when it then waits.
    private mutating func act() -> Instant {
        // The time of day once: asking for it, and whether it is right, is a call into the kernel.
        let wall = wall()
        while true {
            switch session.action(now: clock.now(), wall: wall) {
            case .subscribe(let topics): subscribe(topics)
            case .unsubscribe(let topics): unsubscribe(topics)
            case .publish(let publication): publish(publication)
            case .send(let record, let token):
                if !sink.send(record, token: token) {
                    session.noteSinkFull(token, now: clock.now())
                }
            case .wait(let until): return until
            case .finished:
                isFinished = true
                return clock.now()
            }
        }
    }

    private mutating func takeIn(waitingUntil until: Instant, stop: Int32) {
        let now = clock.now()
        var wait = Int32(clamping: max(0, (until - now).rawValue))
        // Without room nothing is read from the broker: TCP holds it back, and the devices their
        // events. 5 s at most go by so, since the connection must be kept alive.
        if reading.hasRoom, waiting.isEmpty || session.hasRoom, let connection {
            let others = [stop, sink.descriptor, reading.descriptor]
            for event in connection.poll(milliseconds: waiting.isEmpty ? wait : 0, waking: others) {
                note(event)
            }
            wait = 0
        } else if connection == nil {
            wait = min(wait, Int32(clamping: max(0, (nextAttempt - now).rawValue)))
        }
        handOver()
        for report in sink.poll(milliseconds: min(wait, 100)) {
            session.note(report, now: clock.now())
        }
        handOver()
        session.note(sink.guarantee)
        session.note(sinkTrouble: sink.trouble)
    }

    /// Messages go into the session in the order in which they came, as far as there is room.
    private mutating func handOver() {
        waiting += reading.take()
        var count = 0
        while count < waiting.count, session.hasRoom {
            session.note(waiting[count], now: clock.now())
            count += 1
        }
        waiting.removeFirst(count)
    }

    private mutating func note(_ event: MQTTEvent) {
        switch event {
        case .connected:
            Log.line("connected to the MQTT broker \(broker.host):\(broker.port)")
            pause = .seconds(1)
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
        case .published: break
        }
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
        Log.line("\(reason). Trying again in \(pause.rawValue / 1_000) s")
        connection = nil
        subscription = nil
        waiting.removeAll()
        reading.discard()
        session.noteDisconnected()
        nextAttempt = clock.now() + pause
        pause = min(pause + pause, .seconds(30))
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
            subscription = try connection?.subscribe(topics)
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
            _ = try connection?.publish(
                MQTTMessage(
                    topic: publication.topic, payload: publication.payload,
                    isRetained: publication.isRetained, contentType: "application/json"))
        } catch {
            // An acknowledgement or a hello that is lost is said again when the device sends again.
            lose("\(error)")
        }
    }
}
