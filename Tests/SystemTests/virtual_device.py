"""The real busbard on a virtual board: `--board rpi`, as it is installed, with a heater to heat."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

from virtual_board import ROOT, Lines, WorldLog, milliseconds

import board  # In board/virtual, which virtual_board puts into the path.

INSTALLED = ROOT / ".build/installed/usr"
PROGRAMS = [INSTALLED / "bin/busbard", INSTALLED / "bin/busbar",
            ROOT / ".build/release/virtual-world"]
SOCKET = "/run/control.sock"
# Bytes of the i2c lines in the world's log: the register.
CONTROL, ARM, TRIP = "i2c 02", "i2c 04", "i2c 05"
# The message with flow, level and contacts, and where in it the gas sensor's bit is.
WATER, GAS_BIT = 289, 49


def make_site(directory):
    """The reference site with an electric element and an emergency stop, soon to heat."""
    source = ROOT / "board/water-heater"
    folder = pathlib.Path(directory) / "site"
    folder.mkdir()
    site = json.loads((source / "site.json").read_text())
    site.pop("profiles")
    site["heating"] |= {"profile": "electric", "parameters": {
        "target": 38_000, "siteLimit": 65_000, "precircMs": 0, "postcircMs": 0, "leaseMs": 500,
        "flowProveMs": 2_000}}
    site["interlock"]["emergencyStop"] = True
    site["lines"]["emergencyStop"] = "GPIO24"
    (folder / "site.json").write_text(json.dumps(site, indent=2))
    shutil.copy(source / "sensors.dbc", folder)
    return folder


def make_spinner(directory):
    """board/virtual/spin.c as a library."""
    library = pathlib.Path(directory) / "spin.so"
    subprocess.run(["cc", "-O", "-shared", "-fPIC", "-o", library, ROOT / "board/virtual/spin.c"],
                   check=True)
    return library


class Wrong(Exception):
    """What did not come about, so that nothing behind it can be judged."""


class VirtualDevice:
    """busbard on a booted board, and the world's log of what it does."""

    def __init__(self, guest):
        self.guest = guest
        self.log = WorldLog(guest.world_log)
        self.state_directory = "/run/state"
        self.pid = None

    # busbard

    def start(self, environment="", state=None):
        """Starts busbard and waits until its self-check is done or it is locked out."""
        self.state_directory = state or self.state_directory
        self.guest.run(f"mkdir -p {self.state_directory}; ulimit -c 0")
        self.pid = self.guest.start(
            f"env {environment} busbard --site /site --board rpi --socket {SOCKET} "
            f"--state-dir {self.state_directory}", log="/run/busbard.log")
        self.wait(lambda state: state["interlock"]["selfcheck"] == "done"
                  or state["lockout"]["locked"], "the self-check")

    def status(self):
        code, output = self.guest.attempt(f"busbar status --json --socket {SOCKET}")
        if code != 0:
            return None
        return json.loads(output)

    def wait(self, condition, what, seconds=120):
        """Until busbard's status fulfils the condition; some 30 s of the guest's time at most."""
        deadline = time.monotonic() + seconds
        for _ in range(150):
            status = self.status()
            if status is not None and condition(status):
                return status
            if time.monotonic() > deadline:
                break
            self.guest.run("sleep 0.2")
        raise Wrong(f"{what} did not come about: {json.dumps(status)[:2_000]}\n{self.words()}")

    def words(self):
        return self.guest.run("tail -c 2000 /run/busbard.log 2>/dev/null || true").strip()

    def heat(self):
        """Asks for heat and waits until the element is on."""
        self.guest.tell_world("mark heat")
        self.guest.run(f"busbar heating start --socket {SOCKET}")
        for _ in range(100):
            if self.log.since("heat").first("relay element on"):
                self.guest.run("sleep 1")
                return
            self.guest.run("sleep 0.2")
        raise Wrong(f"the element does not come on: {json.dumps(self.status())[:2_000]}\n"
                    f"{self.words()}")

    def signal(self, name):
        self.guest.run(f"kill -{name} {self.pid}")

    def forget(self):
        """As if the device were new: no busbard, no record, a board that was without power.

        In one script: the watchdog runs on while there is no busbard.
        """
        self.guest.run(f"""
            kill -9 {self.pid} 2>/dev/null
            sleep 0.7
            rm -rf {self.state_directory}
            cat >/run/world <<'END'
i2c ok
line 24 high
{{"action":"bus","state":"active"}}
{{"action":"restoreNode"}}
{{"action":"set","quantity":"gas","value":0}}
{{"action":"set","quantity":"waterTemperature","value":20000}}
{{"action":"delayBoard","byMs":0}}
{{"action":"restartBoard","cause":"powerOn","forMs":20}}
END
            sleep 0.3""")

    def new_heating(self):
        """A new device that heats."""
        if self.pid is not None:
            self.forget()
        self.start()
        self.heat()

    def befall(self, mark, *commands, seconds=2):
        """Tells the world these commands at one time, lets time pass, returns what happened."""
        lines = [f"mark {mark}"] + [
            json.dumps(each) if isinstance(each, dict) else each for each in commands]
        text = "\n".join(lines)
        self.guest.run(f"cat >/run/world <<'END'\n{text}\nEND\nsleep {seconds}\n")
        return self.log.since(mark)

    def codes(self):
        """The lock-out's alarms, first-out first."""
        status = self.status() or {}
        return [entry["code"] for entry in status.get("lockout", {}).get("entries", [])]


