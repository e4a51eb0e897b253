import Testing

@testable import Kafka

@Suite("Records that a producer has not reported on")
struct OutstandingRecordsTests {
    @Test("each mark gives its token once")
    func once() {
        var records = OutstandingRecords()
        let marks = (1...1_000).map { records.insert($0) }
        #expect(Set(marks).count == 1_000 && !marks.contains(0))
        #expect(records.count == 1_000)
        for (token, mark) in zip(UInt64(1)...1_000, marks).reversed() {
            #expect(records.remove(mark) == token)
            #expect(records.remove(mark) == nil)
        }
        #expect(records.count == 0)
    }

    @Test("a late report is not taken for that of the record that has its place now")
    func late() {
        var records = OutstandingRecords()
        let old = records.insert(7)
        #expect(records.removeAll() == [7])
        let new = records.insert(8)
        #expect(records.remove(old) == nil)
        #expect(records.remove(new) == 8)
    }

    @Test("places are used again")
    func places() {
        var records = OutstandingRecords()
        var greatest: UInt64 = 0
        for token in UInt64(1)...10_000 {
            let mark = records.insert(token)
            greatest = max(greatest, mark & 0xFFFF_FFFF)
            #expect(records.remove(mark) == token)
        }
        #expect(greatest == 1)
    }

    @Test(
        "a mark that was never given is of no record", arguments: [0, 1, 1 << 32, .max] as [UInt64])
    func unknown(mark: UInt64) {
        var records = OutstandingRecords()
        #expect(records.remove(mark) == nil)
        _ = records.insert(1)
        #expect(records.remove(mark) == nil)
        #expect(records.removeAll() == [1])
    }
}
