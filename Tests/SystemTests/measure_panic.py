#!/usr/bin/env python3
"""The kernel panics with the heater on, and the lease opens the relays: N of N times.

    .build/venv/bin/python Tests/SystemTests/measure_panic.py [--rounds N] [--jobs N]

What stands still with the kernel cannot be judged by anything in it. So the relay board is outside:
its unmodified firmware in an emulated Pico, a process of this machine, reached by busbard through a
port of the virtual machine. All of it runs in real time. In each round a busbard is started in the
guest, heats, and the kernel panics at another phase of its ticks; with panic=0 it then stands still
for ever, and no watchdog bites before the round is over.

Judged as in check_lease.py: from the last heartbeat that the board took to its pins on the board's
own clock, at most the lease; and from the panic to the pins on this machine's clock, at most the
lease and what both emulators were late. `make bench ONLY=lease` calls this.
"""

import argparse
import concurrent.futures
import json
import pathlib
import random
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

from check_lease import ENDING, PASS, STARTS_MAX
from device import Wrong
from distribution import heading, row
from emulated import HEATING, LEASE, Late, Rig, copy_firmware, make_site
from virtual_board import ROOT
from virtual_device import PROGRAMS

import board  # In board/virtual, which virtual_board puts into the path.

SOCKET = "/run/control.sock"
#: s of this machine for one virtual machine and its rounds, and for a script in it.
BOOT_LIMIT, SCRIPT_LIMIT = 3_600, 60
ROUNDS_PER_BOOT = 25


class Way:
    """Between the port of the virtual machine and the emulated board: board/virtual/carry.c."""

    def __init__(self, port, path):
        self.port = port
        self.board = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.board.connect(str(path))
        self.end, self.ends = socket.socketpair()
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        unread = b""
        while True:
            ready = select.select([self.port, self.board, self.ends], [], [])[0]
            if self.ends in ready:
                return
            if self.port in ready:
                unread += self.port.recv(4_096)
            while unread and len(unread) > unread[0]:
                self.board.send(unread[1:1 + unread[0]])
                unread = unread[1 + unread[0]:]
            if self.board in ready:
                message = self.board.recv(256)
                if not message:
                    return
                self.port.sendall(bytes([len(message)]) + message)

    def close(self):
        self.end.close()
        self.thread.join(5)
        self.board.close()
        self.ends.close()


class Panicking(Rig):
    """An emulated board here, and the busbard that drives it in a virtual machine."""

    def __init__(self, directory, guest, firmware):
        super().__init__(directory, None, None, firmware)
        self.guest = guest
        self.way = None

    def status(self):
        code, output = self.guest.attempt(
            f"busbar status --json --socket {SOCKET}", SCRIPT_LIMIT)
        if code != 0:
            return {"lockout": {"locked": False}, "interlock": {"selfcheck": "none"}}
        return json.loads(output)

    def heat(self):
        # The guest as it was before there was a busbard; the board is a new one.
        self.guest.load("ready")
        self.start_board()
        self.way = Way(self.guest.peer, self.directory / "b")
        self.guest.start(
            f"busbard --site /site --board socket:/run/board --socket {SOCKET} "
            "--state-dir /run/state", log="/run/busbard.log")
        self.wait("the self-check is done", 60, self.is_checked)
        self.guest.run(f"busbar heating start --socket {SOCKET}", SCRIPT_LIMIT)
        self.wait("power and element are on", 60, lambda: self.relays() == HEATING)

    def panic(self, phase):
        before = self.guest.console.read_text(errors="replace").count("Kernel panic")
        said = self.said()
        time.sleep(phase)
        # The kernel lets no write to this port return before the host has it; so the panic is later
        # than the word, and what is measured from the word is never too short.
        self.guest.send("echo panics >/dev/vport0p2; echo c >/proc/sysrq-trigger")
        measured = self.drop_after(self.moment_after(said))
        self.wait("the kernel says that it panicked", 10, lambda: self.guest.console.read_text(
            errors="replace").count("Kernel panic") > before)
        self.expect_nothing_on(0.5)
        return measured

    def said(self):
        """Bytes that the guest has written to its second port, where nothing else writes here."""
        return self.guest.world_log.stat().st_size

    def moment_after(self, said):
        """A moment before the guest said more than that, by little more than a look at it."""
        earlier = now = time.monotonic()
        deadline = now + 10
        while self.said() == said:
            if now > deadline:
                raise Wrong("not within 10 s: the guest says that it is about to panic")
            time.sleep(0.001)
            earlier, now = now, time.monotonic()
        return earlier

    def kill(self):
        if self.way is not None:
            self.way.close()
        super().kill()


