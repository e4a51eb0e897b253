import Foundation
import JSON
import Testing

/// A second opinion: documents from a seed go through this parser and through Foundation's, which
/// was written by others, and both must see the same.
@Suite struct FoundationAgreementTests {
    /// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, so a seed replays exactly.
    struct SplitMix64: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    struct Generator {
        var random: SplitMix64

        mutating func pick<Element>(_ choices: [Element]) -> Element {
            choices.randomElement(using: &random)!
        }

        mutating func space() -> String { pick(["", "", " ", "\n", "\t", "\r\n  "]) }

        mutating func string() -> String {
            let pieces = [
                "a", "é", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\ud83d\\ude00", "\u{7f}",
                " ", "0", "\\u0000", "\u{FFFD}", "\\uFFFF", "e\u{301}",
            ]
            return (0..<Int.random(in: 0...6, using: &random)).reduce(into: "") { text, _ in
                text += pick(pieces)
            }
        }

        mutating func number() -> String {
            pick([
                "0", "-0", "-1", "12", "1.5", "-0.25", "1e3", "1E+2", "12.50e-1", "2147483648",
                "-9223372036854775808", "9007199254740993", "123456.789", "1e-7",
            ])
        }

        mutating func document(depth: Int) -> String {
            let kind = Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random)
            let count = Int.random(in: 0...4, using: &random)
            var text = space()
            switch kind {
            case 0: text += pick(["null", "true", "false"])
            case 1, 2: text += number()
            case 3, 4: text += "\"" + string() + "\""
            case 5:
                var elements: [String] = []
                for _ in 0..<count { elements.append(document(depth: depth - 1)) }
                text += "[" + elements.joined(separator: ",") + (count == 0 ? space() : "") + "]"
            default:
                var members: [String] = []
                for index in 0..<count {
                    let key = "\"\(index)" + string() + "\""
                    members.append(space() + key + space() + ":" + document(depth: depth - 1))
                }
                text += "{" + members.joined(separator: ",") + (count == 0 ? space() : "") + "}"
            }
            return text + space()
        }
    }

    /// What differs, or nil if the two agree.
    static func difference(_ ours: JSONValue, _ theirs: Any, at path: JSONPath) -> String? {
        switch ours {
        case .null: return theirs is NSNull ? nil : "\(path): not null"
        case .bool(let flag): return (theirs as? Bool) == flag ? nil : "\(path): not \(flag)"
        case .number(let number):
            guard let other = (theirs as? NSNumber)?.doubleValue, Double(number.text) == other
            else { return "\(path): \(number) is not \(theirs)" }
            return nil
        case .string(let text):
            guard let other = theirs as? String, Array(other.utf8) == Array(text.utf8)
            else { return "\(path): \(text) is not \(theirs)" }
            return nil
        case .array(let elements):
            guard let others = theirs as? [Any], others.count == elements.count
            else { return "\(path): not an array of \(elements.count)" }
            for (index, pair) in zip(elements, others).enumerated() {
                if let found = difference(pair.0, pair.1, at: path.index(index)) { return found }
            }
            return nil
        case .object(let members):
            guard let others = theirs as? [String: Any], others.count == members.count
            else { return "\(path): not an object of \(members.count)" }
            for member in members {
                guard let other = others[member.key] else { return "\(path): no \(member.key)" }
                if let found = difference(member.value, other, at: path.key(member.key)) {
                    return found
                }
            }
            return nil
        }
    }

    static func fitsDoubles(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool, .string: true
        case .number(let number): Double(number.text)?.isFinite == true
        case .array(let elements): elements.allSatisfy(fitsDoubles)
        case .object(let members): members.allSatisfy { fitsDoubles($0.value) }
        }
    }

    @Test("sees in 3,000 documents from a seed what Foundation sees, and writes them back equal")
    func agreesWithFoundation() throws {
        var longest = 0
        for seed in UInt64(1)...3_000 {
            var generator = Generator(random: SplitMix64(state: seed))
            let text = generator.document(depth: 5)
            longest = max(longest, text.utf8.count)
            let ours = try JSONValue.parse(Array(text.utf8))
            let theirs = try JSONSerialization.jsonObject(
                with: Data(text.utf8), options: [.fragmentsAllowed])
            let difference = Self.difference(ours, theirs, at: .root)
            #expect(difference == nil, "seed \(seed): \(text)")
            for pretty in [false, true] {
                let again = try JSONValue.parse(ours.serializedBytes(pretty: pretty))
                #expect(again == ours, "seed \(seed), pretty \(pretty): \(text)")
            }
        }
        #expect(longest > 500, "the generator made only small documents")
    }

    @Test("never crashes on damaged documents, and never accepts what Foundation refuses")
    func survivesDamage() throws {
        var refused = 0
        for seed in UInt64(1)...3_000 {
            var generator = Generator(random: SplitMix64(state: seed))
            var bytes = Array(generator.document(depth: 4).utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator.random) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &generator.random)
                switch Int.random(in: 0..<3, using: &generator.random) {
                case 0: bytes.remove(at: index)
                case 1: bytes[index] = UInt8.random(in: 0...255, using: &generator.random)
                default: bytes.insert(bytes[index], at: index)
                }
            }
            guard let value = try? JSONValue.parse(bytes) else {
                refused += 1
                continue
            }
            // A double ends at 1e308 and Foundation refuses what is beyond; decimals do not.
            guard Self.fitsDoubles(value) else { continue }
            #expect(
                (try? JSONSerialization.jsonObject(
                    with: Data(bytes), options: [.fragmentsAllowed])) != nil,
                "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
        }
        #expect((500..<3_000).contains(refused), "\(refused) of 3,000 refused")
    }
}
