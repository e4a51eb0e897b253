"""Servers that say that they have taken a message while nobody fetches it, as peers of a queue."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

from bench_chain import answers
from bench_table import fresh, mosquitto_program, until
from chain import free_port
from synced_disk import STRACE, SyncedDisk, kill, traced


class Server:
    """One that is killed when it has accepted some, and is asked for them after its next start."""

    # What it is given at the most before it is killed.
    events_most = 10_000
    # How many wait in it before somebody fetches them, where nobody is killed.
    depth = 100
    program = None

    def is_here(self):
        return find(self.program) is not None

    def command(self, directory, port):
        raise NotImplementedError

    def start(self, directory, port, wrapped=()):
        process = subprocess.Popen(
            [*wrapped, *self.command(directory, port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        until(f"{self.name} answers", 20, lambda: answers(port))
        return process

    def end(self, process):
        """As whoever runs it ends it, so that strace says what it has counted."""
        os.kill(traced(process.pid), signal.SIGTERM)
        process.wait()

    def prepare(self, port):
        """Before the first message: somebody who is to get them, and is away."""

    def put(self, lines, port):
        """Returns when each line was accepted."""
        raise NotImplementedError

    def read(self, port, count):
        """The lines that it has, `count` at the most."""
        raise NotImplementedError

    def one_life(self, file, dice, verdict, is_power_cut):
        directory, port = fresh("kept"), free_port()
        trace = directory.parent / "kept.strace"
        most = min(self.events_most, 500 if is_power_cut else self.events_most)
        sent = file.read_text().splitlines()[: dice.randrange(most // 4, most)]
        server = self.start(directory, port, [*STRACE, trace] if is_power_cut else [])
        self.prepare(port)
        start = time.monotonic()
        self.put(sent, port)
        seconds = time.monotonic() - start
        kill(server)
        if is_power_cut:
            SyncedDisk(trace, directory).restore()
            trace.unlink()
        else:
            verdict.rates.append(len(sent) / seconds)
        server = self.start(directory, port)
        found = [json.loads(line[line.index("{"):])["n"] - 1 for line in self.read(port, len(sent))]
        kill(server)
        verdict.judge(range(len(sent)), found)

    def kill_and_go_on(self, file, seeds, verdict):
        for seed in seeds:
            self.one_life(file, random.Random(seed), verdict, False)

    def cut_power(self, file, seeds, verdict):
        for seed in seeds:
            self.one_life(file, random.Random(seed), verdict, True)


def find(program):
    # Debian puts servers into /usr/sbin, which is not on every user's path.
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")


class MQTTServer(Server):
    """A client with a session of its own is away, and is to get what is published meanwhile."""

    def subscriber(self, port, *options):
        return subprocess.run(
            ["mosquitto_sub", "-p", str(port), "-i", "away", "-c", "-q", "1", "-t", "bench",
             *options], capture_output=True, text=True,
        ).stdout.splitlines()

    def prepare(self, port):
        self.subscriber(port, "-E")

    def put(self, lines, port):
        subprocess.run(
            ["mosquitto_pub", "-p", str(port), "-l", "-q", "1", "-t", "bench"], check=True,
            input="\n".join(lines) + "\n", text=True,
        )

    def read(self, port, count):
        # What has not come then will not come: on loopback a thousand take a tenth of a second.
        return self.subscriber(port, "-C", str(count), "-W", str(2 + count // 2_000))


class Mosquitto(MQTTServer):
    program = "mosquitto"

    def __init__(self, name, *options, events_most=10_000):
        self.name, self.options, self.events_most = name, options, events_most

    def command(self, directory, port):
        text = [
            f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence true",
            f"persistence_location {directory}/", *self.options,
            # Root would become "mosquitto", who may not write here.
            *(["user root"] if os.geteuid() == 0 else []),
        ]
        (directory / "mosquitto.conf").write_text("\n".join(text) + "\n")
        return [mosquitto_program(), "-c", directory / "mosquitto.conf"]


class Nats(MQTTServer):
    program = "nats-server"
    name = "nats-server, JetStream by MQTT"

    def command(self, directory, port):
        (directory / "nats.conf").write_text(
            f'server_name: bench\nlisten: "127.0.0.1:{free_port()}"\n'
            f'jetstream {{ store_dir: "{directory}/js" }}\nmqtt {{ listen: "127.0.0.1:{port}" }}\n'
        )
        return [find("nats-server"), "-c", directory / "nats.conf"]

    def prepare(self, port):
        # It listens before its streams are there, and then refuses.
        until("nats takes a session", 20, lambda: subprocess.run(
            ["mosquitto_sub", "-p", str(port), "-i", "away", "-c", "-q", "1", "-t", "bench", "-E"],
            capture_output=True,
        ).returncode == 0)

    def read(self, port, count):
        self.prepare(port)
        return super().read(port, count)


class Rsyslog(Server):
    """Its main queue on disk, synced, and RELP, which tells the sender what it has taken."""

    program = "rsyslogd"
    name = "rsyslog, disk queue, by RELP"
    # It syncs three times for each.
    events_most = 500
    # Its way out by TCP loses what it sends to somebody who has just gone: it has one reader.
    depth = 2_000

    def is_here(self):
        return super().is_here() and os.path.exists(
            "/usr/lib/" + os.uname().machine + "-linux-gnu/rsyslog/imrelp.so")

    def command(self, directory, port):
        # Nobody listens there until it is asked for what it has.
        self.out = free_port()
        (directory / "rsyslog.conf").write_text(f"""
