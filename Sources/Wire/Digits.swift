// Numbers as text of a fixed width, each in one step: a bridge writes a dozen of them an event.

extension String {
    /// 16 lower-case hexadecimal digits for each word, the first word first.
    init(hexadecimal words: UInt64...) {
        unsafe self.init(unsafeUninitializedCapacity: 16 * words.count) { text in
            var place = 0
            for word in words {
                for shift in stride(from: 60, through: 0, by: -4) {
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
                    unsafe text[place] = digit < 10 ? 0x30 + digit : 0x57 + digit
                    place += 1
                }
            }
            return place
        }
    }

    /// With zeros before it, up to `places` digits; more if it has more.
    init(_ number: UInt64, places: Int) {
        var count = 1
        var bound: UInt64 = 10
        while number >= bound {
            count += 1
            let (product, isOver) = bound.multipliedReportingOverflow(by: 10)
            if isOver { break }
            bound = product
        }
        let width = Swift.max(count, places)
        unsafe self.init(unsafeUninitializedCapacity: width) { text in
            var rest = number
            for place in (0..<width).reversed() {
                unsafe text[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            return width
        }
    }
}
