# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-csv --connections: each cell against a second implementation, which reads the JSON lines
and is slow and obvious; files in any order; filters, flags and faults.

usage: cli_connections.py TCPINFO_CSV TCPINFO_DUMP
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import random
import re
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from checks import check, finish
from made_archives import record, time_text, write

CSV, DUMP = sys.argv[1:3]
STATES = ["", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE",
          "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING"]
ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE, CLOSE_WAIT = 1, 4, 5, 7, 8

# Column: offset in tcp_info, and its format. From <linux/tcp.h>.
COUNTERS = {
    "bytes_sent": (200, "=Q"), "bytes_acked": (120, "=Q"), "bytes_received": (128, "=Q"),
    "bytes_retrans": (208, "=Q"), "segs_out": (136, "=I"), "segs_in": (140, "=I"),
    "data_segs_out": (156, "=I"), "data_segs_in": (152, "=I"),
    "total_retrans_segments": (100, "=I"), "retransmits": (2, "=B"), "total_rto": (240, "=H"),
    "total_rto_time_ms": (244, "=I"), "dsack_dups_segments": (216, "=I"),
    "reord_seen": (220, "=I"), "delivered_segments": (192, "=I"),
    "delivered_ce_segments": (196, "=I"), "busy_time_us": (168, "=Q"),
    "rwnd_limited_us": (176, "=Q"), "sndbuf_limited_us": (184, "=Q"),
}

RATES = {"rtt": (68, "=I"), "min_rtt": (148, "=I"), "rate": (160, "=Q")}


def run(*flags: str | Path, given: bytes | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CSV, "--connections", *map(str, flags)],
                          input=None if given is None else given.decode("latin-1"),
                          stdin=subprocess.DEVNULL if given is None else None,
                          capture_output=True, text=True, timeout=120, check=False)


def rows(*flags: str | Path) -> list[dict[str, str]]:
    done = run(*flags)
    got = list(csv.DictReader(io.StringIO(done.stdout)))
    # Where nothing passes that is said.
    said = done.stderr if got else re.sub("tcpinfo-csv: of .* nothing passes.*\\n", "", done.stderr)
    check(done.returncode == 0 and not said,
          f"{flags}: status {done.returncode}, {done.stderr[:300]}")
    return got


# --- archives -----------------------------------------------------------------------------------

def metadata(uuid: str, sequence: int, start: float, run_id: str, **more: str) -> str:
    inner = {"UUID": uuid, "Sequence": sequence, "StartTime": time_text(start),
             "Kernel": "6.18.1", "Run": run_id} | more
    # As a collector orders them: a segment keeps others as text.
    order = ["UUID", "Sequence", "StartTime", "Host", "Kernel", "Run", "Netns", "Opened",
             "Cgroup", "Owner", "Pid", "Comm", "Executable"]
    inner = {key: inner[key] for key in order if key in inner}
    return json.dumps({"Timestamp": "0001-01-01T00:00:00Z", "Metadata": inner},
                      separators=(",", ":")) + "\n"


def counted(second: float, values: dict[str, int], poll: int | None, state: int = ESTABLISHED,
            uid: int = 0, size: int = 280, **ends: int) -> str:
    """A record with these counters."""
    text = json.loads(record(second, poll, state, **ends))
    info = bytearray(base64.b64decode(text["Attributes"][2]))
    for name, value in values.items():
        at, form = (COUNTERS | RATES)[name]
        struct.pack_into(form, info, at, value)
    idm = bytearray(base64.b64decode(text["RawIDM"]))
    struct.pack_into("=I", idm, 64, uid)
    text["RawIDM"] = base64.b64encode(idm).decode()
    text["Attributes"][2] = base64.b64encode(info[:size]).decode()
    return json.dumps(text, separators=(",", ":")) + "\n"


