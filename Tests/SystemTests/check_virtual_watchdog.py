#!/usr/bin/env python3
"""busbard on the virtual board, where the machine itself ends: watchdog, panic, power cut.

    .build/venv/bin/python Tests/SystemTests/check_virtual_watchdog.py [RULES...]

Each of these ends a boot, so each has one of its own. The watchdog is a device of the machine
(i6300ESB) and resets it; that relays and K2 are open long before then is the world's to say.
"""

import pathlib
import sys
import tempfile
import time

from virtual_board import Judge
from virtual_device import (
    ARM, PROGRAMS, TRIP, VirtualDevice, Wrong, judge_ran_out, make_site, virtual_device)

import board  # In board/virtual, which virtual_board puts into the path.

# 2^4 ns for each instruction: what spins costs this machine its time, so the guest's passes faster.
SLOW = 4
# Longer than the watchdog of busbard is ever set to.
LONG = 60


def bites(judge, what, device, script):
    """The script in the guest, and then the watchdog."""
    try:
        device.guest.run(f"echo mark {what} >/run/world\n{script}\nsleep {LONG}", 280)
        ended = f"it still runs after {LONG} s"
    except board.BoardEnded as end:
        ended = str(end)
    judge.equal(f"{what}: the watchdog resets the machine", ended, "watchdog")


def when_stopped(judge):
    with virtual_device(limit=300) as device:
        device.new_heating()
        bites(judge, "SIGSTOP", device, f"kill -STOP {device.pid}")
        judge_ran_out(judge, "SIGSTOP", device, "SIGSTOP")


def when_killed(judge):
    with virtual_device(limit=300) as device:
        device.new_heating()
        bites(judge, "SIGKILL", device, f"kill -9 {device.pid}")
        judge_ran_out(judge, "SIGKILL", device, "SIGKILL")


def when_spinning(judge):
    """A tick that never ends, at real-time priority, with the processor to itself."""
    with virtual_device(SLOW, limit=300) as device:
        device.start("LD_PRELOAD=/lib/spin.so")
        device.heat()
        bites(judge, "spin", device, "touch /run/spin")
        judge_ran_out(judge, "a tick that spins", device, "spin")


def when_the_kernel_panics(judge):
    """panic=0: the kernel itself would stand still for ever."""
    with virtual_device(limit=300, arguments="panic=0") as device:
        device.new_heating()
        bites(judge, "panic", device, "echo c >/proc/sysrq-trigger")
        console = device.guest.console.read_text(errors="replace")
        judge.that("panic: it was one", "Kernel panic" in console, console[-500:])


def not_after_an_ordered_stop(judge):
    """Its relays proven off, busbard disarms the watchdog: the machine goes on."""
    with virtual_device(limit=300) as device:
        device.new_heating()
        device.signal("TERM")
        try:
            device.guest.run(f"sleep {LONG}", 280)
            ended = "it still runs"
        except board.BoardEnded as end:
            ended = str(end)
        judge.equal("asked to stop, busbard disarms the watchdog", ended, "it still runs")


def power_cut(judge):
    """T24 with a power cut: the lock-out is on the disk before the power is gone.

    QEMU is killed, so what the guest's kernel had not written is lost. In real time: in virtual
    time a disk's answers come late.
    """
    with tempfile.TemporaryDirectory() as directory:
        site = make_site(directory)
        disk = board.make_disk(pathlib.Path(directory) / "disk")

        def boot(name):
            return board.VirtualBoard(f"{directory}/{name}", PROGRAMS, trees={"/site": site},
                                      disk=disk, limit=300)

        with boot("first") as guest:
            guest.start_world()
            device = VirtualDevice(guest)
            device.start(state="/disk/state")
            device.heat()
            lines = device.befall("gas", {"action": "set", "quantity": "gas", "value": 1})
            judge.that("power cut: the leak trips", lines.first(TRIP), lines)
            guest.cut_power()
        with boot("second") as guest:
            guest.start_world()
            device = VirtualDevice(guest)
            device.start(state="/disk/state")
            guest.run("sleep 2")
            judge.equal("after the power cut it is locked out by the same",
                        device.codes()[:1], ["E103"])
            lines = device.log.lines()
            judge.equal("after the power cut no ARM is written",
                        [line for line in lines if line.words.startswith(ARM)], [])
            edges = [line for line in lines if line.words.startswith("permit ")]
            judge.equal("after the power cut the permit line stands still", edges, [])
            judge.that("after the power cut no relay is on",
                       not [line for line in lines if line.words.endswith(" on")], lines)


TRIED = (when_stopped, when_killed, when_spinning, when_the_kernel_panics,
         not_after_an_ordered_stop, power_cut)


def main():
    wanted = [each for each in TRIED if len(sys.argv) == 1 or each.__name__ in sys.argv[1:]]
    judge = Judge()
    started = time.monotonic()
    for each in wanted:
        began = time.monotonic()
        try:
            each(judge)
        except (Wrong, board.Unavailable, board.BoardEnded, board.ScriptFailed) as error:
            judge.that(each.__name__, False, error)
        print(f"{each.__name__}: {time.monotonic() - began:.0f} s", flush=True)
    print(f"watchdog on the virtual board: {judge.held} rules held, {len(judge.broken)} broken, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if judge.broken or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
