"""U01 to U10 of the specification's §8, on the unmodified firmware in the emulated Pico.

Times are read off the pins, in µs of the emulated clock. A time may be late by a pass of the
firmware's loop: 0.1 ms, and 0.5 ms where minutes are waited for.
"""

import unittest

from board import Board
from host import FAN, HEAT, POWER, PUMP, SPARK, VALVE, NoAnswer, TRIP_KEY
import host

BURN = POWER | PUMP | VALVE
LATE = 1_000


class Scenarios(unittest.TestCase):
    def setUp(self):
        self.board = Board().start()
        self.host = self.board.host
        self.chip = self.board.chip

    def expect_drop(self, relays, at, tolerance=LATE):
        """The relays became RELAYS AT µs, or at most a pass of the loop later."""
        found = self.board.time_of(relays, at - 2 * tolerance)
        self.assertIsNotNone(found, f"relays never {relays:#x}: {self.board.history(at - 10**6)}")
        self.assertTrue(at <= found <= at + tolerance, f"at {found} µs and not at {at} µs")

    def test_u01_valve_without_proof(self):
        """Off and tripped 5 000 ms after the valve opened, the lease renewed all the while."""
        self.board.energise(BURN, proves=False)
        opened = self.board.time_of(BURN, 0)
        self.chip.step = 100
        self.board.beat(4_900, BURN, proves=False)
        self.assertEqual(self.board.relays, BURN)
        self.board.beat(200, BURN, proves=False)
        self.expect_drop(0, opened + 5_000_000)
        status = self.host.status()
        self.assertEqual((status.cause, status.on_at_trip), ("unproven", BURN))

    def test_u01_proof_must_be_renewed(self):
        self.board.energise(BURN)
        proven = self.chip.elapsed
        self.board.beat(1_400, BURN, proves=False)
        self.assertEqual(self.board.relays, BURN)
        self.board.beat(300, BURN, proves=False)
        dropped = self.board.time_of(0, proven)
        self.assertTrue(1_490_000 <= dropped - proven <= 1_501_000, dropped - proven)
        self.assertEqual(self.host.status().cause, "unproven")

    def test_u02_spark(self):
        """Off at 3 000 ms without a trip; refused until 10 000 ms later."""
        self.board.energise(BURN)
        self.host.control(BURN | SPARK)
        lit = self.board.time_of(BURN | SPARK, 0)
        self.chip.step = 100
        self.board.beat(2_900, BURN | SPARK)
        self.assertEqual(self.board.relays, BURN | SPARK)
        self.board.beat(150, BURN | SPARK)
        self.expect_drop(BURN, lit + 3_000_000)
        self.board.beat(lit / 1_000 + 12_900 - self.chip.elapsed / 1_000, BURN)
        self.host.control(BURN | SPARK)
        status = self.host.status()
        self.assertEqual((status.refusal, self.board.relays), ("spark resting", BURN))
        self.board.beat(150, BURN)
        self.host.control(BURN | SPARK)
        self.assertEqual(self.board.relays, BURN | SPARK)
        self.assertFalse(self.host.status().tripped)

    def test_u03_repeated_heartbeat(self):
        """A number seen before renews no lease."""
        self.board.energise(POWER | PUMP)
        self.board.beat(300, POWER | PUMP)
        renewed = self.chip.elapsed
        number = self.host.status().heartbeat
        self.chip.run(200_000)
        self.host.control(POWER | PUMP, number=number)
        self.assertEqual(self.host.status().refusal, "repeated heartbeat")
        self.chip.run(400_000)
        dropped = self.board.time_of(0, renewed)
        self.assertIsNotNone(dropped)
        self.assertLessEqual(dropped - renewed, 500_000)
        self.assertTrue(self.host.status().expired)

    def test_u04_bad_pec(self):
        self.board.energise(POWER)
        before = self.host.counters()
        self.host.control(POWER | PUMP, damage=0x10)
        self.assertEqual(self.board.relays, POWER)
        self.assertEqual(self.host.counters(), before._replace(pec=before.pec + 1))
        self.assertEqual(self.host.status().refusal, "none")

    def test_u05_forbidden_masks(self):
        """Refused whole, and the mask before it stays: all 256 masks, by the specification's P4."""
        self.board.energise(POWER | PUMP)
        kept = POWER | PUMP
        for mask in range(256):
            forbidden = mask & SPARK and not mask & VALVE or mask & HEAT and mask & kept != kept
            if forbidden:
                self.host.control(mask)
                status = self.host.status()
                self.assertEqual(status.refusal, "forbidden mask", f"{mask:#x}")
                self.assertEqual(self.board.relays, kept, f"{mask:#x}")
                self.host.control(kept)

    def test_u06_arm_while_tripped(self):
        self.board.energise(POWER | FAN)
        self.host.trip()
        self.assertEqual(self.board.relays, 0)
        self.host.arm()
        self.assertEqual(self.host.status().refusal, "no local reset")
        self.host.control(POWER)
        status = self.host.status()
        self.assertEqual((status.refusal, status.cause), ("tripped", "host"))
        self.assertEqual(status.on_at_trip, POWER | FAN)
        # A contact that bounces is no button: it counts from 200 ms after boot.
        self.board.run(300)
        self.board.press(1_500)
        self.assertTrue(self.host.status().local_reset)
        self.host.arm()
        status = self.host.status()
        self.assertEqual((status.armed, status.tripped, self.board.relays), (True, False, 0))
        self.host.control(POWER)
        self.assertEqual(self.board.relays, POWER)

    def test_u06_a_short_press_resets_nothing(self):
        self.host.trip()
        self.board.run(300)
        self.board.press(900)
        self.host.arm()
        self.assertEqual(self.host.status().refusal, "no local reset")

    def test_u06_a_button_held_at_boot_resets_nothing(self):
        board = Board()
        board.hold()
        board.start()
        board.host.trip()
        board.run(3_000)
        board.host.arm()
        self.assertEqual(board.host.status().refusal, "no local reset")

    def test_u07_valve_rests(self):
        """Refused for 10 000 ms after it closed."""
        self.board.energise(BURN)
        self.host.control(POWER | PUMP)
        closed = self.board.time_of(POWER | PUMP, 0)
        closed = [time for time, mask in self.board.history() if mask == POWER | PUMP][-1]
        self.chip.step = 100
        self.board.beat(9_950 - (self.chip.elapsed - closed) / 1_000, POWER | PUMP)
        self.host.control(BURN)
        self.assertEqual(self.host.status().refusal, "heat resting")
        self.assertEqual(self.board.relays, POWER | PUMP)
        self.board.beat(100, POWER | PUMP)
        self.host.control(BURN)
        self.assertEqual(self.board.relays, BURN)

    def test_u08_nothing_moves_before_arm(self):
        """From the first instruction to ARM no pin is ever high."""
        self.host.control(POWER)
        self.assertEqual(self.host.status().refusal, "not armed")
        self.board.beat(500, 0)
        self.assertEqual([pins for _, pins in self.chip.changes if self.board.relays_of(pins)], [])

    def test_u09_lease_limits(self):
        for lease, is_allowed in ((299, 0), (300, 1), (1_000, 1), (1_001, 0), (2_500, 0), (0, 0)):
            before = self.host.status()
            self.host.configure(lease)
            status = self.host.status()
            if is_allowed:
                self.assertEqual((status.lease, status.refused), (lease, before.refused))
            else:
                self.assertEqual((status.lease, status.refusal), (
                    before.lease, "lease out of range"))

    def test_u10_lease_to_the_millisecond(self):
        """Leases in which the counter wraps at their first, middle and last ms, one µs around
        their end, and not at all."""
        began, _ = self.time_lease(0)
        for after in (0, 1_000, 250_000, 499_000, 499_999, 500_000, 500_001, -10_000_000):
            _, length = self.time_lease(0x1_0000_0000 - began - after)
            self.assertTrue(
                499_800 <= length <= 500_050, f"{length} µs with the wrap {after} µs into it")

    def time_lease(self, origin):
        """- Returns: µs of the timer without ORIGIN at which a lease began, and its length."""
        board = Board(timer_origin=origin).start()
        board.energise(POWER)
        board.chip.step = 5
        board.host.control(POWER, number=board.host.status().heartbeat + 1)
        renewed = board.chip.elapsed
        board.chip.run(700_000)
        dropped = board.time_of(0, renewed)
        self.assertIsNotNone(dropped, "never dropped")
        self.assertTrue(board.host.status().expired)
        return renewed - board.chip.timer.since, dropped - renewed


