import Bridge
import HAL
import LinuxHAL
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Units

/// The last that the loop said of itself, for the thread that serves health.
final class HealthBoard: Sendable {
    private let snapshot = Mutex<BridgeSnapshot?>(nil)

    func post(_ new: BridgeSnapshot) { snapshot.withLock { $0 = new } }
    var last: BridgeSnapshot? { snapshot.withLock { $0 } }
}

/// Health and metrics on a port of their own, on a thread of their own, so that they answer when
/// the loop does not.
final class HealthServer {
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    /// Connections at one time. 32: Prometheus, Kubernetes, and some people.
    static let connectionsMax = 32

    /// - Throws: when the address cannot be listened on.
    init(at endpoint: Endpoint, board: HealthBoard) throws(Failure) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let gate = ConnectionGate()
        do {
            channel = try ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 32)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    guard gate.enter(channel) else { return channel.close() }
                    return channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        // 5 s: who has not sent a request by then is no client of ours.
                        try pipeline.addHandler(IdleStateHandler(allTimeout: .seconds(5)))
                        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                        try pipeline.addHandler(HealthHandler(board))
                    }
                }
                .bind(host: endpoint.host, port: Int(endpoint.port)).wait()
        } catch {
            throw Failure(
                "cannot serve health on \(endpoint.host):\(endpoint.port): \(error). "
                    + "Choose another --http")
        }
    }

    func stop() {
        do {
            try channel.close().wait()
            try group.syncShutdownGracefully()
        } catch {
            Log.line("the health server did not stop in order: \(error)")
        }
    }
}

/// Counts connections, and turns away those that are too many.
private final class ConnectionGate: Sendable {
    private let open = Mutex(0)

    func enter(_ channel: any Channel) -> Bool {
        let isRoom = open.withLock { open in
            guard open < HealthServer.connectionsMax else { return false }
            open += 1
            return true
        }
        if isRoom {
            channel.closeFuture.whenComplete { [self] _ in open.withLock { $0 -= 1 } }
        }
        return isRoom
    }
}

/// Answers one request, and closes.
private final class HealthHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let board: HealthBoard
    private var head: HTTPRequestHead?
    private var bodyBytes = 0
    private var isAnswered = false

    /// Of a request's body, which nothing here needs.
    private static let bodyMax = 1_024

    init(_ board: HealthBoard) { self.board = board }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            guard bodyBytes <= Self.bodyMax else { return context.close(promise: nil) }
        case .end:
            guard let head, !isAnswered else { return }
            isAnswered = true
            answer(
                HealthAnswer(to: head, board.last, now: MonotonicClock().now()), to: head, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(
        _ answer: HealthAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders()
        headers.add(name: "Content-Type", value: answer.contentType)
        headers.add(name: "Content-Length", value: String(answer.text.utf8.count))
        headers.add(name: "Connection", value: "close")
        let response = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status),
            headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        if head.method != .HEAD {
            let buffer = context.channel.allocator.buffer(string: answer.text)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}

/// What is answered to whom.
private struct HealthAnswer {
    var status: Int
    var text: String
    var contentType = "text/plain; charset=utf-8"

    /// The loop turns at least once a second; after 10 s without a turn it hangs.
    private static let patience = Milliseconds.seconds(10)

    init(to head: HTTPRequestHead, _ snapshot: BridgeSnapshot?, now: Instant) {
        guard head.method == .GET || head.method == .HEAD else {
            (status, text) = (405, "only GET and HEAD are answered here\n")
            return
        }
        switch String(head.uri.prefix { $0 != "?" }) {
        case "/livez":
            // The broker and the cluster are not looked at: a restart would not bring them back.
            guard let snapshot, now - snapshot.at < Self.patience else {
                (status, text) = (503, "the bridge's loop has not turned for 10 s: restart it\n")
                return
            }
            (status, text) = (200, "alive\n")
        case "/readyz":
            guard let snapshot, now - snapshot.at < Self.patience else {
                (status, text) = (503, "the bridge's loop does not turn\n")
                return
            }
            let reason = snapshot.unreadiness
            (status, text) = (reason == nil ? 200 : 503, (reason ?? "ready") + "\n")
        case "/metrics":
            (status, text) = (200, snapshot?.metrics ?? "")
            contentType = "text/plain; version=0.0.4; charset=utf-8"
        default:
            (status, text) = (404, "there are /livez, /readyz and /metrics\n")
        }
    }
}
