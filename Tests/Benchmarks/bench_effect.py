"""Effect once: what is in PostgreSQL in the end, when records come twice and in each other's place
and the consumer is killed 20 times, against who knows what must be there.

Ours is the file that an operator of a cluster loads, `board/broker/effect-once.sql`. The others
have its offset in the transaction too, so that it is the way to know a record again that differs.
"""

import os
import random
import signal
import subprocess
import time

import psycopg

from bench_table import HERE, OUTPUT, PYTHON, lines, median, until
from databases import Databases
from effect_log import BATCH, KNOWN, Oracle, Verdict, short_hash

EVENTS = 200_000
ROUNDS = 3
KILLS = 20
# Of those, half at a step of a transaction, in which the consumer kills itself, and half from
# outside, somewhere in a transaction.
STEPS = ["read", "taken", "applied", "committing", "committed"]
SIDES = {
    "recipe": "busbar's effect-once.sql",
    "ids": "a row for each id",
    "redis-first": "Redis SETNX, then the commit",
    "redis-last": "the commit, then Redis SETNX",
}
# Of the oracle's teeth: who is wrong, and what of a verdict must show it.
WRONG = {
    "everything": ("doubled", "wrong_totals", "out_of_order"),
    "highest": ("lost", "wrong_totals"),
    "gaps-are-seen": ("lost", "wrong_totals"),
}

# The same of the recipe itself: what of it is replaced, by what.
BROKEN = {
    "nothing is compared": ("hash <> taken_hash", "false", "unnoticed"),
    "no hash is kept": ("WHERE seq > newest - 512", "WHERE false", "unnoticed"),
    "rivals in one call pass": (
        "first_value(hash) OVER (PARTITION BY device, epoch, lane, seq ORDER BY place)", "hash",
        "unnoticed"),
    "the last of a call is taken": (
        "ORDER BY device, epoch, lane, seq, place", "ORDER BY device, epoch, lane, seq, place DESC",
        "foreign"),
    "of older numbers any hash will do": ("seq >= upper(seen) - 512", "true", "false_alarms"),
    "the hash of the number before": (
        "(seq % 64)::integer * 8 + 1", "((seq + 63) % 64)::integer * 8 + 1", "false_alarms"),
    "a collision each time it comes": (
        "PRIMARY KEY (device, epoch, lane, seq, hash)", "CHECK (true)", "false_alarms"),
}

EPOCH = "00000000000000010000000000000abc"
# What is in no record of Busbar's: key and ce_id.
STRANGERS = [
    ("heater-1", None), (None, f"{EPOCH}:alarm:1"), ("heater-1", ""), ("heater-1", "1:alarm:1"),
    ("heater-1", f"{EPOCH}:log:1"), ("heater-1", f"{EPOCH}:alarm:"),
    ("heater-1", f"{EPOCH}:alarm:0"), ("heater-1", f"{EPOCH}:alarm:{2**63}"),
]


class Kill:
    """Where a life ends, and how many records before the last commit the next one begins: somebody
    who has lost his partition may have to go back."""

    def __init__(self, offset, step, dice):
        self.offset, self.step = offset, step
        # Of a transaction, as long as the last one took.
        self.delay = dice.random()
        self.back = dice.choice([0, dice.randrange(4 * BATCH)])


