"""What a bridge loses, doubles or crosses when it gets `kill -9` in the midst of its work.

Events go through a real mosquitto, over a link that the sender fills: the bridge has work until
after the last kill, which is asserted. For busbar-bridge the sender is a device: busbar-uplink over
its journal, which sends again what nobody acknowledged. For the bridges in Python it is MQTT's own
promise: QoS 1 to the broker, and a session there that outlives the bridge, so that the broker sends
again what the bridge did not confirm. A consumer follows the cluster from its first record on. In
the end what it saw is compared with what the sender was told is taken.

Kafka is librdkafka's mock: the numbers are those of the protocol's path, not of a Kafka cluster.

syslog-ng's way from MQTT to Kafka is no subject: Debian 12's syslog-ng, 3.38.1, comes without the
MQTT module. There is no package of it, and none of the others depends on an MQTT library.
"""

import json
import random
import subprocess
import threading
import time

from bench_bridge import Feeding
from bench_chain import Bench, answers
from bench_kept import Verdict
from bench_table import (
    HERE, PYTHON, lines, median, processor_seconds, resident_kib, until,
)
from chain import Part, free_port

EVENTS = 100_000
KILLS = 20
SEEDS = (1, 2)
# So that the last kill comes before the last event, by far: that takes more than half a minute.
LINK = {"--delay-ms": "0", "--kbit": "2500"}
# Between two kills, in records that came to the consumer: at the most four of the fleet's batches.
RECORDS_MOST = 1_000
# Each broker of the mock answers that much later, as one does that waits for its replicas. Chosen.
ROUND_TRIP = "rtt all 10"


