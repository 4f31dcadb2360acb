# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears, on a socket of the test: ready when recording, a status that tells
what is recorded, signs of life as long as there are polls and no longer, reloads, the end.

usage: live_service.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from archives import check
from collector import Collector, Traffic, sanitized
from netns import Pair, run_test
from notify import PATIENCE_S, WATCHDOG_USEC, Manager, status_of

CONNECTIONS = 50
ABSTRACT = f"@tcpinfo-test-{os.getpid()}"


def check_ready(collector: Collector, manager: Manager) -> None:
    """The first message is READY=1, by the process itself, and a connection is recorded by then."""
    first = manager.next(PATIENCE_S)
    check(first is not None, "nothing said")
    assert first is not None
    check(first.fields.get("READY") == "1", f"first said: {first.fields}")
    check(first.sender == collector.child.pid, f"said by process {first.sender}")
    # The first poll has shown them all.
    sockets = int(status_of(first)["sockets"])
    check(sockets == CONNECTIONS, f"{sockets} sockets at the first poll")


def check_status(manager: Manager) -> None:
    manager.forget()
    said = [one for one in manager.during(5) if "STATUS" in one.fields]
    check(2 <= len(said) <= 6, f"{len(said)} statuses in 5 s")
    gaps = [later.at - earlier.at for earlier, later in zip(said, said[1:])]
    check(min(gaps) > 0.4, f"statuses come {gaps} s apart")
    for one in said:
        told = status_of(one)
        check(int(told["sockets"]) == CONNECTIONS, f"{told['sockets']} sockets")
        check(told["asked"] == "10ms", f"asked for {told['asked']}")
        check(told["losses"] == "0", f"losses {told['losses']}")
        if not sanitized():
            check(9.5 < float(told["interval"]) < 1000, f"interval {told['interval']} ms")
    print(f"status: {said[-1].fields['STATUS']}")


def check_watchdog(collector: Collector, manager: Manager) -> None:
    """Half of a second apart, and as far as the sampler lives."""
    manager.forget()
    signs = [one for one in manager.during(5) if "WATCHDOG" in one.fields]
    gaps = [later.at - earlier.at for earlier, later in zip(signs, signs[1:])]
    print(f"watchdog: {len(signs)} signs of life in 5 s, at most {max(gaps):.2f} s apart")
    check(6 <= len(signs) <= 11, f"{len(signs)} signs of life in 5 s")
    check(max(gaps) < WATCHDOG_USEC / 1e6, f"signs of life come {gaps} s apart")
    collector.pause()
    time.sleep(0.1)
    manager.forget()
    said = manager.during(3)
    collector.go_on()
    check(not said, f"said while stopped: {said}")
    manager.until("WATCHDOG", "1")


def check_reload(collector: Collector, manager: Manager) -> None:
    manager.forget()
    before = time.monotonic_ns() // 1000
    collector.child.send_signal(signal.SIGHUP)
    begun = manager.until("RELOADING", "1")
    after = time.monotonic_ns() // 1000
    check(before <= int(begun.fields["MONOTONIC_USEC"]) <= after,
          f"{begun.fields} not between {before} and {after}")
    ended = manager.until("READY", "1")
    check(ended.at - begun.at < 2, f"{ended.at - begun.at} s to reload")
    check(collector.says("reloaded: "), "it said so and did not")


def check_stopping(collector: Collector, manager: Manager) -> None:
    collector.child.send_signal(signal.SIGTERM)
    end = manager.until("STOPPING", "1")
    check("STATUS" in end.fields, f"said only {end.fields}")
    collector.wait()
    after = manager.during(0.2)
    check(not after, f"said after STOPPING=1: {after}")


def check_one(collect: str, traffic: str, scratch: Path, name: str) -> None:
    print(f"listening at {name}")
    output = scratch / f"out{len(list(scratch.iterdir()))}"
    with Pair() as pair, Manager(name, pair.receiver) as manager:
        with Traffic(traffic, "hold", pair, scratch / "truth", "--connections",
                     str(CONNECTIONS), "--seconds", "600") as load:
            load.wait_open()
            with Collector(collect, output, pair.receiver, ready=False,
                           environment=manager.environment(watchdog=True)) as collector:
                check_ready(collector, manager)
                check_status(manager)
                check_watchdog(collector, manager)
                check_reload(collector, manager)
                check_stopping(collector, manager)
            load.stop()


def check_long_interval(collect: str, scratch: Path) -> None:
    """An interval longer than the watchdog's patience is no reason to be killed."""
    with Pair() as pair, Manager(ABSTRACT, pair.receiver) as manager:
        with Collector(collect, scratch / "slow", pair.receiver, "--interval", "30s", ready=False,
                       environment=manager.environment(watchdog=True)) as collector:
            manager.until("READY", "1")
            signs = [one for one in manager.during(3) if "WATCHDOG" in one.fields]
            check(4 <= len(signs) <= 8, f"{len(signs)} signs of life in 3 s")
            check_stopping(collector, manager)


def check_not_ready(collect: str, scratch: Path) -> None:
    """One that cannot begin is never ready: the output belongs to another."""
    with Pair() as pair, Manager(ABSTRACT, pair.receiver) as manager:
        with Collector(collect, scratch / "taken", pair.receiver), \
                Collector(collect, scratch / "taken", pair.receiver, ready=False,
                          environment=manager.environment()) as second:
            check(second.child.wait(PATIENCE_S) == 1, "a second collector was let in")
            said = manager.during(0.2)
            check(not said, f"refused, and said {said}")


def check_deaf(collect: str, scratch: Path) -> None:
    """A manager that does not read, or is not there, changes nothing."""
    path = str(scratch / "deaf")
    with Pair() as pair, Manager(path, pair.receiver) as manager:
        environment = manager.environment(watchdog=True) | {"WATCHDOG_USEC": "2000"}
        with Collector(collect, scratch / "ignored", pair.receiver,
                       environment=environment) as collector:
            # Thousands of messages: any queue is full then, and who waited for room would not end.
            time.sleep(3)
            ended = collector.stop()
            check(ended.ticks() > (20 if sanitized() else 100), ended.told())
    os.unlink(path)
    with Pair() as pair:
        with Collector(collect, scratch / "alone", pair.receiver, "--verbose",
                       environment={"NOTIFY_SOCKET": path}) as collector:
            time.sleep(1)
            check(collector.stop().status == 0, "no manager, and a fault")


def unix_sockets(collector: Collector) -> set[str]:
    with open(f"/proc/{collector.child.pid}/net/unix", encoding="ascii") as table:
        known = {f"socket:[{line.split()[6]}]" for line in table.readlines()[1:]}
    return known & {link for _, link in collector.descriptors()}


def check_silent(collect: str, scratch: Path) -> None:
    """Without NOTIFY_SOCKET there is not even a socket for it."""
    for environment, expected in (({"WATCHDOG_USEC": "1000000"}, 0), ({"NOTIFY_SOCKET": "@x"}, 1)):
        with Pair() as pair, Collector(collect, scratch / f"silent{expected}", pair.receiver,
                                       environment=environment) as collector:
            time.sleep(0.5)
            held = unix_sockets(collector)
            check(len(held) == expected, f"{environment}: it holds unix sockets: {held}")
            collector.stop()


def main() -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(name, None)
    collect, traffic = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        check_one(collect, traffic, scratch, str(scratch / "notify"))
        check_one(collect, traffic, scratch, ABSTRACT)
        check_long_interval(collect, scratch)
        check_not_ready(collect, scratch)
        check_deaf(collect, scratch)
        check_silent(collect, scratch)


run_test(main)
