import JSON

/// Reads the members of one JSON object strictly: it knows which keys were asked for, so that at
/// the end every other key is an unknown one.
///
/// Each method notes what is wrong and then gives a value to go on with, so that one pass finds all
/// defects. The values are thrown away with the site when there is a defect.
final class ObjectReader {
    let path: JSONPath
    let defects: DefectList
    private let object: JSONObject
    private var known: [String] = []

    init(_ object: JSONObject, at path: JSONPath, _ defects: DefectList) {
        self.object = object
        self.path = path
        self.defects = defects
    }

    /// - Returns: nil, with a defect noted, if `value` is no object.
    static func make(
        _ value: JSONValue, at path: JSONPath, _ defects: DefectList
    ) -> ObjectReader? {
        guard let object = value.object else {
            defects.add(path, "found \(describe(value)); allowed is an object")
            return nil
        }
        return ObjectReader(object, at: path, defects)
    }

    /// The value of a key that this object may have; nil if it is not there.
    func value(_ key: String) -> JSONValue? {
        if !known.contains(key) { known.append(key) }
        return object[key]
    }

    func has(_ key: String) -> Bool { object[key] != nil }

    /// The members, where the keys are names and not words of the format.
    func namedMembers() -> JSONObject {
        known += object.keys
        return object
    }

    /// Notes each key that was never asked for. To be called last.
    func refuseUnknownKeys() {
        for key in object.keys where !known.contains(key) {
            defects.add(
                path.key(key), "unknown key; allowed here: \(known.joined(separator: ", "))")
        }
    }

    func missing(_ key: String, _ allowed: String) {
        defects.add(path.key(key), "missing; allowed is \(allowed)")
    }

    func wrong(_ key: String, _ value: JSONValue, _ allowed: String) {
        defects.add(path.key(key), "found \(Self.describe(value)); allowed is \(allowed)")
    }

    func defect(_ key: String, _ reason: String) { defects.add(path.key(key), reason) }

    /// What was found, short enough for one line.
    static func describe(_ value: JSONValue) -> String {
        switch value {
        case .null, .bool, .number: value.serialized()
        case .string(let text):
            text.count <= 40
                ? value.serialized() : JSONValue.string(text.prefix(40) + "…").serialized()
        case .array, .object: value.kind
        }
    }
}

extension ObjectReader {
    /// An integer within `range`. `unit` is for the message only.
    /// - Parameter fallback: what holds where the key is absent; nil if it must be there.
    func int(
        _ key: String, _ range: ClosedRange<Int64>, unit: String = "", default fallback: Int64?
    ) -> Int64 {
        let spoken = unit.isEmpty ? "" : " \(unit)"
        let allowed = "an integer from \(range.lowerBound) to \(range.upperBound)\(spoken)"
        guard let value = value(key) else {
            if fallback == nil { missing(key, allowed) }
            return fallback ?? range.lowerBound
        }
        guard let number = value.int, range.contains(number) else {
            wrong(key, value, allowed)
            return fallback ?? range.lowerBound
        }
        return number
    }

    func bool(_ key: String, default fallback: Bool?) -> Bool {
        guard let value = value(key) else {
            if fallback == nil { missing(key, "true or false") }
            return fallback ?? false
        }
        guard let flag = value.bool else {
            wrong(key, value, "true or false")
            return fallback ?? false
        }
        return flag
    }

    /// A text that `isAllowed` accepts; `allowed` says in words what that is.
    func string(
        _ key: String, default fallback: String? = nil, allowed: String,
        where isAllowed: (String) -> Bool
    ) -> String {
        guard let value = value(key) else {
            if fallback == nil { missing(key, allowed) }
            return fallback ?? ""
        }
        guard let text = value.string, isAllowed(text) else {
            wrong(key, value, allowed)
            return fallback ?? ""
        }
        return text
    }

