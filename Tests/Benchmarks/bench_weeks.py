"""A backlog of weeks over a bad link, and what becomes of alarms and live telemetry meanwhile.

256 kbit/s, 150 ms each way, and the link stands still and resets all connections at moments that
are the same for each subject. While the backlog drains there are an alarm and a sample about each
second. Each subject runs for the same two minutes from the opening of the link; the time for all
of it follows from the rate.

busbar is the whole chain, with TLS, to a consumer of Kafka (a mock: the numbers are those of the
protocol's path). The peers have it easier: no TLS, no queue on disk but nats-server's, and
mosquitto and nats-server end at a broker, with no Kafka behind it. Each has one queue, as it comes,
and an alarm is in it.
"""

import json
import random
import shutil
import sqlite3
import subprocess
import threading
import time

from bench_alarms import Troubles, stamped
from bench_bridge_kept import prove_the_count
from bench_chain import Bench, answers
from bench_kept import Verdict
from bench_table import HERE, OUTPUT, PYTHON, lines, until
from brokers_on_a_link import LeafNode, MosquittoBridge, RsyslogToKafka

SEED = 20261121
SECONDS = 120
LINK = {"--delay-ms": "150", "--kbit": "256", "--seed": str(SEED), "--report-every": "0.5"}
BACKLOG = 500_000
# Far more than the link carries in the time.
BACKLOG_OF_PEERS = 50_000
EVENTS_LEAST = 80


class Run:
    """What one subject did in its time."""

    def __init__(self):
        # In their order.
        self.telemetry = []
        # {number: when}, and the seconds that each alarm took, or has waited in the end.
        self.alarms, self.waits, self.is_here = {}, [], []
        self.live_sent = self.live_came = 0
        self.verdict = Verdict()

    def take_alarm(self, number):
        # A resend is no second arrival.
        self.alarms.setdefault(number, time.time())

    def close(self, sent, before, after, start, end):
        """`sent`: {number: when} of the alarms. `before`, `after`: what the link had carried."""
        self.seconds = end - start
        self.telemetry = list(self.telemetry)
        for number, at in sent.items():
            came = self.alarms.get(number, end + 1)
            self.is_here.append(came <= end)
            self.waits.append(min(came, end) - at)
        self.bytes = after["up"] - before["up"]
        self.troubles = after["stalls"], after["resets"]
        # What is not there below the highest that came was lost, or was overtaken.
        said = {"backlog": max(self.telemetry)}
        prove_the_count(said, {"backlog": self.telemetry})
        self.verdict.judge(range(1, said["backlog"] + 1), self.telemetry)

    @property
    def arrived(self):
        return len(set(self.telemetry)) + sum(self.is_here)

    def wait_of(self, share):
        """With ">" where the alarm at that place had not come when the time was over."""
        rows = sorted(zip(self.waits, self.is_here), key=lambda row: (not row[1], row[0]))
        seconds, is_here = rows[min(len(rows) - 1, int(len(rows) * share))]
        return f"{seconds:.2f}" if is_here else f"> {seconds:.0f}"


def link_of(log):
    """The last whole line of what the link told."""
    return json.loads(log.read_text().rsplit("\n", 2)[-2])


class Records(threading.Thread):
    """Follows the mock cluster for one of the two kinds of record: `take(run, record)`."""

    def __init__(self, programs, brokers, run, take):
        super().__init__(daemon=True)
        self.process = subprocess.Popen(
            [programs / "mock-kafka", "dump", brokers, "--follow"], stdout=subprocess.PIPE)
        self.take_record, self.run_of = take, run
        self.start()

    def run(self):
        for line in self.process.stdout:
            self.take_record(self.run_of, json.loads(line))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.join(5)


def from_busbar(run, record):
    _, lane, number = record["headers"]["ce_id"].split(":")
    if lane == "telemetry":
        run.telemetry.append(int(number))
    elif lane == "alarm":
        run.take_alarm(int(number))


def sampled(state, since, before):
    """The journal's own word: how many samples it took in that time."""
    with sqlite3.connect(f"file:{state}/journal.sqlite3?mode=ro", uri=True) as database:
        return database.execute(
            "SELECT count(*) FROM telemetry_lane WHERE seq > ? AND wall_ms >= ? AND wall_ms < ?",
            (BACKLOG, since * 1_000, before * 1_000),
        ).fetchone()[0]


def busbar(programs):
    run = Run()
    bench = Bench(
        programs, "weeks", LINK, queues={"telemetry": {"bytesMax": 1 << 30}},
        telemetry={"periodMs": 1_000})
    try:
        bench.pile_up(BACKLOG, lines(programs, 50_000))
        bench.start("kafka", "broker", "bridge")
        records = Records(programs, bench.chain.bootstraps, run, from_busbar)
        bench.start("busbard")
        bench.chain.wait("busbard answers", 30, lambda: bench.chain.call("status"))
        before, start = link_of(bench.link.log), time.time()
        bench.start_stripped_uplink()
        Troubles(bench.chain, random.Random(SEED)).run(SECONDS)
        end, after = time.time(), link_of(bench.link.log)
        records.stop()
        state = bench.directory / "state"
        sent = {number: wall / 1_000 for number, (wall, _) in stamped(state, start, end).items()}
        run.live_sent = sampled(state, start, end)
        run.live_came = sum(number > BACKLOG for number in set(run.telemetry))
        run.close(sent, before, after, start, end)
    finally:
        bench.stop()
    shutil.rmtree(bench.directory / "state")
    return run


