import ArgumentParser
import JSON
import LocalAPI

/// What every verb that speaks to the daemon takes.
struct DaemonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's socket; otherwise BUSBAR_SOCKET, otherwise /run/busbar/control.sock.",
            valueName: "path"),
        completion: .file())
    var socket: String?

    @Flag(help: "Print JSON: one document, or one line for each update.")
    var json = false

    var path: String {
        socket ?? SocketPath.standard()
    }

    /// Connects to the daemon.
    func connect() throws(Failure) -> Client {
        do throws(ClientError) { return try Client(path: path) } catch { throw Failure(error) }
    }

    /// Calls one method on a connection of its own.
    func call(
        _ method: Method, _ parameters: JSONValue = .object(JSONObject())
    ) throws(Failure) -> JSONValue {
        var client = try connect()
        do throws(ClientError) {
            return try client.call(method, parameters)
        } catch {
            throw Failure(error)
        }
    }

    /// Prints `value` as JSON if that was asked for, else what `text` makes of it.
    func show(_ value: JSONValue, _ text: (Style) -> [String]) {
        if json {
            Output.text(value.serialized(pretty: true))
        } else {
            Output.lines(text(Style.ofOutput))
        }
    }
}