@contextlib.contextmanager
def virtual_device(virtual_time=2, limit=480, files=None, **options):
    """A booted board with a world, and a device on which busbard was not yet started."""
    with tempfile.TemporaryDirectory() as directory:
        site = make_site(directory)
        spinner = make_spinner(directory)
        with board.VirtualBoard(
            f"{directory}/board", PROGRAMS, {"/lib/spin.so": spinner} | (files or {}),
            {"/site": site},
            virtual_time=virtual_time, limit=limit, **options,
        ) as guest:
            guest.start_world()
            yield VirtualDevice(guest)


def deciding_frame(lines):
    """When the second frame with gas went out: the one that makes it FATAL (D-03)."""
    count = 0
    for line in lines.named(f"frame {WATER} "):
        if int(line.words.split()[2], 16) >> GAS_BIT & 1:
            count += 1
            if count == 2:
                return line.at
    return None


def judge_open(judge, what, lines, since, lease, permit):
    """Relays and K2 open within their times (ms) after `since` (µs)."""
    # The world's own changes stand at whole ms, and so up to 1 ms before what began them.
    for name, change, most in (("the element", "relay element off", lease),
                               ("K1", "relay power off", lease), ("K2", "k2 open", permit)):
        judge.within(f"{what}: {name} opens", milliseconds(since, lines.first(change)), -1, most)
    behind = [line for line in lines if line.words.endswith((" on", "k2 closed"))]
    judge.that(f"{what}: nothing closes again", not behind, behind)


def judge_ran_out(judge, what, device, mark, lease=500, drop_out=301):
    """Nobody opened anything: the lease ended after the last heartbeat, K2 after the last edge."""
    all_lines = Lines(device.log.lines())
    lines = device.log.since(mark)
    for change in ("relay element off", "relay power off"):
        judge.within(f"{what}: {change}, the lease after the last heartbeat", milliseconds(
            all_lines.last(CONTROL), lines.first(change)), lease - 1, lease + 1)
    judge.within(f"{what}: K2 opens after the last edge", milliseconds(
        all_lines.last("permit "), lines.first("k2 open")), drop_out - 2, drop_out)
    judge.within(f"{what}: all is open after it happened", milliseconds(
        lines[0].at, lines.last("relay power off")), 0, lease + 101)