CONTAINER = "8c8f3ba3c5f0b9ac1e5a0a3d4e1a6e5e7d1f4b7c2a9e8d6f5b4c3a2918070605"
POD = "6f3c1b52-9d0c-4f0e-8c5d-2a1b3c4d5e6f"
OWNERS = [
    {"Cgroup": "/system.slice/web.service", "Owner": "io", "Pid": "17", "Comm": "web",
     "Executable": "/usr/bin/web"},
    {"Cgroup": f"/kubepods/burstable/pod{POD}/{CONTAINER}", "Owner": "connect", "Pid": "4294967295",
     "Comm": "a \"b\", c", "Executable": "/d e"},
    {"Cgroup": f"/system.slice/docker-{CONTAINER}.scope", "Owner": "cgroup-id"},
]


def owner_of(about: dict[str, str]) -> dict[str, str]:
    group = about.get("Cgroup", "")
    return {"cgroup": group, "container": CONTAINER if CONTAINER in group else "",
            "pod": POD if POD in group else "",
            "unit": "web.service" if "web.service" in group else
                    "system.slice" if "docker" in group else "",
            "pid": about.get("Pid", ""), "comm": about.get("Comm", ""),
            "executable": about.get("Executable", ""), "owner": about.get("Owner", "")}


def connection(folder: Path, number: int, dice: random.Random) -> None:
    """One connection, in one to four files, of one or two runs, open or closed."""
    cookie = 0x1000 + number
    uuid = f"host_1700000000_unsafe_{cookie:016X}"
    start = round(dice.uniform(0, 500), 3)
    more = {"Host": "server"} if dice.random() < 0.7 else {}
    if dice.random() < 0.3:
        more["Netns"] = f"ns{dice.randrange(3)}"
    if dice.random() < 0.5:
        more["Opened"] = time_text(start - 0.001)
    if dice.random() < 0.5:
        more |= dice.choice(OWNERS)
    ends = {"dport": dice.randrange(1024, 65536), "cookie": cookie}
    uid = dice.choice([0, 1000])
    size = dice.choice([280, 280, 280, 192, 136])  # of other kernels
    values = dict.fromkeys(COUNTERS, 0) | {"rtt": 0, "min_rtt": 0xffffffff, "rate": 0}
    values["bytes_acked"] = dice.randrange(2)  # who accepted has sent no SYN
    second, poll = start, dice.randrange(1000)
    for sequence in range(dice.choice([1, 1, 1, 2, 4])):
        if sequence == 2 and dice.random() < 0.3:
            continue  # a file is missing
        text = metadata(uuid, sequence, round(second, 3), f"run{sequence // 3}", **more)
        for _ in range(dice.choice([1, 2, 3, 9, 700 if number % 20 == 0 else 4])):
            second += dice.choice([0.01, 0.01, 0.5])
            poll += 1
            segments = dice.randrange(4)
            for name in ("bytes_sent", "bytes_acked"):
                values[name] += 1000 * segments
            for name in ("segs_out", "data_segs_out", "delivered_segments"):
                values[name] += segments
            for name in ("segs_in", "data_segs_in", "busy_time_us", "rwnd_limited_us",
                         "total_rto_time_ms"):
                values[name] += dice.randrange(3)
            for name in ("total_retrans_segments", "dsack_dups_segments", "reord_seen",
                         "delivered_ce_segments", "sndbuf_limited_us", "total_rto"):
                values[name] += dice.random() < 0.1
            values["bytes_received"] += dice.randrange(3) * 500
            values["retransmits"] = dice.randrange(3)
            values["rtt"] = int(dice.lognormvariate(8, 1.5))
            values["min_rtt"] = min(values["min_rtt"], values["rtt"])
            values["rate"] = dice.randrange(10 ** 9)
            text += counted(round(second, 4), values, poll, ESTABLISHED, uid, size, **ends)
        write(folder, f"{uuid}.{sequence:05}.jsonl", text)
    how = dice.choice(["open", "fin_local", "fin_remote", "rst", "aborted", "timeout"])
    if how == "open":
        return
    last = sorted(folder.glob(f"{uuid}.*"))[-1]
    second += 0.01
    values["retransmits"] = 0
    with last.open("a", encoding="utf-8") as out:
        if how in ("fin_local", "fin_remote"):
            state = FIN_WAIT1 if how == "fin_local" else CLOSE_WAIT
            out.write(counted(round(second, 4), values, poll, state, uid, size, **ends))
            second += 0.01
        else:
            # A record before the end that says whether something is unanswered.
            out.write(counted(round(second, 4), values, poll, ESTABLISHED, uid, size, **ends))
            second += 0.01
        if how in ("rst", "fin_local", "fin_remote"):
            values["segs_in"] += 1
        elif how == "timeout":
            values["retransmits"] = 5
        else:
            values["segs_out"] += 1
        final = json.loads(counted(round(second, 6), values, None, CLOSE, 0, size, **ends))
        info = bytearray(base64.b64decode(final["Attributes"][2]))
        info[0] = CLOSE
        final["Attributes"][2] = base64.b64encode(info).decode()
        if dice.random() < 0.5:
            final["Ended"] = time_text(round(second - 0.002, 6))
        out.write(json.dumps(final, separators=(",", ":")) + "\n")


