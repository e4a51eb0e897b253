/// What a producer was handed and has not reported on, by marks that librdkafka carries with each
/// record: looked up without hashing, a hundred thousand times a second.
struct OutstandingRecords {
    /// A place, and how often it was used: the report of a record that was given up, which may
    /// still come, is not taken for that of the next one in its place.
    private struct Place {
        /// Zero: nobody is here.
        var token: UInt64 = 0
        var use: UInt32 = 0
    }

    private var places: [Place] = []
    private var free: [UInt32] = []

    var count: Int { places.count - free.count }

    /// - Precondition: tokens begin with 1.
    /// - Returns: never zero, which would be no mark.
    mutating func insert(_ token: UInt64) -> UInt64 {
        precondition(token != 0, "tokens begin with 1")
        if free.isEmpty {
            places.append(Place())
            free.append(UInt32(places.count - 1))
        }
        let place = free.removeLast()
        places[Int(place)].token = token
        places[Int(place)].use &+= 1
        return UInt64(places[Int(place)].use) << 32 | UInt64(place + 1)
    }

    /// - Returns: the token; nil when the mark is of a record that is not outstanding any more.
    mutating func remove(_ mark: UInt64) -> UInt64? {
        let place = Int(truncatingIfNeeded: mark & 0xFFFF_FFFF) - 1
        guard places.indices.contains(place), places[place].use == UInt32(mark >> 32),
            places[place].token != 0
        else { return nil }
        defer {
            places[place].token = 0
            free.append(UInt32(place))
        }
        return places[place].token
    }

    /// - Returns: the tokens of all, in no order.
    mutating func removeAll() -> [UInt64] {
        let tokens = places.map(\.token).filter { $0 != 0 }
        for place in places.indices where places[place].token != 0 {
            places[place].token = 0
            free.append(UInt32(place))
        }
        return tokens
    }
}
