# SPDX-License-Identifier: Apache-2.0
"""Segments hold what files of connections hold, a kill costs no block that was written, and a
connection goes on after it, in either layout, under a sequence of its own.

usage: live_segments.py COLLECTOR TRAFFIC SEGMENT_FILES TCPINFO_DUMP TCPINFO_CSV
With TCPINFO_LIVE_FULL=1: 30 times as many short connections, and a minute of the lasting ones.
"""

import csv
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import archives
from collector import (Collector, Traffic, check_losses_by_load_only, check_no_losses,
                       check_verified, compare_all, full, leftovers_completed, settle, wait_until)
from netns import Pair, run_test

SEGMENTS = ("--layout", "segments")
# Name, lifetime in µs, count, threads, connections open at a time in each thread.
TIMES = 30 if full() else 1
SHORT = (f"100us:100:{300 * TIMES}:2:1", f"5ms:5000:{300 * TIMES}:1:16",
         f"50ms:50000:{100 * TIMES}:1:16")
# The first sequence of a run: its number times this.
SEQUENCES_OF_A_RUN = 1_000_000_000


def segments(root: Path) -> list[Path]:
    return sorted(root.glob("**/*.tcpseg.zst"))


def unpack(files: list[Path], to: Path) -> int:
    """Makes files of connections; returns the number of records."""
    to.mkdir()
    done = subprocess.run([sys.argv[3], str(to), *map(str, files)], capture_output=True, text=True,
                          check=False)
    archives.check(done.returncode == 0, f"segment_files: {done.stderr.strip()}")
    return int(done.stdout)


def table_of(command: list[str], *paths: Path) -> list[dict[str, str]]:
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True,
                          check=False)
    archives.check(done.returncode == 0, f"{command}: {done.stderr.strip()}")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def same_of_summaries(packed: list[Path], unpacked: list[Path]) -> None:
    """Of segments with summaries both tools say what they say of the archives in them."""
    unsure = ("median_rtt_us", "p95_rtt_us", "missed_polls_at_most")
    for command in ([sys.argv[4], "ls", "--csv"], [sys.argv[5], "--connections"]):
        got, expected = table_of(command, *packed), table_of(command, *unpacked)
        archives.check(len(got) == len(expected) > 0, f"{command}: {len(got)} connections of "
                                                      f"{len(expected)}")
        for ours, theirs in zip(got, expected):
            for name, value in theirs.items():
                if name in unsure[:2] and value:
                    archives.check(abs(float(ours[name]) - float(value)) <= 0.03 * float(value),
                                   f"{ours['uuid']}: {name} {ours[name]}, not {value}")
                elif name not in unsure:
                    archives.check(ours[name] == value,
                                   f"{ours['uuid']}: {name} {ours[name]!r}, not {value!r}")


def lines_by_name(root: Path) -> dict[str, list[bytes]]:
    return {one.path.name: one.lines for one in archives.read(archives.finished_files(root))}


def compare_layouts(one: dict[int, archives.Connection], other: dict[int, archives.Connection]
                    ) -> None:
    """Two pollers see the same connections, ends and changes; which changes they see as one depends
    on when each looks."""
    archives.check(one.keys() == other.keys(), "not the same connections")
    numbers = []
    for cookie, connection in one.items():
        ours, theirs = connection.records(), other[cookie].records()
        numbers.append((len(ours), len(theirs)))
        last, its = ours[-1], theirs[-1]
        archives.check(last.from_event and its.from_event, f"{connection.uuid}: no final record")
        # Of a socket that was reset here the kernel's last message lacks both, and only a poller
        # that has seen the connection before can make up for it.
        if "ID" not in last.carried and "ID" not in its.carried:
            archives.check((last.local, last.local_port, last.remote, last.remote_port)
                           == (its.local, its.local_port, its.remote, its.remote_port),
                           f"{connection.uuid}: the final records have other ends")
        if "INFO" not in last.carried and "INFO" not in its.carried:
            archives.check(last.info == its.info, f"{connection.uuid}: other final counters")
    total = tuple(map(sum, zip(*numbers)))
    print(f"records of connections {total[0]}, in segments {total[1]}, of one connection at most "
          f"{max(numbers)}")
    archives.check(max(total) <= 2 * min(total), f"{total[0]} and {total[1]} records")
    for ours, theirs in numbers:
        archives.check(max(ours, theirs) <= 3 * min(ours, theirs) + 20,
                       f"a connection with {ours} and {theirs} records")


