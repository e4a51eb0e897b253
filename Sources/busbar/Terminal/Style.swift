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

    func bold(_ text: String) -> String { paint("1", text) }
    func faint(_ text: String) -> String { paint("2", text) }
    func good(_ text: String) -> String { paint("32", text) }
    func warning(_ text: String) -> String { paint("33", text) }
    func bad(_ text: String) -> String { paint("1;31", text) }
    /// White on red: for FATAL only.
    func alarming(_ text: String) -> String { paint("1;37;41", text) }

    func severity(_ severity: String, _ text: String) -> String {
        switch severity {
        case "fatal": alarming(text)
        case "error": bad(text)
        case "warning": warning(text)
        default: text
        }
    }

    private func paint(_ code: String, _ text: String) -> String {
        isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
