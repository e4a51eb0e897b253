/// The members of a JSON object, in the order in which they stand in the file or were added.
///
/// Look-up walks the list. Objects of site files, events and requests have a few dozen members at
/// most, where a walk is as fast as a hash table and the order comes for nothing.
public struct JSONObject: Sendable {
    public struct Member: Sendable {
        public let key: String
        public var value: JSONValue
    }

    public private(set) var members: [Member] = []

    public init() {}

    /// For the parser, which has already refused duplicate keys.
    init(members: [Member]) { self.members = members }

    public var keys: [String] { members.map(\.key) }

    /// Adds a member at the end.
    /// - Precondition: there is no member of that name; use the subscript to replace one.
    public mutating func append(_ key: String, _ value: JSONValue) {
        members.append(Member(key: key, value: value))
    }

    /// Setting nil removes the member; setting a value keeps its place, or adds it at the end.
    public subscript(key: String) -> JSONValue? {
        get { index(of: key).map { members[$0].value } }
        set {
            switch (index(of: key), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): append(key, value)
            case (nil, nil): break
            }
        }
    }

    /// Keys are compared byte by byte, as JSON has them: "é" in one scalar and in two are two keys,
    /// where String's own comparison would see one.
    private func index(of key: String) -> Int? {
        members.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
    }
}

extension JSONObject: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { members.count }
    public subscript(position: Int) -> Member { members[position] }
}

extension JSONObject: Equatable {
    public static func == (lhs: JSONObject, rhs: JSONObject) -> Bool {
        guard lhs.count == rhs.count else { return false }
        return zip(lhs, rhs).allSatisfy { left, right in
            // Most often the order is the same; the look-up is for when it is not.
            left.key.utf8.elementsEqual(right.key.utf8)
                ? left.value == right.value : rhs[left.key] == left.value
        }
    }
}
