import Testing
import Units
import Wire

@testable import Uplink

@Suite("When a finding is told")
struct FindingLogTests {
    private enum Step {
        case found(Int64)
        case ended
        case repeated(Int64)
    }

    /// - Returns: for each step whether something was told.
    private static func told(_ kind: Finding.Kind, _ steps: [Step]) -> [Bool] {
        var log = FindingLog()
        return steps.map { step in
            switch step {
            case .found(let at):
                log.found(kind, "x", now: Instant(at), interval: .seconds(60)) != nil
            case .ended: log.ended(kind)?.isActive == false
            case .repeated(let at):
                log.repeated(now: Instant(at), interval: .seconds(300)) != nil
            }
        }
    }

    @Test("a finding that comes back is told at once, and at most each five seconds")
    func comesBack() {
        let told = Self.told(
            .noBridge,
            [
                .found(0), .found(59_999), .ended,
                // Again within the minute of the first telling.
                .found(59_999), .ended,
                // Too soon: nobody hears of it, nor of its end.
                .found(64_998), .ended,
                // Too soon, and it stays: told as soon as it may be, once.
                .found(64_998), .repeated(64_998), .repeated(64_999), .repeated(70_000), .ended,
            ])
        #expect(
            told == [
                true, false, true, true, true, false, false, false, false, true, false, true,
            ])
    }

    @Test("a single event is told once a minute, as ever")
    func single() {
        #expect(
            Self.told(.commandBadSignature, [.found(0), .found(59_999), .repeated(400_000)])
                == [true, false, false])
        #expect(Self.told(.commandBadSignature, [.found(0), .found(60_000)]) == [true, true])
    }

    @Test("of a finding that has an end it is known when it began, of an event when it was last")
    func times() {
        var log = FindingLog()
        func find(_ kind: Finding.Kind, _ at: Int64) {
            _ = log.found(kind, "x", now: Instant(at), interval: .seconds(60))
        }
        for kind in [Finding.Kind.messagesRefused, .clientTakenOver, .commandExpired] {
            find(kind, 1_000)
            find(kind, 9_000)
        }
        #expect(
            log.all.map { "\($0.kind.name) \($0.at.rawValue)" } == [
                "command_expired 9000", "client_taken_over 1000", "messages_refused 1000",
            ])
        #expect(log.standing?.kind == .clientTakenOver)
        _ = log.ended(.clientTakenOver)
        #expect(log.standing?.kind == .messagesRefused)
        _ = log.ended(.messagesRefused)
        #expect(log.standing == nil, "a single event never stands")
        find(.messagesRefused, 20_000)
        #expect(log.standing?.at == Instant(20_000), "it began anew")
    }

    @Test("a second stall within a minute of the first is told as well")
    func secondStall() {
        var limits = UplinkLimits()
        limits.ackTimeoutFirst = .seconds(2)
        limits.ackTimeoutMax = .seconds(2)
        var bench = SessionBench(limits: limits)
        bench.append(1...1)
        while bench.findings.isEmpty { bench.pass(Milliseconds(100)) }
        let told = bench.now
        bench.hear(bench.acknowledgement(1))
        bench.append(2...2)
        while bench.session.status(now: bench.now).state != .stalled {
            bench.pass(Milliseconds(100))
        }
        bench.pass(.seconds(5))
        #expect(bench.now - told < .seconds(60))
        #expect(bench.findings.map(\.isActive) == [true, false, true])
    }
}
