// Conversions to and from 64 bits that the Embedded gate accepts on the Pico's 32-bit processor.
//
// The standard library's own initialisers go through `words` there, which names an allocating type
// (Swift 6.3.1 for armv6m says: "cannot use allocating type '_ContiguousArrayStorage<UInt>'").
// These compile to the same instructions and may be used in the core on every target.

extension UInt64 {
    /// `value` with zeros above it.
    @inlinable public init(widening value: UInt32) { self.init(_truncatingBits: UInt(value)) }
    @inlinable public init(widening value: UInt8) { self.init(_truncatingBits: UInt(value)) }
}

extension Int64 {
    /// The same number: the sign is carried upward.
    @inlinable public init(widening value: Int32) {
        let low = UInt64(_truncatingBits: UInt(UInt32(bitPattern: value)))
        self = Int64(bitPattern: low &<< 32) &>> 32
    }

    /// The same number.
    @inlinable public init(widening value: UInt8) {
        self = Int64(bitPattern: UInt64(widening: value))
    }
}

extension Int32 {
    /// The nearest number that fits.
    @inlinable public init(clamped value: Int64) {
        if value > Int64(widening: Int32.max) {
            self = .max
        } else if value < Int64(widening: Int32.min) {
            self = .min
        } else {
            self = Int32(truncatingIfNeeded: value)
        }
    }
}
