"""The RP2040's I2C0 as a target (data sheet 4.3: Synopsys DW_apb_i2c), and the bus in front of it.

The bus is driven by whoever calls `start`, `send`, `receive` and `stop`; each byte takes the time
that it takes at `bit_time`. A target that holds SCL low makes the byte wait.
"""

from blocks import Block, Violation

RX_UNDER, RX_OVER, RX_FULL, TX_OVER, TX_EMPTY, RD_REQ, TX_ABRT, RX_DONE = (
    1 << bit for bit in range(8))
ACTIVITY, STOP_DET, START_DET, GEN_CALL, RESTART_DET = (1 << bit for bit in range(8, 13))

#: IC_CLR_x and the bit of IC_RAW_INTR_STAT that reading it clears (4.3.17).
CLEARS = {
    0x44: RX_UNDER, 0x48: RX_OVER, 0x4C: TX_OVER, 0x50: RD_REQ, 0x54: TX_ABRT, 0x58: RX_DONE,
    0x5C: ACTIVITY, 0x60: STOP_DET, 0x64: START_DET, 0x68: GEN_CALL, 0xA8: RESTART_DET,
    0x40: 0x1FFF & ~(RX_FULL | TX_EMPTY),
}
DEPTH = 16
FIRST_DATA_BYTE = 1 << 11


class NoAnswer(Exception):
    """Nobody acknowledged the address."""


class Stretched(Exception):
    """SCL was held low for longer than the host waits."""


