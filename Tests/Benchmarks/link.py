"""A slow link on this machine: a proxy for TCP that delays both directions and bounds their rate.

    link.py LISTEN_PORT TARGET_PORT --delay-ms 50 --kbit 256

What is under way is bounded to what the rate carries in the delay and a quarter of a second more,
as in a modem with a small buffer; the rest waits in the sockets of the sender.
"""

import argparse
import asyncio

# About the payload of two packets on the wire: what goes out in one piece.
PIECE = 2_800


class Direction:
    """One way of one connection."""

    def __init__(self, delay, bytes_per_second):
        self.delay = delay
        self.rate = bytes_per_second
        self.free_at = 0.0
        self.queue = asyncio.Queue()
        self.waiting = 0
        self.room = asyncio.Event()
        self.carried = 0

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
            await asyncio.sleep(max(0, at - loop.time()))
            self.waiting -= len(piece)
            self.room.set()
            if not piece:
                writer.close()
                return
            self.carried += len(piece)
            writer.write(piece)
            await writer.drain()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("listen", type=int)
    parser.add_argument("target", type=int)
    parser.add_argument("--delay-ms", type=float, default=50)
    parser.add_argument("--kbit", type=float, default=256)
    options = parser.parse_args()

    async def serve(reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", options.target)
        except OSError:
            writer.close()
            return
        up, down = (
            Direction(options.delay_ms / 1_000, options.kbit * 1_000 / 8) for _ in range(2)
        )
        tasks = [
            asyncio.ensure_future(work)
            for work in (
                up.read(reader), up.write(there_writer),
                down.read(there_reader), down.write(writer),
            )
        ]
        # One side that breaks takes the other with it.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        there_writer.close()

    # A small window, so that little waits in this machine's sockets.
    server = await asyncio.start_server(serve, "127.0.0.1", options.listen, limit=PIECE)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
