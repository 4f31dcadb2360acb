# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump plot: the page without a browser. Its data are the records', nothing in it comes
from elsewhere or ends its script, and its colours can be told apart.

usage: cli_plot.py TCPINFO-DUMP
"""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import check, finish
from drawn_archives import peak_at, uuid_of, write_drawn
from made_archives import archive, metadata, record, write

DUMP = os.path.abspath(sys.argv[1])


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and what stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.texts.append((self.open[-1], self.elements[-1][1], data))


def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([DUMP, "plot", *map(str, arguments)], input=stdin, capture_output=True,
                          text=True, timeout=60, check=False)


def joined(page: Page, tag: str, kind: str | None = None) -> str:
    """What stands in the elements of that kind; a parser may hand it over in pieces."""
    return "".join(text for t, attributes, text in page.texts
                   if t == tag and attributes.get("type") == kind)


def data_of(text: str) -> dict:
    return json.loads(joined(Page(text), "script", "application/json"))


def plotted(*arguments: str | Path, stdin: str = "", complaints: str = "") -> dict:
    done = run(*arguments, stdin=stdin)
    check(done.returncode == 0 and bool(done.stderr) == bool(complaints)
          and complaints in done.stderr, f"{arguments}: {done.returncode} {done.stderr}")
    return data_of(done.stdout)


def numbers(column: dict | None, rows: int) -> list[float | None]:
    if column is None:
        return [None] * rows
    raw = base64.b64decode(column["data"], validate=True)
    if column["type"] == "f64":
        return [None if math.isnan(n) else n for n in struct.unpack(f"<{rows}d", raw)]
    form = {"u8": "B", "u16": "H", "u32": "I"}[column["type"]]
    absent = 256 ** struct.calcsize(form) - 1
    return [None if n == absent else column["base"] + n
            for n in struct.unpack(f"<{rows}{form}", raw)]


def records_of(path: Path) -> list[dict]:
    said = subprocess.run([DUMP, "--json", str(path)], capture_output=True, text=True, timeout=60,
                          check=True)
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_data(folder: Path) -> None:
    """Every column equals what the same tool prints of the records, and the two rates and the data
    in flight what can be computed of it."""
    path = write_drawn(folder, 1, 300)
    page = plotted(path)
    check(page["version"] == 1 and page["left_out"] == 0, "head of the page")
    connection, = page["connections"]
    check((connection["uuid"], connection["local"], connection["remote"], connection["records"],
           connection["rows"], connection["congestion_control"], connection["offset_ns"])
          == (uuid_of(1), "192.0.2.1:443", "198.51.100.9:5201", 300, 300, "cubic", 0),
          f"{connection['uuid']}")
    check(connection["begin"].startswith("2023-11-14T22:13:20"), connection["begin"])
    columns = {n: numbers(c, 300) for n, c in connection["columns"].items()}
    records = records_of(path)
    check(len(records) == 300, "records")
    compared = 0
    for name, values in columns.items():
        if name not in records[0]:
            continue
        compared += 1
        said = [r.get(name) for r in records]
        # 0 stands for "not measured yet" there.
        check(values == [None if n == 0 and name == "rcv_rtt_us" else n for n in said]
              or name == "state", f"{name}: {values[:5]} {said[:5]}")
    check(compared >= 18, f"{compared} columns compared")
    check(columns["max_pacing_rate_bytes_per_s"][0] is None, "unlimited is no number")
    check(columns["snd_ssthresh_segments"][0] is None
          and columns["snd_ssthresh_segments"][299] == 41, "no threshold set")
    check([round(n / 5e7) for n in columns["time_ns"]] == list(range(300)), "times")
    check(columns["state"] == [1] * 299 + [7], "states")
    flight = [r["unacked_segments"] - r["sacked_segments"] - r["lost_segments"]
              + r["retrans_segments"] for r in records]
    check(columns["in_flight_segments"] == flight, "in flight")
    rates = columns["send_rate_bytes_per_s"]
    check(rates[0] is None and all(abs(n - 289_600) < 1 for n in rates[1:]), f"{rates[:3]}")
    received = columns["receive_rate_bytes_per_s"]
    check(all(abs(n - 2000) < 1 for n in received[1:]), f"{received[:3]}")


def test_causes(folder: Path) -> None:
    """The page has the verdicts of `why`."""
    path = write_drawn(folder, 1, 300)
    said = subprocess.run([DUMP, "why", "--json", str(path)], capture_output=True, text=True,
                          timeout=60, check=True).stdout
    verdicts = [json.loads(line) for line in said.splitlines()]
    drawn = plotted(path)["connections"][0]["verdicts"]
    check(len(drawn) == len(verdicts) > 0, f"{drawn}")
    for one, other in zip(drawn, verdicts):
        check((one["view"], one["cause"], one["sentence"])
              == (other["view"], other["cause"], other["sentence"]), f"{one} {other}")
        check([(p["begin_ns"] / 1e9, p["end_ns"] / 1e9, p["cause"], p["sentence"])
               for p in one["phases"]]
              == [(p["begin_s"], p["end_s"], p["cause"], p["sentence"]) for p in other["phases"]],
              f"{one['phases']}")


def test_points(folder: Path) -> None:
    """Where records are left out, peaks, ends and changes of state stay, and it is said."""
    path = write_drawn(folder, 1, 5000)
    page = plotted("--points", "1000", path, complaints="has a part of the records")
    connection = page["connections"][0]
    rows = connection["rows"]
    check(connection["records"] == 5000 and 500 <= rows <= 1000, f"{rows} rows")
    columns = {n: numbers(c, rows) for n, c in connection["columns"].items()}
    records = records_of(path)
    at = {round(t / 5e7): i for i, t in enumerate(columns["time_ns"])}
    check(0 in at and 4999 in at and columns["state"][-1] == 7, "both ends")
    for i in range(5000):
        if peak_at(i):
            check(i in at and columns["rtt_us"][at[i]] == records[i]["rtt_us"], f"peak at {i}")
    for name in ("rtt_us", "snd_cwnd_segments", "snd_wnd_bytes", "delivery_rate_bytes_per_s"):
        said = [r[name] for r in records]
        check((min(columns[name]), max(columns[name])) == (min(said), max(said)), name)
    check(all(columns["rtt_us"][row] == records[i]["rtt_us"] for i, row in at.items()),
          "rows are records")
    check(plotted("--points", "5000", path)["connections"][0]["rows"] == 5000, "all there are")


def test_several(folder: Path) -> None:
    for number in range(1, 11):
        write_drawn(folder, number, 20 + number)
    page = plotted(folder, complaints="2 more connections are not in the page")
    check([c["uuid"] for c in page["connections"]] == [uuid_of(n) for n in range(1, 9)], "limit")
    check(page["left_out"] == 2, "left out")
    check(len(plotted("--limit", "0", folder)["connections"]) == 10, "all")
    check([c["uuid"] for c in plotted(folder, uuid_of(3), uuid_of(10))["connections"]]
          == [uuid_of(3), uuid_of(10)], "by UUID")
    both = plotted("--port", "5203", "--port", "5204", folder)["connections"]
    check([c["rows"] for c in both] == [23, 24], "by port")
    check(run("-j", "3", folder).stdout == run(folder).stdout, "several threads, same bytes")
    piped = plotted(stdin=(folder / f"{uuid_of(2)}.00000.jsonl").read_text())["connections"]
    check([c["rows"] for c in piped] == [22], "standard input")
    wanted = plotted("--state", "ESTABLISHED", folder, complaints="2 more")
    check(len(wanted["connections"]) == 8, "by state")


def test_output(folder: Path) -> None:
    path = write_drawn(folder, 1, 20)
    out = folder / "out.html"
    done = run(path, "-o", out)
    check(done.returncode == 0 and not done.stdout and out.read_text() == run(path).stdout,
          f"{done}")
    check({p.name for p in folder.iterdir()} == {path.name, "out.html"}, "nothing else")
    done = run(path, "-o", path)
    check(done.returncode == 2 and path.name in done.stderr, f"{done}")
    done = run(path, "-o", folder / "absent/out.html")
    check(done.returncode == 2 and "absent/out.html" in done.stderr, f"{done}")
    for bad in (["--points", "999"], ["--points", "-1"], ["--limit", "x"], ["--every", "1s"]):
        done = run(*bad, path)
        check(done.returncode == 2 and done.stderr.count("\n") == 1, f"{bad}: {done}")
    out.write_text("before")
    done = run(folder / "none.jsonl", "-o", out)
    check(done.returncode == 1 and "none.jsonl" in done.stderr and out.read_text() == "before",
          f"{done}")
    done = run(path, "-o", out, uuid_of(7))
    check(done.returncode == 1 and uuid_of(7) in done.stderr and "no page is written" in done.stderr
          and out.read_text() == "before", f"{done}")
    bad = write(folder, "bad.jsonl", metadata() + record(1) + "{\n" + record(2))
    done = run(bad)
    check(done.returncode == 1 and "bad.jsonl:3:" in done.stderr
          and data_of(done.stdout)["connections"][0]["rows"] == 2, f"{done.stderr}")


HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", "]]>&lt;\"'\\", "\u202eevil\u2028",
           "<img src=x onerror=alert(1)>", "\x00\x1b[31m"]


def test_hostile(folder: Path) -> None:
    """Whatever an archive says of itself stays a text."""
    plain = Page(run(archive(folder, 0, metadata() + record(1) + record(2))).stdout)
    for number, text in enumerate(HOSTILE):
        head = json.loads(metadata(0, text))
        head["Metadata"]["HostName"] = head["Metadata"]["Machine"] = text
        name = re.sub(r"[/\0]", "_", text)
        path = write(folder, f"{number}{name}.jsonl", json.dumps(head) + "\n" + record(1, more={
            "Odd": text}) + record(2))
        done = run(path)
        check(done.returncode in (0, 1) and done.stdout, f"{text!r}: {done.stderr}")
        page = Page(done.stdout)
        check([t for t, _ in page.elements] == [t for t, _ in plain.elements] and not page.faults,
              f"{text!r}: other elements")
        said = joined(page, "script", "application/json")
        check(not re.search("[<>&\u202e\u2028\x00\x1b]", said), f"{text!r} stands in the data")
        uuid = json.loads(said)["connections"][0]["uuid"]
        check(uuid.isprintable() and ("evil" in uuid or number != 3), f"{text!r}: {uuid!r}")


def contrast(one: str, other: str) -> float:
    """WCAG 2's, of two colours as #rrggbb."""
    light, dark = sorted((luminance(linear(c)) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def linear(colour: str) -> list[float]:
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    return [n / 12.92 if n <= 0.04045 else ((n + 0.055) / 1.055) ** 2.4 for n in parts]


def luminance(rgb: list[float]) -> float:
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]


# What is seen by eyes of whom one kind of cones is missing: Machado, Oliveira and Fernandes 2009.
EYES = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
               (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                 (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                (0.004733, 0.691367, 0.303900))}


def seen(colour: str, eyes: str) -> tuple[float, float, float]:
    """In CIE 1976 L*a*b*, as these eyes see it."""
    rgb = [min(max(sum(a * b for a, b in zip(row, linear(colour))), 0), 1) for row in EYES[eyes]]
    x = 0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]
    z = 0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]
    x, y, z = (n ** (1 / 3) if n > 0.008856 else 7.787 * n + 16 / 116
               for n in (x / 0.9505, luminance(rgb), z / 1.089))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_colours(style: str) -> None:
    light, dark, system = re.findall(
        r":root(?:\[data-theme=\"dark\"\]|:not\(\[data-theme\]\))? \{(.*?)\}", style, re.DOTALL)
    check(" ".join(dark.split()) == " ".join(system.split()), "dark by choice and by the system")
    for theme in (light, dark):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", theme))
        series = [colours[f"series-{i}"] for i in range(1, 9)]
        for colour in series:
            check(contrast(colour, colours["panel"]) >= 3, f"{colour} on {colours['panel']}")
            text = "#000000" if luminance(linear(colour)) > 0.18 else "#ffffff"
            check(contrast(colour, text) >= 4.5, f"text on {colour}")
        for text, ground in (("text", "panel"), ("text", "page"), ("faint", "panel"),
                             ("faint", "page"), ("text", "neutral")):
            check(contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground}")
        for eyes in EYES:
            places = [seen(c, eyes) for c in series]
            nearest = min(math.dist(a, b) for i, a in enumerate(places) for b in places[:i])
            check(nearest >= 20, f"{eyes}: two colours are {nearest:.1f} apart")


