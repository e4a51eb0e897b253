"""The durable queues of PyPI, for the same work as Busbar's journal.

    python_queues.py put KIND DIR LINES GROUP       store every line and say what it cost
    python_queues.py tell KIND DIR LINES FROM       print each line's number once `put` returned
    python_queues.py life KIND DIR LINES            put, get and confirm every line
    python_queues.py read KIND DIR                  print what is in there

KIND is `litequeue`, `ackqueue` (persist-queue's SQLiteAckQueue) or `filequeue` (its file Queue).
All are used as their manuals say; GROUP 32 is litequeue in a transaction of 32, which only it has.
"""

import json
import pathlib
import resource
import sys
import time

import litequeue
import persistqueue


class LiteQueue:
    def __init__(self, directory):
        self.queue = litequeue.LiteQueue(str(pathlib.Path(directory) / "queue.sqlite3"))

    def put(self, line):
        self.queue.put(line)

    def put_all(self, lines):
        with self.queue.transaction():
            for line in lines:
                self.queue.put(line)

    def take(self):
        message = self.queue.pop()
        self.queue.done(message.message_id)

    def reclaim(self):
        self.queue.prune()

    def contents(self):
        database = self.queue.conn
        return [row[0] for row in database.execute("SELECT data FROM Queue ORDER BY message_id")]


class AckQueue:
    def __init__(self, directory):
        self.queue = persistqueue.SQLiteAckQueue(str(directory), auto_commit=True)

    def put(self, line):
        self.queue.put(line)

    def take(self):
        self.queue.ack(self.queue.get())

    def reclaim(self):
        self.queue.clear_acked_data(keep_latest=0)

    def contents(self):
        found = []
        while self.queue.size:
            found.append(self.queue.get(block=False))
        return found


class FileQueue:
    def __init__(self, directory):
        self.queue = persistqueue.Queue(str(directory), tempdir=str(directory))

    def put(self, line):
        self.queue.put(line)

    def take(self):
        self.queue.get()
        self.queue.task_done()

    def reclaim(self):
        pass

    def contents(self):
        found = []
        while self.queue.qsize():
            found.append(self.queue.get(block=False))
        return found


KINDS = {"litequeue": LiteQueue, "ackqueue": AckQueue, "filequeue": FileQueue}


def written():
    for line in pathlib.Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise SystemExit("python_queues: the kernel counts no bytes")


def processor():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    verb, kind, directory = sys.argv[1:4]
    queue = KINDS[kind](directory)
    if verb == "read":
        for line in queue.contents():
            print(line)
        return
    lines = pathlib.Path(sys.argv[4]).read_text().splitlines()
    if verb == "tell":
        for number in range(int(sys.argv[5]), len(lines)):
            queue.put(lines[number])
            print(number, flush=True)
        return
    start, bytes_start, processor_start = time.monotonic(), written(), processor()
    if verb == "put":
        group = int(sys.argv[5])
        if group == 1:
            for line in lines:
                queue.put(line)
        else:
            for first in range(0, len(lines), group):
                queue.put_all(lines[first : first + group])
    else:
        for number, line in enumerate(lines):
            queue.put(line)
            queue.take()
            if number % 1_000 == 999:
                queue.reclaim()
    print(json.dumps({
        "events": len(lines), "seconds": time.monotonic() - start, "bytes": written() - bytes_start,
        "cpu_seconds": processor() - processor_start,
    }))


if __name__ == "__main__":
    main()