class Bus(unittest.TestCase):
    def setUp(self):
        self.board = Board().start()
        self.host = self.board.host
        self.chip = self.board.chip

    def test_identity(self):
        block = self.host.read(host.IDENTITY)
        self.assertEqual(block[:4], b"BUSB")
        self.assertEqual((block[4], block[7]), (1, 0b111))

    def test_another_address(self):
        with self.assertRaises(NoAnswer):
            host.Host(self.chip, 0x2B).trip()
        self.assertFalse(self.host.status().tripped)

    def test_a_transfer_that_never_ends(self):
        """A host that dies in the midst of a write leaves nothing done and nothing stuck."""
        for length in range(1, 6):
            self.chip.i2c.start(host.ADDRESS, reads=False)
            frame = bytes([host.TRIP, 2]) + TRIP_KEY
            for byte in frame[:length]:
                self.chip.i2c.send(byte)
            self.board.run(30)
            # The bus is freed without a STOP, and somebody begins anew.
            self.assertFalse(self.host.status().tripped, f"after {length} bytes")

    def test_a_reply_that_is_not_read_to_its_end(self):
        """What is left of it must not come with the next reply."""
        for count in (1, 2, 3, 9, 17):
            self.host.raw_read(host.STATUS, count)
            self.assertEqual(self.host.read(host.IDENTITY)[:4], b"BUSB", f"after {count} bytes")

    def test_a_read_that_another_breaks_into(self):
        """Somebody pulls SDA low while the board sends: the next command must be heard."""
        self.chip.i2c.start(host.ADDRESS, reads=False)
        self.chip.i2c.send(host.STATUS)
        self.chip.i2c.start(host.ADDRESS, reads=True)
        self.chip.i2c.receive()
        self.chip.i2c.lose()
        self.board.run(1)
        self.host.trip()
        self.assertTrue(self.host.status().tripped)

    def test_a_long_write(self):
        """More than the FIFO holds, in one go; and what comes after is heard."""
        self.host.raw_write(bytes(range(64)))
        self.assertEqual(self.host.counters().pec, 1)
        self.host.trip()
        self.assertTrue(self.host.status().tripped)
        self.assertEqual(self.chip.i2c.lost, 0)

    def test_reading_what_may_only_be_written(self):
        self.assertEqual(self.host.read(host.CONTROL), b"")
        self.assertEqual(self.host.read(0x77), b"")

    def test_it_answers_in_time(self):
        """A status within 5 ms of bus at 100 kbit/s, clock stretching included."""
        began = self.chip.elapsed
        self.host.status()
        self.assertLess(self.chip.elapsed - began, 5_000)


if __name__ == "__main__":
    unittest.main(argv=[__file__, "--quiet"])
