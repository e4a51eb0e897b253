"""A Raspberry Pi Pico that runs the unmodified firmware: an ARMv6-M core (unicorn) with models of
the parts of the RP2040 that the firmware touches.

Time passes when the firmware reads the timer: `step` µs each time, which at 20 makes a pass of its
loop as long as the real one, some 0.1 ms. Where it reads none for `SPIN` instructions, they count
with one cycle each at 12 MHz; so a loop that hangs still meets the watchdog. The firmware is
polled: no interrupt is modelled but the fault that stops a wild core.

Numbers in brackets are sections of the RP2040 data sheet.
"""

import random
import struct

import unicorn
from unicorn import arm_const

import blocks
import boot_rom
from i2c_target import I2CTarget
from image import FLASH

SRAM, SRAM_SIZE = 0x2000_0000, 264 * 1_024
#: The ROM puts the second stage into the end of the last bank (2.8.1), and jumps to it with LR 0
#: (its own source, `_flash_boot`).
STAGE_2_AT = 0x2004_1F00
#: 2.6.3: the same flash by other ways through the cache.
FLASH_ALIASES = (0x1000_0000, 0x1100_0000, 0x1200_0000, 0x1300_0000)
SPIN = 24_000
SPIN_TIME = SPIN // 12
PINS = 30

APB = {
    0x4000_8000: blocks.Clocks, 0x4000_C000: blocks.Resets, 0x4001_0000: blocks.PowerOnStateMachine,
    0x4001_4000: blocks.IOBank, 0x4001_C000: blocks.Pads, 0x4002_4000: blocks.Crystal,
    0x4004_4000: I2CTarget, 0x4005_4000: blocks.Timer, 0x4006_0000: blocks.RingOscillator,
    0x4006_4000: blocks.ChipReset,
}
#: Bits in PSM WDSEL (2.13.5). They come first in its order, so a watchdog reset that does not
#: select them leaves them running as they are (2.13.4).
OSCILLATORS = {0x4006_0000: 1 << 0, 0x4002_4000: 1 << 1}


