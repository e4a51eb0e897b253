#!/usr/bin/env python3
"""A broker that refuses, certificates that are wrong, and messages that are forged.

    .build/venv/bin/python Tests/SystemTests/check_broker.py [--programs DIR]

With the real uplink and a real mosquitto: each fault of the connection is said in one line with
what to do, and is over without a restart once it is mended; what nobody may do, nobody can; and at
the end everything that the device has stored is in Kafka.
"""

import argparse
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chain import DEVICE, ROOT, Certificates, Chain, Part, built_programs, free_port  # noqa: E402

PAST = ("20200101000000Z", "20210101000000Z")
FUTURE = ("20390101000000Z", "20400101000000Z")
NAMES = "DNS:localhost,IP:127.0.0.1"

# /etc/mosquitto/mosquitto.conf of Debian 12 (mosquitto 2.0.11-1.2), without its comments.
DEBIAN = """\
pid_file /run/mosquitto/mosquitto.pid

persistence true
persistence_location /var/lib/mosquitto/

log_dest file /var/log/mosquitto/mosquitto.log

include_dir /etc/mosquitto/conf.d
"""


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

    def publish(self, topic, payload, certificate=None, port=None, retain=False, tls_port=None):
        command = ["mosquitto_pub", "-V", "mqttv5", "-h", "127.0.0.1", "-q", "1", "-t", topic,
                   "-p", str(port or tls_port or self.chain.port), "-m", payload, "-i", "somebody"]
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

    def debian(self):
        """The commands at the top of mosquitto.conf make a broker that Debian's own file starts."""
        root = self.chain.directory / "debian"
        for folder in ("etc/mosquitto/conf.d", "etc/mosquitto/certs", "run", "lib", "log", "from"):
            (root / folder).mkdir(parents=True)
        # Of root's broker nothing but key and access list may be another's, as on a device.
        is_root = os.geteuid() == 0 and "mosquitto" in {entry.pw_name for entry in pwd.getpwall()}
        if is_root:
            self.chain.directory.chmod(0o711)
            for folder in ("run", "lib", "log"):
                shutil.chown(root / folder, "mosquitto", "mosquitto")
        port = free_port()

        def here(text):
            for old, new in (
                ("/etc/mosquitto", f"{root}/etc/mosquitto"), ("/var/log/mosquitto", f"{root}/log"),
                ("/var/lib/mosquitto", f"{root}/lib"), ("/run/mosquitto", f"{root}/run"),
                ("listener 8883", f"listener {port} 127.0.0.1"),
            ):
                text = text.replace(old, new)
            return text

        for name in ("mosquitto.conf", "acl"):
            shutil.copy(ROOT / "board/broker" / name, root / "from")
        for name in ("ca.crt", "broker.crt", "broker.key"):
            shutil.copy(self.chain.certificates.path(name), root / "from")
        said = (root / "from/mosquitto.conf").read_text()
        commands = [line[1:].strip() for line in said.splitlines() if line.startswith("#     ")]
        self.expect(f"mosquitto.conf does not say how it is installed: {commands}",
                    commands[-1:] == ["systemctl restart mosquitto"] and len(commands) == 5)
        for command in commands[:-1]:
            if not is_root:
                command = command.replace("-o mosquitto -g mosquitto ", "")
            subprocess.run(here(command), shell=True, check=True, cwd=root / "from")
        installed = root / "etc/mosquitto/conf.d/busbar.conf"
        installed.write_text(here(installed.read_text()))
        (root / "etc/mosquitto/mosquitto.conf").write_text(here(DEBIAN))
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        self.chain.parts["debian"] = part = Part("debian", self.chain.directory / "debian.log")
        part.start([program, "-c", root / "etc/mosquitto/mosquitto.conf"])
        log = root / "log/mosquitto.log"
        self.chain.wait(
            "Debian's mosquitto runs with board/broker/mosquitto.conf in conf.d", 10,
            lambda: not part.is_running() or log.exists() and " running\n" in log.read_text())
        words = part.log.read_text() + (log.read_text() if log.exists() else "")
        self.expect(f"it ended with {part.process.poll()}: {words}", part.is_running())
        odd = [line.split(": ", 1)[1] for line in words.splitlines()
               if any(mark in line for mark in (": Warning", ": Note", ": Error", "Notice"))]
        self.expect(f"it says more than what acl explains: {odd}", odd == [
            "Warning: ACL pattern 'busbar/v1/bridge/+' does not contain '%c' or '%u'."])
        up = f"busbar/v1/up/00/{DEVICE}/alarm"
        right = self.publish(up, "{}", certificate="client", tls_port=port)
        self.expect(f"a device may not publish: {right.stderr}",
                    right.returncode == 0 and not right.stderr)
        wrong = self.publish(up, "{}", certificate="bridge", tls_port=port)
        self.expect(f"the access list is not in force: {wrong.stderr}", "uthori" in wrong.stderr)
        part.kill(signal.SIGTERM)

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
    parser.add_argument("--only-debian", action="store_true", help="the broker's files alone")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="busbar-broker-"))
    chain = Chain(directory, options.programs or built_programs())
    broker = Broker(chain)
    try:
        broker.debian()
        if not options.only_debian:
            faults(chain, broker)
    finally:
        chain.stop()
    print(f"check_broker: {broker.checks} checks")
    shutil.rmtree(directory)


def faults(chain, broker):
    chain.start()
    broker.is_over()
    broker.no_broker()
    broker.broker_certificates()
    broker.foreign_authority()
    broker.own_certificates()
    broker.missing_file()
    broker.access()
    broker.forgeries()
    print(f"check_broker: {chain.settle(60)['stored']} events, 0 lost")


if __name__ == "__main__":
    main()
