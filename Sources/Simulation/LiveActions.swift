public import JSON

extension LiveWorld {
    /// One action that may last: `{"action":"pressReset","until":2000}` presses now and lets go
    /// after 2 s.
    ///
    /// - Returns: what to do, each with the milliseconds from now on.
    /// - Throws: as `action(from:)`.
    public static func actions(from json: JSONValue) throws(ScenarioError) -> [ScheduledAction] {
        guard var members = json.object, members["until"] != nil else {
            return [ScheduledAction(at: 0, try action(from: json))]
        }
        members["until"] = nil
        _ = try action(from: .object(members))
        members["until"] = json["until"]
        members["at"] = 0
        return try ActionReader.read(.object(members), file: "action", at: .root)
    }
}
