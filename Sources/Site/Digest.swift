import JSON
import Wire

extension Site {
    /// FNV-1a over the canonical JSON and the DBC file's bytes.
    static func digest(of json: JSONValue, _ database: [UInt8]) -> String {
        var sum = FNV1a()
        for bytes in [json.canonical.serializedBytes(), database] {
            // The length stands between the two, so that bytes cannot move from one to the other.
            var length = UInt64(bytes.count)
            for _ in 0..<8 {
                sum.add(UInt8(truncatingIfNeeded: length))
                length >>= 8
            }
            sum.add(bytes)
        }
        return sum.text
    }
}

extension JSONValue {
    /// The same value with the members of every object in the order of their keys' bytes, so that
    /// two files that say the same are written the same.
    var canonical: JSONValue {
        switch self {
        case .null, .bool, .number, .string: return self
        case .array(let elements): return .array(elements.map(\.canonical))
        case .object(let object):
            var sorted = JSONObject()
            for member in object.sorted(by: {
                $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
            }) {
                sorted.append(member.key, member.value.canonical)
            }
            return .object(sorted)
        }
    }
}