class Pico:
    def __init__(self, image, timer_origin=0xFFFF_FFFF - 2_000_000, seed=1):
        self.flash = boot_rom.Flash(image, seed)
        #: What the µs counter starts from after each reset, so that its wrap is near.
        self.timer_origin = timer_origin
        self.random = random.Random(seed)
        self.step = 20
        self.byte_time = 90
        #: µs since the first power-on; never wraps, and goes on through resets.
        self.elapsed = 0
        self.has_no_crystal = False
        #: How far the crystal and the core's clock are off, in ‰.
        self.crystal_error = 0
        self.core_error = 0
        self.i2c_is_wired = True
        #: As if a pass of the firmware's loop had left out one of its stages.
        self.skips_a_stage = False
        self.resets = 0
        self.faults = 0
        #: Levels that hands or wires force upon pins, by pin.
        self.forced = {}
        #: (time, pins driven high) whenever that changes.
        self.changes = []
        self.is_on = False
        self.power_on()

    # Power and resets.

    def power_on(self):
        self.ram = bytearray(self.random.randbytes(SRAM_SIZE))
        self.watchdog = blocks.Watchdog(self)
        self.reset_by = "power"
        self.is_on = True
        self._boot()

    def power_off(self):
        self.is_on = False
        self.note_pins(0)

    def run_pin(self):
        """The RUN pin low and high again: everything but RAM begins anew (2.12.5)."""
        self._keep_ram()
        self.watchdog = blocks.Watchdog(self)
        self.reset_by = "run"
        self._boot()

    def watchdog_bites(self, reason):
        """4.7: seen by `run`, which resets the chip once the core has stopped."""
        self.bite = reason
        self.core.emu_stop()

    def _reset_by_watchdog(self):
        if not self.blocks[0x4001_0000].reaches_relays:
            raise blocks.Violation("the watchdog bit, and PSM WDSEL keeps it from the relays")
        self._keep_ram()
        self.watchdog = blocks.Watchdog(self, before=self.watchdog)
        self.watchdog.reason = self.bite
        self.resets += 1
        self.skips_a_stage = False
        selected = self.blocks[0x4001_0000].read(0x8)
        self._boot({
            base: self.blocks[base] for base, bit in OSCILLATORS.items() if not selected & bit})

    def _keep_ram(self):
        self.ram = bytearray(self.core.mem_read(SRAM, SRAM_SIZE))

    def _boot(self, kept=()):
        """Everything but KEPT blocks in reset, then the ROM: check the second stage, and jump to it
        (2.8.1)."""
        self.bite = None
        self.has_passed_time = self.is_stopped = self.is_done_again = False
        self.deadline = self.elapsed
        self.until = None
        self.inputs = 0
        self.blocks = {base: block(self) for base, block in APB.items()} | dict(kept)
        self.blocks[0x4005_8000] = self.watchdog
        self.sio = blocks.SingleCycleIO(self)
        self.ssi = blocks.SerialInterface(self)
        self.ppb = blocks.CoreRegisters(self)
        self.cache = blocks.CacheControl(self)
        self.clocks, self.crystal = self.blocks[0x4000_8000], self.blocks[0x4002_4000]
        self.timer, self.i2c = self.blocks[0x4005_4000], self.blocks[0x4004_4000]
        self.rom = boot_rom.BootROM(self)
        self.note_pins(0)
        self.refresh_pins()
        self._make_core()
        stage = boot_rom.second_stage(self.flash)
        self.core.mem_write(STAGE_2_AT, stage)
        self.core.reg_write(arm_const.UC_ARM_REG_LR, 0)
        self.core.reg_write(arm_const.UC_ARM_REG_SP, STAGE_2_AT)
        self.at = STAGE_2_AT | 1

    def _make_core(self):
        core = self.core = unicorn.Uc(
            unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        core.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M0)
        readable = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
        core.mem_map(0, boot_rom.SIZE, readable)
        core.mem_write(0, boot_rom.content())
        core.mem_map(SRAM, SRAM_SIZE)
        core.mem_write(SRAM, bytes(self.ram))
        self.map_flash(True)
        for base, size in (
            (0x1400_0000, 0x1000), (0x1800_0000, 0x1000), (0x4000_0000, 0x7_0000),
            (0xD000_0000, 0x1000), (0xE000_0000, 0x1_0000),
        ):
            core.mmio_map(base, size, self._read, base, self._write, base)
        core.hook_add(unicorn.UC_HOOK_CODE, self._in_rom, None, 0, boot_rom.SIZE - 1)

    # Memory.

    def map_flash(self, is_mapped):
        """While the ROM programs the flash its addresses read nothing: here they fault."""
        for base in FLASH_ALIASES:
            if is_mapped:
                self.core.mem_map(
                    base, len(self.flash.content), unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
                self.core.mem_write(base, bytes(self.flash.content))
            else:
                self.core.mem_unmap(base, len(self.flash.content))

    def memory(self, address, count):
        return bytes(self.core.mem_read(address, count))

    def _block(self, address):
        if address >= 0xE000_0000:
            return self.ppb, address - 0xE000_0000
        if address >= 0xD000_0000:
            return self.sio, address - 0xD000_0000
        if address >= 0x4000_0000:
            base = address & 0xFFFF_C000
            block = self.blocks.get(base)
            if block is None:
                raise blocks.Violation(f"{address:#x} was touched, which is not modelled")
            bit = block.reset_bit
            if bit is not None and self.blocks[0x4000_C000].held & 1 << bit:
                raise blocks.Violation(f"{block.name} was touched while in reset (2.14)")
            return block, address & 0xFFF
        return (self.ssi, address & 0xFFF) if address >= 0x1800_0000 else (
            self.cache, address & 0xFFF)

    def _read(self, core, offset, size, base):
        block, register = self._block(base + offset)
        if size != 4:
            raise blocks.Violation(f"{block.name}+{register:#x} was read with {size} bytes")
        return block.read(register)

    def _write(self, core, offset, size, value, base):
        address = base + offset
        block, register = self._block(address)
        if size != 4:
            # 2.1.4: a narrow write would be written to all lanes of the register.
            raise blocks.Violation(f"{block.name}+{register:#x} was written with {size} bytes")
        # 2.1.2: the blocks on APB have aliases that xor, set and clear.
        alias = address >> 12 & 3 if 0x4000_0000 <= address < 0xD000_0000 else 0
        if alias:
            old = block.before_alias(register)
            value = (old ^ value, old | value, old & ~value)[alias - 1]
        block.write(register, value)

    def _in_rom(self, core, address, size, _):
        if address != boot_rom.LOOK_UP and address not in self.rom.names:
            raise blocks.Violation(f"the ROM was entered at {address:#x}")
        registers = (arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1, arm_const.UC_ARM_REG_R2,
                     arm_const.UC_ARM_REG_R3)
        caller = core.reg_read(arm_const.UC_ARM_REG_LR)
        answer = self.rom.call(address, [core.reg_read(each) for each in registers], caller)
        core.reg_write(arm_const.UC_ARM_REG_R0, answer)

    # Pins.

    def refresh_pins(self):
        """What each pin drives and reads, made anew when something changed that it depends on."""
        sio = getattr(self, "sio", None)
        if sio is None:
            return
        io, pads = self.blocks[0x4001_4000], self.blocks[0x4001_C000]
        driven, inputs = 0, 0
        for pin in range(PINS):
            pad, bit = pads.pad(pin), 1 << pin
            is_output = io.function(pin) == 5 and sio.enabled & bit and not pad & 1 << 7
            if is_output:
                level = bool(sio.out & bit)
            else:
                level = bool(pad & 1 << 3) and not pad & 1 << 2
            driven |= bit if is_output and level else 0
            level = self.forced.get(pin, level)
            inputs |= bit if level and pad & 1 << 6 else 0
        self.inputs = inputs
        self.note_pins(driven)

    def note_pins(self, driven):
        if not self.changes or self.changes[-1][1] != driven:
            self.changes.append((self.elapsed, driven))

    @property
    def driven(self):
        """The pins that the chip drives high now, as a mask."""
        return self.changes[-1][1]

    def force(self, pin, level):
        """Holds a pin at a level, whatever drives it; None lets it go."""
        if level is None:
            self.forced.pop(pin, None)
        else:
            self.forced[pin] = level
        self.refresh_pins()

    # Time.

    def pass_time(self, microseconds):
        """Called by whatever takes time. Stops the core at the deadline of `run`."""
        self.elapsed += microseconds
        self.watchdog.pass_time(microseconds)
        self.has_passed_time = True
        self.is_stopped = self.elapsed >= self.deadline or bool(self.until and self.until())
        if self.is_stopped:
            self.core.emu_stop()

    def pass_time_once(self, microseconds):
        """For a load that takes time. Unicorn does a load again that the core was stopped in; the
        second time is the same load, and takes none. Without this a host whose bytes come faster
        than `step` would hold the firmware at that load for ever."""
        if self.is_done_again:
            self.is_done_again = False
            return
        self.pass_time(microseconds)
        self.is_done_again = self.is_stopped

    def pass_flash_time(self, microseconds):
        """While the ROM works nothing stops it but the watchdog, which no reset waits for."""
        self.elapsed += microseconds
        self.watchdog.pass_time(microseconds)

    def run(self, microseconds, until=None):
        """Lets the firmware run for so long, or until `until` holds."""
        self.deadline = self.elapsed + microseconds
        self.until = until
        while self.is_on and self.elapsed < self.deadline and not (until and until()):
            self._run_once()
        self.until = None

    def _run_once(self):
        self.has_passed_time = False
        try:
            self.core.emu_start(self.at, 0xFFFF_FFFE, count=SPIN)
        except unicorn.UcError as error:
            self._fault(error)
            return
        except boot_rom.PowerLost:
            self.power_off()
            return
        self.at = self.core.reg_read(arm_const.UC_ARM_REG_PC) | 1
        if self.bite is None and not self.has_passed_time:
            self.pass_time(SPIN_TIME)
        if self.bite is not None:
            deadline, until = self.deadline, self.until
            self._reset_by_watchdog()
            self.deadline, self.until = deadline, until

    def _fault(self, error):
        """ARMv6-M B1.5: HardFault is vector 3. A fault while it is handled would lock the core up;
        either way the watchdog ends it."""
        self.faults += 1
        place = self.core.reg_read(arm_const.UC_ARM_REG_PC)
        if self.faults > 3 * (self.resets + 1):
            raise blocks.Violation(f"the core faults again and again, last at {place:#x}: {error}")
        vectors = self.ppb.vectors
        if not vectors:
            raise blocks.Violation(f"fault at {place:#x} before the vectors were set: {error}")
        (handler,) = struct.unpack("<I", self.memory(vectors + 12, 4))
        self.core.reg_write(arm_const.UC_ARM_REG_LR, 0xFFFF_FFF9)
        self.at = handler | 1

    def jump(self, address):
        """A wild core: it goes on at `address`."""
        self.at = address | 1

    def hang(self, program=b"\xFE\xE7", **registers):
        """A core that loops for ever in RAM that is not the firmware's: `b .`, or PROGRAM."""
        self.core.mem_write(STAGE_2_AT + 0x80, program)
        for name, value in registers.items():
            self.core.reg_write(getattr(arm_const, f"UC_ARM_REG_{name.upper()}"), value)
        self.at = STAGE_2_AT + 0x80 | 1

    def stick_ram(self, address, bit, level):
        """A cell of RAM that reads LEVEL whatever is written."""
        def read(core, access, place, size, value, _):
            (word,) = struct.unpack("<I", core.mem_read(address, 4))
            word = word | 1 << bit if level else word & ~(1 << bit)
            core.mem_write(address, struct.pack("<I", word))

        self.core.hook_add(unicorn.UC_HOOK_MEM_READ, read, None, address, address + 3)
