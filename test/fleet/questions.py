#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the questions of docs/fleet/questions of every engine: the answers must be equal.

usage: questions.py TCPINFO_CSV DOCS_FLEET [CONNECTIONS]

Archives of CONNECTIONS (3,000) made connections are loaded into each engine that is here by the
commands of docs/fleet.md, with the views of docs/fleet/views. Four answers are worked out anew
from the rows of the table, so that engines that are wrong together are found. An engine that is
not here is skipped, and said.
"""
from __future__ import annotations

import collections
import csv
import ipaddress
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checks"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
# pylint: disable=wrong-import-position
import engines  # noqa: E402
import traffic  # noqa: E402

SKIP = 77
Rows = list[list[str]]


def same(one: str, other: str) -> bool:
    """Numbers may be written in other ways, and their sums be rounded in another order."""
    if one == other:
        return True
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-6)
    except ValueError:
        return False


def differences(question: str, wanted: Rows, got: Rows, of: str) -> list[str]:
    if len(wanted) != len(got):
        return [f"{question}: {of} has {len(got)} rows, not {len(wanted)}"]
    return [f"{question}: {of} says {row}, not {want}"
            for want, row in zip(wanted, got, strict=True)
            if len(want) != len(row) or not all(map(same, want, row))][:3]


QUANTILE = re.compile(
    r"percentile_disc\(([0-9.]+)\) WITHIN GROUP \(ORDER BY (\w*rtt\w*)\) AS (\w+)")


def misnamed(question: Path) -> list[str]:
    """Quantiles of round-trip times by names that say another one: p95_rtt_us of the lowest ones.
    Those that say none (before_us) are left to the question's comment."""
    said = [(share, of, name) for share, of, name in QUANTILE.findall(question.read_text("utf-8"))
            if re.match(r"median_|p\d", name)]
    return [f"{question.stem}: {name} is {share} of {of}" for share, of, name in said
            if name != ("median" if share == "0.5" else f"p{100 * float(share):.0f}") + f"_{of}"]


def discrete(values: list[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


def worked_out(table: Path) -> dict[str, Rows]:
    """Some answers, by their meaning, from the rows of the table."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rtts: dict[str, list[int]] = collections.defaultdict(list)
    services: dict[int, list[dict[str, str]]] = collections.defaultdict(list)
    limited: dict[str, list[float]] = collections.defaultdict(list)
    ends: dict[tuple[int, str], list[float]] = collections.defaultdict(list)
    for row in rows:
        length = 24 if row["family"] == "2" else 48
        network = str(ipaddress.ip_network(f"{row['dst']}/{length}", strict=False))
        rtts[network].append(int(row["min_rtt_us"]))
        seconds = float(row["duration_s"])
        if row["why"]:
            limited[row["why"]].append(seconds * float(row["why_share"] or 0))
        service = row["dport"] if row["opened_here"] == "1" else row["sport"]
        ends[int(service), row["closed"]].append(seconds)
        services[int(service)].append(row)
    slow = sorted(([name, len(of), discrete(of, 0.5), discrete(of, 0.95)]
                   for name, of in rtts.items() if len(of) >= 5), key=lambda row: (-row[2], row[0]))
    all_seconds = sum(float(row["duration_s"]) for row in rows)
    causes = sorted(([why, len(of), sum(of), 100 * sum(of) / all_seconds]
                     for why, of in limited.items()), key=lambda row: (-row[3], row[0]))
    closed = sorted(([service, how, len(of), sum(of)]
                     for (service, how), of in ends.items()),
                    key=lambda row: (-row[2], row[0], row[1] or "~"))
    def numbers(of: list[dict[str, str]], column: str) -> list[float]:
        return [float(row[column]) for row in of if row[column]]

    done = sorted(([service, len(of), sum(numbers(of, "sent_bytes")),
                    discrete(numbers(of, "mean_rate_bytes_per_s"), 0.5),
                    discrete(numbers(of, "min_rtt_us"), 0.95)] for service, of in services.items()),
                  key=lambda row: (-row[2], row[0]))
    return {name: [[str(cell) for cell in row] for row in answer] for name, answer in
            (("01-slow-networks", slow[:20]), ("03-causes", causes),
             ("08-services", done[:20]), ("09-ends", closed[:40]))}


def log_lines(table: Path) -> list[str]:
    """What an application would have written about every fifth connection."""
    lines = []
    with open(table, newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % 5 == 0:
                lines.append(",".join((row["last_seen"], row["src"], row["sport"], row["dst"],
                                       row["dport"], f"/page/{number}", str(number * 37 % 9001))))
    return lines


def answers(engine: engines.Engine, questions: list[Path]) -> dict[str, Rows]:
    return {path.stem: engine.ask(path.read_text(encoding="utf-8")) for path in questions}


def main() -> None:
    tool, docs = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    many = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
    questions = sorted((docs / "questions").glob("*.sql"))
    assert len(questions) >= 10, questions
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        archives = folder / "archives"
        archives.mkdir()
        traffic.make(archives, many)
        table, log = folder / "connections.csv", folder / "log.csv"
        subprocess.run([tool, "--connections", "--why", "-o", table, archives], check=True)
        log.write_text("\n".join(log_lines(table)) + "\n", encoding="utf-8")
        wanted = worked_out(table)
        first: dict[str, Rows] = {}

        def judge(engine: engines.Engine) -> list[str]:
            engine.load(log)
            got = answers(engine, questions)
            print(f"{engine.name}: {sum(len(rows) for rows in got.values())} rows of "
                  f"{len(got)} questions")
            faults = [f"{name}: {engine.name} answers nothing" for name, rows in got.items()
                      if not rows]
            for expected in (wanted, first):
                for name, rows in expected.items():
                    faults += differences(name, rows, got[name], engine.name)
            if not first:
                first.update(got)
            return faults

        asked, faults = engines.ask_all(folder, tool, [str(archives)], docs, judge)
    faults += [fault for question in questions for fault in misnamed(question)]
    print(*faults, sep="\n")
    print(f"{asked} engines, {len(questions)} questions, {len(faults)} faults")
    sys.exit(1 if faults else 0 if asked else SKIP)


main()
