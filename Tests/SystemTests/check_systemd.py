#!/usr/bin/env python3
"""Boots a real systemd with what `make install` installed, and looks at Busbar's units at work.

    .build/venv/bin/python Tests/SystemTests/check_systemd.py [--installed DIR] [--keep]

Order of starts, notification, real time, watchdog, restart with the lock-out intact, the sandbox
from inside, an uplink that crash-loops, and the proof after a controller was given up. The board is
the simulated one. What a container cannot show (cgroup limits, devices) is not claimed here.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from container import ROOT, Container, Wrong  # noqa: E402

UNITS = ("busbard.service", "busbar-uplink.service", "busbar-failed.service", "busbar.target")
EXPOSURE_MAX = {"busbard.service": 2.2, "busbar-uplink.service": 1.6, "busbar-failed.service": 1.6}
# Outside of every folder that a unit may write, and yet its user's own.
OWNED = "/srv/owned"

# What a sandbox does to each attempt: as the plain user, as busbard, as busbar-uplink. Where plain
# and sandboxed were the same, nothing would be shown.
ATTEMPTS = {
    "inet": ("0", "EAFNOSUPPORT", "0"),
    "packet": ("EPERM", "EAFNOSUPPORT", "EAFNOSUPPORT"),
    "netlink": ("0", "0", "EAFNOSUPPORT"),
    "unix": ("0", "0", "0"),
    "write-elsewhere": ("0", "EROFS", "EROFS"),
    "write-state": ("0", "0", "0"),
    "setuid-file": ("0", "EPERM", "EPERM"),
    "home": ("0", "EACCES", "EACCES"),
    "other-process": ("0", "ENOENT", "ENOENT"),
    "write-and-execute": ("0", "EPERM", "EPERM"),
    "new-name-space": ("0", "EPERM", "EPERM"),
    "personality": ("0", "EPERM", "EPERM"),
    # Asked by the records of both, and set by neither.
    "read-clock": ("0", "0", "0"),
    "set-clock": ("EPERM", "EPERM", "EPERM"),
    "fifo-80": ("EPERM", "0", "EPERM"),
    "fifo-81": ("EPERM", "EPERM", "EPERM"),
}


def effective_capabilities():
    """Ours, as a mask; the container's are a part of them."""
    for line in open("/proc/self/status", encoding="utf-8"):
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    raise Wrong("/proc/self/status has no CapEff")


