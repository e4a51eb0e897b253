"""The virtual board's memory at power-on: an initramfs with programs, their libraries and files."""

import os
import pathlib
import re
import shutil
import stat
import subprocess

from kernel import HERE, Unavailable

# What scripts in the guest may call besides busybox's applets, and the Debian packages of them.
TOOLS = {
    "dash": "dash", "ip": "iproute2", "candump": "can-utils", "cansend": "can-utils",
    "cangen": "can-utils", "i2cdetect": "i2c-tools", "i2cget": "i2c-tools", "i2cset": "i2c-tools",
    "i2ctransfer": "i2c-tools", "gpiodetect": "gpiod", "gpioinfo": "gpiod", "gpioget": "gpiod",
    "gpioset": "gpiod", "gpiomon": "gpiod", "chrt": "util-linux",
}


def find_program(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Unavailable(f"{name} is missing: as root, run: apt-get install {package}")
    return pathlib.Path(path)


def libraries(program):
    """What the loader would load for it here, by the paths at which it looks."""
    found = subprocess.run(["ldd", program], capture_output=True, text=True)
    if "not found" in found.stdout:
        raise Unavailable(f"{program} lacks libraries:\n{found.stdout}")
    # A static program has none, and ldd says so with an error.
    return re.findall(r"(?:=> )?(/\S+) \(0x", found.stdout)


class Image:
    """Files to be, by their paths in the guest."""

    def __init__(self):
        self.entries = {}

    def folder(self, path):
        if path not in ("", "/") and path not in self.entries:
            self.folder(os.path.dirname(path))
            self.entries[path] = (stat.S_IFDIR | 0o755, b"")

    def file(self, path, content, mode=0o644):
        if path not in self.entries:
            self.folder(os.path.dirname(path))
            self.entries[path] = (stat.S_IFREG | mode, content)

    def program(self, source, path):
        """A program of this machine, with its libraries."""
        source = pathlib.Path(source)
        self.file(path, source.read_bytes(), 0o755)
        for library in libraries(source):
            self.file(library, pathlib.Path(library).read_bytes(), 0o755)

    def tree(self, source, path):
        """A folder and all that is in it."""
        for each in sorted(pathlib.Path(source).rglob("*")):
            if each.is_file():
                self.file(f"{path}/{each.relative_to(source)}", each.read_bytes())

    def archive(self):
        """As cpio's format "newc", which the kernel unpacks: see its buffer-format.rst."""
        out = bytearray()

        def add(name, mode, content, number):
            fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
            out.extend(b"070701" + b"".join(b"%08X" % field for field in fields))
            out.extend(name + b"\0")
            out.extend(bytes(-len(out) % 4))
            out.extend(content)
            out.extend(bytes(-len(out) % 4))

        for number, (path, (mode, content)) in enumerate(self.entries.items(), 1):
            add(path.lstrip("/").encode(), mode, content, number)
        add(b"TRAILER!!!", 0, b"", 0)
        return bytes(out)


def board_image(modules, programs, files, trees):
    """The memory of a board that carries these programs.

    modules: paths of kernel modules in the order in which they are loaded.
    programs: paths here; in the guest they are in /usr/local/bin.
    files, trees: {path in the guest: path here}.
    """
    image = Image()
    image.file("/init", (HERE / "init").read_bytes(), 0o755)
    image.program(find_program("busybox", "busybox-static"), "/bin/busybox")
    for name, package in TOOLS.items():
        folder = "/bin" if name == "dash" else "/usr/local/bin"
        image.program(find_program(name, package), f"{folder}/{name}")
    for program in programs:
        image.program(program, f"/usr/local/bin/{pathlib.Path(program).name}")
    for module in modules:
        image.file(f"/modules/{module.name}", module.read_bytes())
    image.file("/modules/order", "".join(f"{each.name}\n" for each in modules).encode())
    image.file("/etc/passwd", b"root:x:0:0:root:/root:/bin/dash\n")
    image.file("/etc/group", b"root:x:0:\n")
    for path, source in files.items():
        image.file(path, pathlib.Path(source).read_bytes())
    for path, source in trees.items():
        image.tree(source, path)
    return image.archive()
