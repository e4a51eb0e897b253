"""Tells the story of Busbar: heat, a gas leak while the network is down, kill -9, and what reaches
the cluster in which order once the network is back; then the reset at the site.

Everything in it is real but the plant and the Kafka cluster (librdkafka's mock of three brokers):
the daemons, the broker with TLS and client certificates, the command, and every line it prints.
"""

import pathlib
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/SystemTests"))
from chain import Chain  # noqa: E402
from emulated import LEASE, Late, Rig, copy_firmware, make_site  # noqa: E402

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


def say(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


class Story:
    def __init__(self, chain):
        self.chain = chain

    def show(self, *words, head=None):
        """Types a command and runs it, whatever its exit code: a refusal is part of the story."""
        print("$ busbar", *words, flush=True)
        result = self.chain.busbar(*words)
        lines = (result.stdout + result.stderr).splitlines()
        print(*(lines[:head] if head else lines), sep="\n", flush=True)
        if result.returncode:
            print(f"(exit {result.returncode})", flush=True)

    def until(self, seconds, pattern, *words):
        self.chain.wait(
            f"\"busbar {' '.join(words)}\" says \"{pattern}\"", seconds,
            lambda: pattern.lower() in self.chain.busbar(*words).stdout.lower(),
        )

    def show_lanes(self, lanes):
        """What the device has and what Kafka has, side by side."""
        print(f"  {'lane':<12}{'on the device':>14}{'in Kafka':>10}{'missing':>9}")
        for lane, (stored, received) in lanes.items():
            print(f"  {lane:<12}{stored:>14}{received:>10}{stored - received:>9}")

    def show_arrivals(self, since):
        """What the bridge wrote since then, in the order of the record times that it gave.

        Topics are apart in Kafka: which of two records of one millisecond came first, nobody can
        say. Alarms are shown first of those.
        """
        records = sorted(
            (record for record in self.chain.received() if record["timestamp_ms"] >= since),
            key=lambda record: (record["timestamp_ms"], record["topic"] != "busbar.alarm.v1"))
        begin = records[0]["timestamp_ms"]
        if records[0]["topic"] != "busbar.alarm.v1":
            self.chain.fail(f"{records[0]['topic']} came before the first alarm")
        print(f"  {'AFTER':>8}  {'TOPIC':<22}{'TYPE':<32}SUBJECT")
        for number, record in enumerate(records):
            after, headers = record["timestamp_ms"] - begin, record["headers"]
            if number < 8:
                kind, subject = headers["ce_type"], headers["ce_subject"]
                print(f"  {after:>5} ms  {record['topic']:<22}{kind:<32}{subject}")
        print(f"  ... {len(records)} in all")

    def kill_with_the_heater_on(self):
        """On a relay board whose firmware, as it is flashed, runs in an emulated Pico."""
        directory = self.chain.directory
        site, firmware = make_site(directory / "lease-site"), copy_firmware(directory)
        for start in range(3):
            rig = Rig(directory / f"lease{start}", site, self.chain.programs, firmware)
            try:
                rig.heat()
                print("  GPIO 6 (K1), 7 (pump) and 10 (element) of its relay board are high")
                print("$ kill -9 busbard", flush=True)
                moment = time.monotonic()
                rig.processes.pop("busbard").kill()
                dropped = rig.drop_after(moment)
                after, beat = dropped["kill"], dropped["lease"]
                print(f"  {after:.0f} ms later all its pins are low: {beat:.1f} ms after the last")
                print(f"  heartbeat, of a lease of {LEASE} ms. No program was left to do it.")
                return
            except Late as error:
                print(f"  (the emulated board got too little time here: {error}; once more)")
            finally:
                rig.kill()

    def tell(self):
        chain = self.chain
        say("A heater on a simulated board, a broker with TLS, a bridge, three Kafka brokers.")
        chain.start()
        # The start-up self-check, and the first acknowledgement.
        self.until(15, "self-check done", "status")
        self.until(30, "s ago", "uplink")
        self.show("status")
        self.show("uplink")

        say("Somebody wants hot water: pump, purge, spark, flame. 12 s ...")
        self.show("heating", "start")
        self.until(30, '"state": "run"', "heating", "status", "--json")

        say("The network goes down. Then: gas!")
        chain.parts["broker"].kill()
        known = len(chain.received())
        self.until(15, "connecting", "uplink")
        self.show("sim", "leak-gas")
        tripped = time.monotonic()
        self.until(5, "E103", "alarms", "list")
        self.show("why", "valve")

        say("The power was cut in the same tick; nothing else was needed. Would killing it help?")
        chain.parts["busbard"].kill()
        chain.start("busbard")
        self.until(15, ".", "status")
        restarted = time.monotonic()
        self.show("heating", "start")
        self.show("sim", "stop-leak")
        self.show("queue")
        self.show("uplink")

        say("The broker comes back. What does Kafka get first?")
        back = time.time() * 1000
        chain.start("broker")
        chain.wait("Kafka gets something", 60, lambda: len(chain.received()) > known)
        figures = chain.settle(60)
        self.show_arrivals(back)
        self.show_lanes(figures["lanes"])

        say("While 30 s pass before a reset counts: a second heater, kill -9 with the element on.")
        self.kill_with_the_heater_on()

        say("The gas is gone. The lock-out stays; the button counts 30 s after the trip ...")
        while time.monotonic() - max(tripped, restarted) < 30.3:
            time.sleep(0.1)
        self.show("sim", "press-reset", "2000")
        self.until(10, "standby", "status")
        self.show("heating", "start", head=3)


def main():
    programs = pathlib.Path(sys.argv[1])
    directory = pathlib.Path(tempfile.mkdtemp(prefix="busbar-demo-"))
    # The gas profile with short purges, so that the story fits into a minute.
    chain = Chain(directory, programs, profile="dev", site={"telemetry": {"periodMs": 1000}})
    try:
        Story(chain).tell()
    finally:
        chain.stop()
    shutil.rmtree(directory)
    say("That was all of it. What to try next:")
    print(f"""\
  alias busbar={programs}/busbar
  busbar simulate board/water-heater --for 10m     # ten minutes of plant life, at once
  busbar simulate-chain --seed 7                   # crashes, power cuts, forged acks: one seed
  busbar simulate board/water-heater --scenario \\
      board/water-heater/scenarios/t13-node-silent.json --trace /dev/stdout
  busbar --help
  make test""")


main()
