import Foundation
import JSON
import Testing

@Suite("can decode reads on")
struct DecodeTests {
    private static let fixtures = Programs.root.appendingPathComponent(
        "Tests/CANDatabaseTests/Fixtures")

    private func decode(_ log: String, _ options: String...) throws -> Programs.Result {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-\(UUID().uuidString).log")
        try log.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        var result = try Programs.run(
            "busbar",
            ["can", "decode", "--dbc", Self.fixtures.appendingPathComponent("pylontech.dbc").path]
                + options + [file.path])
        result.error = result.error.replacingOccurrences(of: file.path, with: "LOG")
        return result
    }

    private static let frame = "(1.000000) can0 355#58005E00\n"

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let log: String
        let code: Int32
        let frames: Int
        let error: String
    }

    static let rows = [
        Row(
            testDescription: "a log of data frames says nothing", log: frame + frame, code: 0,
            frames: 2, error: ""),
        Row(
            testDescription: "what carries no data is counted by kind",
            log: "(1.000000) can0 355#R\n(1.000000) can0 355#R8\n(1.000000) can0 356#R\n"
                + "(1.000000) can0 20000004#0000000000000000\n(1.000000) can0 355##1AABB\n" + frame,
            code: 0, frames: 1,
            error: "busbar: LOG: 3 remote frames, 1 error frame, 1 CAN FD frame passed over\n"),
        Row(
            testDescription: "one bad line is left out and the rest is read",
            log: frame + "(1.000000) can0 355#580\n" + frame, code: 1, frames: 2,
            error: "busbar: LOG: 1 line could not be read, first: line 2: the payload '580' has "
                + "half a byte at its end\n"),
        Row(
            testDescription: "nor do several of them hide what follows",
            log: "a\nb\nc\nd\n" + frame, code: 1, frames: 1,
            error: "busbar: LOG: 4 lines could not be read, first: line 1: expected a time such as "
                + "(1700000000.123456), found 'a'; record with candump -L\n"),
        Row(
            testDescription: "both are said, with the first of the bad lines",
            log: frame + frame + "(1.000000) can0 355#R\nnoise\n" + frame + "more noise\n",
            code: 1, frames: 3,
            error: "busbar: LOG: 1 remote frame passed over; 2 lines could not be read, first: "
                + "line 4: expected a time such as (1700000000.123456), found 'noise'; record with "
                + "candump -L\n"),
    ]

    @Test("What is not decoded is counted", arguments: rows)
    func counted(row: Row) throws {
        let result = try decode(row.log)
        #expect(result.code == row.code)
        #expect(result.error == row.error)
        #expect(
            result.output.components(separatedBy: "(1.000000) can0  355").count - 1 == row.frames)
    }

    @Test("with --json the last line is the error")
    func errorLine() throws {
        let result = try decode(Self.frame + "noise\n", "--json")
        #expect(result.code == 1)
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 2)
        let last = try JSONValue.parse(Array(try #require(lines.last).utf8))
        #expect(last["error"]?["exit"]?.int == 1)
        #expect(last["error"]?["message"]?.string?.contains("1 line could not be read") == true)
    }
}
