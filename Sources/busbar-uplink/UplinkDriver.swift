import Glibc
import JSON
import LinuxHAL
import MQTT
import Site
import Units
import Uplink
import Wire

/// Does what the session asks for, and tells it what came of it: the only place of the uplink with
/// a clock, files and sockets.
struct UplinkDriver: ~Copyable {
    /// How often the credentials are looked at, in ms. A renewed certificate is in use that soon.
    private static let credentialsInterval = Milliseconds.seconds(5)
    private static let statusInterval = Milliseconds.seconds(1)
    /// Between two looks at when the certificates end, of which days are told.
    private static let termsInterval = Milliseconds.seconds(3_600)
    /// busbard keeps an image of its state about as often.
    private static let imageInterval = Milliseconds.seconds(10)
    /// What a connection's handshake or a page of the journal needed is not kept resident for
    /// longer; chosen, so that pages which come back cost less than a thousandth of a Pi's core.
    private static let memoryInterval = Milliseconds.seconds(5)
    /// A loop that was away for so long beyond its wait was stopped, with everything that it was
    /// waiting for.
    private static let absence = Milliseconds.seconds(5)

    private let arguments: Arguments
    private let port: UplinkPort
    private let device: String
    private let directory: StateDirectory
    private var queue: JournalQueue
    private var session: UplinkSession
    private var connection: MQTTConnection?
    private var tokens: [Int32: UInt64] = [:]
    /// What was subscribed, in the session's order, and the broker's answers so far.
    private var subscriptions: [(id: Int32, code: UInt8?)] = []
    private var post: LocalPost?
    /// Whether it was said that busbard is not reached.
    private var isTroubleSaid = false
    private var clock = MonotonicClock()
    private var fingerprint: FileFingerprint
    private var credentialsAt = Instant.never
    private var termsAt = Instant.never
    /// As the broker's certificate was when it was seen last.
    private var brokerTerm: CertificateTerm?
    private let startedAt: Instant
    private var pace: StatusPace
    private var statusAt = Instant.never
    private var imageAt = Instant.never
    private var memoryAt = Instant.never
    private var unsavedCursor: UplinkCursor?
    private var saidLast = ""
    private var lines = LastingLines()
    private var isOver = false

    init(
        _ arguments: Arguments, site: Site, port: UplinkPort, directory: StateDirectory
    ) throws(StartError) {
        self.arguments = arguments
        self.port = port
        self.directory = directory
        device = site.device
        queue = JournalQueue(directory: arguments.journal)
        post = arguments.socket.map(LocalPost.init)
        startedAt = clock.now()
        pace = StatusPace(isOnDisk: arguments.statusDirectory == nil)
        fingerprint = FileFingerprint(credentials: arguments.credentials)
        guard let guarantee = Guarantee(name: port.guarantee.rawValue) else {
            preconditionFailure("the site's words for the guarantee are the wire's")
        }
        guard let shard = Shard(port.shard ?? Int(Shard(device: site.device).number)) else {
            preconditionFailure("the site's reader checked the shard")
        }
        let settings = UplinkSettings(
            site: site.name, device: site.device, shard: shard, guarantee: guarantee,
            version: BusbarUplink.version, siteDigest: site.digest, boot: Self.boot,
            bytesPerSecondMax: port.bytesPerSecondMax, isHomeAssistant: port.isHomeAssistant)
        // Files that are wrong now may be right in a minute: it is said, and tried again.
        let keys = (try? Self.credentials(arguments, port))?.keys
        session = UplinkSession(
            settings: settings, keys: keys ?? UplinkKeys(acknowledgement: nil, command: nil),
            cursor: directory.readCursor(), seed: Identifier128.random().low)
    }

    /// Of the kernel; zero where it gives none.
    private static let boot: Identifier128 = {
        let bytes = SmallFile.read("/proc/sys/kernel/random/boot_id", limit: 64) ?? []
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return Identifier128(text: text) ?? Identifier128(high: 0, low: 0)
    }()

