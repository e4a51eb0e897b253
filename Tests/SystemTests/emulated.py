"""A daemon and the relay board that it drives, whose firmware runs in an emulated Pico."""

import json
import shutil
import subprocess
import sys
import time

from chain import ROOT
from device import Device, Wrong

sys.path.insert(0, str(ROOT / "Tests/FirmwareTests"))
from host import ELEMENT, POWER, PUMP  # noqa: E402

UF2 = ROOT / ".build/firmware/relay-board.uf2"
HEATING = POWER | PUMP | ELEMENT
#: ms, of the site file.
LEASE = 500


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


class Late(Wrong):
    """The daemon refuses a board that answers too late for its self-check. The emulator does so
    when the machine gives it no time; then that round says nothing."""


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

    def prove_off(self):
        """(exit status, what it said)."""
        done = subprocess.run(
            [self.programs / "busbard", "--prove-off", "--site", self.site, "--board",
             f"socket:{self.directory / 'b'}"], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

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
        self.wait("the self-check is done", 30, self.is_checked)
        answer = self.call(("heating.start", {}))[0]
        if "error" in answer:
            raise Wrong(f"heat was refused: {json.dumps(answer)}")
        self.wait("power and element are on", 30, lambda: self.relays() == HEATING)

    def is_checked(self):
        status = self.status()
        if status["lockout"]["locked"]:
            raise Late(f"{status['lockout']['first_out']} before anything was switched on")
        return status["interlock"]["selfcheck"] == "done"

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
