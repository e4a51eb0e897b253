/// What happened, one line each, for whoever replays a seed.
struct Story {
    /// A run of many seeds keeps no story: writing lines would be most of its time.
    private var isTold: Bool
    private(set) var lines: [String] = []

    init(isTold: Bool) { self.isTold = isTold }

    /// - Parameter text: only made when somebody reads it.
    mutating func tell(_ now: Int64, _ who: String, _ text: @autoclosure () -> String) {
        guard isTold else { return }
        let padded = who + String(repeating: " ", count: max(0, 9 - who.utf8.count))
        lines.append("\(Self.time(now))  \(padded) \(text())")
    }

    /// Nothing is told from here on.
    mutating func end() { isTold = false }

    /// "12d 03:04:05.678": days only where there are any.
    static func time(_ milliseconds: Int64) -> String {
        func padded(_ number: Int64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        let seconds = milliseconds / 1_000
        let days = seconds / 86_400
        let clock = [seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60]
            .map { padded($0, 2) }.joined(separator: ":")
        return (days > 0 ? "\(days)d " : "") + clock + "." + padded(milliseconds % 1_000, 3)
    }
}