# --- the second implementation --------------------------------------------------------------------

def moment(text: str) -> int:
    """Nanoseconds since 1970 of a time in UTC."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    at = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return int(at.timestamp()) * 10 ** 9 + int(fraction.ljust(9, "0"))


def value_in(info: bytes, at: int, form: str) -> int | None:
    if len(info) < at + struct.calcsize(form):
        return None
    return int(struct.unpack_from(form, info, at)[0])


def closed_by(records: list[dict], infos: list[bytes]) -> str:
    """docs/ends.md, as far as these archives go: each line in its turn."""
    states = [base64.b64decode(r["RawIDM"])[1] for r in records]
    if CLOSE not in states:
        return ""
    before, final = infos[-2], infos[-1]
    segs_in = [value_in(i, 140, "=I") for i in (before, final)]
    totals = [(value_in(i, 120, "=Q"), value_in(i, 128, "=Q")) for i in (before, final)]
    unanswered = final[2] or final[3]
    counts = segs_in[0] is not None
    if counts and segs_in[0] == segs_in[1] and unanswered:  # line 4
        return "timeout"
    if not counts and (final[2] >= 3 or final[3] >= 3) and FIN_WAIT2 not in states:
        return "timeout"
    if CLOSE_WAIT in states:  # 6
        return "fin_remote"
    if FIN_WAIT1 in states:  # 7
        return "fin_local"
    return "?"  # from the counters: compared with tcpinfo-dump ls


def second_implementation(folder: Path) -> list[dict[str, str]]:
    found: dict[str, dict] = {}
    for path in sorted(folder.glob("*.jsonl")):
        lines = [json.loads(text) for text in path.read_text().splitlines()]
        about = lines[0]["Metadata"]
        one = found.setdefault(about["UUID"], {"about": [], "records": []})
        one["about"].append(about)
        one["records"] += lines[1:]
    out = []
    for uuid, one in found.items():
        records = sorted(one["records"], key=lambda r: moment(r["Timestamp"]))
        idms = [base64.b64decode(r["RawIDM"]) for r in records]
        infos = [base64.b64decode(r["Attributes"][2]) for r in records]
        about = one["about"]
        opened = [a["Opened"] for a in about if "Opened" in a]
        seen = min([r["Timestamp"] for r in records] + [a["StartTime"] for a in about], key=moment)
        ended = [r.get("Ended", r["Timestamp"])
                 for r, idm in zip(records, idms) if idm[1] == CLOSE]
        last = ended[0] if ended else records[-1]["Timestamp"]
        duration = moment(last) - moment(opened[0] if opened else seen)
        sequences = [a["Sequence"] for a in about]
        rtts = [n for i in infos if (n := value_in(i, 68, "=I"))]
        lowest = [n for i in infos if (n := value_in(i, 148, "=I")) not in (None, 0, 0xffffffff)]
        rates = [n for i in infos if (n := value_in(i, 160, "=Q")) is not None]
        row: dict[str, object] = {
            "uuid": uuid, "host": about[0].get("Host", ""), "netns": about[0].get("Netns", ""),
            "family": 2, "src": "192.0.2.1", "sport": 443, "dst": "198.51.100.9",
            "dport": int.from_bytes(idms[0][6:8], "big"), "interface": 0,
            "uid": struct.unpack_from("=I", idms[0], 64)[0],
            "opened": opened[0] if opened else "", "first_seen": seen,
            "last_seen": records[-1]["Timestamp"], "ended": ended[0] if ended else "",
            "closed": closed_by(records, infos),
            "duration_s": f"{duration // 10 ** 9}.{duration % 10 ** 9:09}",
            "state": STATES[[idm[1] for idm in idms if idm[1] != CLOSE][-1]],
            "records": len(records),
            "gaps": max(sequences) - min(sequences) + 1 - len(sequences)
                    + len({a["Run"] for a in about}) - 1,
            "min_rtt_us": min(lowest or rtts),
            "median_rtt_us": statistics.median(rtts),
            "p95_rtt_us": sorted(rtts)[math.ceil(0.95 * len(rtts)) - 1],
            "peak_delivery_rate_bytes_per_s": max(rates) if rates else "", "cong": "cubic",
        } | owner_of(about[0])
        for name, (at, form) in COUNTERS.items():
            number = value_in(infos[-1], at, form)
            row[name] = "" if number is None else number
        # A median may end in a half.
        out.append({name: f"{value:.1f}".removesuffix(".0") if isinstance(value, float)
                    else str(value) for name, value in row.items()})
    return sorted(out, key=lambda row: (moment(row["first_seen"]), row["uuid"]))


# What the second implementation leaves to the tests of flow_summary.
JUDGED = {"opened_here", "sent_bytes", "received_bytes", "mean_rate_bytes_per_s", "why",
          "why_share"}


def compare(got: list[dict[str, str]], expected: list[dict[str, str]], exact: bool,
            what: str) -> None:
    check([r["uuid"] for r in got] == [r["uuid"] for r in expected],
          f"{what}: {len(got)} rows of {len(expected)}, or another order")
    for one, other in zip(got, expected):
        check(set(one) == set(other) | JUDGED, f"{what}: columns {set(one) ^ set(other)}")
        for name, value in other.items():
            if name == "closed" and value == "?":
                continue
            same = one[name] == value
            if not exact and name in ("median_rtt_us", "p95_rtt_us"):
                same = abs(float(one[name]) - float(value)) <= 0.03 * float(value)
            check(same, f"{what}: {one['uuid']}: {name} is {one[name]!r}, not {value!r}")


def same_as_ls(got: list[dict[str, str]], folder: Path) -> None:
    """What both tell is the same, the ways of ending among them."""
    text = subprocess.run([DUMP, "ls", "--csv", folder], capture_output=True, text=True,
                          check=True).stdout
    listed = {r["uuid"]: r for r in csv.DictReader(io.StringIO(text))}
    check(len(listed) == len(got), f"ls has {len(listed)} connections, the table {len(got)}")
    for row in got:
        other = listed[row["uuid"]]
        for name in JUDGED - {"opened_here", "mean_rate_bytes_per_s", "why_share"} | {
                "closed", "state", "gaps", "opened", "ended", "netns", "cong", "min_rtt_us",
                "median_rtt_us", "duration_s", "cgroup", "container", "pod", "pid", "comm",
                "executable", "owner"}:
            check(row[name] == other[name], f"ls: {row['uuid']}: {name} {row[name]!r}, "
                                            f"{other[name]!r}")
        check(row["records"] == other["snapshots"], f"ls: {row['uuid']}: records")
    ends = {row["closed"] for row in got}
    check(ends >= {"", "fin_local", "fin_remote", "timeout"}, f"ends: {ends}")


def by_owner(folder: Path, expected: list[dict[str, str]]) -> None:
    """--cgroup and --comm, which add up within each and both must match."""
    for flags, holds in (
            (("--cgroup", "*web.service"), lambda r: r["unit"] == "web.service"),
            (("--cgroup", "*pod*", "--cgroup", "/system.slice/docker-*"), lambda r: r["container"]),
            (("--comm", "web"), lambda r: r["comm"] == "web"),
            (("--comm", "*"), lambda r: r["owner"]),
            (("--comm", "web", "--cgroup", "/kube*"), lambda r: False)):
        wanted = [r["uuid"] for r in expected if holds(r)]
        check([r["uuid"] for r in rows(*flags, folder)] == wanted, f"{flags}: not {len(wanted)}")
        done = subprocess.run([DUMP, "ls", "--csv", *flags, folder], capture_output=True, text=True,
                              check=True)
        listed = {r["uuid"] for r in csv.DictReader(io.StringIO(done.stdout))}
        check(listed == set(wanted), f"ls {flags}: {len(listed)}, not {len(wanted)}")


def whole_table(folder: Path) -> None:
    dice = random.Random(5)
    for number in range(60):
        connection(folder, number, dice)
    expected = second_implementation(folder)
    exact = rows("--exact", folder)
    compare(exact, expected, True, "--exact")
    by_owner(folder, expected)
    compare(rows(folder), expected, False, "quantiles")
    same_as_ls(exact, folder)
    # Files in any order, by any number of threads.
    usual = run("--exact", folder).stdout
    paths = sorted(folder.glob("*.jsonl"))
    for turn in range(4):
        shuffled = paths[::-1] if turn == 0 else dice.sample(paths, len(paths))
        done = run("--exact", "-j", turn + 1, *shuffled)
        check(done.stdout == usual, f"order {turn}: another table")
    check(run("--exact", "-j", "3", folder).stdout == usual, "-j 3: another table")
    # As JSON the same values.
    made = run("--exact", "--format", "jsonl", folder).stdout.splitlines()
    for text, row in zip(made, exact):
        members = json.loads(text, parse_float=str, parse_int=str)
        as_cells = {k: str(int(v)) if isinstance(v, bool) else v for k, v in members.items()}
        check({k: v for k, v in row.items() if v} == as_cells, f"jsonl: {row['uuid']}")


# --- summaries in segments ---------------------------------------------------------------------

def pack(folder: Path, to: Path) -> list[Path]:
    subprocess.run([DUMP, "pack", "-q", "-o", to, folder], check=True)
    return sorted(to.glob("*.tcpseg.zst"))


def without_quantiles(got: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k not in ("median_rtt_us", "p95_rtt_us")}
            for row in got]


def reads_records(*command: object) -> bool:
    """Whether it finds damage that is in a segment's records alone."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    check(done.returncode in (0, 1), f"{command}: {done.stderr}")
    return done.returncode == 1