class Systemd:
    """What must hold, in the order in which it is tried."""

    def __init__(self, container):
        self.container = container
        self.checks = 0
        # Without CAP_SYS_RESOURCE, as in some virtual machines, not even root may raise a limit,
        # and systemd goes on with the limits that it has itself.
        self.may_raise_limits = bool(effective_capabilities() & 1 << 24)

    def expect(self, what, is_so):
        if not is_so:
            raise Wrong(what)
        self.checks += 1

    def equal(self, what, found, wanted):
        self.expect(f"{what}: found {found!r}, wanted {wanted!r}", found == wanted)

    # Before the boot.

    def prepare(self, probe):
        container = self.container
        shutil.copy(probe, container.root / "usr/bin/sandbox_probe")
        site = container.root / "etc/busbar/site/site.json"
        content = json.loads(site.read_text())
        # Nobody listens there: the uplink tries, and busbard must not care.
        content["uplink"] = {
            "host": "127.0.0.1", "port": 1, "tls": False, "guarantee": "broker"}
        content["roles"]["technician"]["groups"] = ["busbar-technician"]
        site.write_text(json.dumps(content))
        container.write("/etc/busbar/busbard.conf", "BUSBAR_BOARD=simulated\n")
        # As in Raspberry Pi OS 13 (raspberrypi-sys-mods).
        container.write("/usr/lib/systemd/system.conf.d/70-rpi-enable-watchdog.conf",
                        "[Manager]\nRuntimeWatchdogSec=16\nRebootWatchdogSec=1m\n")
        container.write("/etc/sysusers.d/test.conf",
                        "u technician 2000\nu stranger 2001\n"
                        "m technician busbar\nm technician busbar-technician\n")
        container.write(
            "/etc/tmpfiles.d/test.conf",
            f"d {OWNED}-busbard 0755 busbar busbar -\n"
            f"d {OWNED}-busbar-uplink 0755 busbar-uplink busbar-uplink -\n"
            "f /etc/busbar/credentials/ca.crt 0644 busbar-uplink busbar-uplink -\n")
        wants = container.root / "etc/systemd/system"
        for unit, by in (("busbar.target", "multi-user.target"),
                         ("busbard.service", "busbar.target"),
                         ("busbar-uplink.service", "busbar.target")):
            link = wants / f"{by}.wants" / unit
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"/usr/lib/systemd/system/{unit}")
        for unit in ("busbard", "busbar-uplink"):
            self.add_probes(unit)

    def add_probes(self, unit):
        """The unit's own sandbox around the probe, and the same user without one."""
        text = (self.container.root / f"usr/lib/systemd/system/{unit}.service").read_text()
        user = "busbar" if unit == "busbard" else unit
        command = f"/usr/bin/sandbox_probe {OWNED}-{unit} /var/lib/{user}"
        joined = text.replace("\\\n", " ")
        service = joined.split("[Service]")[1].split("[Install]")[0]
        # Not its directory in /run: systemd would remove busbard's when the probe has ended.
        left_out = ("ExecStart=", "Type=", "Restart", "Watchdog", "Notify", "RuntimeDirectory")
        kept = [line for line in service.splitlines() if not line.startswith(left_out)]
        plain = [f"User={user}", f"Group={user}"]
        for name, lines in ((f"probe-{unit}", kept), (f"plain-{unit}", plain)):
            self.container.write(
                f"/etc/systemd/system/{name}.service",
                "\n".join(["[Service]", *lines, "Type=oneshot", f"ExecStart={command}", ""]))

    # After it.

    def state(self, user=None):
        said = self.container.run("busbar", "status", "--json", user=user)
        if said.returncode != 0:
            raise Wrong(f"busbar status: exit {said.returncode}: {said.stderr.strip()}")
        return json.loads(said.stdout)

    def answers(self):
        return self.container.run("busbar", "status", "--json").returncode == 0

    def process(self, unit="busbard"):
        return self.container.show(unit, "MainPID")

    def units_are_sound(self):
        said = self.container.run("systemd-analyze", "verify", *UNITS)
        self.equal("systemd-analyze verify", (said.returncode, said.stdout + said.stderr), (0, ""))
        for unit, limit in EXPOSURE_MAX.items():
            said = self.container.run(
                "systemd-analyze", "security", "--offline=yes", "--no-pager", unit)
            level = float(said.stdout.strip().splitlines()[-1].split(": ")[1].split()[0])
            self.expect(f"{unit}: exposure {level}, at most {limit} is allowed", level <= limit)
            print(f"  {unit}: exposure {level}")

    def devices(self):
        """busbard waits for its devices, not for ever, and systemd leaves it the watchdog."""
        found = self.container.run("systemctl", "show", "-p", "RuntimeWatchdogUSec", "--value")
        self.equal("systemd's own feeding of the watchdog", found.stdout.strip(), "0")
        for name in (r"dev-busbar\x2drelays.device",
                     r"sys-subsystem-net-devices-busbar\x2dcan.device"):
            for how in ("Wants", "After"):
                found = self.container.show("busbard", how)
                self.expect(f"busbard.service has no {how}={name}; found {found}",
                            name in found.replace('"', "").replace("\\\\", "\\").split())
            self.equal(f"{name} is waited for", self.container.show(
                name, "JobRunningTimeoutUSec"), "5s")

    def order(self):
        """busbard is ready, by its own word, before the uplink's process begins."""
        container = self.container
        for unit in ("busbard", "busbar-uplink"):
            container.wait(f"{unit} is active", 40,
                           lambda u=unit: container.show(u, "ActiveState") == "active")
        ready = int(container.show("busbard", "ActiveEnterTimestampMonotonic"))
        begun = int(container.show("busbard", "ExecMainStartTimestampMonotonic"))
        follows = int(container.show("busbar-uplink", "ExecMainStartTimestampMonotonic"))
        self.expect("busbard was ready before it was started", begun < ready)
        # The socket's own time, and not that of the line that tells of it: journald stamps a line
        # when it gets round to it.
        serving = float(container.run(
            "stat", "--format=%.6Z", "/run/busbar/control.sock").stdout)
        taken = container.run("systemctl", "show", "busbard", "-p", "ActiveEnterTimestamp",
                              "--value", "--timestamp=us+utc").stdout.strip()
        taken = datetime.datetime.strptime(taken, "%a %Y-%m-%d %H:%M:%S.%f UTC").replace(
            tzinfo=datetime.timezone.utc).timestamp()
        self.expect("systemd took busbard for ready before it served", serving <= taken)
        self.expect("the uplink was started before busbard was ready", ready <= follows)
        self.expect("busbar.target is not reached",
                    container.show("busbar.target", "ActiveState") == "active")
        print(f"  busbard ready after {(ready - begun) / 1e6:.2f} s, "
              f"{ready / 1e6:.2f} s after the boot")

    def people(self):
        """Roles by groups: who may look, who may act, who gets nothing."""
        run = self.container.run
        self.equal("the technician's view", self.state("technician")["device"]["board"],
                   "simulated")
        said = run("busbar", "heating", "stop", user="technician")
        self.expect(f"a technician may not stop the heating: {said.stderr}", said.returncode == 0)
        said = run("busbar", "status", user="stranger")
        self.equal("a stranger's exit code", said.returncode, 3)
        said = run("busbar", "heating", "stop", user="busbar-uplink")
        self.equal("the uplink's user stops the heating", said.returncode, 4)
        said = run("cat", "/var/lib/busbar/journal.sqlite3", user="stranger")
        self.expect("a stranger can read the journal", said.returncode != 0)

    def real_time(self):
        """FIFO for the loop's thread and for no other, as the unit's limits permit."""
        device = self.state()["device"]
        self.expect("the journal cannot be written", device["journal_writable"])
        self.equal("LimitRTPRIO, LimitMEMLOCK",
                   self.container.show("busbard", "LimitRTPRIO", "LimitMEMLOCK"),
                   ["80", "infinity"])
        if not self.may_raise_limits:
            self.expect("without real time E608 must stand", not device["real_time"])
            print("  real time: not shown, this machine lets no limit be raised; E608 stands")
            return
        self.expect("the loop is not real-time (E608)", device["real_time"])
        threads = {}
        for name in self.container.run(
                "sh", "-c", f"cat /proc/{self.process()}/task/*/stat").stdout.splitlines():
            fields = name.rpartition(")")[2].split()
            threads[name.split("(")[1].split(")")[0]] = (fields[38], fields[37])
        # Policy 1 is SCHED_FIFO.
        self.equal("the control thread's policy and priority", threads.get("control"), ("1", "80"))
        self.equal("the journal thread's", threads.get("journal"), ("0", "0"))

    def uplink_reads(self):
        """Its user reads the journal through the sandbox: its status counts what waits there."""
        def waiting():
            text = self.container.run("cat", "/run/busbar-uplink/status.json").stdout
            lanes = json.loads(text)["lanes"] if text else []
            return {lane["lane"]: lane["unacknowledged"] for lane in lanes}
        self.container.wait("the uplink counts the events that wait in the journal", 20,
                            lambda: waiting().get("event", 0) > 0)
        self.expect("the uplink may write the journal", self.container.run(
            "test", "-w", "/var/lib/busbar/journal.sqlite3", user="busbar-uplink").returncode != 0)

    def sandbox(self):
        for column, unit in ((1, "busbard"), (2, "busbar-uplink")):
            for name, wanted in ((f"plain-{unit}", 0), (f"probe-{unit}", column)):
                self.container.run("systemctl", "start", name)
                lines = [line.split() for line in self.container.log(name).splitlines()]
                found = {line[0]: line[1] for line in lines
                         if len(line) == 2 and line[0] in ATTEMPTS}
                expected = {key: row[wanted] for key, row in ATTEMPTS.items()}
                if not self.may_raise_limits:
                    expected["fifo-80"] = "EPERM"
                differing = {key: (found.get(key), value) for key, value in expected.items()
                             if found.get(key) != value}
                self.expect(f"{name}: (found, wanted) {differing}", not differing)
                self.checks += len(expected) - 1

    def lock_out(self):
        said = self.container.run("busbar", "sim", "leak-gas")
        self.expect(f"gas cannot be leaked: {said.stderr}", said.returncode == 0)
        self.container.wait("gas locks the device out", 20, lambda: self.first_out() == "E103")

    def first_out(self):
        return (self.state()["lockout"] or {}).get("first_out")

    def comes_back(self, what, old, seconds):
        started = time.monotonic()
        self.container.wait(
            f"{what}: another process serves", seconds,
            lambda: self.process() not in ("0", old) and self.answers())
        self.equal(f"{what}: first-out", self.first_out(), "E103")
        self.equal(f"{what}: power", self.state()["interlock"]["state"], "TRIPPED")
        print(f"  {what}: back after {time.monotonic() - started:.1f} s, still locked out")

    def signal(self, name):
        said = self.container.run("systemctl", "kill", "-s", name, "--kill-who=main", "busbard")
        self.expect(f"SIG{name} could not be sent: {said.stderr}", said.returncode == 0)

    def kill(self):
        old = self.process()
        self.signal("KILL")
        self.comes_back("killed", old, 30)

    def watchdog(self):
        """A loop that stands still is killed by systemd, and only then."""
        old = self.process()
        self.expect("WatchdogSec is not in force",
                    self.container.show("busbard", "WatchdogUSec") == "5s")
        self.signal("STOP")
        self.comes_back("stopped", old, 40)
        self.expect("it was not the watchdog", "Watchdog timeout" in self.container.log("busbard"))
        self.equal("restarts", self.container.show("busbard", "NRestarts"), "2")

    def crash_loop(self):
        """An uplink that dies at once, again and again, and the controller beside it."""
        container = self.container
        before = (self.process(), container.show("busbard", "NRestarts"))
        container.write("/etc/systemd/system/busbar-uplink.service.d/crash.conf",
                        "[Service]\nExecStart=\nExecStart=/bin/false\nRestartSec=50ms\n")
        container.run("systemctl", "daemon-reload")
        tick, at = self.state()["tick"], time.monotonic()
        container.run("systemctl", "restart", "--no-block", "busbar-uplink")
        container.wait("the uplink has crashed thirty times", 60,
                       lambda: int(container.show("busbar-uplink", "NRestarts")) >= 30)
        ticks, seconds = self.state()["tick"] - tick, time.monotonic() - at
        after = (self.process(), container.show("busbard", "NRestarts"))
        self.equal("busbard's process and restarts beside a crash-looping uplink", after, before)
        # 10 ticks a second; a tenth of them may be missed on a machine that builds beside us.
        self.expect(f"{ticks} ticks in {seconds:.1f} s", ticks >= 9 * seconds)
        container.run("systemctl", "stop", "busbar-uplink")
        self.equal("busbard after the uplink was stopped", self.process(), before[0])

    def stop(self):
        """An ordered stop says that the relays are off, and is no failure."""
        self.container.run("systemctl", "stop", "busbard")
        self.equal("after a stop", self.container.show("busbard", "ActiveState", "Result"),
                   ["inactive", "success"])
        self.expect("a stop does not say that the relays are off",
                    "stopped, relays off, journal closed" in self.container.log("busbard"))
        self.equal("the proof after an ordered stop",
                   self.container.show("busbar-failed", "ExecMainStartTimestampMonotonic"), "0")

    def give_up(self):
        """Five bad starts, then the unit that proves the relays off, on the console."""
        container = self.container
        container.write("/etc/systemd/system/busbard.service.d/crash.conf",
                        "[Service]\nExecStart=\nExecStart=/bin/false\nRestartSec=100ms\n")
        container.run("systemctl", "daemon-reload")
        container.run("systemctl", "reset-failed", "busbard")
        container.run("systemctl", "start", "--no-block", "busbard")
        container.wait("busbard is given up", 40,
                       lambda: container.show("busbard", "ActiveState") == "failed")
        container.wait("the proof has run", 20, lambda: container.show(
            "busbar-failed", "ExecMainExitTimestampMonotonic") not in ("", "0"))
        self.equal("the proof", container.show("busbar-failed", "Result"), "success")
        container.wait("the console says so", 10,
                       lambda: "there are no relays" in container.said())
        self.checks += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--installed", default=str(ROOT / ".build/installed"),
                        help="what DESTDIR=DIR .ci/install made")
    parser.add_argument("--keep", action="store_true", help="leave the root folder for a look")
    options = parser.parse_args()
    if os.geteuid() != 0:
        # A container needs root; whoever may install packages may do this too.
        os.execvp("sudo", ["sudo", "-n", sys.executable, *sys.argv])
    if not pathlib.Path(options.installed, "usr/bin/busbard").exists():
        sys.exit(f"check_systemd: {options.installed} holds no busbard: "
                 "run DESTDIR=.build/installed .ci/install first")
    started = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="busbar-systemd-"))
    folder.chmod(0o711)
    container = None
    try:
        probe = folder / "sandbox_probe"
        subprocess.run(["clang", "-O1", "-Wall", "-Werror", "-o", probe,
                        pathlib.Path(__file__).with_name("sandbox_probe.c")], check=True)
        container = Container(folder, options.installed)
        systemd = Systemd(container)
        systemd.prepare(probe)
        container.boot()
        for step in (systemd.order, systemd.devices, systemd.units_are_sound, systemd.people,
                     systemd.real_time, systemd.uplink_reads, systemd.sandbox, systemd.lock_out,
                     systemd.kill, systemd.watchdog, systemd.crash_loop, systemd.stop,
                     systemd.give_up):
            step()
        print(f"check_systemd: {systemd.checks} checks, {time.monotonic() - started:.0f} s")
    except (Wrong, subprocess.SubprocessError) as error:
        if container and container.leader:
            print(container.run("journalctl", "--no-pager", "-n", "60").stdout)
        sys.exit(f"check_systemd: {error}")
    finally:
        if container:
            container.end()
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