def test_page(folder: Path) -> None:
    """It is whole, fetches nothing, and its policy allows its own script and style alone."""
    text = run(write_drawn(folder, 1, 20)).stdout
    page = Page(text)
    check(not page.faults and not page.open, f"elements: {page.faults} {page.open}")
    policy, = (a["content"] for t, a in page.elements if a.get("http-equiv"))
    script, style = joined(page, "script"), joined(page, "style")
    for kind, content in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        check(f"{kind}-src 'sha256-{digest}'" in policy, f"hash of the {kind}")
    check("default-src 'none'" in policy and "unsafe" not in policy, policy)
    for tag, attributes in page.elements:
        check(not {"src", "href", "style", "action"} & set(attributes), f"{tag} {attributes}")
        check(not any(name.startswith("on") for name in attributes), f"{tag} {attributes}")
    check(not re.search(r"url\(|@import", style), "style fetches")
    code = re.sub(r"/\*.*?\*/", "", script, flags=re.DOTALL)
    code = re.sub(r"(^|\s)//.*$", "", code, flags=re.MULTILINE)
    for word in ("http:", "https:", "fetch(", "XMLHttpRequest", "WebSocket", "import(",
                 "sendBeacon", "eval(", "new Function", "innerHTML", "document.write"):
        check(word not in code, f"the script has {word}")
    check("MIT License" in script and "Leon Sorokin" in script, "licence of uPlot")
    check(dict(page.elements)["html"].get("lang") == "en" and "<title>" in text,
          "language and title")
    ids = [a["id"] for _, a in page.elements if "id" in a]
    check(len(set(ids)) == len(ids), "ids")
    for _, attributes in page.elements:
        named = attributes.get("aria-labelledby")
        check(named is None or named in ids, f"{named}")
    test_colours(style)


def main() -> None:
    for test in (test_data, test_causes, test_points, test_several, test_output, test_hostile,
                 test_page):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    finish()


main()
