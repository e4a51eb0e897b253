import CMosquitto
import Glibc
public import Wire

/// One connection to a broker, from its making to its end: MQTT 5, TLS 1.3 with certificates on
/// both sides. A new connection is a new instance, with the certificate files as they are then.
///
/// Everything happens within `poll`, on the caller's thread; the library starts none. What comes is
/// handed out as values, so no callback ever runs in the midst of the caller's state. The library
/// confirms a message before anybody has seen it (libmosquitto 2.0.11): what must not be lost needs
/// an acknowledgement of its own.
///
/// Not for two threads. Looking up the broker's name may block for as long as the resolver does.
public final class MQTTConnection {
    private enum Phase { case connecting, connected, ended }

    private let handle: OpaquePointer
    private let certificate: BrokerCertificate?
    private let files: TLSFiles?
    private let address: String
    private var phase = Phase.connecting
    private var events: [MQTTEvent] = []
    /// Numbers of what the broker has not confirmed.
    private var unconfirmed: Set<Int32> = []
    /// The last complaints of the library, oldest first.
    private var complaints: [String] = []
    private static let complaintsMax = 8

    /// Begins to connect. The answer comes from `poll`.
    ///
    /// - Throws: if what is asked cannot be, as a file that is not there.
    public init(_ settings: MQTTSettings) throws(MQTTError) {
        Self.prepareLibrary
        files = settings.tls
        address = "\(settings.host):\(settings.port)"
        certificate = settings.tls == nil ? nil : try BrokerCertificate(host: settings.host)
        guard let handle = mosquitto_new(settings.clientID, true, nil) else {
            throw MQTTError(
                "no MQTT client can be made for \"\(settings.clientID)\": "
                    + String(cString: strerror(errno)))
        }
        self.handle = handle
        mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
        setCallbacks()
        try set(MOSQ_OPT_PROTOCOL_VERSION, Int32(MQTT_PROTOCOL_V5))
        try set(MOSQ_OPT_RECEIVE_MAXIMUM, Int32(settings.receiveMaximum))
        try set(MOSQ_OPT_SEND_MAXIMUM, Int32(settings.sendMaximum))
        try set(MOSQ_OPT_TCP_NODELAY, 1)
        if let tls = settings.tls { try set(tls) }
        if let will = settings.will { try set(will) }
        begin(settings)
    }

    deinit { mosquitto_destroy(handle) }

    /// Once for the process; it is never cleaned up, for the next connection needs it again.
    private static let prepareLibrary: Void = { mosquitto_lib_init() }()

    /// For `poll(2)` beside other descriptors; -1 when there is none.
    public var socket: Int32 { mosquitto_socket(handle) }
    public var hasEnded: Bool { phase == .ended }
    /// Until when the broker's certificate holds; nil before it was seen, and without TLS.
    public var brokerTerm: CertificateTerm? {
        certificate?.end.map { CertificateTerm(role: .broker, name: address, endsAt: $0) }
    }
    /// Whether the broker still owes a confirmation of something published or unsubscribed.
    public var hasUnconfirmed: Bool { !unconfirmed.isEmpty }

    // MARK: - Use

    /// Reads and writes what can be, waits at most `milliseconds` for it, and hands out what came.
    ///
    /// - Parameter waking: descriptors of others; the wait ends when one is readable.
    public func poll(milliseconds: Int32, waking others: [Int32] = []) -> [MQTTEvent] {
        var watched = others.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let socket = socket
        if phase != .ended, socket >= 0 {
            let wish = Int16(POLLIN) | (wantsWrite ? Int16(POLLOUT) : 0)
            watched.append(pollfd(fd: socket, events: wish, revents: 0))
        }
        let isPending = !events.isEmpty || hasDecryptedBytes
        _ = Glibc.poll(&watched, nfds_t(watched.count), isPending ? 0 : milliseconds)
        if phase != .ended { serve(watched.last.flatMap { $0.fd == socket ? $0.revents : nil }) }
        defer { events = [] }
        return events
    }

