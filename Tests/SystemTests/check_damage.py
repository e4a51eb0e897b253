#!/usr/bin/env python3
"""Damages every file of a device in every 512 bytes, and starts the real programs on it.

    .build/venv/bin/python Tests/SystemTests/check_damage.py [--all | --cases N] [--seed N]

A device is made by the real busbard and killed while it is locked out by a gas leak, with its
journal half in the database and half in the log. Each case is a copy of it with one bit flipped in
one 512-byte place of one file, or with that file cut off there. busbard and busbar-uplink are
started on the copy together, and then:

- both come up in time, stay up, say little, and end with 0 when they are asked to;
- the lockout still locks: it is told, no relay is on, and heat is refused;
- each event of the device is still in the journal with the same bytes, or its loss is told: the
  file was put aside and an event says so, or a gap is declared, or a new epoch was begun;
- events that are made after the start are found by whoever reads the queue: a page at a time no
  number is missing, and busbar-uplink has the same last number as the files;
- a second start finds nothing left to put aside.

Without --all the cases of the database, its log and its index are a sample, drawn from the seed
that the last line names; all other files, and the gaps that the database declares, are damaged in
all their places. What nobody ever reads, the content of the reserve, is flipped in all its places
in one case, and cut off in a sample. With --all, and some 2,500 cases, it takes ten minutes on two
cores. The judgement reads the files with Python's sqlite3.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chain import LANES, built_programs  # noqa: E402
from device import Device, Wrong, make_credentials, make_site, make_victim  # noqa: E402

PLACE = 512
# What a start on sound files prints, and some words about what was found.
LINES_MAX = 12
# Their places are sampled, in these shares; all others are tried each time. The database gets the
# most: in the log a checksum ends what is read, and the index is made anew.
LARGE = {
    "state/journal.sqlite3": 0.55, "state/journal.sqlite3-wal": 0.35,
    "state/journal.sqlite3-shm": 0.1,
}

Case = collections.namedtuple("Case", "file kind place bit")


def all_cases(victim, source):
    cases = []
    for path in sorted(victim.directory.glob("*/*")):
        name = str(path.relative_to(victim.directory))
        size = path.stat().st_size
        places = range(0, size, PLACE)
        if name == "state/reserve":
            cases.append(Case(name, "flip everywhere", 0, source.randrange(8)))
            cases += [Case(name, "cut", place, 0) for place in source.sample(places, 6)]
            continue
        for start in places:
            place = min(start + source.randrange(PLACE), size - 1)
            cases.append(Case(name, "flip", place, source.randrange(8)))
            cases.append(Case(name, "cut", start, 0))
    return cases


def gap_cases(look, all_bits, source):
    """Each byte of the declared gaps: a wrong one would hide all events from then on, and is too
    small to be met by chance."""
    cases = []
    for place in look.places_of("gaps"):
        bits = range(8) if all_bits else source.sample(range(8), 2)
        cases += [Case("state/journal.sqlite3", "flip", place, bit) for bit in bits]
    return cases


def sample(cases, count, source):
    """All of the small files; of the large ones COUNT in their shares, and always their ends."""
    chosen = [case for case in cases if case.file not in LARGE]
    for name, share in LARGE.items():
        mine = [case for case in cases if case.file == name]
        last = max(case.place for case in mine) // PLACE
        ends = [case for case in mine if case.place // PLACE in (0, last)]
        rest = [case for case in mine if case not in ends]
        wanted = round(count * share) - len(ends)
        chosen += ends + source.sample(rest, max(0, min(len(rest), wanted)))
    return chosen


def damage(path, case):
    if case.kind == "cut":
        os.truncate(path, case.place)
        return
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        step = PLACE if case.kind == "flip everywhere" else size
        for place in range(case.place, size, step):
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << case.bit]))


def copy(victim, directory):
    for name in ("state", "uplink", "credentials"):
        shutil.copytree(
            victim.directory / name, directory / name, ignore=shutil.ignore_patterns("reserve"))
    # 4 MB that nobody writes: shared, but in the cases that damage it.
    os.link(victim.directory / "state/reserve", directory / "state/reserve")
    return Device(directory, victim.site, victim.programs)


def expect_locked(status):
    if not status["lockout"]["locked"]:
        raise Wrong(f"the lockout is gone: {json.dumps(status['lockout'])}")
    # One damage leaves one of its two copies, and so its reason.
    if status["lockout"]["first_out"] != "E103":
        raise Wrong(f"the lockout is of {status['lockout']['first_out']}, not of the gas leak")
    if status["interlock"]["state"] != "TRIPPED":
        raise Wrong(f"locked, and the interlock is {status['interlock']['state']}")
    on = [
        relay["id"] for relay in status["interlock"]["relays"]
        if relay["commanded"] or relay["actual"]
    ]
    if on:
        raise Wrong(f"locked, and on are {', '.join(on)}")


def expect_refusal(device):
    answer = device.call(("heating.start", {}))[0]
    result = answer.get("result", {})
    if "error" not in answer and result.get("changed"):
        raise Wrong(f"heat was not refused: {json.dumps(answer)}")
    expect_locked(device.status())


def expect_quiet(device):
    for name in ("busbard", "busbar-uplink"):
        lines = device.words(name).splitlines()
        if len(lines) > LINES_MAX:
            raise Wrong(f"{name} said {len(lines)} lines, the last: {lines[-1]}")


def expect_nothing_lost(device, before):
    """- Returns: what became of the events, for the summary."""
    after = device.events()
    altered = [name for name, event in before.items() if after.get(name, event) != event]
    missing = [name for name in before if name not in after]
    aside = device.told("queue.quarantined")
    for each in aside:
        if not (device.directory / "state" / each["file"]).exists():
            raise Wrong(f"{each['file']} is told of and is not there")
    if aside:
        return "put aside"
    gaps = device.gaps()
    reasons = {each["reason"] for each in device.told("queue.opened")}
    silent = [
        (lane, epoch, seq) for lane, epoch, seq in missing
        if not any(lane == where and first <= seq <= last for where, first, last in gaps)
    ]
    if silent and not reasons & {"rollback", "quarantine"}:
        raise Wrong(f"{len(silent)} events are gone and nothing says so, first {silent[0]}")
    if altered:
        name = altered[0]
        raise Wrong(
            f"{len(altered)} events are not what they were and nothing says so, first {name}: "
            f"{before[name]} became {after[name]}")
    return "lost and told" if missing else "kept"


def make_events(device):
    """Events that are newer than all that was there: answers to commands."""
    device.call(*[
        ("heating.setTarget", {"target_millicelsius": 40_000 + 1_000 * number})
        for number in range(4)
    ])


PAGE = 16


def expect_found(device):
    """Goes through each lane as a reader of the queue does, a page at a time, and expects to meet
    the last run's events and no number that is neither an event nor declared to be none."""
    newest = device.query("SELECT max(n) FROM runs")[0][0]
    gaps = device.gaps()
    for lane in LANES:
        begins = {row[0] for row in device.query(f"SELECT {lane}_first FROM epochs")}
        met, next_number = 0, None
        while True:
            page = device.query(
                f"SELECT seq, run FROM {lane}_lane WHERE seq >= {next_number or 0} "
                f"ORDER BY seq LIMIT {PAGE}")
            if not page:
                break
            for seq, run in page:
                # At the end of an epoch nothing need be declared, nor before the first event left.
                while next_number is not None and next_number < seq:
                    if any(next_number < begin <= seq for begin in begins) or next_number in begins:
                        break
                    end = max(
                        (last for where, first, last in gaps
                         if where == lane and first <= next_number <= last), default=None)
                    if end is None:
                        raise Wrong(f"{lane}: number {next_number} is missing before {seq}")
                    next_number = end + 1
                met += run == newest
                next_number = seq + 1
        if lane == "event" and met < 4:
            raise Wrong(f"{met} events of the last run are found in order, not the 4 of commands")


