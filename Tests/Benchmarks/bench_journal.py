"""What it costs to make an event durable: Busbar's journal, the same in C, and PyPI's queues."""

from bench_table import HERE, PYTHON, answer, fresh, lines, median, peer

EVENTS = 50_000
ROUNDS = 5
# An event that is put by itself costs each of PyPI's queues about a sync.
SINGLE_EVENTS = 2_000


def journal(programs, file, group):
    return answer(programs / "chain-bench", "journal", fresh("journal"), file, group)


def plain_c(file, group):
    program = peer("sqlite_queue", "sqlite3")
    return answer(program, fresh("sqlite") / "queue.sqlite3", file, group)


def python(verb, kind, file, *group):
    return answer(PYTHON, HERE / "Peers/python_queues.py", verb, kind, fresh(kind), file, *group)


def rate(run):
    return run["events"] / run["seconds"]


def size(run):
    return run["bytes"] / run["events"]


def measure(programs, table):
    many, few = lines(programs, EVENTS), lines(programs, SINGLE_EVENTS)
    # In turns: what else the machine does then meets both.
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(plain_c(many, 32))
        ours.append(journal(programs, many, 32))
    table.title("Durable events of 300 bytes, 32 in a commit, every commit synced")
    table.row("busbar's journal", median(map(rate, ours)), "events/s")
    table.row("the same transactions in C with SQLite", median(map(rate, theirs)), "events/s")
    # The pairs ran one after the other: the ratio of each pair is steadier than that of medians.
    ratio = median(rate(a) / rate(b) for a, b in zip(ours, theirs))
    table.row("busbar, of what C does", ratio, "", least=0.9)
    for name, runs in (("busbar", ours), ("C with SQLite", theirs)):
        spent = median(run["cpu_seconds"] / run["events"] * 1e6 for run in runs)
        table.row(f"processor time, {name}", spent, "us/event")
    table.row("bytes written, busbar", median(map(size, ours)), "bytes/event", most=1_300)
    table.row("bytes written, C with SQLite", median(map(size, theirs)), "bytes/event")

    table.title("The same, one by one, as alarms are and as PyPI's queues do it")
    single = journal(programs, few, 1)
    table.row("busbar's journal, one in a commit", rate(single), "events/s")
    table.row("  bytes written", size(single), "bytes/event")
    smallest = None
    for kind, name in (
        ("litequeue", "litequeue put (no sync)"),
        ("ackqueue", "persist-queue SQLiteAckQueue put"),
        ("filequeue", "persist-queue file Queue put (no sync)"),
    ):
        run = python("put", kind, few, 1)
        table.row(name, rate(run), "events/s")
        table.row("  bytes written", size(run), "bytes/event")
        if kind != "filequeue":
            smallest = min(smallest or size(run), size(run))
    run = python("put", "litequeue", few, 32)
    table.row("litequeue, 32 in a transaction (no sync)", rate(run), "events/s")
    table.row("  bytes written", size(run), "bytes/event")
    table.row(
        "PyPI's SQLite queues write, of busbar's at 32", smallest / median(map(size, ours)),
        "times", least=5,
    )
