// What the translated tests call. The program says what it tried and how much failed, by QEMU's
// semihosting, and ends with an exit code.

@_silgen_name("semihosting_write")
private func write(_ text: UnsafePointer<UInt8>)
@_silgen_name("semihosting_exit")
private func exit(_ code: Int32) -> Never

/// As Swift Testing's, for rows that have a name.
protocol CustomTestStringConvertible {
    var testDescription: String { get }
}

nonisolated(unsafe) private var file: StaticString = ""
nonisolated(unsafe) private var name: StaticString = ""
nonisolated(unsafe) private var hasFailed = false
nonisolated(unsafe) private var testCount = 0
nonisolated(unsafe) private var runCount = 0
nonisolated(unsafe) private var failedRunCount = 0
nonisolated(unsafe) private var checkCount = 0

func open(_ name: StaticString) { file = name }

/// A test begins, with one run or with one for each of its rows.
func announce(_ test: StaticString) {
    name = test
    testCount += 1
}

func begin() { hasFailed = false }

func end() {
    runCount += 1
    if hasFailed { failedRunCount += 1 }
}

func expect(_ isTrue: Bool, line: Int) {
    checkCount += 1
    guard !isTrue else { return }
    if !hasFailed {
        say("    in row or run ")
        say(runCount + 1)
        say(" of all: ")
        say(name)
        say("\n")
    }
    hasFailed = true
    say("    ")
    say(file)
    say(":")
    say(line)
    say(": this does not hold here\n")
}

/// By way of the RAM: QEMU's semihosting does not read the micro:bit's flash.
private func say(_ text: StaticString) {
    var piece = InlineArray<2, UInt8>(repeating: 0)
    for index in 0..<text.utf8CodeUnitCount {
        piece[0] = text.utf8Start[index]
        withUnsafePointer(to: piece) { piece in
            piece.withMemoryRebound(to: UInt8.self, capacity: 2) { write($0) }
        }
    }
}

private func say(_ number: Int) {
    var digits = InlineArray<12, UInt8>(repeating: 0)
    var rest = number
    var position = 10
    repeat {
        digits[position] = UInt8(truncatingIfNeeded: 48 + rest % 10)
        rest /= 10
        position -= 1
    } while rest > 0
    let first = position + 1
    withUnsafePointer(to: digits) { digits in
        digits.withMemoryRebound(to: UInt8.self, capacity: 12) { write($0 + first) }
    }
}

@_cdecl("test_main")
func testMain() -> Never {
    runAllSuites()
    say(testCount)
    say(" tests, ")
    say(runCount)
    say(" runs with their rows, ")
    say(checkCount)
    say(" checks; runs failed: ")
    say(failedRunCount)
    say("\n")
    // Fewer tests than were translated, or none, is a failure too.
    exit(failedRunCount == 0 && testCount == testsFound && runCount >= testCount ? 0 : 1)
}

/// A trap of Swift's, or another fault of the processor. The exit code then is 99.
@_cdecl("test_trapped")
func testTrapped() {
    say("    ")
    say(file)
    say(": trapped in run ")
    say(runCount + 1)
    say(" of all: ")
    say(name)
    say("\n")
}

// MARK: Memory

// The tests use arrays, so that this program needs a heap: blocks of powers of two, each kind with
// a list of those that were given back. A block's first 8 bytes hold its kind, or the next block.

@_silgen_name("heap_begin")
private func heapBegin() -> UInt
@_silgen_name("heap_end")
private func heapEnd() -> UInt

nonisolated(unsafe) private var unused: UInt = 0
nonisolated(unsafe) private var givenBack = InlineArray<32, UInt>(repeating: 0)

@_cdecl("posix_memalign")
func allocate(_ result: UnsafeMutablePointer<UInt>, _ alignment: UInt, _ size: UInt) -> Int32 {
    // Behind 8 bytes of its own each block is aligned to 8, which is all that is ever asked for.
    guard alignment <= 8 else { return 22 }
    var kind = 4
    while 1 << UInt(kind) < size + 8 { kind += 1 }
    var block = givenBack[kind]
    if block != 0 {
        givenBack[kind] = UnsafePointer<UInt>(bitPattern: block)?.pointee ?? 0
    } else {
        if unused == 0 { unused = heapBegin() }
        block = unused
        unused += 1 << UInt(kind)
        guard unused <= heapEnd() else {
            say("    the heap is full in: ")
            say(name)
            say("\n")
            exit(2)
        }
    }
    UnsafeMutablePointer<Int>(bitPattern: block)?.pointee = kind
    result.pointee = block + 8
    return 0
}

@_cdecl("free")
func release(_ address: UInt) {
    guard address != 0, let block = UnsafeMutablePointer<UInt>(bitPattern: address - 8) else {
        return
    }
    let kind = Int(block.pointee)
    block.pointee = givenBack[kind]
    givenBack[kind] = address - 8
}
