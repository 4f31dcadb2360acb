# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to the machine, the collector goes on, says it once, counts it, and loses only
what could not be kept. Each case provokes one degradation for real, with traffic running, on two
collectors side by side: root's and one of nobody without any capability.

usage: live_degradation.py COLLECTOR TRAFFIC TCPINFO_DUMP [CASE...]
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import archives
from archives import Connection, check
from collector import (EXACT_CLOSINGS, Collector, Ended, Traffic, Truth, become_nobody,
                       check_finished, check_runnable, check_verified, compare_all, give_to_nobody,
                       sanitized, settle, wait_until)
from netns import SKIPPED, Pair, Skip, run_test

# How long a fault lasts. Shorter than the 10 s in which a fault is said once.
FAULT_S = 2.5
# A connection that sends every 10 ms has no longer pause between its records, whatever happens to
# the disk: generous, for the processors are shared with the traffic and the other collector.
LONGEST_PAUSE_S = 1.5
# The collector looks for a connection whose end it did not hear of after 5 s.
ABSENCE_S = 5
BRIM_BYTES = 16 << 20


class Patient:
    """A collector that is made to suffer, and where it records."""

    def __init__(self, name: str, scratch: Path, pair: Pair) -> None:
        self.name = name
        self.nobody = name == "nobody"
        self.pair = pair
        # All of its own: it has to be able to make the output directory once more.
        self.base = scratch / name
        self.base.mkdir()
        self.own(self.base)
        self.output = self.base / "out"
        self.collector: Collector
        self.ended: Ended
        self.gone: list[Path] = []  # trees that were taken away from it

    def own(self, path: Path) -> None:
        if self.nobody:
            give_to_nobody(path)

    def run(self, *flags: str) -> Collector:
        # Two writers wherever it runs: what each says for itself would be said twice.
        self.collector = Collector(sys.argv[1], self.output, self.pair.receiver, "--flush",
                                   "300ms", "--writers", "2", *flags, nobody=self.nobody)
        return self.collector

    def check_alive(self) -> None:
        check(self.collector.child.poll() is None,
              f"{self.name}: the collector has ended:\n{self.collector.log()}")

    def stop(self) -> None:
        self.ended = self.collector.stop()
        for line in self.ended.errors.splitlines():
            print(f"{self.name}: {line}")

    def counted(self, key: str) -> int:
        return int(self.ended.summary.get(key, "0"))

    def check_losses(self, *allowed: str) -> None:
        """Nothing was lost but what cannot be kept in this case."""
        total = sum(self.counted(key) for key in allowed)
        check(self.counted("losses") == total, f"{self.name}: other losses than {allowed}")
        check(self.ended.status == (1 if total else 0),
              f"{self.name}: exit status {self.ended.status} with {total} losses")

    def check_said(self, what: str) -> None:
        """Said, and every kind of line once: no fault here lasts 10 s."""
        lines = self.ended.errors.splitlines()
        check(any(re.search(what, line) for line in lines), f"{self.name}: nothing says {what!r}")
        kinds: dict[str, int] = {}
        for line in lines:
            kind = re.sub(r"/\S+|\d+", "#", line)
            kinds[kind] = kinds.get(kind, 0) + 1
        often = {kind: count for kind, count in kinds.items() if count > 1}
        check(not often, f"{self.name}: said more than once in 10 s: {often}")

    def check_kept(self, made: list[Truth]) -> dict[int, Connection]:
        """All connections to their last counter, in whole files."""
        check_verified(sys.argv[3], self.output)
        recorded = archives.read_directory(self.output)
        print(f"{self.name}: ", end="")
        count = compare_all(made, recorded)
        check(self.counted("records") == count, f"{self.name}: {count} records in the files")
        return recorded


@contextlib.contextmanager
def load(pair: Pair, scratch: Path, connections: int = 60, active: int = 20, gap_ms: int = 10
         ) -> Iterator[Callable[[], list[Truth]]]:
    """Lasting connections and short ones, until what it yields is called: what was made."""
    with Traffic(sys.argv[2], "hold", pair, scratch / "truth-hold", "--connections",
                 str(connections), "--active", str(active), "--gap-ms", str(gap_ms), "--seconds",
                 "600", "--close-ms", "300") as lasting:
        lasting.wait_open()
        with Traffic(sys.argv[2], "short", pair, scratch / "truth-short",
                     "--class", "60ms:60000:1000000:1:4", "--closings", EXACT_CLOSINGS) as short:

            def finish() -> list[Truth]:
                lasting.stop()
                short.stop()
                made = lasting.finish() + short.finish()
                settle(2)
                return made

            yield finish


