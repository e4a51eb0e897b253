/// One SMBus transfer at this board's address, byte by byte as the I2C peripheral hands it over.
///
/// It knows bytes and their PEC and nothing of registers.
struct BlockTransfer: Sendable {
    /// What a STOP found.
    enum End: UInt8 {
        /// A read, a lone register number, or a probe of the address.
        case nothing
        /// Wrong PEC.
        case damaged
        /// Undamaged, but the byte count and the bytes do not agree.
        case wrongLength
        /// A whole block write.
        case block
    }

    /// Register, count and content. The longest write has 4 bytes of content; of longer ones only
    /// the PEC is followed.
    private var received = InlineArray<8, UInt8>(repeating: 0)
    /// Saturates, so that an endless transfer cannot wrap into a short one.
    private var receivedCount: UInt8 = 0
    private var code = PEC()
    /// What the read under way is answered with: content without its count.
    var reply = InlineArray<32, UInt8>(repeating: 0)
    private var replyLength: UInt8 = 0
    private var sentCount: UInt8 = 0

    var register: UInt8 { received[0] }
    /// Byte count of the block as sent.
    var count: UInt8 { received[1] }
    /// Content byte `index`, 0 to 3.
    func content(_ index: Int) -> UInt8 { received[index &+ 2] }

    /// Whether the next byte to send is the first of a reply.
    var awaitsReply: Bool { sentCount == 0 }
    /// Whether exactly a register number came before the repeated start, as in a block read.
    var isBlockRead: Bool { receivedCount == 1 }

    mutating func begin() {
        receivedCount = 0
        sentCount = 0
        code = PEC()
        code.add(Register.address &<< 1)
    }

    mutating func receive(_ byte: UInt8) {
        if receivedCount < 8 { received[Int(receivedCount)] = byte }
        if receivedCount != .max { receivedCount &+= 1 }
        code.add(byte)
    }

    /// The same as each byte by itself.
    mutating func receive(_ bytes: Span<UInt8>) {
        let kept = Int(min(receivedCount, 8))
        for index in 0..<min(bytes.count, 8 &- kept) { received[kept &+ index] = bytes[index] }
        let count = Int(receivedCount) &+ bytes.count
        receivedCount = UInt8(truncatingIfNeeded: min(count, Int(UInt8.max)))
        code.add(bytes)
    }

    /// Begins the reply, whose first `length` bytes stand in `reply`. Its PEC is made here for all
    /// of it: what is sent later is then only looked up.
    mutating func beginReply(length: UInt8) {
        replyLength = min(length, 32)
        code.add(Register.address &<< 1 | 1)
        code.add(replyLength)
        code.add(reply.span.extracting(first: Int(replyLength)))
    }

    mutating func transmit() -> UInt8 {
        let position = sentCount
        if sentCount != .max { sentCount &+= 1 }
        if position == 0 { return replyLength }
        if position <= replyLength { return reply[Int(position &- 1)] }
        return position == replyLength &+ 1 ? code.value : 0xFF
    }

    /// Sends what is left of the reply; of use from its first byte only.
    mutating func transmitWhole(
        into block: inout InlineArray<32, UInt8>
    ) -> (count: UInt8, code: UInt8) {
        sentCount = replyLength &+ 2
        block = reply
        return (replyLength, code.value)
    }

    /// STOP. What was received stays readable until the next `begin`.
    mutating func end() -> End {
        let bytes = receivedCount
        let wasRead = sentCount != 0
        receivedCount = 0
        sentCount = 0
        if wasRead || bytes < 2 { return .nothing }
        // The code over a message and its own code is 0.
        if code.value != 0 { return .damaged }
        return bytes >= 3 && count == bytes &- 3 ? .block : .wrongLength
    }
}
