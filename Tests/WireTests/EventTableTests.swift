import Events
import Foundation
import Testing
import Wire

/// The table of event types that people read, held to the code.
@Suite("Table of event types")
struct EventTableTests {
    static let file = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Sources/Wire/Wire.docc/EventTypes.md")

    @Test("the table has one row for each kind of event, in order, and no other")
    func tableIsComplete() throws {
        let text = try String(contentsOf: Self.file, encoding: .utf8)
        let names = text.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("| `") else { return nil }
            return line.split(separator: "`").dropFirst().first.map(String.init)
        }
        #expect(
            names == EventKind.allCases.map(\.name),
            "edit Sources/Wire/Wire.docc/EventTypes.md: a row for each case of EventKind")
    }

    @Test("the table gives each controller event the subject and the data that it has")
    func tableIsTrue() throws {
        let text = try String(contentsOf: Self.file, encoding: .utf8)
        for row in WireTests.rows {
            let line = try #require(
                text.split(separator: "\n").first { $0.hasPrefix("| `\(row.fact.kind.name)`") })
            let subject = try #require(row.subject.split(separator: "/").first)
            #expect(line.contains("| `\(subject)/"), "\(row.type)")
            let data = try #require(
                try JSONSerialization.jsonObject(with: Data(row.data.utf8)) as? [String: Any])
            for name in data.keys {
                #expect(line.contains("`\(name)`"), "\(row.type): the table lacks \(name)")
            }
            #expect(line.contains(row.lane.name), "\(row.type)")
        }
    }
}
