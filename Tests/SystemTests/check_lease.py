"""The proof that matters most: the daemon dies with the heater on, and the relays drop by the lease.

Real are the daemon (busbard, release build) and the relay board's program: its unmodified firmware
runs in an emulated Pico, a process of its own, and what is judged are that chip's pins. Each round
starts both anew, waits until power and heating element are on, and then

- kills busbard with SIGKILL, or stops it with SIGSTOP, at another phase of its tick each time;
- reads off the emulator's log when the relays dropped.

Judged is the time from the last heartbeat that the board accepted to its pins, on the board's own
clock: at most the lease, whatever else this machine does. And the time from the kill to the pins on
this machine's clock: at most the lease and what the emulator was behind real time.

    check_lease.py [--rounds N] [--seconds S] [--programs DIR]
"""

import argparse
import concurrent.futures
import json
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from chain import ROOT, built_programs
from device import Device, Wrong

sys.path.insert(0, str(ROOT / "Tests/FirmwareTests"))
from board import UF2  # noqa: E402
from host import ELEMENT, POWER, PUMP  # noqa: E402

HEATING = POWER | PUMP | ELEMENT
#: ms, of the site file.
LEASE = 500
#: ms: a pass of the firmware's loop where the clock is looked at every 50 µs.
PASS = 1
#: ms: until the kernel has ended a process that was killed, on a machine with other work. Measured:
#: under 10 where nothing else runs.
ENDING = 100


def make_site(directory):
    """The reference site with an electric element, and nothing to wait for but the self-check."""
    source = ROOT / "board/water-heater"
    directory.mkdir()
    site = json.loads((source / "site.json").read_text())
    site["heating"]["profile"] = "electric"
    site["heating"]["parameters"] |= {"precircMs": 0, "leaseMs": LEASE}
    (directory / "site.json").write_text(json.dumps(site))
    shutil.copy(source / "sensors.dbc", directory)
    return directory


def copy_firmware(directory):
    """What `make firmware` has built; a copy, for whoever builds it anew meanwhile."""
    if not UF2.exists():
        subprocess.run([ROOT / ".ci/firmware"], check=True, stdout=subprocess.DEVNULL)
    return shutil.copy(UF2, directory)


class Rig(Device):
    """A daemon, and the emulated board that it drives."""

    def __init__(self, directory, site, programs, firmware):
        super().__init__(directory, site, programs)
        self.firmware = firmware
        (self.directory / "state").mkdir(parents=True)
        self.board_log = self.directory / "board.jsonl"

    def start_board(self):
        with open(self.log("emulate"), "ab") as log:
            self.processes["emulate"] = subprocess.Popen(
                [sys.executable, ROOT / "Tests/FirmwareTests/emulate.py", self.directory / "b",
                 "--firmware", self.firmware, "--log", self.board_log], stdout=log, stderr=log)
        self.wait("the emulated board listens", 10, (self.directory / "b").exists)

    def start_busbard(self):
        self.start(
            "busbard", "--board", f"socket:{self.directory / 'b'}", "--state-dir",
            self.directory / "state", "--socket", self.socket)

    def wait(self, what, seconds, is_so):
        """- Returns: what IS_SO gave when it gave something."""
        deadline = time.monotonic() + seconds
        while True:
            for name in self.processes:
                self.expect_running(name)
            found = is_so()
            if found:
                return found
            if time.monotonic() > deadline:
                raise Wrong(f"not within {seconds} s: {what}; {self.last_words()}")
            time.sleep(0.005)

    def last_words(self):
        lines = self.lines()
        return f"the board's last line is {lines[-1] if lines else 'none'}"

    def lines(self):
        if not self.board_log.exists():
            return []
        # The last line may be half written.
        whole, _, _ = self.board_log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def relays(self):
        changes = [line["relays"] for line in self.lines() if "relays" in line]
        return changes[-1] if changes else 0

    def heat(self):
        """Starts both, and returns when the element is on."""
        self.start_board()
        self.start_busbard()
        self.wait(
            "the self-check is done", 30,
            lambda: self.status()["interlock"]["selfcheck"] == "done")
        answer = self.call(("heating.start", {}))[0]
        if "error" in answer:
            raise Wrong(f"heat was refused: {json.dumps(answer)}")
        self.wait("power and element are on", 30, lambda: self.relays() == HEATING)

    def drop_after(self, moment):
        """What the board's log says of the drop after MOMENT, all in ms."""
        def is_off():
            return next(
                (line for line in self.lines()
                 if line.get("relays") == 0 and line["t"] >= moment - 0.05), None)

        off = self.wait("the relays drop", 5, is_off)
        beats = [line for line in self.lines() if "heartbeat" in line and line["us"] <= off["us"]]
        lag = max(
            line["lag_ms"] for line in self.lines() if moment - 0.2 <= line["t"] <= off["t"] + 0.1)
        return {
            "kill": (off["t"] - moment) * 1_000, "lease": (off["us"] - beats[-1]["us"]) / 1_000,
            "lag": lag,
        }

    def expect_nothing_on(self, seconds):
        """The relays stay off for so long, whatever the daemon does."""
        before = len(self.lines())
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(0.05)
        for line in self.lines()[before:]:
            if line.get("relays"):
                raise Wrong(f"relays {line['relays']:#x} came back: {line}")

    def expect_locked(self, code):
        lockout = self.wait(
            f"{code} locks out", 10,
            lambda: self.status()["lockout"]["locked"] and self.status()["lockout"])
        if lockout["first_out"] != code:
            raise Wrong(f"locked out by {lockout['first_out']}, not by {code}")


