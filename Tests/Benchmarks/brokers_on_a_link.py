"""Peers that bring a queue over a link: each has a near end, which is filled, and a far end."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

from bench_chain import answers
from bench_table import fresh, mosquitto_program, until
from brokers import find
from chain import free_port


class Peer:
    """`take(number, is_alarm)` is called for each line that comes out at the far end."""

    link_options = []
    program = None

    def __init__(self, programs):
        self.programs = programs
        self.directory = fresh("weeks-peer")
        self.near_port, self.far_port, self.link_port = free_port(), free_port(), free_port()
        self.processes = []

    @classmethod
    def missing(cls):
        return None if find(cls.program) else cls.program

    def run(self, *command, **options):
        log = open(self.directory / "log", "ab")
        with log:
            options = {"stdout": log, "stderr": log} | options
            process = subprocess.Popen([str(word) for word in command], **options)
        self.processes.append(process)
        return process

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def read(self, lines, take):
        def work():
            for line in lines:
                number, is_alarm = self.number(line)
                take(number, is_alarm)
        threading.Thread(target=work, daemon=True).start()

    @staticmethod
    def number(line):
        found = json.loads(line[line.index("{"):])
        return (found["alarm"], True) if "alarm" in found else (found["n"], False)

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
            process.wait()


class MosquittoBridge(Peer):
    name = "mosquitto bridge -> mosquitto"
    program = "mosquitto"
    # More than its 20 under way: those would leave the link idle until the first is confirmed.
    tuned = "max_queued_messages 0\nmax_inflight_messages 100\nallow_anonymous true\n"

    def start(self, take):
        far = self.write("far.conf", f"listener {self.far_port} 127.0.0.1\n{self.tuned}")
        near = self.write(
            "near.conf",
            f"listener {self.near_port} 127.0.0.1\n{self.tuned}"
            f"connection up\naddress 127.0.0.1:{self.link_port}\ntopic bench out 1\n"
            "cleansession false\nrestart_timeout 1 5\n")
        self.run(mosquitto_program(), "-c", far)
        self.run(mosquitto_program(), "-c", near)
        for port in (self.far_port, self.near_port):
            until("mosquitto answers", 10, lambda: answers(port))
        reader = self.run(
            "mosquitto_sub", "-p", self.far_port, "-q", "1", "-t", "bench",
            stdout=subprocess.PIPE, text=True)
        self.read(reader.stdout, take)
        self.writer = self.run(
            "mosquitto_pub", "-p", self.near_port, "-l", "-q", "1", "-t", "bench",
            stdin=subprocess.PIPE, text=True)

    def fill(self, lines):
        subprocess.run(
            ["mosquitto_pub", "-p", str(self.near_port), "-l", "-q", "1", "-t", "bench"],
            check=True, input="\n".join(lines) + "\n", text=True)

    def put(self, line):
        self.writer.stdin.write(line + "\n")
        self.writer.stdin.flush()


class RsyslogToKafka(Peer):
    """Its queue is in memory, and its Kafka is the mock with one broker, so that one link carries
    all. What librdkafka can do for a slow link it is told to: compression, and batches."""

    name = "rsyslog omkafka -> Kafka, gzip"
    program = "rsyslogd"
    link_options = ["--kafka"]
    modules = "/usr/lib/" + os.uname().machine + "-linux-gnu/rsyslog/"

    @classmethod
    def missing(cls):
        if not find(cls.program):
            return "rsyslogd"
        return None if os.path.exists(cls.modules + "omkafka.so") else "rsyslog-kafka"

    def start(self, take):
        kafka = self.run(
            self.programs / "mock-kafka", "--brokers", "1", "--partitions", "1", "bench",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        brokers = kafka.stdout.readline().strip()
        self.far_port = int(brokers.rsplit(":", 1)[1])
        reader = self.run(
            self.programs / "mock-kafka", "dump", brokers, "--follow", "bench",
            stdout=subprocess.PIPE, text=True)
        self.read((json.loads(line)["value"] for line in reader.stdout), take)
        near = self.write("rsyslog.conf", f"""
global(workDirectory="{self.directory}")
main_queue(queue.type="LinkedList" queue.size="200000")
module(load="imptcp")
module(load="omkafka")
input(type="imptcp" port="{self.near_port}" address="127.0.0.1")
template(name="plain" type="string" string="%msg%")
action(type="omkafka" broker=["127.0.0.1:{self.link_port}"] topic="bench" template="plain"
  confParam=["acks=all", "enable.idempotence=true", "compression.codec=gzip", "linger.ms=500",
    "message.timeout.ms=0", "socket.timeout.ms=20000"]
  resubmitOnFailure="on" keepFailedMessages="on" failedMsgFile="{self.directory}/failed"
  action.resumeRetryCount="-1" action.resumeInterval="1")
