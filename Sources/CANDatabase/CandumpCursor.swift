import Units

/// Takes one line of a log apart, from left to right.
struct CandumpCursor {
    var rest: ArraySlice<UInt8>
    let file: String
    let number: Int

    func error(_ reason: String) -> CandumpError {
        CandumpError(file: file, line: number, reason: reason)
    }

    /// The beginning of what is left, for a message.
    private var found: String {
        guard !rest.isEmpty else { return "the end of the line" }
        var text = ""
        for byte in rest.prefix(40) {
            text += byte >= 0x20 && byte < 0x7F ? String(Unicode.Scalar(byte)) : "?"
        }
        return "'\(text)'"
    }

    mutating func skipBlanks() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == 0x09 || $0 == 0x0D }
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func takeDigits() -> ArraySlice<UInt8> {
        let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        rest = rest.dropFirst(digits.count)
        return digits
    }

    private mutating func takeHexDigit() -> UInt8? {
        guard let byte = rest.first, let value = Unicode.Scalar(byte).hexadecimalValue else {
            return nil
        }
        rest = rest.dropFirst()
        return value
    }

    /// `(seconds.microseconds)`. Of nine digits, which newer versions can write, six are used.
    mutating func takeTime() throws(CandumpError) -> Int64 {
        let whole = rest
        guard take("(") else { throw timeError(at: whole) }
        let seconds = takeDigits()
        guard take(".") else { throw timeError(at: whole) }
        let fraction = takeDigits()
        // 12 digits of seconds last for 31,000 years and keep the microseconds within 64 bits.
        guard seconds.count >= 1, seconds.count <= 12, fraction.count == 6 || fraction.count == 9,
            take(")")
        else { throw timeError(at: whole) }
        var microseconds: Int64 = 0
        for digit in seconds + fraction.prefix(6) {
            microseconds = microseconds * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        skipBlanks()
        return microseconds
    }

    private func timeError(at place: ArraySlice<UInt8>) -> CandumpError {
        let found = CandumpCursor(rest: place, file: file, number: number).found
        return error(
            "expected a time such as (1700000000.123456), found \(found); record with candump -L")
    }

    mutating func takeInterface() throws(CandumpError) -> String {
        // The kernel allows 15 bytes; anything printable but a blank may be in them.
        let name = rest.prefix { $0 > 0x20 && $0 < 0x7F }
        guard !name.isEmpty, name.count <= 15 else {
            throw error("expected an interface such as can0, found \(found)")
        }
        rest = rest.dropFirst(name.count)
        skipBlanks()
        return String(decoding: name, as: UTF8.self)
    }

    /// The identifier as in `CANFrame.id`, or the class of an error frame; and the `#` behind it.
    mutating func takeID() throws(CandumpError) -> (id: UInt32, isError: Bool) {
        let before = self
        var id: UInt32 = 0
        var digits = 0
        while digits < 8, let digit = takeHexDigit() {
            id = id << 4 | UInt32(digit)
            digits += 1
        }
        guard take("#"), digits == 3 || digits == 8 else {
            throw error(
                "expected an identifier of 3 or 8 hexadecimal digits and '#', "
                    + "found \(before.found)")
        }
        if digits == 3 {
            guard id <= 0x7FF else {
                let shown = hexadecimal(UInt64(id), digits: 3)
                throw error("the identifier \(shown) has more than 11 bits")
            }
            return (id, false)
        }
        // can-utils marks error frames with the kernel's CAN_ERR_FLAG.
        let errorFlag: UInt32 = 0x2000_0000
        guard id <= errorFlag | 0x1FFF_FFFF else {
            let shown = hexadecimal(UInt64(id), digits: 8)
            throw error("the identifier \(shown) has more than 29 bits")
        }
        return id & errorFlag != 0
            ? (id & ~errorFlag, true) : (id | CANFrame.extendedFlag, false)
    }

    mutating func takePayload() throws(CandumpError) -> (payload: UInt64, length: UInt8) {
        let before = self
        var payload: UInt64 = 0
        var length: UInt8 = 0
        while let high = takeHexDigit() {
            guard let low = takeHexDigit() else {
                throw error("the payload \(before.found) has half a byte at its end")
            }
            guard length < 8 else {
                throw error("the payload \(before.found) has more than 8 bytes")
            }
            payload |= UInt64(high << 4 | low) << (UInt64(length) * 8)
            length += 1
        }
        if length == 8, take("_") {
            guard let code = takeHexDigit(), code > 8 else {
                throw error("expected a raw length code of 9 to F after '_', found \(found)")
            }
        }
        return (payload, length)
    }

    /// `R`, and the length asked for, which candump leaves out where it is 0.
    mutating func takeRemoteLength() throws(CandumpError) {
        let digits = takeDigits()
        guard digits.isEmpty || (digits.count == 1 && digits.first! <= UInt8(ascii: "8")) else {
            throw error("a remote request asks for 0 to 8 bytes")
        }
    }

    /// The flags and up to 64 bytes of a CAN FD frame, looked at for their form only.
    mutating func takeFlexiblePayload() throws(CandumpError) {
        guard takeHexDigit() != nil else {
            throw error("expected the flags of a CAN FD frame after '##', found \(found)")
        }
        var digits = 0
        while takeHexDigit() != nil { digits += 1 }
        guard digits % 2 == 0, digits <= 128 else {
            throw error("a CAN FD frame carries 0 to 64 bytes, found \(digits) hexadecimal digits")
        }
    }

    /// Nothing, or the direction that `candump -x` writes.
    mutating func expectEnd() throws(CandumpError) {
        let before = rest
        skipBlanks()
        if rest.count < before.count, take("R") || take("T") { skipBlanks() }
        guard rest.isEmpty else {
            throw error("expected the end of the line after the frame, found \(found)")
        }
    }
}

extension Unicode.Scalar {
    fileprivate var hexadecimalValue: UInt8? {
        switch self {
        case "0"..."9": UInt8(truncatingIfNeeded: value - 0x30)
        case "A"..."F": UInt8(truncatingIfNeeded: value - 0x41 + 10)
        case "a"..."f": UInt8(truncatingIfNeeded: value - 0x61 + 10)
        default: nil
        }
    }
}
