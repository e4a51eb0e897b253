"""The relay board as a process: its firmware in the emulated Pico, in real time, behind a socket.

    emulate.py SOCKET [--firmware UF2] [--log FILE]

`busbard --board socket:SOCKET` is its host. The messages are described in
Sources/LinuxHAL/SocketRelayBus.swift. The board lives on when its host dies, as a real one does.

The log has a line of JSON for each change of a relay and each heartbeat that the board accepted:
`t`, the time of CLOCK_MONOTONIC in s, and `us`, the board's own time, which no load of the machine
disturbs. `lag_ms` is how far the emulator was behind real time then.
"""

import argparse
import json
import os
import select
import signal
import socket
import sys
import time

import board
import host
import image
from blocks import Violation
from i2c_target import NoAnswer, Stretched

#: µs between two looks at the clock: a pass of the firmware's loop takes 0.25 ms, a lease at most
#: that longer, and this process a third of a processor.
STEP = 50
#: µs of the board's time between two looks at the socket.
SLICE = 1_000
#: A machine that stops this process for so long has stopped the board too: its time goes on from
#: there. µs.
LAG_MAX = 500_000

DONE, NO_ANSWER, TIMED_OUT, WRONG_PEC, _, WRONG_LENGTH = range(6)


def run_ahead_of_others():
    """A board does not wait for other programs of the Pi. Where the system permits no real-time
    priority the board is late now and then, and the log says by how much."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        print("emulate: no real-time priority: expect lag under load", file=sys.stderr)


class Server:
    def __init__(self, path, content, log):
        self.board = board.Board(content)
        self.board.chip.step = STEP
        self.log = log
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(4)
        self.hosts = []
        self.poll = select.poll()
        self.poll.register(self.listener, select.POLLIN)
        # The board's time 0 on this machine's clock, in µs.
        self.origin = self.clock() - self.board.chip.elapsed
        self.written = 0
        self.heartbeat = None

    @staticmethod
    def clock():
        return time.monotonic_ns() // 1_000

    @property
    def lag(self):
        """How far the board is behind real time, in µs; ahead by a transfer if negative."""
        return self.clock() - self.origin - self.board.chip.elapsed

    # The log.

    def write(self, **line):
        line["t"] = round((self.origin + line["us"]) / 1e6, 6)
        line["lag_ms"] = round(max(0, self.lag) / 1_000, 3)
        print(json.dumps(line), file=self.log, flush=True)

    def write_changes(self):
        changes = self.board.chip.changes
        while self.written < len(changes):
            time_us, pins = changes[self.written]
            self.write(us=time_us, relays=board.Board.relays_of(pins))
            self.written += 1

    # Messages.

    def answer(self, request):
        """The outcome and the content of one request."""
        number, kind, first, *rest = request
        try:
            if kind == ord("I"):
                (self.board.hold if first & 1 else self.board.let_go)()
                return DONE, b""
            bus = host.Host(self.board.chip, address=first)
            if kind == ord("R"):
                return DONE, bus.read(rest[0])
            if kind == ord("W"):
                bus.write(rest[0], bytes(rest[1:]))
                if rest[0] == host.CONTROL:
                    self.write(us=self.board.chip.elapsed, heartbeat=rest[1], wants=rest[2])
                return DONE, b""
        except NoAnswer:
            return NO_ANSWER, b""
        except Stretched:
            return TIMED_OUT, b""
        except host.Damaged:
            return WRONG_PEC, b""
        raise Violation(f"request {number} of kind {kind:#x}: is this busbard of this version?")

    def serve(self, connection):
        try:
            request = connection.recv(64)
            if request:
                outcome, content = self.answer(request)
                relays = self.board.relays
                connection.send(bytes([request[0], outcome, relays]) + content)
                return
        except (ConnectionError, BlockingIOError):
            pass
        # The host is gone; the board stays.
        self.poll.unregister(connection)
        self.hosts.remove(connection)
        connection.close()

    def accept(self):
        connection, _ = self.listener.accept()
        connection.setblocking(False)
        self.hosts.append(connection)
        self.poll.register(connection, select.POLLIN)

    # The loop.

    def run(self):
        while True:
            lag = self.lag
            if lag > LAG_MAX:
                self.origin += lag
                continue
            if lag > 0:
                self.board.chip.run(min(lag, SLICE))
            for descriptor, _ in self.poll.poll(0 if lag > SLICE else 1):
                if descriptor == self.listener.fileno():
                    self.accept()
                else:
                    self.serve(next(each for each in self.hosts if each.fileno() == descriptor))
            self.write_changes()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--firmware", default=board.UF2)
    parser.add_argument("--log")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log = open(options.log, "a") if options.log else sys.stdout
    run_ahead_of_others()
    try:
        Server(options.socket, image.load(options.firmware), log).run()
    except (Violation, image.BadImage, OSError) as error:
        print(f"emulate: {error}", file=sys.stderr)
        return 1
    finally:
        if os.path.exists(options.socket):
            os.unlink(options.socket)


if __name__ == "__main__":
    sys.exit(main())
