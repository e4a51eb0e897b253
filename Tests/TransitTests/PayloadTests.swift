import Testing
import Transit
import Wire

@Suite("Payload")
struct PayloadTests {
    static func refusal(_ bytes: [UInt8], sizeMax: Int = BatchLimits.size) -> String {
        do throws(PayloadError) {
            _ = try Payload.unpack(bytes, sizeMax: sizeMax)
            return "taken"
        } catch {
            return error.description
        }
    }

    @Test("what is packed is unpacked as the same, and is smaller where it can be")
    func roundTrip() throws {
        let plain = Batches.batch(count: 200).encoded()
        let packed = Payload.pack(plain)
        #expect(packed.first == 0x78)
        #expect(packed.count * 4 < plain.count)
        #expect(try Payload.unpack(packed) == plain)
        let tiny = Array("{}".utf8)
        #expect(Payload.pack(tiny) == tiny)
        #expect(try Payload.unpack(tiny) == tiny)
        #expect(Payload.pack([]) == [])
    }

    @Test("random bytes of any length survive", arguments: UInt64(1)...30)
    func randomBytes(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let count = Int.random(in: 0...5_000, using: &random)
        let spread = UInt64.random(in: 1...256, using: &random)
        let body = (0..<count).map { _ in UInt8(random.next() % spread) }
        let plain = [UInt8(ascii: "{")] + body
        #expect(try Payload.unpack(Payload.pack(plain)) == plain)
    }

    @Test("a mebibyte comes out, and not one byte more")
    func bomb() throws {
        let most = [UInt8(ascii: "{")] + [UInt8](repeating: 0x20, count: (1 << 20) - 1)
        let packed = Payload.pack(most)
        #expect(packed.count < 10_000)
        #expect(try Payload.unpack(packed) == most)
        let tooLarge = "payload: it unpacks to more than the 1048576 bytes that are read"
        #expect(Self.refusal(Payload.pack(most + [0x20])) == tooLarge)
        #expect(try Payload.unpack(most) == most)
        #expect(Self.refusal(most + [0x20]) == tooLarge)
        // Fifty megabytes from fifty kilobytes are given up on after the first.
        let bomb = Payload.pack([UInt8](repeating: 0x7B, count: 50 << 20))
        #expect(bomb.count < 300_000)
        #expect(Self.refusal(bomb) == tooLarge)
    }

    @Test("what is not a payload is refused for what it is")
    func defects() {
        let packed = Payload.pack(Batches.batch(count: 50).encoded())
        #expect(Self.refusal([]) == "payload: it is empty")
        #expect(
            Self.refusal([0x0A])
                == "payload: it begins with byte 0x0a; a batch begins with '{' or with zlib's 0x78")
        for count in [1, 2, 3, 10, packed.count / 2, packed.count - 4, packed.count - 1] {
            #expect(
                Self.refusal(Array(packed.prefix(count)))
                    == "payload: its compressed stream does not end within its \(count) bytes; "
                    + "it was cut short", "\(count)")
        }
        #expect(
            Self.refusal(packed + [0x7B])
                == "payload: 1 bytes follow the end of its compressed stream")
        #expect(
            Self.refusal(packed + packed)
                == "payload: \(packed.count) bytes follow the end of its compressed stream")
        var flipped = packed
        flipped[packed.count - 1] ^= 1
        #expect(
            Self.refusal(flipped)
                == "payload: its compressed stream is damaged: incorrect data check")
        #expect(
            Self.refusal([0x78, 0x00])
                == "payload: its compressed stream is damaged: incorrect header check")
        // A valid header that asks for a dictionary: FDICT and its check bits.
        #expect(
            Self.refusal([0x78, 0x20, 0, 0, 0, 1, 0])
                == "payload: its compressed stream is damaged: it wants a dictionary")
    }

    /// What the reader makes of bytes that came from somewhere.
    private enum Verdict: Equatable {
        case refused
        /// How many of its lines are no events.
        case read(EventBatch, poisoned: Int)
    }

    private static func verdict(_ payload: [UInt8]) -> Verdict {
        guard let bytes = try? Payload.unpack(payload),
            let batch = try? EventBatch(decoding: bytes)
        else { return .refused }
        let poisoned = batch.lines.indices.count { (try? batch.event(at: $0)) == nil }
        return .read(batch, poisoned: poisoned)
    }

    @Test("no flip of one bit of a packed batch gets through as another batch")
    func packedFlips() {
        let batch = Batches.batch(count: 5)
        let packed = Payload.pack(batch.encoded())
        #expect(packed.first == 0x78)
        #expect(Self.verdict(packed) == .read(batch, poisoned: 0))
        for place in packed.indices {
            for bit in 0..<8 {
                var flipped = packed
                flipped[place] ^= 1 << UInt8(bit)
                // A few bits of zlib's format carry nothing: then the batch is the same.
                let verdict = Self.verdict(flipped)
                let isSame = verdict == .read(batch, poisoned: 0)
                #expect(verdict == .refused || isSame, "byte \(place), bit \(bit)")
            }
        }
    }

    @Test("any byte of a plain batch may be any other without a crash")
    func plainFlips() {
        let batch = Batches.batch(count: 2)
        let plain = batch.encoded()
        var counts = (refused: 0, poisoned: 0, other: 0)
        for place in plain.indices {
            for change in [UInt8(0x01), 0x10, 0x20, 0x80, 0xFF] {
                var flipped = plain
                flipped[place] ^= change
                switch Self.verdict(flipped) {
                case .refused: counts.refused += 1
                case .read(_, let poisoned) where poisoned > 0: counts.poisoned += 1
                case .read(let read, _):
                    // Another digit or letter is another event; it is never the same one.
                    #expect(read != batch, "byte \(place)")
                    counts.other += 1
                }
            }
        }
        // All three kinds must occur, or this test tries nothing.
        #expect(counts.refused > 100)
        #expect(counts.poisoned > 100)
        #expect(counts.other > 100)
    }
}