    private static func credentials(
        _ arguments: Arguments, _ port: UplinkPort
    ) throws(CredentialsError) -> Credentials {
        try Credentials(
            directory: arguments.credentials, isTLS: port.isTLS,
            needsAcknowledgements: port.guarantee == .kafka)
    }

    /// Until SIGTERM or SIGINT.
    mutating func run(stop: borrowing StopSignal, service: borrowing SystemdNotifier?) {
        var expected = clock.now()
        while !isOver {
            let now = clock.now()
            if now - expected > Self.absence { session.note(.resumed, now: now) }
            if stop.wasAsked() {
                service?.stopping()
                session.note(.stop, now: now)
            }
            lookAround(now: now)
            let until = doWhatIsAsked()
            if clock.now() - statusAt >= Self.statusInterval { writeStatus(service) }
            guard !isOver else { break }
            let pause = min(max(until - clock.now(), .zero), Self.statusInterval)
            expected = clock.now() + pause
            wait(Int32(pause.rawValue), stop.descriptor)
        }
        writeStatus(service)
    }

    /// What no event tells: the time of day, and whether files were changed.
    private mutating func lookAround(now: Instant) {
        let wall = clock.wall()
        let quality: ClockQuality =
            switch wall.quality {
            case .synced: .synced
            case .holdover: .holdover
            case .unsynced: .unsynced
            }
        session.note(
            .wall(WallTime(unixMilliseconds: wall.milliseconds, quality: quality)), now: now)
        if now - credentialsAt >= Self.credentialsInterval {
            credentialsAt = now
            let found = FileFingerprint(credentials: arguments.credentials)
            if found != fingerprint {
                fingerprint = found
                termsAt = .never
                Log.line("busbar-uplink: the credentials were changed; connecting anew")
                session.note(.credentialsChanged, now: now)
            }
        }
        if port.isTLS, now - termsAt >= Self.termsInterval {
            termsAt = now
            let own = TLSFiles(credentials: arguments.credentials).terms
            session.note(.certificates(own + [brokerTerm].compactMap { $0 }), now: now)
        }
        if port.isHomeAssistant, now - imageAt >= Self.imageInterval {
            imageAt = now
            if let image = queue.image() { session.note(.image(image), now: now) }
        }
        if now - memoryAt >= Self.memoryInterval { releaseMemory(now: now) }
        servePost(now: now)
        if let cursor = unsavedCursor { keep(cursor) }
    }

    /// Now and then, and before and after what only a connection needs: certificates, handshake and
    /// end touch 2 MB of program and libraries (measured), which must not come on top of what
    /// sending has touched.
    private mutating func releaseMemory(now: Instant) {
        memoryAt = now
        ProcessMemory.releaseProgramPages()
        ProcessMemory.releaseFreeHeap()
    }

    private mutating func servePost(now: Instant) {
        for reply in post?.serve(now: now.rawValue) ?? [] {
            if let error = reply.error {
                Log.line("busbar-uplink: busbard refused a message: \(error)")
            }
            if reply.isCommand {
                session.note(.commandAnswered(isTaken: reply.error == nil), now: now)
            }
        }
        let problem = post?.problem(now: now.rawValue)
        guard isTroubleSaid != (problem != nil) else { return }
        isTroubleSaid = problem != nil
        Log.line("busbar-uplink: \(problem ?? "busbard is reached again")")
    }

    /// - Returns: when the session wants to be asked again.
    private mutating func doWhatIsAsked() -> Instant {
        while true {
            let now = clock.now()
            switch session.action(now: now) {
            case .connect(let will): connect(will, now: now)
            case .disconnect:
                connection?.disconnect()
                connection = nil
                tokens = [:]
                session.note(.disconnected(.asked), now: now)
            case .subscribe(let topics): subscribe(topics, now: now)
            case .publish(let publication): publish(publication, now: now)
            case .readState(let known):
                do throws(QueueError) {
                    session.note(.queueState(try queue.state(after: known)), now: now)
                } catch {
                    session.note(.queueFailed(error), now: now)
                }
            case .readPage(let lane, let from, let maxEvents, let maxBytes):
                do throws(QueueError) {
                    let page = try queue.page(
                        of: lane, from: from, maxEvents: maxEvents, maxBytes: maxBytes)
                    session.note(.page(page), now: now)
                } catch {
                    session.note(.queueFailed(error), now: now)
                }
            case .saveCursor(let cursor): keep(cursor)
            case .submit(let command): submit(command, now: now)
            case .report(let finding):
                if let line = lines.line(of: finding) { Log.line("busbar-uplink: \(line)") }
                post?.call("uplink.finding", finding.json)
            case .wait(let until): return until
            case .stopped:
                isOver = true
                return now
            }
        }
    }

