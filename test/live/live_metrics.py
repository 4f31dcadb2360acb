# SPDX-License-Identifier: Apache-2.0
"""What Prometheus sees: the scrape, its numbers, the rules and the dashboard that use it.

usage: live_metrics.py COLLECTOR TRAFFIC SOURCE_ROOT

promtool and prometheus are taken from the path, or from SOURCE_ROOT/build-prometheus/usr/bin.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import archives
from archives import check
from collector import (Collector, Traffic, Truth, check_no_losses, compare_all, has_metrics, settle,
                       wait_until)
from netns import Namespace, Pair, Skip, run_test
from openmetrics import parse_openmetrics
from prometheus import Prometheus, expressions, port_of, tool
from scrape import MLAB_METRICS, Scrape, http_answer, http_get, http_whole_answer, parse

COLLECTOR, TRAFFIC = sys.argv[1:3]
ROOT = Path(sys.argv[3])
DOCS = ROOT / "docs"
COUNT = 300
# Names in a PromQL expression that are ours or those of M-Lab's collector.
NAME = re.compile(r"\b((?:tcpinfo|large_netlink|netlink_skipped)_\w+)")

skipped: list[str] = []


def check_names(scrape: Scrape) -> None:
    for name, label in MLAB_METRICS.items():
        series = scrape.get(name) or scrape.get(name + "_count")
        check(series, f"{name} is missing")
        assert series
        for labels in series:
            check(re.findall(r"(\w+)=", labels) == ([label] if label else []),
                  f"{name}: labels {labels!r}")
    check(set(scrape["tcpinfo_flow_events_total"]) == {'event="open"', 'event="close"'}, "events")
    check(set(scrape["tcpinfo_syscall_time_histogram_count"]) ==
          {'af="both"', 'af="ipv4"', 'af="ipv6"'}, "address families")
    series = sum(len(one) for one in scrape.values())
    print(f"{len(scrape)} names, {series} series")
    check(series < 1000, "too many series")


def check_numbers(scrape: Scrape, made: list[Truth], open_now: int) -> None:
    """Against what the generator made, and against each other."""
    def value(name: str, labels: str = "") -> float:
        return scrape[name][labels]

    check(value("tcpinfo_connections_total") == len(made), "connections")
    for event in ("open", "close"):
        told = value("tcpinfo_flow_events_total", f'event="{event}"')
        check(told == len(made), f"{event}: {told} of {len(made)}")
    check(value("tcpinfo_open_flows") == open_now, f"open: {scrape['tcpinfo_open_flows']}")
    polls = value("tcpinfo_polls_total")
    check(value("tcpinfo_polling_interval_histogram_count") in (polls - 2, polls - 1, polls),
          "intervals")
    check(value("tcpinfo_syscall_time_histogram_count", 'af="both"') +
          value("tcpinfo_syscall_time_histogram_count", 'af="ipv4"')
          >= value("tcpinfo_walked_polls_total") - 1, "dumps")
    # Bytes the kernel counts as received: what was sent, and one for each FIN. Aborted ones have
    # lost their counters, in part.
    received = value("tcpinfo_received_bytes_total")
    most = sum(max(one.bytes, *one.expect_received) for one in made)
    check(0.3 * most <= received <= most, f"{received} bytes received, {most} made")
    check(value("tcpinfo_receive_rate_histogram_sum") <= 8 * received, "bits received")
    check(value("tcpinfo_snapshot_total") >= value("tcpinfo_records_written_total"), "records")
    for name in ("tcpinfo_failed_polls_total", "tcpinfo_finals_lost_total",
                 "tcpinfo_files_lost_total"):
        check(value(name) == 0, f"{name}: {value(name)}")
    check(set(scrape["tcpinfo_records_dropped_total"].values()) == {0.0}, "records dropped")
    for labels, used in scrape["tcpinfo_ring_used_bytes"].items():
        check(0 <= used <= scrape["tcpinfo_ring_capacity_bytes"][labels], "ring")
    faults = scrape["tcpinfo_write_errors_total"]
    check(sorted(faults) == sorted(f'kind="{kind}"' for kind in (
        "no_space", "read_only", "descriptors", "io", "memory", "other")), "kinds of write errors")
    check(not any(faults.values()), "write errors")


def check_rates(scraped: Callable[[], Scrape]) -> None:
    """One a second. A scrape falls in between where the sampler has noted an interval and is held
    up before it notes a rate; the next one does not."""
    found: tuple[float, float] = (0, 0)

    def agree() -> bool:
        nonlocal found
        scrape = scraped()
        found = (scrape["tcpinfo_receive_rate_histogram_count"][""],
                 scrape["tcpinfo_polling_interval_histogram_sum"][""]
                 + scrape["tcpinfo_idle_ticks_total"][""] * scrape["tcpinfo_interval_seconds"][""])
        return abs(found[0] - found[1]) <= 1.5

    check(wait_until(agree, 10), f"{found[0]} rates in {found[1]} s")


def check_forms(where: Namespace, port: int) -> None:
    """What a client accepts decides; both texts have the same families and series."""
    plain = "text/plain; version=0.0.4; charset=utf-8"
    rich = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    for accept, wanted in (("", plain), ("*/*", plain), ("text/plain", plain), ("image/png", plain),
                           ("application/openmetrics-text;version=1.0.0", rich),
                           ("application/openmetrics-text;q=0.2,text/plain;q=0.3", plain),
                           ("application/openmetrics-text;q=0.3,text/plain;q=0.2", rich)):
        status, content, body = http_whole_answer(where, port, "/metrics", accept)
        check((status, content) == (200, wanted), f"{accept!r}: {status}, {content}")
        if wanted == rich:
            families = parse_openmetrics(body)
        else:
            told = {(name, labels) for name, series in parse(body).items() for labels in series
                    if not name.endswith("_bucket")}
    again = {(name + one.suffix, ",".join(f'{k}="{v}"' for k, v in one.labels.items()))
             for name, family in families.items() for one in family.samples
             if one.suffix != "_bucket"}
    check(again == told, f"not in both texts: {again ^ told}")
    print(f"{len(families)} families in OpenMetrics")
    check(families["tcpinfo_ring_used_bytes"].unit == "bytes", "no unit")


def check_probes(where: Namespace, port: int) -> None:
    check(http_answer(where, port, "/healthz") == (200, "alive\n"), "not alive")
    check(wait_until(lambda: http_answer(where, port, "/readyz") == (200, "recording\n"), 10),
          f"not ready: {http_answer(where, port, '/readyz')}")


ELSEWHERE = ("tcpinfo_traffic_", "tcpinfo_publish_")


def check_lint(text: str) -> None:
    promtool = tool(ROOT, "promtool")
    if promtool is None:
        skipped.append("no promtool: neither the metrics nor the rules were checked by it")
        return
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=60, check=False)
    expected = Path(__file__).with_name("metrics_lint.txt").read_text(encoding="ascii")
    check(sorted((done.stdout + done.stderr).splitlines()) == expected.splitlines(),
          f"promtool check metrics: {done.stdout}{done.stderr}")
    done = subprocess.run([promtool, "check", "rules", str(DOCS / "alerts.yml")], timeout=60,
                          capture_output=True, text=True, check=False)
    print(done.stdout.strip())
    check(done.returncode == 0, f"promtool check rules: {done.stdout}{done.stderr}")


def check_used_names(scrape: Scrape) -> None:
    """Every metric that the dashboard and the rules name is there; those of the traffic are
    live_traffic_metrics.py's, those of what is published cli_publish.py's."""
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
    rules = (DOCS / "alerts.yml").read_text(encoding="utf-8")
    for what, text in (("dashboard", "\n".join(expressions(dashboard))), ("rules", rules)):
        names = {name for name in NAME.findall(text) if not name.startswith(ELSEWHERE)}
        missing = sorted(names - set(scrape))
        check(names and not missing, f"{what}: {missing} are not in the scrape")
        print(f"{what}: {len(names)} metrics, all there")


def check_prometheus(where: Namespace, port: int, scratch: Path) -> None:
    """A real one scrapes, and answers what we ask."""
    exe = tool(ROOT, "prometheus")
    if exe is None:
        skipped.append("no prometheus: nothing but this test scraped")
        return
    wanted = {"up": 1.0, "count(tcpinfo_build_info)": 1.0,
              "rate(tcpinfo_polls_total[10s]) > bool 0": 1.0,
              'tcpinfo_flow_events_total{event="open"}': float(COUNT)}
    answers: dict[str, float | None] = {}
    with Prometheus(exe, where, port, scratch, DOCS / "alerts.yml") as prometheus:
        prometheus.wait_ready()

        def answered() -> bool:
            answers.update({query: prometheus.value(query) for query in wanted})
            return answers == wanted

        check(wait_until(answered, 60), f"prometheus: {answers}\n{prometheus.said()}")
        print("prometheus scraped:", answers)


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        if not has_metrics(COLLECTOR):
            raise Skip("tcpinfo-collect was built without prometheus-cpp")
        with Collector(COLLECTOR, scratch / "out", pair.receiver, "--verbose", "--prometheus",
                       "127.0.0.1:0") as collector:
            port = port_of(collector)
            begun = parse(http_get(pair.receiver, port, "/metrics"))
            with Traffic(TRAFFIC, "short", pair, scratch / "truth", "--class",
                         "100us:100:200:1:1", "--class", "5ms:5000:100:1:16") as traffic:
                made = traffic.finish()
            settle()
            text = http_get(pair.receiver, port, "/metrics")
            scrape = parse(text)
            check(len(made) == COUNT, f"{len(made)} connections made")
            # A series that comes with its first event has no increase to tell of it.
            new = {(name, labels) for name, series in scrape.items() for labels in series} - {
                (name, labels) for name, series in begun.items() for labels in series}
            check(not new, f"new: {new}")
            check_names(scrape)
            check_numbers(scrape, made, 0)
            check_rates(lambda: parse(http_get(pair.receiver, port, "/metrics")))
            check_used_names(scrape)
            check_forms(pair.receiver, port)
            check_probes(pair.receiver, port)
            check_lint(text)
            check_prometheus(pair.receiver, port, scratch)
            ended = collector.stop()
        check_no_losses(ended)
        compare_all(made, archives.read_directory(scratch / "out"), every_record=False)
        check(ended.number("connections") == COUNT, "scrapes over loopback were recorded")
    if skipped:
        raise Skip("; ".join(skipped))


os.environ["LC_ALL"] = "C.UTF-8"
run_test(main)
