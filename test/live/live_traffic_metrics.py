# SPDX-License-Identifier: Apache-2.0
"""Metrics of the traffic, held against what the archives of the same run say; and the dashboard and
rules that use them, asked of a real Prometheus.

usage: live_traffic_metrics.py COLLECTOR TRAFFIC CSV SOURCE_ROOT
"""

from __future__ import annotations

import csv
import ipaddress
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from archives import check
from collector import Collector, Traffic, check_no_losses, has_metrics, settle, wait_until
from netns import Pair, Skip, run_test
from openmetrics import Family, parse_openmetrics
from prometheus import Prometheus, as_asked, expressions, port_of, tool
from scrape import http_whole_answer

COLLECTOR, TRAFFIC, CSV = sys.argv[1:4]
ROOT = Path(sys.argv[4])
CLOSINGS = "sender_fin,receiver_fin,sender_rst,receiver_close,receiver_rst"
LABELS = "port,cc,prefix,cgroup,cause"
# What a dashboard asks about another day, and about what does not happen here, has no answer.
EMPTY = ("offset 1d", "cause_seconds", 'how="timeout"', "segments_spurious")

Row = dict[str, str]


def network_of(address: str) -> str:
    """By the standard library, not by our rule for bytes."""
    one = ipaddress.ip_address(address)
    if isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped:
        one = one.ipv4_mapped
    return str(ipaddress.ip_network(f"{one}/{24 if one.version == 4 else 48}", strict=False))


def rows_of(output: Path) -> list[Row]:
    done = subprocess.run([CSV, "--connections", "--exact", str(output)], capture_output=True,
                          text=True, timeout=60, check=False)
    check(done.returncode == 0, f"csv: {done.stderr}")
    return list(csv.DictReader(done.stdout.splitlines()))


def sums(family: Family, *labels: str, suffix: str = "") -> Counter[tuple[str, ...]]:
    """Values by these labels; those of 0 are left out."""
    found: Counter[tuple[str, ...]] = Counter()
    for one in family.samples:
        if one.suffix.startswith(suffix) and one.value:
            found[tuple(one.labels[name] for name in labels)] += one.value  # type: ignore
    return found


def expected(rows: list[Row], value: str) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        if more := float(row[value] or 0):
            found[port_of_row(row), network_of(row["dst"])] += more  # type: ignore
    return found


def port_of_row(row: Row) -> str:
    # Of one that was aborted here, and has its final record alone, the other end is not known.
    return str(min(port for port in (int(row["sport"]), int(row["dport"])) if port))


def close_to(told: Counter[tuple[str, ...]], wanted: Counter[tuple[str, ...]]) -> bool:
    return told.keys() == wanted.keys() and all(
        abs(told[key] - wanted[key]) <= 1e-5 * max(1, wanted[key]) for key in wanted)


def check_numbers(families: dict[str, Family], rows: list[Row]) -> None:
    def metric(name: str) -> Family:
        return families[f"tcpinfo_traffic_{name}"]

    where = ("port", "prefix")
    opened = sums(metric("connections_opened"), *where)
    made = Counter((port_of_row(row), network_of(row["dst"])) for row in rows)
    check(opened == made, f"opened: {opened}, made {made}")
    check(not sums(metric("open_connections"), *where), "open at the end")
    told = sums(metric("connections_closed"), "port", "prefix", "how")
    wanted = Counter((port_of_row(row), network_of(row["dst"]), row["closed"]) for row in rows)
    check(told == wanted, f"closed: {told - wanted} too many, {wanted - told} missing")
    print("closed:", dict(sums(metric("connections_closed"), "how")))
    for name, column in (("segments_sent", "segs_out"),
                         ("segments_retransmitted", "total_retrans_segments"),
                         ("segments_spurious", "dsack_dups_segments")):
        found, right = sums(metric(name), *where), expected(rows, column)
        check(found == right, f"{name}: {found} and {right}")
    for row in rows:
        row["min_rtt_s"] = str(float(row["min_rtt_us"] or 0) * 1e-6)
    for name, column in (("min_rtt_seconds", "min_rtt_s"), ("lifetime_seconds", "duration_s")):
        found, right = sums(metric(name), *where, suffix="_sum"), expected(rows, column)
        check(close_to(found, right), f"{name}: {found} and {right}")
    measured = Counter((port_of_row(row), network_of(row["dst"])) for row in rows
                       if row["min_rtt_us"])
    check(sums(metric("min_rtt_seconds"), *where, suffix="_count") == measured, "how many min_rtt")
    # One with its final record alone has no name of a congestion control.
    known = Counter(row["cong"] or "unknown" for row in rows)
    check(sums(metric("connections_opened"), "cc") == Counter({(k,): v for k, v in known.items()}),
          f"congestion control: {sums(metric('connections_opened'), 'cc')}, {known}")
    check_exemplars(families, {row["uuid"]: row for row in rows})


def check_exemplars(families: dict[str, Family], rows: dict[str, Row]) -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for name, column in (("min_rtt_seconds", "min_rtt_s"), ("lifetime_seconds", "duration_s")):
        for one in families[f"tcpinfo_traffic_{name}"].samples:
            if not one.exemplar:
                continue
            row = rows[one.exemplar.labels["uuid"]]
            check(abs(float(row[column]) - one.exemplar.value) < 1e-5, f"{name}: {one}, {row}")
            check(one.labels["port"] == port_of_row(row), f"{name}: {one}, {row}")
            seen[name].add(row["uuid"])
    check(len(seen) == 2 and all(seen.values()), "no exemplars")
    print("exemplars:", {name: len(uuids) for name, uuids in seen.items()})


