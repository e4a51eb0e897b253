"""The register blocks of the RP2040 that the firmware touches, but for its I2C target.

Numbers in brackets are sections of the RP2040 data sheet. What a block does not model is an error
when the firmware touches it, never a zero: a firmware that needs more must make us model it.
"""


class Violation(Exception):
    """The firmware did what the chip does not allow or this emulator does not know."""


class Block:
    """Registers of 32 bits. `known` are those that only keep what is written."""

    name = "?"
    #: Bit in RESETS (2.14.3), or None for a block that no reset holds.
    reset_bit = None
    known = ()

    def __init__(self, chip):
        self.chip = chip
        self.registers = {}

    def read(self, offset):
        if offset not in self.known:
            raise Violation(f"{self.name}+{offset:#x} was read, which is not modelled")
        return self.registers.get(offset, 0)

    def write(self, offset, value):
        if offset not in self.known:
            raise Violation(f"{self.name}+{offset:#x} was written, which is not modelled")
        self.registers[offset] = value

    def before_alias(self, offset):
        """What an atomic set, clear or xor starts from (2.1.2): read without side effects."""
        return self.read(offset)


class Resets(Block):
    """2.14: after a reset each block is held until its bit is cleared."""

    name = "RESETS"
    ALL = 0x01FF_FFFF
    # What the boot ROM took out of reset to read the flash: io_qspi, pads_qspi. By its own source
    # timer and pads_bank0 too: held here, so that a firmware is found that forgets them.
    AFTER_ROM = ALL & ~(1 << 6 | 1 << 9)

    def __init__(self, chip):
        super().__init__(chip)
        self.held = self.AFTER_ROM

    def read(self, offset):
        if offset == 0x0:
            return self.held
        if offset == 0x8:
            return ~self.held & self.ALL
        return super().read(offset)

    def write(self, offset, value):
        if offset != 0x0:
            raise Violation(f"RESETS+{offset:#x} was written, which is not modelled")
        taken = ~self.held & value & self.ALL
        self.held = value & self.ALL
        for block in self.chip.blocks.values():
            if block.reset_bit is not None and taken & 1 << block.reset_bit:
                block.__init__(self.chip)
        self.chip.refresh_pins()


class PowerOnStateMachine(Block):
    """2.13: what a watchdog reset reaches."""

    name = "PSM"
    known = (0x0, 0x4, 0x8, 0xC)
    # Clocks, resets, SIO and both cores: what holds a relay, and who would let it go.
    NEEDED = 1 << 2 | 1 << 3 | 1 << 14 | 1 << 15 | 1 << 16

    @property
    def reaches_relays(self):
        return self.registers.get(0x8, 0) & self.NEEDED == self.NEEDED


class ChipReset(Block):
    """2.12.7: VREG_AND_CHIP_RESET, whose CHIP_RESET tells power-on from the RUN pin. A reset by
    the watchdog leaves it as it was (2.13.2)."""

    name = "VREG_AND_CHIP_RESET"
    known = (0x0, 0x4)

    def read(self, offset):
        if offset == 0x8:
            return {"power": 1 << 8, "run": 1 << 16}.get(self.chip.reset_by, 0)
        return super().read(offset)


