#!/usr/bin/env python3
"""Whoever ends busbard with the heater on: the lease opens the relays, N of N times, by each way.

    .build/venv/bin/python Tests/SystemTests/measure_lease.py [--rounds N] [--jobs N] [WAY...]

`kill -9`, SIGSTOP and a tick that spins for ever, on the virtual board in its own time: a device
heats and is kept; each round goes on from there and is struck at another phase of busbard's ticks.
A kernel panic ends the simulated relay board, too, and so its rounds are measure_panic.py's.

Measured on the world's log: from the last heartbeat that the board took until element and power
were open, and from the last change of the permit line until K2 was. Fails if one of them is over
its limit, if anything closes again, or if the board was tripped: then it was not the lease.
`make bench ONLY=lease` calls this.
"""

import argparse
import concurrent.futures
import random
import sys
import time

from distribution import heading, row
from virtual_board import Lines, milliseconds
from virtual_device import CONTROL, TRIP, Wrong, virtual_device

import board  # In board/virtual, which virtual_board puts into the path.

#: ms; the world's own changes stand at whole ms.
LEASE, DROP_OUT = 500 + 1, 300 + 1
#: ms of the guest from the mark to the deed, which its shell does by itself: a program that it had
#: to start took 12 where an instruction takes 16 ns.
DOING = 10
#: µs after the deed: the lease, the monostable and time in which something might close again.
WATCHED = 1_200_000
#: s of this machine for that, which takes one when it is idle.
PATIENCE = 600
BOOT_LIMIT = 1_800

#: The deed for the guest's shell, the environment of busbard, and ns for an instruction as a power
#: of 2: what spins costs this machine its time, so the guest's passes faster there.
WAYS = {
    "kill -9": ("kill -9 {pid}", "", 2),
    "SIGSTOP": ("kill -STOP {pid}", "", 2),
    "a tick that spins": (": >/run/spin", "LD_PRELOAD=/lib/spin.so", 4),
}


def watched(device):
    """The log from the deed on, as soon as enough of it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        lines = device.log.lines()
        marks = [line.at for line in lines if line.words == "command mark deed"]
        if marks and lines[-1].at >= marks[0] + WATCHED:
            return Lines(lines), marks[0]
        if time.monotonic() > deadline:
            raise Wrong(f"the world's log stands still at {lines[-1:]}, the deed was at {marks}")
        time.sleep(0.01)


def strike(device, deed, source):
    """ms from last heartbeat to open relays, from the deed to them, from the last edge to K2."""
    device.log.begin = device.guest.load("heating")
    # Nothing can answer any more where a tick spins.
    device.guest.send(f"sleep 0.{source.randrange(150, 450)}; echo mark deed >/run/world; "
                      + deed.format(pid=device.pid))
    lines, struck = watched(device)
    device.guest.pause()
    opened = [lines.first(f"relay {name} off") for name in ("element", "power")]
    last = None if None in opened else max(opened)
    closed = [line for line in lines if line.words.endswith((" on", "k2 closed"))]
    if closed or lines.first(TRIP):
        raise Wrong(f"not the lease alone: {closed}, {lines.named(TRIP)}")
    return (milliseconds(lines.last(CONTROL), last), milliseconds(struck, last),
            milliseconds(lines.last("permit "), lines.first("k2 open")))


def boot_and_strike(way, rounds, seed):
    deed, environment, virtual_time = WAYS[way]
    source = random.Random(f"{seed} {way}")
    with virtual_device(virtual_time, limit=BOOT_LIMIT, snapshots=True) as device:
        device.start(environment)
        device.heat()
        device.guest.save("heating")
        return [strike(device, deed, source) for _ in range(rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ways", nargs="*", metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ways = options.ways or list(WAYS)
    if set(ways) - set(WAYS):
        parser.error(f"found {ways}; allowed are {', '.join(WAYS)}")
    started = time.monotonic()
    verdicts = []
    print("on the virtual board, in its own time:")
    print(heading())
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        rounds = {way: pool.submit(boot_and_strike, way, options.rounds, options.seed)
                  for way in ways}
        for way, future in rounds.items():
            try:
                found = list(zip(*future.result()))
            except (Wrong, board.Unavailable, board.BoardEnded, board.ScriptFailed) as error:
                print(f"{way}: not measured: {error}")
                verdicts.append(False)
                continue
            for what, values, limit in (("last heartbeat to relays open", found[0], LEASE),
                                        ("deed to relays open", found[1], LEASE + DOING),
                                        ("last edge to K2 open", found[2], DROP_OUT)):
                line, is_within = row(f"{way}: {what}", values, limit)
                print(line, flush=True)
                verdicts.append(is_within)
    print(f"lease: {options.rounds} rounds each, seed {options.seed}, "
          f"{time.monotonic() - started:.0f} s")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
