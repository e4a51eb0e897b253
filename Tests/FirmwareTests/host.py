"""The Pi's end of the bus: SMBus block transfers with PEC, as the register map demands.

Written from the table in Sources/RelayBoard/RegisterMap.swift and the SMBus specification 3.x, not
from the code that the daemon and the firmware share.
"""

import collections

from i2c_target import STOP_DET, NoAnswer  # noqa: F401, the error is for those who catch it

ADDRESS = 0x43
IDENTITY, STATUS, CONTROL, CONFIGURE, ARM, TRIP, COUNTERS = range(7)
LENGTHS = {IDENTITY: 8, STATUS: 16, COUNTERS: 8}
ARM_KEY, TRIP_KEY = b"\x41\x52", b"\x54\x50"

POWER, PUMP, VALVE, SPARK, ELEMENT, DEMAND, FAN, SPARE = (1 << bit for bit in range(8))
HEAT = VALVE | ELEMENT | DEMAND

REFUSALS = (
    "none", "unknown register", "wrong length", "wrong key", "not armed", "tripped",
    "repeated heartbeat", "forbidden mask", "lease out of range", "spark resting", "heat resting",
    "no local reset", "self-test failed",
)
TRIPS = (
    "none", "host", "lease with heat", "unproven", "heat too long", "read-back", "watchdog",
    "self-test",
)
RESETS = ("power-on", "watchdog", "forced")

Status = collections.namedtuple(
    "Status",
    "armed leased expired tripped mismatch local_reset self_test rested wanted actual heartbeat "
    "cause on_at_trip reset_cause boots clock refusal refused lease")
Counters = collections.namedtuple("Counters", "pec refused expiries trips")


class Damaged(Exception):
    """A reply whose PEC or byte count is wrong."""


def pec(content):
    """SMBus 3.x, 6.4: x⁸+x²+x+1, begun with 0."""
    code = 0
    for byte in content:
        code ^= byte
        for _ in range(8):
            code = (code << 1 ^ (0x107 if code & 0x80 else 0)) & 0x1FF
    return code


def proof_for(number):
    return 0x80 | number ^ 0x43


class Host:
    def __init__(self, chip, address=ADDRESS, patience=10_000):
        self.chip = chip
        self.address = address
        #: µs that it waits for a board that holds SCL low.
        self.patience = patience
        self.number = 0

    # Transfers.

    def raw_write(self, content):
        """Bytes as they are: START, address, CONTENT, STOP."""
        bus = self.chip.i2c
        bus.start(self.address, reads=False, limit=self.patience)
        for byte in content:
            bus.send(byte, self.patience)
        self._stop()

    def _stop(self):
        """STOP, and until the firmware has taken it and made one more pass of its loop."""
        bus = self.chip.i2c
        bus.stop()
        self.chip.run(10_000, until=lambda: not bus.raw & STOP_DET)
        self.chip.run(6 * self.chip.step)

    def write(self, register, content, damage=0):
        block = bytes([register, len(content), *content])
        code = pec(bytes([self.address << 1]) + block)
        self.raw_write(block + bytes([code ^ damage]))

    def raw_read(self, register, count):
        """START, address, REGISTER, repeated START, COUNT bytes, STOP."""
        bus = self.chip.i2c
        bus.start(self.address, reads=False, limit=self.patience)
        bus.send(register, self.patience)
        bus.start(self.address, reads=True, limit=self.patience)
        reply = bytes(
            bus.receive(self.patience, is_last=place == count - 1) for place in range(count))
        self._stop()
        return reply

    def read(self, register):
        """The block's content, of a length that is known beforehand: the Pi 4's controller cannot
        read a block whose length comes with it.

        - Raises: Damaged.
        """
        length = LENGTHS.get(register, 0)
        reply = self.raw_read(register, length + 2)
        if reply[0] != length:
            raise Damaged(f"register {register:#x}: {reply[0]} bytes instead of {length}")
        told = bytes([self.address << 1, register, self.address << 1 | 1]) + reply[:-1]
        if pec(told) != reply[-1]:
            raise Damaged(f"register {register:#x}: PEC {reply[-1]:#x} instead of {pec(told):#x}")
        return reply[1:-1]

    # What the daemon does.

    def status(self):
        block = self.read(STATUS)
        flags = [bool(block[0] & 1 << bit) for bit in range(8)]
        return Status(
            *flags, block[1], block[2], block[3], TRIPS[block[4]], block[5], RESETS[block[6]],
            block[7], int.from_bytes(block[8:12], "little"), REFUSALS[block[12]], block[13],
            int.from_bytes(block[14:16], "little"))

    def counters(self):
        block = self.read(COUNTERS)
        return Counters(*(int.from_bytes(block[at:at + 2], "little") for at in (0, 2, 4, 6)))

    def control(self, relays, number=None, proves=True, damage=0):
        """One heartbeat. Without a NUMBER the next one, which counts on if it is accepted."""
        self.number = self.status().heartbeat if number is None else self.number
        given = (self.number + 1) & 0xFF if number is None else number
        token = proof_for(given) if proves else 0
        self.write(CONTROL, bytes([given, relays, token]), damage)

    def configure(self, lease, profile=1, last=0):
        self.write(CONFIGURE, bytes([profile]) + lease.to_bytes(2, "little") + bytes([last]))

    def arm(self):
        self.write(ARM, ARM_KEY)

    def trip(self):
        self.write(TRIP, TRIP_KEY)
