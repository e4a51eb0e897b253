import Glibc

/// Busbar's side of the benchmarks that need more than its programs: see `chain_benchmarks.py`.
@main
enum ChainBench {
    static let usage = """
        usage: chain-bench payloads COUNT            events as lines, 300 bytes of JSON each
               chain-bench journal DIR LINES GROUP   store them, GROUP in a commit, and say what it
                                                     cost
               chain-bench life DIR LINES RATE       the same at RATE events a second of virtual
                                                     time, acknowledged and reclaimed
               chain-bench backlog DIR LINES COUNT   a device that was offline: COUNT events
               chain-bench told DIR LINES FROM       store from line FROM on; print the number of
                                                     each event once it is durable
               chain-bench records LINES EVENTS      the records that a bridge makes of them
               chain-bench feed HOST:PORT LINES EVENTS
                                                     batches of many devices, as fast as the broker
                                                     takes them
        """

    static func main() {
        // A peer that went away is an error of `write`, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do throws(Failure) {
            try run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            let bytes = Array("chain-bench: \(error.text)\n".utf8)
            _ = write(STDERR_FILENO, bytes, bytes.count)
            exit(1)
        }
    }

    private static func run(_ words: [String]) throws(Failure) {
        switch (words.first, words.count) {
        case ("payloads", 2): try Samples.print(count: number(words[1]))
        case ("journal", 4):
            try JournalRun(directory: words[1], lines: Samples.read(words[2]))
                .measure(group: number(words[3]))
        case ("life", 4):
            try JournalRun(directory: words[1], lines: Samples.read(words[2]))
                .live(eventsPerSecond: number(words[3]))
        case ("backlog", 4):
            try JournalRun(directory: words[1], lines: Samples.read(words[2]))
                .pileUp(count: number(words[3]))
        case ("told", 4):
            try JournalRun(directory: words[1], lines: Samples.read(words[2]))
                .tell(from: number(words[3]))
        case ("records", 3):
            try Fleet(lines: Samples.read(words[1]), events: number(words[2])).printRecords()
        case ("feed", 4):
            try Fleet(lines: Samples.read(words[2]), events: number(words[3])).feed(to: words[1])
        default: throw Failure(usage)
        }
    }

    private static func number(_ word: String) throws(Failure) -> Int {
        guard let number = Int(word), number >= 0 else {
            throw Failure("found \"\(word)\"; expected is a number\n\(usage)")
        }
        return number
    }
}

struct Failure: Error {
    var text: String
    init(_ text: String) { self.text = text }
}