class Consumer:
    """What came out of Kafka, in its order: {who: numbers}, told apart by `identity`."""

    def __init__(self, programs, brokers, identity):
        self.numbers, self.offsets = {}, {}
        self.count, self.last, self.forgotten = 0, time.monotonic(), 0
        self.identity = identity
        self.process = subprocess.Popen(
            [programs / "mock-kafka", "dump", brokers, "--follow"], stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            record = json.loads(line)
            place = record["topic"], record["partition"]
            self.forgotten += record["offset"] - self.offsets.get(place, 0)
            self.offsets[place] = record["offset"] + 1
            if record["topic"] == "busbar.telemetry.v1":
                who, number = self.identity(record)
                self.numbers.setdefault(who, []).append(number)
            self.last = time.monotonic()
            self.count += 1

    def waits_for(self, count, seconds=60):
        until(
            f"{count} records are in Kafka", seconds,
            lambda: self.count >= count or self.forgotten, pause=0.002)
        self.expect_all()

    def expect_all(self):
        # The mock keeps 5 MB of a partition: a reader that falls behind would see a loss.
        if self.forgotten:
            raise SystemExit(
                f"bench: the mock cluster forgot {self.forgotten} records before they were read")

    def is_quiet(self, seconds):
        return time.monotonic() > self.last + seconds

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.thread.join(5)
        self.expect_all()


class Result(Verdict):
    """With what it cost, over all lives of the bridge."""

    def __init__(self):
        super().__init__()
        self.kills, self.spent, self.peak, self.arrived = 0, 0.0, 0, 0
        self.gaps = []

    def note(self, process):
        """Before its end."""
        self.spent += processor_seconds(process)
        self.peak = max(self.peak, resident_kib(process, "VmHWM"))

    def judge_all(self, said, numbers):
        """Each lane of each device by itself. `said`: {who: how many, from 1}."""
        for who, count in said.items():
            self.judge(range(1, count + 1), numbers.get(who, []))
        strangers = set(numbers) - set(said)
        if strangers:
            raise SystemExit(f"bench: in Kafka are events that nobody sent: {sorted(strangers)}")
        self.arrived += sum(len(set(found)) for found in numbers.values())


class Busbar:
    def __init__(self, programs):
        self.bench = Bench(programs, "bridge-kept", link=LINK)
        self.part = self.bench.chain.parts["bridge"]
        self.bench.chain.socket = self.bench.directory / "s"
        self.bench.pile_up(EVENTS, lines(programs, 50_000))
        self.bench.start("kafka", "broker", "bridge")
        self.bench.chain.kafka(ROUND_TRIP)
        self.consumer = Consumer(programs, self.bench.chain.bootstraps, self.identity)

    @staticmethod
    def identity(record):
        epoch, lane, number = record["headers"]["ce_id"].split(":")
        return (epoch, lane), int(number)

    def send(self):
        self.bench.chain.start("uplink")
        status = self.bench.directory / "uplink/status.json"
        until("the uplink tells its state", 10, status.exists)

    def start_bridge(self):
        self.bench.start("bridge")

    def acknowledged(self):
        """By the uplink's own word, up to which number."""
        return self.bench.uplink_status()["lanes"][2]["acknowledged"]

    def is_over(self):
        return self.acknowledged() >= EVENTS

    def said(self):
        # One lane in one epoch.
        (only,) = self.consumer.numbers
        return {only: self.acknowledged()}

    def stop(self):
        self.bench.stop()


class Python:
    def __init__(self, programs, way):
        self.way = way
        self.feeding = Feeding(programs, EVENTS, "bridge-kept")
        self.source = lines(programs, 50_000)
        self.part = self.feeding.parts["bridge"]
        self.brokers = self.feeding.start_kafka()
        self.feeding.tell_kafka(ROUND_TRIP)
        self.feeding.start_broker()
        self.link = Part("link", self.feeding.directory / "link.log")
        self.feeding.parts["link"] = self.link
        self.start_bridge()
        self.consumer = Consumer(programs, self.brokers, self.identity)

    @staticmethod
    def identity(record):
        return record["key"], json.loads(record["value"])["seq"]

    def send(self):
        port = free_port()
        options = [word for pair in LINK.items() for word in pair]
        self.link.start([PYTHON, HERE / "link.py", str(port), str(self.feeding.port), *options])
        until("the link stands", 10, lambda: answers(port))
        self.feeder, _ = self.feeding.feed(self.source, port)

    def start_bridge(self):
        self.feeding.start_python_bridge(self.brokers, self.way)

    def is_over(self):
        """The broker has confirmed all, and what it has not delivered yet would come at once."""
        if self.feeder.poll():
            raise SystemExit(f"bench: the sender ended with {self.feeder.returncode}")
        return self.feeder.poll() == 0 and self.consumer.is_quiet(3)

    def said(self):
        """{device: events}: `Fleet` fills one after the other."""
        per_device = 31 * 256
        whole, rest = divmod(EVENTS, per_device)
        said = {f"bench-{number}": per_device for number in range(whole)}
        return said | ({f"bench-{whole}": rest} if rest else {})

    def stop(self):
        self.feeding.stop()


def one_run(name, subject, seed, result):
    dice = random.Random(seed)
    consumer = subject.consumer
    try:
        subject.send()
        for number in range(KILLS):
            # From the first record of each life on: a bridge that has nothing yet loses nothing.
            consumer.waits_for(consumer.count + dice.randrange(1, RECORDS_MOST))
            # A record is seen when its batch is written: somewhere between two of these.
            time.sleep(dice.uniform(0, 0.1))
            if subject.is_over():
                raise SystemExit(
                    f"bench: {name} was done after {number} kills: the run proves nothing")
            result.note(subject.part.process)
            subject.part.kill()
            # What Kafka had already taken is still on its way to the consumer.
            until("the killed bridge's records are read", 5, lambda: consumer.is_quiet(0.1))
            before, start = consumer.count, time.monotonic()
            subject.start_bridge()
            consumer.waits_for(before + 1)
            result.gaps.append(time.monotonic() - start)
            result.kills += 1
        until(f"{name} is done", 120, subject.is_over, pause=0.2)
        until("nothing comes any more", 10, lambda: consumer.is_quiet(1))
        if not subject.part.is_running():
            raise SystemExit(f"bench: {name} is not there in the end: {subject.part.log}")
        result.note(subject.part.process)
        consumer.stop()
        said = subject.said()
        prove_the_count(said, consumer.numbers)
        result.judge_all(said, consumer.numbers)
    finally:
        consumer.process.kill()
        subject.stop()


def prove_the_count(said, numbers):
    """That one record lost, one doubled and one crossed would each have been seen, and once."""
    who, found = max(numbers.items(), key=lambda pair: len(pair[1]))
    found = list(dict.fromkeys(found))
    at = next(at for at, n in enumerate(found) if found[at : at + 4] == [n, n + 1, n + 2, n + 3])
    one, two, three, _ = found[at : at + 4]
    spoiled = [*found[:at], one, one, three, two, *found[at + 4 :]]
    sound, broken = Verdict(), Verdict()
    sound.judge(range(1, said[who] + 1), found)
    broken.judge(range(1, said[who] + 1), spoiled)
    seen = (
        broken.lost - sound.lost, broken.duplicates - sound.duplicates,
        broken.inversions - sound.inversions,
    )
    if seen != (1, 1, 1):
        raise SystemExit(
            f"bench: of one record lost, one doubled and one crossed the judge saw {seen}")


def measure(programs, table):
    subjects = {
        "busbar-bridge": lambda: Busbar(programs),
        "Python, confirmed after Kafka": lambda: Python(programs, "manual"),
        "Python, confirmed by itself": lambda: Python(programs, "auto"),
    }
    results = {name: Result() for name in subjects}
    for seed in SEEDS:
        for name, make in subjects.items():
            one_run(name, make(), seed, results[name])
    table.title(
        f"kill -9 of the bridge, {KILLS} times in {EVENTS} events, seeds "
        f"{' and '.join(map(str, SEEDS))}: what Kafka (a mock) then has of\nwhat the sender was "
        f"told is taken (again in: from the start of the bridge to its first record)"
    )
    form = "{:<30} {:>6} {:>8} {:>7} {:>6} {:>6} {:>11} {:>9} {:>9}"
    print(form.format(
        "", "kills", "taken", "lost", "twice", "order", "again in, s", "us/event", "KiB"))
    for name, found in results.items():
        again, spent = median(found.gaps), found.spent / found.arrived * 1e6
        print(form.format(
            name, found.kills, found.said, found.lost, found.duplicates, found.inversions,
            f"{again:.2f}", f"{spent:.2f}", found.peak), flush=True)
        table.rows.append({
            "what": name, "kills": found.kills, "said": found.said, "lost": found.lost,
            "duplicates": found.duplicates, "inversions": found.inversions,
            "again_seconds": again, "cpu_microseconds": spent, "peak_kib": found.peak,
        })
    ours = results["busbar-bridge"]
    table.row(
        "busbar-bridge: lost or out of order", ours.lost + ours.inversions, "events", most=0)
    print("syslog-ng, mqtt to kafka: not measured: Debian 12's has no MQTT source", flush=True)
