#!/usr/bin/env python3
"""Commands of the cluster on their whole way: signed here, by the broker to the real uplink, by its
socket to busbard's inbox, and their answers back to Kafka.

    .build/venv/bin/python Tests/SystemTests/check_commands.py [--programs DIR]

The signature is made by openssl from the format's description, not by Busbar's code. What is
forged, retained, repeated, late, too large or too deep changes nothing and is counted.
"""

import argparse
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chain import DEVICE, Chain, built_programs, openssl  # noqa: E402

TOPIC = f"busbar/v1/down/{DEVICE}/command"
# What busbard waits for after its inbox began: clocks of the cluster may be ahead by so much.
CLOCK_DIFFERENCE = 5
CLOCK = """
#include <sys/timex.h>
int adjtimex(struct timex *state) { state->status = %s; return %s; }
"""


class ClockedChain(Chain):
    """The device's programs see a clock that is set, or one that is not, on any machine."""

    clock = True

    def library(self, is_set):
        path = self.directory / f"clock-{is_set}.so"
        if not path.exists():
            source = path.with_suffix(".c")
            words = ("0", "TIME_OK") if is_set else ("STA_UNSYNC", "TIME_ERROR")
            source.write_text(CLOCK % words)
            subprocess.run(["clang", "-shared", "-fPIC", "-o", path, source], check=True)
        return str(path)

    def _with_clock(self, start):
        os.environ["LD_PRELOAD"] = self.library(self.clock)
        try:
            start()
        finally:
            del os.environ["LD_PRELOAD"]

    def _start_busbard(self):
        self._with_clock(super()._start_busbard)

    def _start_uplink(self):
        self._with_clock(super()._start_uplink)


