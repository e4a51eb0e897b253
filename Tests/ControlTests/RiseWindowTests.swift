import Testing
import Units

@testable import Control

@Suite("Rise window")
struct RiseWindowTests {
    @Test(
        "a rise counts within 5 000 ms, this moment's included", arguments: [4_999, 5_000, 5_001])
    func measures(span: Int64) {
        var window = RiseWindow()
        window.take(20_000, at: at(1_000))
        window.take(30_000, at: at(1_000 + span))
        let rise1 = window.rise(to: 30_000, at: at(1_000 + span))
        #expect(rise1 == (span <= 5_000 ? 10_000 : 0))
    }

    @Test("the lowest of the window counts, wherever in it it is")
    func findsLowest() {
        var window = RiseWindow()
        for (index, value) in [Int32(25_000), 22_000, 27_000, 31_000].enumerated() {
            window.take(value, at: at(Int64(index) * 1_000))
        }
        let rise2 = window.rise(to: 31_000, at: at(3_000))
        #expect(rise2 == 9_000)
        let rise3 = window.rise(to: 31_000, at: at(6_000))
        #expect(rise3 == 9_000)
        let rise4 = window.rise(to: 31_000, at: at(6_001))
        #expect(rise4 == 4_000)
    }

    @Test("falling water does not rise, and an empty window knows no rise")
    func ignoresFall() {
        var window = RiseWindow()
        let rise5 = window.rise(to: 50_000, at: at(0))
        #expect(rise5 == 0)
        window.take(50_000, at: at(0))
        window.take(20_000, at: at(200))
        let rise6 = window.rise(to: 20_000, at: at(200))
        #expect(rise6 == 0)
    }

    @Test("samples each 100 ms for 5 s are all kept")
    func keepsAll() {
        var window = RiseWindow()
        for index in 0...1_000 { window.take(Int32(index) * 20, at: at(Int64(index) * 100)) }
        let rise7 = window.rise(to: 20_000, at: at(100_000))
        #expect(rise7 == 50 * 20)
    }
}
