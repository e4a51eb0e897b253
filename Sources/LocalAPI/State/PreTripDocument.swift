public import Control
public import JSON
import Units
public import Wire

/// The ten seconds before a lockout as one JSON document, oldest sample first: what the journal
/// keeps and `busbar why` shows.
public func preTripDocument(_ samples: PreTripSamples, _ encoder: EventEncoder) -> JSONValue {
    var rows: [JSONValue] = []
    guard samples.count > 0 else { return .array(rows) }
    let last = samples[samples.count - 1].at
    for index in 0..<samples.count {
        let sample = samples[index]
        rows.append([
            "before_ms": JSONValue((last - sample.at).rawValue),
            "temperature_mc": JSONValue(Int64(sample.temperature)),
            "flow_ml_min": JSONValue(Int64(sample.flow)),
            "level_permille": JSONValue(Int64(sample.level)),
            "flame": .bool(sample.hasFlame),
            "gas": .bool(sample.hasGas),
            "stale": .bool(sample.isStale),
            "relays": .array(encoder.names(of: sample.relays.rawValue).map { .string($0) }),
        ])
    }
    return .array(rows)
}