def peer(subject, source):
    """Fills it while its link is closed, opens the link, and adds to it for the time."""
    run, dice = Run(), random.Random(SEED)
    log = OUTPUT / "weeks-link.log"
    backlog = source.read_text().splitlines()[:BACKLOG_OF_PEERS]
    take = run.telemetry.append
    subject.start(lambda number, is_alarm: run.take_alarm(number) if is_alarm else take(number))
    try:
        subject.fill(backlog)
        options = [word for pair in LINK.items() for word in pair] + subject.link_options
        with open(log, "w") as told:
            link = subprocess.Popen(
                [PYTHON, HERE / "link.py", str(subject.link_port), str(subject.far_port), *options],
                stdout=told)
        try:
            until("the link stands", 10, lambda: answers(subject.link_port))
            until("the link tells", 5, lambda: log.read_text().endswith("\n"))
            before, start = link_of(log), time.time()
            sent = inject(subject, dice, start + SECONDS, run, backlog[-1])
            end, after = time.time(), link_of(log)
        finally:
            link.kill()
            link.wait()
    finally:
        subject.stop()
    run.live_came = sum(number > BACKLOG_OF_PEERS for number in set(run.telemetry))
    run.close(sent, before, after, start, end)
    return run


def inject(subject, dice, end, run, line):
    """An alarm and a sample about each second; returns when each alarm was put in."""
    sent = {}
    text = line[line.index(","):]
    while (now := time.time()) < end:
        number = len(sent) + 1
        sent[number] = now
        subject.put('{"alarm":' + f"{number}{text}")
        subject.put('{"n":' + f"{BACKLOG_OF_PEERS + number}{text}")
        run.live_sent += 1
        time.sleep(min(dice.uniform(0.5, 1.5), max(0, end - time.time())))
    return sent


def measure(programs, table):
    source = lines(programs, BACKLOG_OF_PEERS)
    form = "{:<38} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6} {:>6} {:>6}"
    table.title(
        f"{BACKLOG} events over {LINK['--kbit']} kbit/s with {LINK['--delay-ms']} ms each way that "
        f"stalls and resets, seed {SEED}:\n{SECONDS} s of the drain, with alarms; peers have "
        f"{BACKLOG_OF_PEERS} before them (hours: for {BACKLOG} at this rate;\nalarms: p50 and p99 "
        "to the far end, > where it had not come; live: of the samples taken meanwhile)")
    heads = "events/s", "hours", "B/event", "p50, s", "p99, s", "live", "lost", "twice"
    print(form.format("", *heads), flush=True)
    subjects = [("busbar, to Kafka, with TLS", lambda: busbar(programs))]
    for kind in (MosquittoBridge, RsyslogToKafka, LeafNode):
        missing = kind.missing()
        if missing:
            print(f"{kind.name}: not measured: {missing} is not installed", flush=True)
            continue
        subjects.append((kind.name, lambda kind=kind: peer(kind(programs), source)))
    for name, measured in subjects:
        run = measured()
        show(name, run, table, form)
        if name.startswith("busbar"):
            wrong = run.verdict.lost + run.verdict.inversions
            alarms = len(run.waits)
    if alarms < EVENTS_LEAST:
        raise SystemExit(f"bench: only {alarms} alarm events: the run proves nothing")
    table.row("busbar: lost or out of order, of what came", wrong, "events", most=0)


def show(name, run, table, form):
    if 0 in run.troubles:
        raise SystemExit(f"bench: the link had {run.troubles} stalls and resets: it proves nothing")
    delay = float(LINK["--delay-ms"]) / 1_000
    if any(is_here and seconds < delay for seconds, is_here in zip(run.waits, run.is_here)):
        raise SystemExit(f"bench: {name}: an alarm took less than {delay} s: not over the link")
    rate = run.arrived / run.seconds
    found = {
        "rate": rate, "hours": BACKLOG / rate / 3_600, "wire_bytes": run.bytes / run.arrived,
        "alarm_p50": run.wait_of(0.5), "alarm_p99": run.wait_of(0.99),
        "live_share": run.live_came / run.live_sent,
    }
    print(form.format(
        name, f"{rate:.0f}", f"{found['hours']:.1f}", f"{found['wire_bytes']:.0f}",
        found["alarm_p50"], found["alarm_p99"], f"{found['live_share']:.0%}",
        run.verdict.lost, run.verdict.duplicates), flush=True)
    table.rows.append({
        "what": name, **found, "alarms": len(run.waits), "stalls": run.troubles[0],
        "resets": run.troubles[1], "lost": run.verdict.lost,
        "duplicates": run.verdict.duplicates, "inversions": run.verdict.inversions,
    })
