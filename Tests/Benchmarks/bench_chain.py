"""The way from a device to Kafka: how fast a backlog drains, what a bridge carries, and how long an
alarm takes in the midst of it. All parts are real but Kafka, which is librdkafka's mock: the
numbers are those of the protocol's path, not of a Kafka cluster.
"""

import json
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

from bench_table import (
    HERE, OUTPUT, PYTHON, answer, fresh, lines, median, mosquitto_program, peer,
    processor_seconds, resident_kib, until,
)
from chain import DEVICE, Chain, Part, free_port

LINK = {"--delay-ms": "50", "--kbit": "256"}


class Bench:
    """A chain in a fresh folder, and what is measured at it."""

    def __init__(self, programs, name, is_slow=False, **site):
        self.programs = programs
        self.directory = fresh(name)
        uplink = {}
        self.link = None
        if is_slow:
            self.link_port = free_port()
            uplink["port"] = self.link_port
        self.chain = Chain(
            self.directory, programs, uplink=uplink, site={"telemetry": {"periodMs": 0}} | site
        )
        if is_slow:
            self.link = Part("link", self.directory / "link.log")
            self.chain.parts["link"] = self.link

    def start(self, *names):
        if self.link and not self.link.is_running():
            options = [word for pair in LINK.items() for word in pair]
            self.link.start(
                [PYTHON, HERE / "link.py", str(self.link_port), str(self.chain.port), *options]
            )
            until("the link stands", 10, lambda: answers(self.link_port))
        self.chain.start(*names)
        if "broker" in names:
            until("the broker answers", 10, lambda: answers(self.chain.port))
        if "bridge" in names:
            until("the bridge is ready", 20, lambda: is_ready(self.chain.http_port))

    def stop(self):
        self.chain.stop()

    def pile_up(self, count, source):
        subprocess.run(
            [
                self.programs / "chain-bench", "backlog", self.directory / "state", source,
                str(count),
            ],
            check=True, stdout=subprocess.DEVNULL,
        )

    def tls(self):
        pki = self.directory / "pki"
        return [
            "--cafile", pki / "ca.crt", "--cert", pki / "client.crt",
            "--key", pki / "client.key",
        ]

    def last_acknowledged(self, until_number, seconds):
        """When the device's side of the broker had the acknowledgement of that number."""
        topic = f"busbar/v1/down/{DEVICE}/ack/telemetry"
        reader = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.chain.port), *self.tls(),
             "-t", topic], stdout=subprocess.PIPE, text=True,
        )
        timer = threading.Timer(seconds, reader.kill)
        timer.start()
        found = None
        for line in reader.stdout:
            if json.loads(line)["upto"] >= until_number:
                found = time.monotonic()
                break
        timer.cancel()
        reader.kill()
        reader.wait()
        if found is None:
            self.chain.fail(f"{until_number} was not acknowledged within {seconds} s")
        return found


def is_ready(http_port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/readyz") as page:
            return page.status == 200
    except OSError:
        return False


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def drain(programs, source, count, is_slow):
    """Seconds for a backlog to be in Kafka, acknowledged, from the start of busbar-uplink."""
    bench = Bench(programs, "drain", is_slow)
    try:
        bench.pile_up(count, source)
        bench.chain.socket = bench.directory / "s"
        bench.start("kafka", "broker", "bridge")
        start = time.monotonic()
        bench.chain.start("uplink")
        seconds = bench.last_acknowledged(count, 120) - start
        parts = {
            name: processor_seconds(bench.chain.parts[name].process) / count * 1e6
            for name in ("uplink", "broker", "bridge", "kafka")
        }
        return seconds, parts
    finally:
        bench.stop()


# mosquitto_pub 2.0.11 ends when the number of its last line is confirmed, and numbers begin anew
# after 65,535: of 200,000 lines it sends 68,932 and says nothing. So it never gets more than this.
PUBLISHED_MAX = 60_000


def publish(programs, source, is_slow):
    """Seconds for `mosquitto_pub -l -q 1` to bring the same lines to the broker, and no further."""
    bench = Bench(programs, "publish", is_slow)
    try:
        bench.start("broker")
        port = bench.link_port if is_slow else bench.chain.port
        start = time.monotonic()
        with open(source, "rb") as lines_file:
            subprocess.run(
                ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), *bench.tls(), "-l", "-q", "1",
                 "-t", f"busbar/v1/up/00/{DEVICE}/telemetry"],
                check=True, stdin=lines_file,
            )
        return time.monotonic() - start
    finally:
        bench.stop()