def same_of_summaries(folder: Path, packed: Path, what: str, slow: list[dict[str, str]]) -> None:
    """Both tools say the same of segments, with their summaries, and of archives; `slow`: what the
    second implementation does."""
    expected = rows("--exact", folder)
    check(rows("--exact", packed) == expected, f"{what}: --exact")
    got = rows(packed)
    check(without_quantiles(got) == without_quantiles(expected), f"{what}: the table")
    compare(got, slow, False, f"{what}: quantiles")
    for flags in (["-j", "3"], ["--since", "2023-11-01"], ["--until", "2023-12-01"]):
        check(rows(*flags, packed) == got, f"{what}: {flags}")

    def listed(*flags: str, of: Path) -> list[dict[str, str]]:
        text = subprocess.run([DUMP, "ls", "--csv", *flags, of], capture_output=True, text=True,
                              check=True).stdout
        return list(csv.DictReader(io.StringIO(text)))

    def without(which: list[str], all_rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{k: v for k, v in row.items() if k not in which} for row in all_rows]
    of_archives = listed(of=folder)
    check(listed("--exact", of=packed) == of_archives, f"{what}: ls --exact")
    unsure = ["median_rtt_us", "missed_polls_at_most"]
    check(without(unsure, listed(of=packed)) == without(unsure, of_archives), f"{what}: ls")
    missed = ["--columns", "uuid,missed_polls_at_most"]
    check(listed(*missed, of=packed) == listed(*missed, of=folder), f"{what}: ls of missed polls")