def expect_same_last(device):
    """The uplink asks for what lies behind its place as long as this number says that there is
    something: one that stands still keeps every event from leaving."""
    wanted = device.last_numbers()
    deadline = time.monotonic() + 10
    while True:
        found = {lane["lane"]: lane["last"] for lane in device.uplink_status(0)["lanes"]}
        if found == wanted:
            return
        if time.monotonic() > deadline:
            raise Wrong(f"the last numbers are {wanted}, and the uplink has {found}")
        time.sleep(0.1)


def expect_acknowledged(device, status, cursor):
    """A damaged cursor may acknowledge nothing that the sound one did not."""
    for lane in status["lanes"]:
        if lane["acknowledged"] > cursor.get(lane["lane"], 0):
            raise Wrong(f"{lane['lane']}: {lane['acknowledged']} counts as acknowledged")


def attempt(victim, before, cursor, case):
    with tempfile.TemporaryDirectory(prefix="busbar-damage-") as name:
        device = copy(victim, pathlib.Path(name))
        path = device.directory / case.file
        if case.file == "state/reserve":
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content)
        damage(path, case)
        try:
            started = time.time()
            device.start_uplink()
            device.start_busbard()
            expect_locked(device.status())
            expect_acknowledged(device, device.uplink_status(started), cursor)
            expect_refusal(device)
            make_events(device)
            # Some ticks: whatever the start put off is done by then.
            time.sleep(0.3)
            expect_locked(device.status())
            device.stop("busbard")
            fate = expect_nothing_lost(device, before)
            aside = len(device.told("queue.quarantined"))
            expect_found(device)
            expect_same_last(device)
            size = (device.directory / "state/reserve").stat().st_size
            if size < 4 << 20:
                raise Wrong(f"the reserve has {size} bytes")
            device.expect_running("busbar-uplink")
            expect_quiet(device)
            device.log("busbard").unlink()
            device.start_busbard()
            expect_locked(device.status())
            device.stop("busbard")
            device.stop("busbar-uplink")
            expect_quiet(device)
            if len(device.told("queue.quarantined")) > aside:
                raise Wrong("the second start put a file aside again")
            return case, fate, None
        except (Wrong, sqlite3.Error, OSError, ValueError, KeyError) as error:
            detail = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
            words = [
                line for program in ("busbard", "busbar-uplink")
                for line in device.words(program).splitlines()[-4:]
            ]
            return case, "wrong", (detail, words)
        finally:
            device.kill()


