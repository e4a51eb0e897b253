import Control
public import JSON
import Units
public import Wire

/// For the record: a command, also one that was refused.
public struct CommandAudit: Hashable, Sendable {
    public var method: Method
    /// What the cluster has asked for, in its own word: it may be no method at all.
    public var asked: String?
    /// As the record has it.
    public var methodName: String { asked ?? method.rawValue }
    /// The command's number in this run, also of one that never reached the controller.
    public var ticket: UInt32
    public var userID: UInt32
    public var role: Role
    /// The parameters as they came.
    public var parameters: JSONObject
    /// What the controller said; nil for what never reached it, or got no answer.
    public var result: CommandResult?
    /// nil if it was done.
    public var refusal: RPCError?
    /// Refusals of this user before this one that went unrecorded, because there were too many.
    public var unrecorded = 0
    /// Where it came from the cluster.
    public var origin: CommandOrigin?

    public func hash(into hasher: inout Hasher) {
        hasher.combine(method)
        hasher.combine(ticket)
    }

    /// As the journal keeps it.
    public var answer: CommandAnswer {
        CommandAnswer(
            ticket: ticket, method: methodName, userID: userID,
            user: SystemAccounts.userName(of: userID), role: role.name,
            parameters: JSONValue.object(keptParameters).serializedBytes(),
            name: keptParameters["name"]?.string ?? origin?.by,
            reason: keptParameters["reason"]?.string,
            result: end, refusal: refusal.map { $0.reason ?? Self.word($0) },
            unrecorded: unrecorded, origin: origin)
    }

    /// For the refusals that give no reason of their own.
    private static func word(_ refusal: RPCError) -> String {
        switch RPCError.Code(rawValue: refusal.code) {
        case .invalidParameters: "invalid_parameters"
        case .noAnswer: "no_answer"
        default: "code_\(refusal.code.magnitude)"
        }
    }

    private var end: CommandAnswer.Result {
        guard let refusal else { return result == .unchanged ? .unchanged : .done }
        if result == .expired || refusal.reason == "expired" { return .expired }
        if refusal.code == RPCError.Code.noAnswer.rawValue { return .noAnswer }
        return refusal.reason == "out_of_range" ? .outOfRange : .refused
    }

    private var keptParameters: JSONObject { Self.kept(parameters) }

    /// What commands know, in bounds: a refused one may have brought 64 KiB of anything.
    static func kept(_ parameters: JSONObject) -> JSONObject {
        var kept = JSONObject()
        for key in ["code", "minutes", "name", "reason", "target_millicelsius"] {
            guard let value = parameters[key] else { continue }
            if let text = value.string {
                kept.append(key, .string(cut(text)))
            } else if let number = value.int {
                kept.append(key, JSONValue(number))
            } else {
                kept.append(key, .string(cut(value.serialized())))
            }
        }
        return kept
    }

    /// 200 characters: what `Parameters` lets through has no more.
    private static func cut(_ text: String) -> String {
        var kept = String.UnicodeScalarView()
        kept.append(contentsOf: text.unicodeScalars.prefix(200))
        return String(kept)
    }
}

/// Who has hidden an alarm, and why. Kept while the daemon runs, which is as long as a shelf lasts:
/// the controller begins with every alarm shown.
struct Shelf: Hashable, Sendable {
    /// The system's name for the user.
    var user: String
    /// What the person called himself.
    var name: String?
    var reason: String

    /// "Anna Berg (anna)".
    var person: String { name.map { "\($0) (\(user))" } ?? user }
}
