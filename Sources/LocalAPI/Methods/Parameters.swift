import Control
import Events
import JSON
import Units
import Wire

/// The parameters of one call, read strictly: what the method does not know is refused by name.
struct Parameters {
    private let members: JSONObject
    private let method: Method

    /// - Throws: `invalidParameters` if there is a member that is not in `known`.
    init(_ request: RPCRequest, of method: Method, known: [String]) throws(RPCError) {
        for member in request.parameters where !known.contains(member.key) {
            throw RPCError(
                .invalidParameters,
                "\(method.rawValue) knows no parameter \"\(member.key)\": "
                    + (known.isEmpty
                        ? "it takes none" : "it takes \(known.joined(separator: ", "))"))
        }
        members = request.parameters
        self.method = method
    }

    /// - Parameter max: in bytes. 200: chosen; a reason is one sentence.
    func string(_ key: String, max: Int = 200) throws(RPCError) -> String {
        guard let text = try optionalString(key, max: max), !text.isEmpty else {
            throw wrong(key, "a text that is not empty")
        }
        return text
    }

    func optionalString(_ key: String, max: Int = 200) throws(RPCError) -> String? {
        guard let value = members[key] else { return nil }
        guard let text = value.string, text.utf8.count <= max else {
            throw wrong(key, "a text of at most \(max) bytes")
        }
        return text
    }

    func bool(_ key: String) throws(RPCError) -> Bool {
        guard let flag = members[key]?.bool else { throw wrong(key, "true or false") }
        return flag
    }

    /// - Parameter remark: behind the range in an error: its end in another unit.
    func integer(
        _ key: String, in range: ClosedRange<Int64>, remark: String = ""
    ) throws(RPCError) -> Int64 {
        guard let number = try optionalInteger(key, in: range, remark: remark) else {
            throw wrong(key, Self.words(range) + remark)
        }
        return number
    }

    func optionalInteger(
        _ key: String, in range: ClosedRange<Int64>, remark: String = ""
    ) throws(RPCError) -> Int64? {
        guard let value = members[key] else { return nil }
        guard let number = value.int, range.contains(number) else {
            throw wrong(key, Self.words(range) + remark)
        }
        return number
    }

    private static func words(_ range: ClosedRange<Int64>) -> String {
        "an integer from \(range.lowerBound) to \(range.upperBound)"
    }

    func alarm(_ key: String) throws(RPCError) -> AlarmCode {
        guard let code = try optionalAlarm(key) else { throw wrong(key, "an alarm code") }
        return code
    }

    func optionalAlarm(_ key: String) throws(RPCError) -> AlarmCode? {
        guard let name = try optionalString(key) else { return nil }
        guard let code = AlarmCode(name: name.uppercased()) else {
            throw RPCError(
                .invalidParameters,
                "there is no alarm \"\(name)\": codes are E001 to E902, see "
                    + "busbar alarms list --all")
        }
        return code
    }

    private func wrong(_ key: String, _ expected: String) -> RPCError {
        let found = members[key].map { "found \($0.serialized().prefix(60))" } ?? "it is missing"
        return RPCError(
            .invalidParameters, "\(method.rawValue): \"\(key)\" must be \(expected), \(found)")
    }
}
