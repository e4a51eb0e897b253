public import JSON

/// Actions for a world that runs in real time, in the words of a scenario file: what somebody plays
/// on the simulated board while the daemon runs.
public enum LiveActions {
    /// Reads one action without `at`. Its times, as in `until`, count from now.
    ///
    /// - Returns: what to do, with the delay in ms of each part.
    /// - Throws: what is wrong with it. Actions on the process, its machine and its commands are
    ///   refused here: the daemon is real, and commands have their own way in.
    public static func read(_ action: JSONValue) throws(ScenarioError) -> [ScheduledAction] {
        guard var members = action.object else {
            throw ScenarioError(
                file: "action", place: "$",
                reason: "found \(action.kind); allowed is an object with \"action\"")
        }
        members["at"] = 0
        let actions = try ActionReader.read(.object(members), file: "action", at: .root)
        for scheduled in actions where !scheduled.action.isOfWorld {
            throw ScenarioError(
                file: "action", place: "$.action",
                reason: "found \(action["action"]?.string ?? "?"); a running daemon can only be "
                    + "given what befalls plant, node, bus, board and button")
        }
        return actions
    }
}

extension WorldAction {
    fileprivate var isOfWorld: Bool {
        switch self {
        case .command, .shelve, .stopProcess, .kill, .powerCycle, .stepWallClock, .lockoutCopy,
            .diskFull, .write:
            false
        case .pressReset, .releaseReset, .force, .release, .sample, .set, .offset, .flame, .node,
            .restartNode, .jumpCounter, .bus, .flood, .errorFrames, .silenceBoard, .delayBoard,
            .restartBoard, .stickPins, .freePins, .damageTransfers, .driftBoard, .weld, .weldK2:
            true
        }
    }
}

extension World {
    /// Lets heat flow whenever its contacts are closed. Scenarios keep to the acceptance plant,
    /// which heats in one step of the job only; a world to play with behaves as a tank does.
    public mutating func heatWheneverClosed() { plant.heatsOnlyInRun = false }
}
