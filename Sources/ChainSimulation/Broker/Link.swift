/// One TCP connection between a client and the broker, with the road under it.
///
/// TCP loses nothing and swaps nothing while it stands. What it does: it is late, it stops for a
/// while, it ends and takes along what was under way, or it dies without a word (half-open), which
/// either end finds out by its keep-alive only.
final class Link {
    /// One direction.
    struct Pipe {
        /// When the packet sent last arrives: the next one does not overtake it.
        var lastArrival: Int64 = 0
        /// Nothing arrives before.
        var stalledUntil: Int64 = 0
    }

    let number: Int
    let client: Client
    /// Milliseconds one way, without the time that the bytes take.
    let delay: Int64
    /// Bytes a millisecond; 32 is 256 kbit/s.
    let rate: Int64
    let keepAlive: Int64
    /// Of the broker that accepted it.
    let brokerLife: Int
    var upward = Pipe()
    var downward = Pipe()
    /// Swallows everything from now on, and nobody has been told.
    var isDead = false
    var isOpenAtClient = true
    var isOpenAtBroker = true

    init(
        number: Int, client: Client, delay: Int64, rate: Int64, keepAlive: Int64,
        brokerLife: Int
    ) {
        self.number = number
        self.client = client
        self.delay = delay
        self.rate = rate
        self.keepAlive = keepAlive
        self.brokerLife = brokerLife
    }

    func sendToBroker(_ packet: Packet, _ chain: Chain) {
        guard isOpenAtClient, !isDead else { return }
        let at = arrival(in: &upward, of: packet, now: chain.now)
        chain.at(at) { [self] chain in
            guard isOpenAtBroker, !isDead else { return }
            chain.broker.receive(packet, from: self, chain)
        }
    }

    func sendToClient(_ packet: Packet, _ chain: Chain) {
        guard isOpenAtBroker, !isDead else { return }
        let at = arrival(in: &downward, of: packet, now: chain.now)
        chain.at(at) { [self] chain in
            guard isOpenAtClient, !isDead else { return }
            client.receive(packet, from: self, chain)
        }
    }

    private func arrival(in pipe: inout Pipe, of packet: Packet, now: Int64) -> Int64 {
        let begin = max(pipe.lastArrival, now + delay, pipe.stalledUntil)
        pipe.lastArrival = begin + Int64(packet.size) / rate
        return pipe.lastArrival
    }

    /// Ends at both ends, as when a router on the way resets it: what is under way is gone.
    func reset(_ chain: Chain) {
        endAtBroker(isOrderly: false, chain)
        endAtClient(chain)
    }

    func endAtClient(_ chain: Chain) {
        guard isOpenAtClient else { return }
        isOpenAtClient = false
        client.lost(self, chain)
    }

    func endAtBroker(isOrderly: Bool, _ chain: Chain) {
        guard isOpenAtBroker else { return }
        isOpenAtBroker = false
        chain.broker.lost(self, isOrderly: isOrderly, chain)
    }

    /// From now on nothing gets through, and both ends believe in it until their time is over.
    func fallSilent(_ chain: Chain) {
        guard !isDead else { return }
        isDead = true
        chain.after(keepAlive * 3 / 2) { [self] in endAtBroker(isOrderly: false, $0) }
        // A ping each keep-alive, and as long again for the answer.
        chain.after(keepAlive * 2) { [self] in endAtClient($0) }
    }

    /// Nothing arrives for a while. Longer than the keep-alive it is as good as dead.
    func stall(for milliseconds: Int64, _ chain: Chain) {
        guard milliseconds < keepAlive else { return fallSilent(chain) }
        upward.stalledUntil = max(upward.stalledUntil, chain.now + milliseconds)
        downward.stalledUntil = max(downward.stalledUntil, chain.now + milliseconds)
    }
}
