"""What the tests on the virtual board share: rules that are counted, the world's log, the board."""

import collections
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "board/virtual"))

Line = collections.namedtuple("Line", "at words")


class Judge:
    """Counts what held and prints what did not."""

    def __init__(self):
        self.held = 0
        self.broken = []

    def that(self, rule, is_so, found):
        if is_so:
            self.held += 1
            return
        self.broken.append(rule)
        print(f"BROKEN: {rule}; found {found}", flush=True)

    def equal(self, rule, found, wanted):
        self.that(rule, found == wanted, f"{found!r}, not {wanted!r}")

    def within(self, rule, found, least, most, unit="ms"):
        self.that(f"{rule}: {least} to {most} {unit}", found is not None and least <= found <= most,
                  f"{found} {unit}")


class WorldLog:
    """What happened in the world, in the order in which it was found.

    Times are CLOCK_MONOTONIC of the guest in µs.
    """

    def __init__(self, path):
        self.path = path
        #: Bytes to pass over: what a guest wrote that was then set back to an earlier time.
        self.begin = 0

    def lines(self):
        lines = []
        for line in self.path.read_bytes()[self.begin:].decode().splitlines():
            at, _, words = line.partition(" ")
            if at.isdigit():
                lines.append(Line(int(at), words))
        return lines

    def since(self, mark):
        """What came behind the last `mark MARK`."""
        lines = self.lines()
        places = [
            number for number, line in enumerate(lines) if line.words == f"command mark {mark}"]
        if not places:
            raise AssertionError(f"the world was never told \"mark {mark}\": {self.path}")
        return Lines(lines[places[-1]:])


class Lines(list):
    """A part of the world's log."""

    def named(self, start):
        return [line for line in self if line.words.startswith(start)]

    def first(self, start):
        """When this was first; nil if it was not."""
        return next((line.at for line in self if line.words.startswith(start)), None)

    def last(self, start):
        return next((line.at for line in reversed(self) if line.words.startswith(start)), None)


def milliseconds(start, end):
    """From one time of the log to another, or nil where one is missing."""
    return None if start is None or end is None else (end - start) / 1_000


def pec(data):
    """SMBus's packet error code: CRC-8, polynomial 0x07. Made here anew, to be independent."""
    code = 0
    for byte in data:
        code ^= byte
        for _ in range(8):
            code = (code << 1) ^ (0x107 if code & 0x80 else 0)
    return code


ADDRESS = 0x43


def block_write(register, *content):
    """The words for i2ctransfer that write a block to the relay board."""
    data = [register, len(content), *content]
    data.append(pec([ADDRESS << 1, *data]))
    return f"i2ctransfer -y 1 w{len(data)}@{ADDRESS:#x} " + " ".join(f"{byte:#x}" for byte in data)


def block_read(register, length):
    return f"i2ctransfer -y 1 w1@{ADDRESS:#x} {register:#x} r{length + 2}"


def block(register, printed):
    """The content of what `block_read` printed; nil if its PEC is wrong."""
    data = [int(word, 16) for word in printed.split()]
    if pec([ADDRESS << 1, register, ADDRESS << 1 | 1, *data]) != 0 or data[0] != len(data) - 2:
        return None
    return data[1:-1]
