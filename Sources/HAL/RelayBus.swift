/// One I2C bus, as SMBus block transfers with PEC. The only way in Busbar to reach a relay board.
///
/// Adapters: i2c-dev in `LinuxBuses`, memory in `Simulation`. The adapter adds and checks byte
/// count and PEC; what crosses this protocol is content. Blocks for at most the adapter's time-out.
public protocol RelayBus: ~Copyable {
    /// Writes one block to one register.
    mutating func write(
        _ block: Span<UInt8>, to register: UInt8, of address: UInt8
    ) throws(RelayBusError)

    /// Reads one block from one register into `block` and returns its length, 0 to 32.
    mutating func read(
        _ register: UInt8, of address: UInt8, into block: inout InlineArray<32, UInt8>
    ) throws(RelayBusError) -> Int
}

/// Why a transfer failed. Expected in service: wires break, boards brown out.
public enum RelayBusError: UInt8, Error, Sendable, CustomStringConvertible {
    case noAnswer, timedOut, wrongPEC, arbitrationLost, wrongLength

    public var description: String {
        switch self {
        case .noAnswer: "no relay board answered: check its supply and the I2C cable"
        case .timedOut: "the I2C bus hung: power-cycle the relay board"
        case .wrongPEC: "the relay board's answer was damaged: check cable length and shielding"
        case .arbitrationLost: "another master took the I2C bus: only busbard may own it"
        case .wrongLength: "the answer has another length: is this a relay board of this version?"
        }
    }
}
