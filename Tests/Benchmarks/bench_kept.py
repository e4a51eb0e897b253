"""Acknowledged means kept: who loses what he said that he has, when he is killed.

Each subject says the number of each event that it has accepted; at a random number of them it gets
`kill -9`, starts again, and goes on. In the end what it holds is compared with what it said. A
process that is killed leaves its writes to the kernel, so the second column counts what a power cut
would have left: only what had reached the disk by a sync, told by a trace of the system calls.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time

from bench_table import HERE, PYTHON, fresh, lines, median
from brokers import all_servers
from synced_disk import STRACE, SyncedDisk, traced

EVENTS = 10_000
SEEDS = 20


class Verdict:
    """What was said against what is there."""

    def __init__(self):
        self.said = self.lost = self.duplicates = self.inversions = 0
        self.rates = []

    def judge(self, said, found):
        """`said`: the numbers that were accepted. `found`: the numbers there, in their order."""
        self.said += len(said)
        self.lost += len(set(said) - set(found))
        self.duplicates += len(found) - len(set(found))
        first = list(dict.fromkeys(found))
        self.inversions += sum(a > b for a, b in zip(first, first[1:]))


def said_until_killed(command, kill_at):
    """Runs until `kill_at` numbers were said or it ends by itself; returns them and the seconds."""
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    said = []
    for line in process.stdout:
        said.append(int(line))
        if len(said) == kill_at:
            os.kill(traced(process.pid), signal.SIGKILL)
    process.wait()
    return said, time.monotonic() - start


class Busbar:
    name = "busbar's journal"
    # Three lives of a third of the events each, at the most. It says something once a commit,
    # which is 25 events here.
    kills_within = EVENTS // 3 // 25
    cuts_within = 20

    def __init__(self, programs):
        self.programs = programs

    def command(self, directory, file, first):
        return [self.programs / "chain-bench", "told", directory, file, first]

    def spread(self, said):
        """It says the last number of a commit, and with it all before."""
        return list(range(said[0], said[-1] + 1)) if said else []

    def found(self, directory):
        numbers = []
        path = directory / "journal.sqlite3"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            database.execute("PRAGMA query_only = 1")
            for (data,) in database.execute("SELECT data FROM telemetry_lane ORDER BY seq"):
                numbers.append(json.loads(data)["n"] - 1)
            alarms = [
                json.loads(data)["value"]
                for (data,) in database.execute(
                    "SELECT data FROM alarm_lane WHERE type LIKE 'alarm.%' ORDER BY seq"
                )
            ]
        return numbers, alarms


class PythonQueue:
    # They take a sync or a rewritten file for each.
    kills_within = cuts_within = 300

    def __init__(self, kind, name):
        self.kind, self.name = kind, name

    def command(self, directory, file, first):
        return [PYTHON, HERE / "Peers/python_queues.py", "tell", self.kind, directory, file, first]

    def spread(self, said):
        return said

    def found(self, directory):
        result = subprocess.run(
            [PYTHON, HERE / "Peers/python_queues.py", "read", self.kind, directory],
            capture_output=True, text=True,
        )
        if result.returncode:
            # It cannot read its own files any more: all is lost.
            return [], []
        return [json.loads(line)["n"] - 1 for line in result.stdout.splitlines()], []


def kill_and_go_on(subject, file, seeds, verdict):
    for seed in seeds:
        dice = random.Random(seed)
        directory = fresh("kept")
        first, said_all = 0, []
        for _ in range(3):
            kill_at = dice.randrange(1, subject.kills_within)
            said, seconds = said_until_killed(subject.command(directory, file, first), kill_at)
            said = subject.spread([first, *said]) if said else []
            said_all += said
            if said:
                verdict.rates.append(len(said) / seconds)
            # Goes on behind what it said, as a program does that was told "kept".
            first = said_all[-1] + 1 if said_all else 0
        numbers, alarms = subject.found(directory)
        # The lanes are queues of their own: each must be in order.
        verdict.judge([n for n in said_all if not is_alarm(subject, n)], numbers)
        if alarms:
            verdict.judge([n for n in said_all if is_alarm(subject, n)], alarms)


def is_alarm(subject, number):
    return isinstance(subject, Busbar) and number % 50 == 49


def cut_power(subject, file, seeds, verdict):
    for seed in seeds:
        dice = random.Random(seed)
        directory = fresh("kept")
        trace = directory.parent / "kept.strace"
        kill_at = dice.randrange(2, subject.cuts_within)
        command = [*STRACE, trace, *subject.command(directory, file, 0)]
        said, _ = said_until_killed(command, kill_at)
        SyncedDisk(trace, directory).restore()
        trace.unlink()
        said = subject.spread([0, *said]) if said else []
        numbers, alarms = subject.found(directory)
        verdict.judge([n for n in said if not is_alarm(subject, n)], numbers)
        if alarms or isinstance(subject, Busbar):
            verdict.judge([n for n in said if is_alarm(subject, n)], alarms)


def measure(programs, table):
    file = lines(programs, EVENTS)
    table.title(
        f"Told that it is kept, then kill -9: {SEEDS} seeds each, and what is not there afterwards\n"
        f"(power cut: the same where only what was synced is there; twice: taken, and killed before\n"
        "it could say so, so the producer came again; a dash: there is no such run)"
    )
    form = "{:<38} {:>8} {:>7} {:>6} {:>6} {:>8} {:>10} {:>9}"
    print(form.format(
        "", "kept", "lost", "twice", "order", "kept", "power cut", "events/s"), flush=True)

    def show(name, kills, power):
        print(form.format(
            name, kills.said, kills.lost, kills.duplicates, kills.inversions, power.said,
            power.lost + power.inversions, round(median(kills.rates)),
        ), flush=True)
        table.rows.append({
            "what": name, "said": kills.said, "lost": kills.lost, "duplicates": kills.duplicates,
            "inversions": kills.inversions, "said_before_power_cut": power.said,
            "lost_by_power_cut": power.lost, "inversions_by_power_cut": power.inversions,
            "rate": median(kills.rates),
        })

    for subject in (
        Busbar(programs), PythonQueue("litequeue", "litequeue"),
        PythonQueue("ackqueue", "persist-queue SQLiteAckQueue"),
        PythonQueue("filequeue", "persist-queue file Queue"),
    ):
        kills, power = Verdict(), Verdict()
        kill_and_go_on(subject, file, range(SEEDS), kills)
        cut_power(subject, file, range(SEEDS), power)
        show(subject.name, kills, power)
        if isinstance(subject, Busbar):
            lost = kills.lost + kills.inversions + power.lost + power.inversions
            is_kept = lost == 0
    for server in all_servers():
        if not server.is_here():
            print(f"{server.name}: not measured: {server.program} is not installed", flush=True)
            continue
        kills, power = Verdict(), Verdict()
        server.kill_and_go_on(file, range(SEEDS), kills)
        server.cut_power(file, range(SEEDS), power)
        show(server.name, kills, power)
    table.row("busbar: lost or out of order, of both", 0 if is_kept else lost, "events", most=0)
