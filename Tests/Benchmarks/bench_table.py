"""The table that `make bench` prints, and what all its parts need."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
# On the disk that the build is on: what is measured must not be a disk in memory.
OUTPUT = ROOT / ".build/bench"
PYTHON = ROOT / ".build/venv/bin/python"

sys.path.insert(0, str(ROOT / "Tests/SystemTests"))


class Table:
    """Rows for people, printed as they come, and the same as JSON for the next reader."""

    def __init__(self, part):
        self.part = part
        self.rows = []
        # Of what only this part runs.
        self.versions = {}

    def title(self, text):
        print(f"\n{text}", flush=True)

    def row(self, what, found, unit, least=None, most=None):
        """One number, with its limit where there is one."""
        limit = least if least is not None else most
        verdict, shown = "", ""
        if limit is not None:
            is_within = found >= limit if least is not None else found <= limit
            verdict = "within" if is_within else "OVER"
            shown = f"{'at least' if least is not None else 'at most':<9}{number(limit):>9}"
        line = f"{what:<52} {number(found):>10} {unit:<12} {shown:<19} {verdict}"
        print(line.rstrip(), flush=True)
        if verdict == "OVER":
            # `.ci/bench` ends with these.
            with open(OUTPUT / "missed", "a") as file:
                file.write(f"{self.part}: {what.strip()}: {number(found)} {unit}, {shown}\n")
        self.rows.append({"what": what, "found": found, "unit": unit, "limit": limit})

    def save(self):
        (OUTPUT / f"{self.part}.json").write_text(
            json.dumps({"rows": self.rows, "versions": versions() | self.versions}, indent=1)
        )


def number(value):
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


def versions():
    import sqlite3
    from importlib.metadata import version

    broker = subprocess.run(
        [mosquitto_program(), "-h"], capture_output=True, text=True
    ).stdout.splitlines()
    return {
        "cpu": processor(), "cores": os.cpu_count(), "sqlite": sqlite3.sqlite_version,
        "mosquitto": broker[0] if broker else "?",
        "persist-queue": version("persist-queue"), "litequeue": version("litequeue"),
    }


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":")[1].strip()
    return "?"


def mosquitto_program():
    # Debian puts it into /usr/sbin, which is not on every user's path.
    return shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")


def fresh(name):
    directory = OUTPUT / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def answer(*command):
    """The JSON that a program prints about itself."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"bench: {command[0]} failed: {result.stderr.strip()}")
    return json.loads(result.stdout)


def peer(name, *libraries):
    """A peer written in C, compiled."""
    program = OUTPUT / name
    source = HERE / f"Peers/{name}.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        libraries = [f"-l{library}" for library in libraries]
        subprocess.run(["cc", "-O2", "-Wall", "-o", program, source, *libraries], check=True)
    return program


def lines(programs, count):
    """The file with the events of all benchmarks, cut to `count` lines."""
    path = OUTPUT / f"events-{count}.txt"
    if not path.exists():
        with open(path, "w") as file:
            subprocess.run(
                [programs / "chain-bench", "payloads", str(count)], check=True, stdout=file)
    return path


def median(samples):
    return statistics.median(samples)


def until(what, seconds, condition, pause=0.02):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(pause)
    raise SystemExit(f"bench: not within {seconds} s: {what}")


def resident_kib(process, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise SystemExit(f"bench: process {process.pid} is gone")


def processor_seconds(process):
    words = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
