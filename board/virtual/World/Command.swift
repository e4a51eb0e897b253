import JSON
import Simulation

/// A line that somebody wrote to the world's FIFO.
enum Command {
    case action(WorldAction)
    case bus(BoardBus.Fault?)
    case line(Int, isHigh: Bool)
    case can(String)
    /// Foreign frames, per second.
    case flood(Int64)
    /// The sensor node's frames go out so many ms after their time.
    case lateFrames(Int64)
    case mark

    init(_ line: String) throws(Misunderstood) {
        let words = line.split(separator: " ")
        switch (words.first, words.count) {
        case ("i2c", 2...3): self = .bus(try Self.fault(words))
        case ("line", 3):
            guard let offset = Int(words[1]), words[2] == "high" || words[2] == "low" else {
                throw Misunderstood(reason: "allowed is: line OFFSET high | low")
            }
            self = .line(offset, isHigh: words[2] == "high")
        case ("can", 2): self = .can(String(words[1]))
        case ("flood", 2): self = .flood(try Self.number(words[1], in: 0...20_000))
        case ("frames", 2): self = .lateFrames(try Self.number(words[1], in: 0...1_000))
        case ("mark", _): self = .mark
        default: self = .action(try Self.action(line))
        }
    }

    private static func fault(_ words: [Substring]) throws(Misunderstood) -> BoardBus.Fault? {
        switch (words[1], words.count) {
        case ("ok", 2): return nil
        case ("open", 2): return .open
        case ("stuck", 2): return .stuck
        case ("contested", 3):
            if let count = Int(words[2]), count > 0 { return .contested(count) }
        default: break
        }
        throw Misunderstood(reason: "allowed is: i2c open | stuck | contested COUNT | ok")
    }

    private static func number(
        _ word: Substring, in range: ClosedRange<Int64>
    ) throws(Misunderstood) -> Int64 {
        guard let number = Int64(word), range.contains(number) else {
            throw Misunderstood(
                reason: "allowed is a whole number, \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func action(_ line: String) throws(Misunderstood) -> WorldAction {
        do {
            return try LiveWorld.action(from: try JSONValue.parse(Array(line.utf8)))
        } catch {
            throw Misunderstood(reason: "\(error)")
        }
    }
}

struct Misunderstood: Error {
    var reason: String
}
