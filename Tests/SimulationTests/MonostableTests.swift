import Control
import HAL
import Site
import Testing
import Units

@testable import Simulation

@Suite("K2's monostable: either edge of the permit line holds it for its drop-out time")
struct MonostableTests {
    /// What happens to the line at a time, and when K2 opens by then.
    struct Row: CustomTestStringConvertible {
        var name: String
        var steps: [(Int64, Step)]
        var opensAt: Int64
        var edges: UInt64

        var testDescription: String { name }
    }

    enum Step { case edge, low, release }

    static let rows = [
        Row(name: "one edge, up", steps: [(0, .edge)], opensAt: 300, edges: 1),
        Row(name: "up and down", steps: [(0, .edge), (100, .edge)], opensAt: 400, edges: 2),
        Row(
            name: "driven low from high is an edge", steps: [(0, .edge), (100, .low)],
            opensAt: 400, edges: 2),
        Row(
            name: "driven low again is none", steps: [(0, .edge), (100, .low), (200, .low)],
            opensAt: 400, edges: 2),
        Row(
            name: "driven low from low is none", steps: [(0, .edge), (100, .edge), (200, .low)],
            opensAt: 400, edges: 2),
        Row(
            name: "let go from high is an edge", steps: [(0, .edge), (100, .release)],
            opensAt: 400, edges: 2),
        Row(
            name: "let go from low is none", steps: [(0, .edge), (100, .edge), (200, .release)],
            opensAt: 400, edges: 2),
    ]

    @Test("K2 opens its drop-out time after the last edge", arguments: rows)
    func opens(row: Row) throws {
        var plan = InterlockPlan()
        plan.permitDropOut = Milliseconds(300)
        var lines = SimulatedLines(plan: plan)
        for (time, step) in row.steps {
            lines.now = Instant(time)
            switch step {
            case .edge: lines.permitEdge()
            case .low: lines.permitLow()
            case .release: lines.release()
            }
        }
        #expect(lines.opensAt == Instant(row.opensAt))
        #expect(lines.edges == row.edges)
        // Who drove it low asked for the end; who let go of it only ended.
        let last = row.steps.last?.1
        #expect(lines.isPermitted == (last != .low))
    }
}
