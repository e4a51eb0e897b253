"""What a card sees of an event in the end: stored, acknowledged, reclaimed.

Bytes and syncs are counted, because they repeat from run to run; times do not. Busbar's rates are
those of a virtual clock, for it collects by time; what its peers write does not depend on the rate.
"""

import time

from bench_journal import SINGLE_EVENTS
from bench_table import HERE, OUTPUT, PYTHON, answer, fresh, lines
from brokers import Mosquitto, Rsyslog, find, free_port
from synced_disk import traced

# 32 GB that take each cell 1,000 times, and a third of it worn by the file system's own writing;
# chosen as an example.
CARD_TERABYTES = 20
EVENTS = 100_000
# The slower rates commit each event by itself, and show after a fifth what they show in the end.
SLOW_EVENTS = 20_000


class Syncs:
    """Counts a program's syncs, and those of its threads."""

    def __init__(self):
        self.file = OUTPUT / "card.strace"

    def before(self):
        return ["strace", "-f", "-qq", "-c", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o",
                self.file]

    def count(self):
        rows = [line.split() for line in self.file.read_text().splitlines()]
        self.file.unlink()
        return sum(int(row[3]) for row in rows if row and row[-1] in ("fsync", "fdatasync"))


def bytes_in(directory):
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def measure(programs, table):
    few = lines(programs, SINGLE_EVENTS)
    table.title(
        f"Stored, acknowledged, reclaimed: what a card that takes {CARD_TERABYTES} TB sees of it")

    def show(name, events, written, syncs, left, per_second):
        table.row(name, written / events, "bytes/event")
        table.row("  syncs", syncs / events, "per event")
        table.row("  the files afterwards", left >> 10, "KiB")
        years = CARD_TERABYTES * 1e12 / (written / events * per_second * 86_400 * 365)
        table.row(f"  the card lasts, at {per_second} a second", years, "years")

    for per_second in (1, 10, 100):
        events = EVENTS if per_second == 100 else SLOW_EVENTS
        syncs, directory = Syncs(), fresh("life")
        run = answer(*syncs.before(), programs / "chain-bench", "life", directory,
                     lines(programs, events), per_second)
        show(f"busbar at {per_second} events a second", events, run["bytes"], syncs.count(),
             bytes_in(directory), per_second)
    for kind, name in (
        ("litequeue", "litequeue"), ("ackqueue", "persist-queue SQLiteAckQueue"),
        ("filequeue", "persist-queue file Queue"),
    ):
        syncs, directory = Syncs(), fresh(kind)
        run = answer(
            *syncs.before(), PYTHON, HERE / "Peers/python_queues.py", "life", kind, directory, few)
        show(name, SINGLE_EVENTS, run["bytes"], syncs.count(), bytes_in(directory), 1)
    for server in (
        Mosquitto("mosquitto, autosave each change", "max_queued_messages 0", "autosave_interval 1",
                  "autosave_on_changes true"), Rsyslog(),
    ):
        if find(server.program) and server.is_here():
            show(server.name, *life_of(server, few.read_text().splitlines()), 1)
        else:
            print(f"{server.name}: not measured: {server.program} is not installed", flush=True)


def life_of(server, sent):
    """Into a server and out of it again, some at a time."""
    syncs, directory, port = Syncs(), fresh("life"), free_port()
    process = server.start(directory, port, syncs.before())
    server.prepare(port)
    before = written_by(process)
    for first in range(0, len(sent), server.depth):
        part = sent[first : first + server.depth]
        server.put(part, port)
        found = server.read(port, len(part))
        if len(found) < len(part):
            raise SystemExit(f"bench: {server.name} gave back {len(found)} of {len(part)}")
    # What it writes a second later, too.
    time.sleep(3)
    written = written_by(process) - before
    server.end(process)
    return len(sent), written, syncs.count(), bytes_in(directory)


def written_by(process):
    with open(f"/proc/{traced(process.pid)}/io") as rows:
        for row in rows:
            if row.startswith("write_bytes:"):
                return int(row.split()[1])
    raise SystemExit("bench: the kernel counts no bytes")
