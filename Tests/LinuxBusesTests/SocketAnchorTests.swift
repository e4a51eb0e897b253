import Testing

@testable import LinuxBuses

@Suite("What the CAN socket hangs on")
struct SocketAnchorTests {
    static func report(_ index: UInt32) -> CANLinkReport { CANLinkReport(index: index) }

    @Test("an interface with another number needs another socket, one that is gone does not")
    func lost() {
        let anchor = SocketAnchor(index: 3)
        #expect(!anchor.isLost(Self.report(3)))
        #expect(anchor.isLost(Self.report(4)))
        #expect(!anchor.isLost(Self.report(0)), "there is nothing to open")
    }

    @Test("one that was replaced before the first look is seen")
    func beforeTheFirstLook() {
        #expect(SocketAnchor(index: 0).isLost(Self.report(4)))
        #expect(SocketAnchor(index: 3).isLost(Self.report(4)))
    }

    @Test("a socket that could not be opened is tried again, and told of once")
    func failure() {
        var anchor = SocketAnchor(index: 3)
        let first = anchor.noteFailure()
        #expect(anchor.isLost(Self.report(4)), "until it stands")
        let second = anchor.noteFailure()
        anchor.move(to: 4)
        #expect(!anchor.isLost(Self.report(4)))
        let afterwards = anchor.noteFailure()
        #expect([first, second, afterwards] == [true, false, true], "news, no news, news again")
    }
}
