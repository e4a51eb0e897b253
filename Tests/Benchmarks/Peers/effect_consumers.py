"""Consumers of one partition that put each event's effect into PostgreSQL, each with its own way to
take it once.

    effect_consumers.py KIND FOLDER LOG BACK [OFFSET STEP]

FOLDER has the sockets of PostgreSQL and Redis, LOG is what `effect_log.py` made. It begins BACK
records before the offset that the database has. In the transaction that has the record OFFSET it
kills itself at STEP, as `kill -9` does. After each transaction it prints the next offset, how many
records it has taken, and the seconds since its start.
"""

import json
import os
import pathlib
import signal
import sys
import time

import psycopg
import redis
from psycopg.types.json import Jsonb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from effect_log import BATCH, EffectLog

GAP_TYPES = ("io.busbar.queue.dropped.v1", "io.busbar.queue.skipped.v1")


class Recipe:
    """board/broker/effect-once.sql, as its first lines say."""

    def __init__(self, cursor, memory):
        self.cursor = cursor

    def take(self, records):
        """Places of the records whose effect is to be, and whether they are late."""
        self.cursor.execute(
            "SELECT place - 1, is_late FROM busbar.take(%s, %s, %b)",
            [[record.device for record in records], [record.id for record in records],
             [record.value for record in records]])
        taken = self.cursor.fetchall()
        for place, _ in taken:
            if records[place].type in GAP_TYPES:
                self.note_gap(records[place])
        return taken

    def note_gap(self, record):
        self.cursor.execute(
            "SELECT busbar.note_gap(%s, %s, %s)",
            [record.device, record.id, Jsonb(json.loads(record.value))])

    def committed(self):
        pass


class IDTable(Recipe):
    """A row for each event, in the same transaction."""

    def take(self, records):
        self.cursor.execute(
            "INSERT INTO ids SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING RETURNING id",
            [[record.id for record in records]])
        return first_places(records, {id for (id,) in self.cursor})


class RedisFirst(Recipe):
    """SETNX tells what is new; then the effect."""

    def __init__(self, cursor, memory):
        self.memory = memory

    def take(self, records):
        pipeline = self.memory.pipeline(transaction=False)
        for record in records:
            pipeline.setnx(record.id, 1)
        return [(place, None) for place, is_new in enumerate(pipeline.execute()) if is_new]


class RedisLast(RedisFirst):
    """The effect, and when it is committed, SETNX."""

    def take(self, records):
        pipeline = self.memory.pipeline(transaction=False)
        for record in records:
            pipeline.exists(record.id)
        self.ids = {
            record.id for record, is_known in zip(records, pipeline.execute()) if not is_known}
        return first_places(records, set(self.ids))

    def committed(self):
        pipeline = self.memory.pipeline(transaction=False)
        for id in self.ids:
            pipeline.setnx(id, 1)
        pipeline.execute()


class Everything(Recipe):
    """Wrong on purpose: no two records are the same event to it."""

    def take(self, records):
        return [(place, None) for place in range(len(records))]


class HighestNumber(Recipe):
    """Wrong on purpose: what is below the highest number was seen, it says."""

    def take(self, records):
        taken = []
        for place, record in enumerate(records):
            _, lane, seq = record.id.split(":")
            self.cursor.execute(
                "INSERT INTO highest VALUES (%s, %s, %s) ON CONFLICT (device, lane) "
                "DO UPDATE SET seq = excluded.seq WHERE highest.seq < excluded.seq RETURNING 1",
                [record.device, lane, int(seq)])
            if self.cursor.fetchone():
                taken.append((place, None))
        return taken


class GapsAreSeen(Recipe):
    """Wrong on purpose: what was declared to be dropped is not taken when it comes after all."""

    def note_gap(self, record):
        super().note_gap(record)
        self.cursor.execute("UPDATE busbar.lanes SET seen = seen + gaps")


KINDS = {
    "recipe": Recipe, "ids": IDTable, "redis-first": RedisFirst, "redis-last": RedisLast,
    "everything": Everything, "highest": HighestNumber, "gaps-are-seen": GapsAreSeen,
}


def first_places(records, new_ids):
    """Of each new id the first record; `new_ids` is empty then."""
    places = []
    for place, record in enumerate(records):
        if record.id in new_ids:
            new_ids.remove(record.id)
            places.append((place, None))
    return places


class Doom:
    """Where a life ends by itself."""

    def __init__(self, words):
        self.offset, self.step = (int(words[0]), words[1]) if words else (None, None)

    def awaits(self, step, offset):
        return step == self.step and self.offset < offset + BATCH

    def reach(self, step, offset):
        if self.awaits(step, offset):
            os.kill(os.getpid(), signal.SIGKILL)


def apply(cursor, records, taken):
    """A row of history, and sums that a repeated or a missing record makes wrong."""
    rows = []
    for place, is_late in taken:
        record = records[place]
        epoch, lane, seq = record.id.split(":")
        rows.append((record.device, epoch, lane, int(seq), record.measured, is_late))
    columns = [list(column) for column in zip(*rows)] or [[]] * 6
    cursor.execute(
        "INSERT INTO history (device, epoch, lane, seq, value, is_late) SELECT * FROM "
        "unnest(%s::text[], %s::uuid[], %s::text[], %s::bigint[], %s::bigint[], %s::bool[])",
        columns)
    cursor.execute(
        "INSERT INTO totals SELECT device, count(*), sum(value) "
        "FROM unnest(%s::text[], %s::bigint[]) AS effect (device, value) "
        "GROUP BY device ORDER BY device ON CONFLICT (device) DO UPDATE "
        "SET events = totals.events + excluded.events, total = totals.total + excluded.total",
        [columns[0], columns[4]])


def consume(connection, consumer, log, offset, doom):
    start, taken_records = time.monotonic(), 0
    cursor = connection.cursor()
    print(offset, 0, 0, flush=True)
    while offset < len(log):
        records = log.read(offset, offset + BATCH)
        doom.reach("read", offset)
        taken = consumer.take(records)
        doom.reach("taken", offset)
        apply(cursor, records, taken)
        following = offset + len(records)
        cursor.execute(
            "SELECT busbar.go_on_at('bench', 'busbar.telemetry.v1', 0, %s)", [following])
        doom.reach("applied", offset)
        if doom.awaits("committing", offset):
            # It is asked for, and nobody is there for the answer.
            connection.pgconn.send_query(b"COMMIT")
            connection.pgconn.flush()
        doom.reach("committing", offset)
        connection.commit()
        doom.reach("committed", offset)
        consumer.committed()
        offset = following
        taken_records += len(records)
        print(offset, taken_records, time.monotonic() - start, flush=True)


def main():
    kind, folder, path, back = sys.argv[1:5]
    doom = Doom(sys.argv[5:])
    with psycopg.connect(f"host={folder} user=bench dbname=postgres") as connection:
        memory = redis.Redis(unix_socket_path=f"{folder}/redis.sock")
        cursor = connection.cursor()
        cursor.execute("SELECT next_offset FROM busbar.offsets")
        row = cursor.fetchone()
        connection.commit()
        offset = max(0, (row[0] if row else 0) - int(back))
        consume(connection, KINDS[kind](cursor, memory), EffectLog.open(path), offset, doom)


if __name__ == "__main__":
    main()
