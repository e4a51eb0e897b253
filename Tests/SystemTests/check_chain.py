#!/usr/bin/env python3
"""Kills every part of the real chain at random moments and counts what is lost: nothing may be.

    .build/venv/bin/python Tests/SystemTests/check_chain.py [--kills N] [--seed N]

busbard, busbar-uplink, mosquitto and busbar-bridge get `kill -9` in random order, N times each,
while commands and a heating cycle make events. At the end the faults stop, and then: each event
that the device has stored is in Kafka, with the same bytes, once in effect; the order of each lane
holds; Kafka has nothing that was never stored.
"""

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chain import Chain, built_programs  # noqa: E402

PARTS = ["busbard", "uplink", "broker", "bridge"]


def make_events(chain, random_source):
    """One thing that a technician would do; whatever is refused is an event too."""
    choice = random_source.randrange(4)
    if choice == 0:
        chain.call("heating.start")
    elif choice == 1:
        chain.call("heating.stop")
    elif choice == 2:
        target = random_source.randrange(20_000, 60_000, 1_000)
        chain.call("heating.setTarget", target_millicelsius=target)
    else:
        chain.call("sim.apply", freezeNode={"forMs": 700})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200, help="of each part")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--programs", help="where the built programs are")
    options = parser.parse_args()
    programs = options.programs or built_programs()
    random_source = random.Random(options.seed)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="busbar-chain-"))
    chain = Chain(directory, programs, site={"telemetry": {"periodMs": 1000}})
    started = time.monotonic()
    try:
        chain.start()
        chain.wait("the first event reaches Kafka", 30, lambda: chain.received())
        waiting = [part for part in PARTS for _ in range(options.kills)]
        random_source.shuffle(waiting)
        # Four parts share the kills of a round, so that their down times overlap as they may.
        for index in range(0, len(waiting), 4):
            time.sleep(random_source.uniform(0.05, 0.6))
            make_events(chain, random_source)
            for name in waiting[index : index + 4]:
                time.sleep(random_source.uniform(0, 0.1))
                chain.parts[name].kill()
            for name in dict.fromkeys(waiting[index : index + 4]):
                time.sleep(random_source.uniform(0, 0.1))
                chain.start(name)
        for part in PARTS:
            if not chain.parts[part].is_running():
                chain.fail(f"{part} does not run at the end")
        chain.wait("busbard answers", 15, lambda: chain.call("status"))
        chain.call("heating.stop")
        # Longer than the longest back-off of the uplink.
        figures = chain.settle(180)
        if figures["stored"] < options.kills:
            chain.fail(f"only {figures['stored']} events: the run proves nothing")
        kills = ", ".join(f"{part} {chain.parts[part].kills}" for part in PARTS)
        print(
            f"check_chain: {figures['stored']} events stored, all in Kafka, {figures['duplicates']}"
            f" duplicates, 0 lost; kill -9: {kills}; seed {options.seed},"
            f" {time.monotonic() - started:.0f} s"
        )
    finally:
        chain.stop()
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
