import CANDatabase
import Testing

/// Damages real files in every way a disk, an editor or a stranger might.
///
/// Goal: the reader never traps, and says a line that the file has. Method: from each seed, some
/// bytes, lines and pieces of the files are changed, cut, doubled, swapped with bits of another;
/// each result is read in both modes, and what comes out of it decodes a few frames.
@Suite("DBC files at random")
struct DatabaseFuzzTests {
    /// Pieces that the format gives a meaning to, for the damage to be of some use.
    static let pieces = [
        "\"", ";", ":", "|", "@", "BO_ ", "SG_ ", "VAL_ ", "CM_ ", "m0 ", "M ", "m1M ", "0", "-",
        "64",
        "3221225472", "4294967295", "99999999999999999999", "1e400", "\\\"", "\r\n", "SG_MUL_VAL_ ",
        "SIG_VALTYPE_ ", "BA_ \"GenMsgCycleTime\" BO_ ", "NS_ :", "BU_:", "\u{0}",
    ]

    static func damage(_ bytes: inout [UInt8], using random: inout SplitMix64) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        let length = min(Int.random(in: 1...60, using: &random), bytes.count - place)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(place..<place + length)
        case 2: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
        case 3: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random)!.utf8, at: place)
        case 4:
            let digits = bytes[place...].firstIndex { $0 >= 0x30 && $0 <= 0x39 }
            if let digits { bytes[digits] = UInt8.random(in: 0x30...0x39, using: &random) }
        default:
            let from = Int.random(in: 0...(bytes.count - length), using: &random)
            bytes.replaceSubrange(place..<place + length, with: bytes[from..<from + length])
        }
        if Int.random(in: 0..<50, using: &random) == 0 { bytes.removeLast(bytes.count - place) }
    }

    @Test("a damaged file is read, or refused with a line that it has", arguments: UInt64(1)...24)
    func neverTraps(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let originals = [
            try Fixtures.bytes("traps.dbc"), try Fixtures.bytes("pylontech.dbc"),
            try Fixtures.sensors(),
        ]
        var read = 0
        var refused = 0
        for round in 0..<60 {
            var bytes = originals[round % originals.count]
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                Self.damage(&bytes, using: &random)
            }
            let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
            for accepting in [false, true] {
                do throws(DatabaseError) {
                    let database = try Database(
                        parsing: bytes, file: "fuzz", acceptingDefects: accepting)
                    decodeSome(database, using: &random)
                    read += 1
                } catch {
                    #expect(
                        error.line >= 1 && error.line <= lines && !error.reason.isEmpty,
                        "seed \(seed), round \(round): \(error)")
                    #expect(error.reason.utf8.count < 1_000, "seed \(seed), round \(round)")
                    refused += 1
                }
            }
        }
        #expect(read > 0 && refused > 0, "seed \(seed): the damage did nothing")
    }

    func decodeSome(_ database: Database, using random: inout SplitMix64) {
        for message in database.messages {
            for length in [UInt8(0), 7, 8] {
                let digits = (0..<length).map { _ in
                    String(UInt8.random(in: 16...255, using: &random), radix: 16)
                }
                guard message.id & 0x8000_0000 == 0,
                    let frame = try? frame(
                        CandumpLog.text(ofID: message.id) + "#" + digits.joined())
                else { continue }
                let record = CandumpRecord(microseconds: 0, interface: "can0", frame: frame)
                let decoded = decodedLines(record, with: database)
                #expect(decoded.messageName != nil)
                #expect(!decoded.text.isEmpty)
            }
        }
    }

    @Test("one seed gives one damage")
    func deterministic() throws {
        func damaged() throws -> [UInt8] {
            var random = SplitMix64(seed: 3)
            var bytes = try Fixtures.bytes("traps.dbc")
            for _ in 0..<40 { Self.damage(&bytes, using: &random) }
            return bytes
        }
        #expect(try damaged() == damaged())
        #expect(try damaged() != Fixtures.bytes("traps.dbc"))
    }
}
