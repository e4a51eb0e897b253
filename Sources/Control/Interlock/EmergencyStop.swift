import Units

/// The emergency stop at the site, as its auxiliary contact tells it (E407).
///
/// The stop itself is a contact in the supply and needs nobody's help. This is the second opinion:
/// it latches, so that pulling the mushroom out again does not bring the heat back by itself.
struct EmergencyStop: Sendable {
    /// Samples in a row that must say the same. Two: one bounce or one spark on the wire is no
    /// command, and a tick more is nothing where the supply is cut already.
    static let samplesMinimum: UInt8 = 2

    private var pressedSamples: UInt8 = 0
    private var releasedSamples: UInt8 = 0

    /// Two samples in a row said that it is released; also where none is fitted.
    var isReleased: Bool { releasedSamples >= Self.samplesMinimum }

    /// Samples the line once a tick.
    ///
    /// - Returns: whether it is pressed, or its loop cut.
    mutating func step(_ line: LineState) -> Bool {
        if line == .active {
            releasedSamples = 0
            if pressedSamples < Self.samplesMinimum { pressedSamples += 1 }
        } else {
            pressedSamples = 0
            if releasedSamples < Self.samplesMinimum { releasedSamples += 1 }
        }
        return pressedSamples >= Self.samplesMinimum
    }
}
