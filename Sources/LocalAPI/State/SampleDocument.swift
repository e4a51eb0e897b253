public import Control
import Events
public import JSON
import Units
import Wire

/// One sample of the plant for the telemetry lane: values, states and relays of one moment, with
/// nothing in it that another sample would have to explain.
public func sampleDocument(
    _ description: DeviceDescription, _ snapshot: Snapshot
) -> JSONValue {
    let state = StateJSON(description: description, snapshot: snapshot, shell: ShellReport())
    var signals = JSONObject()
    for raw in 0..<UInt8(SignalID.count) {
        guard let signal = SignalID(rawValue: raw), snapshot[signal].isFitted else { continue }
        let view = snapshot[signal]
        signals[signal.name] = [
            "value": view.quality == .absent ? .null : JSONValue(view.value),
            "quality": .string(view.quality.name),
        ]
    }
    let actual = snapshot.interlock.actual
    return [
        "tick": JSONValue(snapshot.tick.rawValue),
        "heating": .string(state.name(snapshot.heating.state)),
        "interlock": .string(snapshot.interlock.state.name),
        "heat_on": .bool(snapshot.heating.isHeatOn),
        "target_millicelsius": JSONValue(snapshot.heating.target.rawValue),
        "temperature_millicelsius": snapshot.temperature.map { JSONValue($0.rawValue) } ?? .null,
        "commanded": JSONValue(snapshot.interlock.commanded.rawValue),
        "actual": actual.map { JSONValue($0.rawValue) } ?? .null,
        "signals": .object(signals),
    ]
}
