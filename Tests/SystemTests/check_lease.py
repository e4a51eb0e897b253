"""The proof that matters most: the daemon dies with the heater on, and the lease drops the relays.

Real are the daemon (busbard, release build) and the relay board's program: its unmodified firmware
runs in an emulated Pico, a process of its own, and what is judged are that chip's pins. Each round
starts both anew, waits until power and heating element are on, and then

- kills busbard with SIGKILL, or stops it with SIGSTOP, at another phase of its tick each time;
- reads off the emulator's log when the relays dropped.

In one round `busbard --prove-off` follows, which must say what the pins say: that all is off, and
that nothing is proven by a board which hangs or is gone.

Judged is the time from the last heartbeat that the board accepted to its pins, on the board's own
clock: at most the lease, whatever else this machine does. And the time from the kill to the pins on
this machine's clock: at most the lease and what the emulator was behind real time.

    check_lease.py [--rounds N] [--stops N] [--jobs N] [--programs DIR]
"""

import argparse
import concurrent.futures
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import time

from chain import built_programs
from device import Wrong
from emulated import LEASE, Late, Rig, copy_firmware, make_site

#: ms: a pass of the firmware's loop where the clock is looked at every 50 µs.
PASS = 1
#: ms: until the kernel has ended a process that was killed, on a machine with other work. Chosen;
#: at a load of 10 on two processors the pins were never later than the lease itself.
ENDING = 100


#: A machine on which the board is late so often needs less to do, or the right to real-time
#: priority.
STARTS_MAX = 4


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


def prove_off(rig, phase):
    """What systemd starts when busbard was given up: it waits for no lease, and asks the pins."""
    time.sleep(phase)
    moment = time.monotonic()
    rig.processes["busbard"].kill()
    rig.processes.pop("busbard").wait()
    code, words = rig.prove_off()
    measured = rig.drop_after(moment)
    if code != 0 or "RELAYS PROVEN OFF: the relay board is tripped and reads every pin low" \
            not in words:
        raise Wrong(f"--prove-off ended with {code} and says: {words}")
    if measured["lease"] > LEASE + PASS:
        raise Wrong(f"the pins were low {measured['lease']:.1f} ms after the last heartbeat")
    # A board that hangs, and then one that is gone: neither is proof of anything.
    rig.processes["emulate"].send_signal(signal.SIGSTOP)
    hung = rig.prove_off()
    rig.processes["emulate"].send_signal(signal.SIGCONT)
    rig.processes["emulate"].kill()
    rig.processes.pop("emulate").wait()
    gone = rig.prove_off()
    for what, (code, words), kind in (("hangs", hung, "timed out"),
                                      ("is gone", gone, "not acknowledged")):
        if code != 1 or "RELAYS NOT PROVEN OFF: no relay board answered (" not in words \
                or kind not in words or "Switch the installation off at its isolator" not in words:
            raise Wrong(f"--prove-off and a board that {what}: {code}, {words}")
    return measured


def attempt(number, way, phase, directory, site, programs, firmware):
    for starts in range(1, STARTS_MAX + 1):
        rig = Rig(directory / f"{number}.{starts}", site, programs, firmware)
        try:
            rig.heat()
            measured = way(rig, phase)
            if way in (kill, stop):
                judge(measured)
            return way.__name__, measured | {"starts": starts}, None
        except (Wrong, OSError, KeyError) as error:
            if isinstance(error, Late) and starts < STARTS_MAX:
                continue
            words = [
                line for name in ("emulate", "busbard") for line in rig.words(name).splitlines()]
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
        ("prove_off", "kill", "SIGKILL, --prove-off: pins low"),
    ):
        found = sorted(measured[key] for which, measured, _ in results
                       if which == way and measured)
        if found:
            print(
                f"  {name:<34}{len(found):>7}{found[0]:>9.1f}{statistics.median(found):>9.1f}"
                f"{found[-1]:>9.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12, help="kills")
    parser.add_argument("--stops", type=int, help="a third of the rounds if not given")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--programs", help="where the built programs are")
    options = parser.parse_args()
    programs = pathlib.Path(options.programs or built_programs())
    source = random.Random(20261121)
    stops = options.stops or max(1, options.rounds // 3)
    plan = [(kill, number / options.rounds) for number in range(options.rounds)]
    plan += [(stop, number / stops) for number in range(stops)] + [(silence, 0), (prove_off, 0)]
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
    # One cause may fail every round: it is told once.
    for detail, words in {detail: words for detail, words in wrong}.items():
        print(f"lease: {detail}")
        for line in words:
            print(f"    {line}")
    table(results)
    late = sum(measured["starts"] - 1 for _, measured, _ in results if measured)
    if late:
        print(f"lease: {late} starts were repeated: the emulator was late for the self-check")
    print(
        f"lease: {len(results) - len(wrong)} of {len(results)} rounds: relays off within the lease "
        f"of {LEASE} ms; {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
