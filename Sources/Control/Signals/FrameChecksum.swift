public import Units

/// CRC-8 SAE J1850 (polynomial x⁸+x⁴+x³+x²+1 = 0x1D, initial value 0xFF, inverted at the end, most
/// significant bit first) by nibbles: 16 entries instead of 256, which the Pico's flash thanks us for.
private let nibbles: InlineArray<16, UInt8> = [
    0x00, 0x1D, 0x3A, 0x27, 0x74, 0x69, 0x4E, 0x53,
    0xE8, 0xF5, 0xD2, 0xCF, 0x9C, 0x81, 0xA6, 0xBB,
]

@inline(__always)
private func adding(_ byte: UInt8, to crc: UInt8) -> UInt8 {
    var sum = crc ^ byte
    sum = (sum &<< 4) ^ nibbles[Int(sum &>> 4)]
    return (sum &<< 4) ^ nibbles[Int(sum &>> 4)]
}

/// The checksum that belongs into byte `checksumByte` of `frame`.
///
/// It covers the low byte and the next byte of the identifier, so that a payload that turns up under
/// another frame's identifier is refused, and then all payload bytes sent except the checksum's own.
/// This choice of coverage is ours; the node's firmware and the simulated node follow it.
public func frameChecksum(of frame: CANFrame, checksumByte: UInt8) -> UInt8 {
    var crc = adding(UInt8(truncatingIfNeeded: frame.id), to: 0xFF)
    crc = adding(UInt8(truncatingIfNeeded: frame.id &>> 8), to: crc)
    var rest = frame.payload
    var index: UInt8 = 0
    while index < frame.length {
        if index != checksumByte { crc = adding(UInt8(truncatingIfNeeded: rest), to: crc) }
        rest = rest &>> 8
        index &+= 1
    }
    return crc ^ 0xFF
}
