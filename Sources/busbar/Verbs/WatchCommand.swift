import ArgumentParser
import JSON
import LocalAPI

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show the device's state as it changes; q ends it.",
        discussion: """
            In a terminal the picture is redrawn in place. Elsewhere, or with --json, one line of \
            JSON is printed for each picture.
            """)

    @OptionGroup var daemon: DaemonOptions

    @Option(help: ArgumentHelp("Pictures a second, 1 to 10.", valueName: "rate"))
    var hz = 4

    func validate() throws {
        guard (1...10).contains(hz) else {
            throw ValidationError("--hz must be 1 to 10, found \(hz)")
        }
    }

    func run() throws {
        var client = try daemon.connect()
        do throws(ClientError) {
            _ = try client.call(.watch, ["hz": JSONValue(hz)])
            if !daemon.json, let screen = Screen() {
                try draw(&client, on: screen)
            } else {
                while let state = try client.nextUpdate(milliseconds: -1) {
                    Output.text(state.serialized() + "\n")
                }
            }
        } catch {
            throw Failure(error)
        }
    }

    private func draw(
        _ client: inout Client, on screen: borrowing Screen
    ) throws(ClientError) {
        var lines: [String] = []
        var drawnAt = Clocks.monotonicMilliseconds()
        while true {
            if let key = screen.wait(for: client.descriptor, milliseconds: 500),
                Screen.isQuit(key)
            {
                return
            }
            let now = Clocks.monotonicMilliseconds()
            if let state = try client.nextUpdate(milliseconds: 0) {
                lines = StatePicture(
                    state: state, style: .ofOutput, columns: screen.size.columns
                ).lines(isCompact: true)
                drawnAt = now
            }
            screen.show(fitted(lines, rows: screen.size.rows) + [footer(silence: now - drawnAt)])
        }
    }

    private func fitted(_ lines: [String], rows: Int) -> [String] {
        lines.count <= rows - 1
            ? lines : lines.prefix(rows - 2) + ["  … more: make the window higher"]
    }

    /// An old picture must not look like a fresh one: 2 s without a new one are said out loud.
    private func footer(silence: Int64) -> String {
        let style = Style.ofOutput
        return silence < 2_000
            ? style.faint("  q ends this view; nothing else changes")
            : style.alarming(" OLD PICTURE ")
                + style.bad(
                    " the control loop has not answered for \(QuantityText.duration(silence))")
    }
}
