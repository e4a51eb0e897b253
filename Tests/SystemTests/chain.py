"""The whole chain of real programs on this machine, for tests, the demo and the benchmarks.

A device (busbard on its simulated board, busbar-uplink), a site broker (mosquitto with TLS 1.3,
client certificates and the access list of board/broker), and a cluster (busbar-bridge, librdkafka's
mock cluster of three brokers). Every part can be killed and started again by itself.

The judgement is independent of Busbar's own code: the device's truth is read from its SQLite file
with Python's sqlite3, the cluster's from what a Kafka consumer saw.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LANES = ("alarm", "event", "telemetry")
DEVICE = "water-heater-chain"


def built_programs():
    """Where the release build is. Not asked of the package manager: it waits for its own builds."""
    programs = ROOT / ".build/release"
    if not (programs / "busbard").exists():
        raise SystemExit(f"there is no {programs}/busbard: run make build")
    return str(programs.resolve())


#: Given away already, by this process.
_ports = set()


def free_port():
    """A port of its own for a server that is started, killed and started again.

    From below those that the kernel gives to connections: one of these could get the port, and
    keep it, while its server is down.
    """
    first_of_connections = int(
        pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(first_of_connections // 2, first_of_connections)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _ports:
            _ports.add(port)
            return port


def openssl(*arguments, **options):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, **options)


class Certificates:
    """A certificate authority of our own, and what it signs."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.key("ca")
        openssl(
            "req", "-x509", "-new", "-key", self.path("ca.key"), "-subj", "/CN=Busbar test CA",
            "-days", "365", "-out", self.path("ca.crt"),
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign",
        )

    def path(self, name):
        return str(self.directory / name)

    def key(self, name):
        key = self.path(f"{name}.key")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        os.chmod(self.path(f"{name}.key"), 0o600)

    def sign(self, name, common_name, names="", start=None, end=None):
        """Makes NAME.key and NAME.crt. START and END are openssl's own (YYYYMMDDHHMMSSZ)."""
        self.key(name)
        openssl(
            "req", "-new", "-key", self.path(f"{name}.key"), "-subj", f"/CN={common_name}",
            "-out", self.path(f"{name}.csr"),
        )
        extensions = self.path(f"{name}.ext")
        pathlib.Path(extensions).write_text(f"subjectAltName={names}\n" if names else "")
        if start or end:
            # `x509 -req` takes no dates in OpenSSL 3.0, `ca` does.
            self._sign_with_dates(name, extensions, start, end)
            return
        openssl(
            "x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path("ca.crt"),
            "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "365",
            "-extfile", extensions, "-out", self.path(f"{name}.crt"),
        )

    def _sign_with_dates(self, name, extensions, start, end):
        config = self.path("ca.cnf")
        pathlib.Path(config).write_text(
            "[ca]\ndefault_ca=d\n[d]\n"
            f"database={self.path('index.txt')}\nnew_certs_dir={self.directory}\n"
            f"serial={self.path('serial')}\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
            "[p]\ncommonName=supplied\n"
        )
        if not os.path.exists(self.path("index.txt")):
            pathlib.Path(self.path("index.txt")).write_text("")
            pathlib.Path(self.path("serial")).write_text("1000\n")
        openssl(
            "ca", "-batch", "-config", config, "-in", self.path(f"{name}.csr"),
            "-cert", self.path("ca.crt"), "-keyfile", self.path("ca.key"),
            "-startdate", start or "20200101000000Z", "-enddate", end or "20400101000000Z",
            "-extfile", extensions, "-out", self.path(f"{name}.crt"), "-notext",
        )


