# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump summary and compare: of archives and segments, as text, JSON and HTML.

usage: cli_summary.py TCPINFO-DUMP
"""

from __future__ import annotations

import base64
import gzip
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, archive, metadata, record, time_text, write

DUMP = os.path.abspath(sys.argv[1])
HOUR = 3600


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DUMP, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          check=False, stdin=subprocess.DEVNULL)


def lines(*arguments: str | Path, status: int = 0) -> list[dict]:
    done = run(*arguments, "--json")
    check(done.returncode == status, f"{arguments}: {done}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def to_network(line: str, network: int, host: int) -> str:
    """The same record with 203.0.NETWORK.HOST as its other end."""
    said = json.loads(line)
    ends = bytearray(base64.b64decode(said["RawIDM"]))
    ends[24:28] = bytes([203, 0, network, host])
    said["RawIDM"] = base64.b64encode(ends).decode()
    return json.dumps(said, separators=(",", ":")) + "\n"


def connection(folder: Path, cookie: int, hour: int, network: int, rtt: int, received: int = 5000,
               dport: int = 5201, ended: bool = True) -> None:
    uuid = f"host_1700000000_unsafe_{cookie:016X}"
    begin = hour * HOUR
    about = metadata(0, uuid).replace(time_text(0), time_text(begin))
    text = about + "".join(
        to_network(record(begin + i / 10, cookie=cookie, rtt=rtt, received=received * i,
                          dport=dport, state=CLOSE if ended and i == 3 else 1), network,
                   cookie % 200)
        for i in range(4))
    archive(folder, 0, text, uuid)


def made(folder: Path, name: str, networks: int, each: int, scale: float) -> Path:
    """Connections of some networks over three hours; networks are slow and fast, hours too."""
    path = folder / name
    path.mkdir()
    cookie = 0x1000
    for hour in range(3):
        for network in range(networks):
            for i in range(each):
                cookie += 1
                rtt = int((10_000 + 2_000 * (network * 7 % 5) + 700 * hour + 300 * i) * scale)
                connection(path, cookie, hour, network, rtt)
    return path


def find(all_lines: list[dict], **wanted: object) -> dict:
    found = [line for line in all_lines if all(line.get(k) == v for k, v in wanted.items())]
    check(len(found) == 1, f"{wanted}: {found}")
    return found[0] if found else {}


def test_summary(folder: Path) -> None:
    path = folder / "a"
    path.mkdir()
    for i in range(6):
        connection(path, 0xA0 + i, hour=i // 4, network=1 + i % 2, rtt=1000 * (i + 1),
                   ended=i != 5)
    said = lines("summary", path)
    whole = said[0]
    check((whole["connections"], whole["first"], whole["last"], whole["received_total_bytes"])
          == (6, "2023-11-14T22:13:20Z", "2023-11-14T23:13:20Z", 90_000), f"{whole}")
    rtt = find(said, quantity="median_rtt_us")
    check((rtt["known"], rtt["unknown"], rtt["p10"], rtt["p50"], rtt["p90"])
          == (6, 0, 1000, 3500, 6000), f"{rtt}")
    check([(c["from"], c["to"], c["connections"]) for c in rtt["classes"]]
          == [(1000, 2000, 1), (2000, 5000, 3), (5000, 10000, 2)], f"{rtt}")
    port = find(said, by="port")
    check((port["group"], port["connections"]) == ("5201", 6), f"{port}")
    prefix = [line for line in said if line.get("by") == "prefix"]
    check([(p["group"], p["connections"], p["median_rtt_us"]["p50"]) for p in prefix]
          == [("203.0.1.0/24", 3, 3000), ("203.0.2.0/24", 3, 4000)], f"{prefix}")
    hours = [line for line in said if line.get("by") == "hour"]
    check([(h["group"], h["connections"]) for h in hours]
          == [("2023-11-14T22", 4), ("2023-11-14T23", 2)], f"{hours}")
    check(find(said, by="cc")["group"] == "cubic", f"{said}")
    check(not any(line.get("by") in ("as", "cgroup") for line in said), f"{said}")
    # Also without --why: what summaries keep, of those in which time passed.
    check(sum(line["connections"] for line in said if "cause" in line) == 6, f"{said}")
    limited = lines("summary", "--by", "prefix", "--limit", "1", path)
    check([line["by"] for line in limited if "by" in line] == ["prefix", "prefix"], f"{limited}")
    check((limited[-1]["others"], limited[-1]["connections"]) == (1, 3), f"{limited}")
    check(lines("summary", "--port", "5202", path, status=0)[0] == {
        "connections": 0, "sent_total_bytes": 0, "received_total_bytes": 0}, "none")
    check(lines("summary", "--since", "2023-11-14T23:00Z", path)[0]["connections"] == 2, "--since")

    text = run("summary", path)
    check(text.returncode == 0 and not text.stderr and "\n  5201 " in text.stdout
          and "Left out: by cgroup" in text.stdout and "##########" in text.stdout, f"{text}")
    check(lines("summary", "-j", "3", path) == said, "several threads")
    done = run("pack", path, "-o", folder / "packed")
    check(done.returncode == 0, f"{done}")
    check(lines("summary", folder / "packed") == said, "of a segment")
    causes = lines("summary", "--why", path)
    check(sum(c["connections"] for c in causes if "cause" in c) == 6
          and any(c.get("by") == "cause" for c in causes), f"{causes}")


class Page(html.parser.HTMLParser):
    """Notes what is open, and what a self-contained page has not."""

    EMPTY = {"meta", "br"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe") or any(
                name in ("src", "href") or name.startswith("on") for name, _ in attrs):
            self.faults.append(f"{tag} {attrs}")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def test_html(folder: Path) -> None:
    connection(folder, 0xA0, 0, 1, 1000)
    table = write(folder, "as.txt", "203.0.1.0\t203.0.1.255\t64500\tDE\tA & B <script>\x1b[2J\n")
    done = run("summary", "--html", "--asn", table, *folder.glob("*.jsonl"))
    check(done.returncode == 0, f"{done}")
    page = Page()
    page.feed(done.stdout)
    page.close()
    check(not page.faults and not page.open, f"{page.faults} {page.open}")
    check(r"AS64500 A & B <script>\u001b[2J" in page.cells and "203.0.1.0/24" in page.cells,
          f"{page.cells}")
    check("prefers-color-scheme: dark" in done.stdout and "://" not in done.stdout, "the style")


def test_networks(folder: Path) -> None:
    path = folder / "a"
    path.mkdir()
    for i, network in enumerate((1, 2, 2, 3)):
        connection(path, 0xA0 + i, 0, network, 1000)
    pyasn = write(folder, "pyasn.dat", "; IP-ASN32-DAT file\n203.0.0.0/16\t64500\n"
                  "203.0.2.0/24\t64501\n")
    iptoasn = ("203.0.1.0\t203.0.1.255\t64500\tDE\tFIRST\n"
               "203.0.2.0\t203.0.2.255\t64501\tFR\tSECOND\n")
    packed = write(folder, "ip2asn.tsv.gz", gzip.compress(iptoasn.encode()))

    def groups(table: Path, status: int = 0) -> list[tuple[str | None, int]]:
        return [(line["group"], line["connections"])
                for line in lines("summary", "--by", "as", "--asn", table, path, status=status)
                if "by" in line]

    check(groups(pyasn) == [("AS64500", 2), ("AS64501", 2)], f"{groups(pyasn)}")
    named = [("AS64501 SECOND", 2), (None, 1), ("AS64500 FIRST", 1)]
    check(groups(packed) == named, f"{groups(packed)}")
    bad = write(folder, "bad.tsv", iptoasn.replace("\n203", "\nnonsense\n203", 1))
    check(groups(bad, 1) == named, f"{groups(bad, 1)}")
    done = run("summary", "--asn", bad, path)
    check(done.returncode == 1 and "bad.tsv:2: " in done.stderr and done.stderr.count("\n") == 1,
          f"{done}")
    done = run("summary", "--asn", folder / "absent", path)
    check(done.returncode == 2 and "absent" in done.stderr and not done.stdout, f"{done}")
    cut = write(folder, "cut.gz", packed.read_bytes()[:-12])
    done = run("summary", "--asn", cut, path)
    check(done.returncode == 1 and "cut.gz" in done.stderr, f"{done}")


def test_compare(folder: Path) -> None:
    before = made(folder, "before", networks=8, each=5, scale=1)
    after = made(folder, "after", networks=8, each=5, scale=1.3)
    said = lines("compare", before, after)
    check(said[0]["a"] == {"connections": 120, "clusters": 24, "effective_clusters": 24}
          and said[0]["b"] == said[0]["a"] and said[0]["seed"] == 1, f"{said[0]}")
    rtt = find(said, name="median_rtt_us", of="p50")
    check(rtt["effect"] == "ratio" and abs(rtt["change"] - 1.3) < 0.001
          and 1 < rtt["low"] < 1.3 < rtt["high"] < 1.7, f"{rtt}")
    check(rtt["a"] < 20_000 and abs(rtt["b"] / rtt["a"] - rtt["change"]) < 1e-9, f"{rtt}")
    check("change" in find(said, name="median_rtt_us", of="p90"), f"{said}")
    far = find(said, name="median_rtt_us", of="p99")
    check(far["unsaid"] == "few_values" and "low" not in far and far["a"] > rtt["a"], f"{far}")
    again = find(said, name="received_bytes", of="p50")
    check((again["change"], again["low"], again["high"]) == (1, 1, 1), f"{again}")
    check(find(said, name="rst", of="share")["unsaid"] == "few_values", f"{said}")
    check(lines("compare", before, after) == said, "the same seed")
    other = lines("compare", "--seed", "2", before, after)
    check(find(other, name="median_rtt_us", of="p50")["low"] != rtt["low"], "another seed")
    back = find(lines("compare", after, before), name="median_rtt_us", of="p50")
    check(abs(back["change"] * rtt["change"] - 1) < 1e-9, f"{back}")

    # One network in place of eight: three hours are no sample of anything.
    table = write(folder, "as.txt", "203.0.0.0/16\t64500\n")
    few = lines("compare", "--asn", table, before, after)
    check(few[0]["a"]["clusters"] == 3 and all(
        line.get("unsaid") in ("few_clusters", "no_values") for line in few[1:]), f"{few}")
    text = run("compare", "--asn", table, before, after)
    check(text.returncode == 0 and "95 %" not in text.stdout and
          "too few clusters to say: as many as 3.0 of equal size on one side, and it takes 10"
          in text.stdout, f"{text}")
    text = run("compare", before, after)
    check(text.returncode == 0 and not text.stderr
          and "A  120 connections in 24 clusters (as many as 24.0 of equal size)" in text.stdout
          and re.search(r"median +\d\S* ms +\d\S* ms +\+30\.0 % +95 %: \+", text.stdout)
          and "p99 takes 1000 on either side" in text.stdout
          and re.search(r"\n\d+ intervals of 95 %: some \d+\.\d of them miss", text.stdout)
          and not re.search(r"\bp ?[=<]", text.stdout), f"{text}")
    check("it takes 10 connections that have it and 10 that do not, on both sides" in text.stdout,
          f"{text}")
    # A rise that takes four digits as percents, and sides of one.
    much = made(folder, "much", networks=8, each=5, scale=50)
    text = run("compare", before, much)
    check(re.search(r"median +\d\S* ms +\d\S* ms +50 times +95 %: \S+ times to \S+ times",
                    text.stdout) and not re.search(r"\+\d{4}", text.stdout), f"{text}")
    alone = folder / "alone"
    alone.mkdir()
    connection(alone, 0xA0, 0, 1, 1000)
    text = run("compare", alone, alone)
    check(text.stdout.startswith("A  1 connection in 1 cluster (as many as 1.0 "), f"{text}")
    why = lines("compare", "--why", before, after)
    for told in (said, why):
        check(any(line.get("of") == "time_share" for line in told), f"{told}")


def test_cgroups(folder: Path) -> None:
    path = folder / "a"
    path.mkdir()
    for i in range(4):
        connection(path, 0xA0 + i, 0, 1, 1000)
    for file in sorted(path.iterdir())[:3]:
        about, rest = file.read_text().split("\n", maxsplit=1)
        said = json.loads(about)
        said["Metadata"]["Cgroup"] = "/system.slice/web.service"
        file.write_text(json.dumps(said, separators=(",", ":")) + "\n" + rest)
    groups = [(line["group"], line["connections"]) for line in lines("summary", path)
              if line.get("by") == "cgroup"]
    check(groups == [("/system.slice/web.service", 3), (None, 1)], f"{groups}")


def test_processes_and_minutes(folder: Path) -> None:
    path = folder / "a"
    path.mkdir()
    for i in range(4):
        connection(path, 0xA0 + i, i // 2, 1, 1000)
    done = run("summary", "--by", "process", "--json", path)
    check(done.returncode == 0 and "left out: by process" in done.stderr, f"{done}")
    for i, file in enumerate(sorted(path.iterdir())[:3]):
        about, rest = file.read_text().split("\n", maxsplit=1)
        said = json.loads(about)
        said["Metadata"] |= {"Comm": "nginx" if i < 2 else "sshd", "Pid": "7"}
        file.write_text(json.dumps(said, separators=(",", ":")) + "\n" + rest)

    def groups(by: str, *flags: str) -> list[tuple]:
        return [(line["group"], line["connections"]) for line in lines("summary", *flags, path)
                if line.get("by") == by]

    for flags in (("--by", "process,minute"), ()):
        check(groups("process", *flags) == [("nginx", 2), (None, 1), ("sshd", 1)],
              f"{flags}: {groups('process', *flags)}")
    minutes = groups("minute", "--by", "minute", "--limit", "1")
    check(minutes == [("2023-11-14T22:13", 2), ("2023-11-14T23:13", 2)], f"{minutes}")
    check(not groups("minute"), "minutes where nobody asked")


def test_trouble(folder: Path) -> None:
    path = folder / "a"
    path.mkdir()
    connection(path, 0xA0, 0, 1, 1000)
    for arguments in (["summary", "--by", "colour", path], ["summary", "--json", "--html", path],
                      ["summary", "--limit", "-1", path], ["compare", path], ["compare"],
                      ["compare", "--seed", "x", path, path], ["compare", path, path, path]):
        done = run(*arguments)
        check(done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout,
              f"{arguments}: {done}")
    done = run("summary", folder / "absent", path)
    check(done.returncode == 1 and "absent" in done.stderr and "1 connections" in done.stdout,
          f"{done}")
    (folder / "empty").mkdir()
    for arguments in ((folder / "absent", path), (path, folder / "absent"),
                      (path, folder / "empty"), (path, "--json", folder / "absent")):
        done = run("compare", *arguments)
        named = [a for a in arguments if a not in (path, "--json")][0]
        check(done.returncode == 1 and not done.stdout
              and f"{named}: no connection to compare" in done.stderr, f"{arguments}: {done}")
    done = run("summary", "--uuid", "no_such", path)
    check(done.returncode == 1 and "no_such" in done.stderr, f"{done}")
    done = run("summary", "--by", "cgroup", "--json", path)
    check(done.returncode == 0 and "left out: by cgroup" in done.stderr, f"{done}")


def main() -> None:
    for test in (test_summary, test_html, test_networks, test_compare, test_cgroups,
                 test_processes_and_minutes, test_trouble):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    finish()


main()
