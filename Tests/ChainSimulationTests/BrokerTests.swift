@testable import ChainSimulation
import Testing

/// A program that writes down what its client library tells it.
private final class Listener: ClientOwner {
    var log: [String] = []

    func connected(isSessionPresent: Bool, _ chain: Chain) {
        log.append(isSessionPresent ? "connected, session" : "connected")
    }
    func disconnected(_ chain: Chain) { log.append("disconnected") }
    func subscribed(_ chain: Chain) { log.append("subscribed") }
    func published(handle: Int, _ chain: Chain) { log.append("published \(handle)") }
    func received(_ message: Message, isRetained: Bool, isDuplicate: Bool, _ chain: Chain) {
        let text = String(decoding: message.payload, as: UTF8.self)
        log.append(text + (isRetained ? " retained" : "") + (isDuplicate ? " again" : ""))
    }
}

/// A chain with a broker and two clients of it, and nothing else.
private struct Rig {
    let chain: Chain
    let device = Listener()
    let bridge = Listener()
    let deviceClient = Client(clientID: "device", callbackDelay: 0)
    let bridgeClient = Client(clientID: "bridge", callbackDelay: 0)

    init(inflight: Int = 20, queue: Int = 100) {
        var dice = Dice(seed: 1)
        var knobs = Knobs(&dice)
        knobs.brokerInflight = inflight
        knobs.brokerQueue = queue
        knobs.linkDelayMax = 10
        knobs.linkRate = 1_000_000
        chain = Chain(seed: 1, knobs: knobs)
        deviceClient.owner = device
        bridgeClient.owner = bridge
    }

    func connect(_ client: Client, isKept: Bool = true, will: Message? = nil) {
        let isHeard = client.connect(
            ConnectRequest(
                clientID: client.clientID, isCleanStart: !isKept, isPersistent: isKept,
                keepAlive: 10_000, will: will), chain)
        #expect(isHeard)
        pass(100)
    }

    func connectBoth() {
        connect(deviceClient)
        connect(bridgeClient)
        bridgeClient.subscribe(["up/+"], chain)
        pass(100)
    }

    func publish(_ text: String, topic: String = "up/x", isRetained: Bool = false) {
        _ = deviceClient.publish(
            Message(topic: topic, payload: Array(text.utf8), isRetained: isRetained, quality: 1),
            chain)
    }

    func pass(_ milliseconds: Int64) { chain.run(until: chain.now + milliseconds) }
}

@Suite("The broker of the simulation")
struct BrokerTests {
    @Test("acknowledges what nobody has seen: its subscriber is away")
    func acknowledgesFromMemory() {
        let rig = Rig()
        rig.connectBoth()
        rig.bridgeClient.disconnect(rig.chain)
        rig.pass(100)
        rig.publish("one")
        rig.pass(100)
        #expect(rig.device.log == ["connected", "published 1"])
        rig.chain.broker.stop(rig.chain)
        rig.chain.broker.start(with: .none)
        rig.connect(rig.bridgeClient)
        #expect(!rig.bridge.log.contains("one"))
    }

    @Test("keeps what was published for a session while its client is away")
    func keepsForTheSession() {
        let rig = Rig()
        rig.connectBoth()
        rig.bridgeClient.disconnect(rig.chain)
        rig.pass(100)
        rig.publish("one")
        rig.pass(100)
        rig.connect(rig.bridgeClient)
        #expect(rig.bridge.log == ["connected", "subscribed", "connected, session", "one"])
    }

    @Test("drops what exceeds a queue, after it has acknowledged it", arguments: [(2, 2), (3, 3)])
    func dropsWhatExceedsTheQueue(capacity: Int, kept: Int) {
        let rig = Rig(queue: capacity)
        rig.connectBoth()
        rig.bridgeClient.disconnect(rig.chain)
        rig.pass(100)
        for text in ["one", "two", "three", "four"] { rig.publish(text) }
        rig.pass(100)
        #expect(rig.device.log.count(where: { $0.hasPrefix("published") }) == 4)
        rig.connect(rig.bridgeClient)
        #expect(rig.bridge.log.dropFirst(3).elementsEqual(["one", "two", "three"].prefix(kept)))
        #expect(rig.chain.faults[.brokerDrops] == 4 - kept)
    }

