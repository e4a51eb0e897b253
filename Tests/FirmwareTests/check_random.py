"""300 random transactions and pauses, on the firmware and on the rules in rules.py side by side.

After each transaction everything that the board says must be what the rules say. What comes at
random: masks, heartbeats that follow, repeat or jump, proofs, damage, keys, lengths, registers that
do not exist, leases in and out of range, pauses from nothing to 12 s.
"""

import random
import sys
import time

import host
from board import Board
from rules import Rules

TRANSACTIONS = 300
#: µs before a deadline in which nothing is begun: a write and the two reads that compare take 15 ms
#: at this step. And after it, because the firmware looks at its clock once a pass.
BEFORE, AFTER = 25_000, 2_000
MASKS = (
    0, host.POWER, host.POWER | host.PUMP, host.POWER | host.PUMP | host.VALVE,
    host.POWER | host.PUMP | host.VALVE | host.SPARK, host.POWER | host.PUMP | host.ELEMENT,
    host.POWER | host.PUMP | host.DEMAND, host.PUMP | host.FAN, host.SPARE,
)


class Pair:
    """The board and the rules, with the same things done to both."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.board = Board(seed=seed).start()
        self.board.chip.step = 50
        self.rules = Rules()
        self.kinds = {}

    @property
    def now(self):
        return self.board.chip.elapsed

    def pause(self, milliseconds):
        """Waits, and then until no deadline is near."""
        if milliseconds > 20:
            # Nothing is compared meanwhile: the clock may be looked at less often.
            self.board.chip.step = 300
            self.board.run(milliseconds)
            self.board.chip.step = 50
        while True:
            self.rules.advance(self.now)
            due = self.rules.next_change()
            near = due is not None and due - self.now < BEFORE
            if not near:
                return
            self.board.run((due - self.now + AFTER) / 1_000)

    def write(self, kind, register, content, damage=0, count=None):
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.board.run(1)
        frame = bytes([register, len(content) if count is None else count, *content])
        frame += bytes([host.pec(bytes([host.ADDRESS << 1]) + frame) ^ damage])
        self.board.host.raw_write(frame)
        self.rules.advance(self.now)
        self.rules.write(frame)

    def step(self):
        random = self.random
        kind = random.choices(
            ("control", "arm", "configure", "trip", "noise"), (70, 14, 8, 2, 6))[0]
        getattr(self, f"_{kind}")()
        if random.random() < 0.8:
            self.pause(random.choice((0, 20, 50, 100, 100, 200)))
        else:
            self.pause(random.choice((300, 600, 1_100, 2_000, 5_200, 12_000)))

    def _control(self):
        random, rules = self.random, self.rules
        number = rules.heartbeat + random.choices((1, 0, 2, 77), (85, 7, 4, 4))[0] & 0xFF
        mask = random.choice(MASKS) if random.random() < 0.85 else random.randrange(256)
        if random.random() < 0.5:
            mask = rules.wanted
        token = host.proof_for(number) if random.random() < 0.8 else random.randrange(256)
        damage = random.randrange(1, 256) if random.random() < 0.04 else 0
        self.write("control", host.CONTROL, bytes([number, mask, token]), damage)

    def _arm(self):
        key = host.ARM_KEY if self.random.random() < 0.9 else self.random.randbytes(2)
        self.write("arm", host.ARM, key)

    def _configure(self):
        lease = self.random.choice((0, 299, 300, 400, 500, 999, 1_000, 1_001, 2_500, 65_535))
        profile, last = self.random.choice(((1, 0), (1, 0), (1, 0), (2, 0), (1, 1)))
        content = bytes([profile]) + lease.to_bytes(2, "little") + bytes([last])
        self.write("configure", host.CONFIGURE, content)

    def _trip(self):
        key = host.TRIP_KEY if self.random.random() < 0.6 else self.random.randbytes(2)
        self.write("trip", host.TRIP, key)
        if self.rules.cause != "none":
            self._reset_at_the_site()

    def _reset_at_the_site(self):
        """A tripped board refuses everything: without a reset most of the run would say nothing."""
        self.pause(300)
        self.board.press(1_200)
        self.pause(0)
        self.board.run(1)
        self.board.host.arm()
        self.rules.advance(self.now)
        frame = bytes([host.ARM, 2]) + host.ARM_KEY
        frame += bytes([host.pec(bytes([host.ADDRESS << 1]) + frame)])
        self.rules.write(frame, local_reset=True)

    def _noise(self):
        random = self.random
        register = random.randrange(256)
        content = random.randbytes(random.randrange(0, 9))
        count = random.choice((None, None, random.randrange(256)))
        damage = random.choice((0, 0, 1 << random.randrange(8)))
        self.write("noise", register, content, damage, count)

    def differences(self):
        """What the board says and what the rules say, where the two differ."""
        status = self.board.host.status()
        self.rules.advance(self.now)
        expected = self.rules.expected()
        found = {name: getattr(status, name) for name in expected}
        found["relays"], expected["relays"] = self.board.relays, self.rules.wanted
        counters = self.board.host.counters()
        found["counters"] = tuple(counters)
        expected["counters"] = (
            self.rules.pec_errors, self.rules.refused, self.rules.expiries, self.rules.trips)
        return {
            name: (found[name], expected[name]) for name in found if found[name] != expected[name]
        }


def run(seed):
    pair = Pair(seed)
    causes, relays = set(), 0
    pair.pause(300)
    for number in range(TRANSACTIONS):
        pair.step()
        wrong = pair.differences()
        causes.add(pair.rules.cause)
        relays += len(pair.board.history()) > 0
        if wrong:
            for name, (found, expected) in wrong.items():
                print(f"seed {seed}, transaction {number}: {name} is {found}, not {expected}")
            return False
        if pair.rules.cause not in ("none", "host") or (
                pair.rules.cause == "host" and pair.random.random() < 0.3):
            pair._reset_at_the_site()
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(pair.kinds.items()))
    print(
        f"seed {seed}: {kinds}; refused {pair.rules.refused}, damaged {pair.rules.pec_errors}, "
        f"trips {pair.rules.trips} ({', '.join(sorted(causes))}), relays moved "
        f"{len(pair.board.history())} times in {pair.now / 1e6:.0f} s")
    # A run in which nothing moved or tripped would prove little.
    return len(pair.board.history()) > 20 and pair.rules.trips >= 2 and pair.rules.expiries >= 2


def main():
    began = time.monotonic()
    seeds = [int(word) for word in sys.argv[1:]] or [20261121]
    passed = all([run(seed) for seed in seeds])
    print(f"random transactions: {'as the rules say' if passed else 'WRONG'}, "
          f"{time.monotonic() - began:.0f} s")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
