import CLinuxHAL

extension ProcessMemory {
    /// Lets go of the program text and constants that are resident: what start-up or a TLS
    /// handshake needed, and the dynamic linker's work. What runs from now on comes back page by
    /// page from the file cache.
    ///
    /// The kernel maps a file in large pieces around each fault, so that after start-up nearly all
    /// of a statically linked program is resident: 6.6 of 6.6 MB of busbard's text were seen, of
    /// which an idle daemon uses a third. A daemon that locks its memory calls this before `lock`
    /// and before the first tick, since a page that comes back is a fault.
    ///
    /// Only segments that nothing may write are let go. They are as they stand in the file; what
    /// was relocated before it was made read-only would be lost.
    ///
    /// - Returns: the bytes of those segments.
    @discardableResult
    public static func releaseProgramPages() -> UInt64 { busbar_release_program_pages() }
}
