"""Deliberate defects in the relay board's program, each built and each caught.

A defect is one text in one file that is replaced by another. The image that comes of it must fail
the test that is named beside it; the tests have passed on the true image before. A defect that
nothing catches means that the tests prove less than they say.

    mutants.py [NAME...]
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).parent
CORE, FIRMWARE = "Sources/RelayBoard", "board/relay-board/Firmware"

#: Name, file, true text, defect, and the test that must fail.
MUTANTS = (
    ("a repeated heartbeat renews the lease", f"{CORE}/RelayBoardCore.swift",
     "if number != lastHeartbeat &+ 1 {", "if number &- lastHeartbeat > 1 {",
     "check_rules.Scenarios.test_u03_repeated_heartbeat"),
    ("a wrong PEC is taken", f"{CORE}/BlockTransfer.swift",
     "if code.value != 0 {", "if code.value == 0x01 {",
     "check_rules.Scenarios.test_u04_bad_pec"),
    ("spark without valve is allowed", f"{CORE}/RelayMask.swift",
     "if contains(.spark), !contains(.valve) { return true }", "",
     "check_rules.Scenarios.test_u05_forbidden_masks"),
    ("ARM needs no local reset", f"{CORE}/RelayBoardCore.swift",
     "guard localReset.counts else { return .noLocalReset }", "",
     "check_rules.Scenarios.test_u06_arm_while_tripped"),
    ("the valve need not rest", f"{CORE}/RelayBoardCore.swift",
     "if isHeatResting, relays.intersects(.heat) { return .heatResting }", "",
     "check_rules.Scenarios.test_u07_valve_rests"),
    ("relays high at reset", f"{FIRMWARE}/startup.S",
     ".equ SIO_OUT_CLR, 0x18", ".equ SIO_OUT_CLR, 0x14",
     "check_rules.Scenarios.test_u08_nothing_moves_before_arm"),
    ("a lease is compared by absolute times", f"{CORE}/RelayBoardCore.swift",
     "if isLeaseRunning, now &- leaseSince >= leaseLength {",
     "if isLeaseRunning, now >= leaseSince &+ leaseLength {",
     "check_rules.Scenarios.test_u10_lease_to_the_millisecond"),
    ("the rest of a reply stays in the FIFO", f"{FIRMWARE}/I2CTarget.swift",
     "I2C0.data.value = UInt32(core.transmit())",
     "I2C0.data.value = UInt32(core.transmit())\n        I2C0.data.value = 0xFF",
     "check_rules.Bus.test_identity"),
    ("an abort is cleared only by the next read", f"{FIRMWARE}/I2CTarget.swift",
     "if flags & I2C0.abort != 0 { _ = I2C0.clearAbort.value }", "",
     "check_rules.Bus.test_a_read_that_another_breaks_into"),
    ("boot2 sets the SSI up while it is on", f"{FIRMWARE}/boot2.S",
     "    str  r1, [r3, #0x08]        // SSIENR: off while it is set up\n", "",
     "check_power.Boot.test_a_healthy_boot"),
    ("the watchdog is not started", f"{FIRMWARE}/Watchdog.swift",
     "WatchdogRegisters.control.value = WatchdogRegisters.enable", "",
     "check_power.Core.test_a_hung_core"),
    ("any pass feeds the watchdog", f"{FIRMWARE}/Watchdog.swift",
     "guard chain.value == wholeChain else { return }",
     "guard chain.value != .max else { return }",
     "check_power.Core.test_a_pass_that_is_not_whole"),
    ("the watchdog does not wait for an erasure", f"{FIRMWARE}/TripFlash.swift",
     "        Watchdog.allowErasing()\n", "",
     "check_latch.FullLog.test_a_sector_erased_in_operation"),
    ("a watchdog reset leaves the pins alone", f"{FIRMWARE}/Registers.swift",
     "UInt32 = 0x0001_FFFC", "UInt32 = 0x0001_8000",
     "check_power.Core.test_a_hung_core"),
    ("a fault leaves the relays on", f"{FIRMWARE}/startup.S",
     "    str  r1, [r0, #SIO_OUT_CLR]\n    b    _fault", "    b    _fault",
     "check_power.Core.test_a_wild_jump"),
    ("watchdog resets are not counted", f"{FIRMWARE}/Watchdog.swift",
     "memory.restarted(by: cause, after: WatchdogRegisters.scratch(3).value)", "",
     "check_power.Core.test_three_resets_in_ten_minutes_trip"),
    ("a pin may differ for half a second", f"{CORE}/RelayBoardLimits.swift",
     "mismatch: UInt32 = 50_000", "mismatch: UInt32 = 500_000",
     "check_power.Core.test_a_pin_that_does_not_follow"),
    ("the trip latch is not read at boot", f"{FIRMWARE}/Board.swift",
     "if memory.tripCause == .none, let cause", "if memory.tripCause == .host, let cause",
     "check_latch.Latch.test_through_a_power_cycle"),
    ("a torn record is no trip", f"{CORE}/TripLog.swift",
     "guard isTorn else { return }", "guard isTorn, number > 77 else { return }",
     "check_latch.Latch.test_power_lost_while_a_trip_is_written"),
    ("the flash is programmed by code in flash", f"{FIRMWARE}/flash.S",
     ".section .in_ram, \"awx\", %progbits", ".section .text.flash_change_in_ram, \"ax\"",
     "check_latch.Latch.test_through_a_power_cycle"),
    ("the image's CRC is not compared", f"{FIRMWARE}/ImageCheck.swift",
     "return isWhole", "return isWhole || position != 0",
     "check_power.Boot.test_a_damaged_image_never_arms"),
    ("the RAM test ends before the RAM", f"{FIRMWARE}/startup.S",
     "ldr  r1, =__ram_end", "ldr  r1, =__ram_start + 64",
     "check_power.Boot.test_a_stuck_bit_in_ram"),
    ("the clocks are not compared", f"{FIRMWARE}/ClockSetup.swift",
     "return difference &* 50 <= expected", "return difference <= expected || elapsed != 0",
     "check_power.Boot.test_a_clock_that_changes_in_operation"),
)


def build(folder, mutant):
    """The image with that defect.

    - Raises: RuntimeError when it does not build, or when the defect fits no longer.
    """
    _, path, true, defect, _ = mutant
    for name in ("Sources/RelayBoard", "board/relay-board"):
        shutil.copytree(ROOT / name, folder / name)
    file = folder / path
    text = file.read_text()
    if text.count(true) != 1:
        raise RuntimeError(f"{path} has {text.count(true)} times what the defect replaces: {true}")
    file.write_text(text.replace(true, defect))
    result = subprocess.run(
        [ROOT / ".ci/firmware", folder], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"it does not build: {(result.stdout + result.stderr)[-2_000:]}")
    return folder / ".build/firmware/relay-board.uf2"


def is_caught(uf2, test):
    """Whether that test fails on that image."""
    result = subprocess.run(
        [sys.executable, "-m", "unittest", "-q", test], cwd=HERE,
        env=os.environ | {"FIRMWARE": str(uf2), "PYTHONPATH": str(HERE)},
        capture_output=True, text=True, check=False, timeout=300)
    told = result.stderr.strip().splitlines()
    # A test that cannot be found fails too, and catches nothing.
    if "Ran 1 test" not in result.stderr or "_FailedTest" in result.stderr:
        raise RuntimeError(f"{test} did not run: {told[-3:]}")
    reasons = [line for line in told if line and line[0].isalpha() and "Error" in line.split()[0]
               or line.startswith(("blocks.", "host.", "board.", "i2c_target."))]
    return result.returncode != 0, reasons[0] if reasons else ""


def main():
    began = time.monotonic()
    wanted = sys.argv[1:]
    mutants = [each for each in MUTANTS if not wanted or each[0] in wanted]
    unknown = set(wanted) - {each[0] for each in MUTANTS}
    if unknown:
        print(f"mutants: there is none called {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    survived = 0
    for mutant in mutants:
        name, *_, test = mutant
        with tempfile.TemporaryDirectory(prefix="busbar-mutant-") as folder:
            try:
                caught, reason = is_caught(build(pathlib.Path(folder), mutant), test)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                caught, reason = False, str(error)
        survived += not caught
        verdict = "caught" if caught else "SURVIVED"
        print(f"  {verdict:<9}{name:<44}{test.split('.')[-1]}", flush=True)
        print(f"           {reason[:90]}", flush=True)
    print(
        f"mutants: {len(mutants) - survived} of {len(mutants)} caught, "
        f"{time.monotonic() - began:.0f} s")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
