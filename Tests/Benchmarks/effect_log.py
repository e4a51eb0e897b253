"""One partition as a consumer gets it: records as the bridge writes them, some of them twice, some
in each other's place, some dropped by their device and declared so. And the oracle, who made it.
"""

import array
import collections
import json
import mmap
import pathlib
import random
import struct
import subprocess

# Records in a transaction.
BATCH = 500
# As the bridge writes them: a batch of one device after a batch of another.
PORTION = 256
DUPLICATES = 0.05
SWAPS = 0.02
# Numbers that each third device has dropped, in one gap.
DROPPED = 40

NUMBER = struct.Struct("=I")


def sized(piece):
    return NUMBER.pack(len(piece)) + piece


ID, TYPE = sized(b"ce_id"), sized(b"ce_type")


class Record:
    """Key, value, and of the headers those that a consumer asks for."""

    __slots__ = ("device", "id", "type", "value")

    @property
    def measured(self):
        """What the effect adds up; 0 where nothing was measured."""
        return json.loads(self.value).get("bottom_mC", 0)


class EffectLog:
    """Bytes of records, and their places in the order of the offsets."""

    def __init__(self, memory, places):
        self.memory, self.places = memory, places

    @classmethod
    def open(cls, path):
        path = pathlib.Path(path)
        places = array.array("Q")
        places.frombytes(path.read_bytes())
        with open(path.with_suffix(".records"), "rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), places)

    def __len__(self):
        return len(self.places)

    def read(self, first, end):
        return [self.record(place) for place in self.places[first:end]]

    def record(self, place):
        record = Record()
        key, place = self.piece(place)
        record.device = key.decode()
        record.value, place = self.piece(place)
        record.id, record.type = self.header(ID, place), self.header(TYPE, place)
        return record

    def header(self, name, place):
        """Each is in each record, so the next of that name is the record's own."""
        content, _ = self.piece(self.memory.find(name, place) + len(name))
        return content.decode()

    def headers(self, place):
        """All of them, and the place behind the record."""
        for _ in ("key", "value"):
            _, place = self.piece(place)
        (count,) = NUMBER.unpack_from(self.memory, place)
        place += NUMBER.size
        headers = {}
        for _ in range(count):
            name, place = self.piece(place)
            headers[name], place = self.piece(place)
        return headers, place

    def piece(self, place):
        (size,) = NUMBER.unpack_from(self.memory, place)
        first = place + NUMBER.size
        return self.memory[first : first + size], first + size


class Oracle:
    """Who knows what must be there in the end, because he has made the partition."""

    def __init__(self, programs, lines, path, events, seed):
        self.path, self.dice = path, random.Random(seed)
        self.records = path.with_suffix(".records")
        with open(self.records, "wb") as file:
            subprocess.run(
                [programs / "chain-bench", "records", lines, str(events)], check=True, stdout=file)
        streams = self.by_device()
        self.dropped = self.declared = 0
        with open(self.records, "ab") as file:
            for number, stream in enumerate(streams):
                if number % 3 == 0:
                    self.drop(stream, file)
        order = self.swapped(self.interleaved(streams))
        path.write_bytes(array.array("Q", self.repeated(order)).tobytes())
        self.log = EffectLog.open(path)
        self.expect(self.log)

    def by_device(self):
        """Places of the records of each device, in their order."""
        with open(self.records, "rb") as file:
            log = EffectLog(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), [])
        streams, place, size = collections.defaultdict(list), 0, len(log.memory)
        while place < size:
            streams[log.record(place).device].append(place)
            _, place = log.headers(place)
        self.source = log
        return list(streams.values())

    def drop(self, stream, file):
        """Takes a gap out, and puts in who declares it. Its first event was sent before it was
        dropped, and comes later than the word of its loss, which is in another lane."""
        first = self.dice.randrange(100, len(stream) - 2 * BATCH - 100)
        gap = stream[first : first + DROPPED]
        del stream[first : first + DROPPED]
        stream.insert(first + 20, file.tell())
        # In a later transaction.
        stream.insert(first + 20 + 2 * BATCH, gap[0])
        lost = self.source.record(gap[0])
        epoch, lane, seq = lost.id.split(":")
        data = {
            "lane": lane, "from": int(seq), "to": int(seq) + DROPPED - 1, "count": DROPPED,
            "bytes": 300 * DROPPED, "reason": "quota", "oldest_unix_ms": 1_780_000_000_000,
            "newest_unix_ms": 1_780_000_000_000,
        }
        headers, _ = self.source.headers(gap[0])
        headers |= {
            b"ce_id": f"{epoch}:alarm:1".encode(), b"ce_type": b"io.busbar.queue.dropped.v1",
            b"ce_source": headers[b"ce_source"].replace(lane.encode(), b"alarm"),
            b"ce_sequence": b"%020d" % 1,
        }
        file.write(sized(lost.device.encode()) + sized(json.dumps(data).encode()))
        file.write(NUMBER.pack(len(headers)))
        for name, content in headers.items():
            file.write(sized(name) + sized(content))
        self.declared += 1
        self.dropped += DROPPED - 1

    def interleaved(self, streams):
        rest = [list(reversed(stream)) for stream in streams]
        order = []
        while rest:
            stream = self.dice.choice(rest)
            for _ in range(min(PORTION, len(stream))):
                order.append(stream.pop())
            rest = [stream for stream in rest if stream]
        return order

    def swapped(self, order):
        """One with another that came up to seven places later."""
        self.swaps = int(len(order) * SWAPS)
        moved, done = set(), 0
        while done < self.swaps:
            first = self.dice.randrange(len(order) - 8)
            second = first + self.dice.randrange(1, 8)
            if first not in moved and second not in moved:
                order[first], order[second] = order[second], order[first]
                moved |= {first, second}
                done += 1
        return order

    def repeated(self, order):
        """Behind the first one up to 3,000 records, as after a time-out; one of ten much later, as
        after weeks."""
        self.duplicates = int(len(order) * DUPLICATES)
        rows = [(offset, 0, place) for offset, place in enumerate(order)]
        for number, offset in enumerate(self.dice.sample(range(len(order)), self.duplicates)):
            reach = len(order) if number % 10 == 0 else 3_000
            rows.append((offset + self.dice.randrange(reach), 1, order[offset]))
        return [place for _, _, place in sorted(rows)]

    def expect(self, log):
        self.values, self.totals = {}, {}
        for record in log.read(0, len(log)):
            epoch, lane, seq = record.id.split(":")
            identity = (record.device, epoch, lane, int(seq))
            if identity in self.values:
                continue
            self.values[identity] = record.measured
            events, total = self.totals.get(record.device, (0, 0))
            self.totals[record.device] = (events + 1, total + record.measured)
        repeated = len(log) - len(self.values)
        if repeated != self.duplicates:
            raise SystemExit(
                f"bench: {repeated} records are there again, and not {self.duplicates}")

    def judge(self, history, totals):
        """`history`: identity, value, and whether it was called late, in the order in which they
        were applied. `totals`: of each device the events and their sum."""
        found = collections.Counter(identity for identity, _, _ in history)
        verdict = Verdict()
        verdict.lost = sum(identity not in found for identity in self.values)
        verdict.doubled = sum(count - 1 for count in found.values())
        verdict.foreign = sum(
            self.values.get(identity) != value for identity, value, _ in history)
        verdict.wrong_totals = sum(
            self.totals.get(device) != totals.get(device)
            for device in self.totals.keys() | totals.keys())
        highest, applied = {}, set()
        for identity, _, is_late in history:
            if identity in applied:
                continue
            applied.add(identity)
            *lane, seq = identity
            is_behind = seq < highest.get(tuple(lane), 0)
            verdict.out_of_order += is_behind
            verdict.unsaid += is_late is not None and is_late != is_behind
            highest[tuple(lane)] = max(seq, highest.get(tuple(lane), 0))
        return verdict


class Verdict:
    """What is in the database against what must be there."""

    def __init__(self):
        self.lost = self.doubled = self.foreign = self.wrong_totals = 0
        self.out_of_order = self.unsaid = 0

    def add(self, other):
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)

    @property
    def wrong(self):
        return self.lost + self.doubled + self.foreign + self.wrong_totals
