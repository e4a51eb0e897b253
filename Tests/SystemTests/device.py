"""One device of real programs for the tests of damage: its files, busbard and busbar-uplink.

What the files say is read by Python's sqlite3 alone.
"""

import json
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

from chain import DEVICE, LANES, ROOT, Certificates, free_port

# Starting takes 0.13 s on an idle machine; tests share theirs, and the check of the database may
# take five.
START_SECONDS = 20
FIELDS = (
    "seq, tick, mono_ms, l.wall_ms, l.clock, severity, correlation, type, subject, data, "
    "hex(r.run), hex(r.boot)"
)


class Wrong(Exception):
    """A rule that does not hold, as one sentence."""


class Device:
    """A folder with the files of one device, and the two programs on it."""

    def __init__(self, directory, site, programs):
        self.directory = pathlib.Path(directory)
        self.site = site
        self.programs = programs
        self.processes = {}

    @property
    def socket(self):
        return self.directory / "s"

    def log(self, name):
        return self.directory / f"{name}.log"

    def start(self, name, *arguments):
        with open(self.log(name), "ab") as log:
            self.processes[name] = subprocess.Popen(
                [self.programs / name, "--site", self.site, *arguments], stdout=log, stderr=log
            )

    def start_busbard(self):
        self.start(
            "busbard", "--board", "simulated", "--state-dir", self.directory / "state",
            "--socket", self.socket, "--uplink-dir", self.directory / "uplink",
        )

    def start_uplink(self):
        self.start(
            "busbar-uplink", "--journal", self.directory / "state",
            "--state-dir", self.directory / "uplink",
            # Named, the folder counts as one in memory: a fresh status each second.
            "--status-dir", self.directory / "uplink",
            "--credentials", self.directory / "credentials", "--socket", self.socket,
        )

    def words(self, name):
        return self.log(name).read_text(errors="replace") if self.log(name).exists() else ""

    def expect_running(self, name):
        code = self.processes[name].poll()
        if code is not None:
            last = self.words(name).strip().splitlines()[-1:]
            raise Wrong(f"{name} ended by itself with {code}: {' '.join(last)}")

    def call(self, *calls):
        """The results of some (method, parameters), sent in one go."""
        requests = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
            for number, (method, parameters) in enumerate(calls)
        ]
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(START_SECONDS)
            client.connect(str(self.socket))
            client.sendall(b"".join(json.dumps(each).encode() + b"\n" for each in requests))
            lines = client.makefile()
            answers = {}
            while len(answers) < len(requests):
                answer = json.loads(lines.readline())
                answers[answer["id"]] = answer
        return [answers[number] for number in range(len(requests))]

    def status(self):
        """Of busbard, as soon as it answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.expect_running("busbard")
            try:
                return self.call(("status", {}))[0]["result"]
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Wrong(f"busbard does not serve after {START_SECONDS} s: {error}")
                time.sleep(0.02)

    def uplink_status(self, since):
        """Of busbar-uplink, as soon as this run has written it."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.expect_running("busbar-uplink")
            try:
                status = json.loads((self.directory / "uplink/status.json").read_text())
                if status["written_ms"] >= since * 1_000:
                    return status
            except (OSError, ValueError, KeyError, TypeError):
                # Damaged, or of before: it is written anew within a second.
                pass
            if time.monotonic() > deadline:
                raise Wrong(f"busbar-uplink wrote no status within {START_SECONDS} s")
            time.sleep(0.02)

    def stop(self, name):
        process = self.processes.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Wrong(f"{name} does not end within {START_SECONDS} s of SIGTERM")
        if code != 0:
            raise Wrong(f"{name} ended with {code} when it was asked to end")

    def kill(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        self.processes = {}

    # What the files say, by SQLite alone.

    def query(self, sql):
        path = self.directory / "state/journal.sqlite3"
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def events(self):
        """Each event: (lane, epoch, seq) to all that it says."""
        events = {}
        for lane in LANES:
            for row in self.query(
                f"SELECT (SELECT hex(epoch) FROM epochs e WHERE e.{lane}_first <= seq ORDER BY n "
                f"DESC LIMIT 1), {FIELDS} FROM {lane}_lane l LEFT JOIN runs r ON r.n = l.run"
            ):
                events[lane, row[0], row[1]] = row[2:]
        return events

    def told(self, kind):
        """The data of each event of that type in the alarm and event lanes."""
        return [
            json.loads(row[0])
            for lane in ("alarm", "event")
            for row in self.query(f"SELECT data FROM {lane}_lane WHERE type = '{kind}.v1'")
        ]

    def places_of(self, table):
        """Where in the database's file the content of each row of a small table lies."""
        (page,), = self.query(f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'")
        content = (self.directory / "state/journal.sqlite3").read_bytes()
        start = (page - 1) * 4096
        kind, cells = content[start], int.from_bytes(content[start + 3:start + 5], "big")
        # A leaf of an index, as which SQLite keeps a table without row numbers.
        if kind != 10 or cells == 0:
            raise Wrong(f"{table} is not one leaf with rows: type {kind}, {cells} rows")
        places = []
        for number in range(cells):
            pointer = start + 8 + 2 * number
            cell = start + int.from_bytes(content[pointer:pointer + 2], "big")
            # The size is one byte: these rows are short.
            places += range(cell + 1, cell + 1 + content[cell])
        return places

    def last_numbers(self):
        """Of each lane the greatest number that is a row or declared to be none.

        - Raises Wrong where a number is both, or where one is declared that nothing has had yet.
        """
        numbers = {}
        nexts = dict(self.query("SELECT lane, next FROM lanes"))
        for index, lane in enumerate(LANES):
            last = self.query(f"SELECT max(seq) FROM {lane}_lane")[0][0] or 0
            for where, first, end in self.gaps():
                if where != lane:
                    continue
                if end >= nexts[index]:
                    raise Wrong(f"{lane}: {end} is declared a gap, and {nexts[index]} comes next")
                rows = self.query(
                    f"SELECT count(*) FROM {lane}_lane WHERE seq BETWEEN {first} AND {end}")
                if rows[0][0]:
                    raise Wrong(f"{lane}: {rows[0][0]} events lie in the gap {first} to {end}")
                last = max(last, end)
            numbers[lane] = last
        return numbers

    def gaps(self):
        names = dict(enumerate(LANES))
        return [(names.get(lane, f"no lane: {lane}"), *rest) for lane, *rest in self.query(
            "SELECT lane, first, last FROM gaps")]


def make_site(directory):
    source = ROOT / "board/water-heater"
    directory.mkdir()
    site = json.loads((source / "site.json").read_text())
    site["device"] = DEVICE
    for overlay in site["profiles"].values():
        overlay.pop("device", None)
    # Nobody listens there: what is tried is what the uplink makes of files.
    site["uplink"] = {"host": "127.0.0.1", "port": free_port(), "tls": True, "guarantee": "kafka"}
    site["telemetry"] = {"periodMs": 1000}
    (directory / "site.json").write_text(json.dumps(site, indent=2))
    shutil.copy(source / "sensors.dbc", directory)
    return directory


def make_credentials(directory, pki):
    certificates = Certificates(pki)
    certificates.sign("client", DEVICE)
    directory.mkdir()
    for name in ("ca.crt", "client.crt", "client.key"):
        shutil.copy(certificates.path(name), directory / name)
    (directory / "ack.key").write_text("5a" * 32 + "\n")
    for name in ("ack.key", "client.key"):
        (directory / name).chmod(0o600)


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{value:016x}"


def make_cursor(device):
    """As if the cluster had the first two of each lane: the uplink's format, made independently."""
    text = "busbar uplink cursor 1\n"
    firsts = {}
    for lane, epoch, seq in sorted(device.events()):
        firsts.setdefault(lane, (epoch.lower(), seq))
    for lane in LANES:
        if lane in firsts:
            epoch, seq = firsts[lane]
            text += f"{lane} {epoch} {seq + 1} -\n"
    (device.directory / "uplink/uplink-cursor").write_text(text + f"check {fnv1a(text)}\n")


def make_victim(device):
    """Four lives: one that said farewell, one that was killed, one that declared the numbers which
    that left, and one that was killed while locked out."""
    for name in ("state", "uplink"):
        (device.directory / name).mkdir()
    targets = [
        ("heating.setTarget", {"target_millicelsius": 40_000 + 1_000 * (number % 8)})
        for number in range(48)
    ]
    device.start_busbard()
    device.status()
    device.call(*targets)
    device.stop("busbard")
    device.start_busbard()
    device.status()
    device.call(*targets[:8])
    time.sleep(0.3)
    device.kill()
    device.start_busbard()
    device.status()
    device.stop("busbard")
    device.start_busbard()
    while device.status()["interlock"]["selfcheck"] != "done":
        time.sleep(0.05)
    device.call(*targets[:16], ("heating.start", {}))
    device.call(("sim.apply", {"action": "set", "quantity": "gas", "value": 1}))
    while not device.status()["lockout"]["locked"]:
        time.sleep(0.05)
    # Both copies of the lockout are written within a tick and a look of the journal's thread.
    time.sleep(0.5)
    device.kill()
    make_cursor(device)
    device.start_uplink()
    device.uplink_status(0)
    device.stop("busbar-uplink")
    for name in ("busbard", "busbar-uplink"):
        device.log(name).unlink()
    device.socket.unlink(missing_ok=True)