class Part:
    """One process of the chain. Its output goes to a file of its own, which a failure prints."""

    def __init__(self, name, log):
        self.name = name
        self.log = log
        self.process = None
        self.kills = 0

    def start(self, command, **options):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdout=options.pop("stdout", log), stderr=log, **options
            )

    def kill(self, number=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        if self.process:
            self.process.wait()
        self.kills += 1

    def is_running(self):
        return self.process is not None and self.process.poll() is None


class Chain:
    def __init__(self, directory, programs, uplink=None, site=None, profile=None):
        # Whoever is asked to end stops the parts first; without this it would just be gone.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        self.directory = pathlib.Path(directory)
        self.profile = ["--profile", profile] if profile else []
        self.programs = pathlib.Path(programs)
        self.port = free_port()
        self.plain_port = free_port()
        self.certificates = Certificates(self.directory / "pki")
        self.certificates.sign("broker", "broker", "DNS:localhost,IP:127.0.0.1")
        self.certificates.sign("client", DEVICE)
        self.certificates.sign("bridge", "busbar-bridge")
        self.uplink_options = {
            "host": "127.0.0.1", "port": self.port, "tls": True, "guarantee": "kafka",
        } | (uplink or {})
        self._make_site(site or {})
        self._make_credentials()
        self._make_broker()
        for name in ("state", "uplink", "broker"):
            (self.directory / name).mkdir(exist_ok=True)
        self.parts = {
            name: Part(name, self.directory / f"{name}.log")
            for name in ("kafka", "consumer", "broker", "bridge", "busbard", "uplink")
        }
        self.bootstraps = None

    # What each part is made from.

    def _make_site(self, changes):
        source = ROOT / "board/water-heater"
        self.site = self.directory / "site"
        self.site.mkdir(parents=True, exist_ok=True)
        site = json.loads((source / "site.json").read_text())
        site["device"] = DEVICE
        for overlay in site["profiles"].values():
            overlay.pop("device", None)
        site["uplink"] = self.uplink_options
        site.update(changes)
        (self.site / "site.json").write_text(json.dumps(site, indent=2))
        shutil.copy(source / "sensors.dbc", self.site)

    def _make_credentials(self):
        self.credentials = self.directory / "credentials"
        self.credentials.mkdir(exist_ok=True)
        for name in ("ca.crt", "client.crt", "client.key"):
            shutil.copy(self.certificates.path(name), self.credentials / name)
        self.secret = self.directory / "bridge.secret"
        self.secret.write_text("5a" * 32 + "\n")
        self.secret.chmod(0o600)
        key = subprocess.run(
            [self.programs / "busbar-bridge", "derive-key", "--secret-file", self.secret,
             "--device", DEVICE],
            check=True, capture_output=True, text=True,
        ).stdout
        (self.credentials / "ack.key").write_text(key)
        for name in ("ack.key", "client.key"):
            (self.credentials / name).chmod(0o600)

    def _make_broker(self):
        """The configuration of board/broker with this machine's paths and a port of its own."""
        text = (ROOT / "board/broker/mosquitto.conf").read_text()
        pki = self.directory / "pki"
        shutil.copy(ROOT / "board/broker/acl", self.directory / "acl")
        (self.directory / "acl").chmod(0o600)
        for old, new in (
            ("listener 8883", f"listener {self.port} 127.0.0.1"),
            ("/etc/mosquitto/busbar.acl", str(self.directory / "acl")),
            ("/etc/mosquitto/certs", str(pki)),
            ("/var/lib/mosquitto/", f"{self.directory}/broker/"),
        ):
            assert old in text, f"board/broker/mosquitto.conf no longer has {old!r}"
            text = text.replace(old, new)
        # Root would become "mosquitto" and lose sight of the test's folder.
        text += "user root\n" if os.geteuid() == 0 else ""
        # A door without TLS, to see that nobody gets in there without a name.
        text += f"listener {self.plain_port} 127.0.0.1\n"
        (self.directory / "mosquitto.conf").write_text(text)

    # Starting. Each waits until the part is there, so that a test need not guess.

    def start(self, *names):
        for name in names or ("kafka", "consumer", "broker", "bridge", "busbard", "uplink"):
            getattr(self, f"_start_{name}")()

    def _start_kafka(self):
        part = self.parts["kafka"]
        part.start(
            [self.programs / "mock-kafka"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.bootstraps = part.process.stdout.readline().strip()
        threading.Thread(target=part.process.stdout.read, daemon=True).start()
        if not self.bootstraps:
            self.fail("mock-kafka printed no brokers")

    def kafka(self, command):
        """A fault for the mock cluster: `down 1`, `up 1`, `rtt 1 300` ..."""
        self.parts["kafka"].process.stdin.write(command + "\n")
        self.parts["kafka"].process.stdin.flush()

    def _start_consumer(self):
        """Follows all topics into a file from the first record on: the mock forgets old ones."""
        self.records_file = self.directory / "records.jsonl"
        with open(self.records_file, "ab") as records:
            self.parts["consumer"].start(
                [self.programs / "mock-kafka", "dump", self.bootstraps, "--follow"],
                stdout=records,
            )

    def _start_broker(self):
        # Debian puts it into /usr/sbin, which is not on every user's path.
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        self.parts["broker"].start([program, "-c", self.directory / "mosquitto.conf"])

    def _start_bridge(self):
        pki = self.directory / "pki"
        self.http_port = free_port()
        self.parts["bridge"].start([
            self.programs / "busbar-bridge", "run", "--mqtt", f"127.0.0.1:{self.port}",
            "--ca", pki / "ca.crt", "--cert", pki / "bridge.crt", "--key", pki / "bridge.key",
            "--kafka", self.bootstraps, "--shards", "0-63", "--secret-file", self.secret,
            "--development-cluster", "--http", f"127.0.0.1:{self.http_port}",
            "--instance", "bridge-1",
        ])

    def _start_busbard(self):
        self.socket = self.directory / "s"
        self.parts["busbard"].start([
            self.programs / "busbard", "--site", self.site, "--board", "simulated",
            "--state-dir", self.directory / "state", "--socket", self.socket,
            "--uplink-dir", self.directory / "uplink", *self.profile,
        ])

    def _start_uplink(self):
        self.parts["uplink"].start([
            self.programs / "busbar-uplink", "--site", self.site,
            "--journal", self.directory / "state", "--state-dir", self.directory / "uplink",
            # Named, the folder counts as one in memory: a fresh status each second.
            "--status-dir", self.directory / "uplink",
            "--credentials", self.credentials, "--socket", self.socket, *self.profile,
        ])

    def stop(self):
        for part in reversed(list(self.parts.values())):
            if part.is_running():
                part.kill(signal.SIGTERM if part.name != "consumer" else signal.SIGKILL)

    def fail(self, reason):
        for part in self.parts.values():
            if part.log.exists():
                tail = part.log.read_text(errors="replace").splitlines()[-15:]
                print(f"-- {part.name}:", *tail, sep="\n   ")
        raise SystemExit(f"{reason}; everything is in {self.directory}")

    # Asking.

    def call(self, method, **parameters):
        """One request to busbard; None while it does not answer."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(3)
                client.connect(str(self.socket))
                client.sendall(json.dumps(request).encode() + b"\n")
                return json.loads(client.makefile().readline())
        except (OSError, ValueError):
            return None

    def busbar(self, *arguments):
        return subprocess.run(
            [self.programs / "busbar", *arguments, "--socket", self.socket],
            capture_output=True, text=True,
        )

    def wait(self, what, seconds, condition):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.1)
        self.fail(f"not within {seconds} s: {what}")

    # The two sides that must agree.

    def stored(self):
        """Every event of the device: {(lane, epoch, seq): (type, data)}, from the file itself."""
        events = {}
        path = self.directory / "state/journal.sqlite3"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            for lane in LANES:
                rows = database.execute(
                    f"SELECT seq, type, data, (SELECT hex(epoch) FROM epochs e WHERE "
                    f"e.{lane}_first <= seq ORDER BY n DESC LIMIT 1) FROM {lane}_lane"
                )
                for seq, kind, data, epoch in rows:
                    events[lane, epoch.lower(), seq] = (kind, bytes(data))
        return events

    def received(self):
        """Every record that Kafka has, in the order of its partition."""
        records = []
        with open(self.records_file, "rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    records.append(json.loads(line))
        return records

    def compare(self):
        """What is wrong between the device and Kafka, as sentences; what is missing; the figures.

        Kafka is read first: events go on meanwhile, and what is stored and sent between the two
        looks must not seem to be in Kafka without having been stored.
        """
        received = self.received()
        stored = self.stored()
        first, wrong, duplicates = {}, [], 0
        last = {}
        for record in received:
            if record["topic"] == "busbar.dlq.v1":
                wrong.append(f"a dead letter: {record['headers']}")
                continue
            epoch, lane, seq = record["headers"]["ce_id"].split(":")
            identity = lane, epoch, int(seq)
            content = record["value"].encode()
            if identity in first:
                duplicates += 1
                if first[identity] != content:
                    wrong.append(f"{identity} has two contents in Kafka")
                continue
            first[identity] = content
            if last.get((lane, epoch), 0) >= int(seq):
                wrong.append(f"{identity} came after {last[lane, epoch]}")
            last[lane, epoch] = int(seq)
            if identity not in stored:
                wrong.append(f"{identity} is in Kafka and was never stored")
            elif stored[identity][1] != content:
                wrong.append(f"{identity} is not what was stored")
        missing = sorted(set(stored) - set(first))
        return wrong, missing, {
            "stored": len(stored), "received": len(first), "duplicates": duplicates,
            "lanes": {
                lane: tuple(sum(one[0] == lane for one in side) for side in (stored, first))
                for lane in LANES
            },
        }

    def settle(self, seconds):
        """The figures of the first look that finds all that is stored in Kafka, and nothing wrong.

        A second look would not do: the next telemetry may have been stored since, and not sent.
        """
        deadline = time.monotonic() + seconds
        while True:
            wrong, missing, figures = self.compare()
            if wrong:
                self.fail(f"{len(wrong)} things wrong: " + "; ".join(wrong[:20]))
            if not missing:
                return figures
            if time.monotonic() >= deadline:
                self.fail(f"after {seconds} s Kafka lacks {len(missing)} events: {missing[:20]}")
            time.sleep(0.1)