def judge(measured):
    if measured["lease"] > LEASE + PASS:
        raise Wrong(f"{measured['lease']:.1f} ms from the last heartbeat to the pins")
    if measured["kill"] > LEASE + ENDING + measured["lag"]:
        raise Wrong(f"{measured['kill']:.1f} ms from the signal to the pins: {measured}")


def kill(rig, phase):
    """SIGKILL. A daemon that is started again finds the board tripped, and switches nothing."""
    time.sleep(phase)
    moment = time.monotonic()
    rig.processes["busbard"].kill()
    rig.processes.pop("busbard").wait()
    measured = rig.drop_after(moment)
    rig.start_busbard()
    rig.expect_locked("E402")
    rig.call(("heating.start", {}))
    rig.expect_nothing_on(0.5)
    return measured


def stop(rig, phase):
    """SIGSTOP. When it goes on it must not take up where it was."""
    time.sleep(phase)
    moment = time.monotonic()
    rig.processes["busbard"].send_signal(signal.SIGSTOP)
    measured = rig.drop_after(moment)
    rig.processes["busbard"].send_signal(signal.SIGCONT)
    rig.expect_locked("E402")
    rig.expect_nothing_on(0.5)
    return measured


def silence(rig, phase):
    """The board hangs with its relays on: the daemon neither waits for it nor trusts it."""
    time.sleep(phase)
    before = rig.status()["tick"]
    began = time.monotonic()
    rig.processes["emulate"].send_signal(signal.SIGSTOP)
    try:
        rig.expect_locked("E401")
        locked = (time.monotonic() - began) * 1_000
        status = rig.wait(
            "K2 opens", 2,
            lambda: rig.status()["interlock"]["power_sense"] == "off" and rig.status())
    finally:
        rig.processes["emulate"].send_signal(signal.SIGCONT)
    seconds = time.monotonic() - began
    ticks = status["tick"] - before
    if ticks < seconds * 10 * 0.7:
        raise Wrong(f"{ticks} ticks in {seconds:.1f} s: the daemon waited for the board")
    rig.wait("the board drops its relays too", 5, lambda: rig.relays() == 0)
    return {"locked": locked}


def attempt(number, way, phase, directory, site, programs, firmware):
    rig = Rig(directory / f"{number}", site, programs, firmware)
    try:
        rig.heat()
        measured = way(rig, phase)
        if way is not silence:
            judge(measured)
        return way.__name__, measured, None
    except (Wrong, OSError, KeyError) as error:
        words = [line for name in ("emulate", "busbard") for line in rig.words(name).splitlines()]
        return way.__name__, None, (f"{type(error).__name__}: {error}", words[-6:])
    finally:
        rig.kill()


def table(results):
    """The distribution of what was measured, in ms."""
    print(f"  {'':<34}{'rounds':>7}{'least':>9}{'median':>9}{'most':>9}")
    for way, key, name in (
        ("kill", "kill", "SIGKILL to pins low"), ("kill", "lease", "  last heartbeat to pins low"),
        ("stop", "kill", "SIGSTOP to pins low"), ("stop", "lease", "  last heartbeat to pins low"),
        ("silence", "locked", "a board that hangs to E401"),
    ):
        found = sorted(measured[key] for which, measured, _ in results
                       if which == way and measured)
        if found:
            print(
                f"  {name:<34}{len(found):>7}{found[0]:>9.1f}{statistics.median(found):>9.1f}"
                f"{found[-1]:>9.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12, help="kills; a third as many stops")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--programs", help="where the built programs are")
    options = parser.parse_args()
    programs = pathlib.Path(options.programs or built_programs())
    source = random.Random(20261121)
    stops = max(1, options.rounds // 3)
    plan = [(kill, number / options.rounds) for number in range(options.rounds)]
    plan += [(stop, number / stops) for number in range(stops)] + [(silence, 0)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="busbar-lease-") as name:
        directory = pathlib.Path(name)
        site = make_site(directory / "site")
        firmware = copy_firmware(directory)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            # Phases of a tick of 100 ms, in its parts and at random within each.
            futures = [
                pool.submit(
                    attempt, number, way, 0.1 * (part + source.random() / len(plan)), directory,
                    site, programs, firmware)
                for number, (way, part) in enumerate(plan)
            ]
            results = [future.result() for future in futures]
    wrong = [each for _, _, each in results if each]
    for detail, words in wrong:
        print(f"lease: {detail}")
        for line in words:
            print(f"    {line}")
    table(results)
    print(
        f"lease: {len(results) - len(wrong)} of {len(results)} rounds: relays off within the lease "
        f"of {LEASE} ms; {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
