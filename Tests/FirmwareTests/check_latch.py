"""P3 of the specification's §6: tripped is cleared by the button at the site, and by nothing else:
not by a reset, not by a loss of power at any moment, not by a log that is full. On the unmodified
firmware in the emulated Pico.
"""

import struct
import unittest

import host
from board import Board, firmware
from host import FAN, POWER, PUMP, VALVE
from image import stage_2_checksum

BURN = POWER | PUMP | VALVE
#: Where the log is, and what a record of it is: the table in Sources/RelayBoard/TripLog.swift.
LOG, RECORD = 0x1F_E000, 16


class Latch(unittest.TestCase):
    """P3: tripped is cleared by the button at the site, and by nothing else."""

    def tripped(self, **options):
        board = Board(**options).start()
        board.run(300)
        board.energise(POWER | FAN)
        board.host.trip()
        board.run(20)
        return board

    def expect_tripped(self, board, why):
        status = board.host.status()
        self.assertTrue(status.tripped, f"not tripped after {why}")
        board.host.arm()
        board.host.control(POWER)
        self.assertEqual(board.relays, 0, why)
        self.assertEqual(board.host.status().refusal, "tripped", why)
        return status

    def reset_at_the_site(self, board):
        board.run(300)
        board.press(1_200)
        board.host.arm()
        board.run(20)
        self.assertFalse(board.host.status().tripped, "the button did not reset it")

    def test_through_a_watchdog_reset(self):
        board = self.tripped()
        board.chip.hang()
        board.run(110)
        status = self.expect_tripped(board.start(), "a watchdog reset")
        self.assertEqual((status.cause, status.on_at_trip), ("host", POWER | FAN))

    def test_through_the_run_pin(self):
        board = self.tripped()
        board.chip.run_pin()
        self.expect_tripped(board.start(), "a reset by RUN")

    def test_through_a_power_cycle(self):
        board = self.tripped()
        board.chip.power_off()
        board.chip.power_on()
        status = self.expect_tripped(board.start(), "a power cycle")
        self.assertEqual((status.cause, status.on_at_trip), ("host", POWER | FAN))
        self.assertEqual(status.reset_cause, "power-on")

    def test_a_reset_at_the_site_lasts(self):
        board = self.tripped()
        self.reset_at_the_site(board)
        board.chip.power_off()
        board.chip.power_on()
        self.assertFalse(board.start().host.status().tripped, "the reset was forgotten")

    def test_a_lease_that_ends_with_heat_lasts(self):
        """The Pi dies with the burner on, and then the power fails."""
        board = Board().start()
        board.energise(BURN)
        board.run(600)
        board.chip.power_off()
        board.chip.power_on()
        self.assertEqual(self.expect_tripped(board.start(), "both").cause, "lease with heat")

    def power_fails(self, board, act, after, why):
        """Does ACT and lets the supply last for AFTER bytes of flash."""
        board.chip.flash.dies_after = after
        act()
        board.run(20)
        was_cut = not board.chip.is_on
        if was_cut:
            self.assertEqual(board.relays, 0)
        board.chip.power_off()
        board.chip.flash.dies_after = None
        board.chip.power_on()
        board.start()
        self.assertEqual(board.host.read(host.IDENTITY)[7], 0b111, why)
        return was_cut

    def test_power_lost_while_a_trip_is_written(self):
        """Whatever was written of it: tripped. Nothing written: the relays were off before."""
        cuts = 0
        for after in (*range(1, 20), 40, 255, 256):
            board = Board(seed=after).start()
            board.energise(POWER)
            why = f"power lost after {after} bytes of the trip's record"
            cuts += self.power_fails(board, board.host.trip, after, why)
            self.expect_tripped(board, why)
        self.assertGreater(cuts, 10, "the power was hardly ever lost in the midst of it")

    def test_power_lost_while_a_reset_is_written(self):
        """Tripped, unless the whole record is there; and a board that is not tripped can serve."""
        cuts = stayed = 0
        for after in (*range(17, 36), 100, 256):
            board = self.tripped(seed=after)
            board.run(300)
            board.press(1_200)
            why = f"power lost after {after} bytes of the reset's record"
            was_cut = self.power_fails(board, board.host.arm, after, why)
            cuts += was_cut
            if board.host.status().tripped:
                stayed += 1
                self.expect_tripped(board, why)
                self.reset_at_the_site(board)
            else:
                self.assertGreaterEqual(after, 30, why)
            board.host.arm()
            board.host.control(POWER)
            self.assertEqual(board.relays, POWER, why)
        self.assertGreater(cuts, 10)
        self.assertGreater(stayed, 5)

    def test_nothing_is_written_without_need(self):
        """Flash wears: a day of heating, here two minutes, programs and erases nothing."""
        board = Board().start()
        board.chip.step = 500
        board.energise(POWER | PUMP)
        before = board.chip.flash.programmed, dict(board.chip.flash.erased)
        board.beat(20_000, POWER | PUMP, period=250)
        board.host.control(0)
        self.assertEqual((board.chip.flash.programmed, board.chip.flash.erased), before)


