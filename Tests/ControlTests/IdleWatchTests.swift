import Testing
import Units

@testable import Control

@Suite("Idle watch")
struct IdleWatchTests {
    @Test(
        "the rise is from the lowest of the last 300 s, known to 5 s",
        arguments: [
            (Int64(294_000), Int32(5_000)), (295_000, 5_000), (300_000, 0), (310_000, 0),
        ])
    func measures(row: (span: Int64, rise: Int32)) {
        var watch = IdleWatch()
        _ = watch.take(20_000, at: at(0))
        var rise: Int32 = 0
        for time in stride(from: Int64(1_000), through: row.span, by: 1_000) {
            rise = watch.take(25_000, at: at(time))
        }
        #expect(rise == row.rise)
    }

    @Test("a minimum counts from its own moment on, not from the slice's beginning")
    func keepsMinimum() {
        var watch = IdleWatch()
        for time in stride(from: Int64(0), through: 100_000, by: 200) {
            _ = watch.take(30_000, at: at(time))
        }
        _ = watch.take(26_000, at: at(100_200))
        let rise1 = watch.take(30_999, at: at(200_000))
        #expect(rise1 == 4_999)
        let rise2 = watch.take(31_000, at: at(395_000))
        #expect(rise2 == 5_000)
    }

    @Test("after a stop what was measured means nothing")
    func stops() {
        var watch = IdleWatch()
        _ = watch.take(20_000, at: at(0))
        watch.stop()
        let rise3 = watch.take(40_000, at: at(1_000))
        #expect(rise3 == 0)
    }

    @Test("after a silence longer than the window it begins anew")
    func beginsAnew() {
        var watch = IdleWatch()
        _ = watch.take(20_000, at: at(0))
        let rise4 = watch.take(40_000, at: at(100_000_000))
        #expect(rise4 == 0)
        let rise5 = watch.take(45_000, at: at(100_001_000))
        #expect(rise5 == 5_000)
    }
}