    /// One of a few words.
    /// - Returns: nil, with a defect noted, if the key is absent without a fallback or says
    ///   another.
    func choice<Choice>(
        _ key: String, _ choices: KeyValuePairs<String, Choice>, default fallback: Choice? = nil
    ) -> Choice? {
        let allowed = "one of " + choices.map(\.key).joined(separator: ", ")
        guard let value = value(key) else {
            if fallback == nil { missing(key, allowed) }
            return fallback
        }
        guard let text = value.string, let found = choices.first(where: { $0.key == text }) else {
            wrong(key, value, allowed)
            return fallback
        }
        return found.value
    }

    /// The reader of a nested object; an absent optional one reads as empty.
    func object(_ key: String, isRequired: Bool = false) -> ObjectReader {
        guard let value = value(key) else {
            if isRequired { missing(key, "an object") }
            return ObjectReader(JSONObject(), at: path.key(key), defects)
        }
        return Self.make(value, at: path.key(key), defects)
            ?? ObjectReader(JSONObject(), at: path.key(key), defects)
    }

    /// The elements of a nested array with the place of each; nil if the key is absent.
    func array(_ key: String, count: ClosedRange<Int>) -> [(JSONPath, JSONValue)]? {
        guard let value = value(key) else { return nil }
        guard let elements = value.array, count.contains(elements.count) else {
            let found = value.array.map { "an array of \($0.count)" } ?? Self.describe(value)
            defect(
                key,
                "found \(found); allowed is an array of \(count.lowerBound) to \(count.upperBound)"
            )
            return []
        }
        let place = path.key(key)
        return elements.enumerated().map { (place.index($0), $1) }
    }
}

/// The kinds of name that a site file uses. Each is also a pattern in the schema.
enum NameRule {
    /// Parts of a URN, of topics and of file names: lower case letters, digits and inner hyphens.
    static func isIdentifier(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...63).contains(bytes.count), bytes.first != hyphen, bytes.last != hyphen
        else { return false }
        return bytes.allSatisfy { isLower($0) || isDigit($0) || $0 == hyphen }
    }

    /// A network interface: the kernel's limit is 15 bytes.
    static func isInterface(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...15).contains(bytes.count), let first = bytes.first, isLower(first)
        else { return false }
        return bytes.allSatisfy { isLower($0) || isDigit($0) }
    }

    /// A line of a GPIO chip, as the device trees of Raspberry Pis name them: GPIO17, ID_SDA.
    static func isLine(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...31).contains(bytes.count), let first = bytes.first, isUpper(first)
        else { return false }
        return bytes.allSatisfy {
            isUpper($0) || isLower($0) || isDigit($0) || $0 == UInt8(ascii: "_")
                || $0 == UInt8(ascii: ".") || $0 == hyphen
        }
    }

    /// A file beside site.json: no folder in it, so that a site is always one folder.
    static func isFile(_ text: String, suffix: String) -> Bool {
        guard text.utf8.count <= 64, text.hasSuffix(suffix), text.utf8.first != dot,
            text.utf8.count > suffix.utf8.count
        else { return false }
        return text.utf8.allSatisfy {
            isLower($0) || isUpper($0) || isDigit($0) || [dot, hyphen, underscore].contains($0)
        }
    }

    /// A step of a sequence, as states are written: PRECHECK, IGNITE_2.
    static func isStep(_ text: String) -> Bool {
        guard (1...24).contains(text.utf8.count), let first = text.utf8.first, isUpper(first)
        else { return false }
        return text.utf8.allSatisfy { isUpper($0) || isDigit($0) || $0 == underscore }
    }

    /// A name of a message or signal in a DBC file (a C identifier).
    static func isSymbol(_ text: String) -> Bool {
        guard (1...128).contains(text.utf8.count), let first = text.utf8.first, !isDigit(first)
        else { return false }
        return text.utf8.allSatisfy {
            isLower($0) || isUpper($0) || isDigit($0) || $0 == underscore
        }
    }

    private static let hyphen = UInt8(ascii: "-")
    private static let dot = UInt8(ascii: ".")
    private static let underscore = UInt8(ascii: "_")

    static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
