/// Bytes as they came in, until they make a line.
struct LineBuffer {
    /// Bytes after the last whole line.
    private var bytes: [UInt8] = []
    /// Whether the line that comes next has grown beyond what a line may have.
    var isOverlong: Bool { (firstLineFeed ?? bytes.count) > Limits.lineBytes }
    /// Whether something waits that is not yet a line.
    var hasHalfLine: Bool { !bytes.isEmpty }
    /// Where the search for the next line feed goes on, so that a slow sender costs no rescans.
    private var searched = 0
    private var firstLineFeed: Int?

    mutating func append(_ chunk: some Collection<UInt8>) {
        bytes.append(contentsOf: chunk)
        search()
    }

    /// Takes the next whole line out, without its line feed and a carriage return before it.
    /// Nil if there is none.
    mutating func next() -> [UInt8]? {
        guard let end = firstLineFeed else { return nil }
        var line = Array(bytes[..<end])
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        bytes.removeFirst(end + 1)
        searched = 0
        firstLineFeed = nil
        search()
        return line
    }

    private mutating func search() {
        guard firstLineFeed == nil else { return }
        firstLineFeed = bytes[searched...].firstIndex(of: UInt8(ascii: "\n"))
        searched = firstLineFeed ?? bytes.count
    }
}