class I2CTarget(Block):
    name = "I2C0"
    reset_bit = 3
    # Interrupt mask, thresholds, SDA hold, set-up, spike length, general call.
    known = (0x04, 0x14, 0x18, 0x1C, 0x20, 0x30, 0x38, 0x3C, 0x7C, 0x84, 0x88, 0x94, 0x98, 0xA0)

    def __init__(self, chip):
        super().__init__(chip)
        self.control = 0x65
        self.own_address = 0x55
        self.is_enabled = False
        self.raw = 0
        self.received = []
        self.to_send = []
        self.abort_source = 0
        self.is_addressed = False
        self.is_first = False
        self.lost = 0

    # The firmware's side.

    def read(self, offset):
        if offset == 0x70:
            return self._status()
        if offset == 0x34:
            return self._raw_status()
        if offset == 0x10:
            if self.received:
                return self.received.pop(0)
            self.raw |= RX_UNDER
            return 0
        if offset in CLEARS:
            found = int(self._raw_status() & CLEARS[offset] != 0)
            self.raw &= ~CLEARS[offset]
            if CLEARS[offset] & TX_ABRT:
                self.abort_source = 0
            return found
        if offset == 0x00:
            return self.control
        if offset == 0x2C:
            return self._raw_status() & self.registers.get(0x30, 0x8FF)
        simple = {
            0x08: self.own_address, 0x6C: int(self.is_enabled), 0x9C: int(self.is_enabled),
            0x74: len(self.to_send), 0x78: len(self.received), 0x80: self.abort_source,
            0xFC: 0x4457_0140,
        }
        return simple[offset] if offset in simple else super().read(offset)

    def _status(self):
        """IC_STATUS: active, room to send, nothing to send, something received, full."""
        return (
            (0b100_0001 if self.is_addressed else 0)
            | (1 << 1 if len(self.to_send) < DEPTH else 0) | (0 if self.to_send else 1 << 2)
            | (1 << 3 if self.received else 0) | (1 << 4 if len(self.received) == DEPTH else 0))

    def _raw_status(self):
        full = len(self.received) > self.registers.get(0x38, 0)
        empty = self.is_enabled and len(self.to_send) <= self.registers.get(0x3C, 0)
        return self.raw | (RX_FULL if full else 0) | (TX_EMPTY if empty else 0)

    def write(self, offset, value):
        if offset == 0x6C:
            self.is_enabled = bool(value & 1)
            if not self.is_enabled:
                # 4.3.17, IC_ENABLE: both FIFOs are emptied. Flags stay until the block is idle;
                # here it is at once, since the firmware disables none that is not in reset.
                self.received, self.to_send, self.raw = [], [], 0
                self.is_addressed = False
        elif offset == 0x10:
            self._send(value & 0xFF)
        elif offset in (0x00, 0x08):
            if self.is_enabled:
                raise Violation(f"I2C0+{offset:#x} was written while enabled (4.3.17)")
            if offset == 0x08:
                self.own_address = value & 0x3FF
            else:
                self._set_control(value)
        else:
            super().write(offset, value)

    def _set_control(self, value):
        if value & 1 or value & 1 << 6:
            raise Violation(f"IC_CON {value:#x} makes no target (4.3.10.1.1)")
        if value & 1 << 3:
            raise Violation("the relay board's address has 7 bits")
        self.control = value

    def _abort(self, source):
        """4.3.17, IC_RAW_INTR_STAT, TX_ABRT: both FIFOs are emptied, and stay empty until the
        interrupt is cleared."""
        self.received, self.to_send = [], []
        self.raw |= TX_ABRT
        self.abort_source |= source

    def _send(self, byte):
        if not self.is_enabled:
            raise Violation("IC_DATA_CMD was written while the block is off")
        if self.raw & TX_ABRT:
            return
        if len(self.to_send) == DEPTH:
            self.raw |= TX_OVER
            return
        self.to_send.append(byte)

    # The bus.

    @property
    def holds_when_full(self):
        """RX_FIFO_FULL_HLD_CTRL: SCL is held low rather than a byte lost."""
        return bool(self.control & 1 << 9)

    def _byte(self, is_done, limit):
        """A byte's time on the bus, and as long as the target holds SCL low."""
        self.chip.run(self.chip.byte_time)
        if not is_done():
            self.chip.run(limit, until=is_done)
            if not is_done():
                raise Stretched()

    def start(self, address, reads, limit=10_000):
        """START or a repeated START, and the address byte. Time: one byte."""
        is_mine = self.is_enabled and address == self.own_address and self.chip.i2c_is_wired
        if self.is_addressed and is_mine:
            self.raw |= RESTART_DET
        if is_mine:
            self.raw |= START_DET | ACTIVITY
        self._byte(lambda: True, limit)
        # The chip may have been reset meanwhile, and this block made anew.
        if not is_mine or not self.is_enabled:
            raise NoAnswer()
        self.is_addressed = True
        self.is_first = True
        if reads:
            self.raw |= RD_REQ
            if self.to_send:
                # 4.3.10.1.2: what is left from the last read is flushed, with an abort.
                self._abort(1 << 13)

    def send(self, byte, limit=10_000):
        self._expect_addressed()
        if self.raw & TX_ABRT:
            # Whether it is acknowledged is not said; here it is, and so lost unseen.
            self.is_first = False
            self._byte(lambda: True, limit)
            return
        if len(self.received) == DEPTH:
            if not self.holds_when_full:
                self.raw |= RX_OVER
                self.lost += 1
                self._byte(lambda: True, limit)
                return
            self._byte(lambda: len(self.received) < DEPTH, limit)
        self.received.append(byte | (FIRST_DATA_BYTE if self.is_first else 0))
        self.is_first = False
        self._byte(lambda: True, limit)

    def _expect_addressed(self):
        """A block that was reset or switched off in the midst of a transfer acknowledges nothing
        more of it."""
        if not self.is_addressed:
            raise NoAnswer()

    def receive(self, limit=10_000, is_last=False):
        self._expect_addressed()
        self._byte(lambda: bool(self.to_send), limit)
        byte = self.to_send.pop(0)
        if is_last:
            self.raw |= RX_DONE
            if self.to_send:
                # 4.3.10.1.4: more than the host wanted is flushed, with an abort.
                self._abort(0)
        elif not self.to_send:
            self.raw |= RD_REQ
        return byte

    def lose(self, limit=10_000):
        """The host wants a byte, and somebody else holds SDA low while this target sends a 1 of it
        (4.3.17, ABRT_SLV_ARBLOST): it lets go and sends no more."""
        self._expect_addressed()
        self._byte(lambda: bool(self.to_send), limit)
        self._abort(1 << 14 | 1 << 12)
        self.is_addressed = False

    def stop(self):
        # 4.3.17, STOP_DET_IFADDRESSED: otherwise every STOP on the bus counts.
        if self.is_addressed or not self.control & 1 << 7:
            self.raw |= STOP_DET
        self.is_addressed = False
        self.chip.run(self.chip.byte_time)