class Commander:
    """The cluster's side, with a key of its own, and what must come of what it sends."""

    def __init__(self, chain):
        self.chain = chain
        self.checks = 0
        # How many commands the running uplink has counted as refused, by its own word or busbard's.
        self.refusals = 0
        self.key = str(chain.directory / "command.pem")
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.key)
        public = subprocess.run(
            ["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"],
            check=True, capture_output=True,
        ).stdout[-32:]
        (chain.credentials / "command.pub").write_text(public.hex() + "\n")
        chain.certificates.sign("commander", "busbar-commander")

    def sign(self, text):
        path = self.chain.directory / "signed.txt"
        path.write_text(text)
        return subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", path],
            check=True, capture_output=True,
        ).stdout.hex()

    def command(self, method, parameters=None, device=DEVICE, issued=None, life=60_000):
        now = int(time.time() * 1_000)
        issued = now if issued is None else now + issued
        members = {
            "v": 1, "id": secrets.token_hex(16), "device": device, "method": method,
            "parameters": parameters or {}, "issued_ms": issued, "expires_ms": issued + life,
            "by": "ines",
        }
        canonical = json.dumps(members["parameters"], sort_keys=True, separators=(",", ":"))
        members["signature"] = self.sign("\n".join([
            "busbar command 1", members["id"], device, method, canonical, str(issued),
            str(issued + life), "ines",
        ]))
        return members

    def send(self, payload, retain=False):
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        pki = self.chain.certificates
        said = subprocess.run(
            ["mosquitto_pub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(self.chain.port),
             "-q", "1", "-t", TOPIC, "-i", "commander", "--tls-version", "tlsv1.3",
             "--cafile", pki.path("ca.crt"), "--cert", pki.path("commander.crt"),
             "--key", pki.path("commander.key"), "-s" if payload else "-n",
             *(["-r"] if retain else [])],
            input=payload, capture_output=True, text=True, timeout=20,
        )
        self.expect(f"the commander may not publish: {said.stderr}", said.returncode == 0)

    def expect(self, what, condition):
        if not condition:
            self.chain.fail(what)
        self.checks += 1

    def wait(self, what, condition):
        self.chain.wait(what, 30, condition)
        self.checks += 1

    # What the cluster sees.

    def answers(self, command):
        """The answers that Kafka has to a command, as (result, refusal)."""
        found = []
        for record in self.chain.received():
            if record["headers"].get("ce_type") == "io.busbar.command.answered.v1":
                data = json.loads(record["value"])
                if data["command"] == command["id"]:
                    found.append((data["result"], data["refusal"]))
        return found

    def answered(self, command, result, refusal=None):
        self.wait(
            f"Kafka has {result} ({refusal}) for {command['method']}",
            lambda: (result, refusal) in self.answers(command),
        )

    def target(self):
        return self.chain.call("heating.status")["result"]["target_millicelsius"]

    def status(self):
        try:
            return json.loads(self.chain.busbar("uplink", "--json").stdout)["status"] or {}
        except (ValueError, KeyError):
            return {}

    def refused(self):
        return self.status().get("counters", {}).get("commands_refused", 0)

    def is_refused(self, what, payload, sentence, retain=False):
        """The uplink refuses it, counts it, says why, and busbard hears of a finding at most."""
        taken = len(self.taken())
        self.send(payload, retain=retain)
        self.one_more_refusal(what)
        texts = [finding["text"] for finding in self.status()["findings"]]
        self.expect(f"{what}: {texts}", any(sentence in text for text in texts))
        self.expect(f"{what} reached busbard", len(self.taken()) == taken)

    def one_more_refusal(self, what):
        self.refusals += 1
        self.wait(f"{what} is counted", lambda: self.refused() == self.refusals)

    def restart(self, *parts):
        """Waits for the new uplink's own word: of the killed one a status is left, and what is
        sent before the new one has subscribed is sent to nobody."""
        before = self.status().get("started_mono_ms")
        for part in parts:
            self.chain.parts[part].kill()
            self.chain.start(part)
        self.refusals = 0
        self.wait(
            "the uplink is back",
            lambda: self.status().get("started_mono_ms") != before and self.is_connected())

    def taken(self):
        return [event for event in self.chain.stored().values()
                if event[0] == "command.answered.v1" and b'"role":"cluster"' in event[1]]

    def is_connected(self):
        status = self.status()
        return (status.get("connected") is True and not status.get("why")
                and status.get("state") != "subscribing")

    # The story.

    def once(self):
        early = self.command("heating.stop")
        self.send(early)
        self.answered(early, "refused", "before_inbox")
        self.one_more_refusal("one from before the inbox")
        time.sleep(CLOCK_DIFFERENCE + 1)
        first = self.command("heating.setTarget", {"target_millicelsius": 41_000})
        self.send(first)
        self.answered(first, "done")
        self.expect("the target was not set", self.target() == 41_000)
        other = self.command("heating.setTarget", {"target_millicelsius": 42_000})
        self.send(other)
        self.answered(other, "done")
        self.is_refused("a repetition", first, "was taken before")
        # The uplink has forgotten it, busbard has not.
        self.restart("uplink")
        self.send(first)
        self.answered(first, "refused", "repeated")
        self.one_more_refusal("a repetition that busbard knows")
        self.expect("a repetition was carried out", self.target() == 42_000)
        self.expect("done twice", self.answers(first).count(("done", None)) == 1)
        # QoS 1 may bring a command twice: that is refused, and no forgery.
        alarms = self.chain.busbar("alarms").stdout
        self.expect(alarms, "E802" not in alarms)

    def reset(self):
        command = self.command("reset")
        self.send(command)
        self.answered(command, "refused", "no_lockout")
        self.one_more_refusal("a reset without a lock-out")
        alarms = self.chain.busbar("alarms").stdout
        self.expect(alarms, "E701" not in alarms)

    def unknown(self):
        """What was asked for is in the record, though there is no such method."""
        command = self.command("power.reset")
        self.send(command)
        self.answered(command, "refused", "not_for_cluster")
        self.one_more_refusal("what the cluster cannot ask for")
        self.expect(
            "its method is not recorded",
            any(b'"method":"power.reset"' in data for _, data in self.taken()))

    def bad(self):
        hot = {"target_millicelsius": 43_000}

        def changed(**members):
            return self.command("heating.setTarget", hot) | members

        deep = self.command("heating.setTarget", hot)
        deep["parameters"] = json.loads('{"a":' * 9 + "{}" + "}" * 9)
        self.is_refused("a forged one", changed(by="somebody"),
                        "its signature is not the cluster's")
        self.is_refused("another device's", self.command("heating.stop", device="heater-2"),
                        'signed for the device "heater-2"')
        self.is_refused("an expired one", self.command("heating.stop", issued=-90_000),
                        "it expired")
        self.is_refused("an early one", self.command("heating.stop", issued=20_000),
                        "it was issued")
        self.is_refused("a large one", "x" * 16_385, "it has 16385 bytes; at most 16384 are read")
        self.is_refused("a deep one", "[" * 5_000, "not JSON")
        self.is_refused("deep parameters", deep, "not nested deeper than 8")
        self.is_refused("a member too many", changed(more=1), 'the member "more" is unknown')
        retained = self.command("heating.setTarget", hot)
        self.is_refused("a retained one", retained, "it was retained by the broker", retain=True)
        # The broker keeps it for whoever connects: it is refused again and again.
        self.restart("uplink")
        self.one_more_refusal("what was retained, again after a reconnect,")
        why = self.chain.busbar("why", "E802").stdout
        for reason in ("its signature is not the cluster's", 'for the device "heater-2"',
                       "not JSON", "it has 16385 bytes", "it was retained by the broker"):
            self.expect(f"{reason} is not in {why}", reason in why)
        # Clearing the topic is no command, also for who hears it at once.
        self.send("", retain=True)
        time.sleep(2)
        self.expect("clearing the topic was refused", self.refused() == self.refusals)
        self.expect("something bad was carried out", self.target() == 42_000)
        self.expect("it was answered", not self.answers(retained))

    def kills(self):
        """busbard is killed around each command; the uplink keeps it meanwhile, if it had it."""
        for number in range(6):
            target = 30_000 + number * 1_000
            command = self.command("heating.setTarget", {"target_millicelsius": target})
            self.send(command)
            time.sleep(number * 0.04)
            self.chain.parts["busbard"].kill()
            self.chain.start("busbard")
            self.wait("busbard answers", lambda: self.chain.call("status"))
            self.wait("it is answered", lambda command=command: self.answers(command))
            self.expect(f"{self.answers(command)}", len(set(self.answers(command))) == 1)
        changes = [data for kind, data in self.chain.stored().values()
                   if kind == "target.changed.v1"]
        values = [json.loads(data)["to_millicelsius"] for data in changes]
        self.expect(f"carried out twice: {values}", len(values) == len(set(values)))

    def clock(self):
        self.chain.clock = False
        self.restart("uplink", "busbard")
        self.is_refused(
            "a command without a clock", self.command("heating.stop"), "clock is not set")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", help="where the built programs are")
    programs = parser.parse_args().programs or built_programs()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="busbar-commands-"))
    chain = ClockedChain(directory, programs)
    try:
        commander = Commander(chain)
        chain.start()
        commander.wait("the uplink is connected", commander.is_connected)
        commander.once()
        commander.reset()
        commander.unknown()
        commander.bad()
        commander.kills()
        commander.clock()
        print(f"check_commands: {commander.checks} checks")
    finally:
        chain.stop()
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
