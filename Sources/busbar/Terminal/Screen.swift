import Glibc

/// The whole terminal, for a live picture: the alternate screen, no echo, no cursor. Whatever ends
/// the view, `end` gives the terminal back as it was.
struct Screen: ~Copyable {
    private let before: termios

    /// - Returns: nil if standard input and output are not both a terminal.
    init?() {
        var settings = termios()
        guard isatty(STDOUT_FILENO) == 1, unsafe tcgetattr(STDIN_FILENO, &settings) == 0
        else { return nil }
        before = settings
        // Keys come one by one and unseen. Ctrl-C comes as a key too, so that it goes the same way
        // out as q and leaves no terminal behind without a cursor.
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        Output.text("\u{1B}[?1049h\u{1B}[?25l")
    }

    deinit {
        var settings = before
        unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        Output.text("\u{1B}[?25h\u{1B}[?1049l")
    }

    consuming func end() {}

    /// Columns and rows of the terminal; 80 and 24 where it does not say.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
        else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Shows `lines` in place of what was there; what does not fit below is left out.
    func show(_ lines: [String]) {
        let (columns, rows) = size
        var picture = "\u{1B}[H"
        for line in lines.prefix(rows) {
            picture += Self.clipped(line, to: columns) + "\u{1B}[K\r\n"
        }
        // No line feed after the last one: at the bottom it would scroll the first away.
        if lines.count >= rows { picture.removeLast(2) }
        Output.text(picture + "\u{1B}[J")
    }

    /// The first `columns` characters of a line; colour sequences take no room and are all kept, so
    /// that what was switched on is switched off.
    static func clipped(_ line: String, to columns: Int) -> String {
        var result = ""
        var room = columns
        var isInSequence = false
        for character in line {
            if character == "\u{1B}" { isInSequence = true }
            if isInSequence {
                result.append(character)
                if character.isLetter { isInSequence = false }
            } else if room > 0 {
                result.append(character)
                room -= 1
            }
        }
        return result
    }

    /// Waits until `other` is readable, a key comes, or `milliseconds` have passed.
    /// - Returns: the key, if one came.
    func wait(for other: Int32, milliseconds: Int32) -> UInt8? {
        var watched = [
            pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
            pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        let count = unsafe poll(&watched, 2, milliseconds)
        guard count > 0, watched[0].revents != 0 else { return nil }
        var key: UInt8 = 0
        // A terminal that has gone away reads as nothing: that is a wish to stop, too.
        return unsafe read(STDIN_FILENO, &key, 1) == 1 ? key : Self.controlC
    }

    static let controlC: UInt8 = 3
    static func isQuit(_ key: UInt8) -> Bool {
        key == UInt8(ascii: "q") || key == UInt8(ascii: "Q") || key == controlC || key == 4
    }
}
