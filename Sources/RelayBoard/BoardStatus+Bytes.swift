// How status and identity stand in their registers. The tables are at the types.
//
// Blocks go in as `inout` and come out by value with constant positions: the compiler then keeps
// the 32 bytes in registers. A loop over a block that was passed by value is another matter: it
// stores the block anew for each byte (seen in the compiler's output, Swift 6.3.1, x86-64).

extension BoardStatus {
    /// Writes the 16 bytes of the status register to the front of `block`.
    @inline(__always) public func encode(into block: inout InlineArray<32, UInt8>) {
        block[0] = flags
        block[1] = wanted.rawValue
        block[2] = actual.rawValue
        block[3] = lastHeartbeat
        block[4] = tripCause.rawValue
        block[5] = onAtTrip.rawValue
        block[6] = resetCause.rawValue
        block[7] = bootCount
        block[8] = UInt8(truncatingIfNeeded: clockMicroseconds)
        block[9] = UInt8(truncatingIfNeeded: clockMicroseconds &>> 8)
        block[10] = UInt8(truncatingIfNeeded: clockMicroseconds &>> 16)
        block[11] = UInt8(truncatingIfNeeded: clockMicroseconds &>> 24)
        block[12] = refusal.rawValue
        block[13] = refusedCount
        block[14] = UInt8(truncatingIfNeeded: leaseMilliseconds)
        block[15] = UInt8(truncatingIfNeeded: leaseMilliseconds &>> 8)
    }

    /// Reads the first 16 bytes of `block`.
    ///
    /// - Returns: nil if a byte names a cause or a refusal that this map does not have. A board
    ///   that says something we do not understand is not taken for healthy.
    public init?(_ block: InlineArray<32, UInt8>) {
        guard let tripCause = TripCause(rawValue: block[4]),
            let resetCause = BoardResetCause(rawValue: block[6]),
            let refusal = WriteRefusal(rawValue: block[12])
        else { return nil }
        flags = block[0]
        wanted = RelayMask(rawValue: block[1])
        actual = RelayMask(rawValue: block[2])
        lastHeartbeat = block[3]
        self.tripCause = tripCause
        onAtTrip = RelayMask(rawValue: block[5])
        self.resetCause = resetCause
        bootCount = block[7]
        let low = UInt32(block[8]) | UInt32(block[9]) &<< 8
        clockMicroseconds = low | UInt32(block[10]) &<< 16 | UInt32(block[11]) &<< 24
        self.refusal = refusal
        refusedCount = block[13]
        leaseMilliseconds = UInt16(block[14]) | UInt16(block[15]) &<< 8
    }
}

extension BoardIdentity {
    /// Writes the 8 bytes of the identity register to the front of `block`.
    public func encode(into block: inout InlineArray<32, UInt8>) {
        block[0] = UInt8(truncatingIfNeeded: magic)
        block[1] = UInt8(truncatingIfNeeded: magic &>> 8)
        block[2] = UInt8(truncatingIfNeeded: magic &>> 16)
        block[3] = UInt8(truncatingIfNeeded: magic &>> 24)
        block[4] = mapVersion
        block[5] = firmwareMajor
        block[6] = firmwareMinor
        block[7] = selfTest
    }

    /// Reads the first 8 bytes of `block`. Whether they name a relay board, and one whose map we
    /// know, is for the self-check to judge: it must be able to say what it found instead.
    public init(_ block: InlineArray<32, UInt8>) {
        let low = UInt32(block[0]) | UInt32(block[1]) &<< 8
        magic = low | UInt32(block[2]) &<< 16 | UInt32(block[3]) &<< 24
        mapVersion = block[4]
        firmwareMajor = block[5]
        firmwareMinor = block[6]
        selfTest = block[7]
    }
}
