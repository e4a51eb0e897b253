public import Wire

/// The chain over all events of a lane and epoch: device and bridge compute the same one, each by
/// itself, so that a fork shows.
public enum RunningHash {
    /// The digest after an event.
    /// - Parameter line: the bytes of its `BatchLine`.
    public static func next(_ digest: RunningDigest, _ line: [UInt8]) -> RunningDigest {
        let bytes = SHA256.hash(digest.value.bytes, line)
        guard let value = Identifier128(bytes: Array(bytes.prefix(16))) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        return RunningDigest(value)
    }
}
