#!/usr/bin/env python3
"""A broker that refuses, certificates that are wrong, and messages that are forged.

    .build/venv/bin/python Tests/SystemTests/check_broker.py [--programs DIR]

With the real uplink and a real mosquitto: each fault of the connection is said in one line with
what to do, and is over without a restart once it is mended; what nobody may do, nobody can; and at
the end everything that the device has stored is in Kafka.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chain import DEVICE, Certificates, Chain, built_programs  # noqa: E402

PAST = ("20200101000000Z", "20210101000000Z")
FUTURE = ("20390101000000Z", "20400101000000Z")
NAMES = "DNS:localhost,IP:127.0.0.1"


class Broker:
    """The faults, one after the other, and what is said of each."""

    def __init__(self, chain):
        self.chain = chain
        self.checks = 0

    def explanation(self):
        result = self.chain.busbar("uplink", "--json")
        try:
            return json.loads(result.stdout)["status"]["why"] or ""
        except (ValueError, TypeError, KeyError):
            return ""

    def nudge(self):
        """New credentials are tried at once; without them the wait doubles with each fault here."""
        (self.chain.credentials / "ca.crt").touch()

    def says(self, *sentences):
        """`busbar uplink` gives a reason that begins with one of the sentences."""
        self.nudge()
        self.chain.wait(
            f"busbar uplink says {sentences}", 40,
            lambda: self.explanation().startswith(sentences),
        )
        self.checks += 1

    def is_over(self):
        """It sends again, by itself: a new event is acknowledged."""
        self.nudge()
        before = len(self.chain.received())
        self.chain.call("heating.setTarget", target_millicelsius=40_000 + self.checks * 100)
        self.chain.wait(
            "events flow again", 60,
            lambda: len(self.chain.received()) > before and not self.explanation(),
        )
        self.checks += 1

    def restart_broker(self):
        self.chain.parts["broker"].kill()
        self.chain.start("broker")

    def expect(self, what, condition):
        if not condition:
            self.chain.fail(what)
        self.checks += 1

    # The broker's certificate. The bridge is cut off by these as well, and must come back too.

    def with_broker_certificate(self, sentences, name="broker", **options):
        pki = self.chain.certificates
        right = {suffix: pathlib.Path(pki.path(f"broker.{suffix}")).read_bytes()
                 for suffix in ("crt", "key")}
        options.setdefault("names", NAMES)
        pki.sign("broker", name, **options)
        self.restart_broker()
        self.says(*sentences)
        for suffix, content in right.items():
            pathlib.Path(pki.path(f"broker.{suffix}")).write_bytes(content)
        self.restart_broker()
        self.is_over()

    def broker_certificates(self):
        # The advice differs by whether this machine's clock is set, as it should.
        self.with_broker_certificate(
            ("the broker's certificate has expired: ",), start=PAST[0], end=PAST[1])
        self.with_broker_certificate(
            ("the broker's certificate is not yet valid: ",), start=FUTURE[0], end=FUTURE[1])
        self.with_broker_certificate(
            ("the broker's certificate is for another name: set uplink.host in the site file to a "
             "name in the certificate",),
            names="DNS:elsewhere.example")

    def foreign_authority(self):
        other = Certificates(self.chain.directory / "other-pki")
        ours = self.chain.credentials / "ca.crt"
        right = ours.read_bytes()
        shutil.copy(other.path("ca.crt"), ours)
        self.says(
            "the broker's certificate is signed by nobody in ca.crt: put the right authority there")
        ours.write_bytes(right)
        self.is_over()

    # Our own certificate: the broker judges it, and says so with a TLS alert.

    def with_own_certificate(self, sentences, make):
        names = ("client.crt", "client.key")
        right = {name: (self.chain.credentials / name).read_bytes() for name in names}
        pki = make()
        for name in names:
            shutil.copy(pki.path(name.replace("client", "wrong")), self.chain.credentials / name)
        # Something that waits to be sent: a broker that lets us in may still refuse that.
        self.chain.call("heating.setTarget", target_millicelsius=30_000 + self.checks * 100)
        self.says(*sentences)
        for name, content in right.items():
            (self.chain.credentials / name).write_bytes(content)
        self.is_over()

    def own_certificates(self):
        refused = ("the broker does not accept client.crt (", "TLS with the broker failed (the "
                   "broker ended it; perhaps it does not accept client.crt)")

        def expired():
            self.chain.certificates.sign("wrong", DEVICE, start=PAST[0], end=PAST[1])
            return self.chain.certificates

        def unknown():
            other = Certificates(self.chain.directory / "third-pki")
            other.sign("wrong", DEVICE)
            return other

        def other_key():
            # The certificate of one pair with the key of another.
            self.chain.certificates.sign("wrong", DEVICE)
            self.chain.certificates.key("wrong")
            return self.chain.certificates

        def garbage():
            self.chain.certificates.key("wrong")
            pathlib.Path(self.chain.certificates.path("wrong.crt")).write_text("no PEM\n")
            return self.chain.certificates

        def other_name():
            self.chain.certificates.sign("wrong", "another-device")
            return self.chain.certificates

        self.with_own_certificate(refused, expired)
        self.with_own_certificate(refused, unknown)
        folder = self.chain.credentials
        self.with_own_certificate(
            (f"{folder}/client.key: it is no key in PEM, or does not fit {folder}/client.crt: put "
             "the pair there",), other_key)
        self.with_own_certificate(
            (f"{folder}/client.crt: it is no certificate in PEM: put it and its key there, the "
             "pair",), garbage)
        self.with_own_certificate(
            (f'the broker does not take events (not authorised): let the client "{DEVICE}" publish '
             f"to busbar/v1/up/26/{DEVICE}/+, or client.crt is not for this name",), other_name)

    def missing_file(self):
        key = self.chain.credentials / "client.key"
        content = key.read_bytes()
        key.unlink()
        self.says(f"{key}: ")
        key.write_bytes(content)
        key.chmod(0o644)
        self.says(f"{key}: ")
        key.chmod(0o600)
        self.is_over()

    def no_broker(self):
        self.chain.parts["broker"].kill()
        self.says("the broker cannot be reached (nobody listens there: is the broker running?): "
                  "check cable, name and port")
        self.chain.start("broker")
        self.is_over()

    # Who may do what.

    def publish(self, topic, payload, certificate=None, port=None, retain=False):
        command = ["mosquitto_pub", "-V", "mqttv5", "-h", "127.0.0.1", "-q", "1", "-t", topic,
                   "-p", str(port or self.chain.port), "-m", payload, "-i", "somebody"]
        pki = self.chain.certificates
        if port is None:
            command += ["--cafile", pki.path("ca.crt"), "--tls-version", "tlsv1.3"]
        if certificate:
            command += ["--cert", pki.path(f"{certificate}.crt"),
                        "--key", pki.path(f"{certificate}.key")]
        if retain:
            command.append("-r")
        return subprocess.run(command, capture_output=True, text=True, timeout=20)

    def access(self):
        up = f"busbar/v1/up/00/{DEVICE}/alarm"
        self.expect("without a certificate TLS let somebody in",
                    self.publish(up, "{}").returncode != 0)
        plain = self.publish(up, "{}", port=self.chain.plain_port)
        self.expect(f"without TLS and a name somebody got in: {plain.stderr}",
                    plain.returncode != 0 and "uthori" in plain.stderr)
        self.chain.certificates.sign("stranger", "another-device")
        for topic in (up, f"busbar/v1/down/{DEVICE}/ack/alarm", "busbar/v1/bridge/00",
                      f"busbar/v1/down/{DEVICE}/command", f"busbar/v1/status/{DEVICE}"):
            said = self.publish(topic, "{}", certificate="stranger")
            self.expect(f"another device may publish to {topic}: {said.stderr}",
                        "uthori" in said.stderr)

    def counter(self, name):
        answer = json.loads(self.chain.busbar("uplink", "--json").stdout)
        return answer["status"]["counters"][name]

    def forgeries(self):
        """From somebody who has taken over the broker, or the bridge's certificate."""
        before = self.counter("acks_forged")
        forged = {
            "v": 1, "device": DEVICE, "epoch": "00" * 16, "lane": "alarm", "upto": 10**9,
            "topic": "busbar.alarm.v1", "partition": 0, "offset": 1, "digest": "00" * 16,
            "bridge": "bridge-1", "development": False, "mac": "00" * 32,
        }
        topic = f"busbar/v1/down/{DEVICE}/ack/alarm"
        for payload in (json.dumps(forged), "[" * 5_000, "{}", "x" * 60_000):
            said = self.publish(topic, payload, certificate="bridge")
            self.expect(f"the bridge may not acknowledge: {said.stderr}", said.returncode == 0)
        self.chain.wait(
            "forged acknowledgements are counted", 20,
            lambda: self.counter("acks_forged") >= before + 4,
        )
        self.checks += 1
        self.is_over()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", help="where the built programs are")
    programs = parser.parse_args().programs or built_programs()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="busbar-broker-"))
    chain = Chain(directory, programs)
    try:
        chain.start()
        broker = Broker(chain)
        broker.is_over()
        broker.no_broker()
        broker.broker_certificates()
        broker.foreign_authority()
        broker.own_certificates()
        broker.missing_file()
        broker.access()
        broker.forgeries()
        figures = chain.settle(60)
        print(f"check_broker: {broker.checks} checks, {figures['stored']} events, 0 lost")
    finally:
        chain.stop()
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
