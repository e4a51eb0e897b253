import ArgumentParser
import CANDatabase
import Glibc
import JSON
import Units

struct CANCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "can", abstract: "Work with recordings of the CAN bus.",
        subcommands: [Decode.self])

    struct Decode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print each signal of each frame of a candump log; numbers are exact.",
            discussion: """
                Remote, error and CAN FD frames carry nothing that is decoded here, and a line \
                that is no entry of a log is left out: both are counted on standard error at the \
                end. Exit code 1 if a line could not be read.
                """)

        @Option(
            help: ArgumentHelp("The DBC file that describes the frames.", valueName: "file"),
            completion: .file(extensions: ["dbc"]))
        var dbc: String
        @Argument(
            help: "A log as candump -l writes it; - reads standard input.", completion: .file())
        var log = "-"
        @Flag(help: "One line of JSON for each frame.")
        var json = false

        func run() throws {
            let content = try bytes(of: dbc)
            let database: Database
            do throws(DatabaseError) {
                database = try Database(parsing: content, file: dbc)
            } catch {
                throw Failure(.failed, error.description)
            }
            var reader = CandumpReader(file: log)
            var tally = Tally()
            let descriptor = try open()
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = unsafe read(descriptor, &chunk, chunk.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else {
                    throw Failure(.failed, "\(log): \(systemErrorText())")
                }
                if count == 0 { reader.finish() } else { reader.append(chunk[..<count]) }
                decode(&reader, database, &tally)
                if count == 0 { break }
            }
            guard let sentence = tally.sentence else { return }
            let name = log == "-" ? "standard input" : log
            guard tally.firstBad == nil else { throw Failure(.failed, "\(name): \(sentence)") }
            Output.error("busbar: \(name): \(sentence)")
        }

        private func open() throws(Failure) -> Int32 {
            guard log != "-" else { return STDIN_FILENO }
            let descriptor = unsafe Glibc.open(log, O_RDONLY)
            guard descriptor >= 0 else { throw Failure(.failed, "\(log): \(systemErrorText())") }
            return descriptor
        }

        private func decode(
            _ reader: inout CandumpReader, _ database: Database, _ tally: inout Tally
        ) {
            while true {
                do throws(CandumpError) {
                    guard let entry = try reader.next() else { return }
                    switch entry {
                    case .frame(let record):
                        let frame = decodedLines(record, with: database)
                        Output.text((json ? line(frame) : frame.text) + "\n")
                    case .notData(let kind, _, _): tally.note(kind)
                    }
                } catch {
                    // The reader is past that line: one that is torn must not hide the others.
                    tally.note(error)
                }
            }
        }

        private func line(_ frame: DecodedFrame) -> String {
            var signals = JSONObject()
            for signal in frame.signals {
                var members = JSONObject()
                members.append("value", exact(signal.value))
                members.append("raw", JSONValue(signal.raw))
                members.append("unit", .string(signal.unit))
                if let text = signal.valueText { members.append("text", .string(text)) }
                signals[signal.name] = .object(members)
            }
            let missing = frame.missing.map { signal -> JSONValue in
                ["name": .string(signal.name), "reason": .string(signal.reason.description)]
            }
            let value: JSONValue = [
                "time": .string(CandumpLog.text(ofTime: frame.record.microseconds)),
                "interface": .string(frame.record.interface),
                "id": .string(CandumpLog.text(ofID: frame.record.frame.id)),
                "message": frame.messageName.map { .string($0) } ?? .null,
                "signals": .object(signals),
                "missing": .array(missing),
            ]
            return value.serialized()
        }

        private func exact(_ value: ExactDecimal) -> JSONValue {
            .number(JSONNumber(mantissa: value.mantissa, exponent: value.exponent))
        }
    }

    /// What of a log was not decoded, and why.
    struct Tally {
        private var remote = 0
        private var errors = 0
        private var flexible = 0
        private var bad = 0
        private(set) var firstBad: CandumpError?

        mutating func note(_ kind: CandumpEntry.NotData) {
            switch kind {
            case .remoteRequest: remote += 1
            case .errorFrame: errors += 1
            case .flexibleDataRate: flexible += 1
            }
        }

        mutating func note(_ error: CandumpError) {
            bad += 1
            if firstBad == nil { firstBad = error }
        }

        /// "3 remote frames, 1 error frame passed over; 2 lines could not be read, first: line 7:
        /// …"; nil if everything was decoded.
        var sentence: String? {
            let kinds = [
                (remote, "remote frame"), (errors, "error frame"), (flexible, "CAN FD frame"),
            ]
            let passed = kinds.filter { $0.0 > 0 }.map { Self.counted($0.0, $0.1) }
            var parts = passed.isEmpty ? [] : [passed.joined(separator: ", ") + " passed over"]
            if let firstBad {
                parts.append(
                    Self.counted(bad, "line") + " could not be read, first: "
                        + "line \(firstBad.line): \(firstBad.reason)")
            }
            return parts.isEmpty ? nil : parts.joined(separator: "; ")
        }

        private static func counted(_ count: Int, _ noun: String) -> String {
            "\(count) \(noun)\(count == 1 ? "" : "s")"
        }
    }
}
