#!/usr/bin/env python3
"""The virtual board itself: what can-utils, i2c-tools and libgpiod's tools see of its interfaces.

Nothing of Busbar's controller runs here. What this proves is that the board behaves as hardware
does, faults included, so that a test of the controller on it means something: a CAN interface that
goes bus-off and is restarted, an I2C bus where transfers fail in each way, a relay board whose
lease ends to the millisecond, contactors in series, a watchdog that resets the machine.

It runs in virtual time: its times are the guest's, whatever else this machine is doing.
"""

import sys
import tempfile
import time

from virtual_board import (
    ROOT, Judge, WorldLog, block, block_read, block_write, milliseconds)

import board  # noqa: E402  # In board/virtual, which virtual_board puts into the path.

SITE = ROOT / "board/water-heater"
WORLD = ROOT / ".build/release/virtual-world"


def check_frames(guest, judge):
    guest.run("ip link set can0 type can bitrate 500000 restart-ms 0 && ip link set can0 up")
    frames = guest.run("timeout 3 candump -t a -n 20 can0", 60).splitlines()
    seen = [line.split() for line in frames]
    # Those of its messages that the site reads.
    judge.equal("the sensor node sends its messages",
                {words[2] for words in seen}, {"120", "121", "122"})
    times = [float(words[0].strip("()")) for words in seen if words[2] == "120"]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    judge.that("each every 200 ms, within 10 ms", gaps and
               all(0.19 <= gap <= 0.21 for gap in gaps), gaps)
    details = guest.run("ip -details link show can0")
    judge.that("the kernel knows the bit rate", "bitrate 500000" in details, details)
    judge.that("and the state", "state ERROR-ACTIVE" in details, details)


def check_bus_off(guest, judge, log):
    guest.run("candump -x can0,0:0,#FFFFFFFF >/run/dump & echo $! >/run/dump.pid")
    guest.tell_world("mark bus-off")
    for state, name in (("passive", "ERROR-PASSIVE"), ("busOff", "BUS-OFF")):
        guest.tell_world({"action": "bus", "state": state})
        guest.run("sleep 0.1")
        details = guest.run("ip -details link show can0")
        judge.that(f"the kernel calls {state} {name}", f"state {name}" in details, details)
    # The trap that every controller falls into once: it is told that the frame has gone.
    status, output = guest.attempt("cansend can0 123#00")
    judge.that("a frame that is written in bus-off is lost without an error",
               status == 0, f"{status}: {output}")
    guest.run(": >/run/dump; sleep 1")
    judge.equal("nothing is received in bus-off", guest.run("cat /run/dump"), "")
    guest.run("ip link set can0 type can restart; sleep 1")
    details = guest.run("ip -details link show can0")
    judge.that("a restart makes it active again", "state ERROR-ACTIVE" in details, details)
    judge.that("the controller saw the restart", log.since("bus-off").first("can O"), "no \"O\"")
    dump = guest.run("cat /run/dump; kill $(cat /run/dump.pid)")
    judge.that("frames come again", " 120 " in dump, dump)
    judge.that("the restart is told by an error frame", " 20000100 " in dump, dump)


def status(guest):
    """The relay board's status register, or nil if its PEC was wrong."""
    return block(0x01, guest.run(block_read(0x01, 16)))


def hold(number, mask, times, then=""):
    """A script that holds relays: a heartbeat each 100 ms, and a pulse of the permit line."""
    lines = []
    for index in range(times):
        lines.append(block_write(0x02, (number + index) & 0xFF, mask, 0))
        lines.append("gpioset -m time -u 50000 pinctrl-virtual 17=1 & sleep 0.1")
    return "\n".join([*lines, then])


def check_relays(guest, judge, log):
    identity = block(0x00, guest.run(block_read(0x00, 8)))
    judge.equal("the board says BUSB, map 1, all self-tests passed",
                identity and (bytes(identity[:4]), identity[4], identity[7]), (b"BUSB", 1, 7))
    judge.equal("one that is not addressed does not answer",
                guest.attempt("i2ctransfer -y 1 w1@0x44 0x01 r18")[0], 1)
    first = status(guest)
    judge.that("its status has a right PEC", first is not None, first)
    number = first[3] + 1
    guest.tell_world("mark unarmed")
    guest.run(block_write(0x02, number, 0x01, 0))
    judge.equal("not armed, it refuses (4)", status(guest)[12], 4)
    guest.tell_world("mark armed")
    guest.run(block_write(0x03, 1, 500 & 0xFF, 500 >> 8, 0))
    guest.run("\n".join([
        block_write(0x04, 0x41, 0x52), hold(number, 0x03, 12, "cat /run/header/sim_gpio27/value"),
        block_read(0x01, 16), "gpioget pinctrl-virtual 27 22"]))
    guest.run("sleep 1")
    lines = log.since("armed")
    judge.that("armed and held, power and pump close",
               lines.first("relay power on") and lines.first("relay pump on"), lines)
    closed = lines.first("power closed")
    judge.that("with K2 held there is power", closed, lines)
    last = lines.last("i2c 02")
    judge.within("after the last heartbeat the relays drop with the lease",
                 milliseconds(last, lines.last("relay power off")), 499, 501)
    edge = lines.last("permit ")
    judge.within("after the last edge of the permit line K2 opens",
                 milliseconds(edge, lines.last("k2 open")), 299, 301)
    judge.equal("one forbidden mask (spark alone) is refused (7)",
                block(0x01, guest.run(block_write(0x02, number, 0x08, 0) + "\n"
                                      + block_read(0x01, 16)))[12], 7)