    private mutating func submit(_ command: SignedCommand, now: Instant) {
        guard post != nil else {
            Log.line(
                "busbar-uplink: a command was not handed on: started without --socket, nobody here "
                    + "can carry it out")
            session.note(.commandAnswered(isTaken: false), now: now)
            return
        }
        post?.call("uplink.command", command.json, isCommand: true)
    }

    private mutating func keep(_ cursor: UplinkCursor) {
        let failure = directory.save(cursor)
        if let failure, unsavedCursor == nil {
            Log.line("busbar-uplink: the cursor is not kept: \(failure): it is tried again")
        }
        unsavedCursor = failure == nil ? nil : cursor
    }

    // MARK: - The broker

    private mutating func connect(_ will: Publication, now: Instant) {
        connection = nil
        tokens = [:]
        releaseMemory(now: now)
        do throws(CredentialsError) {
            fingerprint = FileFingerprint(credentials: arguments.credentials)
            let credentials = try Self.credentials(arguments, port)
            session.replace(credentials.keys)
            var settings = MQTTSettings(
                host: port.host, port: port.port, clientID: "\(device)-uplink",
                tls: credentials.tls)
            settings.keepAliveSeconds = Int32(port.keepAlive)
            settings.will = message(will)
            do throws(MQTTError) { connection = try MQTTConnection(settings) } catch {
                throw CredentialsError(error.description)
            }
        } catch {
            session.note(.connectFailed(.credentials(error.text)), now: now)
        }
    }

    /// Each topic by itself, because their options differ. A command that is published as retained
    /// must look so to those who are there already, or they would take what all others refuse. A
    /// hello must not: that it comes fresh is what tells of a bridge that has just begun.
    private mutating func subscribe(_ topics: [String], now: Instant) {
        guard let connection else { return }
        let command = Topics.command(device: device)
        subscriptions = []
        do throws(MQTTError) {
            for topic in topics {
                let id = try connection.subscribe([topic], keepsRetainedFlag: topic == command)
                subscriptions.append((id, nil))
            }
        } catch {
            Log.line("busbar-uplink: \(error)")
            session.note(.subscribed(reasonCodes: topics.map { _ in 0x80 }), now: now)
        }
    }

    private mutating func noteSubscribed(_ id: Int32, _ codes: [UInt8], now: Instant) {
        guard let index = subscriptions.firstIndex(where: { $0.id == id }) else { return }
        subscriptions[index].code = codes.first ?? 0x80
        let answers = subscriptions.compactMap(\.code)
        guard answers.count == subscriptions.count else { return }
        session.note(.subscribed(reasonCodes: answers), now: now)
    }

    private mutating func publish(_ publication: Publication, now: Instant) {
        guard let connection else { return }
        do throws(MQTTError) {
            tokens[try connection.publish(message(publication))] = publication.token
        } catch {
            Log.line("busbar-uplink: \(error)")
            // As the broker would say it of a message that it cannot take.
            session.note(.published(token: publication.token, reasonCode: 0x95), now: now)
        }
    }

    private func message(_ publication: Publication) -> MQTTMessage {
        MQTTMessage(
            topic: publication.topic, payload: publication.payload,
            qualityOfService: publication.qualityOfService, isRetained: publication.isRetained,
            contentType: publication.contentType)
    }

