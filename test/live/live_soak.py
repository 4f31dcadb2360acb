# SPDX-License-Identifier: Apache-2.0
"""Under steady load nothing grows and nothing is lost: 2,000 connections at a time, of which 200
end and 200 begin each second.

usage: live_soak.py COLLECTOR TRAFFIC TCPINFO_DUMP [SECONDS]
30 s; with TCPINFO_LIVE_FULL=1 10 minutes. Memory, descriptors and threads are looked at every
second.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import archives
from archives import check
from collector import (EXACT_CLOSINGS, Collector, Traffic, as_nobody_if_possible,
                       check_no_losses, check_verified, compare_all, full, sanitized, settle)
from netns import Pair, run_test

CONNECTIONS, RATE, ACTIVE, GAP_MS = 2000, 200, 200, 50
# What needs time to be as it will stay: buffers of 2,000 connections, each of which lives 10 s; and
# files in large frames, made of those of the first such.
WARM_UP_S = 15
WARM_UP_LONG_S = 60
# What memory may grow by in all while it is looked at. The allocator's heaps breathe by about 1 MB;
# a leak of 100 bytes a connection would be 12 MB in ten minutes.
GROWTH_MB = 3.0


@dataclass
class Sample:
    second: float
    memory_mb: float
    descriptors: set[tuple[int, str]]
    threads: int


def look(collector: Collector, seconds: float) -> list[Sample]:
    began = time.monotonic()
    samples: list[Sample] = []
    while len(samples) < seconds:
        time.sleep(max(0.0, began + len(samples) + 1 - time.monotonic()))
        check(collector.child.poll() is None,
              f"the collector ended with {collector.child.returncode}:\n{collector.log()}")
        samples.append(Sample(time.monotonic() - began, collector.memory_mb(),
                              collector.descriptors(), collector.status("Threads")))
    return samples


def judge_growth(samples: list[Sample]) -> None:
    warm_up = WARM_UP_LONG_S if len(samples) >= 4 * WARM_UP_LONG_S else WARM_UP_S
    steady = [one for one in samples if one.second >= min(warm_up, len(samples) / 2)]
    slope, _ = statistics.linear_regression([one.second for one in steady],
                                            [one.memory_mb for one in steady])
    span = steady[-1].second - steady[0].second
    memory = [one.memory_mb for one in steady]
    print(f"after {steady[0].second:.0f} s, during {span:.0f} s: memory {min(memory):.1f} to "
          f"{max(memory):.1f} MB, slope {slope * 60:+.3f} MB a minute, {slope * span:+.2f} MB in "
          f"all (allowed {GROWTH_MB:.1f})")
    # Files are open for a moment, longer where the disk is slow: what is there in four looks, three
    # seconds, lasts.
    lasting = [set.intersection(*(one.descriptors for one in steady[n:n + 4]))
               for n in range(len(steady) - 3)]
    changed = [now ^ lasting[0] for now in lasting if now != lasting[0]]
    threads = {one.threads for one in steady}
    print(f"lasting descriptors {len(lasting[0])}, changes {len(changed)}; threads {threads}")
    check(not changed, f"lasting descriptors change: {changed[:5]}")
    check(len(threads) == 1, f"the number of threads changes: {threads}")
    if sanitized():
        print("memory not judged: this build has sanitizers")
    else:
        check(slope * span <= GROWTH_MB, f"memory grows by {slope * 60:.2f} MB a minute: "
              f"{[round(one, 1) for one in memory]}")


def main() -> None:
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 600 if full() else 30
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        base, nobody = as_nobody_if_possible(sys.argv[1], directory)
        output = base / "out"
        with Collector(sys.argv[1], output, pair.receiver, nobody=nobody) as collector, \
                Traffic(sys.argv[2], "churn", pair, scratch / "truth", "--connections",
                        str(CONNECTIONS), "--rate", str(RATE), "--active", str(ACTIVE),
                        "--gap-ms", str(GAP_MS), "--seconds", "3600", "--closings",
                        EXACT_CLOSINGS) as traffic:
            traffic.wait_open()
            processor = collector.processor_seconds()
            samples = look(collector, seconds)
            processor = collector.processor_seconds() - processor
            traffic.stop()
            made = traffic.finish()
            settle(2)
            ended = collector.stop()
        print(f"processor {100 * processor / seconds:.1f} % of one")
        check_no_losses(ended)
        judge_growth(samples)
        check_verified(sys.argv[3], output)
        recorded = archives.read_directory(output)
        compare_all(made, recorded, every_record=False)
        sent = sum(one.bytes for one in made)
        # A FIN takes a place in the sequence space; compare_all() has found each where it belongs.
        received = sum(one.last().total("bytes_received") or 0 for one in recorded.values())
        fins = sum((recorded[one.receiver_cookie].last().total("bytes_received") or 0) > one.bytes
                   for one in made)
        print(f"bytes sent {sent}, in the final records {received - fins} and {fins} FINs; "
              f"missed ticks {ended.summary['missed_ticks']}")
        check(received - fins == sent, f"{received - fins} bytes recorded of {sent} sent")
        rate = len(made) / (seconds + CONNECTIONS / RATE / 5)
        check(rate >= RATE * 0.9, f"the generator made only {rate:.0f} connections a second")
        check(ended.number("connections") == len(made), "summary: connections")


run_test(main)