    @Test("sends an unacknowledged message again on the next connection, and not before")
    func sendsAgainOnReconnect() {
        let rig = Rig()
        rig.connectBoth()
        let link = rig.chain.broker.openLinks.first { $0.client.clientID == "bridge" }
        link?.fallSilent(rig.chain)
        rig.publish("one")
        rig.pass(9_000)
        #expect(rig.bridge.log == ["connected", "subscribed"])
        rig.connect(rig.bridgeClient)
        #expect(rig.bridge.log == ["connected", "subscribed", "connected, session", "one again"])
    }

    @Test("a retained message comes with the subscription, and only then as retained")
    func retained() {
        let rig = Rig()
        rig.connectBoth()
        rig.publish("one", isRetained: true)
        rig.pass(100)
        rig.bridgeClient.subscribe(["up/+"], rig.chain)
        rig.pass(100)
        #expect(
            rig.bridge.log == ["connected", "subscribed", "one", "subscribed", "one retained"])
    }

    @Test("a second client of one name takes the connection of the first")
    func takeover() {
        let rig = Rig()
        rig.connectBoth()
        let other = Client(clientID: "device", callbackDelay: 0)
        rig.connect(other)
        #expect(rig.device.log == ["connected", "disconnected"])
        #expect(rig.chain.faults[.takeovers] == 1)
    }

    @Test("a half-open connection is found out by each side's keep-alive")
    func halfOpen() {
        let rig = Rig()
        rig.connectBoth()
        let link = rig.chain.broker.openLinks.first { $0.client.clientID == "device" }
        link?.fallSilent(rig.chain)
        rig.pass(14_999)
        #expect(rig.chain.broker.openLinks.count == 2)
        rig.pass(1)
        #expect(rig.chain.broker.openLinks.count == 1)
        #expect(rig.device.log == ["connected"])
        rig.pass(5_000)
        #expect(rig.device.log == ["connected", "disconnected"])
    }

    @Test("the will is published for who dies, and not for who says goodbye")
    func will() {
        let message = Message(
            topic: "up/will", payload: Array("gone".utf8), isRetained: false, quality: 1)
        for isOrderly in [true, false] {
            let rig = Rig()
            rig.connectBoth()
            rig.connect(rig.deviceClient, will: message)
            if isOrderly {
                rig.deviceClient.disconnect(rig.chain)
            } else {
                rig.deviceClient.kill(rig.chain)
            }
            rig.pass(100)
            #expect(rig.bridge.log.contains("gone") == !isOrderly)
        }
    }

    @Test(
        "after a restart there is all, what was saved, or nothing",
        arguments: [
            (Broker.Memory.whole, ["one", "two"]), (.sinceLastSave, ["one"]), (.none, []),
        ])
    func restart(memory: Broker.Memory, kept: [String]) {
        let rig = Rig()
        rig.connectBoth()
        rig.bridgeClient.disconnect(rig.chain)
        rig.pass(100)
        rig.publish("one")
        rig.pass(100)
        rig.chain.broker.save()
        rig.publish("two")
        rig.pass(100)
        rig.chain.broker.stop(rig.chain)
        rig.pass(100)
        rig.chain.broker.start(with: memory)
        rig.connect(rig.bridgeClient)
        #expect(Array(rig.bridge.log.filter { $0 == "one" || $0 == "two" }) == kept)
    }

    @Test("the client library sends again by itself what was not acknowledged")
    func libraryResends() {
        let rig = Rig()
        rig.connectBoth()
        rig.chain.broker.openLinks.first { $0.client.clientID == "device" }?
            .fallSilent(rig.chain)
        rig.publish("one")
        rig.pass(1_000)
        rig.connect(rig.deviceClient)
        #expect(rig.bridge.log.last == "one")
        #expect(rig.chain.faults[.libraryResends] == 1)
    }
}
