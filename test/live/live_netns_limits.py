# SPDX-License-Identifier: Apache-2.0
"""Network namespaces for which there is no thread, or no descriptor: a fault that is said once,
counted and tried again; all others are recorded, and nothing ends.

usage: live_netns_limits.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import archives
from archives import check
from collector import Collector, Traffic, check_no_losses, compare_all, settle, wait_until
from netns import PREFIX, Pair, Skip, run_test

COLLECTOR, TRAFFIC = sys.argv[1:3]
PIDS = Path("/sys/fs/cgroup/pids")
OTHERS = "abc"  # each letter two namespaces
NO_THREAD = re.compile(r"cannot record network namespace (\S+): no thread for it: "
                       r"Resource temporarily unavailable|"
                       r"cannot start the thread of the reconciler in network namespace (\S+): "
                       r"Resource temporarily unavailable")


@contextlib.contextmanager
def pids_group() -> Iterator[Path]:
    """A cgroup that limits threads, of the first version of cgroups or the second."""
    place = PIDS if PIDS.is_dir() else Path("/sys/fs/cgroup")
    group = place / f"tcpinfo-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise Skip(f"no pids cgroup is to be had: {error}") from None
    try:
        if not (group / "pids.max").exists():
            raise Skip(f"no pids controller in {place}")
        yield group
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text(encoding="ascii").split(), 10)
        group.rmdir()


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")


def complaints(collector: Collector, pattern: re.Pattern[str]) -> list[str]:
    return [line for line in collector.complaints() if pattern.search(line)]


def recorded_too(collector: Collector, pair: Pair) -> bool:
    return f"recording network namespace {pair.receiver.name} too" in collector.log()


def test_threads(home: Pair, scratch: Path) -> None:
    output = scratch / "threads"
    with pids_group() as group, contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(Pair(letter)) for letter in OTHERS]
        names = [word for pair in pairs for name in (pair.receiver.name, pair.sender.name)
                 for word in ("--netns", name)]
        # As many as its own take and some of the others', never all.
        write(group / "pids.max", "10")
        collector = stack.enter_context(Collector(
            COLLECTOR, output, home.receiver, "--verbose", "--writers", "1", *names,
            confine=lambda: write(group / "cgroup.procs", str(os.getpid()))))
        check(wait_until(lambda: complaints(collector, NO_THREAD), 30), collector.log())
        # While it runs, another comes.
        stack.enter_context(Pair("d"))
        with Traffic(TRAFFIC, "short", home, scratch / "truth", "--class",
                     "1ms:1000:100:1:1") as traffic:
            made = traffic.finish()
        check(collector.child.poll() is None, f"ended by {collector.child.poll()}")
        faults = len(complaints(collector, NO_THREAD))
        time.sleep(1)  # more than ten looks: said once
        check(len(complaints(collector, NO_THREAD)) == faults, collector.log())
        write(group / "pids.max", "max")
        # Tried again after ten seconds, and told when it has gone well for as many.
        check(wait_until(lambda: all(recorded_too(collector, pair) for pair in pairs), 40),
              f"not recorded when there were threads again: {collector.log()}")
        said = complaints(collector, NO_THREAD)
        settle()
        ended = collector.stop()
    check_no_losses(ended)
    check(int(ended.summary["netns_faults"]) >= len(said), f"{ended.told()}\n{said}")
    compare_all(made, {cookie: one for cookie, one in archives.read_directory(output).items()
                       if {a.netns for a in one.archives} == {None}}, every_record=False)
    print(f"threads: {len(said)} faults said, all recorded later")


def test_descriptors(home: Pair, scratch: Path) -> None:
    """Whatever the last descriptor is needed for: each thing is said once."""
    judged = 0
    # The sanitizer looks by a pipe whether there is an object at an address: without descriptors it
    # takes every one for none.
    suppressions = scratch / "suppressions"
    suppressions.write_text("vptr:*\n")
    options = f"{os.environ.get('UBSAN_OPTIONS', '')}:suppressions={suppressions}"
    with contextlib.ExitStack() as stack:
        for letter in OTHERS:
            stack.enter_context(Pair(letter))
        for limit in range(44, 116, 6):
            with Collector(COLLECTOR, scratch / f"files{limit}", home.receiver, "--verbose",
                           "--writers", "1", "--netns", "all", descriptors=limit,
                           ready=False, environment={"UBSAN_OPTIONS": options}) as collector:
                # On a busy machine it begins late: with a first line, or its end.
                check(wait_until(lambda: collector.child.poll() is not None or
                                 any(collector.messages()), 60), "nothing said")
                time.sleep(1.2)  # ten looks for namespaces
                if collector.child.poll() is not None:
                    # Not enough for what it cannot do without, which is no fault of the command.
                    check(collector.child.poll() == 1 and "Too many open" in collector.log(),
                          f"status {collector.child.poll()}: {collector.log()}")
                    continue
                # Namespaces of tests beside this one go, and come again under the same name.
                said = Counter(line for line in collector.messages()
                               if f" {PREFIX}-" not in line or f" {PREFIX}-{os.getpid()}-" in line)
                check(max(said.values(), default=0) == 1,
                      f"with {limit} descriptors: {said.most_common(5)}")
                judged += any("Too many open files" in line for line in said)
                ended = collector.stop()
                check(ended.status == 0, f"status {ended.status}: {ended.told()}")
    check(judged >= 4, f"only {judged} runs lacked descriptors")
    print(f"descriptors: {judged} runs lacked some, and said each thing once")


def main() -> None:
    with Pair() as home, tempfile.TemporaryDirectory() as temporary:
        test_descriptors(home, Path(temporary))
        test_threads(home, Path(temporary))


run_test(main)
