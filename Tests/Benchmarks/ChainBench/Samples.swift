import Glibc

/// The events that every side of a benchmark stores or sends: what a heater measures, as JSON
/// objects of 300 bytes, one a line. The same seed gives the same lines.
enum Samples {
    static let size = 300

    static func print(count: Int) {
        var plant = Plant()
        for number in 1...max(1, count) { Swift.print(plant.sample(number)) }
        fflush(nil)
    }

    static func read(_ path: String) throws(Failure) -> [[UInt8]] {
        guard let file = fopen(path, "r") else {
            throw Failure("\(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var lines: [[UInt8]] = []
        var buffer: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(buffer) }
        while true {
            let count = getline(&buffer, &capacity, file)
            guard count > 0, let buffer else { break }
            let line = UnsafeRawBufferPointer(start: buffer, count: count)
            lines.append(line.filter { $0 != UInt8(ascii: "\n") })
        }
        guard !lines.isEmpty else { throw Failure("\(path) has no lines") }
        return lines
    }
}

/// Signals that wander as those of a real plant do: little from sample to sample. They decide how
/// well a batch can be compressed.
private struct Plant {
    private var values: [Int] = [54_321, 48_870, 61_204, 3_412, 1_013, 812, 24_118, 7_702]
    private var state: UInt64 = 20_261_121

    /// SplitMix64.
    private mutating func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func sample(_ number: Int) -> String {
        for index in values.indices { values[index] += Int(random() % 41) - 20 }
        let text =
            "{\"n\":\(number),\"mode\":\"run\",\"bottom_mC\":\(values[0]),\"middle_mC\":\(values[1])"
            + ",\"top_mC\":\(values[2]),\"flow_mL_min\":\(values[3]),\"pressure_hPa\":\(values[4])"
            + ",\"flame_nA\":\(values[5]),\"supply_mV\":\(values[6]),\"load_mA\":\(values[7])"
            + ",\"relays\":{\"pump\":\(random() % 8 > 0),\"valve\":\(random() % 8 > 0)"
            + ",\"spark\":false,\"fan\":\(random() % 16 > 0)},\"trace\":\""
        return text + digits(max(0, Samples.size - text.utf8.count - 2)) + "\"}"
    }

    /// Hexadecimal digits, which nothing compresses by more than a half.
    private mutating func digits(_ count: Int) -> String {
        String((0..<count).map { _ in "0123456789abcdef".randomDigit(random()) })
    }
}

extension String {
    fileprivate func randomDigit(_ number: UInt64) -> Character {
        self[index(startIndex, offsetBy: Int(number % 16))]
    }
}
