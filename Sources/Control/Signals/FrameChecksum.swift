public import Units

/// CRC-8 SAE J1850 (polynomial 0x1D, initial 0xFF, final 0xFF) over the identifier's two low bytes
/// and every payload byte but the one that holds the checksum.
///
/// The identifier is included so that a frame that a gateway re-labels is refused (AUTOSAR E2E
/// profile 1 does the same with its data id).
public func frameChecksum(of frame: CANFrame, checksumByte: UInt8) -> UInt8 {
    var crc: UInt8 = 0xFF
    crc = step(crc ^ UInt8(truncatingIfNeeded: frame.id))
    crc = step(crc ^ UInt8(truncatingIfNeeded: frame.id >> 8))
    var rest = frame.payload
    for index in 0..<frame.length {
        if index != checksumByte { crc = step(crc ^ UInt8(truncatingIfNeeded: rest)) }
        rest = rest &>> 8
    }
    return ~crc
}

@inline(__always)
private func step(_ value: UInt8) -> UInt8 {
    let high = (value &<< 4) ^ nibbles[Int(value &>> 4)]
    return (high &<< 4) ^ nibbles[Int(high &>> 4)]
}

private let nibbles: InlineArray<16, UInt8> = [
    0x00, 0x1D, 0x3A, 0x27, 0x74, 0x69, 0x4E, 0x53,
    0xE8, 0xF5, 0xD2, 0xCF, 0x9C, 0x81, 0xA6, 0xBB,
]