class Clocks(Block):
    """2.15.7: the glitchless muxes answer at once; the frequency counter (2.15.6.2) counts what
    `chip.crystal_error` makes of the crystal."""

    name = "CLOCKS"
    known = (0x30, 0x34, 0x3C, 0x40, 0x48, 0x78, 0x80, 0x84, 0x88, 0x8C, 0x90, 0x94)
    ROSC_KHZ = 6_500

    def read(self, offset):
        if offset == 0x38:
            return 1 << (self.registers.get(0x30, 0) & 3)
        if offset == 0x44:
            return 1 << (self.registers.get(0x3C, 0) & 1)
        if offset == 0x98:
            return 1 << 4 if 0x94 in self.registers else 0
        if offset == 0x9C:
            return self._counted() << 5
        return super().read(offset)

    def write(self, offset, value):
        if offset == 0x30 and value & 3 == 2 and not self.chip.crystal.is_stable:
            raise Violation("clk_ref was switched to a crystal that does not run yet (2.16.3)")
        super().write(offset, value)

    def _counted(self):
        """kHz of the source in FC0_SRC, measured against clk_ref as FC0_REF_KHZ states it."""
        crystal = 12_000 * (1_000 + self.chip.crystal_error) // 1_000
        source = self.registers.get(0x94, 0)
        true = {3: self.ROSC_KHZ, 5: crystal, 8: crystal, 9: crystal}.get(source)
        if true is None:
            raise Violation(f"the frequency counter was asked for source {source}")
        return true * self.registers.get(0x80, 0) // crystal

    @property
    def reference_khz(self):
        """Of clk_ref: the crystal if it was chosen, else the ring oscillator."""
        return 12_000 if self.registers.get(0x30, 0) & 3 == 2 else self.ROSC_KHZ


class Crystal(Block):
    """2.16.7: stable once enabled for 1 to 15 MHz, if there is one."""

    name = "XOSC"
    known = (0x0, 0x4, 0x8, 0xC)

    @property
    def is_stable(self):
        return self.registers.get(0x0, 0) & 0xFFFFFF == 0xFABAA0 and not self.chip.has_no_crystal

    def read(self, offset):
        if offset == 0x4:
            return 1 << 31 | 1 << 12 if self.is_stable else 0
        return super().read(offset)


class RingOscillator(Block):
    """2.17.8."""

    name = "ROSC"
    known = (0x0, 0x4, 0x8, 0xC, 0x10, 0x14)

    def read(self, offset):
        # RANDOMBIT.
        if offset == 0x1C:
            return self.chip.random.getrandbits(1)
        return 1 << 31 | 1 << 12 if offset == 0x18 else super().read(offset)


class Timer(Block):
    """4.6.5: µs since the block left reset; here since an origin that brings the wrap near. Reading
    the low word of the pair latches the high one."""

    name = "TIMER"
    reset_bit = 21
    known = (0x20, 0x2C, 0x30, 0x38)

    def __init__(self, chip):
        super().__init__(chip)
        self.latched = 0
        self.since = chip.elapsed

    @property
    def now(self):
        return self.chip.timer_origin + self.chip.elapsed - self.since

    def read(self, offset):
        chip = self.chip
        if offset in (0x28, 0x0C):
            if not chip.watchdog.ticks:
                raise Violation("the timer was read while no tick runs (4.7.2)")
            chip.pass_time_once(chip.step)
            self.latched = self.now >> 32
            return self.now & 0xFFFF_FFFF
        if offset == 0x24:
            return self.now >> 32
        return self.latched if offset == 0x08 else super().read(offset)


