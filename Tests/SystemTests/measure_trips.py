#!/usr/bin/env python3
"""How fast busbard cuts, over many trips on the virtual board. `make bench` calls this.

    .build/venv/bin/python Tests/SystemTests/measure_trips.py [--trips N]

Each trip: a new device heats, on a disk that is full and under 2,800 foreign frames a second; gas
leaks at some time of its own; the second frame that says so decides. Measured in the guest's
virtual time, from when that frame went out, which is before the kernel's time stamp of it, to the
TRIP that the relay board got, and to the last change of the permit line.

Then as many kills, by kill -9 and SIGSTOP in turn, and how long after the last heartbeat the relays
were open. Fails if one of them is over its limit.
"""

import argparse
import random
import sys
import time

from virtual_board import Lines, milliseconds
from virtual_device import CONTROL, TRIP, deciding_frame, virtual_device

TICK, SLACK, LEASE = 100, 5, 500
# A boot for so many; each is 8 s of the guest's time.
TRIPS_PER_BOOT = 25


def full_disk(device):
    """A tmpfs in which nothing is left, for the journal."""
    device.guest.run(
        "mkdir -p /run/full && mount -t tmpfs -o size=2m tmpfs /run/full && "
        "mkdir /run/full/state; head -c 4m /dev/zero >/run/full/fill 2>/dev/null; true")
    device.state_directory = "/run/full/state"


def trip(device, source):
    """(ms to TRIP, ms to the last permit edge)."""
    device.new_heating()
    device.guest.run(
        "cangen can0 -g 0.1 -p 10 -I 7F0 -L 0 >/dev/null 2>&1 & echo $! >/run/flood; "
        f"sleep 0.{source.randrange(1000):03}")
    lines = device.befall("gas", {"action": "set", "quantity": "gas", "value": 1}, seconds=1)
    device.guest.run("kill $(cat /run/flood)")
    decided = deciding_frame(lines)
    return (milliseconds(decided, lines.first(TRIP)),
            milliseconds(decided, lines.last("permit ")))


KILLS = {
    "kill -9": lambda device: f"kill -9 {device.pid}",
    "SIGSTOP": lambda device: f"kill -STOP {device.pid}",
}


def kill(device, way, source):
    """ms from the last heartbeat until K1 and the element were open."""
    device.new_heating()
    device.guest.run(f"sleep 0.{source.randrange(1000):03}; echo mark kill >/run/world; "
                     f"{KILLS[way](device)}; sleep 1")
    lines = Lines(device.log.lines())
    after = device.log.since("kill")
    opened = [after.first(f"relay {name} off") for name in ("element", "power")]
    return milliseconds(lines.last(CONTROL), None if None in opened else max(opened))


def row(what, found, limit):
    """One line of the distribution; whether all are within the limit."""
    known = sorted(each for each in found if each is not None)
    missing = len(found) - len(known)
    if not known:
        print(f"{what:<44} none of {len(found)} was seen")
        return False

    def share(part):
        return known[min(len(known) - 1, int(part * len(known)))]

    is_within = not missing and known[-1] <= limit
    print(f"{what:<44} {len(found):>4} least {known[0]:6.1f} p50 {share(0.5):6.1f} "
          f"p99 {share(0.99):6.1f} most {known[-1]:6.1f} ms, at most {limit}: "
          + ("within" if is_within else f"OVER, {missing} not seen"), flush=True)
    return is_within


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trips", type=int, default=TRIPS_PER_BOOT)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    source = random.Random(options.seed)
    started = time.monotonic()
    trips, kills = [], {way: [] for way in KILLS}
    while len(trips) < options.trips:
        with virtual_device(limit=3_600) as device:
            full_disk(device)
            for _ in range(min(TRIPS_PER_BOOT, options.trips - len(trips))):
                trips.append(trip(device, source))
    with virtual_device(limit=3_600) as device:
        for number in range(options.trips):
            way = list(KILLS)[number % len(KILLS)]
            kills[way].append(kill(device, way, source))
    print(f"on the virtual board, in its own time; seed {options.seed}, "
          f"{time.monotonic() - started:.0f} s:")
    verdicts = [
        row("frame to TRIP, disk full, bus flooded", [each[0] for each in trips], TICK + SLACK),
        row("frame to the last permit edge", [each[1] for each in trips], TICK + SLACK),
    ]
    verdicts += [
        row(f"{way}: last heartbeat to relays open", found, LEASE + 1)
        for way, found in kills.items()
    ]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