def check_bus_faults(guest, judge):
    before = status(guest)
    damaged = block_write(0x05, 0x54, 0x50).rsplit(" ", 1)[0] + " 0x00"
    guest.run(damaged)
    judge.equal("a TRIP with a wrong PEC does not trip", status(guest)[0] & 8, 0)
    counters = block(0x06, guest.run(block_read(0x06, 8)))
    judge.equal("and is counted", counters[0], 1)
    guest.tell_world({"action": "damageTransfers", "count": 1})
    judge.equal("an answer that is damaged on its way has a wrong PEC", status(guest), None)
    for fault, words in (("open", "No such device or address"), ("stuck", "timed out"),
                         ("contested 9", "Resource temporarily unavailable")):
        guest.tell_world(f"i2c {fault}")
        code, output = guest.attempt(block_read(0x01, 16))
        judge.that(f"a bus that is {fault.split()[0]} fails as \"{words}\"",
                   code == 1 and words in output, f"{code}: {output}")
        guest.tell_world("i2c ok")
    guest.tell_world({"action": "delayBoard", "byMs": 40})
    took = guest.run(f"cut -d' ' -f1 /proc/uptime; {block_read(0x01, 16)} >/dev/null; "
                     "cut -d' ' -f1 /proc/uptime").split()
    judge.within("a clock that is stretched by 40 ms holds the caller for as long",
                 (float(took[1]) - float(took[0])) * 1_000, 30, 90)
    guest.tell_world({"action": "delayBoard", "byMs": 0})
    guest.tell_world({"action": "restartBoard", "forMs": 20})
    guest.run("sleep 0.1")
    after = status(guest)
    judge.equal("a board that restarted says so", (after[6], after[7]), (1, before[7] + 1))


def check_lines(guest, judge):
    def level(line):
        return guest.run(f"gpioget pinctrl-virtual {line}").strip()

    judge.equal("the emergency stop is released (high)", level(24), "1")
    guest.tell_world("line 24 low")
    judge.equal("pressed, it reads low", level(24), "0")
    guest.tell_world({"action": "pressReset"})
    judge.equal("the reset button reads high while it is pressed", level(23), "1")
    guest.tell_world({"action": "releaseReset"})
    judge.equal("and low when it is released", level(23), "0")
    found = guest.run("gpiodetect")
    judge.that("the chip is found by its label", "[pinctrl-virtual]" in found, found)


def check_watchdog(guest, judge):
    judge.equal("the watchdog is QEMU's i6300ESB",
                guest.run("cat /sys/class/watchdog/watchdog0/identity 2>/dev/null || "
                          "dmesg | grep -o i6300ESB | head -1").strip()[:8], "i6300ESB")
    # Magic close first: it must disarm, or the next would prove nothing.
    guest.run("exec 9>/dev/watchdog; printf V >&9; exec 9>&-; sleep 40")
    try:
        # Opened and left: the machine is reset after 30 s, and no shell answers.
        guest.run("exec 9>/dev/watchdog; exec 9>&-; sleep 40", 60)
        ended = "not at all"
    except board.BoardEnded as end:
        ended = str(end)
    judge.equal("closed without its magic V, the watchdog resets the machine", ended, "watchdog")


def main():
    judge = Judge()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        try:
            with board.VirtualBoard(
                directory, [WORLD], trees={"/site": SITE}, virtual_time=2, limit=150
            ) as guest:
                log = WorldLog(guest.world_log)
                guest.start_world(profile="dev")
                check_frames(guest, judge)
                check_bus_off(guest, judge, log)
                check_relays(guest, judge, log)
                check_bus_faults(guest, judge)
                check_lines(guest, judge)
                check_watchdog(guest, judge)
        except board.Unavailable as error:
            print(f"check_virtual_interfaces: {error}")
            return 1
    print(f"virtual board: {judge.held} rules held, {len(judge.broken)} broken, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if judge.broken else 0


if __name__ == "__main__":
    sys.exit(main())