def judge(measured):
    if measured["lease"] > LEASE + PASS:
        raise Wrong(f"{measured['lease']:.1f} ms from the last heartbeat to the pins")
    if measured["kill"] > LEASE + ENDING + measured["lag"]:
        raise Wrong(f"{measured['kill']:.1f} ms from the panic to the pins: {measured}")


def attempt(guest, directory, firmware, phase):
    """(what was measured, what was wrong)."""
    for starts in range(1, STARTS_MAX + 1):
        rig = Panicking(directory / str(starts), guest, firmware)
        try:
            rig.heat()
            measured = rig.panic(phase)
            judge(measured)
            return measured | {"starts": starts}, None
        except (Wrong, OSError, KeyError, board.ScriptFailed) as error:
            if isinstance(error, Late) and starts < STARTS_MAX:
                continue
            return None, f"{type(error).__name__}: {error}"
        finally:
            rig.kill()


def boot_and_panic(number, rounds, directory, firmware, carrier):
    source = random.Random(f"panic {number}")
    folder = directory / str(number)
    with board.VirtualBoard(
        folder, [*PROGRAMS, carrier], trees={"/site": directory / "site"}, arguments="panic=0",
        limit=BOOT_LIMIT, snapshots=True, has_peer=True,
    ) as guest:
        guest.start("carry /run/board /dev/vport0p3")
        guest.run("until [ -S /run/board ]; do sleep 0.1; done", SCRIPT_LIMIT)
        guest.save("ready")
        return [attempt(guest, folder / str(each), firmware, 0.1 * source.random())
                for each in range(rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    started = time.monotonic()
    counts = [min(ROUNDS_PER_BOOT, options.rounds - done)
              for done in range(0, options.rounds, ROUNDS_PER_BOOT)]
    with tempfile.TemporaryDirectory(prefix="busbar-panic-") as name:
        directory = pathlib.Path(name)
        make_site(directory / "site")
        firmware = copy_firmware(directory)
        carrier = directory / "carry"
        subprocess.run(["cc", "-O", "-o", carrier, ROOT / "board/virtual/carry.c"], check=True)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            boots = [pool.submit(boot_and_panic, number, count, directory, firmware, carrier)
                     for number, count in enumerate(counts)]
            try:
                results = [each for future in boots for each in future.result()]
            except (board.Unavailable, board.BoardEnded, board.ScriptFailed) as error:
                pool.shutdown(cancel_futures=True)
                print(f"panic: not measured: {error}")
                return 1
    return report(results, started)


def report(results, started):
    wrong = [each for _, each in results if each]
    for each in sorted(set(wrong)):
        print(f"panic: {each}")
    measured = [each for each, _ in results if each]
    print("a virtual machine and an emulated relay board, in real time:")
    print(heading())
    lease, is_within = row("panic: last heartbeat to pins low",
                           [each["lease"] for each in measured], LEASE + PASS)
    print(lease)
    worst = max((each["lag"] for each in measured), default=0)
    print(row("panic: panic to pins low", [each["kill"] for each in measured],
              round(LEASE + ENDING + worst))[0])
    print(f"panic: {len(measured)} of {len(results)} rounds: relays off within the lease of "
          f"{LEASE} ms; the board was at most {worst:.0f} ms late; "
          f"{sum(each['starts'] - 1 for each in measured)} starts were repeated; "
          f"{time.monotonic() - started:.0f} s")
    return 0 if is_within and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