def some_more(pair: Pair, scratch: Path) -> list[Truth]:
    """Connections that end at once, to see that files get complete again."""
    with Traffic(sys.argv[2], "short", pair, scratch / "truth-after",
                 "--class", "after:20000:40:1:4", "--closings", EXACT_CLOSINGS) as after:
        return after.finish()


def suffer(patients: list[Patient], scratch: Path, begin: Callable[[Patient], None],
           end: Callable[[Patient], None], flags: tuple[str, ...] = (), fault_s: float = FAULT_S
           ) -> tuple[list[Truth], int, int]:
    """The common course: healthy, the fault, healthy again, a clean end. Returns what was made, and
    when the fault was."""
    pair = patients[0].pair
    with contextlib.ExitStack() as stack:
        for one in patients:
            stack.enter_context(one.run(*flags))
        finish = stack.enter_context(load(pair, scratch))
        time.sleep(1)
        from_ns = time.time_ns()
        for one in patients:
            begin(one)
        time.sleep(fault_s)
        for one in patients:
            one.check_alive()
            end(one)
        to_ns = time.time_ns()
        after = some_more(pair, scratch)
        for one in patients:
            check_finished(after, one.output, 20)
        made = finish() + after
        for one in patients:
            one.check_alive()
            one.stop()
    return made, from_ns, to_ns


def check_no_pause(recorded: dict[int, Connection], made: list[Truth], from_ns: int, to_ns: int
                   ) -> None:
    """The history has no hole where the fault was."""
    longest = 0
    for one in made:
        if one.group != "hold" or not one.active:
            continue
        times = [record.time for record in recorded[one.receiver_cookie].records()]
        check(times[0] < from_ns and times[-1] > to_ns, "an active connection missed the fault")
        longest = max(longest, *(later - earlier for earlier, later in zip(times, times[1:])))
    print(f"longest pause in an active connection's records: {longest / 1e9:.2f} s")
    check(longest < LONGEST_PAUSE_S * 1e9, f"{longest / 1e9:.2f} s without a record")


# --- disk full, read-only -------------------------------------------------------------------------

