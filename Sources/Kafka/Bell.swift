import CRdkafka
import Glibc

/// A pipe in which librdkafka leaves a byte when its queue gets something to read, so that one
/// `poll(2)` can wait for the brokers and for others at once.
final class Bell {
    let reading: Int32
    private let writing: Int32

    init() throws(KafkaError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw KafkaError(
                "no pipe for librdkafka: error \(errno). Raise the limit of open files")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        reading = ends[0]
        writing = ends[1]
    }

    deinit {
        close(reading)
        close(writing)
    }

    func listen(to handle: KafkaHandle) {
        let queue = rd_kafka_queue_get_main(handle.pointer)
        var byte: UInt8 = 1
        rd_kafka_queue_io_event_enable(queue, writing, &byte, 1)
        rd_kafka_queue_destroy(queue)
    }

    /// Takes out what is in the pipe.
    func silence() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(reading, &bytes, bytes.count) == bytes.count {}
    }
}
