"""What the board does when flash, RAM, clocks or its own program fail: P1 and P9 to P12 of the
specification's §6, on the unmodified firmware in the emulated Pico.
"""

import random
import unittest

import host
from blocks import Violation
from board import (
    FLAME_PIN, FLAME_STRAP, PERMIT_PIN, PERMIT_STRAP, Board, NoService, firmware)
from host import FAN, POWER, PUMP, SPARK, VALVE
from i2c_target import NoAnswer, Stretched
from image import BadImage

BURN = POWER | PUMP | VALVE


class Boot(unittest.TestCase):
    def expect_dead(self, board):
        """Nothing was ever driven, and nobody answers."""
        board.run(600)
        self.assertEqual([pins for _, pins in board.chip.changes if pins], [])
        self.assertFalse(board.chip.i2c.is_enabled)

    def expect_never_arms(self, board, bits):
        """It answers, says which test failed, and cannot be armed."""
        board.start()
        self.assertEqual(board.host.read(host.IDENTITY)[7], 0b111 & ~bits)
        board.host.arm()
        board.host.control(POWER)
        status = board.host.status()
        self.assertEqual((status.armed, status.self_test), (False, False))
        self.assertEqual(board.history(), [])

    def test_a_healthy_boot(self):
        board = Board().start()
        chip = board.chip
        self.assertTrue(chip.ssi.reads_flash, "boot2 left the flash interface otherwise")
        self.assertEqual(chip.ppb.vectors, 0x1000_0100)
        self.assertTrue(chip.watchdog.is_enabled)
        self.assertTrue(chip.blocks[0x4001_0000].reaches_relays)
        self.assertEqual(chip.faults, 0)
        self.assertLess(chip.elapsed, 300_000, "the Pi waits no longer for an answer")

    def test_damaged_boot2_is_refused_by_the_rom(self):
        for place in (0, 100, 251, 252, 255):
            content = bytearray(firmware())
            content[place] ^= 1
            with self.assertRaisesRegex(BadImage, "the boot ROM refuses boot2"):
                Board(bytes(content))

    def test_a_damaged_image_never_arms(self):
        """A bit flipped anywhere: it finds it, or it runs no more; no relay is driven in either."""
        source = random.Random(5)
        whole = firmware()
        found = silent = 0
        for _ in range(24):
            content = bytearray(whole)
            place = source.randrange(256, len(content))
            # Behind the image's end the file is padded: nothing there is ever run or read.
            content[place] ^= 1 << source.randrange(8)
            board = Board(bytes(content))
            try:
                board.start()
                passed = board.host.read(host.IDENTITY)[7] & 1
                if passed and place >= board.image_end(whole):
                    continue
                self.assertFalse(passed, f"byte {place:#x} is wrong and its CRC is not")
                board.host.arm()
                board.host.write(host.CONTROL, bytes([1, POWER, 0]))
                board.run(20)
                found += 1
            except (NoService, NoAnswer, Stretched, host.Damaged, Violation):
                # A program with a wrong bit in it may do anything but switch a relay on.
                silent += 1
            self.assertEqual(board.history(), [], f"byte {place:#x}")
        self.assertGreater(found, 5, f"{silent} images ran no more: the CRC was hardly tried")

    def test_flash_that_fails_in_operation(self):
        """P11: a bit that flips later is found by the check that never ends, and trips."""
        board = Board().start()
        board.energise(POWER)
        content = bytes([board.chip.memory(0x1000_0F00, 1)[0] ^ 4])
        for alias in (0x1100_0000, 0x1200_0000, 0x1300_0000):
            board.chip.core.mem_write(alias + 0xF00, content)
        board.beat(1_500, POWER)
        self.assertEqual((board.relays, board.host.status().cause), (0, "self-test"))

    def test_without_a_crystal(self):
        board = Board()
        board.chip.has_no_crystal = True
        self.expect_dead(board)

    def test_a_wrong_crystal(self):
        board = Board()
        board.chip.crystal_error = -900
        self.expect_never_arms(board, 0b100)

    def test_a_clock_that_changes_in_operation(self):
        for error in (-30, 30):
            with self.subTest(permille=error):
                board = Board().start()
                board.chip.step = 20
                board.energise(POWER)
                board.beat(200, POWER)
                self.assertEqual(board.relays, POWER)
                board.chip.core_error = error
                board.chip.run(60_000)
                self.assertEqual((board.relays, board.host.status().cause), (0, "self-test"))

    def test_a_stuck_bit_in_ram(self):
        for level in (0, 1):
            board = Board()
            board.chip.stick_ram(0x2000_1234, 5, level)
            self.expect_dead(board)

    def test_ram_without_a_fault_is_whatever_it_was(self):
        """The program reads nothing that it has not written: other rubbish, the same answers."""
        told = {bytes(Board(seed=seed).start().host.read(host.IDENTITY)) for seed in range(4)}
        self.assertEqual(len(told), 1)