def _mount(*args: str) -> None:
    done = subprocess.run(["mount", *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"`mount {' '.join(args)}` failed: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disks(patients: list[Patient]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for one in patients:
            disk = one.base / "disk"
            disk.mkdir()
            _mount("-t", "tmpfs", "-o", f"size={BRIM_BYTES},mode=755", "tcpinfo-test", str(disk))
            stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=False)
            one.own(disk)
            one.output = disk / "out"
        yield


def judge_write_errors(patients: list[Patient], made: list[Truth], from_ns: int, to_ns: int,
                       said: str) -> None:
    for one in patients:
        one.check_losses()
        check(one.counted("write_errors") > 0, f"{one.name}: no write_errors in the summary")
        one.check_said(said)
        check_no_pause(one.check_kept(made), made, from_ns, to_ns)


def disk_full(patients: list[Patient], scratch: Path) -> None:
    def fill(one: Patient) -> None:
        with open(one.base / "disk/ballast", "wb", buffering=0) as ballast:
            size = 1 << 20
            while size > 0:
                try:
                    ballast.write(bytes(size))
                except OSError as error:
                    check(error.errno == errno.ENOSPC, f"ballast: {error}")
                    size //= 16

    def free(one: Patient) -> None:
        space = os.statvfs(one.output)
        check(space.f_bfree <= 16, f"{space.f_bfree} blocks free: the disk was not full")
        (one.base / "disk/ballast").unlink()

    with small_disks(patients):
        course = suffer(patients, scratch, fill, free)
        judge_write_errors(patients, *course, "cannot write .*No space left on device")


def read_only(patients: list[Patient], scratch: Path) -> None:
    def remount(one: Patient, how: str) -> bool:
        return subprocess.run(["mount", "-o", "remount," + how, str(one.base / "disk")],
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    def forbid(one: Patient) -> None:
        # Busy while a file is open for writing: a matter of microseconds, many times a second.
        check(wait_until(lambda: remount(one, "ro"), 5),
              f"{one.name}: it keeps the file system from being remounted read-only")

    def allow(one: Patient) -> None:
        check(remount(one, "rw"), "remounting failed")

    with small_disks(patients):
        course = suffer(patients, scratch, forbid, allow)
        judge_write_errors(patients, *course, "cannot write .*Read-only file system")


# --- removed --------------------------------------------------------------------------------------

def removed(patients: list[Patient], scratch: Path, take: Callable[[Patient, Path], None]) -> None:
    """Whatever was complete or had reached a .part file when it was taken away, and what is
    recorded from then on, must together be everything."""
    def take_away(one: Patient) -> None:
        # In one step, so that what was in it is known to the byte; removed only then.
        gone = one.base / "gone"
        take(one, gone)
        one.gone.append(gone)

    def nothing(one: Patient) -> None:
        check(archives.part_files(one.output), f"{one.name}: no new tree is recorded to")

    made, _, _ = suffer(patients, scratch, take_away, nothing)
    for one in patients:
        check_verified(sys.argv[3], one.output)
        known = {*archives.finished_files(one.output)}
        archives.test_frames(sorted(known))
        gone = archives.finished_files(one.gone[0])
        cut = archives.part_files(one.gone[0])
        print(f"{one.name}: taken away {len(gone)} files and {len(cut)} .part files; ", end="")
        recorded = archives.group([*archives.read(gone), *archives.read(cut, cut=True),
                                   *archives.read(sorted(known))])
        compare_all(made, recorded)
        check(not archives.part_files(one.output), "unfinished files")
        check(len(cut) > 0 and one.counted("lost_files") == len(cut),
              f"{one.name}: lost_files is {one.counted('lost_files')}, {len(cut)} were lost")
        one.check_losses("lost_files")
        one.check_said("lost|removed|taken away|No such file")


def tree_removed(patients: list[Patient], scratch: Path) -> None:
    def take(one: Patient, gone: Path) -> None:
        gone.mkdir()
        for year in one.output.glob("[0-9]*"):
            year.rename(gone / year.name)

    removed(patients, scratch, take)


def output_removed(patients: list[Patient], scratch: Path) -> None:
    def take(one: Patient, gone: Path) -> None:
        one.output.rename(gone)
        (gone / archives.LOCK_FILE).unlink()

    removed(patients, scratch, take)


def output_removed_lock(patients: list[Patient], scratch: Path) -> None:
    """A second collector is refused in the new directory too."""
    for one in patients:
        with one.run():
            made = [some_more(one.pair, scratch)]
            check_finished(made[0], one.output, 5)
            shutil.rmtree(one.output)
            made.append(some_more(one.pair, scratch))
            check_finished(made[1], one.output, 5)
            second = subprocess.run([sys.argv[1], "--output", str(one.output), "--reps", "1"],
                                    preexec_fn=one.pair.receiver.enter_for_good,
                                    capture_output=True, text=True, timeout=20, check=False)
            check(second.returncode == 1 and "another collector" in second.stderr,
                  f"{one.name}: a second collector is let in: {second.stderr}")
            one.stop()


# --- descriptors, memory --------------------------------------------------------------------------

def descriptors(patients: list[Patient], scratch: Path) -> None:
    def limit(one: Patient, soft: int) -> None:
        # By its own user: changing another's limits takes a right that root need not have.
        done = subprocess.run(["prlimit", f"--pid={one.collector.child.pid}", f"--nofile={soft}:"],
                              preexec_fn=become_nobody if one.nobody else None,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"prlimit: {done.stderr.strip()}")

    def lower(one: Patient) -> None:
        # The limit is on numbers: none is below the lowest free one.
        lasting = one.collector.descriptors()
        for _ in range(5):
            time.sleep(0.05)
            lasting &= one.collector.descriptors()
        used = {number for number, _ in lasting}
        limit(one, next(number for number in range(1024) if number not in used))

    course = suffer(patients, scratch, lower, lambda one: limit(one, 1024))
    judge_write_errors(patients, *course, "cannot write .*Too many open files")


def memory_budget(patients: list[Patient], scratch: Path) -> None:
    """What waits is written early when it takes more than it may, and nothing is lost."""
    limit_mb = 64
    pair = patients[0].pair
    with contextlib.ExitStack() as stack:
        for one in patients:
            stack.enter_context(one.run("--max-memory", f"{limit_mb}MiB", "--flush", "10m"))
        # Many buffers rather than many records: a slow disk must not be what is tested.
        finish = stack.enter_context(load(pair, scratch, connections=800, active=800, gap_ms=200))
        time.sleep(6)
        made = finish()
        for one in patients:
            one.check_alive()
            peak = one.collector.peak_memory_mb()
            print(f"{one.name}: peak memory {peak:.1f} MB of {limit_mb}")
            if not sanitized():
                check(peak <= limit_mb, f"{one.name}: {peak:.1f} MB of {limit_mb}")
            one.stop()
    for one in patients:
        if one.counted("lost_ring"):
            print(f"NOTE: {one.name}: the disk was slower than the records came")
        one.check_losses("lost_ring")
        check(one.counted("early_flushes") > 0, f"{one.name}: no early_flushes in the summary")
        one.check_said("memory budget")
        one.check_kept(made)


# --- events, ticks --------------------------------------------------------------------------------

def has_final(connection: Connection) -> bool:
    return connection.last().from_event


def lost_events(patients: list[Patient], scratch: Path, wait: bool = True) -> None:
    """A burst of closes while it cannot read, with a queue for three events."""
    connections = 2000
    pair = patients[0].pair
    for one in patients:
        check_flag(one, "--event-buffer")
    with contextlib.ExitStack() as stack:
        for one in patients:
            stack.enter_context(one.run("--event-buffer", "4KiB"))
        traffic = stack.enter_context(
            Traffic(sys.argv[2], "hold", pair, scratch / "truth", "--connections",
                    str(connections), "--active", "100", "--gap-ms", "10", "--seconds", "600",
                    "--close-ms", "300"))
        traffic.wait_open()
        time.sleep(1)
        for one in patients:
            one.collector.pause()
        traffic.stop()
        made = traffic.finish()
        settle(2)
        for one in patients:
            one.collector.go_on()
        if wait:
            for one in patients:
                check_finished(made, one.output, ABSENCE_S + 20)
        for one in patients:
            one.check_alive()
            one.stop()
    for one in patients:
        check_verified(sys.argv[3], one.output)
        recorded = archives.read_directory(one.output)
        check(set(recorded) == {truth.receiver_cookie for truth in made},
              f"{one.name}: recorded {len(recorded)} connections of {len(made)}")
        without = sum(not has_final(connection) for connection in recorded.values())
        for connection in recorded.values():
            archives.check_history(connection)
        print(f"{one.name}: {without} of {len(recorded)} connections without a final record")
        check(one.counted("lost_events") > 0 and without > 0, f"{one.name}: no event was lost")
        check(one.counted("lost_finals") == without,
              f"{one.name}: lost_finals is {one.counted('lost_finals')}, but {without} "
              "connections have no final record")
        one.check_losses("lost_events", "lost_finals")
        one.check_said("dropped destroy events")


def lost_events_at_end(patients: list[Patient], scratch: Path) -> None:
    """Told to stop before it could look for those it did not hear of: it still counts them."""
    lost_events(patients, scratch, wait=False)


def missed_ticks(patients: list[Patient], scratch: Path) -> None:
    stopped_s = 2.0
    made, from_ns, to_ns = suffer(patients, scratch, lambda one: one.collector.pause(),
                                  lambda one: one.collector.go_on(), fault_s=stopped_s)
    ticks = stopped_s / 0.010
    for who in patients:
        who.check_losses()
        # On top of them those that a busy machine misses anyway.
        check(who.counted("missed_ticks") >= ticks * 0.95,
              f"{who.name}: missed_ticks={who.counted('missed_ticks')}")
        who.check_said("ticks missed")
        recorded = who.check_kept(made)
        jumps = []
        for truth in made:
            if truth.group == "hold" and truth.active:
                records = recorded[truth.receiver_cookie].records()
                polled = [record for record in records if record.poll is not None]
                earlier = next(one for one in reversed(polled) if one.time < from_ns)
                # The poll that was due when it was stopped is made late, under its number.
                later = next(one for one in polled if one.time > to_ns + 200_000_000)
                assert earlier.poll is not None and later.poll is not None
                jumps.append(later.poll - earlier.poll)
                expected = (later.time - earlier.time) / 10e6
                check(abs(jumps[-1] - expected) <= 10,
                      f"{who.name}: poll numbers jump by {jumps[-1]} in {expected:.0f} intervals")
        print(f"{who.name}: poll numbers jump by {min(jumps)}..{max(jumps)}")
        check(min(jumps) >= ticks * 0.95, f"{who.name}: poll numbers do not jump")


def check_flag(one: Patient, flag: str) -> None:
    said = subprocess.run([sys.argv[1], "--help"], capture_output=True, text=True, check=True)
    check(flag in said.stdout, f"{one.name}: there is no {flag}")


CASES = {case.__name__: case for case in (
    disk_full, read_only, tree_removed, output_removed, output_removed_lock, descriptors,
    memory_budget, lost_events, lost_events_at_end, missed_ticks)}


def main() -> None:
    names = sys.argv[4:] or list(CASES)
    skipped = []
    check_runnable(sys.argv[1])
    for name in names:
        print(f"== {name}")
        began = time.monotonic()
        with Pair() as pair, tempfile.TemporaryDirectory() as directory:
            scratch = Path(directory)
            scratch.chmod(0o755)
            patients = [Patient(who, scratch, pair) for who in ("root", "nobody")]
            try:
                CASES[name](patients, scratch)
            except Skip as reason:
                print(f"SKIPPED: {name}: {reason}")
                skipped.append(name)
        print(f"{name}: {time.monotonic() - began:.1f} s")
    if skipped == names:
        sys.exit(SKIPPED)


run_test(main)