def cut_index(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-int.from_bytes(data[-12:-8], "little")])


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def summaries(folder: Path, scratch: Path) -> None:
    archives = scratch / "archives"
    archives.mkdir()
    for path in folder.glob("*.jsonl"):
        (archives / path.name).write_bytes(path.read_bytes())
    whole = pack(archives, scratch / "whole")
    check(len(whole) == 1, f"{len(whole)} segments")
    slow = second_implementation(archives)
    same_of_summaries(archives, scratch / "whole", "packed", slow)

    # Archives that go on in a second and a third segment.
    grown, parts = scratch / "grown", scratch / "parts"
    grown.mkdir()
    dice = random.Random(9)
    for path in sorted(archives.iterdir()):
        lines = path.read_text().splitlines(keepends=True)
        cuts = sorted(dice.randint(2, max(2, len(lines))) for _ in range(2))
        (scratch / path.name).write_text(f"{cuts[0]} {cuts[1]}")
        (grown / (path.name + ".part")).write_text("".join(lines[:cuts[0]]))
    for turn in (1, 2):
        check(len(pack(grown, parts)) == turn, f"segment {turn}")
        for path in sorted(archives.iterdir()):
            cuts = [*map(int, (scratch / path.name).read_text().split()), 1 << 30]
            lines = path.read_text().splitlines(keepends=True)
            (grown / (path.name + ".part")).write_text("".join(lines[:cuts[turn]]))
    check(len(pack(grown, parts)) == 3, "segment 3")
    same_of_summaries(grown, parts, "in three segments", slow)
    done = subprocess.run([DUMP, "verify", *whole, parts], capture_output=True, text=True,
                          check=False)
    check("summar" not in done.stdout, f"verify: {done.stdout}")

    # Without an index records are read, between summaries of the same connections, too.
    cut_index(sorted(parts.iterdir())[1])
    same_of_summaries(grown, parts, "records between summaries", slow)
    data = whole[0].read_bytes()
    unfinished = scratch / "unfinished.tcpseg.zst"
    unfinished.write_bytes(data)
    cut_index(unfinished)
    check(without_quantiles(rows(unfinished)) == without_quantiles(rows("--exact", archives)),
          "without an index")
    # Damage in a record is seen by those who read records.
    damaged = scratch / "damaged.tcpseg.zst"
    damaged.write_bytes(data)
    flip(damaged, 5000)
    check(not reads_records(CSV, "--connections", damaged), "summaries alone: the table")
    check(not reads_records(DUMP, "ls", damaged), "summaries alone: ls")
    for flags in (["--exact"], ["--dport", "443"], ["--since", "2023-11-14T22:14:00Z"],
                  ["--until", "2023-11-14T22:15:00Z"], ["--uuid", "host"]):
        check(reads_records(CSV, "--connections", *flags, damaged), f"the table: {flags}")
        check(reads_records(DUMP, "ls", *flags, damaged), f"ls: {flags}")
    check(reads_records(DUMP, "ls", "--sort", "missed_polls", damaged), "ls by missed polls")
    # Of damaged summaries the records are read.
    at = data.rindex(b"\x28\xb5\x2f\xfd") + 40
    damaged.write_bytes(data)
    flip(damaged, at)
    check(reads_records(CSV, "--connections", damaged), "damaged summaries")
    told = subprocess.run([DUMP, "verify", damaged], capture_output=True, text=True, check=False)
    check(told.returncode == 1 and "summaries" in told.stdout, f"verify: {told.stdout}")