def run_traffic(pair: Pair, truth: Path, long_ones: int) -> None:
    with Traffic(TRAFFIC, "short", pair, truth, "--class", "5ms:5000:150:1:16", "--class",
                 f"200ms:200000:{long_ones}:1:16", "--closings", CLOSINGS) as traffic:
        traffic.finish()


def scrape(pair: Pair, port: int) -> dict[str, Family]:
    status, content, text = http_whole_answer(pair.receiver, port, "/metrics",
                                              "application/openmetrics-text")
    check(status == 200 and content.startswith("application/openmetrics-text"), content)
    if promtool := tool(ROOT, "promtool"):
        plain = http_whole_answer(pair.receiver, port, "/metrics")[2]
        done = subprocess.run([promtool, "check", "metrics"], input=plain, text=True,
                              capture_output=True, timeout=60, check=False)
        check("traffic" not in done.stdout + done.stderr, f"promtool: {done}")
    return parse_openmetrics(text)


def record(pair: Pair, scratch: Path, *flags: str, long_ones: int = 30,
           before: Callable[[int], None] | None = None,
           after: Callable[[], None] | None = None) -> tuple[dict[str, Family], list[Row]]:
    """What metrics and archives say of the same traffic. `before` gets the metrics' port."""
    output = scratch / "out"
    # So that the receiver's ports are those of services.
    pair.receiver.sysctl("net/ipv4/ip_local_port_range", "10000 19999")
    with Collector(COLLECTOR, output, pair.receiver, "--verbose", "--prometheus", "127.0.0.1:0",
                   "--traffic-metrics", LABELS, *flags) as collector:
        port = port_of(collector)
        if before:
            before(port)
        run_traffic(pair, scratch / "truth", long_ones)
        if after:
            after()
        settle()
        families = scrape(pair, port)
        ended = collector.stop()
    check_no_losses(ended)
    rows = rows_of(output)
    check(len(rows) == 150 + long_ones, f"{len(rows)} connections")
    return families, rows


def check_limit(families: dict[str, Family], connections: int) -> None:
    opened = families["tcpinfo_traffic_connections_opened"]
    check(len({one.labels["port"] for one in opened.samples}) == 2, "more than a value and other")
    check(sum(one.value for one in opened.samples) == connections, "not all are counted")
    others = sums(families["tcpinfo_traffic_others"], "label")
    hidden = sum(one.value for one in opened.samples if one.labels["port"] == "other")
    check(hidden and others["port",] == hidden, f"{others}, {hidden}")


def check_dashboards(asked: Prometheus) -> None:
    for name in ("grafana-dashboard.json", "grafana-traffic-dashboard.json"):
        dashboard = json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))
        queries = [as_asked(one, "30s") for one in expressions(dashboard)
                   if one != "prometheus" and not one.startswith("label_values(")]
        check(len(queries) > 15, f"{name}: {queries}")

        def unanswered() -> list[str]:
            return [one for one in queries if not asked.ask(one) and "tcpinfo_traffic" in one
                    and not any(word in one for word in EMPTY)]

        check(wait_until(lambda: not unanswered(), 30), f"{name}: nothing: {unanswered()}")
        print(f"{name}: {len(queries)} queries")
    check(wait_until(lambda: asked.exemplars("tcpinfo_traffic_rtt_seconds_bucket"), 10),
          "Prometheus has no exemplars")
    data = asked.get("rules")
    assert isinstance(data, dict)
    rules = [rule for group in data["groups"] for rule in group["rules"]]
    check(all(rule["health"] == "ok" for rule in rules) or
          wait_until(lambda: all(rule["health"] == "ok" for group in asked.get("rules")["groups"]
                                 for rule in group["rules"]), 10), f"rules: {rules}")
    check(any(rule["name"].startswith("TcpinfoTraffic") for rule in rules), "no rules of traffic")
    print(f"{len(rules)} rules evaluated")


def record_both() -> None:
    with Pair("b") as pair, tempfile.TemporaryDirectory() as temporary:
        check_numbers(*record(pair, Path(temporary)))
    with Pair("b") as pair, tempfile.TemporaryDirectory() as temporary:
        families, rows = record(pair, Path(temporary), "--label-limit", "1", long_ones=1)
        check_limit(families, len(rows))


def main() -> None:
    if not has_metrics(COLLECTOR):
        raise Skip("tcpinfo-collect was built without prometheus-cpp")
    exe = tool(ROOT, "prometheus")
    with Pair("a") as pair, tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        asked: list[Prometheus] = []

        def start(port: int) -> None:
            if exe:
                asked.append(stack.enter_context(Prometheus(
                    exe, pair.receiver, port, Path(temporary), ROOT / "docs/alerts.yml")))
            # It scrapes first some seconds after its start.
            record_both()
            for one in asked:
                one.wait_ready()
                check(wait_until(lambda: one.value("up"), 60), f"no scrape: {one.said()}")

        def ask() -> None:
            for one in asked:
                check_dashboards(one)

        # So long that several scrapes see them grow.
        check_numbers(*record(pair, Path(temporary), "--layout", "segments", "--anonymize",
                              "netblock", long_ones=150, before=start, after=ask))
    if not exe or not tool(ROOT, "promtool"):
        raise Skip("no prometheus or promtool: dashboards and rules were not asked")


run_test(main)