    private func serve(_ ready: Int16?) {
        let ready = Int32(ready ?? 0)
        let isReadable = ready & (POLLIN | POLLHUP | POLLERR) != 0 || hasDecryptedBytes
        if isReadable { check(mosquitto_loop_read(handle, Self.packetsAtOnce)) }
        if phase != .ended, ready & POLLOUT != 0 {
            check(mosquitto_loop_write(handle, Self.packetsAtOnce))
        }
        // A connection that was refused. TLS has taken the error off the socket, and the library
        // waits for bytes that never come: each wait would end at once, for as long as it is let.
        if phase == .connecting, ready & (POLLERR | POLLHUP) != 0, hasNothingToRead {
            end(.connectFailed(.unreachable(Self.nobodyListens)))
        }
        // Pings, and the end of a connection that does not answer them.
        if phase != .ended { check(mosquitto_loop_misc(handle)) }
    }

    private static let nobodyListens = "nobody listens there: is the broker running?"

    /// Bounds what one `poll` hands out.
    private static let packetsAtOnce: Int32 = 64

    /// - Returns: the number that `.published` will carry.
    /// - Throws: if the library takes no message such as this. A lost connection is no error here;
    ///   the message is lost with it, and `.disconnected` follows.
    public func publish(_ message: MQTTMessage) throws(MQTTError) -> Int32 {
        var id: Int32 = 0
        var properties: OpaquePointer?
        if let type = message.contentType {
            mosquitto_property_add_string(&properties, Int32(MQTT_PROP_CONTENT_TYPE.rawValue), type)
        }
        defer { mosquitto_property_free_all(&properties) }
        let result = mosquitto_publish_v5(
            handle, &id, message.topic, Int32(message.payload.count), message.payload,
            Int32(message.qualityOfService), message.isRetained, properties)
        try demand(result, "publish to \(message.topic)")
        // One of quality 0 has its event already, and no confirmation comes.
        if message.qualityOfService > 0 { unconfirmed.insert(id) }
        return id
    }

    /// - Parameter keepsRetainedFlag: whether a message that is published as a retained one while
    ///   we are here comes as such. Without it only those do that were there before.
    /// - Returns: the number that `.subscribed` will carry.
    public func subscribe(
        _ topics: [String], qualityOfService: UInt8 = 1, keepsRetainedFlag: Bool = false
    ) throws(MQTTError) -> Int32 {
        let options = keepsRetainedFlag ? Int32(MQTT_SUB_OPT_RETAIN_AS_PUBLISHED.rawValue) : 0
        var id: Int32 = 0
        var names: [UnsafeMutablePointer<CChar>?] = topics.map { strdup($0) }
        defer { for name in names { free(name) } }
        let result = names.withUnsafeMutableBufferPointer { names in
            mosquitto_subscribe_multiple(
                handle, &id, Int32(names.count), names.baseAddress!, Int32(qualityOfService),
                options, nil)
        }
        try demand(result, "subscribe to \(topics.joined(separator: ", "))")
        return id
    }

    /// The broker's confirmation is not handed out, but `hasUnconfirmed` waits for it: what is
    /// under way may still come.
    public func unsubscribe(_ topics: [String]) throws(MQTTError) {
        for topic in topics {
            var id: Int32 = 0
            try demand(
                mosquitto_unsubscribe_v5(handle, &id, topic, nil), "unsubscribe from \(topic)")
            unconfirmed.insert(id)
        }
    }