# --- flags --------------------------------------------------------------------------------------

def flags(folder: Path) -> None:
    listed = run("--list-columns").stdout.splitlines()
    names = [text.split("\t")[0] for text in listed[1:]]
    check(listed[0].split("\t") == ["name", "type", "unit", "first_kernel", "meaning"], "head")
    check(run(folder).stdout.splitlines()[0] == ",".join(names), "--list-columns and the header")
    few = run("--columns", "uuid,*_limited_us", "--columns", "cong", folder).stdout.splitlines()
    check(few[0] == "uuid,rwnd_limited_us,sndbuf_limited_us,cong", f"--columns: {few[0]}")
    check("\t" in run("--format", "tsv", folder).stdout, "--format tsv")
    epoch = rows("--time", "epoch", "--columns", "first_seen", folder)
    check(all(float(r["first_seen"]) >= 1.7e9 for r in epoch), "--time epoch")
    for wrong in (["--exact", "--compat", "mlab"], ["--compat", "mlab"], ["--sentinels", "keep"],
                  ["--every", "1s"], ["--columns", "sequence"], ["--columns", "nothing"]):
        done = run(*wrong, folder)
        check(done.returncode == 2 and not done.stdout, f"{wrong}: status {done.returncode}")
    alone = subprocess.run([CSV, "--exact", folder], capture_output=True, text=True, check=False)
    check(alone.returncode == 2 and "--connections" in alone.stderr, f"--exact: {alone.stderr}")


