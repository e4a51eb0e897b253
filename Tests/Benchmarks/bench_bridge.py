"""What a bridge carries. Kafka is librdkafka's mock: the numbers are those of the protocol's path,
not of a Kafka cluster. What a killed bridge loses is bench_bridge_kept.py's business.
"""

import json
import signal
import subprocess
import threading
import time
import urllib.request

from bench_chain import answers, is_ready
from bench_table import (
    HERE, OUTPUT, PYTHON, answer, fresh, lines, median, mosquitto_program, peer,
    processor_seconds, resident_kib, until,
)
from chain import Part, free_port

# Of the messages that chain-bench feeds.
BATCH_EVENTS = 256


class Feeding:
    """A plain broker without a bound on its queue, one bridge, and a fleet of devices.

    `python` names the peer's way to confirm: `manual` or `auto`.
    """

    def __init__(self, programs, events, name="bridge"):
        self.programs = programs
        self.events = events
        self.directory = fresh(name)
        self.port, self.http_port = free_port(), free_port()
        (self.directory / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
            "max_queued_messages 0\nmax_inflight_messages 100\n"
        )
        secret = self.directory / "bridge.secret"
        secret.write_text("5a" * 32 + "\n")
        secret.chmod(0o600)
        self.secret = secret
        self.parts = {
            name: Part(name, self.directory / f"{name}.log")
            for name in ("kafka", "broker", "bridge")
        }

    def start_kafka(self):
        part = self.parts["kafka"]
        part.start(
            [self.programs / "mock-kafka"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return part.process.stdout.readline().strip()

    def tell_kafka(self, command):
        """As `mock-kafka --help` has it: a fault, or a round-trip time."""
        kafka = self.parts["kafka"].process
        kafka.stdin.write(command + "\n")
        kafka.stdin.flush()
        answer = kafka.stdout.readline()
        if answer != "ok\n":
            raise SystemExit(f"bench: mock-kafka answered {answer!r} to {command}")

    def stored(self):
        address = f"http://127.0.0.1:{self.http_port}/metrics"
        try:
            with urllib.request.urlopen(address) as page:
                text = page.read().decode()
        except OSError:
            return None
        rows = [row for row in text.splitlines() if row.startswith("busbar_bridge_records_stored")]
        return sum(int(row.split()[-1]) for row in rows)

    def start_broker(self):
        self.parts["broker"].start([mosquitto_program(), "-c", self.directory / "mosquitto.conf"])
        until("the broker answers", 10, lambda: answers(self.port))

    def start_bridge(self, brokers):
        self.parts["bridge"].start([
            self.programs / "busbar-bridge", "run", "--mqtt", f"127.0.0.1:{self.port}",
            "--kafka", brokers, "--shards", "0-63", "--secret-file", self.secret,
            "--development-cluster", "--http", f"127.0.0.1:{self.http_port}",
            "--instance", "bench",
        ])
        until("the bridge is ready", 20, lambda: is_ready(self.http_port))

    def start_python_bridge(self, brokers, way):
        part = self.parts["bridge"]
        part.start(
            [PYTHON, HERE / "Peers/python_bridge.py", str(self.port), brokers, way],
            stdout=subprocess.PIPE, text=True)
        ready = part.process.stdout.readline()
        if ready != "ready\n":
            raise SystemExit(f"bench: the bridge in Python said {ready!r}: see {part.log}")
        self.counted = 0
        threading.Thread(target=self.count, args=[part.process.stdout], daemon=True).start()

    def count(self, rows):
        for row in rows:
            self.counted = int(row)

    def feed(self, source, port=None):
        """Has the fleet send, and returns when its first message went out."""
        feeder = subprocess.Popen(
            [self.programs / "chain-bench", "feed", f"127.0.0.1:{port or self.port}", source,
             str(self.events)], stdout=subprocess.PIPE, text=True,
        )
        return feeder, float(feeder.stdout.readline().split()[1])

    def run_peer(self, producer, brokers, records, source):
        """librdkafka behind the same broker, with the same messages, which it does not read: for
        each it produces as many records from memory as there are events in it."""
        self.start_broker()
        peer_process = subprocess.Popen(
            [producer, "--fed", f"127.0.0.1:{self.port}", str(BATCH_EVENTS), brokers, records],
            stdout=subprocess.PIPE, text=True,
        )
        assert peer_process.stdout.readline() == "ready\n"
        feeder, start = self.feed(source)
        told = json.loads(peer_process.stdout.readline())
        peer_process.wait()
        feeder.wait()
        self.parts["broker"].kill(signal.SIGTERM)
        assert told["failed"] == 0 and told["events"] == self.events, told
        return self.events / (told["end"] - start), told["cpu_seconds"] / self.events * 1e6

    def wait_for_all(self, stored, start):
        """When all records were stored. Asked for seldom until it must soon be so: each question
        takes two milliseconds of a core that the bridge has need of."""
        while True:
            count, now = stored() or 0, time.monotonic()
            if count >= self.events:
                return now
            if now - start > 120:
                raise SystemExit(f"bench: only {count} of {self.events} records are stored")
            rest = (self.events - count) * (now - start) / max(count, self.events / 10)
            time.sleep(min(max(0.01, 0.7 * rest), 1))

    def run(self, brokers, source, python=None):
        self.start_broker()
        bridge = self.parts["bridge"]
        if python:
            self.start_python_bridge(brokers, python)
            stored = lambda: self.counted
        else:
            self.start_bridge(brokers)
            stored = self.stored
        before = processor_seconds(bridge.process)
        feeder, start = self.feed(source)
        seconds = self.wait_for_all(stored, start) - start
        feeder.wait()
        spent = (processor_seconds(bridge.process) - before) / self.events * 1e6
        peak = resident_kib(bridge.process, "VmHWM")
        for name in ("bridge", "broker"):
            self.parts[name].kill(signal.SIGTERM)
        return self.events / seconds, spent, peak

    def stop(self):
        for part in self.parts.values():
            part.kill()


def measure_bridge(programs, table):
    events = 500_000
    source = lines(programs, 50_000)
    feeding = Feeding(programs, events)
    records = OUTPUT / "records.bin"
    with open(records, "wb") as file:
        subprocess.run(
            [programs / "chain-bench", "records", source, str(events)], check=True, stdout=file
        )
    producer = peer("kafka_producer", "rdkafka", "mosquitto")
    ours, theirs, bare, fed, manual, auto = [], [], [], [], [], []
    try:
        brokers = feeding.start_kafka()
        # Five: what librdkafka does alone differs by a quarter from run to run.
        for _ in range(5):
            theirs.append(answer(producer, brokers, records))
            bare.append(answer(producer, "--bare", brokers, records))
            fed.append(feeding.run_peer(producer, brokers, records, source))
            ours.append(feeding.run(brokers, source))
        manual.append(feeding.run(brokers, source, "manual"))
        auto.append(feeding.run(brokers, source, "auto"))
    finally:
        feeding.stop()
    table.title("Records to the same three mock brokers: acks=all, idempotent")
    found = median(run[0] for run in ours)
    rate = median(run["events"] / run["seconds"] for run in theirs)
    fed_rate = median(run[0] for run in fed)
    table.row("busbar-bridge: from the broker's messages", found, "events/s")
    table.row("librdkafka, the same records from memory, alone", rate, "events/s")
    table.row("  as many for each of the same broker's messages", fed_rate, "events/s")
    table.row(
        "  without their headers",
        median(run["events"] / run["seconds"] for run in bare), "events/s",
    )
    table.row("busbar-bridge, of librdkafka alone", found / rate, "", least=0.7)
    # Without a limit: what is asked for is 0.7 of librdkafka's own speed, the row above. This peer
    # shares the cores with the broker as the bridge does, but reads nothing of what comes.
    table.row("busbar-bridge, of librdkafka behind the same broker", found / fed_rate, "")
    table.row("  processor time of busbar-bridge", median(run[1] for run in ours), "us/event")
    table.row(
        "  processor time of librdkafka alone",
        median(run["cpu_seconds"] / run["events"] * 1e6 for run in theirs), "us/event",
    )
    table.row(
        "  processor time of librdkafka behind the broker", median(run[1] for run in fed),
        "us/event",
    )
    table.row("  busbar-bridge, resident at most", max(run[2] for run in ours), "KiB")
    for name, runs in (("confirmed after Kafka", manual), ("confirmed by itself", auto)):
        table.row(f"Python, lines without headers, {name}", runs[0][0], "events/s")
        table.row("  processor time", runs[0][1], "us/event")
        table.row("  resident at most", runs[0][2], "KiB")
    records.unlink()
