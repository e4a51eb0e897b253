"""The way from a device to Kafka: how fast a backlog drains, and what memory that costs. All parts
are real but Kafka, which is librdkafka's mock: the numbers are those of the protocol's path, not of
a Kafka cluster.
"""

import json
import socket
import subprocess
import threading
import time
import urllib.request

from bench_table import (
    HERE, OUTPUT, PYTHON, fresh, lines, median, processor_seconds, resident_kib, until,
)
from chain import DEVICE, Chain, Part, free_port

LINK = {"--delay-ms": "50", "--kbit": "256"}


class Bench:
    """A chain in a fresh folder, and what is measured at it. `link`: options of link.py, for a
    device that is behind one."""

    def __init__(self, programs, name, link=None, **site):
        self.programs = programs
        self.directory = fresh(name)
        uplink = {}
        self.link, self.link_options = None, link
        if link:
            self.link_port = free_port()
            uplink["port"] = self.link_port
        self.chain = Chain(
            self.directory, programs, uplink=uplink, site={"telemetry": {"periodMs": 0}} | site
        )
        if link:
            self.link = Part("link", self.directory / "link.log")
            self.chain.parts["link"] = self.link

    def start(self, *names):
        if self.link and not self.link.is_running():
            self.start_link()
        self.chain.start(*names)
        if "broker" in names:
            until("the broker answers", 10, lambda: answers(self.chain.port))
        if "bridge" in names:
            until("the bridge is ready", 20, lambda: is_ready(self.chain.http_port))

    def start_link(self):
        options = [word for pair in self.link_options.items() for word in pair]
        self.link.start(
            [PYTHON, HERE / "link.py", str(self.link_port), str(self.chain.port), *options]
        )
        until("the link stands", 10, lambda: answers(self.link_port))

    def break_link(self):
        """All its connections end at once, without a word."""
        self.link.kill()
        self.start_link()

    def start_stripped_uplink(self):
        """As it is on a device: without debugging data."""
        strip("busbar-uplink", self.programs)
        self.chain.programs, programs = OUTPUT, self.chain.programs
        self.chain.start("uplink")
        self.chain.programs = programs

    def uplink_status(self):
        return json.loads((self.directory / "uplink/status.json").read_text())

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


def strip(name, programs):
    subprocess.run(["strip", "-o", OUTPUT / name, programs / name], check=True)


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
    bench = Bench(programs, "drain", LINK if is_slow else None)
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
    bench = Bench(programs, "publish", LINK if is_slow else None)
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


def measure_uplink(programs, table):
    """Its memory when it is idle, and with weeks of events before it."""
    idle, _, _ = uplink_memory(programs, 32)
    table.row("busbar-uplink, resident when idle", idle, "KiB", most=12_288)
    small, small_own, _ = uplink_memory(programs, 5_000)
    table.row("  at most, when it drains 5,000 events", small, "KiB", most=12_288)
    large, large_own, left = uplink_memory(programs, 500_000)
    table.row("  at most, when it drains 500,000", large, "KiB", most=12_288)
    table.row("    of which were left when that was read", left, "events")
    if left < 400_000:
        raise SystemExit("bench: the backlog was too small to show what it costs")
    # What is read, packed and under way is bounded by time on the link, not by what waits. Of its
    # own memory: how much of the program's file the kernel maps around a fault differs from run to
    # run by up to 900 KiB, with one and the same backlog.
    table.row("  a hundred times the backlog costs", large_own - small_own, "KiB", most=512)
    broken, _, left = uplink_memory(programs, 20_000, breaks=3)
    table.row("  at most, when its link breaks three times", broken, "KiB", most=12_288)
    if not left:
        raise SystemExit("bench: all was sent before the link broke for the last time")


def uplink_memory(programs, backlog, breaks=0):
    """KiB over a slow link, those of them that are no file's, and the events that wait in the end.
    """
    is_idle = backlog <= 32
    bench = Bench(programs, "uplink", None if is_idle else LINK)
    try:
        bench.chain.socket = bench.directory / "s"
        bench.pile_up(backlog, lines(programs, 2_000))
        bench.start("kafka", "broker", "bridge")
        bench.start_stripped_uplink()
        if is_idle:
            bench.last_acknowledged(backlog, 60)
        process = bench.chain.parts["uplink"].process
        found = resident_most(process, 10 if is_idle else 15)
        for _ in range(breaks):
            bench.break_link()
            found = tuple(map(max, found, resident_most(process, 5, after=0)))
        return *found, bench.uplink_status()["lanes"][2]["unacknowledged"]
    finally:
        bench.stop()


def resident_most(process, seconds, after=12):
    """KiB in the midst of its work: in all, and without what is mapped from files. Not at its
    start: that touches 4 MB of code which are never needed again, and it gives them back when it is
    connected and every five seconds.
    """
    time.sleep(after)
    end = time.monotonic() + seconds
    found = own = 0
    while time.monotonic() < end:
        found = max(found, resident_kib(process))
        own = max(own, resident_kib(process, "RssAnon"))
        # A handshake over the slow link takes a third of a second.
        time.sleep(0.05)
    return found, own
