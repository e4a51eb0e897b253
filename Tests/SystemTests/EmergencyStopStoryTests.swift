import Foundation
import JSON
import Testing

@Suite("The emergency stop, pressed from the command line", .serialized)
struct EmergencyStopStoryTests {
    @Test("it cuts the power, and pulling it out again brings nothing back")
    func story() throws {
        let daemon = try Daemon()
        try daemon.waitUntil("the self-check is done", within: 10) {
            try daemon.state()["interlock"]?["selfcheck"]?.string == "done"
        }
        #expect(try stop(daemon) == "off")
        let pressed = try daemon.busbar("sim", "press-stop")
        #expect(pressed.code == 0)
        #expect(pressed.output == "The emergency stop is pressed.\n")
        try daemon.waitUntil("the power is cut", within: 2) {
            try daemon.interlock() == "TRIPPED"
        }
        #expect(try daemon.state()["lockout"]?["first_out"]?.string == "E407")
        #expect(try stop(daemon) == "on")

        let released = try daemon.busbar("sim", "release-stop")
        #expect(released.code == 0)
        #expect(released.output == "The emergency stop is pulled out again.\n")
        try daemon.waitUntil("the input follows", within: 2) { try stop(daemon) == "off" }
        #expect(try daemon.interlock() == "TRIPPED")
        #expect(daemon.end(SIGTERM).status == 0)
    }

    private func stop(_ daemon: Daemon) throws -> String? {
        try daemon.state()["interlock"]?["emergency_stop"]?.string
    }
}
