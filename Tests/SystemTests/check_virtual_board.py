#!/usr/bin/env python3
"""busbard on the virtual board: frames in, relays out, and each fault of the hardware.

    .build/venv/bin/python Tests/SystemTests/check_virtual_board.py [RULES...]

The release binaries run on Debian's kernel in QEMU, with real SocketCAN, i2c-dev, gpiochip and
watchdog; what hangs on them is simulated (board/virtual). All of it in virtual time: each time here
is the guest's own. The names of what is tried may be given, to try only that.

Rows of the specification's table that are run here: T11, T13, T21, T24, T25, T26. Of the field's
failures: 4, 11, 12, 13, 14 and 26.
"""

import sys
import time

from virtual_board import Judge, milliseconds
from virtual_device import (
    ARM, CONTROL, TRIP, Wrong, deciding_frame, judge_open, judge_ran_out, virtual_device)

import board  # In board/virtual, which virtual_board puts into the path.

# From a frame's time stamp to the cut: one tick, and 5 ms for the tick's own work.
REACTION = 105
LEASE = 500
# K2's monostable, and the world's millisecond.
DROP_OUT = 301
# 2^2 ns for each instruction.
VIRTUAL_TIME = 2


def heats(device, judge):
    """Frames in, relays out: from the start to a minute of heat."""
    device.new_heating()
    lines = device.log.since("heat")
    order = [lines.first(f"relay {name} on") for name in ("power", "pump", "element")]
    judge.that("K1, then the pump, then the element", None not in order and order == sorted(order),
               order)
    judge.that("K2 closes behind K1", lines.first("k2 closed") >= order[0], lines.first("k2"))
    before = run_time(device)
    lines = device.befall("minute", seconds=60)
    after = run_time(device)
    edges = [line.at for line in lines.named("permit ")]
    gaps = [milliseconds(*pair) for pair in zip(edges, edges[1:])]
    judge.that("the permit line rises in each tick of a minute", len(edges) >= 598, len(edges))
    judge.that("each tick is done within its period, 5 ms early or late",
               gaps and 95 <= min(gaps) and max(gaps) <= 105, (min(gaps), max(gaps)))
    judge.that("nothing opens in that minute", not lines.first("relay "), lines.named("relay "))
    missed = device.status()["device"]["ticks_missed"]
    judge.equal("no tick was missed", missed, 0)
    nanoseconds = (after - before) / 600
    print(f"a tick's budget: {nanoseconds / 2 ** VIRTUAL_TIME:,.0f} instructions of the control "
          f"thread, kernel included; latest edge {max(gaps) - 100:+.1f} ms", flush=True)
    # 5 ms of a processor that does 250 million instructions a second, a tenth of a Pi 4's.
    judge.that("a tick takes at most 1,250,000 instructions",
               nanoseconds / 2 ** VIRTUAL_TIME <= 1_250_000, nanoseconds)


def run_time(device):
    """The control thread's time on the processor since it began, in ns."""
    return int(device.guest.run(
        f"for task in /proc/{device.pid}/task/*; do [ $(cat $task/comm) = control ] && "
        "cut -d' ' -f1 $task/schedstat; done; true"))


def gas_leak(device, judge):
    """T11 in RUN, and T24: what cuts, how fast, and that a restart clears nothing."""
    device.new_heating()
    lines = device.befall("gas", {"action": "set", "quantity": "gas", "value": 1})
    decided = deciding_frame(lines)
    judge.within("from the deciding frame to TRIP",
                 milliseconds(decided, lines.first(TRIP)), 0, REACTION)
    last = [line.at for line in lines.named("permit ")][-1]
    judge.within("from the deciding frame to the last permit edge",
                 milliseconds(decided, last), -100, REACTION)
    judge.within("from the last permit edge to K2 open",
                 milliseconds(last, lines.first("k2 open")), 299, DROP_OUT)
    judge_open(judge, "gas leak", lines, decided, REACTION + 1, REACTION + DROP_OUT)
    judge.equal("first-out is E103", device.codes()[:1], ["E103"])

    device.signal("KILL")
    device.guest.tell_world("mark restart")
    device.start()
    device.guest.run("sleep 2")
    judge.equal("killed and started again, it is locked out by the same",
                device.codes()[:1], ["E103"])
    lines = device.log.since("restart")
    judge.equal("no ARM is written", lines.named(ARM), [])
    judge.equal("the permit line stands still", lines.named("permit "), [])


