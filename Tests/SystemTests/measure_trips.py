#!/usr/bin/env python3
"""How fast busbard cuts, over many trips on the virtual board. `make bench ONLY=trips` calls this.

    .build/venv/bin/python Tests/SystemTests/measure_trips.py [--trips N] [--jobs N] [--seed N]
                                                              [--without full|stopped|flood]

Against it are, in each trip: a disk that is full; a journal that stands still, because the file
system below it is frozen and its thread waits in the kernel; and 8,000 frames/s of others on the
bus. Gas leaks at some time of its own; the second frame that says so decides. Measured in the
guest's virtual time, from when that frame went out, which is before the kernel's time stamp of it,
to the TRIP that reached the relay board's register, and to the last change of the permit line.

A device heats, all of that befalls it, and the guest is kept; each trip then goes on from there,
with the sensor's frames at another phase of busbard's ticks. After so many trips comes another
boot. Fails if a trip is over the limit, and if one was not under those conditions; `--without`
leaves one of them out, so that this is seen.
"""

import argparse
import concurrent.futures
import pathlib
import random
import sys
import tempfile
import time

from distribution import heading, row
from virtual_board import Lines, milliseconds
from virtual_device import TRIP, Wrong, deciding_frame, virtual_device

import board  # In board/virtual, which virtual_board puts into the path.

#: ms: one tick, and the tick's own work.
LIMIT = 100 + 5
FLOOD = 8_000
TRIPS_PER_BOOT = 100
#: What one processor of this machine needs for a boot and its trips: some 150 s when it is idle.
BOOT_LIMIT = 1_800
#: s of this machine for a trip, which takes one; a machine may stand still for a while.
SCRIPT_LIMIT = 600


def fill_and_freeze(device, without):
    """The disk becomes full, is seen so, and then it stands still with the journal's thread."""
    if without != "full":
        device.guest.run("head -c 64m /dev/zero >/disk/fill 2>/dev/null; sync")
    if device.guest.attempt("echo more >/disk/more")[0] == 0:
        raise Wrong("the disk is not full: it took more")
    device.wait(lambda state: "E603" in [alarm["code"] for alarm in state["alarms"]],
                "E603, the journal cannot be written")
    if without != "stopped":
        device.guest.run("fsfreeze --freeze /disk")
    for _ in range(100):
        if journal_state(device) == "D":
            return
        device.guest.run("sleep 0.1")
    raise Wrong(f"the journal's thread does not wait for the frozen disk: {journal_state(device)}")


def journal_words(pid):
    """For the guest's shell: prints the state of the journal's thread."""
    return (f"for task in /proc/{pid}/task/*; do [ $(cat $task/comm) = journal ] && "
            "sed 's/.*) //; s/ .*//' $task/stat; done; true")


def journal_state(device):
    return device.guest.run(journal_words(device.pid)).strip()


def besieged_device(device, without):
    device.guest.run("cat /state.img >/dev/ram0; mkdir -p /disk; mount -t ext4 /dev/ram0 /disk")
    device.start(state="/disk/state")
    device.heat()
    fill_and_freeze(device, without)
    if not heats(device):
        raise Wrong("the device no longer heats with its journal stopped")
    device.guest.tell_world(f"flood {0 if without == 'flood' else FLOOD}")
    device.guest.run("sleep 1")


def heats(device):
    changes = [line.words for line in device.log.lines()
               if line.words.startswith(("relay element", "relay power"))]
    return changes[-2:] == ["relay power on", "relay element on"]


COUNT = "cat /sys/class/net/can0/statistics/rx_packets; cut -d' ' -f1 /proc/uptime"


def trip(device, source):
    """(ms to TRIP, ms to the last permit edge, frames received, in so many s)."""
    device.log.begin = device.guest.load("besieged")
    output = device.guest.run(f"""
        echo frames {source.randrange(100)} >/run/world
        sleep 0.2{source.randrange(1000):03}
        {COUNT}
        cat >/run/world <<'END'
mark gas
{{"action":"set","quantity":"gas","value":1}}
END
        sleep 0.8
        {COUNT}
        {journal_words(device.pid)}""", SCRIPT_LIMIT).split()
    device.guest.pause()
    if output[4:] != ["D"]:
        raise Wrong(f"the journal's thread did not stand still in a trip: {output[4:]}")
    received, seconds = int(output[2]) - int(output[0]), float(output[3]) - float(output[1])
    # The kernel tells its time in steps of 10 ms: at both ends it may be wrong by one.
    if received < FLOOD * (seconds - 0.02):
        raise Wrong(f"the flood was none in a trip: {received} frames in {seconds:.2f} s")
    lines = device.log.since("gas")
    decided = deciding_frame(lines)
    everything = Lines(device.log.lines())
    if decided is None or (everything.first(TRIP) or decided) < decided:
        raise Wrong(f"it was not gas that tripped: {everything.first(TRIP)}, decided at {decided}")
    return (milliseconds(decided, lines.first(TRIP)),
            milliseconds(decided, everything.last("permit ")), received, seconds)


def boot_and_trip(seed, count, without):
    source = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        disk = board.make_disk(pathlib.Path(directory) / "disk", "8M")
        with virtual_device(
            limit=BOOT_LIMIT, snapshots=True, files={"/state.img": disk}
        ) as device:
            besieged_device(device, without)
            device.guest.save("besieged")
            return [trip(device, source) for _ in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trips", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", choices=("full", "stopped", "flood"))
    options = parser.parse_args()
    started = time.monotonic()
    counts = [min(TRIPS_PER_BOOT, options.trips - done)
              for done in range(0, options.trips, TRIPS_PER_BOOT)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        boots = [pool.submit(boot_and_trip, f"{options.seed}.{number}", count, options.without)
                 for number, count in enumerate(counts)]
        trips = []
        for future in boots:
            try:
                trips += future.result()
            except (Wrong, board.Unavailable, board.BoardEnded, board.ScriptFailed) as error:
                print(f"trips: a boot was not measured to its end: {error}", flush=True)
            print(f"{len(trips)} trips, {time.monotonic() - started:.0f} s", file=sys.stderr)
    if not trips:
        return 1
    rate = sum(each[2] for each in trips) / sum(each[3] for each in trips)
    print(f"on the virtual board in its own time; disk full, journal stopped, {rate:,.0f} frames/s "
          f"received; {len(boots)} boots, {time.monotonic() - started:.0f} s")
    print(heading())
    lines = [row("deciding frame to TRIP in the register", [each[0] for each in trips], LIMIT),
             row("deciding frame to the last permit edge", [each[1] for each in trips], LIMIT)]
    for line, _ in lines:
        print(line)
    if rate < FLOOD:
        print(f"trips: the flood was none: {rate:,.0f} frames/s, not {FLOOD:,}")
    is_whole = len(trips) == options.trips and rate >= FLOOD
    return 0 if is_whole and all(is_within for _, is_within in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
