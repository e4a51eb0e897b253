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
        #expect(window.rise(to: 30_000, at: at(1_000 + span)) == (span <= 5_000 ? 10_000 : 0))
    }

    @Test("the lowest of the window counts, wherever in it it is")
    func findsLowest() {
        var window = RiseWindow()
        for (index, value) in [Int32(25_000), 22_000, 27_000, 31_000].enumerated() {
            window.take(value, at: at(Int64(index) * 1_000))
        }
        #expect(window.rise(to: 31_000, at: at(3_000)) == 9_000)
        #expect(window.rise(to: 31_000, at: at(6_000)) == 9_000)
        #expect(window.rise(to: 31_000, at: at(6_001)) == 4_000)
    }

    @Test("falling water does not rise, and an empty window knows no rise")
    func ignoresFall() {
        var window = RiseWindow()
        #expect(window.rise(to: 50_000, at: at(0)) == 0)
        window.take(50_000, at: at(0))
        window.take(20_000, at: at(200))
        #expect(window.rise(to: 20_000, at: at(200)) == 0)
    }

    @Test("samples each 100 ms for 5 s are all kept")
    func keepsAll() {
        var window = RiseWindow()
        for index in 0...1_000 { window.take(Int32(index) * 20, at: at(Int64(index) * 100)) }
        #expect(window.rise(to: 20_000, at: at(100_000)) == 50 * 20)
    }
}