def publish_rate(programs, short, long, is_slow):
    """Lines a second, by the difference of two runs: mosquitto_pub waits a tenth of a second for
    its connection, which says nothing of its speed."""
    assert short < long <= PUBLISHED_MAX
    spent = [publish(programs, lines(programs, count), is_slow) for count in (short, long)]
    return (long - short) / (spent[1] - spent[0])


def compare_drains(programs, table, count, peer_counts, rounds, is_slow, limit):
    ours, theirs, parts = [], [], {}
    for _ in range(rounds):
        theirs.append(publish_rate(programs, *peer_counts, is_slow))
        seconds, parts = drain(programs, lines(programs, count), count, is_slow)
        ours.append(count / seconds)
    table.row("busbar-uplink: into Kafka, and acknowledged", median(ours), "events/s")
    table.row("mosquitto_pub -l -q 1: to the broker, read by nobody", median(theirs), "events/s")
    table.row("busbar, of what mosquitto_pub does", median(ours) / median(theirs), "", least=limit)
    return parts


def measure_drain(programs, table):
    table.title("A backlog of 200,000 events on loopback: TLS, one connection")
    parts = compare_drains(programs, table, 200_000, (10_000, PUBLISHED_MAX), 3, False, 0.7)
    for name, spent in parts.items():
        table.row(f"  processor time of {name}", spent, "us/event")


def measure_slow_drain(programs, table):
    table.title("A backlog over 256 kbit/s with 50 ms each way: TLS, one connection")
    compare_drains(programs, table, 6_000, (300, 1_500), 1, True, 1.0)


