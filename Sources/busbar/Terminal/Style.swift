import Glibc

/// Colour for a terminal, and none anywhere else (https://no-color.org). Colour only ever repeats
/// what a word says: who cannot see it loses nothing.
struct Style {
    var isColoured: Bool

    /// For standard output as it is.
    static var ofOutput: Style {
        let forbidsColour = unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
        return Style(isColoured: isatty(STDOUT_FILENO) == 1 && !forbidsColour)
    }

    enum Paint: String {
        case plain = ""
        case bold = "1"
        case faint = "2"
        case good = "32"
        case warning = "33"
        case bad = "1;31"
        /// White on red: for FATAL only.
        case alarming = "1;37;41"

        init(severity: String) {
            switch severity {
            case "fatal": self = .alarming
            case "error": self = .bad
            case "warning": self = .warning
            default: self = .plain
            }
        }
    }

    func bold(_ text: String) -> String { paint(text, .bold) }
    func faint(_ text: String) -> String { paint(text, .faint) }
    func good(_ text: String) -> String { paint(text, .good) }
    func warning(_ text: String) -> String { paint(text, .warning) }
    func bad(_ text: String) -> String { paint(text, .bad) }
    func alarming(_ text: String) -> String { paint(text, .alarming) }

    func paint(_ text: String, _ paint: Paint) -> String {
        isColoured && paint != .plain ? "\u{1B}[\(paint.rawValue)m\(text)\u{1B}[0m" : text
    }
}
