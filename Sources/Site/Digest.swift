import JSON

extension Site {
    /// FNV-1a with 64 bits (Fowler, Noll, Vo) over the canonical JSON and the DBC file's bytes.
    static func digest(of json: JSONValue, _ database: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for bytes in [json.canonical.serializedBytes(), database] {
            // The length stands between the two, so that bytes cannot move from one to the other.
            var length = UInt64(bytes.count)
            for _ in 0..<8 {
                hash = (hash ^ (length & 0xFF)) &* 0x100_0000_01B3
                length >>= 8
            }
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
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