def kills(seed, records):
    dice = random.Random(seed)
    steps = [*STEPS * (KILLS // 2 // len(STEPS)), *[None] * (KILLS // 2)]
    dice.shuffle(steps)
    # The last ones would be late for a consumer that is just done.
    offsets = sorted(dice.sample(range(BATCH, records - 10 * BATCH), KILLS))
    return [Kill(offset, step, dice) for offset, step in zip(offsets, steps)]


class Side:
    """One way to take each once, and what became of it."""

    def __init__(self, kind, databases, oracle, broken=None):
        self.kind, self.databases, self.oracle = kind, databases, oracle
        self.broken = broken
        self.name = SIDES.get(kind, kind)
        self.verdict, self.rates, self.dedup_bytes, self.log_bytes = Verdict(), [], [], []
        self.missing = 0

    def run(self, kills):
        self.databases.empty(self.broken)
        before, memory = self.log_position(), self.kept_bytes()
        back, taken, seconds = 0, 0, 0.0
        for kill in [*kills, None]:
            life = self.live(back, kill)
            taken, seconds = taken + life[0], seconds + life[1]
            back = kill.back if kill else 0
        verdict = self.oracle.judge(*self.state())
        self.verdict.add(verdict)
        self.rates.append(taken / seconds)
        million = 1_000_000 / len(self.oracle.values)
        self.log_bytes.append((self.log_position() - before) / taken)
        self.dedup_bytes.append((self.kept_bytes() - memory) * million)
        return verdict

    def run_two(self):
        """Two consumers that both have the partition, as for a moment when it changes hands."""
        self.databases.empty()
        with self.databases.connect() as connection:
            connection.cursor().executemany(
                "INSERT INTO busbar.lanes (device, epoch, lane) VALUES (%s, %s, %s)",
                sorted({identity[:3] for identity in self.oracle.values}))
        with self.databases.connect() as connection, connection.transaction():
            # Both come as far as the first lock, with the same records, and then go on at once.
            connection.execute("SELECT FROM busbar.lanes FOR UPDATE")
            consumers = [self.start(0) for _ in range(2)]
            until("two consumers wait", 20, lambda: 2 == self.number(
                "SELECT count(*) FROM pg_locks WHERE NOT granted"))
        for consumer in consumers:
            consumer.communicate()
            if consumer.returncode:
                raise SystemExit(f"bench: one of two consumers ended with {consumer.returncode}")
        return self.oracle.judge(*self.state())

    def start(self, back, *doom):
        command = [
            PYTHON, HERE / "Peers/effect_consumers.py", self.kind, self.databases.folder,
            self.oracle.path, back, *doom]
        return subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, text=True)

    def live(self, back, kill):
        """Runs a consumer until it is killed or done. Returns the records that it took, and the
        seconds of that."""
        process = self.start(back, *([kill.offset, kill.step] if kill and kill.step else []))
        taken, seconds = 0, 0.0
        for line in process.stdout:
            words = line.split()
            offset, before = int(words[0]), seconds
            taken, seconds = int(words[1]), float(words[2])
            if kill and not kill.step and offset + BATCH > kill.offset:
                # Before its first transaction is done nobody knows how long one takes.
                time.sleep(kill.delay * (seconds - before or 0.02))
                os.kill(process.pid, signal.SIGKILL)
                break
        process.stdout.close()
        status = process.wait()
        if status != (-signal.SIGKILL if kill else 0):
            raise SystemExit(
                f"bench: {self.name}: ended with {status} and not "
                f"{'by the kill' if kill else 'well'}")
        return taken, seconds

    def state(self):
        with self.databases.connect() as connection:
            rows = connection.execute(
                "SELECT device, replace(epoch::text, '-', ''), lane, seq, value, is_late "
                "FROM history ORDER BY position").fetchall()
            totals = connection.execute("SELECT device, events, total FROM totals").fetchall()
            collisions = None
            if self.kind == "recipe":
                collisions = connection.execute(
                    "SELECT device, replace(epoch::text, '-', ''), lane, seq, taken_hash, hash, "
                    "value FROM busbar.collisions").fetchall()
                self.missing += connection.execute(
                    "SELECT count(*) FROM busbar.missing").fetchone()[0]
        history = [((*row[:4],), row[4], row[5]) for row in rows]
        totals = {device: (events, int(total)) for device, events, total in totals}
        return history, totals, collisions

    def number(self, question, *words):
        with self.databases.connect() as connection:
            return int(connection.execute(question, words).fetchone()[0])

    def log_position(self):
        """Bytes that PostgreSQL has written ahead, since ever."""
        return self.number("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")

    def kept_bytes(self):
        """To know an event again: a table with its index, or Redis's memory."""
        if self.kind.startswith("redis"):
            return self.databases.memory().info("memory")["used_memory"]
        tables = ["ids"] if self.kind == "ids" else ["busbar.lanes", "busbar.hashes"]
        return sum(
            self.number("SELECT pg_total_relation_size(%s)", table) for table in tables)


def prove_it_bites(databases, oracle):
    """The oracle has to see what each wrong consumer does, and nothing where all is right."""
    if oracle.judge([(("nobody", EPOCH, "alarm", 1), 0, None)], {}).foreign != 1:
        raise SystemExit("bench: the oracle does not see an effect of what never was")
    for kind, faults in WRONG.items():
        verdict = Side(kind, databases, oracle).run([])
        for fault in faults:
            if not getattr(verdict, fault):
                raise SystemExit(f"bench: the oracle does not see that \"{kind}\" has {fault}")
        print(f"  the oracle sees \"{kind}\": {verdict.lost} lost, {verdict.doubled} doubled, "
              f"{verdict.out_of_order} out of order", flush=True)
    # After each of these some transactions come again as a whole.
    again = [Kill(offset, "committed", random.Random(0)) for offset in (1_500, 2_500, 3_500, 4_500)]
    for kill in again:
        kill.back = 3 * BATCH
    for name, (piece, other, fault) in BROKEN.items():
        verdict = Side("recipe", databases, oracle, (piece, other)).run(again)
        if not getattr(verdict, fault):
            raise SystemExit(f"bench: the oracle does not see that \"{name}\" has {fault}")
        print(f"  the oracle sees \"{name}\": {verdict.unnoticed} unnoticed, "
              f"{verdict.false_alarms} false, {verdict.foreign} of the other", flush=True)
    for what, verdict in (
        ("without a kill", Side("recipe", databases, oracle).run([])),
        ("with a few kills", Side("recipe", databases, oracle).run(again)),
        ("for two consumers at once", Side("recipe", databases, oracle).run_two()),
    ):
        if verdict.wrong:
            raise SystemExit(f"bench: {what} effect-once.sql is wrong: {vars(verdict)}")


def take(connection, keys, ids, values):
    """The places taken, and the text of the error, or of the warnings."""
    told = []
    connection.add_notice_handler(lambda notice: told.append(notice.message_primary))
    try:
        rows = connection.execute(
            "SELECT place FROM busbar.take(%s::text[], %s::text[], %s::bytea[])",
            [keys, ids, values]).fetchall()
    except psycopg.errors.RaiseException as refusal:
        return [], [refusal.diag.message_primary]
    return [place for (place,) in rows], told


def expect(what, found, expected):
    if found != expected:
        raise SystemExit(f"bench: {what}: expected is {expected}, found is {found}")


def refuse_strangers(databases):
    """One of them among others is named, and nothing of its transaction stays."""
    databases.empty()
    known = ("heater-1", f"{EPOCH}:alarm:7")
    for key, id in STRANGERS:
        shown = ["NULL" if word is None else f"'{word}'" for word in (key, id)]
        refuse(
            databases, [known[0], key], [known[1], id], [b"{}"] * 2,
            f"busbar.take: found key {shown[0]} with ce_id {shown[1]}; "
            "expected is EPOCH:LANE:NUMBER")
    refuse(
        databases, [known[0]] * 2, [f"{EPOCH}:alarm:6", known[1]], [b"{}", None],
        f"busbar.take: found key '{known[0]}' with ce_id '{known[1]}' and NULL as its value; "
        "each event has one")
    for counts, arrays in (
        ("2 keys, 1 ids and 1 values", ([known[0]] * 2, [known[1]], [b"{}"])),
        ("1 keys, 2 ids and 1 values", ([known[0]], [known[1]] * 2, [b"{}"])),
        ("1 keys, 1 ids and 2 values", ([known[0]], [known[1]], [b"{}"] * 2)),
        ("1 keys, 1 ids and 0 values", ([known[0]], [known[1]], None)),
    ):
        refuse(
            databases, *arrays, f"busbar.take: found {counts}; give all three of each record")


def refuse(databases, keys, ids, values, text):
    with databases.connect() as connection:
        expect("a refusal", take(connection, keys, ids, values), ([], [text]))
        (rows,) = connection.execute("SELECT count(*) FROM busbar.lanes").fetchone()
        expect("rows left by what was refused", rows, 0)


def tell_rivals(databases):
    """At the edge of what is known, in one call, and when they come again."""
    databases.empty()
    newest = KNOWN + 88
    sample = [(number, b"{}") for number in range(1, newest + 1)]
    for what, records, places, found, example in (
        ("all new", sample, [*range(1, newest + 1)], 0, 0),
        ("all again", sample, [], 0, 0),
        ("the oldest that is known", [(89, b"1")], [], 1, 89),
        ("the next older", [(88, b"1")], [], 0, 0),
        ("one that was noted", [(89, b"1")], [], 0, 0),
        ("a third content", [(89, b"2"), (89, b"2")], [], 1, 89),
        ("three in one call", [(900, b"1"), (900, b"2"), (900, b"1")], [1], 1, 900),
        ("what lay in the place of another", [(900 - KNOWN, b"{}")], [], 0, 0),
        ("what is known no more", [(900 - KNOWN, b"1"), (89, b"3")], [], 0, 0),
        ("the oldest that is known now", [(601, b"{}"), (601, b"")], [1], 1, 601),
    ):
        warnings = [
            f"busbar.take: found {found} collisions, for example key 'heater-1' with ce_id "
            f"'{EPOCH}:alarm:{example}': seen with another value, so not taken, but kept in "
            "busbar.collisions"] if found else []
        with databases.connect() as connection:
            expect(what, take(
                connection, ["heater-1"] * len(records),
                [f"{EPOCH}:alarm:{number}" for number, _ in records],
                [value for _, value in records]), (places, warnings))
    with databases.connect() as connection:
        expect("collisions", connection.execute(
            "SELECT seq, value, taken_hash, hash FROM busbar.collisions ORDER BY seq, value"
        ).fetchall(), [
            (seq, value, short_hash(taken), short_hash(value)) for seq, taken, value in (
                (89, b"{}", b"1"), (89, b"{}", b"2"), (601, b"{}", b""), (900, b"1", b"2"))])


def show(table, sides):
    form = "{:<32} {:>9} {:>6} {:>8} {:>7} {:>8} {:>12} {:>9}"
    print(form.format(
        "", "effects", "lost", "doubled", "order", "rows/s", "bytes/M", "log/row"), flush=True)
    for side in sides:
        verdict = side.verdict
        print(form.format(
            side.name, len(side.oracle.values) * len(side.rates), verdict.lost, verdict.doubled,
            verdict.out_of_order, round(median(side.rates)), round(median(side.dedup_bytes)),
            round(median(side.log_bytes)),
        ), flush=True)
        table.rows.append({
            "what": side.name, "rates": side.rates, "rate": median(side.rates),
            "dedup_bytes_per_million": median(side.dedup_bytes),
            "log_bytes_per_row": median(side.log_bytes), **vars(verdict),
        })


def measure(programs, table):
    databases = Databases()
    try:
        table.versions |= databases.versions()
        compare(programs, table, databases)
    finally:
        databases.stop()


def compare(programs, table, databases):
    source = lines(programs, 50_000)
    refuse_strangers(databases)
    tell_rivals(databases)
    table.title("The oracle's teeth")
    prove_it_bites(
        databases, Oracle(programs, source, OUTPUT / "effect-small.log", 5_000, seed=0))
    oracle = Oracle(programs, source, OUTPUT / "effect.log", EVENTS, seed=1)
    kinds = [kind for kind in SIDES if databases.redis or not kind.startswith("redis")]
    sides = [Side(kind, databases, oracle) for kind in kinds]
    for seed in range(ROUNDS):
        plan = kills(seed, len(oracle.log))
        # Each is the first once.
        for side in sides[seed % len(sides) :] + sides[: seed % len(sides)]:
            side.run(plan)
    table.title(
        f"{len(oracle.log)} records of {EVENTS} events: {oracle.duplicates} twice, "
        f"{oracle.swaps} swaps, {oracle.declared} gaps declared,\n{oracle.rivals} rivals: "
        f"{len(oracle.collisions)} have to be found, {len(oracle.unjudged)} came too late for it.\n"
        f"{KILLS} kills -9 each with the seeds 0 to {ROUNDS - 1}, which replay; the state in "
        f"PostgreSQL against the oracle's.\n(bytes/M: kept to know a million events again, at "
        "this size; busbar's grows with lanes alone.\n log/row: PostgreSQL's WAL, with the effect)"
    )
    show(table, sides)
    if not databases.redis:
        print("Redis: not measured: redis-server is not installed", flush=True)
    judge(table, {side.kind: side for side in sides})
    for name in ("effect", "effect-small"):
        for suffix in (".log", ".records"):
            (OUTPUT / name).with_suffix(suffix).unlink()


def judge(table, sides):
    ours, ids = sides["recipe"], sides["ids"]
    table.row("busbar: lost, doubled, foreign, or a wrong sum", ours.verdict.wrong, "", most=0)
    table.row("busbar: rivals that are noted nowhere", ours.verdict.unnoticed, "", most=0)
    table.row("busbar: collisions that are none, or twice", ours.verdict.false_alarms, "", most=0)
    table.row("busbar: out of order and not called late", ours.verdict.unsaid, "", most=0)
    table.row("busbar: ranges that nobody accounts for", ours.missing, "", most=0)
    table.row(
        "busbar: rows/s, of the id table's", median(ours.rates) / median(ids.rates), "")
    table.row(
        "a row for each id: times the bytes that busbar keeps",
        median(ids.dedup_bytes) / median(ours.dedup_bytes), "")
    # Kills that hit nothing would make every side look sound.
    for kind, fault in (("redis-first", "lost"), ("redis-last", "doubled")):
        if kind in sides and not getattr(sides[kind].verdict, fault):
            raise SystemExit(
                f"bench: {SIDES[kind]}: nothing was {fault}: the kills came at no moment that "
                "matters")
