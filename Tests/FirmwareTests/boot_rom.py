"""The parts of the RP2040's boot ROM that the firmware meets: the check of the second stage, and
the functions that erase and program the flash, found through the ROM's own table.

Numbers in brackets are sections of the RP2040 data sheet.
"""

import random
import struct

from blocks import Violation
from image import BadImage, FLASH, STAGE_2, stage_2_checksum

SECTOR = 4_096
PAGE = 256
SIZE = 16 * 1_024
#: µs for a sector and for a page: the most that the data sheet of the Pico's W25Q16JV allows (AC
#: electrical characteristics); 45 ms and 0.4 ms are typical.
ERASE_TIME, PROGRAM_TIME = 400_000, 3_000

#: Where the table's functions stand in this ROM. The real ones are elsewhere and may move: only the
#: table is a promise (2.8.3).
FUNCTIONS = {
    b"IF": 0x100, b"EX": 0x108, b"RE": 0x110, b"RP": 0x118, b"FC": 0x120, b"CX": 0x128,
}
LOOK_UP = 0x80
TABLE, DATA_TABLE = 0x200, 0x240


class PowerLost(Exception):
    """The supply failed where the test had said."""


class Flash:
    """A chip of 2 MB that keeps its content without power. `dies_after` counts the bytes that may
    still be erased or programmed before the supply fails; what was under way is then half done."""

    LENGTH = 2 << 20

    def __init__(self, content=b"", seed=1):
        self.content = bytearray(content.ljust(self.LENGTH, b"\xFF"))
        self.random = random.Random(seed)
        self.dies_after = None
        self.erased = {}
        self.programmed = 0

    def _spend(self, count):
        """How many of COUNT bytes the supply lasts for."""
        if self.dies_after is None:
            return count
        done = min(count, self.dies_after)
        self.dies_after -= done
        return done

    def erase(self, offset, count):
        if offset % SECTOR or count % SECTOR or offset + count > self.LENGTH:
            raise Violation(f"{count} bytes from {offset:#x} are no whole sectors (2.8.3.1.3)")
        for start in range(offset, offset + count, SECTOR):
            self.erased[start] = self.erased.get(start, 0) + 1
            done = self._spend(SECTOR)
            if done == SECTOR:
                self.content[start:start + SECTOR] = b"\xFF" * SECTOR
                continue
            # Cells let go of their charge at different times: bits rise in any order.
            for place in range(start, start + SECTOR):
                if self.random.randrange(SECTOR) < done:
                    self.content[place] |= self.random.randrange(256)
            raise PowerLost(f"while sector {start:#x} was erased")

    def program(self, offset, data):
        if offset % PAGE or len(data) % PAGE or offset + len(data) > self.LENGTH:
            raise Violation(f"{len(data)} bytes to {offset:#x} are no whole pages (2.8.3.1.3)")
        done = self._spend(len(data))
        for place, byte in enumerate(data[:done], offset):
            # Programming only clears bits.
            self.content[place] &= byte
        self.programmed += done
        if done < len(data):
            # The byte under way has got some of its zeros.
            self.content[offset + done] &= data[done] | self.random.randrange(256)
            raise PowerLost(f"while {offset:#x} was programmed, after {done} bytes")


def content():
    """16 KB: magic and the pointers at 0x10 (2.8.3), the table, and a `bx lr` in each function's
    place. What a function does is done by `BootROM.call` when the core comes to it."""
    rom = bytearray(SIZE)
    rom[0x10:0x14] = b"Mu\x01\x02"
    rom[0x14:0x1A] = struct.pack("<3H", TABLE, DATA_TABLE, LOOK_UP | 1)
    place = TABLE
    for code, address in FUNCTIONS.items():
        rom[place:place + 4] = code + struct.pack("<H", address | 1)
        place += 4
    for address in (LOOK_UP, *FUNCTIONS.values()):
        rom[address:address + 2] = struct.pack("<H", 0x4770)
    return bytes(rom)


def second_stage(flash):
    """2.8.1.3: the first 252 bytes of the flash, if the four bytes after them are their checksum.

    - Raises: BadImage; the real ROM then waits for a new image over USB, and no pin is driven.
    """
    stage = bytes(flash.content[:STAGE_2])
    (found,) = struct.unpack("<I", flash.content[STAGE_2:STAGE_2 + 4])
    wanted = stage_2_checksum(stage)
    if found != wanted:
        raise BadImage(f"the boot ROM refuses boot2: its checksum is {found:#x}, not {wanted:#x}")
    return stage


class BootROM:
    """The flash functions of 2.8.3.1.3, in the order that they demand."""

    def __init__(self, chip):
        self.chip = chip
        self.names = {address: code.decode() for code, address in FUNCTIONS.items()}
        # A connected interface, and whether flash answers at its addresses.
        self.is_connected = False
        self.is_mapped = True
        # Until the cache is flushed, CSn is forced and the SSI reaches no flash.
        self.is_flushed = True
        self.calls = []

    def call(self, address, arguments, caller):
        """- Returns: what stands in r0 after it."""
        if address == LOOK_UP:
            table, code = arguments[:2]
            if table != TABLE:
                raise Violation(f"the ROM was asked for the table at {table:#x}, not {TABLE:#x}")
            return FUNCTIONS.get(struct.pack("<H", code & 0xFFFF), -1) + 1
        name = self.names[address]
        self.calls.append(name)
        in_flash = FLASH <= caller < FLASH + 0x400_0000
        if in_flash and name in ("EX", "RE", "RP", "FC"):
            raise Violation(f"{name} was called from flash ({caller:#x}), which it switches off")
        getattr(self, f"_{name}")(*arguments)
        return 0

    def _IF(self, *_):
        self.is_connected = True

    def _EX(self, *_):
        if not self.is_connected:
            raise Violation("flash_exit_xip before connect_internal_flash")
        self.is_mapped = self.is_flushed = False
        self.chip.map_flash(False)
        self.chip.ssi.hand_over()

    def _RE(self, offset, count, block, command):
        self._expect_serial("flash_range_erase")
        self.chip.pass_flash_time(ERASE_TIME * (count // SECTOR))
        self.chip.flash.erase(offset, count)

    def _RP(self, offset, source, count, _):
        self._expect_serial("flash_range_program")
        self.chip.pass_flash_time(PROGRAM_TIME * (count // PAGE))
        self.chip.flash.program(offset, self.chip.memory(source, count))

    def _FC(self, *_):
        self._expect_serial("flash_flush_cache")
        self.is_flushed = True

    def _CX(self, *_):
        self.map()

    def map(self):
        """The flash answers at its addresses: after flash_enter_cmd_xip, or a boot2 run again."""
        if self.is_mapped:
            return
        if not self.is_flushed:
            raise Violation("XIP before flash_flush_cache: CSn is still forced (2.8.3.1.3)")
        self.is_mapped = True
        self.chip.map_flash(True)

    def _expect_serial(self, name):
        if self.is_mapped:
            raise Violation(f"{name} before flash_exit_xip")
