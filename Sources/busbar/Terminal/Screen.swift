import Glibc
import Synchronization

/// SIGINT, SIGTERM and SIGHUP while the terminal is not as it was: they are noted, the view ends
/// and gives the terminal back, and only then the process ends by the signal, as whoever sent it
/// expects.
enum EndSignal {
    private static let noted = Atomic<Int32>(0)

    /// Notes them from now on.
    static func watch() {
        // Whoever started us may have left them blocked, and a blocked signal never comes.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, number) }
        unsafe sigprocmask(SIG_UNBLOCK, &signals, nil)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            _ = signal(number) { EndSignal.noted.store($0, ordering: .relaxed) }
        }
    }

    /// The one that came, if one did.
    static var received: Int32? {
        let number = noted.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }

    /// Ends the process by the one that came, if one did.
    static func obey() {
        guard let number = received else { return }
        _ = signal(number, SIG_DFL)
        raise(number)
    }
}

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
        EndSignal.watch()
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

    /// Waits until `other` is readable, a key or a signal comes, or `milliseconds` have passed.
    /// - Parameter other: -1 for none.
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
