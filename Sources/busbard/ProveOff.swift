import Drivers
import HAL
import LinuxBuses
import LinuxHAL
import RelayBoard
import Site
import Units
import Wire

extension Busbard {
    /// Says on standard error, which is the console when systemd starts this, whether anything is
    /// on after busbard was given up.
    ///
    /// A site file that cannot be read may be why busbard was given up. The board is then looked
    /// for where udev's rule has it, at its own address.
    ///
    /// - Throws: exit code 1 when it is not proven that all is off; and when the site cannot be
    ///   read, whatever was proven: nobody can tell then whether that was its board.
    static func proveOff(_ arguments: Arguments) throws(StartError) {
        let site: Site
        do throws(SiteError) {
            site = try Site.load(directory: arguments.site, profile: arguments.profile)
        } catch {
            Log.line("busbard: \(error.description)")
            try prove(arguments.board, of: nil)
            throw StartError(
                "the site file says not where the relay board is: that was the one at its usual "
                    + "place. Switch the installation off at its isolator if it has another")
        }
        try prove(arguments.board, of: site)
    }

    /// - Parameter site: nil where its file cannot be read.
    private static func prove(_ board: BoardKind, of site: Site?) throws(StartError) {
        let device = site?.device ?? "unknown device"
        switch board {
        case .simulated:
            Log.line(
                "busbard: \(device): there are no relays: the simulated board was in the memory of "
                    + "the busbard that ended, and ended with it")
        case .socket(let path):
            let address = try StartError.wrapping { () throws(SystemError) in
                try UnixSocketAddress(path: path)
            }
            try prove(SocketRelayBus(address: address, patience: OffProof.pause), of: device)
        case .raspberryPi:
            let bus: I2CRelayBus
            do throws(SystemError) { bus = try RaspberryPiPorts.openRelays(site) } catch {
                throw StartError("\(device): \(OffProof.unreachable(error.description))")
            }
            try prove(bus, of: device)
        }
    }

    private static func prove<Bus: RelayBus & ~Copyable>(
        _ bus: consuming Bus, of device: String
    ) throws(StartError) {
        // Nothing is armed here, so that no lease is asked for; any that a board takes will do.
        let lease = Milliseconds(Int64(RelayBoardLimits.leaseMinimum))
        var board = PicoRelayBoard(bus: bus, lease: lease)
        let clock = MonotonicClock()
        let proof = OffProof.take(of: &board) { _ in
            clock.sleep(until: clock.now() + OffProof.pause)
        }
        let sentence = "\(device): \(proof.sentence(relayNames: standardRelayNames))"
        guard proof.isProven else { throw StartError(sentence) }
        Log.line("busbard: \(sentence)")
    }
}