""")
        self.run(find("rsyslogd"), "-n", "-f", near, "-i", self.directory / "rsyslog.pid")
        until("rsyslog answers", 20, lambda: answers(self.near_port))
        self.socket = socket.create_connection(("127.0.0.1", self.near_port))

    def fill(self, lines):
        for line in lines:
            self.put(line)

    def put(self, line):
        self.socket.sendall(f"<134>1 - bench bench - - - {line}\n".encode())


class LeafNode(Peer):
    """The near server keeps the lines in a stream of its own; one at the far server copies it. The
    far one must name the link as its address: the near one asks it, for when it comes back."""

    name = "nats-server leaf node, JetStream"
    program = "nats-server"
    # More than its 10 s: after these it hangs up on a link that is only slow, and begins anew.
    tuned = 'write_deadline: "60s"'

    def start(self, take):
        client_port = free_port()
        far = self.write("far.conf", f"""
server_name: far
{self.tuned}
listen: "127.0.0.1:{client_port}"
jetstream {{ store_dir: "{self.directory}/far", domain: far }}
leafnodes {{ listen: "127.0.0.1:{self.far_port}", advertise: "127.0.0.1:{self.link_port}" }}
""")
        near = self.write("near.conf", f"""
server_name: near
{self.tuned}
listen: "127.0.0.1:{self.near_port}"
jetstream {{ store_dir: "{self.directory}/near", domain: near }}
leafnodes {{ reconnect: 1, remotes: [{{ url: "nats://127.0.0.1:{self.link_port}" }}] }}
""")
        self.run(find("nats-server"), "-c", far)
        self.run(find("nats-server"), "-c", near)
        for port in (client_port, self.near_port):
            until("nats-server answers", 10, lambda: answers(port))
        self.near, self.far = NatsClient(self.near_port), NatsClient(client_port)
        self.near.asked("$JS.API.STREAM.CREATE.NEAR", {
            "name": "NEAR", "subjects": ["bench"], "storage": "file", "retention": "limits"})
        self.far.asked("$JS.API.STREAM.CREATE.FAR", {
            "name": "FAR", "storage": "file", "retention": "limits",
            "sources": [{"name": "NEAR", "external": {"api": "$JS.near.API", "deliver": ""}}]})
        self.far.subscribe("out", lambda text: take(*self.number(text)))
        self.far.asked("$JS.API.CONSUMER.CREATE.FAR", {
            "stream_name": "FAR",
            "config": {"deliver_subject": "out", "deliver_policy": "all", "ack_policy": "none"}})

    def fill(self, lines):
        for line in lines:
            self.put(line)
        until("nats has stored all", 60, lambda: self.near.answers >= len(lines) + 1)
        self.near.expect_none_refused()

    def put(self, line):
        self.near.publish("bench", line.encode(), "answer")


class NatsClient:
    """As much of the client's protocol as this needs."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.lock = threading.Lock()
        self.answers, self.refused = 0, []
        self.taking = {}
        self.send(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
        self.subscribe("answer", self.answered)
        threading.Thread(target=self.read, daemon=True).start()

    def send(self, data):
        with self.lock:
            self.socket.sendall(data)

    def subscribe(self, subject, take):
        number = str(len(self.taking) + 1)
        self.taking[number] = take
        self.send(f"SUB {subject} {number}\r\n".encode())

    def publish(self, subject, data, answer_to):
        self.send(f"PUB {subject} {answer_to} {len(data)}\r\n".encode() + data + b"\r\n")

    def answered(self, text):
        found = json.loads(text)
        if "error" in found:
            self.refused.append(found["error"])
        self.answers += 1

    def asked(self, subject, request):
        before = self.answers
        self.publish(subject, json.dumps(request).encode(), "answer")
        until(f"nats answers {subject}", 10, lambda: self.answers > before)
        self.expect_none_refused()

    def expect_none_refused(self):
        if self.refused:
            raise SystemExit(f"bench: nats refused: {self.refused[0]}")

    def read(self):
        incoming = self.socket.makefile("rb")
        for line in incoming:
            words = line.split()
            if words[0] == b"PING":
                self.send(b"PONG\r\n")
            elif words[0] == b"MSG":
                # MSG subject number [answer-to] bytes
                text = incoming.read(int(words[-1]) + 2)[:-2]
                self.taking[words[2].decode()](text.decode())
            elif words[0] == b"-ERR":
                raise SystemExit(f"bench: nats: {line!r}")