def emergency_stop(device, judge):
    device.new_heating()
    lines = device.befall("stop", "line 24 low")
    # Two samples: the second tick that sees it cuts.
    judge_open(judge, "emergency stop", lines, lines[0].at, 100 + REACTION,
               100 + REACTION + DROP_OUT)
    judge.equal("emergency stop: first-out is E407", device.codes()[:1], ["E407"])


def sensors_silent(device, judge):
    """T13: heat off when the temperature is 2 s old, FATAL at 10 s."""
    device.new_heating()
    lines = device.befall("silent", {"action": "stopNode"}, seconds=12)
    frames = [line.at for line in device.log.lines()
              if line.words.startswith("frame ") and line.at <= lines[0].at]
    judge.within("silent sensors: the element opens 2 s after the last frame",
                 milliseconds(frames[-1], lines.first("relay element off")),
                 1_900, 2_000 + REACTION)
    judge.within("silent sensors: the power is cut 10 s after it",
                 milliseconds(frames[-1], lines.first(TRIP)), 9_900, 10_000 + REACTION)
    judge.equal("silent sensors: first-out is E302", device.codes()[:1], ["E302"])


def bus_off(device, judge):
    """Field failure 11: the bus is restarted by itself, ever more slowly, and nothing is cut."""
    device.new_heating()
    waits = []
    for number in range(3):
        lines = device.befall(f"off {number}", {"action": "bus", "state": "busOff"}, seconds=1.5)
        waits.append(milliseconds(lines[0].at, lines.first("can O")))
    judge.that("bus-off is ended by a restart each time", None not in waits, waits)
    judge.that("each wait is no shorter than the one before",
               None not in waits and waits == sorted(waits), waits)
    print(f"bus-off: restarted after {waits} ms", flush=True)
    stands = [alarm["code"] for alarm in device.status()["alarms"]]
    judge.that("bus-off: E501 was raised", "E501" in stands, stands)
    details = device.guest.run("ip -details link show can0")
    judge.that("bus-off: the kernel calls it active again", "ERROR-ACTIVE" in details, details)
    device.guest.run("sleep 2")
    judge.equal("bus-off: nothing is locked out", device.codes(), [])


def board_lost(device, judge):
    """T21: nobody acknowledges the relay board; and the same with a line that is held."""
    for fault in ("open", "stuck"):
        device.new_heating()
        lines = device.befall(fault, f"i2c {fault}", seconds=3)
        heartbeats = [line.at for line in device.log.lines()
                      if line.words.startswith(CONTROL) and line.at < lines[0].at + 20_000]
        last = heartbeats[-1]
        what = f"I2C {fault}"
        judge.within(f"{what}: the lease ends after the last heartbeat",
                     milliseconds(last, lines.first("relay element off")), LEASE - 1, LEASE + 1)
        # The third tick that fails cuts: two more edges, then the monostable. On a bus that hangs
        # a tick waits for two time-outs of a fifth of its period before it comes to the line.
        waits = 40 if fault == "stuck" else 0
        judge_open(judge, what, lines, last, LEASE + 1, 2 * REACTION + DROP_OUT + waits)
        judge.equal(f"{what}: first-out is E401", device.codes()[:1], ["E401"])
        edges = [line.at for line in lines.named("permit ")]
        judge.that(f"{what}: no tick was held up for longer than 250 ms",
                   all(later - earlier < 250_000 for earlier, later in zip(edges, edges[1:])),
                   edges)


def transfers_fail(device, judge):
    """Field failure 26 and less: what passes must not cut, what restarts must."""
    device.new_heating()
    passing = {
        "one arbitration lost": ["i2c contested 1"],
        "two transfers damaged": [{"action": "damageTransfers", "count": 2}],
        "a clock stretched by 3 ms": [{"action": "delayBoard", "byMs": 3}],
    }
    for what, commands in passing.items():
        lines = device.befall(what, *commands)
        judge.that(f"{what}: heats on", not lines.first("relay ") and not lines.first(TRIP),
                   lines.named("relay "))
        device.guest.tell_world({"action": "delayBoard", "byMs": 0})
    judge.equal("after these nothing is locked out", device.codes(), [])


def board_restarts(device, judge):
    """T26."""
    device.new_heating()
    lines = device.befall("board", {"action": "restartBoard", "cause": "watchdog", "forMs": 40})
    judge_open(judge, "board restarts", lines, lines[0].at, 5, 2 * REACTION + DROP_OUT)
    judge.equal("board restarts: first-out is E403", device.codes()[:1], ["E403"])


