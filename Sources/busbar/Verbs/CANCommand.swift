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
            abstract: "Print each signal of each frame of a candump log; numbers are exact.")

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
            let descriptor = try open()
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = unsafe read(descriptor, &chunk, chunk.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else {
                    throw Failure(.failed, "\(log): \(systemErrorText())")
                }
                if count == 0 { reader.finish() } else { reader.append(chunk[..<count]) }
                try decode(&reader, database)
                if count == 0 { return }
            }
        }

        private func open() throws(Failure) -> Int32 {
            guard log != "-" else { return STDIN_FILENO }
            let descriptor = unsafe Glibc.open(log, O_RDONLY)
            guard descriptor >= 0 else { throw Failure(.failed, "\(log): \(systemErrorText())") }
            return descriptor
        }

        private func decode(
            _ reader: inout CandumpReader, _ database: Database
        ) throws(Failure) {
            do throws(CandumpError) {
                while let entry = try reader.next() {
                    guard case .frame(let record) = entry else { continue }
                    let frame = decodedLines(record, with: database)
                    Output.text((json ? line(frame) : frame.text) + "\n")
                }
            } catch {
                throw Failure(.failed, error.description)
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
}
