"""Debian's kernel for the virtual board, and the modules that Debian does not build.

All of it comes by `apt-get download` from the mirror that this machine uses, is unpacked below
.build/virtual-board and stays there: nothing is installed, and nothing here needs root.

Module   | From                                | Why it is built here
---------|-------------------------------------|------------------------------------------
i2c-peer | modules/i2c-peer.c                  | an I2C bus whose other end is a program
gpio-sim | linux-source, gpio-sim.c, irq_sim.c | off in Debian's configuration
slcan    | linux-source, drivers/net/can/slcan | Debian's cannot be restarted after bus-off
"""

import fcntl
import hashlib
import json
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".build/virtual-board"

# What the guest loads, besides what these need.
STOCK = (
    "virtio_pci", "virtio_console", "virtio_blk", "brd", "ext4", "crc32c_generic", "configfs",
    "vcan", "can_raw", "i2c_dev", "i6300esb",
)
BUILT = ("gpio-sim", "slcan", "i2c-peer")
SOURCES = (
    "drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c",
    "drivers/net/can/slcan/slcan.h", "drivers/net/can/slcan/slcan-core.c",
    "drivers/net/can/slcan/slcan-ethtool.c",
)
MAKEFILE = """obj-m := gpio-sim.o slcan.o i2c-peer.o
gpio-sim-y := gpio-sim-core.o irq_sim.o
slcan-y := slcan-core.o slcan-ethtool.o
"""

# What a controller does that is told to start again after bus-off: it opens the channel anew. The
# program behind the serial line sees that as the command "O".
SLCAN_RESTART = """static int slcan_restart(struct net_device *dev, enum can_mode mode)
{
	struct slcan *sl = netdev_priv(dev);
	int err;

	if (mode != CAN_MODE_START)
		return -EOPNOTSUPP;
	err = slcan_transmit_cmd(sl, "O\\r");
	if (err)
		return err;
	sl->can.state = CAN_STATE_ERROR_ACTIVE;
	netif_wake_queue(dev);
	return 0;
}

"""


class Unavailable(Exception):
    """Why there is no virtual board on this machine, and what would mend it."""


def call(*words, **options):
    """Runs a command and returns what it printed; its errors are part of the exception."""
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", **options)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(map(str, words))} ended with {done.returncode}:\n"
                          f"{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def dependency(package, pattern):
    """The package that PACKAGE, one without content, stands for today."""
    for line in call("apt-cache", "depends", package).splitlines():
        found = re.match(r"\s*Depends: (\S+)$", line)
        if found and re.fullmatch(pattern, found[1]):
            return found[1]
    raise Unavailable(
        f"apt knows no {package} that depends on {pattern}: this needs Debian 12 or newer and its "
        "list of packages; as root, run: apt-get update")


def download(packages, directory):
    directory.mkdir(parents=True, exist_ok=True)
    options = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    call("apt-get", "download", "-qq", *options, *packages, cwd=directory)
    return sorted(directory.glob("*.deb"))


def unpacked_kernel(image):
    """The kernel out of a bzImage: unpacking it in the guest would cost seconds.

    Offsets are those of the x86 boot protocol: setup_sects, payload_offset, payload_length.
    """
    data = image.read_bytes()
    start = (data[0x1F1] + 1) * 512 + int.from_bytes(data[0x248:0x24C], "little")
    length = int.from_bytes(data[0x24C:0x250], "little")
    payload = data[start:start + length]
    if payload[:6] != b"\xfd7zXZ\0":
        raise Unavailable(f"{image} is not packed with xz: this board knows Debian's kernels only")
    return lzma.LZMADecompressor().decompress(payload)


def module_name(path):
    return path.name.split(".")[0].replace("-", "_")


def with_needs(names, files):
    """These modules in an order in which they can be loaded, each after those that it needs."""
    order = []

    def add(name):
        if name in order:
            return
        if name not in files:
            raise Unavailable(f"this kernel has no module {name}")
        found = re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes())
        for need in (found[1].decode() if found else "").split(","):
            if need:
                add(need.replace("-", "_"))
        order.append(name)

    for name in names:
        add(name)
    return order


def take_kernel(cache):
    """Kernel and stock modules, into the cache."""
    image = dependency("linux-image-amd64", r"linux-image-\d\S*-amd64")
    version = image.removeprefix("linux-image-")
    headers = f"linux-headers-{version}"
    common = dependency(headers, r"linux-headers-.*-common")
    build = dependency(headers, r"linux-kbuild-.*")
    compiler = dependency(headers, r"linux-compiler-gcc-.*").split("-")[3]
    source = "linux-source-" + re.match(r"\d+\.\d+", version)[0]
    packages = cache / "packages"
    files = download([image, headers, common, build, source], packages)
    kernel = next(path for path in files if path.name.startswith("linux-image"))
    tree = cache / "unpacked"
    call("dpkg-deb", "-x", kernel, tree)
    (cache / "vmlinux").write_bytes(unpacked_kernel(next(tree.glob("boot/vmlinuz-*"))))
    found = {module_name(path): path for path in tree.rglob("*.ko")}
    # The built ones need these.
    names = with_needs([*STOCK, "can_dev"], found)
    (cache / "modules").mkdir(exist_ok=True)
    for name in names:
        shutil.copy(found[name], cache / f"modules/{name}.ko")
        # Takes their signatures too, whose checking would be a good part of the boot.
        call("strip", "--strip-debug", cache / f"modules/{name}.ko")
    shutil.rmtree(tree)
    for path in files:
        if path != kernel:
            call("dpkg-deb", "-x", path, cache / "build")
    sources = next((cache / "build/usr/src").glob("linux-source-*.tar.xz"))
    take_sources(sources, cache / "source")
    sources.unlink()
    shutil.rmtree(packages)
    return {"version": version, "compiler": f"gcc-{compiler}", "modules": names}


