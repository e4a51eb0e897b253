import Testing
import Units

@Suite("CANFrame")
struct CANFrameTests {
    @Test("byte 0 is the lowest of the payload")
    func bytes() {
        let frame = CANFrame(id: 0x356, length: 8, payload: 0x8877_6655_4433_2211)
        #expect(
            (0..<8).map { frame.byte($0) } == [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88])
    }

    @Test("a payload of more than 8 bytes is a bug of the caller")
    func tooLong() async {
        await #expect(processExitsWith: .failure) {
            _ = CANFrame(id: 1, length: 9, payload: 0)
        }
    }

    @Test("there is no byte 8 and no byte -1", arguments: [-1, 8])
    func noSuchByte(index: Int) async {
        await #expect(processExitsWith: .failure) { [index] in
            _ = CANFrame(id: 1, length: 8, payload: 0).byte(index)
        }
    }

    @Test("a batch keeps the order and is full at its capacity")
    func batch() {
        var batch = FrameBatch()
        // A batch cannot be copied, and the macro would; so its properties are read first.
        for number in 0..<UInt32(FrameBatch.capacity) {
            let isFull = batch.isFull
            #expect(!isFull)
            batch.append(
                ReceivedFrame(
                    CANFrame(id: number, length: 0, payload: 0), arrival: Instant(Int64(number))))
        }
        let (isFull, count, first, last) = (batch.isFull, batch.count, batch[0], batch[63])
        #expect(isFull)
        #expect(count == 64)
        #expect(first.frame.id == 0)
        #expect(last.frame.id == 63)
        #expect(last.arrival == Instant(63))
        batch.removeAll()
        let (isFullAfter, countAfter) = (batch.isFull, batch.count)
        #expect(!isFullAfter)
        #expect(countAfter == 0)
    }

    @Test("a full batch takes no more, and what was not appended is not there")
    func limits() async {
        await #expect(processExitsWith: .failure) {
            var batch = FrameBatch()
            for _ in 0...FrameBatch.capacity {
                batch.append(
                    ReceivedFrame(CANFrame(id: 0, length: 0, payload: 0), arrival: Instant(0)))
            }
        }
        await #expect(processExitsWith: .failure) {
            let batch = FrameBatch()
            _ = batch[0]
        }
    }
}
