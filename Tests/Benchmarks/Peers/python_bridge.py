"""A bridge as a careful programmer writes it in an afternoon: paho-mqtt to confluent-kafka.

    python_bridge.py MQTT_PORT BROKERS manual|auto

It unpacks each batch and gives Kafka each event's line as it is, by the device's key, to an
idempotent producer with acks=all. `manual` confirms a message to the broker when Kafka has reported
all of its lines, in the order of arrival; `auto` lets paho confirm it when it is here, as paho does
by itself. Prints `ready`, and then how many lines Kafka has reported.
"""

import collections
import sys
import threading
import zlib

import confluent_kafka
import paho.mqtt.client as mqtt


class Message:
    def __init__(self, number, missing):
        self.number, self.missing = number, missing


class Bridge:
    def __init__(self, port, brokers, is_manual):
        self.is_manual = is_manual
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True,
            "linger.ms": 20, "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
        })
        self.waiting = collections.deque()
        self.stored = 0
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="python-bridge", clean_session=False,
            manual_ack=is_manual,
        )
        self.client.max_inflight_messages_set(100)
        self.client.on_connect = self.connected
        self.client.on_subscribe = self.subscribed
        self.client.on_message = self.message
        self.client.connect("127.0.0.1", port)

    def connected(self, client, *_):
        client.subscribe("busbar/v1/up/#", qos=1)

    def subscribed(self, *_):
        print("ready", flush=True)
        threading.Thread(target=self.count, daemon=True).start()

    def message(self, _client, _data, message):
        payload = message.payload
        plain = zlib.decompress(payload) if payload[:1] != b"{" else payload
        lines = plain.rstrip(b"\n").split(b"\n")[1:]
        device = message.topic.split("/")[4]
        entry = Message(message.mid, len(lines))
        self.waiting.append(entry)
        for line in lines:
            self.producer.produce(
                "busbar.telemetry.v1", line, device,
                on_delivery=lambda error, _, entry=entry: self.reported(error, entry))
        self.producer.poll(0)

    def reported(self, error, entry):
        if error:
            raise SystemExit(f"python_bridge: Kafka: {error}")
        self.stored += 1
        entry.missing -= 1
        # MQTT wants confirmations in the order of arrival.
        while self.waiting and self.waiting[0].missing == 0:
            done = self.waiting.popleft()
            if self.is_manual:
                self.client.ack(done.number, 1)

    def run(self):
        while True:
            self.client.loop(0.01)
            self.producer.poll(0)

    def count(self):
        said = -1
        while True:
            if self.stored != said:
                said = self.stored
                print(said, flush=True)
            threading.Event().wait(0.02)


Bridge(int(sys.argv[1]), sys.argv[2], sys.argv[3] == "manual").run()
