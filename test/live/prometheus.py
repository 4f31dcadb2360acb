# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes a collector, and what dashboards and rules ask of it.

promtool and prometheus are taken from the path, or from ROOT/build-prometheus/usr/bin.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import archives
from archives import check
from collector import Collector, wait_until
from netns import Namespace
from scrape import http_answer

PORT = 9390


def tool(root: Path, name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=str(root / "build-prometheus/usr/bin"))


def port_of(collector: Collector) -> int:
    """Of the metrics, as a verbose collector says."""
    found: list[str] = []

    def is_said() -> bool:
        found[:] = re.findall(r"metrics on 127\.0\.0\.1:(\d+)", collector.log())
        return bool(found)

    check(wait_until(is_said, 10), f"no metrics:\n{collector.log()}")
    return int(found[0])


def expressions(node: object) -> Iterator[str]:
    """All that is PromQL in a dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def as_asked(expression: str, rate_interval: str) -> str:
    """As Grafana sends it: variables have their values, "all" of each."""
    asked = expression.replace("$__rate_interval", rate_interval).replace("$__range", rate_interval)
    return re.sub(r"\$\w+", ".*", asked)


class Prometheus:
    """Runs in the namespace `where` and scrapes port `port` there twice a second."""

    def __init__(self, exe: str, where: Namespace, port: int, scratch: Path, rules: Path) -> None:
        self.where = where
        settings = scratch / "prometheus.yml"
        settings.write_text(
            "global: {scrape_interval: 500ms, evaluation_interval: 500ms}\n"
            f"rule_files: ['{rules}']\n"
            "scrape_configs:\n"
            "  - job_name: tcpinfo\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n", encoding="ascii")
        self.log = open(scratch / "prometheus.log", "w+", encoding="utf-8")
        # Only it and the collector are in this namespace: no port is taken.
        self.child = subprocess.Popen(
            [exe, f"--config.file={settings}", f"--storage.tsdb.path={scratch / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{PORT}", "--enable-feature=exemplar-storage"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            preexec_fn=where.enter_for_good)
        self.since = time.time()

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()

    def wait_ready(self) -> None:
        check(wait_until(self.is_ready, 60), f"not ready:\n{self.said()}")

    def is_ready(self) -> bool:
        """It listens before it answers: until it has read its storage, every query gets a 503."""
        if self.child.poll() is not None:
            raise archives.Malformed(f"prometheus ended:\n{self.said()}")
        try:
            status, body = http_answer(self.where, PORT, "/-/ready")
        except OSError:
            return False  # it has not begun to listen
        check(status in (200, 503), f"/-/ready: status {status}: {body}")
        return status == 200

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()[-3000:]

    def get(self, path: str, **parameters: str) -> object:
        """`data` of an answer of its HTTP interface; anything but success fails."""
        query = "&".join(f"{key}=" + "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in value)
                         for key, value in parameters.items())
        status, body = http_answer(self.where, PORT, f"/api/v1/{path}?{query}")
        check(status == 200, f"{path} {parameters}: status {status}: {body}")
        answer = json.loads(body[body.index("{"):body.rindex("}") + 1])
        check(answer["status"] == "success" and not answer.get("warnings"), f"{parameters}: {body}")
        return answer["data"]

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series of the answer."""
        data = self.get("query", query=query)
        assert isinstance(data, dict)
        return [(one["metric"], float(one["value"][1])) for one in data["result"]]

    def value(self, query: str) -> float | None:
        found = self.ask(query)
        return found[0][1] if found else None

    def exemplars(self, query: str) -> list[dict[str, str]]:
        data = self.get("query_exemplars", query=query, start=f"{self.since - 3600:.0f}",
                        end=f"{time.time() + 60:.0f}")
        assert isinstance(data, list)
        return [one["labels"] for series in data for one in series["exemplars"]]
