import ArgumentParser
import ChainSimulation
import Glibc
import JSON

struct SimulateChainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate-chain",
        abstract: "Run journal, uplink, broker, bridge and Kafka in virtual time, with faults.",
        discussion: """
            Everything follows from the seed. One seed tells its story; many run on all cores and \
            end in a table of what went wrong on purpose. Exit code 0 if every rule held, else 1 \
            with the first seed that broke one and the command that replays it.
            """)

    @Option(help: ArgumentHelp("Replay this one, and tell what happens.", valueName: "number"))
    var seed: UInt64?
    @Option(help: ArgumentHelp("How many to run.", valueName: "count"))
    var seeds: UInt64?
    @Option(help: ArgumentHelp("The first of them.", valueName: "number"))
    var from: UInt64 = 1
    @Option(help: ArgumentHelp("A deliberate defect.", visibility: .hidden))
    var defect: String?
    @Flag(help: "Print the report as JSON.")
    var json = false

    func validate() throws {
        if seed != nil, seeds != nil {
            throw ValidationError("--seed replays one seed, --seeds runs many: give one of them")
        }
        if seeds == 0 { throw ValidationError("--seeds must be 1 or more, found 0") }
        if let seeds, from.addingReportingOverflow(seeds - 1).overflow {
            throw ValidationError("--from and --seeds together exceed the greatest seed")
        }
        if let defect, Defect(rawValue: defect) == nil {
            let names = Defect.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--defect is \"\(defect)\"; there are \(names)")
        }
    }

    func run() throws {
        let defect = defect.flatMap(Defect.init(rawValue:))
        if let seeds {
            try runMany(from...(from + (seeds - 1)), defect)
        } else {
            try runOne(seed ?? from, defect)
        }
    }

    private func runOne(_ seed: UInt64, _ defect: Defect?) throws {
        let report = simulateChain(seed: seed, defect: defect, isTold: !json)
        if json {
            Output.text(report.json.serialized(pretty: true))
        } else {
            Output.lines(report.story)
            Output.lines(report.lines)
        }
        if let violation = report.violation { try fail(report, violation) }
    }

    private func runMany(_ seeds: ClosedRange<UInt64>, _ defect: Defect?) throws {
        let start = Clocks.monotonicMilliseconds()
        let report = try simulateChains(
            seeds: seeds, defect: defect, threads: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let took = Clocks.monotonicMilliseconds() - start
        if json {
            Output.text(report.json(milliseconds: took).serialized(pretty: true))
        } else {
            Output.lines(report.lines(milliseconds: took))
        }
        if let broken = report.broken, let violation = broken.violation {
            try fail(broken, violation)
        }
        // With few seeds it is chance which faults there are; a thousand have them all.
        guard report.seeds >= 1_000, !report.absentFaults.isEmpty else { return }
        Output.error("busbar: no seed had " + report.absentFaults.joined(separator: ", "))
        throw ExitCode(1)
    }

    private func fail(_ report: ChainReport, _ violation: Violation) throws -> Never {
        let named = defect.map { " --defect \($0)" } ?? ""
        Output.error("busbar: seed \(report.seed) broke a rule: \(violation.text)")
        Output.error("  replay it: busbar simulate-chain --seed \(report.seed)\(named)")
        throw ExitCode(1)
    }
}
