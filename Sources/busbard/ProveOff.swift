import LinuxHAL
import Site

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
        // `Arguments` lets no other board through.
        Log.line(
            "busbard: \(site.device): RELAYS PROVEN OFF: the simulated board was in the memory of "
                + "the busbard that ended, and ended with it")
    }
}
