#!/usr/bin/env python3
"""A bridge whose cluster is away, whose broker refuses it, and which is stopped under load.

    .build/venv/bin/python Tests/SystemTests/check_bridge.py [--programs DIR]

With the real bridge, a real mosquitto and librdkafka's mock cluster. The device is this script: it
publishes batches made here, and sends again what was not taken, as a device does.
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chain import DEVICE, LANES, Chain, Part, built_programs, free_port  # noqa: E402

EPOCH = "0b" * 16
# In each lane: 30,000 events in all, where a bridge has room for 20,000, and for 8,192 of one lane.
BATCHES, EVENTS = 10, 1_000
# The bridge's keep-alive is 30 s; after half as much again without a word the broker hangs up, as
# soon as it looks, which it does each 5 s.
BEYOND_KEEP_ALIVE = 60


def batch(first, count, epoch=EPOCH, lane="event", base=1):
    """As `EventBatch` describes it, uncompressed."""
    header = {
        "v": 1, "site": "house", "device": DEVICE, "lane": lane, "epoch": epoch,
        "run": "01" * 16, "boot": "02" * 16, "base": base, "first": first,
        "last": first + count - 1, "gaps": [], "before": None,
    }
    lines = [header] + [
        {
            "seq": seq, "type": "job.started.v1", "subject": f"job/{seq}", "ms": 1_700_000_000_000,
            "clock": "synced", "tick": seq, "mono": seq, "severity": "info", "correlation": 1,
            "data": {"number": seq},
        }
        for seq in range(first, first + count)
    ]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def up(lane="event"):
    return f"busbar/v1/up/07/{DEVICE}/{lane}"


class Bridge:
    def __init__(self, chain):
        self.chain = chain
        self.file = chain.directory / "batch"

    def expect(self, what, condition):
        if not condition:
            self.chain.fail(what)

    def get(self, path, port=None):
        """(status, text); 0 while nobody answers."""
        url = f"http://127.0.0.1:{port or self.chain.http_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, sample, port=None):
        for line in self.get("/metrics", port)[1].splitlines():
            if line.startswith(sample + " "):
                return float(line.split()[-1])
        self.chain.fail(f"no metric {sample}")

    def becomes_ready(self, seconds=20, port=None):
        self.chain.wait(
            "the bridge is ready", seconds, lambda: self.get("/readyz", port)[0] == 200)

    def says(self, text, seconds, port=None):
        """/readyz is 503 with that text in it."""
        self.chain.wait(
            f"/readyz says {text!r}", seconds,
            lambda: self.get("/readyz", port)[0] == 503 and text in self.get("/readyz", port)[1])

    def words(self, name="bridge"):
        return self.chain.parts[name].log.read_text(errors="replace")

    def client(self, program, topic, *arguments, certificate="client"):
        pki = self.chain.certificates
        return [
            program, "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(self.chain.port), "-q", "1",
            "-t", topic, "--cafile", pki.path("ca.crt"), "--tls-version", "tlsv1.3",
            "--cert", pki.path(f"{certificate}.crt"), "--key", pki.path(f"{certificate}.key"),
            *arguments,
        ]

    def publish(self, text, *options, lane="event"):
        self.file.write_text(text)
        subprocess.run(
            self.client("mosquitto_pub", up(lane), "-f", str(self.file), *options),
            check=True, timeout=60)

    def expect_connection(self):
        """The first connection of the bridge stands, and both sides think so."""
        lost = [line for name, mark in (("bridge", "lost the MQTT broker"),
                                        ("broker", "busbar-bridge-bridge-1 has exceeded timeout"))
                for line in self.words(name).splitlines() if mark in line]
        self.expect(f"the connection did not stand: {lost}", not lost)

    def events_in_kafka(self, epoch=EPOCH):
        return [
            record["headers"]["ce_id"] for record in self.chain.received()
            if record["topic"] == "busbar.event.v1" and epoch in record["headers"]["ce_id"]
        ]

    def acknowledged(self, lane):
        """Up to which number, by what the broker keeps of it."""
        topic = f"busbar/v1/down/{DEVICE}/ack/{lane}"
        said = subprocess.run(
            self.client("mosquitto_sub", topic, "-C", "1", "-W", "1"),
            capture_output=True, text=True, timeout=30).stdout
        return json.loads(said)["upto"] if said else 0

    def send_unacknowledged(self):
        """Each lane from its base on, a batch of each in turn; returns the bases."""
        bases = {lane: self.acknowledged(lane) + 1 for lane in LANES}
        for number in range(BATCHES):
            for lane, base in bases.items():
                first = 1 + number * EVENTS
                if first >= base:
                    self.publish(batch(first, EVENTS, lane=lane, base=base), lane=lane)
        return bases

    # What is tried.

    def brokers_come_back(self):
        """Without a record on its way nothing but a look shows that the brokers are back."""
        self.chain.kafka("down all")
        self.says("_ALL_BROKERS_DOWN", 40)
        self.chain.kafka("up all")
        self.becomes_ready(30)

    def outage(self):
        """Longer than the keep-alive, with more events than the bridge has room for."""
        self.chain.kafka("down all")
        began = time.monotonic()
        self.send_unacknowledged()
        time.sleep(max(0, began + BEYOND_KEEP_ALIVE - time.monotonic()))
        self.expect_connection()
        self.expect("nothing was left for lack of room: the run proves nothing",
                    self.metric('busbar_bridge_events_left_total{reason="no_room"}') > 0)
        self.expect("more is held than there is room for",
                    self.metric("busbar_bridge_records_held") <= 20_000)
        self.chain.kafka("up all")
        # Of so many records at once the mock forgets the first before a consumer has them: what
        # the bridge acknowledges is the measure.
        deadline = time.monotonic() + 90
        while min((bases := self.send_unacknowledged()).values()) <= BATCHES * EVENTS:
            if time.monotonic() > deadline:
                self.chain.fail(f"after 90 s the lanes are acknowledged below {bases}")
            time.sleep(3)
        for lane in LANES:
            stored = self.metric(f'busbar_bridge_records_stored_total{{lane="{lane}"}}')
            self.expect(f"{stored} of {lane} stored", stored == BATCHES * EVENTS)
        self.expect_connection()
        self.becomes_ready()

    def retained(self):
        """One that comes while the bridge is there, and later its removal."""
        epoch = "0c" * 16
        self.publish(batch(1, 1, epoch), "-r")
        refused = 'busbar_bridge_messages_refused_total{reason="retained"}'
        self.chain.wait("a retained batch is refused", 10, lambda: self.metric(refused) == 1)
        subprocess.run(self.client("mosquitto_pub", up(), "-n", "-r"), check=True, timeout=60)
        self.chain.wait("its removal is refused too", 10, lambda: self.metric(refused) == 2)
        self.expect("a retained batch is in Kafka", not self.events_in_kafka(epoch))

    def renewed_certificate(self):
        before = self.words().count("connected to the MQTT broker")
        self.chain.certificates.sign("bridge", "busbar-bridge")
        self.chain.wait(
            "the bridge connects anew", 30,
            lambda: self.words().count("connected to the MQTT broker") > before)
        self.becomes_ready()

    def another(self, name, certificate):
        """A second bridge; returns its port for health."""
        pki, port = self.chain.directory / "pki", free_port()
        self.chain.parts[name] = part = Part(name, self.chain.directory / f"{name}.log")
        part.start([
            self.chain.programs / "busbar-bridge", "run", "--mqtt", f"127.0.0.1:{self.chain.port}",
            "--ca", pki / "ca.crt", "--cert", pki / f"{certificate}.crt",
            "--key", pki / f"{certificate}.key", "--kafka", self.chain.bootstraps,
            "--secret-file", self.chain.secret, "--development-cluster",
            "--http", f"127.0.0.1:{port}", "--instance", name,
        ])
        return port

    def foreign_certificate(self):
        """Of a device, which may read what it likes by mosquitto's rules, and say no hello."""
        port = self.another("foreign", "client")
        self.says("the MQTT broker refuses the bridge's hellos: reason 0x87", 30, port)
        counted = 'busbar_bridge_publications_refused_total{kind="hello"}'
        self.expect("no refused hello is counted", self.metric(counted, port) >= 64)
        self.expect("the log does not say what to do", "look whether --cert is the bridge's own "
                    "certificate" in self.words("foreign"))
        self.chain.parts["foreign"].kill(signal.SIGTERM)

    def mute(self):
        """One that may say hello and not acknowledge, until somebody mends the access list."""
        self.chain.certificates.sign("mute", "mute-bridge")
        acl = self.chain.directory / "acl"
        allowed = "user mute-bridge\ntopic read busbar/v1/up/#\ntopic write busbar/v1/bridge/+\n"
        acl.write_text(acl.read_text() + "\n" + allowed)
        broker = self.chain.parts["broker"].process
        broker.send_signal(signal.SIGHUP)
        port = self.another("mute", "mute")
        self.becomes_ready(30, port)
        self.publish(batch(1, 1, "0d" * 16))
        self.says("the MQTT broker refuses the bridge's acknowledgements: reason 0x87", 10, port)
        acl.write_text(acl.read_text() + "topic write busbar/v1/down/+/ack/+\n")
        broker.send_signal(signal.SIGHUP)
        self.becomes_ready(45, port)
        self.chain.parts["mute"].kill(signal.SIGTERM)

    def stopped_under_load(self):
        """While batches come: the broker must still read the last words, and the farewell."""
        for number in range(1, 6):
            self.stop_under_load(number)

    def stop_under_load(self, number):
        self.becomes_ready()
        epoch = f"{number:032x}"
        self.file.write_text(batch(1, 200, epoch))
        flood = subprocess.Popen(self.client(
            "mosquitto_pub", up(), "-f", str(self.file), "--repeat", "2000"))
        self.chain.wait("events flow", 20, lambda: self.events_in_kafka(epoch))
        left = "Client busbar-bridge-bridge-1 disconnected."
        before = self.words("broker").count(left)
        self.chain.parts["bridge"].kill(signal.SIGTERM)
        code = self.chain.parts["bridge"].process.returncode
        flood.kill()
        flood.wait()
        self.expect(f"the bridge ended with {code}", code == 0)
        self.expect("it left without what it said last", "has not confirmed" not in self.words())
        self.chain.wait("the broker logs an orderly end", 5,
                        lambda: self.words("broker").count(left) > before)
        said = subprocess.run(
            self.client("mosquitto_sub", "busbar/v1/bridge/+", "-C", "64", "-W", "5"),
            capture_output=True, text=True, timeout=30).stdout.splitlines()
        hellos = [json.loads(line) for line in said]
        stopped = "it was stopped: start busbar-bridge again, or another for its shards"
        wrong = [hello for hello in hellos if hello["reason"] != stopped]
        self.expect(f"{len(hellos)} hellos, not stopped: {wrong}", len(hellos) == 64 and not wrong)
        self.chain.start("bridge")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", help="where the built programs are")
    parser.add_argument("--only", help="one of the steps, as the function is called")
    options = parser.parse_args()
    programs = options.programs or built_programs()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="busbar-bridge-"))
    chain = Chain(directory, programs)
    bridge = Bridge(chain)
    started = time.monotonic()
    steps = [
        bridge.brokers_come_back, bridge.outage, bridge.retained, bridge.renewed_certificate,
        bridge.stopped_under_load, bridge.foreign_certificate, bridge.mute,
    ]
    if options.only:
        steps = [getattr(bridge, options.only)]
    try:
        chain.start("kafka", "consumer", "broker", "bridge")
        bridge.becomes_ready(30)
        for step in steps:
            step()
        print(f"check_bridge: {len(steps)} steps, {time.monotonic() - started:.0f} s")
    finally:
        chain.stop()
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
