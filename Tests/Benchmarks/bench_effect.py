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
from effect_log import BATCH, Oracle, Verdict

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

    def __init__(self, kind, databases, oracle):
        self.kind, self.databases, self.oracle = kind, databases, oracle
        self.name = SIDES.get(kind, kind)
        self.verdict, self.rates, self.dedup_bytes, self.log_bytes = Verdict(), [], [], []
        self.missing = 0

    def run(self, kills):
        self.databases.empty()
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
            if self.kind == "recipe":
                self.missing += connection.execute(
                    "SELECT count(*) FROM busbar.missing").fetchone()[0]
        history = [((*row[:4],), row[4], row[5]) for row in rows]
        return history, {device: (events, int(total)) for device, events, total in totals}

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
        table = "ids" if self.kind == "ids" else "busbar.lanes"
        return self.number("SELECT pg_total_relation_size(%s)", table)


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
    for what, verdict in (
        ("without a kill", Side("recipe", databases, oracle).run([])),
        ("for two consumers at once", Side("recipe", databases, oracle).run_two()),
    ):
        if verdict.wrong:
            raise SystemExit(f"bench: {what} effect-once.sql is wrong: {vars(verdict)}")


def refuse_strangers(databases):
    """One of them among others is named, and nothing of its transaction stays."""
    databases.empty()
    with databases.connect() as connection:
        for key, id in STRANGERS:
            keys, ids = ["heater-1", key], [f"{EPOCH}:alarm:7", id]
            try:
                connection.execute(
                    "SELECT busbar.take(%s::text[], %s::text[])", [keys, ids])
                found = "nothing"
            except psycopg.errors.RaiseException as refusal:
                found = refusal.diag.message_primary
            shown = ["NULL" if word is None else f"'{word}'" for word in (key, id)]
            expected = (
                f"busbar.take: found key {shown[0]} with ce_id {shown[1]}; "
                "expected is EPOCH:LANE:NUMBER")
            if found != expected:
                raise SystemExit(f"bench: expected is \"{expected}\", found is \"{found}\"")
        (rows,) = connection.execute("SELECT count(*) FROM busbar.lanes").fetchone()
    if rows:
        raise SystemExit(f"bench: a transaction that was refused has left {rows} rows")


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
        f"{oracle.swaps} swaps, {oracle.declared} gaps declared.\n"
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