def both_at_once(pair: Pair, scratch: Path) -> None:
    files, packed = scratch / "connections", scratch / "segments"
    flags = [word for one in SHORT for word in ("--class", one)]
    with Collector(sys.argv[1], files, pair.receiver) as first, \
            Collector(sys.argv[1], packed, pair.receiver, *SEGMENTS, "--rotate", "1s",
                      "--flush", "200ms") as second:
        with Traffic(sys.argv[2], "hold", pair, scratch / "truth", "--connections", "60",
                     "--active", "20", "--seconds", "300") as held:
            held.wait_open()
            with Traffic(sys.argv[2], "short", pair, scratch / "truth-short", *flags) as brief:
                made = brief.finish()
            time.sleep(2 * TIMES)
            held.stop()
            made += held.finish()
        settle()
        ended = [collector.stop() for collector in (first, second)]
    for one in ended:
        check_losses_by_load_only(one)
    found = segments(packed)
    archives.check(not archives.part_files(packed), "a segment that is not complete")
    archives.check(len(found) >= 3 and ended[1].number("files") == len(found),
                   f"{len(found)} segments")
    archives.test_frames(found)
    check_verified(sys.argv[4], packed)
    records = unpack(found, scratch / "unpacked")
    archives.check(records == ended[1].number("records"), f"{records} records in segments")
    same_of_summaries([packed], [scratch / "unpacked"])
    same_of_summaries(found[::-1], [scratch / "unpacked"])
    recorded = archives.read_directory(files)
    out_of_segments = archives.read_directory(scratch / "unpacked")
    compare_all(made, recorded)
    compare_all(made, out_of_segments)
    compare_layouts(recorded, out_of_segments)
    sizes = [sum(path.stat().st_blocks * 512 for path in archives.finished_files(root))
             for root in (files, packed)]
    print(f"on disk: {len(archives.finished_files(files))} files of {sizes[0]} bytes, "
          f"{len(found)} segments of {sizes[1]}")


def killed(pair: Pair, scratch: Path) -> None:
    output = scratch / "out"
    with Traffic(sys.argv[2], "hold", pair, scratch / "truth-killed", "--connections", "80",
                 "--active", "40", "--seconds", "600") as traffic:
        traffic.wait_open()
        with Collector(sys.argv[1], output, pair.receiver, *SEGMENTS, "--flush", "200ms",
                       "--rotate", "2s") as collector:
            archives.check(wait_until(lambda: segments(output), 20), "no complete segment")
            time.sleep(0.7)
            # Copied while it is written: an incomplete last block is not there yet.
            left = segments(output) + archives.part_files(output)
            before = unpack(left, scratch / "before")
            collector.kill()
        archives.check(archives.part_files(output), "the kill left no .part")
        with Collector(sys.argv[1], output, pair.receiver, *SEGMENTS) as collector:
            time.sleep(1)
            second = collector.stop()
        archives.check((leftovers_completed(second.errors) or 0) >= 1, "no leftover was completed")
        check_no_losses(second)
        archives.check(not archives.part_files(output), "leftovers that are not complete")
        # The layout changes while connections live.
        with Collector(sys.argv[1], output, pair.receiver) as collector:
            time.sleep(1)
            traffic.stop()
            made = traffic.finish()
            settle()
            third = collector.stop()
        check_no_losses(third)
    archives.test_frames(archives.finished_files(output))
    # Both layouts, and sequences that leap from run to run.
    check_verified(sys.argv[4], output)
    after = unpack(segments(output), scratch / "after")
    kept, had = lines_by_name(scratch / "after"), lines_by_name(scratch / "before")
    print(f"records before the kill {before}, in segments at the end {after}")
    archives.check(before > 1000, f"{before} records before the kill")
    for name, lines in had.items():
        archives.check(kept.get(name, [])[:len(lines)] == lines, f"{name}: records were lost")

    # A leftover has no summaries, the other segments have.
    own = [path for path in archives.finished_files(output) if path not in segments(output)]
    same_of_summaries([output], [scratch / "after", *own])

    # Each sequence once, and the last record with the final counters.
    sequences: dict[int, list[int]] = {}
    last: dict[int, archives.Archive] = {}
    for one in [*archives.read(archives.finished_files(scratch / "after")), *archives.read(own)]:
        sequences.setdefault(one.cookie, []).append(one.sequence)
        if one.sequence == max(sequences[one.cookie]):
            last[one.cookie] = one
    archives.check(sequences.keys() == {one.receiver_cookie for one in made},
                   "not the connections that were made")
    for one in made:
        expected = [run * SEQUENCES_OF_A_RUN for run in range(3)]
        archives.check(sorted(sequences[one.receiver_cookie]) == expected,
                       f"{one.receiver_cookie:x}: sequences {sequences[one.receiver_cookie]}")
        final = last[one.receiver_cookie].last()
        archives.check(final.from_event and final.total("bytes_received") in one.expect_received,
                       f"{one.receiver_cookie:x}: not its final counters")


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        both_at_once(pair, Path(scratch))
        killed(pair, Path(scratch))


run_test(main)
