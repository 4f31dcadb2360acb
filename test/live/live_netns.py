# SPDX-License-Identifier: Apache-2.0
"""Other network namespaces: three with the same addresses and ports, one made and one removed while
the collector runs; every connection is recorded once, in the right one. And what cannot be entered
is said once and stops nothing.

usage: live_netns.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import archives
from archives import check
from collector import (EXACT_CLOSINGS, Collector, Traffic, Truth, check_no_losses, compare_all,
                       as_nobody_if_possible, settle, wait_until)
from netns import Pair, run_test

COLLECTOR, TRAFFIC = sys.argv[1:3]
CLASSES = ("500us:500:400:1:1", "20ms:20000:100:1:8")


def netns_of(connection: archives.Connection) -> str | None:
    names = {archive.netns for archive in connection.archives}
    check(len(names) == 1, f"{connection.uuid}: in {names}")
    return names.pop()


def await_recording(collector: Collector, names: list[str]) -> None:
    """A thread that has entered a namespace does not yet hear of the ends of its connections: only
    the log tells when it does."""
    entered = wait_until(lambda: all(f"namespace {name} too" in collector.log() for name in names),
                         20)
    check(entered, f"not all of {names} are recorded: {collector.log()}")


def refusals(collector: Collector) -> list[str]:
    """All it complains of: without what --verbose says of what is recorded."""
    return [line for line in collector.complaints()
            if not line.startswith("tcpinfo-collect: recording ")]


def make(pair: Pair, truth: Path) -> list[Truth]:
    flags = [word for one in CLASSES for word in ("--class", one)]
    with Traffic(TRAFFIC, "short", pair, truth, "--closings", EXACT_CLOSINGS, *flags) as traffic:
        return traffic.finish()


def namespaces(collector: Collector) -> int:
    """In how many namespaces the collector has threads, its own not counted."""
    tasks = f"/proc/{collector.child.pid}/task"
    found = set()
    for task in os.listdir(tasks):
        with contextlib.suppress(OSError):  # it ends just now
            found.add(os.readlink(f"{tasks}/{task}/ns/net"))
    return len(found) - 1


def check_made(made: list[Truth], recorded: dict[int, archives.Connection], name: str | None
               ) -> None:
    mine = {cookie: one for cookie, one in recorded.items() if netns_of(one) == name}
    compare_all(made, mine, every_record=False)
    print(f"{len(made)} made in {name or 'its own namespace'}: each recorded there, and no others")


def test_come_and_go(home: Pair, scratch: Path) -> None:
    """`all`: two that are there, one that comes, and one of these two that goes."""
    output = scratch / "all"
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Pair("a"))
        second = stack.enter_context(Pair("b"))
        collector = stack.enter_context(
            Collector(COLLECTOR, output, home.receiver, "--netns", "all", "--verbose"))
        # Ready is what it is where it was started; the others are entered after that.
        await_recording(collector, [one.name for one in (home.sender, first.receiver, first.sender,
                                                         second.receiver, second.sender)])
        # Both ends of all pairs are namespaces of this host, and so is the one we run in.
        made = {None: make(home, scratch / "home"),
                first.receiver.name: make(first, scratch / "first"),
                second.receiver.name: make(second, scratch / "second")}
        settle()
        before = namespaces(collector)
        second.close()
        gone = wait_until(lambda: namespaces(collector) == before - 2, 30)
        check(gone, f"still in {namespaces(collector)} namespaces, was in {before}")
        third = stack.enter_context(Pair("c"))
        await_recording(collector, [third.receiver.name, third.sender.name])
        made[third.receiver.name] = make(third, scratch / "third")
        more = make(first, scratch / "first-again")
        settle()
        ended = collector.stop()
        log = collector.log()
    recorded = archives.read_directory(output)
    made[first.receiver.name] += more
    check_no_losses(ended)
    for name, truths in made.items():
        check_made(truths, recorded, name)
    # The other ends are recorded as well, each where it is.
    cookies = {truth.sender_cookie for truths in made.values() for truth in truths}
    missing = [truth for truths in made.values() for truth in truths
               if truth.sender_cookie not in recorded]
    check(not missing, f"{len(missing)} of {len(cookies)} other ends are missing: {missing[:5]}")
    for name in (first.receiver.name, second.receiver.name, third.receiver.name):
        check(log.count(f"recording network namespace {name} too") == 1, f"log:\n{log}")


def test_named(home: Pair, scratch: Path) -> None:
    """By name and by path, one of them not there at first; nothing but these."""
    output = scratch / "named"
    with Pair("e") as other, Pair("f") as by_path, \
            Collector(COLLECTOR, output, home.receiver, "--netns", Pair("d").receiver.name,
                      "--netns", by_path.receiver.path, "--netns", f"/proc/{os.getpid()}/ns/mnt",
                      "--verbose") as collector:
        check(wait_until(lambda: len(refusals(collector)) >= 2, 20), "nothing said")
        await_recording(collector, [by_path.receiver.path])
        made_other = make(other, scratch / "other")
        made_path = make(by_path, scratch / "path")
        with Pair("d") as comes:
            check(wait_until(lambda: namespaces(collector) == 2, 20), "not entered")
            await_recording(collector, [comes.receiver.name])
            made_late = make(comes, scratch / "late")
            settle()
            said = refusals(collector)
            ended = collector.stop()
            name = comes.receiver.name
    check_no_losses(ended)
    check(ended.summary.get("netns_faults") == "2", f"summary: {ended.told()}")
    start = "tcpinfo-collect: cannot record network namespace "
    check(len(said) == 2 and all(line.startswith(start) for line in said), f"said {said}")
    check(any(f"{name}: No such file" in line for line in said), f"said {said}")
    check(any("/ns/mnt: it is none" in line or "/ns/mnt: Invalid" in line for line in said),
          f"said {said}")
    recorded = archives.read_directory(output)
    check_made(made_late, recorded, name)
    check_made(made_path, recorded, by_path.receiver.path)
    check(not {truth.receiver_cookie for truth in made_other} & set(recorded),
          "one that was not asked for is recorded")


def test_restart(home: Pair, scratch: Path) -> None:
    """A connection of another namespace that outlives a restart goes on in the next sequence."""
    output = scratch / "restart"
    with Pair("g") as other, \
            Traffic(TRAFFIC, "hold", other, scratch / "held", "--connections", "20", "--active",
                    "20", "--gap-ms", "20", "--seconds", "600", "--close-ms", "100") as held:
        held.wait_open()
        for _ in range(2):
            with Collector(COLLECTOR, output, home.receiver, "--netns",
                           other.receiver.name) as collector:
                time.sleep(0.7)
                check_no_losses(collector.stop())
    recorded = archives.read_directory(output)
    check(len(recorded) == 20, f"{len(recorded)} recorded")
    for connection in recorded.values():
        check([one.sequence for one in connection.archives] == [0, 1],
              f"{connection.uuid}: {[one.sequence for one in connection.archives]}")
    print("20 connections went on in their next sequence")


def test_without_privilege(home: Pair, scratch: Path) -> None:
    """As nobody: said once, counted, and the own namespace is recorded as ever."""
    base, nobody = as_nobody_if_possible(COLLECTOR, str(scratch))
    if not nobody:
        return
    with Pair("h") as other, \
            Collector(COLLECTOR, base / "out", home.receiver, "--netns", other.receiver.name,
                      nobody=True) as collector:
        check(wait_until(lambda: len(collector.complaints()) >= 1, 20), "nothing said")
        made = make(home, scratch / "home-too")
        settle()
        said = collector.complaints()
        ended = collector.stop(signal.SIGTERM)
    check_no_losses(ended)
    check(ended.summary.get("netns_faults") == "1", f"summary: {ended.told()}")
    check(said == [f"tcpinfo-collect: cannot record network namespace {other.receiver.name}: "
                   "Operation not permitted (tried again all the time)"], f"said {said}")
    check_made(made, archives.read_directory(base / "out"), None)


def test_names(home: Pair, scratch: Path) -> None:
    for name in ("", ".", "a\nb"):
        done = subprocess.run([COLLECTOR, "--output", str(scratch / "none"), "--netns", name],
                              capture_output=True, text=True, check=False)
        check(done.returncode == 2 and "--netns" in done.stderr, f"{name!r}: {done}")
    check(not (scratch / "none").exists(), "the output directory was made")


def main() -> None:
    for test in (test_come_and_go, test_named, test_restart, test_without_privilege, test_names):
        print(f"== {test.__name__}")
        with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
            test(pair, Path(scratch))


run_test(main)