class Feeding:
    """A plain broker without a bound on its queue, one bridge, and a fleet of devices."""

    def __init__(self, programs, events):
        self.programs = programs
        self.events = events
        self.directory = fresh("bridge")
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

    def feed(self, source):
        """Has the fleet send, and returns when its first message went out."""
        feeder = subprocess.Popen(
            [self.programs / "chain-bench", "feed", f"127.0.0.1:{self.port}", source,
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

    def wait_for_all(self, start):
        """When all records were stored. Asked for seldom until it must soon be so: each question
        takes two milliseconds of a core that the bridge has need of."""
        while True:
            stored, now = self.stored() or 0, time.monotonic()
            if stored >= self.events:
                return now
            if now - start > 120:
                raise SystemExit(f"bench: only {stored} of {self.events} records are stored")
            rest = (self.events - stored) * (now - start) / max(stored, self.events / 10)
            time.sleep(min(max(0.01, 0.7 * rest), 1))

    def run(self, brokers, source):
        self.start_broker()
        bridge = self.parts["bridge"]
        bridge.start([
            self.programs / "busbar-bridge", "run", "--mqtt", f"127.0.0.1:{self.port}",
            "--kafka", brokers, "--shards", "0-63", "--secret-file", self.secret,
            "--development-cluster", "--http", f"127.0.0.1:{self.http_port}",
            "--instance", "bench",
        ])
        until("the bridge is ready", 20, lambda: is_ready(self.http_port))
        before = processor_seconds(bridge.process)
        feeder, start = self.feed(source)
        seconds = self.wait_for_all(start) - start
        feeder.wait()
        spent = (processor_seconds(bridge.process) - before) / self.events * 1e6
        peak = resident_kib(bridge.process, "VmHWM")
        for name in ("bridge", "broker"):
            self.parts[name].kill(signal.SIGTERM)
        return self.events / seconds, spent, peak

    def stop(self):
        for part in self.parts.values():
            part.kill()


# Of the messages that chain-bench feeds.
BATCH_EVENTS = 256


def measure_bridge(programs, table):
    events = 200_000
    source = lines(programs, 50_000)
    feeding = Feeding(programs, events)
    records = OUTPUT / "records.bin"
    with open(records, "wb") as file:
        subprocess.run(
            [programs / "chain-bench", "records", source, str(events)], check=True, stdout=file
        )
    producer = peer("kafka_producer", "rdkafka", "mosquitto")
    ours, theirs, bare, fed = [], [], [], []
    try:
        brokers = feeding.start_kafka()
        for _ in range(3):
            theirs.append(answer(producer, brokers, records))
            bare.append(answer(producer, "--bare", brokers, records))
            fed.append(feeding.run_peer(producer, brokers, records, source))
            ours.append(feeding.run(brokers, source))
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
    table.row(
        "busbar-bridge, of librdkafka behind the same broker", found / fed_rate, "", least=0.7)
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
    records.unlink()


def measure_uplink(programs, table):
    """The memory of the static program, when it is connected and has nothing to do."""
    bench = Bench(programs, "uplink")
    try:
        bench.chain.socket = bench.directory / "s"
        bench.pile_up(32, lines(programs, 2_000))
        bench.start("kafka", "broker", "bridge")
        part = bench.chain.parts["uplink"]
        bench.chain.programs = OUTPUT
        bench.chain.start("uplink")
        bench.last_acknowledged(32, 60)
        time.sleep(10)
        table.row("busbar-uplink, resident when idle", resident_kib(part.process), "KiB",
                  most=12_288)
    finally:
        bench.stop()


class Watch:
    """When each record of the alarm lane came out of Kafka."""

    def __init__(self, programs, brokers):
        self.arrivals = []
        self.others = 0
        self.process = subprocess.Popen(
            [programs / "mock-kafka", "dump", brokers, "--follow"], stdout=subprocess.PIPE
        )
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            now = time.time()
            if b'"topic":"busbar.alarm.v1"' not in line:
                self.others += 1
                continue
            self.arrivals.append((now, json.loads(line)["headers"]))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.thread.join(5)


def latencies(arrivals, since):
    """Seconds from the journal's wall time to the arrival, of alarms and disasters since then."""
    from datetime import datetime

    found = []
    for arrived, headers in arrivals:
        happened = datetime.fromisoformat(headers["ce_time"].replace("Z", "+00:00")).timestamp()
        if happened >= since and headers["ce_type"].startswith(
            ("io.busbar.alarm.", "io.busbar.disaster.")
        ):
            found.append(arrived - happened)
    return sorted(found)


def measure_alarms(programs, table, backlog=500_000, seconds=110):
    bench = Bench(
        programs, "alarms", is_slow=True, queues={"telemetry": {"bytesMax": 1 << 30}},
    )
    try:
        bench.pile_up(backlog, lines(programs, 50_000))
        bench.start("kafka", "broker", "bridge")
        watch = Watch(programs, bench.chain.bootstraps)
        bench.start("busbard")
        bench.chain.wait("busbard answers", 30, lambda: bench.chain.call("status"))
        bench.start("uplink")
        until("the backlog drains", 60, lambda: watch.others > 1_000)
        uplink = bench.chain.parts["uplink"].process
        idle = resident_kib(uplink)
        since, drained = time.time(), watch.others
        while time.time() < since + seconds:
            # The water is too hot, and is not: alarm E102 comes and goes, FATAL each time, which no
            # rule against chattering holds back.
            bench.chain.call("sim.apply", action="force", signal="temperature1", value=150_000)
            time.sleep(0.7)
            bench.chain.call("sim.apply", action="release", signal="temperature1")
            time.sleep(0.7)
        rate = (watch.others - drained) / (time.time() - since)
        time.sleep(5)
        peak = resident_kib(uplink, "VmHWM")
        found = latencies(watch.arrivals, since)
        watch.stop()
    finally:
        bench.stop()
    shutil.rmtree(bench.directory / "state")
    table.title(f"Alarms while {backlog} events drain over 256 kbit/s with 50 ms each way")
    table.row("events of alarms and disasters meanwhile", len(found), "")
    if len(found) < 100:
        raise SystemExit(f"bench: only {len(found)} alarm events came: the run proves nothing")
    table.row("from the journal's clock to a Kafka consumer, p50", found[len(found) // 2], "s")
    table.row("  p99", found[len(found) * 99 // 100], "s", most=2.0)
    table.row("  longest", found[-1], "s")
    table.row("the backlog drained meanwhile at", rate, "events/s")
    table.row("busbar-uplink, resident when the drain began", idle, "KiB")
    table.row("busbar-uplink, resident at most", peak, "KiB", most=12_288)
