#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills a server of a ClickHouse cluster while rows are loaded and while it is asked.

usage: cluster_kills.py TCPINFO_CSV [CONNECTIONS]

Pieces of CONNECTIONS (20,000) rows are loaded, each into the one server and, where that fails, into
the other: what was in already is known by its block, so nothing is in twice. Meanwhile both are
asked through the Distributed table, and one is killed and started again, in turns. What is asked of
the rows that were there before gives the right answer or an error; in the end both servers have
each row once.
"""
from __future__ import annotations

import collections
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
# pylint: disable=wrong-import-position
import clickhouse  # noqa: E402
import traffic  # noqa: E402

SKIP = 77
PIECES = 40
TRIES = 200
SUMS = "count(*), uniqExact(uuid), sum(min_rtt_us), sum(sent_bytes)"


def insert(cluster: clickhouse.Cluster, piece: str, first: str) -> int:
    """How many tries it took, of either server in turns."""
    names = sorted(cluster.NAMES, key=lambda name: name != first)
    for number in range(TRIES):
        name = names[number % len(names)]
        done = cluster.ask(name, f"insert into {clickhouse.HERE} format CSVWithNames", input=piece)
        if done.returncode == 0:
            return number + 1
        time.sleep(0.1)
    raise RuntimeError(f"a piece did not go in with {TRIES} tries: {done.stderr[:300]}")


def ask_on(cluster: clickhouse.Cluster, wanted: str, stop: threading.Event,
           told: collections.Counter[str]) -> None:
    """Asks either server for the rows of the first piece, until it is enough."""
    number = 0
    while not stop.is_set():
        name = cluster.NAMES[number % 2]
        number += 1
        done = cluster.ask(name, f"select {SUMS} from tcpinfo_connections where host = 'before'")
        told["error" if done.returncode != 0 else
             "right" if done.stdout == wanted else f"wrong: {done.stdout.strip()}"] += 1


def main() -> None:
    tool = str(Path(sys.argv[1]).resolve())
    many = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    if (missing := clickhouse.missing()) is not None:
        print(f"skipped: {missing}")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "archives").mkdir()
        traffic.make(folder / "archives", many)
        rows = subprocess.run([tool, "--connections", "--time", "epoch", folder / "archives"],
                              capture_output=True, text=True, check=True).stdout.splitlines()
        table = subprocess.run([tool, "--connections", "--time", "epoch", "--ddl",
                                "clickhouse-plain"], capture_output=True, text=True,
                               check=True).stdout
        heading, rows = rows[0], rows[1:]
        size = -(-len(rows) // PIECES)
        pieces = [rows[at:at + size] for at in range(0, len(rows), size)]
        host = heading.split(",").index("host")
        pieces[0] = [",".join([*(cells := row.split(","))[:host], "before", *cells[host + 1:]])
                     for row in pieces[0]]
        texts = ["\n".join([heading, *piece]) + "\n" for piece in pieces]
        told: collections.Counter[str] = collections.Counter()
        tries = 0
        with clickhouse.Cluster(folder) as cluster:
            clickhouse.create_replicated(cluster, table)
            insert(cluster, texts[0], "a")
            cluster.must("b", f"SYSTEM SYNC REPLICA {clickhouse.HERE}")
            wanted = cluster.must("a", f"select {SUMS} from tcpinfo_connections")
            stop = threading.Event()
            asking = threading.Thread(target=ask_on, args=(cluster, wanted, stop, told))
            asking.start()
            try:
                kills = load_with_kills(cluster, texts[1:])
                tries = kills.pop("tries")
            finally:
                stop.set()
                asking.join()
            answers = {}
            for name in cluster.NAMES:
                cluster.must(name, f"SYSTEM SYNC REPLICA {clickhouse.HERE}")
                answers[name] = cluster.must(name, f"select {SUMS} from {clickhouse.HERE}").strip()
        print(f"{len(texts)} pieces of {len(rows)} rows with {tries + 1} tries, "
              f"{sum(kills.values())} kills; asked meanwhile: {dict(told)}; in the end {answers}")
        faults = [what for what in told if what.startswith("wrong")]
        if told["right"] == 0:
            faults.append("nothing was answered meanwhile")
        for name, answer in answers.items():
            if answer.split("\t")[:2] != [str(len(rows))] * 2:
                faults.append(f"{name} has {answer}, not {len(rows)} rows")
        if len(set(answers.values())) != 1:
            faults.append("the servers differ")
    print(*faults, sep="\n")
    sys.exit(1 if faults else 0)


def load_with_kills(cluster: clickhouse.Cluster, texts: list[str]) -> collections.Counter[str]:
    """Kills one of both at each eighth piece while that goes in, and starts it four later."""
    counts: collections.Counter[str] = collections.Counter()
    down = ""
    for number, text in enumerate(texts):
        if number % 8 == 2:
            down = cluster.NAMES[number // 8 % 2]
            killer = threading.Timer(0.02 * (number // 8), cluster.kill, [down])
            killer.start()
            counts["tries"] += insert(cluster, text, down)
            killer.join()
            counts[down] += 1
        else:
            counts["tries"] += insert(cluster, text, cluster.NAMES[number % 2])
        if number % 8 == 6 and down:
            cluster.start(down)
            down = ""
    if down:
        cluster.start(down)
    return counts


main()
