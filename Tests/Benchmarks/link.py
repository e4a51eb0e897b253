"""A slow link on this machine: a proxy for TCP that delays both directions and bounds their rate.

    link.py LISTEN_PORT TARGET_PORT --delay-ms 50 --kbit 256
        [--seed N --stall-every S --reset-every S] [--report-every S] [--kafka]

What is under way is bounded to what the rate carries in the delay and a quarter of a second more,
as in a modem with a small buffer; the rest waits in the sockets of the sender.

With a seed it has its troubles, the same ones at each run: it stands still for one to four seconds,
and it resets every connection, each at random moments, so far apart on the average. What it has
carried and how often it failed it tells as lines of JSON.
"""

import argparse
import asyncio
import json
import random
import socket
import struct

# About the payload of two packets on the wire: what goes out in one piece.
PIECE = 2_800


class Direction:
    """One way of one connection."""

    def __init__(self, link, name):
        self.link, self.name = link, name
        self.delay = link.options.delay_ms / 1_000
        self.rate = link.options.kbit * 1_000 / 8
        self.free_at = 0.0
        self.queue = asyncio.Queue()
        self.waiting = 0
        self.room = asyncio.Event()

    async def read(self, reader):
        loop = asyncio.get_running_loop()
        limit = max(PIECE, int(self.rate * (self.delay + 0.25)))
        while True:
            while self.waiting >= limit:
                self.room.clear()
                await self.room.wait()
            piece = await reader.read(PIECE)
            now = loop.time()
            self.free_at = max(now, self.free_at) + len(piece) / self.rate
            self.waiting += len(piece)
            await self.queue.put((self.free_at + self.delay, piece))
            if not piece:
                return

    async def write(self, writer):
        loop = asyncio.get_running_loop()
        while True:
            at, piece = await self.queue.get()
            while (wait := max(at, self.link.stalled_until) - loop.time()) > 0:
                await asyncio.sleep(wait)
            self.waiting -= len(piece)
            self.room.set()
            if not piece:
                writer.close()
                return
            self.link.told[self.name] += len(piece)
            writer.write(self.link.addressed(piece) if self.name == "down" else piece)
            await writer.drain()


class Link:
    def __init__(self, options):
        self.options = options
        self.told = {"up": 0, "down": 0, "stalls": 0, "resets": 0}
        self.stalled_until = 0.0
        self.writers = set()

    def addressed(self, piece):
        """A Kafka broker tells its clients its own address, and they would go round the link."""
        if not self.options.kafka:
            return piece
        host = b"127.0.0.1"
        return piece.replace(
            host + struct.pack(">i", self.options.target),
            host + struct.pack(">i", self.options.listen))

    async def serve(self, reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection(
                "127.0.0.1", self.options.target)
        except OSError:
            writer.close()
            return
        up, down = Direction(self, "up"), Direction(self, "down")
        tasks = [
            asyncio.ensure_future(work)
            for work in (
                up.read(reader), up.write(there_writer),
                down.read(there_reader), down.write(writer),
            )
        ]
        both = {writer, there_writer}
        self.writers |= both
        # One side that breaks takes the other with it.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.writers -= both
        writer.close()
        there_writer.close()

    async def stall(self):
        dice = random.Random(f"stalls {self.options.seed}")
        while True:
            await asyncio.sleep(dice.expovariate(1 / self.options.stall_every))
            seconds = dice.uniform(1, 4)
            self.told["stalls"] += 1
            self.stalled_until = asyncio.get_running_loop().time() + seconds
            await asyncio.sleep(seconds)

    async def reset(self):
        dice = random.Random(f"resets {self.options.seed}")
        while True:
            await asyncio.sleep(dice.expovariate(1 / self.options.reset_every))
            self.told["resets"] += 1
            for writer in list(self.writers):
                # Both sides get a RST, and what was under way is gone.
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

    async def report(self):
        while True:
            print(json.dumps(self.told), flush=True)
            await asyncio.sleep(self.options.report_every)

    async def run(self):
        works = []
        if self.options.seed is not None:
            works += [self.stall(), self.reset()]
        if self.options.report_every:
            works.append(self.report())
        # A small window, so that little waits in this machine's sockets.
        server = await asyncio.start_server(
            self.serve, "127.0.0.1", self.options.listen, limit=PIECE)
        async with server:
            # One that fails ends the link, and is heard.
            await asyncio.gather(server.serve_forever(), *works)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("listen", type=int)
    parser.add_argument("target", type=int)
    parser.add_argument("--delay-ms", type=float, default=50)
    parser.add_argument("--kbit", type=float, default=256)
    parser.add_argument("--seed", type=int, help="of its troubles; without, it has none")
    parser.add_argument("--stall-every", type=float, default=20, help="seconds on the average")
    parser.add_argument("--reset-every", type=float, default=45, help="seconds on the average")
    parser.add_argument("--report-every", type=float, default=0, help="seconds; 0 for never")
    parser.add_argument(
        "--kafka", action="store_true", help="the target is a broker that tells its address")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        asyncio.run(Link(arguments()).run())
    except KeyboardInterrupt:
        pass