    private mutating func wait(_ milliseconds: Int32, _ stop: Int32) {
        let others = [stop, post?.descriptor ?? -1].filter { $0 >= 0 }
        guard let connection else {
            var watched = others.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            _ = poll(&watched, nfds_t(watched.count), milliseconds)
            return
        }
        for event in connection.poll(milliseconds: milliseconds, waking: others) {
            note(event, now: clock.now())
        }
    }

    private mutating func note(_ event: MQTTEvent, now: Instant) {
        switch event {
        case .connected(let receiveMaximum, let isSessionPresent):
            Log.line("busbar-uplink: connected to \(port.host):\(port.port)")
            brokerTerm = connection?.brokerTerm
            termsAt = .never
            session.note(
                .connected(receiveMaximum: receiveMaximum, isSessionPresent: isSessionPresent),
                now: now)
            releaseMemory(now: now)
        case .connectFailed(let failure):
            connection = nil
            session.note(.connectFailed(ConnectFailure(failure)), now: now)
            releaseMemory(now: now)
        case .disconnected(let failure):
            connection = nil
            tokens = [:]
            session.note(.disconnected(DisconnectReason(failure)), now: now)
            releaseMemory(now: now)
        case .published(let id, let code):
            guard let token = tokens.removeValue(forKey: id) else { return }
            session.note(.published(token: token, reasonCode: code), now: now)
        case .subscribed(let id, let codes):
            noteSubscribed(id, codes, now: now)
        case .message(let message):
            session.note(
                .message(
                    topic: message.topic, payload: message.payload,
                    isRetained: message.isRetained), now: now)
        }
    }

    // MARK: - What is told

    private mutating func writeStatus(_ service: borrowing SystemdNotifier?) {
        let now = clock.now()
        statusAt = now
        service?.alive()
        let status = session.status(now: now)
        let said =
            status.explanation ?? "guarantee \(status.guarantee.name), \(status.state.rawValue)"
        if said != saidLast {
            saidLast = said
            service?.status(said)
        }
        // Sending and idle alternate; only what keeps it from sending is worth a line.
        if let line = lines.line(reason: status.explanation) { Log.line("busbar-uplink: \(line)") }
        let problem = post?.problem(now: now.rawValue)
        guard pace.isDue(status, localProblem: problem, now: now) || isOver else { return }
        let process = UplinkProcess(
            period: pace.period, startedAt: startedAt, writtenBytes: ProcessWrites.bytes(),
            localProblem: problem, localWaiting: post?.waiting ?? 0,
            localDropped: post?.dropped ?? 0)
        let document = status.document(
            broker: "\(port.host):\(port.port)", boot: Self.boot.text, process: process,
            unixMilliseconds: clock.wall().milliseconds, bootMilliseconds: now.rawValue)
        if let failure = directory.save(status: document.serializedBytes()) {
            Log.line("busbar-uplink: the status is not written: \(failure)")
        }
    }
}

extension ConnectFailure {
    init(_ failure: MQTTFailure) {
        switch failure {
        case .unreachable(let why): self = .unreachable(why)
        case .refused(let code): self = .refused(code)
        case .certificateExpired: self = .certificateExpired
        case .certificateNotYetValid: self = .certificateNotYetValid
        case .nameMismatch: self = .nameMismatch
        case .unknownAuthority: self = .unknownAuthority
        case .ownCertificateRefused(let why): self = .ownCertificateRefused(why)
        case .tls(let why): self = .tls(why)
        case .credentials(let why): self = .credentials(why)
        case .keepAlive: self = .unreachable("it took the connection and says nothing")
        case .asked: self = .unreachable("the connection was given up")
        }
    }
}

extension DisconnectReason {
    init(_ failure: MQTTFailure) {
        switch failure {
        case .refused(let code): self = .byBroker(code)
        case .keepAlive: self = .keepAlive
        case .asked: self = .asked
        case .unreachable, .certificateExpired, .certificateNotYetValid, .nameMismatch,
            .unknownAuthority, .ownCertificateRefused, .tls, .credentials:
            self = .lost(failure.description)
        }
    }
}

extension SignedCommand {
    /// As it came, for busbard's socket.
    fileprivate var json: JSONValue { (try? JSONValue.parse(encoded())) ?? .null }
}
