import JSON

/// Why a call was not answered with a result. `code` is JSON-RPC's; what is ours is from -32000 on.
public struct RPCError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Int, Sendable {
        case parse = -32_700
        case invalidRequest = -32_600
        case unknownMethod = -32_601
        case invalidParameters = -32_602
        /// More connections or commands than Busbar serves at a time.
        case busy = -32_000
        /// A line longer than `Limits.lineBytes`.
        case lineTooLong = -32_001
        /// The caller's user and groups have no role, or too low a one.
        case notPermitted = -32_002
        /// The controller has refused; the message says why.
        case refused = -32_003
        /// The control loop did not take the command in time.
        case noAnswer = -32_004
        /// Only a simulated board can be played with.
        case notSimulated = -32_005
        /// The journal could not be read.
        case journal = -32_006
    }

    public var code: Int
    public var message: String
    /// A word for programs: "fatal_alarm", "out_of_range".
    public var reason: String?

    public init(_ code: Code, _ message: String, reason: String? = nil) {
        self.code = code.rawValue
        self.message = message
        self.reason = reason
    }

    /// Reads the `error` member of a reply.
    init?(reply: JSONValue) {
        guard let error = reply["error"], let code = error["code"]?.int else { return nil }
        self.code = Int(code)
        message = error["message"]?.string ?? "no message"
        reason = error["data"]?["reason"]?.string
    }

    /// Whether the answer was "you may not" or "not now", rather than a failure.
    public var isRefusal: Bool {
        code == Code.refused.rawValue || code == Code.notPermitted.rawValue
    }

    /// Whether the same call may succeed some seconds later.
    public var isPassing: Bool { code == Code.busy.rawValue || code == Code.noAnswer.rawValue }

    public var description: String { message }

    var json: JSONValue {
        var object: JSONValue = ["code": JSONValue(code), "message": .string(message)]
        if let reason, var members = object.object {
            members.append("data", ["reason": .string(reason)])
            object = .object(members)
        }
        return object
    }
}

/// One call: JSON-RPC 2.0 with an id. Notifications and batches are refused, because Busbar answers
/// whatever it is asked, one answer to one line.
struct RPCRequest: Sendable {
    var id: JSONValue
    var method: String
    var parameters: JSONObject

    /// The call within another one.
    init(id: JSONValue, method: String, parameters: JSONObject) {
        self.id = id
        self.method = method
        self.parameters = parameters
    }

    /// Takes one line, without its line feed.
    /// - Throws: `parse` if it is not JSON, `invalidRequest` if it is not such a call.
    init(line: [UInt8]) throws(RPCError) {
        let document: JSONValue
        do {
            // 16 levels: chosen; no parameter of ours has more than 4.
            let limits = JSONLimits(depth: 16, size: Limits.lineBytes)
            document = try JSONValue.parse(line, limits: limits)
        } catch {
            throw RPCError(.parse, "this line is not JSON: \(error)")
        }
        guard let object = document.object else {
            throw RPCError(
                .invalidRequest,
                "expected one JSON-RPC request object on a line, found "
                    + document.kind)
        }
        guard object["jsonrpc"]?.string == "2.0" else {
            throw RPCError(.invalidRequest, "\"jsonrpc\" must be \"2.0\"")
        }
        guard let id = object["id"], id.string != nil || id.int != nil else {
            throw RPCError(.invalidRequest, "\"id\" must be a string or an integer")
        }
        guard let method = object["method"]?.string else {
            throw RPCError(.invalidRequest, "\"method\" must be a string")
        }
        let parameters = object["params"] ?? .object(JSONObject())
        guard let members = parameters.object else {
            throw RPCError(.invalidRequest, "\"params\" must be an object")
        }
        self.id = id
        self.method = method
        self.parameters = members
    }
}

enum RPCReply {
    static func result(_ result: JSONValue, id: JSONValue) -> [UInt8] {
        line(["jsonrpc": "2.0", "id": id, "result": result])
    }

    static func error(_ error: RPCError, id: JSONValue) -> [UInt8] {
        line(["jsonrpc": "2.0", "id": id, "error": error.json])
    }

    /// A later line of a stream: a notification that names the call it belongs to.
    static func update(_ value: JSONValue, id: JSONValue) -> [UInt8] {
        line(["jsonrpc": "2.0", "method": "update", "params": ["id": id, "value": value]])
    }

    private static func line(_ value: JSONValue) -> [UInt8] {
        var bytes = value.serializedBytes()
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }
}