def stopped(device, judge):
    """T25: the process stands still for 3 s with the permit line high, and goes on."""
    device.new_heating()
    device.guest.run(f"""
        while kill -STOP {device.pid}; [ "$(cat /run/header/sim_gpio17/value)" = 0 ]; do
            kill -CONT {device.pid}
        done
        echo mark stopped >/run/world
        sleep 3""")
    judge.equal("stopped for 3 s: with the permit line high",
                device.guest.run("cat /run/header/sim_gpio17/value").strip(), "1")
    judge_ran_out(judge, "stopped for 3 s", device, "stopped")
    device.guest.run(f"kill -CONT {device.pid}; sleep 1")
    judge.equal("stopped for 3 s: first-out is E402", device.codes()[:1], ["E402"])
    judge.equal("stopped for 3 s: nothing comes back when it goes on",
                [line for line in device.log.since("stopped")
                 if line.words.endswith((" on", " closed"))], [])
    stands = [alarm["code"] for alarm in device.status()["alarms"]]
    judge.that("stopped for 3 s: E601 tells of the late tick", "E601" in stands, stands)


def killed(device, judge):
    """kill -9 with the heater on, several times: off with the lease, and locked out after it."""
    for number in range(3):
        device.new_heating()
        device.guest.run(f"echo mark killed {number} >/run/world; kill -9 {device.pid}; sleep 1")
        judge_ran_out(judge, "kill -9", device, f"killed {number}")
    device.start()
    judge.equal("kill -9: first-out is E402", device.codes()[:1], ["E402"])


def flooded(device, judge):
    """Field failures 12 and 13: a bus full of foreign frames, and a leak in the middle of them."""
    device.new_heating()
    device.guest.tell_world("mark flood")
    sent = "/sys/class/net/can0/statistics/tx_packets"
    count = device.guest.run(f"""
        cat {sent}
        cangen can0 -g 0.1 -p 10 -I 7F0 -L 0 >/dev/null 2>&1 &
        echo $! >/run/flood
        sleep 3
        cat {sent}""").split()
    lines = device.log.since("flood")
    rate = (int(count[1]) - int(count[0])) / 3
    print(f"a flood of {rate:,.0f} foreign frames a second", flush=True)
    # As many as go through the serial line: seven times what the field complains of (300), and
    # two thirds of what 500 kbit/s carry.
    judge.that("a flood is one: 2,000 frames a second", rate >= 2_000, rate)
    judge.that("a flood of foreign frames: heats on", not lines.first("relay "),
               lines.named("relay "))
    lines = device.befall("flooded leak", {"action": "set", "quantity": "gas", "value": 1})
    device.guest.run("kill $(cat /run/flood)")
    decided = deciding_frame(lines)
    judge.within("a flood: from the deciding frame to TRIP",
                 milliseconds(decided, lines.first(TRIP)), 0, REACTION)
    judge.equal("a flood: first-out is E103", device.codes()[:1], ["E103"])


def asked_to_stop(device, judge):
    """Relays off first, then the end; and nothing is latched by it."""
    device.new_heating()
    device.guest.run(f"""
        echo mark term >/run/world
        kill -TERM {device.pid}
        while [ -d /proc/{device.pid} ]; do sleep 0.1; done
        sleep 0.5""", 30)
    lines = device.log.since("term")
    judge_open(judge, "asked to stop", lines, lines[0].at, REACTION + 5, REACTION + DROP_OUT + 5)
    judge.equal("asked to stop: the board was not tripped", lines.named(TRIP), [])
    device.start()
    judge.equal("asked to stop: nothing is locked out", device.codes(), [])


TRIED = (heats, gas_leak, emergency_stop, sensors_silent, bus_off, board_lost, transfers_fail,
         board_restarts, stopped, killed, flooded, asked_to_stop)


def main():
    wanted = [each for each in TRIED if len(sys.argv) == 1 or each.__name__ in sys.argv[1:]]
    judge = Judge()
    started = time.monotonic()
    try:
        with virtual_device(VIRTUAL_TIME) as device:
            for each in wanted:
                began = time.monotonic()
                try:
                    each(device, judge)
                except Wrong as error:
                    judge.that(each.__name__, False, error)
                print(f"{each.__name__}: {time.monotonic() - began:.0f} s", flush=True)
    except (board.Unavailable, board.BoardEnded, board.ScriptFailed) as error:
        judge.that("the virtual board runs to its end", False, error)
    print(f"busbard on the virtual board: {judge.held} rules held, {len(judge.broken)} broken, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if judge.broken or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
