#!/usr/bin/env python3
"""Compares Busbar's decoding with that of cantools on random frames.

    .build/venv/bin/pip install cantools
    .build/venv/bin/python Tests/CANDatabaseTests/compare_with_cantools.py \\
        [--busbar PATH] [--seed N]

For each database of the tests and of the boards it writes a candump log of random frames, of which
some are short, has `busbar can decode --json` read it, and compares each number. cantools scales
with binary floating point where Busbar is exact, so it is asked for raw numbers, and the scaling is
done here with Python's decimals.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from decimal import Decimal

import cantools

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests/CANDatabaseTests/Fixtures"
DATABASES = [
    (FIXTURES / "pylontech.dbc", "utf-8"),
    (FIXTURES / "traps.dbc", "latin-1"),
    (ROOT / "board/water-heater/sensors.dbc", "utf-8"),
]
FRAMES_PER_MESSAGE = 200


def expected_values(database, message, payload):
    """Name to exact decimal text value, for the signals that are wholly in the payload."""
    values = {}
    padded = payload + bytes(8 - len(payload))
    selector = None
    for signal in message.signals:
        if signal.is_multiplexer:
            if bytes_needed(signal) > len(payload):
                return {}
            selector = raw_value(signal, padded)
    for signal in message.signals:
        if signal.multiplexer_ids is not None and selector not in signal.multiplexer_ids:
            continue
        if bytes_needed(signal) > len(payload):
            continue
        raw = raw_value(signal, padded)
        factor, offset = exact(signal.scale), exact(signal.offset)
        values[signal.name] = raw * factor + offset
    return values


def exact(number):
    return Decimal(repr(number) if isinstance(number, float) else number)


def bytes_needed(signal):
    if signal.byte_order == "little_endian":
        return (signal.start + signal.length + 7) // 8
    first = signal.start // 8 * 8 + 7 - signal.start % 8
    return (first + signal.length + 7) // 8


def raw_value(signal, padded):
    """The raw number by cantools, asked through a message that has only this signal."""
    alone = cantools.database.conversion.BaseConversion.factory()
    copy = cantools.database.can.Signal(
        name="Alone", start=signal.start, length=signal.length, byte_order=signal.byte_order,
        is_signed=signal.is_signed, conversion=alone)
    message = cantools.database.can.Message(
        frame_id=1, name="Alone", length=8, signals=[copy], strict=True)
    return message.decode(padded, scaling=False)["Alone"]


def make_log(database, randomness):
    lines = []
    for message in database.messages:
        width = 8 if message.is_extended_frame else 3
        # Half of the frames of a multiplexed message would select nothing; a small first byte does.
        for number in range(FRAMES_PER_MESSAGE):
            length = message.length if number % 4 else randomness.randint(0, message.length)
            payload = bytearray(randomness.randbytes(length))
            if payload and message.is_multiplexed() and number % 8:
                payload[0] = randomness.randint(0, 2)
            lines.append((message, bytes(payload), f"{message.frame_id:0{width}X}"))
    return lines


def compare(path, encoding, busbar, seed):
    database = cantools.database.load_file(path, encoding=encoding)
    lines = make_log(database, random.Random(seed))
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        for number, (_, payload, id_text) in enumerate(lines):
            log.write(f"({number}.000000) can0 {id_text}#{payload.hex().upper()}\n")
        log.flush()
        output = subprocess.run(
            [busbar, "can", "decode", "--dbc", str(path), log.name, "--json"],
            check=True, stdout=subprocess.PIPE, text=True).stdout
    decoded = [json.loads(line, parse_float=Decimal) for line in output.splitlines()]
    if len(decoded) != len(lines):
        sys.exit(f"{path.name}: {len(lines)} frames in, {len(decoded)} out")
    compared = 0
    for number, ((message, payload, _), found) in enumerate(zip(lines, decoded)):
        expected = expected_values(database, message, payload)
        values = {name: Decimal(signal["value"]) for name, signal in found["signals"].items()}
        if values != expected:
            sys.exit(
                f"{path.name}: seed {seed}, frame {number}, {message.name} {payload.hex()}:\n"
                f"  cantools {expected}\n  busbar   {values}")
        compared += len(values)
    print(f"{path.name}: {len(lines)} frames, {compared} numbers equal")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--busbar", default=str(ROOT / ".build/release/busbar"))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for path, encoding in DATABASES:
        compare(path, encoding, arguments.busbar, arguments.seed)


if __name__ == "__main__":
    main()