class FullLog(Latch):
    """The same with a log that others have filled: a record for each trip and each reset."""

    @staticmethod
    def image(records):
        """The firmware, and a log of so many records in its slots; the odd ones are trips."""
        content = bytearray(firmware().ljust(LOG, b"\xFF"))
        for number in range(1, records + 1):
            cause = host.TRIPS.index("host") if number % 2 else 0
            words = struct.pack("<2I", number, cause | FAN << 8 | 0x544C_0000)
            content += words + b"\xFF" * 4 + struct.pack("<I", stage_2_checksum(words))
        return bytes(content)

    def tripped(self, **options):
        # 508: the sector that is in use becomes full in the midst of the tests.
        return super().tripped(content=self.image(508), **options)

    def test_it_is_read_wherever_it_ends(self):
        for records in (1, 2, 255, 256, 257, 258, 509, 510, 511, 512):
            board = Board(self.image(records)).start()
            self.assertEqual(board.host.status().tripped, records % 2 == 1, f"{records} records")
            if records % 2:
                self.expect_tripped(board, f"{records} records")

    def test_sectors_take_turns(self):
        """Through the end of either sector: nothing is lost, and none is erased twice."""
        for records in (250, 506):
            board = Board(self.image(records)).start()
            for number in range(4):
                board.run(300)
                board.host.trip()
                board.run(20)
                board.chip.power_off()
                board.chip.power_on()
                self.expect_tripped(board.start(), f"trip {number} behind {records} records")
                self.reset_at_the_site(board)
                board.chip.power_off()
                board.chip.power_on()
                self.assertFalse(board.start().host.status().tripped)
            self.assertLessEqual(max(board.chip.flash.erased.values()), 1)

    def test_a_sector_erased_in_operation(self):
        """400 ms, which the watchdog must wait for; and never under relays that are on."""
        board = Board(self.image(256)).start()
        # Rubbish where the next record goes: as after an erasure that was cut short.
        board.chip.power_off()
        board.chip.flash.content[LOG + 256 * RECORD + 2_000] = 0
        board.chip.power_on()
        board.start()
        self.assertEqual(board.chip.flash.erased, {LOG + 4_096: 1}, "not at boot")
        board.chip.flash.content[LOG + 256 * RECORD + 2_000] = 0
        board.chip.map_flash(False)
        board.chip.map_flash(True)
        board.run(300)
        board.energise(POWER)
        erased = board.chip.flash.erased[LOG + 4_096]
        board.beat(300, POWER)
        self.assertEqual(board.chip.flash.erased[LOG + 4_096], erased, "under relays that are on")
        board.host.trip()
        board.run(600)
        self.assertEqual(board.chip.resets, 0, "the watchdog bit while a sector was erased")
        self.expect_tripped(board, "a trip whose record needed an erasure")

    def test_power_lost_while_a_sector_is_erased(self):
        """At boot, when the sector that is not in use makes room: a trip stays one."""
        cuts = 0
        for after in (1, 5, 100, 1_000, 2_500, 4_095):
            board = Board(self.image(256), seed=after)
            board.start()
            board.chip.power_off()
            board.chip.flash.content[LOG:] = self.image(511)[LOG:].ljust(8_192, b"\xFF")
            board.chip.flash.dies_after = after
            board.chip.power_on()
            board.run(400)
            cuts += not board.chip.is_on
            board.chip.power_off()
            board.chip.flash.dies_after = None
            board.chip.power_on()
            self.expect_tripped(board.start(), f"power lost after {after} bytes of the erasure")
            self.reset_at_the_site(board)
        self.assertEqual(cuts, 6)


if __name__ == "__main__":
    unittest.main(argv=[__file__, "--quiet"])