class Watchdog(Block):
    """4.7.6. Counts down twice in each tick (4.7.3, erratum RP2040-E1). Of this block, scratch
    registers and REASON outlive its own resets.

    By 4.7.1 only power and RUN reset it, so CTRL and TICK would outlive them too: here they begin
    anew, as if nobody had set them, and no tick runs before TICK is written.
    """

    name = "WATCHDOG"
    known = tuple(range(0x0C, 0x2C, 4))

    def __init__(self, chip, before=None):
        super().__init__(chip)
        self.registers = dict(before.registers) if before else {}
        self.reason = 0
        self.is_enabled = False
        self.count = 0
        self.cycles = 0
        self.feeds = 0

    @property
    def ticks(self):
        return self.cycles & 1 << 9

    def read(self, offset):
        if offset == 0x00:
            return (1 << 30 if self.is_enabled else 0) | self.count
        if offset == 0x08:
            return self.reason
        if offset == 0x2C:
            return self.cycles | (1 << 10 if self.ticks else 0)
        if offset == 0x28 and self.chip.skips_a_stage:
            # Scratch 7, where each stage of a pass leaves its mark.
            return super().read(offset) >> 4
        return super().read(offset)

    def write(self, offset, value):
        if offset == 0x00:
            self.is_enabled = bool(value & 1 << 30)
            if value & 1 << 31:
                self.chip.watchdog_bites(2)
        elif offset == 0x04:
            self.count = value & 0xFF_FFFF
            self.feeds += 1
        elif offset == 0x2C:
            self.cycles = value & 0x3FF
            wanted = self.chip.clocks.reference_khz // 1_000
            if value & 1 << 9 and value & 0x1FF != wanted:
                raise Violation(f"{value & 0x1FF} cycles are no µs at {wanted} MHz (4.7.2)")
        elif offset == 0x1C and value == 0xB007_C0D3:
            raise Violation("the boot ROM takes this scratch 4 for its own (2.8.1.1)")
        else:
            super().write(offset, value)

    def pass_time(self, microseconds):
        if not self.is_enabled or not self.ticks:
            return
        self.count -= 2 * microseconds
        if self.count <= 0:
            self.count = 0
            self.chip.watchdog_bites(1)


class IOBank(Block):
    """2.19.6.1: which function a pin has. After reset none: the pin floats."""

    name = "IO_BANK0"
    reset_bit = 5

    def function(self, pin):
        return self.registers.get(8 * pin + 4, 0x1F) & 0x1F

    def read(self, offset):
        if offset % 8 == 4 and offset < 240:
            return self.registers.get(offset, 0x1F)
        if offset % 8 == 0 and offset < 240:
            return 0
        return super().read(offset)

    def write(self, offset, value):
        if offset % 8 != 4 or offset >= 240:
            raise Violation(f"IO_BANK0+{offset:#x} was written, which is not modelled")
        if value & ~0x1F:
            raise Violation("overrides of pins (2.19.6.1) are not modelled")
        self.registers[offset] = value
        self.chip.refresh_pins()


class Pads(Block):
    """2.19.6.3: pulls, input enable (6), output disable (7). 0x56 after reset: pulled down."""

    name = "PADS_BANK0"
    reset_bit = 8

    def pad(self, pin):
        return self.registers.get(4 * pin + 4, 0x56)

    def read(self, offset):
        if 4 <= offset <= 0x78:
            return self.registers.get(offset, 0x56)
        return super().read(offset)

    def write(self, offset, value):
        if not 4 <= offset <= 0x78:
            raise Violation(f"PADS_BANK0+{offset:#x} was written, which is not modelled")
        self.registers[offset] = value
        self.chip.refresh_pins()


