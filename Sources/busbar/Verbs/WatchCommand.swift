import ArgumentParser
import JSON
import LocalAPI

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show the device's state as it changes; q ends it.",
        discussion: """
            In a terminal the picture is redrawn in place; when busbard goes away the last one \
            stays, with its age, until busbard is back. Elsewhere, or with --json, one line of \
            JSON is printed for each picture, and the end of busbard is the end, with exit code 3.
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
                var view = LiveView(client, path: daemon.path, hz: hz)
                try view.draw(on: screen)
                screen.end()
                EndSignal.obey()
            } else {
                while true {
                    guard let state = try client.nextUpdate(milliseconds: -1) else { continue }
                    Output.text(state.serialized() + "\n")
                }
            }
        } catch {
            throw Failure(error)
        }
    }
}

/// The picture that follows the daemon, through its restarts.
private struct LiveView: ~Copyable {
    /// Between two attempts to reach a daemon that has gone.
    private static let retryTime: Int64 = 1_000
    /// A picture that old is said to be old.
    private static let oldAge: Int64 = 2_000

    private let path: String
    private let hz: Int
    private let style = Style.ofOutput
    /// nil while there is no connection.
    private var client: Client?
    private var state: JSONValue?
    private var drawnAt = Clocks.monotonicMilliseconds()
    private var nextTry: Int64 = 0

    init(_ client: consuming Client, path: String, hz: Int) {
        self.client = consume client
        self.path = path
        self.hz = hz
    }

    /// Draws until q or a signal ends it.
    /// - Throws: if the daemon says that it will not show its state.
    mutating func draw(on screen: borrowing Screen) throws(ClientError) {
        while EndSignal.received == nil {
            let descriptor = client?.descriptor ?? -1
            if let key = screen.wait(for: descriptor, milliseconds: 500), Screen.isQuit(key) {
                return
            }
            let now = Clocks.monotonicMilliseconds()
            do throws(ClientError) {
                try follow(now)
            } catch {
                if case .answered(let answer) = error, !answer.isPassing { throw error }
                client = nil
                nextTry = now + Self.retryTime
            }
            screen.show(lines(screen.size, now))
        }
    }

    private mutating func follow(_ now: Int64) throws(ClientError) {
        if client == nil {
            guard now >= nextTry else { return }
            var new = try Client(path: path)
            try new.begin(.watch, ["hz": JSONValue(hz)])
            client = consume new
        }
        guard let new = try client?.nextUpdate(milliseconds: 0) else { return }
        state = new
        drawnAt = now
    }

    /// The picture with everything if the window is high enough, else the compact one.
    private func lines(_ size: (columns: Int, rows: Int), _ now: Int64) -> [String] {
        let room = size.rows - 1
        var lines: [String] = []
        if let state {
            let picture = StatePicture(state: state, style: style, columns: size.columns)
            lines = picture.lines(isCompact: false)
            if lines.count > room { lines = picture.lines(isCompact: true) }
        }
        if lines.count > room {
            let hidden = lines.count - (room - 1)
            lines = lines.prefix(room - 1) + ["  … \(hidden) more lines: make the window higher"]
        }
        return lines + [footer(age: now - drawnAt)]
    }

    /// An old picture must not look like a fresh one.
    private func footer(age: Int64) -> String {
        let badge = style.alarming(" OLD PICTURE ")
        let text = QuantityText.duration(age)
        if client == nil {
            return badge
                + style.bad(" busbard does not answer; trying again; picture is \(text) old")
        }
        return age < Self.oldAge
            ? style.faint("  q ends this view; nothing else changes")
            : badge + style.bad(" the control loop has not answered for \(text)")
    }
}
