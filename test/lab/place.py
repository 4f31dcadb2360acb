# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces with the relay between them: a path whose every fault is known.

The pair of the live tests is the base; what it joins them by stays, and the lab's flows take the
relay's devices. Needs root, /dev/net/tun and `ip`, and skips without.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))

from netns import Namespace, Pair, Skip  # noqa: E402 (the path is set above)

SENDER, RECEIVER = "10.78.0.2", "10.78.0.1"
DEVICE = "lab0"

# What flows of one place must not learn from those before them, and what no scenario is about.
SYSCTLS = {
    "net.ipv4.tcp_no_metrics_save": "1",
    "net.ipv4.tcp_rmem": "4096 131072 16777216",
    "net.ipv4.tcp_moderate_rcvbuf": "1",
    "net.ipv4.tcp_wmem": "4096 16384 16777216",
    "net.ipv4.tcp_ecn": "2",
    "net.ipv4.tcp_mtu_probing": "0",
    "net.ipv6.conf.default.disable_ipv6": "1",
}


class Failed(Exception):
    """A program of the lab did not do its part; the text says which and why."""


class Place:
    """The namespaces. A letter tells several places of one process apart."""

    def __init__(self, relay: str, letter: str = "") -> None:
        self._relay = relay
        self._pair = Pair(letter)

    def __enter__(self) -> Place:
        if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
            raise Skip("there is no /dev/net/tun to use")
        self._pair.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pair.close()

    @property
    def sender(self) -> Namespace:
        return self._pair.sender

    @property
    def receiver(self) -> Namespace:
        return self._pair.receiver

    def reset(self) -> None:
        for name, value in SYSCTLS.items():
            for one in (self.sender, self.receiver):
                one.sysctl(name, value)

    def route(self, words: list[str], seed: int = 1, seconds: int = 60) -> Route:
        return Route(self, self._relay, words, seed, seconds)


class Route:
    """The relay, running, as a context manager. It ends when this process does, however that
    ends: its input does then."""

    def __init__(self, place: Place, relay: str, words: list[str], seed: int, seconds: int) -> None:
        self._child = subprocess.Popen(
            [relay, f"a={place.sender.path},{SENDER}", f"b={place.receiver.path},{RECEIVER}",
             f"device={DEVICE}", f"seed={seed}", f"seconds={seconds}", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # Packets are to leave at their time on a busy machine, too.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(self._child.pid, os.SCHED_RR, os.sched_param(10))
        self._place = place
        self.counters: dict[str, dict] = {}
        assert self._child.stdout is not None
        if self._child.stdout.readline() != "ready\n":
            _, errors = self._child.communicate()
            if "Operation not permitted" in errors or "No such device" in errors:
                raise Skip(errors.strip())
            raise Failed(errors.strip())

    def __enter__(self) -> Route:
        return self

    def __exit__(self, *_: object) -> None:
        self._settle()
        out, errors = self._child.communicate()  # which closes its input
        if self._child.returncode == 0:
            self.counters = json.loads(out)
        elif sys.exc_info()[0] is None:
            raise Failed(f"the relay ended with {self._child.returncode}: {errors.strip()}")

    def _settle(self, patience: float = 2) -> None:
        """Waits for the last segments of what was closed: over the next route they would be sent
        again, and be taken for the next flow's."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(
                _closing(one) for one in (self._place.sender, self._place.receiver)):
            time.sleep(0.01)


def _closing(where: Namespace) -> bool:
    with where.inside(), open("/proc/thread-self/net/tcp", encoding="ascii") as table:
        states = {line.split()[3] for line in table.readlines()[1:]}
    return bool(states & {"04", "09", "0B"})  # FIN_WAIT1, LAST_ACK, CLOSING
