import Glibc

/// Long sentences on a narrow screen: what a technician must do is never cut off at the edge.
enum Wrapping {
    /// The columns of the terminal that standard output is; none where it is a file or a pipe,
    /// whose lines stay whole so that they can be searched.
    static var columnsOfOutput: Int {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1 else { return .max }
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
        else { return 80 }
        return Int(size.ws_col)
    }

    /// `text`, broken between words into lines of at most `columns` characters. A word longer than
    /// a line has a line of its own.
    /// - Parameter first: what the first line begins with; the others are indented as far.
    static func lines(_ text: String, after first: String, columns: Int) -> [String] {
        let indent = String(repeating: " ", count: first.count)
        var lines: [String] = []
        var line = first
        var isEmpty = true
        for word in text.split(separator: " ") {
            if !isEmpty, line.count + 1 + word.count > columns {
                lines.append(line)
                line = indent
                isEmpty = true
            }
            line += (isEmpty ? "" : " ") + word
            isEmpty = false
        }
        return lines + [line]
    }
}
