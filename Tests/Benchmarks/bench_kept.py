"""Acknowledged means kept: who loses what he said that he has, when he is killed.

Each subject says the number of each event that it has accepted; at a random number of them it gets
`kill -9`, starts again, and goes on. In the end what it holds is compared with what it said. A
process that is killed leaves its writes to the kernel, so the second column counts what a power cut
would have left: only what had reached the disk by a sync, told by a trace of the system calls.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time

from bench_chain import answers
from bench_table import HERE, PYTHON, fresh, lines, median, mosquitto_program, until
from chain import free_port

EVENTS = 2_000
SEEDS = 10


class Verdict:
    """What was said against what is there."""

    def __init__(self):
        self.lost = self.duplicates = self.inversions = 0
        self.rates = []

    def judge(self, said, found):
        """`said`: the numbers that were accepted. `found`: the numbers there, in their order."""
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


def traced(pid):
    """Under strace the subject is the child, and strace must live to write its last lines."""
    if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() != "strace":
        return pid
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


class Busbar:
    name = "busbar's journal"
    # It says something once a commit, which is 25 events here.
    kills_within = 20

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
    kills_within = 150

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


CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")


def texts(words):
    """What strace writes in quotes: hexadecimal throughout."""
    return [bytes.fromhex(text.replace("\\x", "")) for text in re.findall(r'"([^"]*)"', words)]


class SyncedDisk:
    """What is on the disk if only what was synced got there: files rebuilt from a trace."""

    def __init__(self, trace, directory):
        self.directory = str(directory)
        self.files, self.synced, self.open, self.offsets = {}, {}, {}, {}
        for line in pathlib.Path(trace).read_text(errors="replace").splitlines():
            match = CALL.match(line)
            if match and int(match[3]) >= 0:
                self.call(match[1], match[2], int(match[3]))

    def call(self, name, words, result):
        if name in ("openat", "open"):
            path = texts(words)[0].decode()
            if path.startswith(self.directory) and not pathlib.Path(path).is_dir():
                self.open[result], self.offsets[result] = path, 0
                self.files.setdefault(path, bytearray())
                if "O_TRUNC" in words:
                    self.files[path] = bytearray()
                if "O_APPEND" in words:
                    self.offsets[result] = len(self.files[path])
            else:
                self.open.pop(result, None)
            return
        if name in ("rename", "unlink"):
            self.move(name, [text.decode() for text in texts(words)])
            return
        number = int(re.match(r"\d+", words)[0]) if words[:1].isdigit() else -1
        path = self.open.get(number)
        if path is None:
            return
        if name in ("write", "pwrite64"):
            data = texts(words)[0]
            at = int(words.rsplit(",", 1)[1]) if name == "pwrite64" else self.offsets[number]
            self.put(path, at, data)
            if name == "write":
                self.offsets[number] = at + len(data)
        elif name == "lseek":
            self.offsets[number] = result
        elif name == "ftruncate":
            size = int(words.rsplit(",", 1)[1])
            del self.files[path][size:]
            self.files[path].extend(bytes(max(0, size - len(self.files[path]))))
        elif name in ("fsync", "fdatasync"):
            self.synced[path] = bytes(self.files[path])

    def put(self, path, at, data):
        file = self.files[path]
        file.extend(bytes(max(0, at + len(data) - len(file))))
        file[at : at + len(data)] = data

    def move(self, name, paths):
        """A rename or a removal counts as kept: the file systems of today keep it with the next
        sync at the latest, and it flatters nobody here."""
        for files in (self.files, self.synced):
            if paths[0] in files:
                content = files.pop(paths[0])
                if name == "rename":
                    files[paths[1]] = content

    def restore(self):
        """Puts the synced bytes where the files were."""
        shutil.rmtree(self.directory)
        pathlib.Path(self.directory).mkdir(parents=True)
        for path, content in self.synced.items():
            if path.endswith("-shm"):
                continue
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(path).write_bytes(content)


def cut_power(subject, file, seeds, verdict):
    for seed in seeds:
        dice = random.Random(seed)
        directory = fresh("kept")
        trace = directory.parent / "kept.strace"
        strace = [
            "strace", "-f", "-xx", "-s", "1048576", "-o", trace, "-e",
            "trace=open,openat,write,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,unlink",
        ]
        kill_at = dice.randrange(2, subject.kills_within)
        said, _ = said_until_killed([*strace, *subject.command(directory, file, 0)], kill_at)
        SyncedDisk(trace, directory).restore()
        trace.unlink()
        said = subject.spread([0, *said]) if said else []
        numbers, alarms = subject.found(directory)
        verdict.judge([n for n in said if not is_alarm(subject, n)], numbers)
        if alarms or isinstance(subject, Busbar):
            verdict.judge([n for n in said if is_alarm(subject, n)], alarms)


class Mosquitto:
    """A broker that has confirmed a message of quality of service 1 for a client that is away."""

    def __init__(self, name, *options):
        self.name, self.options = name, options

    def start(self, directory, port):
        text = [
            f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence true",
            f"persistence_location {directory}/", "max_queued_messages 0", *self.options,
            # Root would become "mosquitto", who may not write here.
            *(["user root"] if os.geteuid() == 0 else []),
        ]
        (directory / "mosquitto.conf").write_text("\n".join(text) + "\n")
        process = subprocess.Popen(
            [mosquitto_program(), "-c", directory / "mosquitto.conf"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        until("the broker answers", 10, lambda: answers(port))
        return process

    def read(self, port, wait):
        return subprocess.run(
            ["mosquitto_sub", "-p", str(port), "-i", "away", "-c", "-q", "1", "-t", "bench", "-W",
             str(wait)], capture_output=True, text=True,
        ).stdout.splitlines()

    def kill_and_go_on(self, file, seeds, verdict):
        for seed in seeds:
            directory, port = fresh("kept"), free_port()
            dice = random.Random(seed)
            broker = self.start(directory, port)
            self.read(port, 1)
            count = dice.randrange(EVENTS // 4, EVENTS)
            sent = file.read_text().splitlines()[:count]
            start = time.monotonic()
            subprocess.run(
                ["mosquitto_pub", "-p", str(port), "-l", "-q", "1", "-t", "bench"], check=True,
                input="\n".join(sent) + "\n", text=True,
            )
            verdict.rates.append(count / (time.monotonic() - start))
            broker.kill()
            broker.wait()
            broker = self.start(directory, port)
            found = [json.loads(line)["n"] - 1 for line in self.read(port, 2)]
            broker.kill()
            broker.wait()
            verdict.judge(range(count), found)


def measure(programs, table):
    file = lines(programs, EVENTS)
    table.title(
        f"Told that it is kept, then kill -9, {SEEDS} seeds; and what a power cut takes\n"
        "(twice: taken, and killed before it could say so, so the producer came again)"
    )
    form = "{:<40} {:>7} {:>7} {:>7} {:>10} {:>9}"
    print(form.format("", "lost", "twice", "order", "power cut", "events/s"))

    def show(name, kills, power):
        lost_by_power = "-" if power is None else power.lost + power.inversions
        print(form.format(
            name, kills.lost, kills.duplicates, kills.inversions, lost_by_power,
            round(median(kills.rates)),
        ), flush=True)
        table.rows.append({
            "what": name, "lost": kills.lost, "duplicates": kills.duplicates,
            "inversions": kills.inversions, "power_cut": lost_by_power,
        })
        return kills, power

    for subject in (
        Busbar(programs), PythonQueue("litequeue", "litequeue"),
        PythonQueue("ackqueue", "persist-queue SQLiteAckQueue"),
        PythonQueue("filequeue", "persist-queue file Queue"),
    ):
        kills, power = Verdict(), Verdict()
        kill_and_go_on(subject, file, range(SEEDS), kills)
        cut_power(subject, file, range(SEEDS // 2), power)
        show(subject.name, kills, power)
    for broker in (
        Mosquitto("mosquitto, as installed"),
        Mosquitto(
            "mosquitto, autosave each change", "autosave_interval 1", "autosave_on_changes true"),
    ):
        kills = Verdict()
        broker.kill_and_go_on(file, range(3), kills)
        show(broker.name, kills, None)