def read_cursor(device):
    lines = (device.directory / "uplink/uplink-cursor").read_text().splitlines()[1:-1]
    return {line.split()[0]: int(line.split()[2]) for line in lines}


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true", help="every place of every file")
    parser.add_argument("--cases", type=int, default=300, help="of the large files")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--only", help="cases of this file alone, such as state/queue-mark")
    parser.add_argument("--jobs", type=int, default=8 * (os.cpu_count() or 2))
    parser.add_argument("--programs", help="where the built programs are")
    return parser.parse_args()


def main():
    options = parse_options()
    programs = options.programs or built_programs()
    source = random.Random(options.seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="busbar-damage-") as name:
        directory = pathlib.Path(name)
        victim = Device(
            directory / "victim", make_site(directory / "site"), pathlib.Path(programs))
        victim.directory.mkdir()
        make_credentials(victim.directory / "credentials", directory / "pki")
        try:
            make_victim(victim)
        finally:
            victim.kill()
        # A look at the victim's own files would fold its log into the database.
        look = copy(victim, directory / "look")
        before, cursor = look.events(), read_cursor(look)
        every = all_cases(victim, source)
        cases = every if options.all else sample(every, options.cases, source)
        gaps = gap_cases(look, options.all, source)
        every, cases = every + gaps, cases + gaps
        cases = [case for case in cases if options.only in (None, case.file)]
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(lambda case: attempt(victim, before, cursor, case), cases))
    return report(options, results, len(every), len(before), time.monotonic() - started)


def report(options, results, count, events, seconds):
    fates = collections.Counter(fate for _, fate, _ in results)
    for case, _, wrong in results:
        if wrong:
            detail, words = wrong
            print(f"damage: {case.file}: {case.kind} at {case.place}, bit {case.bit}: {detail}")
            for line in words:
                print(f"    {line}")
    figures = ", ".join(f"{number} {fate}" for fate, number in sorted(fates.items()))
    print(
        f"damage: {len(results)} of {count} cases on a device with {events} events, seed "
        f"{options.seed}: {figures}; {seconds:.0f} s")
    # Damage that nothing was seen of would prove nothing.
    if options.only is None:
        for fate in ("kept", "put aside", "lost and told"):
            if not fates[fate]:
                print(f"damage: no case was {fate}: this tries nothing")
                return 1
    return 1 if fates["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
