import Bridge
import Events
import Glibc
import MQTT
import Transit
import Units
import Wire

/// Many devices that send at once: what a bridge has to carry. Each has fewer events than a bridge
/// remembers of a lane, so that none needs to wait for its acknowledgement.
struct Fleet {
    static let batchSize = 256
    /// Below the 8,192 numbers that a bridge remembers of a lane.
    static let eventsPerDevice = 31 * batchSize

    let lines: [[UInt8]]
    let events: Int

    /// A batch on its way, with its topic.
    private func forEachBatch(_ body: (String, EventBatch) throws(Failure) -> Void) throws(Failure)
    {
        var sent = 0
        while sent < events {
            let number = sent / Self.eventsPerDevice
            let device = "bench-\(number)"
            let topic = Topics.up(
                shard: Shard(device: device), device: device, lane: .telemetry)
            var first: Int64 = 1
            var digest = RunningDigest.start(of: Self.epoch(number))
            while first <= Self.eventsPerDevice, sent < events {
                let count = min(Self.batchSize, events - sent)
                let batch = self.batch(
                    device, number, first: first, count: count, from: sent, before: digest)
                for line in batch.lines { digest = RunningHash.next(digest, line.text) }
                try body(topic, batch)
                first += Int64(count)
                sent += count
            }
        }
    }

    private static func epoch(_ device: Int) -> Identifier128 {
        Identifier128(high: 0x6275_7362_6172, low: UInt64(device))
    }

    private func batch(
        _ device: String, _ number: Int, first: Int64, count: Int, from: Int, before: RunningDigest
    ) -> EventBatch {
        let identifier = Self.epoch(number)
        let rows = (0..<count).map { offset in
            BatchLine(
                EventRecord(
                    lane: .telemetry, epoch: identifier, seq: first + Int64(offset),
                    tick: Tick(UInt64(from + offset)), at: Instant(Int64(from + offset) * 100),
                    wall: WallTime(
                        unixMilliseconds: 1_780_000_000_000 + Int64(from + offset),
                        quality: .synced),
                    severity: .info, correlation: Correlation(UInt64(from + offset)),
                    type: "sample.taken.v1", subject: "plant",
                    data: lines[(from + offset) % lines.count], run: identifier, boot: identifier))
        }
        return EventBatch(
            header: BatchHeader(
                site: "bench", device: device, lane: .telemetry, epoch: identifier,
                run: identifier, boot: identifier, base: 1, first: first,
                last: first + Int64(count) - 1, gaps: [], before: before), lines: rows)
    }

    /// For a peer that shall produce the same: each record as key, value and headers, all with
    /// their lengths before them (32 bits, this machine's order).
    func printRecords() throws(Failure) {
        var output: [UInt8] = []
        try forEachBatch { (_, batch) throws(Failure) in
            for index in batch.lines.indices {
                guard let event = try? batch.event(at: index) else {
                    throw Failure("event \(index) of a batch cannot be read back")
                }
                let record = SinkRecord(
                    CloudEvent(
                        event, of: batch.header, recordedMilliseconds: 1_780_000_000_000,
                        hash: batch.header.before),
                    sharing: SharedHeaders(
                        batch.header, recordedMilliseconds: 1_780_000_000_000),
                    unixMilliseconds: 1_780_000_000_000)
                Self.add(record.key, to: &output)
                Self.add(record.value, to: &output)
                Self.add(count: record.headers.count, to: &output)
                for header in record.headers.texts {
                    Self.add(Array(header.name.utf8), to: &output)
                    Self.add(Array(header.value.utf8), to: &output)
                }
            }
            Self.write(output)
            output.removeAll(keepingCapacity: true)
        }
    }

    private static func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count)
            }
            // Whoever reads this is gone.
            guard count > 0 else { return }
            rest.removeFirst(count)
        }
    }

    private static func add(count: Int, to output: inout [UInt8]) {
        withUnsafeBytes(of: UInt32(count)) { output.append(contentsOf: $0) }
    }

    private static func add(_ bytes: [UInt8], to output: inout [UInt8]) {
        add(count: bytes.count, to: &output)
        output.append(contentsOf: bytes)
    }

    /// Everything is made before the first message goes out. Says when that was, on the clock that
    /// all processes of this machine share, and when the broker had taken the last one.
    func feed(to address: String) throws(Failure) {
        var messages: [MQTTMessage] = []
        try forEachBatch { (topic, batch) throws(Failure) in
            messages.append(MQTTMessage(topic: topic, payload: Payload.pack(batch.encoded())))
        }
        let parts = address.split(separator: ":").map(String.init)
        guard parts.count == 2, let port = UInt16(parts[1]) else {
            throw Failure("found \"\(address)\"; expected is host:port")
        }
        do throws(MQTTError) {
            var settings = MQTTSettings(
                host: parts[0], port: port, clientID: "chain-bench", tls: nil)
            // As many as the protocol has numbers for: the broker is not waited for.
            settings.sendMaximum = 60_000
            let connection = try MQTTConnection(settings)
            try Self.send(messages[...], over: connection)
        } catch { throw Failure(error.description) }
    }

    private static func send(
        _ messages: ArraySlice<MQTTMessage>, over connection: MQTTConnection
    ) throws(MQTTError) {
        var rest = messages
        var unconfirmed = 0
        var isConnected = false
        while !rest.isEmpty || unconfirmed > 0 {
            while isConnected, unconfirmed < 1_000, let message = rest.popFirst() {
                _ = try connection.publish(message)
                unconfirmed += 1
            }
            for event in connection.poll(milliseconds: 1_000) {
                switch event {
                case .connected:
                    isConnected = true
                    say("first")
                case .published(_, let code):
                    guard code < 0x80 else { throw MQTTError("the broker refused with \(code)") }
                    unconfirmed -= 1
                case .connectFailed(let failure), .disconnected(let failure):
                    throw MQTTError("the broker: \(failure)")
                case .subscribed, .message: break
                }
            }
        }
        say("last")
        connection.disconnect()
    }

    private static func say(_ what: String) {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        print(what, Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
        fflush(nil)
    }
}
