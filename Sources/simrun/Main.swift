import Simulation
import Site
import JSON
import Glibc

@main struct Main {
    static func main() {
        var args = Array(CommandLine.arguments.dropFirst())
        var options = SimulateOptions(siteDirectory: "board/water-heater")
        var host = SimulateHost()
        while !args.isEmpty {
            let a = args.removeFirst()
            switch a {
            case "--trace": host.trace = { bytes in bytes.withUnsafeBytes { _ = write(1, $0.baseAddress, $0.count) } }
            case "--seed": options.seed = UInt64(args.removeFirst())
            case "--for": options.durationMs = Int64(args.removeFirst())
            case "--can-log": options.canLog = args.removeFirst()
            case "--profile": options.profile = args.removeFirst()
            default: options.scenarios.append(a)
            }
        }
        var t0 = timespec(), t1 = timespec()
        clock_gettime(CLOCK_MONOTONIC, &t0)
        let r = simulate(options, host: host)
        clock_gettime(CLOCK_MONOTONIC, &t1)
        let s = Double(t1.tv_sec - t0.tv_sec) + Double(t1.tv_nsec - t0.tv_nsec) / 1e9
        for l in r.lines { print(l) }
        for f in r.failures { print("FAIL", f) }
        print("ticks", r.ticks, "s", s, "rate", Double(r.ticks) / s)
        exit(r.exitCode)
    }
}