global(workDirectory="{directory}")
main_queue(queue.type="Disk" queue.filename="main" queue.spoolDirectory="{directory}"
  queue.checkpointInterval="1" queue.syncQueueFiles="on" queue.saveOnShutdown="on")
module(load="imrelp")
input(type="imrelp" port="{port}" address="127.0.0.1")
template(name="plain" type="string" string="%msg%\\n")
action(type="omfwd" target="127.0.0.1" port="{self.out}" protocol="tcp" template="plain"
  action.resumeRetryCount="-1" action.resumeInterval="1")
""")
        return [find("rsyslogd"), "-n", "-f", directory / "rsyslog.conf",
                "-i", directory / "rsyslog.pid"]

    def put(self, lines, port):
        with socket.create_connection(("127.0.0.1", port)) as server:
            answers_in = server.makefile("rb")
            offer = "relp_version=0\nrelp_software=bench\ncommands=syslog"
            server.sendall(f"1 open {len(offer)} {offer}\n".encode())
            self.expect(answers_in, 1)
            # As many as librelp itself lets go unanswered.
            ahead = 128
            for number, line in enumerate(lines, 2):
                message = f"<134>1 - bench bench - - - {line}".encode()
                server.sendall(f"{number} syslog {len(message)} ".encode() + message + b"\n")
                if number > ahead + 1:
                    self.expect(answers_in, number - ahead)
            for number in range(max(2, len(lines) + 2 - ahead), len(lines) + 2):
                self.expect(answers_in, number)

    @staticmethod
    def expect(answers_in, number):
        """`NUMBER rsp LENGTH 200 ...` and a line feed behind so many bytes."""
        head = b""
        while head.count(b" ") < 3:
            byte = answers_in.read(1)
            if not byte:
                raise SystemExit("bench: rsyslog hung up")
            head += byte
        found, verb, length, _ = head.split(b" ")
        text = answers_in.read(int(length) + 1)
        if int(found) != number or verb != b"rsp" or not text.startswith(b"200"):
            raise SystemExit(f"bench: rsyslog answered {head + text!r} to {number}")

    def read(self, port, count):
        """Opens the door that was shut until now, and waits until nothing comes any more."""
        found = []
        with socket.create_server(("127.0.0.1", self.out)) as listener:
            listener.settimeout(5)
            # Each connection of its own thread: it may open a second before it closes the first.
            last = [time.monotonic()]

            def collect(connection):
                for line in connection.makefile():
                    found.append(line)
                    last[0] = time.monotonic()

            def accept():
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    threading.Thread(target=collect, args=[connection], daemon=True).start()

            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            while len(found) < count and time.monotonic() < last[0] + 4:
                time.sleep(0.05)
            # Those that come twice come at once.
            time.sleep(0.3)
        return [line for line in found if "{" in line]


def all_servers():
    no_cap = "max_queued_messages 0"
    return [
        Mosquitto("mosquitto, as installed"),
        Mosquitto("mosquitto, without a cap", no_cap),
        Mosquitto(
            "mosquitto, autosave each change", no_cap, "autosave_interval 1",
            "autosave_on_changes true", events_most=600),
        Nats(), Rsyslog(),
    ]