class Core(unittest.TestCase):
    def setUp(self):
        self.board = Board().start()
        self.host, self.chip = self.board.host, self.board.chip

    def expect_reset(self, relays, since):
        """Dropped within the watchdog's 100 ms, and what came up says so and holds nothing."""
        dropped = self.board.time_of(0, since)
        self.assertIsNotNone(dropped, "the relays stayed on")
        self.assertLessEqual(dropped - since, 105_000)
        self.assertEqual(self.chip.resets, 1)
        self.board.start()
        status = self.host.status()
        self.assertEqual(status.reset_cause, "watchdog")
        self.assertEqual((status.armed, status.wanted, self.board.relays), (False, 0, 0))
        self.host.control(relays)
        self.assertEqual(self.host.status().refusal, "not armed")

    def test_a_hung_core(self):
        self.board.energise(BURN)
        boots, since = self.host.status().boots, self.chip.elapsed
        self.chip.hang()
        self.board.run(110)
        self.expect_reset(BURN, since)
        self.assertEqual(self.host.status().boots, boots + 1 & 0xFF)

    def test_a_bite_leaves_the_oscillators_running(self):
        """And CHIP_RESET says what it said before: it knows no watchdog (2.12.7)."""
        crystal = self.chip.crystal
        self.chip.hang()
        self.board.run(110)
        self.assertEqual(self.chip.resets, 1)
        self.assertIs(self.chip.crystal, crystal)
        self.assertEqual(self.chip.blocks[0x4006_4000].read(0x8), 1 << 8)

    def test_a_pass_that_is_not_whole(self):
        """P10: it goes round and does not feed, because one stage has left no mark."""
        self.board.energise(BURN)
        since = self.chip.elapsed
        self.chip.skips_a_stage = True
        self.board.run(110)
        self.expect_reset(BURN, since)

    def test_what_the_watchdog_cannot_see(self):
        """The limit of P10, on record: a core that does nothing but feed holds its relays. Then
        only K2 is left, whose monostable the Pi's permit line holds and this board does not."""
        self.board.energise(BURN)
        since = self.chip.elapsed
        # r0 = LOAD, r1 = 200 000: str r1, [r0]; b .-2
        self.chip.hang(b"\x01\x60\xFD\xE7", r0=0x4005_8004, r1=200_000)
        self.board.run(110)
        self.assertEqual((self.chip.resets, self.board.relays), (0, BURN))
        self.assertIsNone(self.board.time_of(0, since))

    def test_a_wild_jump(self):
        """A fault: relays off at once, then the watchdog."""
        self.board.energise(BURN)
        since = self.chip.elapsed
        self.chip.jump(0x6000_0000)
        self.board.run(1)
        self.assertEqual(self.board.relays, 0)
        self.assertLessEqual(self.board.time_of(0, since) - since, 1_000)
        self.board.run(110)
        self.expect_reset(BURN, since)

    def test_three_resets_in_ten_minutes_trip(self):
        for number in (1, 2, 3):
            self.assertFalse(self.host.status().tripped, f"before reset {number}")
            self.chip.hang()
            self.board.run(110)
            self.board.start()
        status = self.host.status()
        self.assertEqual((status.cause, self.chip.resets), ("watchdog", 3))

    def test_three_resets_in_more_than_ten_minutes_do_not(self):
        for number in (1, 2, 3):
            self.chip.hang()
            self.board.run(110)
            self.board.start()
            if number < 3:
                self.chip.step = 10_000
                self.board.run(305_000)
                self.chip.step = 20
        self.assertEqual((self.host.status().cause, self.chip.resets), ("none", 3))

    def test_a_pin_that_does_not_follow(self):
        """P9: 50 ms of another level trip; less do not."""
        self.board.energise(POWER | PUMP)
        self.board.stick(PUMP, False)
        self.board.run(40)
        self.assertTrue(self.host.status().mismatch)
        self.board.stick(PUMP, None)
        self.board.run(30)
        self.assertFalse(self.host.status().tripped)
        since = self.chip.elapsed
        self.board.stick(FAN, True)
        self.board.run(60)
        dropped = self.board.time_of(0, since)
        self.assertIsNotNone(dropped, "60 ms of a pin that does not follow, and no trip")
        self.assertTrue(49_900 <= dropped - since <= 50_200, f"{dropped - since} µs")
        self.assertEqual(self.host.status().cause, "read-back")


class WiredProofs(unittest.TestCase):
    """P12: with straps fitted, PERMIT and flame count at the board's own pins."""

    def board(self, strap):
        board = Board()
        board.chip.force(strap, False)
        return board.start()

    def edges(self, board, milliseconds, relays):
        level, end = False, board.chip.elapsed + 1_000 * milliseconds
        while board.chip.elapsed < end:
            level = not level
            board.chip.force(PERMIT_PIN, level)
            board.beat(100, relays)

    def test_permit_that_stops(self):
        board = self.board(PERMIT_STRAP)
        self.edges(board, 200, 0)
        board.energise(POWER | PUMP)
        self.edges(board, 600, POWER | PUMP)
        self.assertEqual(board.relays, POWER | PUMP)
        since = board.chip.elapsed
        board.beat(400, POWER | PUMP)
        dropped = board.time_of(0, since)
        self.assertIsNotNone(dropped, "it stayed on without PERMIT")
        self.assertLessEqual(dropped - since, 301_000)

    def test_permit_that_stands_still_at_either_level(self):
        for level in (False, True):
            board = self.board(PERMIT_STRAP)
            board.chip.force(PERMIT_PIN, level)
            board.beat(500, 0)
            board.host.arm()
            board.beat(500, POWER)
            self.assertEqual(board.relays, 0, f"held by a line that stands at {level}")

    def test_flame_that_is_lost(self):
        """The valve closes 1 000 ms later although the Pi says that it sees one."""
        board = self.board(FLAME_STRAP)
        board.energise(BURN)
        board.host.control(BURN | SPARK)
        board.chip.force(FLAME_PIN, True)
        board.beat(1_500, BURN)
        self.assertEqual(board.relays, BURN)
        board.chip.force(FLAME_PIN, False)
        since = board.chip.elapsed
        board.beat(950, BURN)
        self.assertEqual(board.relays, BURN)
        board.beat(150, BURN)
        closed = board.time_of(POWER | PUMP, since)
        self.assertIsNotNone(closed, "the valve stayed open without a flame")
        self.assertTrue(999_000 <= closed - since <= 1_001_000, closed - since)


if __name__ == "__main__":
    unittest.main(argv=[__file__, "--quiet"])
