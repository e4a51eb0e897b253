import JSON
import Simulation

/// A line that somebody wrote to the world's FIFO.
enum Command {
    case action(WorldAction)
    case bus(BoardBus.Fault?)
    case line(Int, isHigh: Bool)
    case can(String)
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
