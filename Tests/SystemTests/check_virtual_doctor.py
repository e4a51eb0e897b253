#!/usr/bin/env python3
"""busbar doctor on the virtual board: a healthy one, and broken ones.

    .build/venv/bin/python Tests/SystemTests/check_virtual_doctor.py

The programs are those that `make install` installs. On the healthy board, with busbard running,
there must be no fault; each broken one must have the one fault that it is broken by, and say what
mends it. The guest has no systemd: accounts are made here as sysusers says. Owners and links are
udev's work, by the rules that `make install` installs, beside those of Raspberry Pi OS; and where
the doctor says that udev mends it, that is what is done.
"""

import json
import sys
import tempfile

from virtual_board import Judge
from virtual_device import INSTALLED, PROGRAMS, make_site

import board  # In board/virtual, which virtual_board puts into the path.

PREPARE = """
    printf 'root:x:0:0::/:/bin/sh\\nbusbar:x:990:990::/:/bin/false\\n' >/etc/passwd
    printf 'root:x:0:\\nbusbar:x:990:\\nbusbar-devices:x:991:busbar\\nbusbar-technician:x:992:\\n' \
        >/etc/group
    printf 'i2c:x:993:\\ngpio:x:994:\\n' >>/etc/group
    rm /dev/busbar-relays
    ln -s "$(command -v udevadm)" /run/systemd-udevd
    /run/systemd-udevd --daemon
    udevadm trigger --action=add && udevadm settle --timeout=30
    units=/etc/systemd/system
    mkdir -p $units/busbar.target.wants $units/multi-user.target.wants /disk/state
    touch $units/busbar.target.wants/busbard.service $units/multi-user.target.wants/busbar.target
    chown 990:990 /disk/state && chmod 750 /disk/state
"""
DOCTOR = "busbar doctor --json --site /site --socket /run/control.sock --state-dir "
RELOAD = "udevadm control --reload && udevadm trigger"
# Where Raspberry Pi OS gives these devices to groups of its own, in a file that is read after
# Busbar's: raspberrypi-sys-mods, /etc/udev/rules.d/99-com.rules.
OF_THE_SYSTEM = """
SUBSYSTEM=="i2c-dev", GROUP="i2c", MODE="0660"
SUBSYSTEM=="gpio", GROUP="gpio", MODE="0660"
"""

# What breaks it, what mends it again (none: what the doctor says), the fault's words and what it
# says to do.
WHILE_RUNNING = [
    ("mv /dev/watchdog /dev/away", "mv /dev/away /dev/watchdog", "/disk/state",
     "/dev/watchdog: there is no watchdog", "dtparam=watchdog=on in config.txt and a reboot"),
    ("chown 0:0 /dev/i2c-1", None, "/disk/state",
     "/dev/i2c-1: the user busbar may not read and write it (group 0, mode 0660)", RELOAD),
    ("rm /dev/busbar-relays", None, "/disk/state",
     "/dev/busbar-relays is not there: no udev rule names it", RELOAD),
    ("mkdir /run/state && chown 990 /run/state", "true", "/run/state",
     "/run/state is on tmpfs: a lock-out and every event are gone with the power",
     "give it a partition of its own on the card, in /etc/fstab"),
    ("chmod 550 /disk/state", None, "/disk/state",
     "/disk/state: the user busbar may not write there (mode 0550)",
     "chown -R busbar:busbar /disk/state && chmod 750 /disk/state"),
]
# The bus belongs to busbard while it runs, so these are found without it.
WHILE_STOPPED = [
    ("echo 'i2c open' >/run/world; sleep 0.3", "echo 'i2c ok' >/run/world; sleep 0.3",
     "nothing useful answers at 0x43: no relay board answered: check its supply and the I2C cable",
     "check the board's supply and the I2C cable, then look: i2cdetect -y 1"),
    ("gpioset -m signal pinctrl-virtual 17=0 >/dev/null 2>&1 & echo $! >/run/taker; sleep 0.3",
     "kill $(cat /run/taker); sleep 0.1", 'lines.permit: "gpioset" has GPIO line GPIO17',
     "end that, or take its overlay out of config.txt and reboot"),
    ("sed -i s/GPIO24/GPIO42/ /site/site.json", "sed -i s/GPIO42/GPIO24/ /site/site.json",
     "lines.emergencyStop: there is no GPIO line GPIO42 here",
     "compare with what is there: gpioinfo; then correct /site/site.json"),
    ("ip link set can0 down; ip link set can0 name can9", "ip link set can9 name can0",
     "there is no interface can0",
     "enable the controller's overlay in config.txt, reboot, and look: ip link show type can"),
]


def examine(guest, state="/disk/state"):
    """The exit code, and the findings that are faults or warnings."""
    code, text = guest.attempt(DOCTOR + state)
    findings = json.loads(text)["findings"]
    return code, {level: [each for each in findings if each["level"] == level]
                  for level in ("fault", "warning")}


def words(findings):
    return [(each["what"], each["mend"]) for each in findings]


