// Rules about words. Each has its advice and two examples beside it.

private func isSource(_ file: SourceFile) -> Bool { file.module != nil }

let wordRules: [Rule] = [
    .core(
        "the core reads no clock", { #/\b(?:Clock|\w+Clock|clock_gettime|Date)\b/# },
        advice: "take `now: Instant` as a parameter",
        broken: "let now = ContinuousClock().now", kept: "let clockRatio = 3  // of its Clock"),
    .core(
        "the core has no floating point", { #/\b(?:Double|Float|Float\d+|CGFloat)\b/# },
        advice: "use an integer in a unit small enough, such as Millivolts",
        broken: "let gain: Double = 0.5", kept: "let isDoubleFloating = true  // no Double"),
    .core(
        "the core prints nothing", { #/\b(?:print|debugPrint|dump)\(/# },
        advice: "state an Event; the shell decides where it goes",
        broken: "print(state)", kept: "blueprint(state)"),
    .word(
        "no Foundation below the command line", { #/\bimport Foundation\w*/# },
        advice: "Foundation costs 50 MB in a static binary: use the standard library",
        examplePath: "Sources/Site/Example.swift",
        broken: "import Foundation", kept: "// It does not import Foundation.",
        appliesTo: { isSource($0) && $0.module != "busbar" }),
    .word(
        "no system calls where everything is handed in", { #/\bimport (?:Glibc|Musl)\b/# },
        advice: "put the call into LinuxHAL and hand in its result",
        examplePath: "Sources/Runtime/Example.swift",
        broken: "import Glibc", kept: "import HAL",
        appliesTo: { modulesWithoutGlibc.contains($0.module ?? "") }),
    .word(
        "no error is thrown away by force", { #/\b(?:try|as)!/# },
        advice: "handle the error, or state the invariant with precondition",
        examplePath: "Sources/Site/Example.swift",
        broken: "let site = try! load()", kept: "let site = try load()", appliesTo: isSource),
    .word(
        "no check that release builds leave out", { #/\b(?:assert|assertionFailure)\(/# },
        advice: "use precondition: assert vanishes from release builds",
        examplePath: "Sources/Site/Example.swift",
        broken: "assert(count > 0)", kept: "precondition(count > 0)", appliesTo: isSource),
    .word(
        "no fatalError", { #/\bfatalError\(/# },
        advice: "use preconditionFailure with the invariant, or a typed error",
        examplePath: "Sources/Site/Example.swift",
        broken: "fatalError(\"never\")", kept: "preconditionFailure(\"never\")",
        appliesTo: isSource),
    .word(
        "one sleep in all of Busbar",
        { #/\b(?:u?sleep|nanosleep|clock_nanosleep)\((?!until:)|\b(?:Task|Thread)\.sleep\b/# },
        advice: "wait with MonotonicClock.sleep(until:), or poll a descriptor",
        examplePath: "Sources/Journal/Example.swift",
        broken: "usleep(100)", kept: "clock.sleep(until: deadline)",
        appliesTo: { isSource($0) && $0.path != "Sources/LinuxHAL/MonotonicClock.swift" }),
    .word(
        "names say what a thing is",
        {
            #/\b(?:struct|class|enum|actor|protocol)\s+\w*(?:Utils?|Common|Helpers?|Managers?)\b/#
        },
        advice: "name it for what it does, with a word of the field",
        examplePath: "Sources/Site/Example.swift",
        broken: "struct BankManager {", kept: "struct Bank {", appliesTo: { _ in true }),
]
