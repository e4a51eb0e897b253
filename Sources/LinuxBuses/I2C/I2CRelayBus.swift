import CI2C
import CLinuxHAL
import Glibc
public import HAL
public import LinuxHAL
import RelayBoard
public import Units

/// The relay board on an I2C adapter of the kernel: SMBus blocks with packet error codes.
///
/// Writes go by libi2c. Reads do so too where the adapter can read blocks whose length the target
/// gives. The adapter of a Pi up to 4 (i2c-bcm2835) cannot; there the register's length, which the
/// map fixes, is read as a plain message, and count and code are checked here. On the wire both are
/// the same.
///
/// Nothing is repeated here or in the kernel: `PicoRelayBoard` knows what may be sent twice.
public struct I2CRelayBus: RelayBus, ~Copyable {
    /// How often the bus was held low, and whether it is now.
    public private(set) var stuck = StuckBus()
    /// Writes go with packet error codes. A board refuses those without, so that nothing can be
    /// energised through an adapter that lacks them.
    public let hasPEC: Bool
    /// The longest that one transfer may take.
    public let timeout: Milliseconds
    private let descriptor: Int32
    private let address: UInt8
    private let readsBlocks: Bool

    /// - Parameters:
    ///   - path: an i2c-dev node: /dev/busbar-relays, /dev/i2c-1.
    ///   - tick: the period of the loop, which bounds the time-out.
    /// - Throws: when it cannot be opened, or the adapter cannot do what the board needs.
    public init(path: String, address: UInt8, tick: Milliseconds) throws(SystemError) {
        let timeout = Self.timeout(forTick: tick)
        let result = busbar_i2c_open(path, address, Int32(timeout.rawValue))
        guard result >= 0 else { throw Self.refusal(path, address, -result) }
        let abilities = busbar_i2c_abilities(result)
        let writes = abilities & Int32(busbar_i2c_writes_blocks) != 0
        let reads = abilities & Int32(busbar_i2c_reads_blocks) != 0
        let isPlain = abilities & Int32(busbar_i2c_plain) != 0
        guard abilities >= 0, writes, reads || isPlain else {
            close(result)
            throw SystemError(
                "use \(path) for the relay board", number: EOPNOTSUPP,
                advice: "its adapter cannot transfer SMBus blocks: take bus 1 of the Pi")
        }
        self.timeout = timeout
        self.address = address
        descriptor = result
        readsBlocks = reads
        hasPEC = Self.givesPEC(abilities)
    }

    /// Where an adapter knows plain I2C alone, the kernel makes SMBus transfers of it, and their
    /// codes too, whatever the adapter says of codes: the Pi 5's (i2c_designware) says nothing.
    ///
    /// - Parameter abilities: of `busbar_i2c_abilities`.
    static func givesPEC(_ abilities: Int32) -> Bool {
        abilities & Int32(busbar_i2c_has_pec | busbar_i2c_plain) != 0
    }

    deinit { close(descriptor) }

    /// A fifth of a tick, in the kernel's steps of 10 ms. Of one exchange at most one transfer
    /// meets a hung bus, and one TRIP after it: two fifths, and the permit line still changes in
    /// time. At the shortest tick of 20 ms two time-outs are the whole of it; the tick is then
    /// late, and counted.
    static func timeout(forTick tick: Milliseconds) -> Milliseconds {
        Milliseconds(max(10, tick.rawValue / 5 / 10 * 10))
    }

    public mutating func write(
        _ block: Span<UInt8>, to register: UInt8, of address: UInt8
    ) throws(RelayBusError) {
        guard address == self.address else { throw .noAnswer }
        let result = block.withUnsafeBufferPointer { bytes in
            i2c_smbus_write_block_data(
                descriptor, register, UInt8(truncatingIfNeeded: bytes.count), bytes.baseAddress)
        }
        try judge(result)
    }

    public mutating func read(
        _ register: UInt8, of address: UInt8, into block: inout InlineArray<32, UInt8>
    ) throws(RelayBusError) -> Int {
        guard address == self.address else { throw .noAnswer }
        guard !readsBlocks else {
            var span = block.mutableSpan
            let result = span.withUnsafeMutableBufferPointer { bytes in
                i2c_smbus_read_block_data(descriptor, register, bytes.baseAddress)
            }
            try judge(result)
            return Int(result)
        }
        guard let length = Register(rawValue: register)?.readLength else { throw .wrongLength }
        return try readPlain(register, length: Int(length), into: &block)
    }

    private mutating func readPlain(
        _ register: UInt8, length: Int, into block: inout InlineArray<32, UInt8>
    ) throws(RelayBusError) -> Int {
        // Count, content, code.
        var message = InlineArray<34, UInt8>(repeating: 0)
        var span = message.mutableSpan
        let result = span.withUnsafeMutableBufferPointer { bytes in
            busbar_i2c_read(
                descriptor, address, register, bytes.baseAddress, Int32(length + 2))
        }
        try judge(result)
        let content = blockContent(
            of: message.span.extracting(0..<(length + 2)), register: register, address: address)
        switch content {
        case .failure(let error): throw error
        case .success(let count):
            for index in 0..<count { block[index] = message[index + 1] }
            return count
        }
    }

    /// - Parameter result: negative errno, as libi2c gives it.
    private mutating func judge(_ result: Int32) throws(RelayBusError) {
        guard result < 0 else {
            stuck.note(nil)
            return
        }
        let error = relayBusError(ofErrno: -result)
        stuck.note(error)
        throw error
    }

    private static func refusal(_ path: String, _ address: UInt8, _ number: Int32) -> SystemError {
        let advice =
            switch number {
            case ENOENT, ENODEV:
                "switch the bus on (dtparam=i2c_arm=on) and load the module i2c-dev"
            case EACCES, EPERM:
                "install Busbar's udev rules and put this user into the group busbar-devices"
            case EBUSY:
                "a kernel driver has address \(address): take its overlay out of config.txt"
            default: "look into the kernel's log: dmesg | grep i2c"
            }
        return SystemError("open the relay board's bus \(path)", number: number, advice: advice)
    }
}

/// Takes a block apart that was read as a plain message of known length: count, content, code.
///
/// - Returns: how many bytes of content there are, from byte 1 on. A count that is not the map's is
///   a board of another version, or a register that it does not know.
func blockContent(
    of message: Span<UInt8>, register: UInt8, address: UInt8
) -> Result<Int, RelayBusError> {
    let expected = message.count - 2
    var code = PEC()
    code.add(address << 1)
    code.add(register)
    code.add(address << 1 | 1)
    let count = Int(message[0])
    // A shorter block has its code right behind it, and then whatever the board sends after the
    // end.
    guard count <= expected else { return .failure(count > 32 ? .wrongPEC : .wrongLength) }
    for index in 0..<(count + 2) { code.add(message[index]) }
    guard code.value == 0 else { return .failure(.wrongPEC) }
    return count == expected ? .success(count) : .failure(.wrongLength)
}
