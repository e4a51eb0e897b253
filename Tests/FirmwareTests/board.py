"""The relay board: a Pico with its wiring, and a host on its bus, ready for a test."""

import os
import pathlib

import host
import image
from rp2040 import Pico

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: What `make firmware` builds; FIRMWARE names another one.
UF2 = pathlib.Path(os.environ.get("FIRMWARE", ROOT / ".build/firmware/relay-board.uf2"))

#: GPIO of relay 0; the others follow. A high pin energises its relay.
FIRST_RELAY_PIN = 6
#: The reset button pulls this pin to ground.
RESET_PIN = 15
#: P12: a strap to ground says that the line beside it is wired.
PERMIT_PIN, FLAME_PIN, PERMIT_STRAP, FLAME_STRAP = 16, 17, 18, 19
#: µs between two looks at the clock in long waits: a pass of the loop then takes 0.5 ms.
COARSE = 100
#: µs from power-on until the board must answer, a sector of flash erased included.
START = 1_000_000


def firmware():
    return image.load(UF2)


class NoService(Exception):
    """The board did not come up, as one sentence."""


class Board:
    def __init__(self, content=None, **options):
        self.chip = Pico(content or firmware(), **options)
        self.host = host.Host(self.chip)

    # Time.

    def run(self, milliseconds):
        """Waits. In long waits the firmware looks at its clock five times less often: a look is
        what the emulator's time is spent on."""
        fine = self.chip.step
        if milliseconds >= 100:
            self.chip.step = max(fine, COARSE)
        self.chip.run(round(milliseconds * 1_000))
        self.chip.step = fine

    def start(self):
        """Lets the board boot until it answers.

        - Raises: NoService when it does not.
        """
        self.chip.run(START, until=lambda: self.chip.i2c.is_enabled)
        if not self.chip.i2c.is_enabled:
            raise NoService(f"the board does not serve within {START // 1_000} ms")
        self.run(2)
        return self

    @staticmethod
    def image_end(content):
        """Offset in the flash behind the last byte that the image's CRC covers: it is in a header
        behind the 48 vectors."""
        return int.from_bytes(content[0x1C0:0x1C4], "little") - 0x1000_0000

    # Wires.

    @staticmethod
    def relays_of(pins):
        return pins >> FIRST_RELAY_PIN & 0xFF

    @property
    def relays(self):
        return self.relays_of(self.chip.driven)

    def history(self, since=0):
        """(µs, relays) of each change of a relay from SINCE on."""
        changes, last = [], 0
        for time, pins in self.chip.changes:
            relays = self.relays_of(pins)
            if relays != last and time >= since:
                changes.append((time, relays))
            last = relays
        return changes

    def time_of(self, relays, since):
        """µs of the first change to RELAYS from SINCE on, or None."""
        return next((time for time, mask in self.history(since) if mask == relays), None)

    def stick(self, relay, level):
        for bit in range(8):
            if relay == 1 << bit:
                self.chip.force(FIRST_RELAY_PIN + bit, level)

    def press(self, milliseconds):
        """Presses the reset button for so long, and lets it go for long enough to count."""
        self.hold()
        self.run(milliseconds)
        self.let_go()
        self.run(250)

    def hold(self):
        self.chip.force(RESET_PIN, False)

    def let_go(self):
        self.chip.force(RESET_PIN, None)

    # A host that lives.

    def beat(self, milliseconds, relays, proves=True, period=100):
        """Renews the lease every PERIOD ms and holds RELAYS, as the daemon does."""
        end = self.chip.elapsed + round(milliseconds * 1_000)
        while self.chip.elapsed < end:
            began = self.chip.elapsed
            self.host.control(relays, proves=proves)
            rest = min(began + period * 1_000, end) - self.chip.elapsed
            self.chip.run(max(0, rest))

    def energise(self, relays, proves=True):
        """Arms the board and holds RELAYS, power and pump first as the interlock does."""
        self.host.arm()
        self.host.control(relays & (host.POWER | host.PUMP), proves=proves)
        self.host.control(relays, proves=proves)
        assert self.relays == relays, f"relays {self.relays:#x} instead of {relays:#x}"