def take_sources(archive, target):
    """The few files that are built here, out of the kernel's whole source."""
    target.mkdir(exist_ok=True)
    left = set(SOURCES)
    with tarfile.open(archive, mode="r|xz") as members:
        for member in members:
            name = member.name.partition("/")[2]
            if name in left:
                left.remove(name)
                (target / pathlib.Path(name).name).write_bytes(members.extractfile(member).read())
                if not left:
                    return
    raise Unavailable(f"{archive} lacks {', '.join(sorted(left))}")


def edited(text, *edits):
    """`text` with each (what stands there, what shall stand there); it must stand there once."""
    for before, after in edits:
        if text.count(before) != 1:
            raise Unavailable(
                f"this kernel's source has no single place {before!r}: adapt kernel.py")
        text = text.replace(before, after)
    return text


def build_modules(cache, about):
    """The three modules, by the kernel's own makefiles."""
    work = cache / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    source = cache / "source"
    shutil.copy(HERE / "modules/i2c-peer.c", work)
    for name in ("gpiolib.h", "slcan.h", "slcan-ethtool.c"):
        shutil.copy(source / name, work)
    shutil.copy(source / "gpio-sim.c", work / "gpio-sim-core.c")
    # Modules may not call irq_to_desc; this says the same.
    (work / "irq_sim.c").write_text(edited(
        (source / "irq_sim.c").read_text(),
        ("irq_to_desc(irqnum)", "irq_data_to_desc(irq_get_irq_data(irqnum))"),
        ("#include <linux/irq.h>\n", "#include <linux/irq.h>\n#include <linux/irqdesc.h>\n")))
    (work / "slcan-core.c").write_text(edited(
        (source / "slcan-core.c").read_text(),
        ("/* Netdevice DOWN -> UP routine */\n", SLCAN_RESTART + "/* Netdevice DOWN -> UP */\n"),
        ("\tsl->can.bitrate_const = ",
         "\tsl->can.do_set_mode = slcan_restart;\n\tsl->can.bitrate_const = ")))
    (work / "Makefile").write_text(MAKEFILE)
    headers = cache / f"build/usr/src/linux-headers-{about['version']}"
    # They expect to be installed, and name each other by absolute paths.
    for makefile in (cache / "build/usr/src").glob("linux-headers-*/Makefile"):
        text = makefile.read_text()
        if text.startswith("include /usr/src/"):
            makefile.write_text(text.replace("/usr/src/", f"{cache}/build/usr/src/"))
    call("make", "-s", "-C", headers, f"M={work}", f"CC={about['compiler']}", "modules",
         env=os.environ | {"LC_ALL": "C"})
    for name in BUILT:
        built = work / f"{name}.ko"
        call("strip", "--strip-debug", built)
        shutil.copy(built, cache / f"modules/{module_name(built)}.ko")
    shutil.rmtree(work)


def prepare(say=print):
    """Kernel and modules, made if need be: (path of vmlinux, paths of modules in order).

    - Raises Unavailable: what is missing, and what mends it.
    """
    if os.uname().machine != "x86_64":
        raise Unavailable(
            f"this is {os.uname().machine}: the virtual board boots an x86-64 kernel and runs this "
            "machine's own programs on it, so it needs an x86-64 machine")
    CACHE.mkdir(parents=True, exist_ok=True)
    # Two tests may begin at once, and the second waits for what the first one makes.
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make(say)


def make(say):
    """What `prepare` does while nobody else does it."""
    record = CACHE / "kernel.json"
    about = json.loads(record.read_text()) if record.exists() else {}
    if about.get("stock") != list(STOCK):
        for left in CACHE.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        say("virtual board: fetching Debian's kernel (230 MB), the first time only")
        about = take_kernel(CACHE) | {"stock": STOCK}
        record.write_text(json.dumps(about))
    # An edited module is built again.
    inputs = (HERE / "modules/i2c-peer.c").read_bytes() + (HERE / "kernel.py").read_bytes()
    stamp = CACHE / "modules.sha256"
    digest = hashlib.sha256(inputs).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        say("virtual board: building its kernel modules")
        build_modules(CACHE, about)
        stamp.write_text(digest)
    modules = [CACHE / f"modules/{name}.ko" for name in about["modules"]]
    modules += [CACHE / f"modules/{name.replace('-', '_')}.ko" for name in BUILT]
    return CACHE / "vmlinux", modules


if __name__ == "__main__":
    print(*prepare()[1], sep="\n")
