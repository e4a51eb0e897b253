"""How long an alarm takes to Kafka while weeks of backlog drain over a slow link.

The whole chain is real but Kafka: busbard, its journal, busbar-uplink, a proxy as the link, the
broker, busbar-bridge, librdkafka's mock cluster, a consumer. The backlog is in the journal at the
start; what is read is the first minutes of its drain, for to the end it takes the better part of an
hour, and no minute of it differs from the next. That it has not ended meanwhile is asserted, and so
is that every event of the alarm lane has come: one that is still under way is no short one.
"""

import heapq
import json
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time

from bench_chain import LINK, Bench, resident_most
from bench_table import lines, until

SEED = 20261121
# Fewer would leave the 99th percentile to two events.
EVENTS_LEAST = 200


class Watch:
    """When each record of the alarm lane came out of Kafka, on this machine's clock."""

    def __init__(self, programs, brokers):
        self.arrivals = {}
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
            epoch, lane, number = json.loads(line)["headers"]["ce_id"].split(":")
            # A resend is no second arrival.
            self.arrivals.setdefault(int(number), now)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.thread.join(5)


class Troubles:
    """Seven alarms that rise and clear again and again, each at most twice a minute: a third time
    would be chatter, which busbard holds back for a minute. None is FATAL, which would latch.
    Somebody acknowledges each, before it is gone or after.
    """

    PERIOD = 31.0

    def __init__(self, chain, dice):
        self.chain, self.dice = chain, dice
        self.waiting = []
        for number, alarm in enumerate((
            self.tank_empty, self.ambient_lost, self.gas_blip, self.bus_silent,
            self.button_stuck, self.reset_refused, self.out_of_range,
        )):
            self.plan(dice.uniform(0, self.PERIOD), number, self.rise, alarm)

    def plan(self, after, number, what, *arguments):
        # The random tail keeps two that are due together from being compared by their functions.
        entry = (time.monotonic() + after, number, self.dice.random(), what, arguments, after)
        heapq.heappush(self.waiting, entry)

    def rise(self, alarm, number):
        code = alarm()
        self.plan(self.dice.uniform(1, self.PERIOD - 2), number, self.acknowledge, code)
        self.plan(self.PERIOD + self.dice.uniform(0, 2), number, self.rise, alarm)

    def acknowledge(self, code, number):
        self.call("alarms.ack", code=code)

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            due, number, _, what, arguments, _ = self.waiting[0]
            if due > time.monotonic():
                time.sleep(min(due, end) - time.monotonic())
                continue
            heapq.heappop(self.waiting)
            what(*arguments, number)

    def call(self, method, **parameters):
        answer = self.chain.call(method, **parameters)
        if answer is None:
            self.chain.fail(f"busbard did not answer {method}")
        return answer

    def world(self, action, **parameters):
        answer = self.call("sim.apply", action=action, **parameters)
        if "error" in answer:
            self.chain.fail(f"busbard refused {action}: {answer['error']}")

    # The alarms, each with what makes it rise and go.

    def tank_empty(self):
        self.world("force", signal="level", value=0, until=3_000)
        return "E306"

    def ambient_lost(self):
        self.world("stopNode", signal="ambientTemperature", until=7_000)
        return "E312"

    def gas_blip(self):
        self.world("sample", signal="gas", value=1)
        return "E311"

    def bus_silent(self):
        """With it comes E301, which it hides."""
        self.world("stopNode", until=5_000)
        return "E501"

    def button_stuck(self):
        self.world("pressReset", until=11_000)
        return "E702"

    def reset_refused(self):
        self.call("reset")
        return "E701"

    def out_of_range(self):
        self.call("heating.setTarget", target_millicelsius=64_000)
        return "E902"


def stamped(state, since, before):
    """The journal's own word: {number: (milliseconds since 1970, type)} of the alarm lane."""
    with sqlite3.connect(f"file:{state}/journal.sqlite3?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT seq, wall_ms, type FROM alarm_lane WHERE wall_ms >= ? AND wall_ms < ?",
            (since * 1_000, before * 1_000),
        ).fetchall()
    return {number: (wall, kind) for number, wall, kind in rows}


def measure(programs, table, backlog=500_000, seconds=300):
    bench = Bench(
        programs, "alarms", LINK, queues={"telemetry": {"bytesMax": 1 << 30}},
    )
    try:
        bench.pile_up(backlog, lines(programs, 50_000))
        bench.start("kafka", "broker", "bridge")
        watch = Watch(programs, bench.chain.bootstraps)
        bench.start("busbard")
        bench.chain.wait("busbard answers", 30, lambda: bench.chain.call("status"))
        bench.start_stripped_uplink()
        until("the backlog drains", 60, lambda: watch.others > 1_000)
        uplink = bench.chain.parts["uplink"].process
        before, drained, since = bench.uplink_status(), watch.others, time.time()
        resident = threading.Thread(
            target=lambda: peaks.append(resident_most(uplink, seconds - 12)[0]), daemon=True)
        peaks = []
        resident.start()
        Troubles(bench.chain, random.Random(SEED)).run(seconds)
        end = time.time()
        resident.join()
        after, drained = bench.uplink_status(), watch.others - drained
        load = os.getloadavg()[1]
        events = stamped(bench.directory / "state", since, end)
        bench.chain.wait(
            "every alarm has come", 60, lambda: all(number in watch.arrivals for number in events)
        )
        left = backlog - watch.others
        watch.stop()
    finally:
        bench.stop()
    found = sorted(watch.arrivals[number] - wall / 1_000 for number, (wall, _) in events.items())
    raised = sum(kind.startswith("alarm.raised") for _, kind in events.values())
    table.title(
        f"Alarms while {backlog} events drain over {LINK['--kbit']} kbit/s with "
        f"{LINK['--delay-ms']} ms each way:\nthe first {seconds} s of the drain; "
        f"{max(left, 0)} events were left; load {load:.1f}, {os.cpu_count()} cores"
    )
    table.row("events of the alarm lane, all arrived", len(found), "")
    table.row("  of which alarms that rose", raised, "")
    if left <= 0:
        raise SystemExit("bench: the backlog was gone before the end: the run proves nothing")
    if len(found) < EVENTS_LEAST or raised < EVENTS_LEAST / 5:
        raise SystemExit(
            f"bench: only {len(found)} alarm events, {raised} raised: the run proves nothing")
    table.row("from the journal's stamp to a consumer, p50", found[len(found) // 2], "s")
    table.row("  p90", found[len(found) * 90 // 100], "s")
    table.row("  p99", found[len(found) * 99 // 100], "s", most=2.0)
    table.row("  longest", found[-1], "s")
    table.row("the backlog drained meanwhile at", drained / (end - since), "events/s")
    sent = {
        name: after["counters"][name] - before["counters"][name] for name in ("bytes", "events")
    }
    table.row("  bytes of MQTT payload", sent["bytes"] / sent["events"], "bytes/event")
    table.row("  sent again", after["counters"]["resends"], "batches")
    table.row("the link by the uplink's measure", after["link"]["bytes_per_second"], "bytes/s")
    table.row("busbar-uplink, resident at most", peaks[0], "KiB", most=12_288)
    shutil.rmtree(bench.directory / "state")
