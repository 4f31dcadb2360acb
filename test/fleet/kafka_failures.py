#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hundred failures of Kafka's brokers while collectors publish to them.

usage: kafka_failures.py COLLECTOR CLUSTER [FAILURES [SEED]]

Brokers answer with errors, close connections, answer late, go away before they have answered what
they took, and move partitions; every tenth time the collector is killed, too. What comes is
consumed along. Every block of every segment comes, those of a writer in their order in one
partition, and what comes twice has the same id.
"""
from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
# pylint: disable=wrong-import-position
from checks import check, finish  # noqa: E402
from publishing import (HANGS, SEGMENTS, Kafka, await_run, blocks, check_order,  # noqa: E402
                        place_of, runs, segments, traffic)

COLLECTOR, CLUSTER = sys.argv[1:3]
FAILURES = int(sys.argv[3]) if len(sys.argv) > 3 else 100
# Not the leader, timed out, too few replicas, the connection closed.
ERRORS = (6, 7, 19, -195)


def move_all(cluster: Kafka, drawn: random.Random, but: int = 0) -> None:
    there = [broker for broker in range(1, cluster.brokers + 1) if broker != but]
    for partition in range(cluster.partitions):
        cluster.tell(f"leader {partition} {drawn.choice(there)}")


def fail(cluster: Kafka, drawn: random.Random) -> str:
    kind = drawn.choice(("errors", "moved", "away", "unanswered", "all away"))
    broker = drawn.randint(1, cluster.brokers)
    if kind == "errors":
        cluster.tell(f"fail {drawn.choice(ERRORS)} {drawn.randint(1, 5)}")
    elif kind == "moved":
        move_all(cluster, drawn)
    elif kind == "all away":
        for one in range(1, cluster.brokers + 1):
            cluster.tell(f"down {one}")
        time.sleep(drawn.uniform(0.1, 1))
        for one in range(1, cluster.brokers + 1):
            cluster.tell(f"up {one}")
    else:
        if kind == "unanswered":
            for partition in range(cluster.partitions):
                cluster.tell(f"leader {partition} {broker}")
            cluster.tell(f"rtt {broker} 500")
            time.sleep(drawn.uniform(0.2, 0.5))
        cluster.tell(f"down {broker}")
        move_all(cluster, drawn, broker)
        time.sleep(drawn.uniform(0.1, 0.5))
        cluster.tell(f"up {broker}")
        cluster.tell(f"rtt {broker} 0")
    return kind


def main() -> None:
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    drawn = random.Random(seed)
    done: dict[str, int] = defaultdict(int)
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "out"
        cluster = Kafka(CLUSTER, "tcp.blocks", partitions=8)
        flags = [COLLECTOR, "--output", str(output), *SEGMENTS, "--publish", cluster.url]
        with traffic():
            left = FAILURES
            while left > 0:
                before = runs(output)
                with subprocess.Popen(flags, stderr=subprocess.DEVNULL,
                                      stdin=subprocess.DEVNULL) as collector:
                    try:
                        await_run(output, before)
                        for _ in range(min(left, 10)):
                            done[fail(cluster, drawn)] += 1
                            time.sleep(drawn.uniform(0.1, 0.6))
                            left -= 1
                    finally:
                        collector.send_signal(signal.SIGKILL)
                done["killed"] += 1
        # As often as the five seconds after the end do not suffice.
        for _ in range(10):
            last = subprocess.run([*flags, "--reps", "1"], capture_output=True, text=True,
                                  timeout=HANGS, check=False, stdin=subprocess.DEVNULL)
            check(last.returncode == 0, last.stderr)
            if "not all is sent" not in last.stderr:
                break
        ours = [block for segment in segments(output).values() for block in blocks(segment)]
        cluster.await_blocks(len(ours))
        cluster.close()
    by_id: dict[str, bytes] = {}
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    partitions: dict[str, set[int]] = defaultdict(set)
    for partition, key, name, content in cluster.came:
        if name not in by_id:
            places[key].append(place_of(name)[1])
        check(by_id.setdefault(name, content) == content, f"{name} has two contents")
        partitions[key].add(partition)
    check(sorted(by_id.values()) == sorted(ours), f"{len(by_id)} of {len(ours)} blocks came")
    check_order(places)
    check(all(len(found) == 1 for found in partitions.values()), f"{partitions}")
    print(f"seed {seed}: {dict(sorted(done.items()))}; {len(ours)} blocks of {len(places)} "
          f"writers, {len(cluster.came)} messages, {len(cluster.came) - len(by_id)} of them twice")
    finish()


if __name__ == "__main__":
    main()
