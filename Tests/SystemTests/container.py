"""A Debian system that boots its own systemd in a container, with what `make install` installed.

The root folder is made once by mmdebstrap and kept in .build/systemd-root; each boot gets a copy.
Nothing of the machine around it needs to run systemd, but it must be Linux, and we must be root.
"""

import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("busbard", "busbar", "busbar-uplink")
# What a small Debian boots with.
PACKAGES = ("systemd", "systemd-sysv", "udev", "dbus")
# The last one only lifts the container's own filter from asking for the clock's quality: in a
# container systemd sets no clock.
CAPABILITIES = "CAP_IPC_LOCK,CAP_SYS_NICE,CAP_SYS_RESOURCE,CAP_SYS_TIME"
BOOT_SECONDS = 60


class Wrong(Exception):
    """A rule that does not hold, as one sentence."""


def suite():
    """The programs are linked here, so the container is of the same release."""
    for line in open("/etc/os-release", encoding="utf-8"):
        if line.startswith("VERSION_CODENAME="):
            return line.split("=", 1)[1].strip().strip('"')
    raise Wrong("/etc/os-release names no VERSION_CODENAME: this is no Debian release")


def libraries(installed):
    """The packages, as this system has them, of the libraries that the programs are linked to."""
    paths = set()
    for program in PROGRAMS:
        said = subprocess.run(["ldd", f"{installed}/usr/bin/{program}"], check=True,
                              capture_output=True, text=True).stdout
        paths |= {os.path.realpath(line.split()[2]) for line in said.splitlines() if "=> /" in line}
    # dpkg knows some by /lib and some by /usr/lib, which are one folder.
    names = {f"*/{pathlib.Path(path).name}" for path in paths}
    said = subprocess.run(["dpkg-query", "-S", *sorted(names)], capture_output=True, text=True)
    return {line.split(":")[0] for line in said.stdout.splitlines()}


def base(installed):
    """The pristine root folder, made if it is not there or was made of other packages."""
    folder = ROOT / ".build" / "systemd-root"
    packages = ",".join(sorted({*PACKAGES, *libraries(installed)}))
    wanted = hashlib.sha256(f"{suite()} {packages}".encode()).hexdigest()
    mark = folder.with_name("systemd-root.made-of")
    if mark.exists() and mark.read_text() == wanted:
        return folder
    mark.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    made = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}",
         "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
         "--dpkgopt=path-exclude=/usr/share/locale/*", suite(), folder],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )
    if made.returncode != 0:
        raise Wrong(f"mmdebstrap could not make a Debian {suite()}: {made.stderr.strip()[-800:]}")
    mark.write_text(wanted)
    return folder


class Container:
    """One boot. `prepare` may still change files of the root folder before it."""

    def __init__(self, folder, installed):
        self.folder = pathlib.Path(folder)
        self.root = self.folder / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", base(installed), self.root], check=True)
        # A root folder of 0700 would keep every service's user out of it.
        self.root.chmod(0o755)
        subprocess.run(["cp", "-a", f"{installed}/.", self.root], check=True)
        self.console = self.folder / "console"
        self.process = None
        self.leader = None

    def write(self, path, text, mode=0o644):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def boot(self):
        with open(self.console, "wb") as console:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
                 f"--capability={CAPABILITIES}", "--machine=busbar-test", "--boot",
                 "-D", self.root],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
            )
        self.wait("the container has a process 1", BOOT_SECONDS, self._find_leader)
        self.wait("systemd answers", BOOT_SECONDS,
                  lambda: self.run("systemctl", "is-system-running").stdout.strip()
                  in ("running", "degraded", "starting"))

    def _find_leader(self):
        """The child that sees itself as process 1."""
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                lines = dict(
                    line.split(":\t", 1) for line in status.read_text().splitlines()
                    if ":\t" in line
                )
            except (OSError, ValueError):
                continue
            numbers = lines.get("NSpid", "").split()
            if len(numbers) > 1 and numbers[-1] == "1" and self._is_ours(int(lines["PPid"])):
                self.leader = status.parent.name
                return True
        return False

    def _is_ours(self, process):
        while process > 1:
            if process == self.process.pid:
                return True
            try:
                text = pathlib.Path(f"/proc/{process}/stat").read_text()
            except OSError:
                return False
            process = int(text.rpartition(")")[2].split()[1])
        return False

    def run(self, *command, user=None, timeout=30):
        """A command inside, as root or as `user`."""
        if user:
            command = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command)
        environment = {"PATH": "/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "NO_COLOR": "1"}
        return subprocess.run(
            ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid",
             "--cgroup", "--", *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            env=environment,
        )

    def show(self, unit, *names):
        """Properties of a unit, as text."""
        lines = self.run("systemctl", "show", unit, "-p", ",".join(names)).stdout.splitlines()
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        values = [found.get(name, "") for name in names]
        return values if len(values) > 1 else values[0]

    def log(self, unit):
        # What a service wrote last may still be on its way to the journal's file.
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout

    def wait(self, what, seconds, condition):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise Wrong(f"the container ended; its console says: {self.said()[-1500:]}")
            if time.monotonic() > deadline:
                raise Wrong(f"not within {seconds} s: {what}")
            time.sleep(0.1)

    def said(self):
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def end(self):
        """Ends it in order, or at once if it does not."""
        if self.process is None:
            return
        if self.process.poll() is None and self.leader:
            self.run("systemctl", "poweroff", "--no-block")
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                pass
        if self.process.poll() is None:
            # What is inside ends with its process 1.
            if self.leader:
                os.kill(int(self.leader), signal.SIGKILL)
            else:
                self.process.terminate()
            self.process.wait(timeout=30)
