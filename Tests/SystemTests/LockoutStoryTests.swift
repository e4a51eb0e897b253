import Foundation
import JSON
import Testing

/// The promise of the whole device, on the real programs in real time: a gas leak cuts the power,
/// `kill -9` does not clear it, and only the button at the site does.
@Suite("A lockout from leak to reset", .serialized)
struct LockoutStoryTests {
    @Test(
        "a leak cuts, a kill -9 keeps it cut, and only a press 30 s after the trip brings it back")
    func story() throws {
        let daemon = try Daemon()
        let locked = try cut(daemon)
        try killAndRestart(daemon, locked)
        try reset(daemon)
        #expect(daemon.end(SIGTERM).status == 0)
        #expect(!FileManager.default.fileExists(atPath: daemon.socket))
    }

    /// Heats, leaks gas, and looks at what is left on.
    /// - Returns: the state after the cut.
    private func cut(_ daemon: Daemon) throws -> JSONValue {
        try daemon.waitUntil("the self-check is done", within: 10) {
            try daemon.state()["interlock"]?["selfcheck"]?.string == "done"
        }
        #expect(try daemon.busbar("heating", "start").code == 0)
        try daemon.waitUntil("the power is closed", within: 5) {
            try daemon.interlock() == "CLOSED"
        }

        #expect(try daemon.busbar("sim", "leak-gas").code == 0)
        // Two samples of 200 ms, and what it takes to start the command.
        try daemon.waitUntil("the power is cut", within: 2) {
            try daemon.interlock() == "TRIPPED"
        }
        let locked = try daemon.state()
        #expect(locked["lockout"]?["first_out"]?.string == "E103")
        let relays = locked["interlock"]?["relays"]?.array ?? []
        #expect(!relays.isEmpty && relays.allSatisfy { $0["actual"]?.bool == false })
        let text = try daemon.busbar("status").output
        #expect(text.contains("LOCKED OUT  E103 gas leak came first"))
        #expect(text.contains("Do this: Leave the house"))
        #expect(!text.contains("\u{1B}"), "colour where nobody can see it")
        return locked
    }

    private func killAndRestart(_ daemon: Daemon, _ locked: JSONValue) throws {
        // At most two ticks and a look of the journal thread's until both copies are written.
        Thread.sleep(forTimeInterval: 0.5)
        #expect(daemon.end(SIGKILL).reason == .uncaughtSignal)
        let unreachable = try daemon.busbar("status")
        #expect(unreachable.code == 3)
        #expect(unreachable.error.contains("nobody answers at \(daemon.socket)"))
        #expect(unreachable.error.contains("systemctl status busbard"))

        try daemon.start()
        let restarted = try daemon.state()
        #expect(restarted["interlock"]?["state"]?.string == "TRIPPED")
        #expect(restarted["lockout"]?["first_out"]?.string == "E103")
        #expect(restarted["lockout"]?["entries"] == locked["lockout"]?["entries"])
        // The loop's clock began anew, so only the wall clock can tell when it was.
        #expect(restarted["lockout"]?["since_ms"]?.isNull == true)
        let tripped = try #require(restarted["lockout"]?["tripped_unix_ms"]?.int)
        let ago = Date().timeIntervalSince1970 - Double(tripped) / 1_000
        #expect((0.5..<60).contains(ago), "tripped \(ago) s ago")
        let clock = try #require(restarted["lockout"]?["tripped_clock"]?.string)
        let date = Date(timeIntervalSince1970: Double(tripped / 1_000))
            .ISO8601Format().replacing("T", with: " ").replacing("Z", with: "")
        let text = try daemon.busbar("status").output
        #expect(text.contains("E103 gas leak came first, \(date) (clock "), "\(text)")
        #expect(text.contains("TRIPPED since before the start"))
        let why = try daemon.busbar("why", "E103").output
        #expect(why.contains("It was raised on \(date) UTC (clock"), "\(clock): \(why)")
    }

    private func reset(_ daemon: Daemon) throws {
        let refused = try daemon.busbar("heating", "start")
        #expect(refused.code == 4)
        #expect(refused.error.hasPrefix("busbar: heating refused: a FATAL alarm is locked in"))

        let steps = try daemon.busbar("reset")
        #expect(steps.code == 0)
        #expect(steps.output.contains("[ ] At the site: let the reset button go"))
        #expect(try daemon.busbar("sim", "press-reset", "2000").code == 0)
        Thread.sleep(forTimeInterval: 3)
        #expect(try daemon.interlock() == "TRIPPED", "a press before 30 s have passed")
        let history = try daemon.busbar("alarms", "history", "--code", "E701")
        #expect(history.output.contains("alarm/E701"), "the refusal is on record")

        try daemon.waitUntil("the steps of the reset say that 30 s have passed", within: 35) {
            try daemon.busbar("why", "E103").output.contains("[x] 30 s have passed since the trip.")
        }
        #expect(try daemon.busbar("sim", "press-reset", "2000").code == 0)
        try daemon.waitUntil("the lockout is gone", within: 10) {
            try daemon.state()["lockout"]?["locked"]?.bool == false
        }
        #expect(
            try daemon.busbar("reset").output
                == "No FATAL alarm is locked in: nothing waits for a reset.\n")
        #expect(try daemon.busbar("heating", "start").code == 0)
        try daemon.waitUntil("the power is closed again", within: 5) {
            try daemon.interlock() == "CLOSED"
        }
    }
}
