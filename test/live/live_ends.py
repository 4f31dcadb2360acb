# SPDX-License-Identifier: Apache-2.0
"""How a connection ended, when, and what its last record holds: every end that docs/ends.md lists,
in one recording by dumps and one by events, which run side by side; and that metrics of the traffic
count the same ends.

usage: live_ends.py COLLECTOR TRAFFIC TCPINFO_DUMP
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import archives
import ends
from archives import Connection, check
from collector import Collector, check_verified, has_metrics, settle
from netns import Pair, run_test
from openmetrics import parse_openmetrics
from prometheus import port_of
from scrape import http_whole_answer

COLLECTOR, DUMP = sys.argv[1], sys.argv[3]
CONG, SKMEMINFO, INFO = 4, 7, 2


def rows_of(output: Path) -> list[dict[str, object]]:
    """What `tcpinfo-dump ls` tells."""
    text = subprocess.run([DUMP, "ls", "--json", str(output)], capture_output=True, text=True,
                          check=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def listed(output: Path) -> dict[str, dict[str, object]]:
    """The same by the remote address: each case has its own."""
    return {re.sub(r"\[?(.*?)\]?:\d+$", r"\1", str(row["remote"])): row
            for row in rows_of(output)}


def check_last_record(name: str, connection: Connection, link: ends.Link) -> None:
    """It has what M-Lab's pipeline takes from it, and says what of that is of the record before."""
    last = connection.last()
    check(last.from_event and (last.local, last.remote) == (link.local, link.remote)
          and last.remote_port == ends.PORT and last.local_port != 0,
          f"{name}: the ends of its last record: {last.local} {last.remote}")
    for number, what in ((CONG, "CONG"), (SKMEMINFO, "SKMEMINFO")):
        check(last.attribute(number), f"{name}: no {what} in its last record")
        check(what in last.carried, f"{name}: {what} is not said to be carried: {last.carried}")
    info_is_true = last.attribute(INFO)[:1] == bytes([archives.CLOSE])
    check(("INFO" in last.carried) != info_is_true, f"{name}: INFO: {last.carried}")
    # What it was before and what was carried is the same.
    before = [one for one in connection.records() if not one.from_event and one.info][-1]
    for number in (CONG, SKMEMINFO):
        check(last.attribute(number) == before.attribute(number), f"{name}: carried otherwise")


def judge(mode: str, output: Path, links: dict[str, ends.Link]) -> None:
    rows, recorded = listed(output), archives.read_directory(output)
    wrong = []
    for name, expected, _ in ends.CASES:
        link = links[name]
        row = rows.get(link.remote)
        check(row is not None, f"{mode}: {name} was not recorded")
        assert row is not None
        told = row.get("closed", "open")
        print(f"{mode:6} {name:36} {told:10} {row['duration_s']:.3f} s")
        if told != expected:
            wrong.append(f"{name}: {told}, not {expected}")
        connection = recorded[int(str(row["uuid"])[-16:], 16)]
        check_last_record(f"{mode}: {name}", connection, link)
        check_life(mode, name, row, connection)
    check(not wrong, f"{mode}: {wrong}")


def check_life(mode: str, name: str, row: dict[str, object], connection: Connection) -> None:
    opened = {one.opened for one in connection.archives}
    last = connection.last()
    check((None in opened) == (mode == "dump") and len(opened) == 1,
          f"{mode}: {name}: opened {opened}")
    check(mode == "dump" or last.ended is not None, f"{mode}: {name}: nothing tells when it ended")
    if last.ended is not None:
        check(last.ended <= last.time, f"{mode}: {name}: it ended after its final record")
        check(all(one is None or one <= last.ended for one in opened), f"{mode}: {name}: its life")
    if mode == "events":
        check("opened" in row and "ended" in row, f"{name}: ls does not tell its life: {row}")


def ends_in_metrics(pair: Pair, collector: Collector) -> dict[str, int]:
    settle()
    families = parse_openmetrics(http_whole_answer(
        pair.receiver, port_of(collector), "/metrics", "application/openmetrics-text")[2])
    return {one.labels["how"]: int(one.value)
            for one in families["tcpinfo_traffic_connections_closed"].samples if one.value}


def main() -> None:
    with_metrics = has_metrics(COLLECTOR)
    metrics = ["--verbose", "--prometheus", "127.0.0.1:0", "--traffic-metrics", "cause"]
    with (Pair() as pair, tempfile.TemporaryDirectory() as directory,
          contextlib.ExitStack() as stack):
        scratch = Path(directory)
        ends.prepare(pair)
        collectors = {}
        for mode in ("dump", "events"):
            collector = stack.enter_context(Collector(
                COLLECTOR, scratch / mode, pair.receiver, "--sampling", mode, "--eventsocket",
                str(scratch / (mode + ".sock")), *(metrics if with_metrics else [])))
            collectors[mode] = collector
        lookout = ends.Lookout(pair, [scratch / (mode + ".sock") for mode in collectors])
        links = ends.run(pair, lookout)
        lookout.end()
        # The end of each is told when its socket is gone; so are those of the lookout's.
        lookout.until(lambda one: sum('"Event":1' in line for line in one.lines())
                      >= sum('"Event":0' in line for line in one.lines()), "a close was not told")
        counted = {mode: ends_in_metrics(pair, one) for mode, one in collectors.items()
                   if with_metrics}
        stopped = {mode: one.stop() for mode, one in collectors.items()}
        for mode, ended in stopped.items():
            check(ended.number("losses") == 0, f"{mode}: {ended.told()}")
            check_verified(DUMP, scratch / mode)
            judge(mode, scratch / mode, links)
            closed = Counter(row["closed"] for row in rows_of(scratch / mode) if "closed" in row)
            print(f"{mode}: in metrics: {counted.get(mode)}")
            check(not with_metrics or counted[mode] == closed, f"{mode}: in archives: {closed}")


run_test(main)