def filters(folder: Path) -> None:
    everything = rows(folder)
    one = everything[7]
    check(rows("--uuid", one["uuid"], folder) == [one], "--uuid")
    check(rows("--dport", one["dport"], folder)
          == [r for r in everything if r["dport"] == one["dport"]], "--dport")
    for state in ("close-wait", "fin-wait-1", "established"):
        name = {"fin-wait-1": "FIN_WAIT1"}.get(state, state.upper().replace("-", "_"))
        check(rows("--state", state, folder) == [r for r in everything if r["state"] == name],
              f"--state {state}")
    # Records of a time: the row is of these alone.
    middle = "2023-11-14T22:17:30Z"
    total = sum(int(r["records"]) for r in everything)
    early, late = rows("--until", middle, folder), rows("--since", middle, folder)
    check(sum(int(r["records"]) for r in early + late) == total, "--until and --since part records")
    check(all(moment(r["last_seen"]) >= moment(middle) for r in late), "--since")
    missing = run("--uuid", "nobody_1_0000000000000001", folder)
    check(missing.returncode == 1 and "nobody" in missing.stderr, "--uuid of none")


def faults(folder: Path) -> None:
    """What is wrong is said with file and line; all that is good counts."""
    good = metadata("a_1_0000000000000001", 0, 0, "r") + record(1, cookie=1) + record(2, cookie=1)
    path = write(folder, "damaged.jsonl", good + "no JSON\n" + record(3, cookie=1))
    done = run("--columns", "uuid,records", path)
    check(done.stdout == "uuid,records\na_1_0000000000000001,3\n", f"damaged: {done.stdout}")
    check(done.returncode == 1 and f"{path}:4" in done.stderr, f"damaged: {done.stderr}")
    strict = run("--strict", "--columns", "uuid,records", path)
    check(strict.returncode == 1 and strict.stdout == "uuid,records\n",
          f"--strict: {strict.stdout}")
    out = folder / "out.csv"
    run("--strict", "-o", out, path)
    check(not out.exists(), "--strict: a table that is cut short gets no name")
    check(run("-o", out, path).returncode == 1 and out.read_text().count("\n") == 2, "-o")
    none = run(folder / "not there")
    check(none.returncode == 1 and none.stdout.count("\n") == 1, "a file that is not there")
    # Standard input, and two connections one behind the other.
    both = good + metadata("a_1_0000000000000002", 0, 5, "r") + record(6, cookie=2)
    check(run("--columns", "uuid,records", given=both.encode()).stdout
          == "uuid,records\na_1_0000000000000001,2\na_1_0000000000000002,1\n", "standard input")


def in_database(folder: Path) -> None:
    """SQLite is at hand, and takes every value."""
    with sqlite3.connect(":memory:") as database:
        database.executescript(run("--ddl", "sqlite").stdout)
        table = list(csv.reader(io.StringIO(run(folder).stdout)))
        places = ",".join("?" * len(table[0]))
        database.executemany(f"insert into tcpinfo_connections_csv values ({places})", table[1:])
        got = database.execute("select count(*), sum(bytes_received), count(opened) "
                               "from tcpinfo_connections").fetchone()
        made = [dict(zip(table[0], row)) for row in table[1:]]
        check(got == (len(made), sum(int(r["bytes_received"]) for r in made),
                      sum(bool(r["opened"]) for r in made)), f"SQLite: {got}")
    names = table[0]
    for database_name in ("postgresql", "duckdb", "clickhouse", "bigquery", "clickhouse-plain"):
        sql = run("--ddl", database_name).stdout
        columns = [text.split()[0] for text in sql.partition("\n)")[0].splitlines()[2:]]
        check(columns == names, f"--ddl {database_name}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "table"
        table.mkdir()
        whole_table(table)
        flags(table)
        filters(table)
        summaries(table, folder)
        in_database(table)
        faults(folder)
    finish()


main()
