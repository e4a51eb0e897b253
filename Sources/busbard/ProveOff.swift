import Drivers
import HAL
import LinuxBuses
import LinuxHAL
import Site
import Units
import Wire

extension Busbard {
    /// Says on standard error, which is the console when systemd starts this, whether anything is
    /// on after busbard was given up.
    ///
    /// - Throws: exit code 1 when it is not proven that all is off, and when the site cannot be
    ///   read: nobody can tell then where the relay board is.
    static func proveOff(_ arguments: Arguments) throws(StartError) {
        let site = try StartError.wrapping { () throws(SiteError) in
            try Site.load(directory: arguments.site, profile: arguments.profile)
        }
        switch arguments.board {
        case .simulated:
            Log.line(
                "busbard: \(site.device): RELAYS PROVEN OFF: the simulated board was in the memory "
                    + "of the busbard that ended, and ended with it")
        case .socket(let path):
            let address = try StartError.wrapping { () throws(SystemError) in
                try UnixSocketAddress(path: path)
            }
            try prove(SocketRelayBus(address: address, patience: OffProof.pause), of: site)
        case .raspberryPi:
            let bus: I2CRelayBus
            do throws(SystemError) { bus = try RaspberryPiPorts.openRelays(site) } catch {
                throw StartError(
                    "\(site.device): \(OffProof.unreachable(error.description))")
            }
            try prove(bus, of: site)
        }
    }

    private static func prove<Bus: RelayBus & ~Copyable>(
        _ bus: consuming Bus, of site: Site
    ) throws(StartError) {
        var board = PicoRelayBoard(bus: bus, lease: site.plan.interlock.lease)
        let clock = MonotonicClock()
        let proof = OffProof.take(of: &board) { _ in
            clock.sleep(until: clock.now() + OffProof.pause)
        }
        let sentence = "\(site.device): \(proof.sentence(relayNames: standardRelayNames))"
        guard proof.isProven else { throw StartError(sentence) }
        Log.line("busbard: \(sentence)")
    }
}
