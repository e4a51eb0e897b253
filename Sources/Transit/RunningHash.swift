public import Wire

/// The chain over all events of a lane and epoch: device and bridge compute the same one, each by
/// itself, so that a fork shows.
public enum RunningHash {
    /// The digest after an event.
    /// - Parameter line: the bytes of its `BatchLine`.
    public static func next(_ digest: RunningDigest, _ line: [UInt8]) -> RunningDigest {
        next(digest, line[...])
    }

    public static func next(
        _ digest: RunningDigest, _ line: ArraySlice<UInt8>
    ) -> RunningDigest {
        var hasher = SHA256.Hasher()
        return next(digest, line, &hasher)
    }

    /// The digests after each of some events in a row: cheaper than one by one.
    public static func digests(
        after digest: RunningDigest, _ lines: [BatchLine]
    ) -> [RunningDigest] {
        var hasher = SHA256.Hasher()
        var digest = digest
        var digests: [RunningDigest] = []
        digests.reserveCapacity(lines.count)
        for line in lines {
            digest = next(digest, line.text, &hasher)
            digests.append(digest)
        }
        return digests
    }

    private static func next(
        _ digest: RunningDigest, _ line: ArraySlice<UInt8>, _ hasher: inout SHA256.Hasher
    ) -> RunningDigest {
        // The digest's bytes are its text's: the most significant first.
        let before = (digest.value.high.bigEndian, digest.value.low.bigEndian)
        let hash = withUnsafeBytes(of: before) { before in
            line.withUnsafeBytes { line in hasher.hash(before, line) }
        }
        return RunningDigest(
            Identifier128(high: UInt64(bigEndian: hash[0]), low: UInt64(bigEndian: hash[1])))
    }
}
