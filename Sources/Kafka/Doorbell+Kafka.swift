import CRdkafka
import LinuxHAL

extension Doorbell {
    /// Is rung from now on when the client's queue gets something to read, so that one `poll(2)`
    /// can wait for the brokers and for others at once.
    func listen(to handle: KafkaHandle) {
        let queue = rd_kafka_queue_get_main(handle.pointer)
        var byte: UInt8 = 1
        rd_kafka_queue_io_event_enable(queue, button, &byte, 1)
        rd_kafka_queue_destroy(queue)
    }
}
