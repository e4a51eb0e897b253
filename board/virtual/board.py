"""One virtual board: QEMU with Debian's kernel, and a line to the shell in it.

    with VirtualBoard(directory, programs=[...]) as board:
        print(board.run("candump -n 1 can0"))

QEMU interprets each instruction (TCG): no KVM, no root and no network are needed. Whatever happens
in the guest, it ends at the board's limit; `timeout` sees to that even if this process is killed.
"""

import base64
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import time

import image
import kernel
from kernel import Unavailable

# From power-on to the first script: 3 to 5 s on an idle machine; tests share theirs.
BOOT_SECONDS = 60
# For QEMU's own monitor, which answers in ms, and takes 0.3 s for a snapshot.
MONITOR_SECONDS = 300


class BoardEnded(Exception):
    """The guest is gone; says how, as QEMU reports it."""


class ScriptFailed(Exception):
    """A script ended with another status than 0; says what it printed."""


class VirtualBoard:
    """A booted board; ends with the `with` statement that it belongs to.

    directory: for its files; a disk, world.log and console.log stay there.
    programs, files, trees: see image.board_image.
    cpus: processors of the guest.
    virtual_time: with N, the guest's clock counts 2^N ns for each instruction and skips what is
        idle, whatever this machine does meanwhile.
    disk: path of an image with an ext4 file system, mounted at /disk. Not with snapshots.
    snapshots: whether `save` and `load` are wanted.
    has_peer: whether there is /dev/vport0p3, whose other end is the socket `peer` here.
    arguments: further words for the kernel.
    limit: seconds of this machine after which the board is ended, come what may.
    """

    def __init__(
        self, directory, programs=(), files=None, trees=None, cpus=1, virtual_time=None,
        disk=None, arguments="panic=-1", limit=120, snapshots=False,
        has_peer=False,
    ):
        vmlinux, modules = kernel.prepare()
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        memory = self.directory / "initrd"
        memory.write_bytes(image.board_image(modules, programs, files or {}, trees or {}))
        self.world_log = self.directory / "world.log"
        self.console = self.directory / "console.log"
        words = [
            # Ends with the thread that made it, should that be killed without a word.
            image.find_program("setpriv", "util-linux"), "--pdeathsig", "TERM",
            shutil.which("timeout"), "-k", "5", str(limit),
            image.find_program("qemu-system-x86_64", "qemu-system-x86"),
            "-M", "q35", "-cpu", "max", "-accel", "tcg", "-smp", str(cpus), "-m", "512",
            "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", vmlinux, "-initrd", memory,
            # The kernel's tests of its own ciphers would be half of the boot.
            "-append", "console=ttyS0 quiet tsc=reliable random.trust_cpu=on cryptomgr.notests "
            + arguments,
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=shell,path={self.directory}/shell",
            "-device", "virtserialport,chardev=shell",
            "-chardev", f"file,id=world,path={self.world_log}",
            "-device", "virtserialport,chardev=world",
            *self._peer_words(has_peer),
            "-chardev", f"socket,id=monitor,path={self.directory}/monitor",
            "-mon", "chardev=monitor,mode=control",
            "-device", "i6300esb", "-action", "watchdog=reset",
        ]
        if virtual_time is not None:
            words += ["-icount", f"shift={virtual_time},sleep=off"]
        clock = "vm" if virtual_time is not None else "host"
        words += ["-rtc", f"base=utc,clock={clock}"]
        if disk:
            words += ["-drive", f"file={disk},format=raw,if=virtio,cache=writeback"]
        self.booted_at = time.monotonic()
        names = ("shell", "monitor", "peer") if has_peer else ("shell", "monitor")
        self._shell, self._monitor, *peers = self._connect(words, names)
        self.peer = peers[0] if peers else None
        self._unread = b""
        self._events = b""
        self._heard = self._commands = self._jobs = 0
        self._is_paused = False
        try:
            # "up" and the seconds that the guest has counted by then.
            self.seconds_to_boot = float(self._line(BOOT_SECONDS).split()[1])
            if snapshots:
                self._make_snapshot_store()
        except (ScriptFailed, BoardEnded):
            self.close()
            raise

    def _peer_words(self, has_peer):
        if not has_peer:
            return []
        return ["-chardev", f"socket,id=peer,path={self.directory}/peer",
                "-device", "virtserialport,chardev=peer"]

    def _connect(self, words, names):
        """Starts QEMU, which calls back on the sockets; one made after it would come too late."""
        listeners = []
        for name in names:
            path = self.directory / name
            path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen(1)
            listener.settimeout(BOOT_SECONDS)
            listeners.append(listener)
        with open(self.directory / "qemu.log", "wb") as log:
            self._qemu = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
        try:
            sockets = [listener.accept()[0] for listener in listeners]
        except TimeoutError:
            self.close()
            raise Unavailable(f"QEMU did not start: {self._read('qemu.log')}")
        finally:
            for listener in listeners:
                listener.close()
        sockets[1].sendall(b'{"execute":"qmp_capabilities","id":0}\n')
        return sockets

    def _read(self, name):
        path = self.directory / name
        return path.read_text(errors="replace").strip() if path.exists() else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends QEMU if it still runs. `timeout` hands SIGTERM on to it."""
        if self._qemu.poll() is None:
            self._qemu.terminate()
        self._qemu.wait(20)

    def _line(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ScriptFailed(f"the guest did not answer within {seconds} s")
            if select.select([self._shell], [], [], left)[0]:
                more = self._shell.recv(65_536)
                if not more:
                    raise BoardEnded(self.how_it_ended(10))
                self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def send(self, script):
        """Has a script run without waiting for its end, which may never come."""
        try:
            self._shell.sendall(base64.b64encode(script.encode()) + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            raise BoardEnded(self.how_it_ended(10)) from None
        if self._is_paused:
            self._command("cont")
            self._is_paused = False

    def attempt(self, script, seconds=120):
        """Runs a shell script in the guest: (exit status, what it printed)."""
        self.send(script)
        status, _, output = self._line(seconds).partition(" ")
        return int(status), base64.b64decode(output).decode(errors="replace")

    def run(self, script, seconds=120):
        """The same for a script that must succeed; returns what it printed."""
        status, output = self.attempt(script, seconds)
        if status != 0:
            raise ScriptFailed(f"{script.strip()}\nended with {status}:\n{output}".rstrip())
        return output

    def start(self, program, log=None):
        """Starts a program in the background and returns its process id."""
        log = log or f"/run/{program.split()[0]}.log"
        return int(self.run(f"{program} >>{log} 2>&1 & echo $!"))

    def tell_world(self, command):
        """An action of a scenario as a dictionary, or a line: see World/Main.swift."""
        line = json.dumps(command) if isinstance(command, dict) else command
        self.run(f"cat >/run/world <<'END'\n{line}\nEND\n")

    def start_world(self, site="/site", profile=None, seconds=30):
        """Sensors, relay board and contactors, above every process of the controller."""
        profile = f"--profile {profile}" if profile else ""
        # 99: what it plays is hardware, and waits for no processor.
        world = self.start(
            f"chrt -f 99 virtual-world --site {site} {profile} --chip /run/header "
            "--commands /run/world --log /dev/vport0p2", log="/run/world.out")
        self.run(f"""
            tries=0
            until grep -q can0 /proc/net/dev; do
                tries=$((tries + 1))
                [ $tries -lt 100 ] || {{ cat /run/world.out; exit 1; }}
                sleep 0.1
            done""", seconds)
        return world

    def power_down(self, seconds=20):
        """Flushes and unmounts the disk, and ends the guest."""
        try:
            self.run("umount /disk 2>/dev/null; sync; poweroff -f")
        except BoardEnded:
            return
        self._qemu.wait(seconds)

    def cut_power(self):
        """Ends QEMU without a word to the guest: what its kernel had not written is lost."""
        # The process group is `timeout`'s own, and QEMU is in it.
        os.killpg(self._qemu.pid, signal.SIGKILL)
        self._qemu.wait(10)

    # QEMU's monitor

    def _command(self, name, **arguments):
        """One command of the QEMU Machine Protocol, and its answer. Events stay for the end."""
        self._commands += 1
        self._monitor.sendall(json.dumps(
            {"execute": name, "arguments": arguments, "id": self._commands}).encode() + b"\n")
        self._monitor.settimeout(MONITOR_SECONDS)
        while True:
            while (end := self._events.find(b"\n", self._heard)) >= 0:
                line = self._events[self._heard:end]
                self._heard = end + 1
                answer = json.loads(line)
                if answer.get("id") == self._commands:
                    if "error" in answer:
                        raise ScriptFailed(f"QEMU refused {name}: {answer['error']['desc']}")
                    return answer["return"]
            try:
                more = self._monitor.recv(65_536)
            except TimeoutError:
                raise ScriptFailed(
                    f"QEMU did not answer {name} within {MONITOR_SECONDS} s") from None
            if not more:
                raise BoardEnded(self.how_it_ended(10))
            self._events += more

    def _job(self, name, **arguments):
        """A command that goes on after its answer, to its end."""
        self._jobs += 1
        job = f"job{self._jobs}"
        self._command(name, **{"job-id": job}, **arguments)
        deadline = time.monotonic() + MONITOR_SECONDS
        while True:
            state = next(each for each in self._command("query-jobs") if each["id"] == job)
            if state["status"] == "concluded":
                break
            if time.monotonic() > deadline:
                raise ScriptFailed(f"QEMU did not end {name} within {MONITOR_SECONDS} s")
            time.sleep(0.005)
        self._command("job-dismiss", id=job)
        if "error" in state:
            raise ScriptFailed(f"QEMU failed at {name}: {state['error']}")

    def _make_snapshot_store(self):
        """An image file that nothing in the guest sees: snapshots of the memory go into it."""
        path = str(self.directory / "snapshots")
        self._job("blockdev-create", options={"driver": "file", "filename": path, "size": 0})
        self._command("blockdev-add", **{"driver": "file", "filename": path, "node-name": "file"})
        self._job("blockdev-create", options={
            "driver": "qcow2", "file": "file", "size": 1 << 20})
        self._command("blockdev-add", **{"driver": "qcow2", "file": "file", "node-name": "store"})

    def pause(self):
        """Stops the guest and its time, between two scripts."""
        self._command("stop")

    def save(self, tag):
        """Keeps the guest as it is, paused. A script may not run meanwhile."""
        self.pause()
        self._job("snapshot-save", tag=tag, vmstate="store", devices=["store"])

    def load(self, tag):
        """The guest as it was when it was saved, paused: the next script lets it go on.

        What it writes from then on stands behind the byte of world.log that is returned.
        """
        self.pause()
        self._job("snapshot-load", tag=tag, vmstate="store", devices=["store"])
        self._unread = b""
        self._is_paused = True
        return self.world_log.stat().st_size

    def how_it_ended(self, seconds):
        """Waits for the end: "watchdog", "guest-reset", "guest-shutdown", or as QEMU says it."""
        try:
            self._qemu.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BoardEnded(f"the guest does not end within {seconds} s") from None
        self._monitor.settimeout(1)
        while more := self._monitor.recv(65_536):
            self._events += more
        events = [json.loads(line) for line in self._events.decode().splitlines()]
        names = [event.get("event") for event in events]
        if "WATCHDOG" in names:
            return "watchdog"
        for event in events:
            if event.get("event") == "SHUTDOWN":
                return event["data"]["reason"]
        if self._qemu.returncode == 124:
            return "its limit of time was over"
        last = self._read("console.log").splitlines()[-3:]
        return f"QEMU ended with {self._qemu.returncode}: {self._read('qemu.log')} {' '.join(last)}"


def make_disk(path, size="64M"):
    """An empty ext4 file system in a file."""
    path.unlink(missing_ok=True)
    tool = image.find_program("mke2fs", "e2fsprogs")
    kernel.call(tool, "-q", "-t", "ext4", "-m", "0", path, size)
    return path
