"""Rules P1 to P9 of the specification (§6) once more, as slow and plain as they can be written, to
judge the firmware by. From the text of the specification and the register map; times in µs.
"""

import host

LEASES = range(300, 1_001)
MINUTE = 60_000_000
FIRST_PROOF, RENEWAL = 5_000_000, 1_500_000
SPARK_MAX, REST = 3_000_000, 10_000_000


class Rules:
    def __init__(self):
        self.now = 0
        self.armed = self.expired = False
        self.cause = "none"
        self.wanted = self.on_at_trip = 0
        self.lease_since = None
        self.lease = 500
        self.heartbeat = 0
        self.refusal = "none"
        self.pec_errors = self.refused = self.expiries = self.trips = 0
        self.proof_due = self.heat_ends = self.spark_ends = None
        self.heat_rests_until = self.spark_rests_until = None

    # Time.

    @property
    def lease_ends(self):
        """Counted from the last heartbeat by the length that is configured now: one that is
        shortened while it runs ends sooner."""
        return None if self.lease_since is None else self.lease_since + 1_000 * self.lease

    def next_change(self):
        """The next moment at which something happens by itself, or None."""
        times = (self.lease_ends, self.proof_due, self.heat_ends, self.spark_ends,
                 self.heat_rests_until, self.spark_rests_until)
        return min((time for time in times if time is not None), default=None)

    def advance(self, now):
        while True:
            due = self.next_change()
            if due is None or due > now:
                break
            # A lease that was shortened may have ended before it was.
            self.now = max(self.now, due)
            self._pass(due)
        self.now = now

    def _pass(self, now):
        if self.lease_ends == now:
            self.lease_since = None
            self.expiries += 1
            if self.wanted & host.HEAT:
                self._trip("lease with heat")
            elif self.armed:
                self.expired = True
                self._drop()
        if self.proof_due == now:
            self._trip("unproven")
        if self.heat_ends == now:
            self._trip("heat too long")
        if self.spark_ends == now:
            self._want(self.wanted & ~host.SPARK)
        if self.heat_rests_until == now:
            self.heat_rests_until = None
        if self.spark_rests_until == now:
            self.spark_rests_until = None

    def _want(self, mask):
        before, self.wanted = self.wanted, mask
        if before & ~mask & host.HEAT:
            self.heat_rests_until = self.now + REST
        if not mask & host.HEAT:
            self.proof_due = self.heat_ends = None
        elif not before & host.HEAT:
            self.proof_due = self.now + FIRST_PROOF
            self.heat_ends = self.now + 240 * MINUTE
        if mask & host.SPARK and not before & host.SPARK:
            self.spark_ends = self.now + SPARK_MAX
        if before & host.SPARK and not mask & host.SPARK:
            self.spark_ends = None
            self.spark_rests_until = self.now + REST

    def _drop(self):
        self.on_at_trip = self.wanted
        self._want(0)
        self.armed = False
        self.lease_since = None

    def _trip(self, cause):
        if self.cause == "none":
            self.cause = cause
            self.trips += 1
            self._drop()

    # Writes.

    def write(self, frame, local_reset=False):
        """FRAME: all bytes after the address of one write, PEC included."""
        if len(frame) < 2:
            return
        if host.pec(bytes([host.ADDRESS << 1]) + frame):
            self.pec_errors += 1
            return
        refusal = self._judge(frame, local_reset)
        if refusal:
            self.refusal = refusal
            self.refused += 1

    def _judge(self, frame, local_reset):
        register, count, content = frame[0], frame[1], frame[2:-1]
        if len(frame) < 3 or count != len(content):
            return "wrong length"
        lengths = {host.CONTROL: 3, host.CONFIGURE: 4, host.ARM: 2, host.TRIP: 2}
        if register not in lengths:
            return "unknown register"
        if count != lengths[register]:
            return "wrong length"
        if register == host.CONTROL:
            return self._control(*content)
        if register == host.CONFIGURE:
            return self._configure(content)
        if register == host.ARM:
            return self._arm(content, local_reset)
        if content != host.TRIP_KEY:
            return "wrong key"
        self._trip("host")
        return None

    def _control(self, number, mask, token):
        if mask & host.SPARK and not mask & host.VALVE:
            return "forbidden mask"
        if mask & host.HEAT and mask & (host.PUMP | host.POWER) != host.PUMP | host.POWER:
            return "forbidden mask"
        new = mask & ~self.wanted
        refusal = None
        if number != (self.heartbeat + 1) & 0xFF:
            refusal = "repeated heartbeat"
        elif new and self.cause != "none":
            refusal = "tripped"
        elif new and not self.armed:
            refusal = "not armed"
        elif new & host.SPARK and self.spark_rests_until is not None:
            refusal = "spark resting"
        elif new & host.HEAT and self.heat_rests_until is not None:
            refusal = "heat resting"
        if refusal:
            # Off is always allowed.
            if mask & ~self.wanted == 0:
                self._want(mask)
            return refusal
        self.heartbeat = number
        self.lease_since = self.now
        self._want(mask)
        if mask & host.HEAT and token == host.proof_for(number):
            self.proof_due = self.now + RENEWAL
        return None

    def _configure(self, content):
        lease = int.from_bytes(content[1:3], "little")
        if content[0] != 1 or content[3] != 0:
            return "wrong key"
        if lease not in LEASES:
            return "lease out of range"
        self.lease = lease
        return None

    def _arm(self, content, local_reset):
        if content != host.ARM_KEY:
            return "wrong key"
        if self.cause != "none":
            if not local_reset:
                return "no local reset"
            self.cause = "none"
        if not self.armed:
            self.expired = False
            self.armed = True
            self.lease_since = self.now
        return None

    # What the board should say.

    def expected(self):
        return {
            "armed": self.armed, "leased": self.lease_ends is not None, "expired": self.expired,
            "tripped": self.cause != "none", "wanted": self.wanted, "actual": self.wanted,
            "heartbeat": self.heartbeat, "cause": self.cause, "on_at_trip": self.on_at_trip,
            "refusal": self.refusal, "refused": self.refused & 0xFF, "lease": self.lease,
            "rested": self.heat_rests_until is None and self.spark_rests_until is None,
            "mismatch": False, "self_test": True,
        }