def devices(guest, judge):
    """Who may open them is Busbar's to say, whatever the system's own rules say behind it."""
    for device in ("i2c-1", "gpiochip0", "watchdog", "watchdog0"):
        judge.equal(f"udev: owner and mode of /dev/{device}", guest.run(
            f"stat -c '%G %a' /dev/{device}").strip(), "busbar-devices 660")
    judge.equal("udev: /dev/busbar-relays",
                guest.run("readlink -f /dev/busbar-relays").strip(), "/dev/i2c-1")
    judge.equal("udev: a longer queue for CAN",
                guest.run("cat /sys/class/net/can0/tx_queue_len").strip(), "128")
    # The interface that busbard's unit waits for, also when it has another name than the kernel's.
    for name, other in (("can0", "can9"), ("can9", "can0")):
        judge.equal(f"udev: the name that systemd can wait for, of {name}", guest.run(
            f"udevadm info -q property -p /sys/class/net/{name} | grep ^SYSTEMD_ALIAS= || true"
        ).strip(), "SYSTEMD_ALIAS=/sys/subsystem/net/devices/busbar-can")
        guest.run(f"ip link set {name} down; ip link set {name} name {other}; "
                  "udevadm settle --timeout=30")
    judge.that("udev: systemd can wait for /dev/busbar-relays",
               "systemd" in guest.run("udevadm info -q property -n /dev/busbar-relays | "
                                      "grep ^TAGS= || true"), "no TAGS=:systemd:")


def without_daemon(guest, judge):
    code, before = examine(guest)
    judge.equal("without busbard the doctor ends with 1", code, 1)
    judge.equal("and that is the only fault", [each["area"] for each in before["fault"]],
                ["service"])
    for change, back, what, mend in WHILE_STOPPED:
        guest.run(change)
        code, found = examine(guest)
        guest.run(back)
        added = [each for each in words(found["fault"]) if each not in words(before["fault"])]
        judge.equal(f"broken by \"{change}\"", (code, added), (1, [(what, mend)]))


def healthy(guest, judge):
    # As at a boot: others are started meanwhile, and busbard's threads have no numbers in a row.
    guest.start("dash -c 'while [ ! -e /run/started ]; do /bin/true; done'")
    guest.start("busbard --site /site --board rpi --socket /run/control.sock "
                "--state-dir /disk/state", log="/run/busbard.log")
    guest.run("for try in $(seq 100); do busbar status --socket /run/control.sock >/dev/null && "
              "break; sleep 0.1; done; touch /run/started; sleep 2", 60)
    numbers = guest.run("cd /proc/$(pidof busbard)/task && echo *").split()
    judge.that("its threads' numbers are far apart", int(numbers[-1]) - int(numbers[0]) > 64,
               numbers)
    code, found = examine(guest)
    judge.equal("a healthy board has no fault", (code, words(found["fault"])), (0, []))
    # No network sets a clock here, one temperature channel is fitted, and QEMU is slow.
    allowed = ("the clock", "A drifting probe", "A gas", "busbard has missed", "/disk/state")
    others = [each for each in words(found["warning"]) if not each[0].startswith(allowed)]
    judge.equal("nor a warning that it need not have", others, [])
    judge.that("it names what one temperature channel cannot cover",
               any(each["area"] == "not covered" and "one temperature channel" in each["what"]
                   for each in found["warning"]), found["warning"])


def broken(guest, judge):
    for change, back, state, what, mend in WHILE_RUNNING:
        guest.run(change)
        code, found = examine(guest, state)
        # Mended by udev, it is so when udev has done it.
        guest.run(back or f"{mend} && udevadm settle --timeout=30")
        judge.equal(f"broken by \"{change}\"", (code, words(found["fault"])), (1, [(what, mend)]))
    code, found = examine(guest)
    judge.equal("mended, it has no fault again", (code, words(found["fault"])), (0, []))


def main():
    judge = Judge()
    with tempfile.TemporaryDirectory() as directory:
        disk = board.pathlib.Path(directory) / "disk"
        board.make_disk(disk, "768M")
        rules = board.pathlib.Path(directory) / "rules"
        rules.write_text(OF_THE_SYSTEM)
        udev = board.image.find_program("udevadm", "udev")
        with board.VirtualBoard(
            f"{directory}/board", [*PROGRAMS, udev], {"/etc/udev/rules.d/99-com.rules": rules},
            {"/site": make_site(directory),
             "/usr/lib/systemd/system": INSTALLED / "lib/systemd/system",
             "/usr/lib/udev/rules.d": INSTALLED / "lib/udev/rules.d"}, disk=disk, limit=180,
        ) as guest:
            guest.start_world()
            guest.run(PREPARE)
            devices(guest, judge)
            without_daemon(guest, judge)
            healthy(guest, judge)
            broken(guest, judge)
    print(f"check_virtual_doctor: {judge.held} held, {len(judge.broken)} broken")
    sys.exit(1 if judge.broken else 0)


if __name__ == "__main__":
    main()
