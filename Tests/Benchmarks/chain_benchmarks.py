#!/usr/bin/env python3
"""The queues, the uplink and the bridge beside what else there is, in one run.

    chain_benchmarks.py PROGRAMS PART...

Prints tables; it is no test and fails only when something cannot be measured. `make bench` calls
it.
"""

import pathlib
import sys

import bench_alarms
import bench_bridge
import bench_bridge_kept
import bench_card
import bench_chain
import bench_effect
import bench_journal
import bench_kept
import bench_weeks
from bench_table import OUTPUT, Table

PARTS = {
    "uplink": bench_chain.measure_uplink,
    "journal": bench_journal.measure,
    "card": bench_card.measure,
    "drain": bench_chain.measure_drain,
    "slow": bench_chain.measure_slow_drain,
    "bridge": bench_bridge.measure_bridge,
    "bridge-kept": bench_bridge_kept.measure,
    "alarms": bench_alarms.measure,
    "weeks": bench_weeks.measure,
    "kept": bench_kept.measure,
    "effect": bench_effect.measure,
}


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for part in sys.argv[2:] or PARTS:
        table = Table(part)
        PARTS[part](programs, table)
        table.save()


if __name__ == "__main__":
    main()