class SingleCycleIO(Block):
    """2.3.1.7: pins and the hardware divider. Always clocked, so it can switch off first."""

    name = "SIO"

    def __init__(self, chip):
        super().__init__(chip)
        self.out = 0
        self.enabled = 0
        self.operands = [0, 0]
        self.is_signed = False

    def read(self, offset):
        if offset == 0x04:
            return self.chip.inputs
        if offset in (0x10, 0x20):
            return self.out if offset == 0x10 else self.enabled
        if offset == 0x00:
            return 0
        if offset in (0x70, 0x74):
            return self._divide(offset == 0x74)
        if offset == 0x78:
            return 0b01
        raise Violation(f"SIO+{offset:#x} was read, which is not modelled")

    def write(self, offset, value):
        place = offset & 0x0F
        before = self.out, self.enabled
        if 0x10 <= offset < 0x20:
            self.out = self._apply(self.out, place, value)
        elif 0x20 <= offset < 0x30:
            self.enabled = self._apply(self.enabled, place, value)
        elif 0x60 <= offset < 0x70:
            self.operands[place // 4 % 2] = value
            self.is_signed = place >= 8
            return
        else:
            raise Violation(f"SIO+{offset:#x} was written, which is not modelled")
        if before != (self.out, self.enabled):
            self.chip.refresh_pins()

    @staticmethod
    def _apply(old, place, value):
        return {0: value, 4: old | value, 8: old & ~value, 12: old ^ value}[place] & 0x3FFF_FFFF

    def _divide(self, wants_remainder):
        """2.3.1.5. Ready at once; the real one takes 8 cycles."""
        over, under = self.operands
        if self.is_signed:
            over, under = (each - (each >> 31 << 32) for each in (over, under))
        if under == 0:
            return over & 0xFFFF_FFFF if wants_remainder else 0xFFFF_FFFF
        quotient = abs(over) // abs(under) * (1 if (over < 0) == (under < 0) else -1)
        return (over - quotient * under if wants_remainder else quotient) & 0xFFFF_FFFF


class SerialInterface(Block):
    """4.10.13: the SSI that reads the flash. Set up only while it is switched off."""

    name = "XIP_SSI"
    known = (0x00, 0x04, 0x08, 0x10, 0x14, 0xF4)

    def __init__(self, chip):
        super().__init__(chip)
        self.hand_over()

    def hand_over(self):
        """As the boot ROM leaves it (its source, `flash_init_spi`): on, for frames of one byte that
        are sent and received, with a clock of a sixth."""
        self.registers = {0x00: 7 << 16, 0x08: 1, 0x14: 6}

    def write(self, offset, value):
        if offset in (0x00, 0x04, 0x14, 0xF4) and self.is_on:
            raise Violation(f"XIP_SSI+{offset:#x} was written while the SSI is on (4.10.13)")
        super().write(offset, value)
        if offset == 0x08 and self.reads_flash:
            self.chip.rom.map()

    def read(self, offset):
        # SR: never busy, the transmit FIFO empty.
        return 1 << 2 | 1 << 1 if offset == 0x28 else super().read(offset)

    @property
    def is_on(self):
        return self.registers.get(0x08, 0) == 1

    @property
    def reads_flash(self):
        """On, in EEPROM-read mode with frames of 32 bits, by the command 03h and 24 bits of address
        or faster: what boot2 has to bring about."""
        control, serial = self.registers.get(0x00, 0), self.registers.get(0xF4, 0)
        return self.is_on and control >> 8 & 3 == 3 and serial >> 2 & 0xF == 6


class CacheControl(Block):
    """2.6.3.6: XIP_CTRL."""

    name = "XIP_CTRL"
    known = (0x0, 0x4, 0x8)


class CoreRegisters(Block):
    """ARMv6-M's own (2.4.8): VTOR, SysTick without its interrupt, which counts cycles of 12 MHz, or
    of what `chip.core_error` makes of them, and what a polled firmware may write beside it."""

    name = "PPB"
    cleared = 0
    known = (0xE010, 0xE014, 0xE018, 0xE100, 0xE180, 0xE280, 0xED04, 0xED08, 0xED0C, 0xED10)

    def write(self, offset, value):
        if offset == 0xE100 and value or offset == 0xE010 and value & 2:
            raise Violation("interrupts were enabled, and none is modelled")
        if offset == 0xED0C and value & 4:
            raise Violation("AIRCR.SYSRESETREQ leaves the peripherals as they are: trip instead")
        if offset == 0xE018:
            self.cleared = self.chip.elapsed
        super().write(offset, value)

    def read(self, offset):
        if offset != 0xE018:
            return super().read(offset)
        if not self.registers.get(0xE010, 0) & 1:
            return 0
        reload = self.registers.get(0xE014, 0) & 0xFF_FFFF
        rate = 12 * (1_000 + self.chip.core_error)
        cycles = (self.chip.elapsed - self.cleared) * rate // 1_000
        return reload - cycles % (reload + 1)

    @property
    def vectors(self):
        return self.registers.get(0xED08, 0)
