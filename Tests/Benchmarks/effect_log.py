"""One partition as a consumer gets it: records as the bridge writes them, some of them twice, some
in each other's place, some dropped by their device and declared so, and rivals: another event with
the identity of one. And the oracle, who made it.
"""

import array
import collections
import hashlib
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
# Of the records, how many have a rival.
RIVALS = 0.01
# Of a lane, the numbers whose contents the recipe still knows.
KNOWN = 512

NUMBER = struct.Struct("=I")


def short_hash(value):
    return hashlib.sha256(value).digest()[:8]


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
        self.source = self.mapped()
        streams = self.by_device()
        self.dropped = self.declared = 0
        with open(self.records, "ab") as file:
            for number, stream in enumerate(streams):
                if number % 3 == 0:
                    self.drop(stream, file)
        # What was declared is in it now.
        self.source = self.mapped()
        order = self.interleaved(streams)
        with open(self.records, "ab") as file:
            order = self.contested(order, file)
        order = self.swapped(order)
        path.write_bytes(array.array("Q", self.repeated(order)).tobytes())
        self.log = EffectLog.open(path)
        self.expect(self.log)

    def mapped(self):
        with open(self.records, "rb") as file:
            return EffectLog(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), [])

    def by_device(self):
        """Places of the records of each device, in their order."""
        streams, place, size = collections.defaultdict(list), 0, len(self.source.memory)
        while place < size:
            streams[self.source.record(place).device].append(place)
            _, place = self.source.headers(place)
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
        self.write(file, lost.device, json.dumps(data).encode(), headers)
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

    def contested(self, order, file):
        """Puts in the rivals: some in the same call, or the next, and some after days. Each seventh
        event has two, and `repeated` has some of them twice."""
        rows = [(offset, 0, place) for offset, place in enumerate(order)]
        contested = self.dice.sample(range(len(order)), int(len(order) * RIVALS))
        for offset in [*contested, *contested[::7]]:
            reach = self.dice.choice([8, 300, 2_000, len(order)])
            rows.append((offset + self.dice.randrange(reach), 1, file.tell()))
            self.write_rival(order[offset], file)
        self.rivals = len(rows) - len(order)
        return [place for _, _, place in sorted(rows)]

    def write_rival(self, place, file):
        """As another device would have it that runs from the same card."""
        original = self.source.record(place)
        value = json.loads(original.value)
        value["bottom_mC"] = value.get("bottom_mC", 0) + self.dice.randrange(1, 2**40)
        headers, _ = self.source.headers(place)
        self.write(file, original.device, json.dumps(value).encode(), headers)

    @staticmethod
    def write(file, device, value, headers):
        file.write(sized(device.encode()) + sized(value) + NUMBER.pack(len(headers)))
        for name, content in headers.items():
            file.write(sized(name) + sized(content))

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
        # The value by identity and both hashes: of the collisions that have to be found; of those
        # where it depends on where a transaction begins; and of those that are too old.
        self.collisions, self.undecided, self.unjudged = {}, {}, {}
        first, newest = {}, collections.defaultdict(list)
        for offset, record in enumerate(log.read(0, len(log))):
            epoch, lane, number = record.id.split(":")
            seq = int(number)
            identity = (record.device, epoch, lane, seq)
            steps = newest[identity[:3]]
            if identity in first:
                if record.value != first[identity][1]:
                    self.expect_collision(identity, *first[identity], offset, record.value, steps)
                continue
            first[identity] = (offset, record.value)
            if not steps or seq > steps[-1][1]:
                steps.append((offset, seq))
            self.values[identity] = record.measured
            events, total = self.totals.get(record.device, (0, 0))
            self.totals[record.device] = (events + 1, total + record.measured)
        repeated = len(log) - len(self.values)
        if repeated != self.duplicates + self.rivals:
            raise SystemExit(
                f"bench: {repeated} records are there again, and not "
                f"{self.duplicates + self.rivals}")
        for key in self.collisions.keys() & self.unjudged.keys():
            del self.unjudged[key]
        if not self.collisions or not self.unjudged:
            raise SystemExit("bench: the rivals are all too late, or none is")

    def expect_collision(self, identity, first, taken, offset, value, steps):
        """`steps`: the offsets at which the newest number of the lane became another."""
        seq = identity[3]
        collision = {(*identity, short_hash(taken), short_hash(value)): value}
        if seq > steps[-1][1] - KNOWN:
            self.collisions |= collision
            return
        # What the lane had when the transaction began at the earliest.
        _, newest = max((step for step in steps if step[0] <= offset - BATCH), default=(0, 0))
        if first > offset - BATCH or seq > newest - KNOWN:
            self.undecided |= collision
        else:
            self.unjudged |= collision

    def judge(self, history, totals, collisions=None):
        """`history`: identity, value, and whether it was called late, in the order in which they
        were applied. `totals`: of each device the events and their sum. `collisions`: identity,
        the two hashes and the value, of who looks for them."""
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
        if collisions is not None:
            self.judge_collisions(verdict, collisions)
        return verdict

    def judge_collisions(self, verdict, collisions):
        noted = collections.Counter(collisions)
        verdict.unnoticed = sum(
            (*rival, value) not in noted for rival, value in self.collisions.items())
        possible = self.undecided | self.collisions
        verdict.false_alarms = sum(
            count - (possible.get(row[:-1]) == row[-1]) for row, count in noted.items())


class Verdict:
    """What is in the database against what must be there."""

    def __init__(self):
        self.lost = self.doubled = self.foreign = self.wrong_totals = 0
        self.out_of_order = self.unsaid = 0
        # Rivals that stand nowhere; and what stands there and is none, or is there again.
        self.unnoticed = self.false_alarms = 0

    def add(self, other):
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)

    @property
    def wrong(self):
        return (
            self.lost + self.doubled + self.foreign + self.wrong_totals + self.unnoticed
            + self.false_alarms)