    /// Tells the broker, so that there is no will. `.disconnected(.asked)` follows.
    ///
    /// - Parameter milliseconds: how long the broker may take to read what was written. A socket
    ///   that is closed with something unread in it is reset, and the broker loses what it has not
    ///   read by then; so all is read here until the broker closes its side too.
    public func disconnect(lingering milliseconds: Int32 = 0) {
        guard phase != .ended else { return }
        let wasConnected = phase == .connected
        // Of our own: the library closes its descriptor with the last byte of the farewell.
        let kept = wasConnected && milliseconds > 0 ? fcntl(socket, F_DUPFD_CLOEXEC, 0) : -1
        end(wasConnected ? .disconnected(.asked) : .connectFailed(.asked))
        _ = mosquitto_disconnect_v5(handle, 0, nil)
        // What is still to be written goes now or never; a broker that takes nothing is not waited
        // for.
        _ = mosquitto_loop_write(handle, Self.packetsAtOnce)
        guard kept >= 0 else { return }
        Self.readToEnd(kept, atMost: milliseconds)
        close(kept)
    }

    /// Says that nothing more is written, and reads until the other side says so too.
    private static func readToEnd(_ socket: Int32, atMost milliseconds: Int32) {
        guard shutdown(socket, Int32(SHUT_WR)) == 0 else { return }
        let deadline = millisecondsNow + Int(milliseconds)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let rest = deadline - millisecondsNow
            guard rest > 0 else { return }
            var watched = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            _ = Glibc.poll(&watched, 1, Int32(clamping: rest))
            let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            let isToWait = count < 0 && (errno == EAGAIN || errno == EINTR)
            guard count > 0 || isToWait else { return }
        }
    }

    private static var millisecondsNow: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
    }

    // MARK: - Beginning

    private func begin(_ settings: MQTTSettings) {
        var properties: OpaquePointer?
        mosquitto_property_add_int32(
            &properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), settings.packetBytesMax)
        defer { mosquitto_property_free_all(&properties) }
        // The connect that does not block takes no properties, and the one that takes them blocks
        // for minutes where packets are swallowed. Asked to connect to nobody, the latter keeps the
        // properties and goes no further; the former then sends them.
        _ = mosquitto_connect_bind_v5(
            handle, nil, Int32(settings.port), settings.keepAliveSeconds, nil, properties)
        let result = mosquitto_connect_bind_async(
            handle, settings.host, Int32(settings.port), settings.keepAliveSeconds, nil)
        if result != Int32(MOSQ_ERR_SUCCESS.rawValue) { check(result) }
    }

    private func set(_ option: mosq_opt_t, _ value: Int32) throws(MQTTError) {
        try demand(mosquitto_int_option(handle, option, value), "set option \(option.rawValue)")
    }

    private func set(_ tls: TLSFiles) throws(MQTTError) {
        for file in [tls.authority, tls.certificate, tls.key] where access(file, R_OK) != 0 {
            throw MQTTError("\(file): \(String(cString: strerror(errno)))")
        }
        let result = mosquitto_tls_set(
            handle, tls.authority, nil, tls.certificate, tls.key, nil)
        try demand(result, "use the certificate files beside \(tls.certificate)")
        // 1: the broker must show a certificate that holds. Nothing in Busbar can turn this off.
        try demand(
            mosquitto_tls_opts_set(handle, 1, "tlsv1.3", nil), "demand TLS 1.3")
        guard let certificate else { return }
        try demand(
            mosquitto_void_option(
                handle, MOSQ_OPT_SSL_CTX, UnsafeMutableRawPointer(certificate.context)),
            "prepare TLS")
        try set(MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 1)
    }

    private func set(_ will: MQTTMessage) throws(MQTTError) {
        let result = mosquitto_will_set_v5(
            handle, will.topic, Int32(will.payload.count), will.payload,
            Int32(will.qualityOfService), will.isRetained, nil)
        try demand(result, "leave a will on \(will.topic)")
    }

    private func demand(_ result: Int32, _ attempt: String) throws(MQTTError) {
        switch result {
        // The library writes at once where it can. A socket that fails under it, broken pipe or TLS
        // that has come to its end, is the connection's fault and not the message's.
        case Int32(MOSQ_ERR_ERRNO.rawValue) where phase != .connecting:
            check(result)
        // Gone meanwhile: the event tells.
        case Int32(MOSQ_ERR_SUCCESS.rawValue), Int32(MOSQ_ERR_NO_CONN.rawValue),
            Int32(MOSQ_ERR_CONN_LOST.rawValue):
            return
        default:
            throw MQTTError("cannot \(attempt): \(String(cString: mosquitto_strerror(result)))")
        }
    }

    // MARK: - Waiting

    private var wantsWrite: Bool {
        // Before there is a connection: that it can be written to is how its coming is seen.
        mosquitto_want_write(handle) || (phase == .connecting && certificate == nil)
    }

    private var hasNothingToRead: Bool {
        var count: Int32 = 0
        return ioctl(socket, UInt(FIONREAD), &count) != 0 || count == 0
    }

    /// Bytes that TLS has read from the socket and nobody from TLS: the kernel knows nothing of
    /// them.
    private var hasDecryptedBytes: Bool {
        guard phase != .ended, let pointer = mosquitto_ssl_get(handle) else { return false }
        return SSL_pending(OpaquePointer(pointer)) > 0
    }

    // MARK: - Callbacks

    private static func connection(_ box: UnsafeMutableRawPointer?) -> MQTTConnection? {
        box.map { Unmanaged<MQTTConnection>.fromOpaque($0).takeUnretainedValue() }
    }

    private func setCallbacks() {
        mosquitto_connect_v5_callback_set(handle) { _, box, code, flags, properties in
            MQTTConnection.connection(box)?.answered(code, flags: flags, properties)
        }
        mosquitto_disconnect_v5_callback_set(handle) { _, box, code, _ in
            MQTTConnection.connection(box)?.ended(code)
        }
        mosquitto_publish_v5_callback_set(handle) { _, box, id, code, _ in
            guard let connection = MQTTConnection.connection(box) else { return }
            connection.unconfirmed.remove(id)
            connection.events.append(
                .published(id: id, reasonCode: UInt8(truncatingIfNeeded: code)))
        }
        mosquitto_unsubscribe_v5_callback_set(handle) { _, box, id, _ in
            MQTTConnection.connection(box)?.unconfirmed.remove(id)
        }
        mosquitto_subscribe_v5_callback_set(handle) { _, box, id, count, codes, _ in
            let list = (0..<Int(count)).map { UInt8(truncatingIfNeeded: codes?[$0] ?? 0x80) }
            MQTTConnection.connection(box)?.events.append(
                .subscribed(id: id, reasonCodes: list))
        }
        mosquitto_message_v5_callback_set(handle) { _, box, message, _ in
            guard let message = message?.pointee, let topic = message.topic else { return }
            let bytes = UnsafeRawBufferPointer(
                start: message.payload, count: Int(message.payloadlen))
            MQTTConnection.connection(box)?.events.append(
                .message(
                    MQTTMessage(
                        topic: String(cString: topic), payload: Array(bytes),
                        qualityOfService: UInt8(min(1, max(0, message.qos))),
                        isRetained: message.retain)))
        }
        mosquitto_log_callback_set(handle) { _, box, level, text in
            guard level & MOSQ_LOG_ERR != 0, let text else { return }
            MQTTConnection.connection(box)?.complained(String(cString: text))
        }
    }

    private func complained(_ text: String) {
        complaints.append(text)
        if complaints.count > Self.complaintsMax { complaints.removeFirst() }
    }

    private func answered(_ code: Int32, flags: Int32, _ properties: OpaquePointer?) {
        guard code == 0 else {
            end(.connectFailed(.refused(UInt8(truncatingIfNeeded: code))))
            return
        }
        var maximum: UInt16 = 0
        let found = mosquitto_property_read_int16(
            properties, Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue), &maximum, false)
        phase = .connected
        events.append(
            .connected(
                receiveMaximum: found == nil || maximum == 0 ? 65_535 : Int(maximum),
                isSessionPresent: flags & 1 != 0))
    }

    /// The library closed the connection: with the broker's reason, or with its own number.
    private func ended(_ code: Int32) {
        if code >= 0x80 {
            let failure = MQTTFailure.refused(UInt8(truncatingIfNeeded: code))
            end(phase == .connected ? .disconnected(failure) : .connectFailed(failure))
        } else {
            check(code == 0 ? Int32(MOSQ_ERR_CONN_LOST.rawValue) : code)
        }
    }

    /// Ends the connection unless the result is one of success.
    private func check(_ result: Int32) {
        guard result != Int32(MOSQ_ERR_SUCCESS.rawValue),
            result != Int32(MOSQ_ERR_CONN_PENDING.rawValue)
        else { return }
        let why = failure(result)
        end(phase == .connected ? .disconnected(why) : .connectFailed(why))
    }

    private func end(_ event: MQTTEvent) {
        guard phase != .ended else { return }
        phase = .ended
        events.append(event)
    }

    /// What follows the first `mark` in `line`; nil if it is not there. By hand, for the standard
    /// library's search brings its whole engine of regular expressions, more than a megabyte.
    private static func rest(of line: String, after mark: String) -> String? {
        let (bytes, mark) = (Array(line.utf8), Array(mark.utf8))
        guard bytes.count >= mark.count else { return nil }
        for start in 0...(bytes.count - mark.count) where bytes[start...].starts(with: mark) {
            return String(decoding: bytes[(start + mark.count)...], as: UTF8.self)
        }
        return nil
    }

    /// Which of our own files the library could not use, and what to do; nil if it was none. It
    /// names a key that is sound and another's in the same words as one that cannot be read.
    private var ownFilesText: String? {
        guard let files else { return nil }
        func said(_ mark: String) -> Bool {
            complaints.contains { Self.rest(of: $0, after: mark) != nil }
        }
        if said("Unable to load CA certificates") {
            return "\(files.authority): it holds no certificate in PEM: put that of the broker's "
                + "authority there"
        }
        if said("Unable to load client certificate") {
            return "\(files.certificate): it is no certificate in PEM: put it and its key there, "
                + "the pair"
        }
        guard said("Unable to load client key") || said("key are inconsistent") else { return nil }
        return "\(files.key): it is no key in PEM, or does not fit \(files.certificate): put the "
            + "pair there"
    }

    private func failure(_ result: Int32) -> MQTTFailure {
        let number = errno
        if let failure = certificate?.failure { return failure }
        let complaint = complaints.last ?? ""
        // In OpenSSL's words this is an error of TLS. It is a broker that went away without one.
        if Self.rest(of: complaint, after: "unexpected eof") != nil {
            return .unreachable("the broker closed the connection without a word")
        }
        if let text = ownFilesText { return .credentials(text) }
        // What the broker thinks of our certificate comes as a TLS alert, by its name.
        if let alert = complaints.lazy.compactMap({ Self.rest(of: $0, after: "alert ") }).first {
            return .ownCertificateRefused(alert)
        }
        switch result {
        case Int32(MOSQ_ERR_TLS.rawValue), Int32(MOSQ_ERR_TLS_HANDSHAKE.rawValue):
            return .tls(complaint.isEmpty ? "no reason given" : complaint)
        case Int32(MOSQ_ERR_KEEPALIVE.rawValue):
            return .keepAlive
        case Int32(MOSQ_ERR_EAI.rawValue), Int32(MOSQ_ERR_LOOKUP.rawValue):
            return .unreachable("its name has no address")
        case Int32(MOSQ_ERR_ERRNO.rawValue)
        where number == EPROTO && certificate != nil && phase == .connecting:
            // The broker's alert can come too late to be read.
            return .tls("the broker ended it; perhaps it does not accept client.crt")
        case Int32(MOSQ_ERR_ERRNO.rawValue) where number == ECONNREFUSED:
            return .unreachable(Self.nobodyListens)
        case Int32(MOSQ_ERR_ERRNO.rawValue):
            return .unreachable(String(cString: strerror(number)))
        default:
            return .unreachable(
                complaint.isEmpty ? String(cString: mosquitto_strerror(result)) : complaint)
        }
    }
}
