import Glibc
import Testing

@testable import MQTT

@Suite("A connection that breaks")
struct BrokenConnectionTests {
    /// A broker that takes one client, says welcome to whatever it sends, and hangs up when told.
    final class Broker {
        private let listener: Int32
        private var client: Int32 = -1
        let port: UInt16

        init() throws {
            listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let (socket, length) = (listener, size)
            let isBound = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, length) == 0 && listen(socket, 1) == 0
                        && getsockname(socket, $0, &size) == 0
                }
            }
            port = UInt16(bigEndian: address.sin_port)
            try #require(isBound)
        }

        deinit {
            close(client)
            close(listener)
        }

        func welcome() {
            client = accept(listener, nil, nil)
            var request = [UInt8](repeating: 0, count: 1_024)
            _ = recv(client, &request, request.count, 0)
            // CONNACK of MQTT 5: no session, success, no properties.
            let answer: [UInt8] = [0x20, 0x03, 0x00, 0x00, 0x00]
            _ = send(client, answer, answer.count, 0)
        }

        /// With a reset, as a broker that was killed leaves it.
        func hangUp() {
            var now = linger(l_onoff: 1, l_linger: 0)
            setsockopt(client, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
            close(client)
            client = -1
        }
    }

    @Test("what is published into it is no message that the broker does not take")
    func publish() throws {
        signal(SIGPIPE, SIG_IGN)
        let broker = try Broker()
        let connection = try MQTTConnection(
            MQTTSettings(host: "127.0.0.1", port: broker.port, clientID: "test", tls: nil))
        #expect(connection.poll(milliseconds: 200).isEmpty)
        broker.welcome()
        let events = connection.poll(milliseconds: 2_000)
        guard case .connected = events.first else {
            Issue.record("found \(events)")
            return
        }
        broker.hangUp()
        // The first write finds the reset, those behind it a broken pipe.
        for _ in 1...3 {
            _ = try connection.publish(MQTTMessage(topic: "t", payload: [1]))
        }
        let end = connection.poll(milliseconds: 2_000)
        guard case .disconnected(.unreachable) = end.first else {
            Issue.record("found \(end)")
            return
        }
        #expect(end.count == 1 && connection.hasEnded)
    }
}
