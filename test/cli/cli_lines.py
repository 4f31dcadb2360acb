# SPDX-License-Identifier: Apache-2.0
"""Command lines of the reading tools: times, states, ports, addresses, filters given more than
once, and what ls shows.

usage: cli_lines.py TCPINFO-DUMP TCPINFO-CSV
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, CLOSE_WAIT, UUID, archive, metadata, record

DUMP, CSV = map(os.path.abspath, sys.argv[1:3])
OTHER = UUID[:-2] + "CD"


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, cwd=cwd,
                          capture_output=True, text=True, timeout=60, check=False)


def rtts(*flags: str | Path) -> tuple[str, str]:
    """What csv and dump print for the same flags: each record's round-trip time."""
    table = run(CSV, "--columns", "rtt_us", *flags).stdout.split()[1:]
    shown = [str(json.loads(line).get("rtt_us", 0))
             for line in run(DUMP, "--json", *flags).stdout.splitlines()]
    return "".join(table), "".join(shown)


def passes(expected: str, *flags: str | Path) -> None:
    got = rtts(*flags)
    check(got == (expected, expected), f"{flags}: {got}, not {expected}")


def refused(words: str, *flags: str, tools: tuple[tuple[str, ...], ...] = ((CSV,), (DUMP,),
                                                                         (DUMP, "ls"))) -> None:
    for tool in tools:
        done = run(*tool, *flags, *([] if "live" in tool else ["/nowhere"]))
        check(done.returncode == 2 and done.stdout == "" and words in done.stderr
              and done.stderr.count("\n") == 1, f"{tool[1:]} {flags}: {done}")


# --- Times ------------------------------------------------------------------------------------

def test_times(folder: Path) -> None:
    # Records at 22:13:20 to 22:13:29 on 2023-11-14.
    path = archive(folder, 0, metadata() + "".join(record(n, rtt=n) for n in range(10)))
    for since in ("2023-11-14T22:13:27Z", "2023-11-14t22:13:27z", "2023-11-14 22:13:27 UTC",
                  "2023-11-14T23:13:27+0100", "2023-11-14 23:13:27 +01:00", "1700000007",
                  "@1700000007", "1700000006.5"):
        passes("789", "--since", since, path)
    passes("0123456789", "--since", "2023-11-14T22:13Z", path)
    passes("0123456789", "--since", "20231114", "--until", "20231115", path)
    passes("", "--since", "20231115", path)
    passes("", "--since", "20260131", path)
    passes("", "--until", "20231114", path)
    passes("", "--since", "-1h", path)
    passes("0123456789", "--until", "-1h", path)
    passes("0123456789", "--until=yesterday", path)
    # Of times the last one counts.
    passes("89", "--since", "1700000001", "--since", "1700000008", path)

    now = datetime.datetime.now(datetime.timezone.utc)
    late = archive(folder, 1, metadata(1) + "".join(
        record((now - datetime.timedelta(hours=n)).timestamp() - 1700000000, rtt=n)
        for n in (3, 1)) + record(now.timestamp() - 1700000000 + 3600, rtt=9))
    passes("19", "--since", "-2h", late)
    passes("31", "--until", "now", late)
    passes("1", "--since", "-2h", "--until", "now", late)
    passes("319", "--since", "yesterday", late)

    refused("'20261331' is no date", "--since", "20261331")
    refused("@1769860800.123", "--since", "1769860800123")
    for number in ("0", "2026", "12345678901"):
        refused(f"write seconds since 1970 as @{number}, a date as 2026-01-31", "--until", number)
    refused("'tomorrow' is no time (examples: ", "--until", "tomorrow")
    refused("--since: '2023-11-15' is not before --until '2023-11-14'", "--since", "2023-11-15",
            "--until", "2023-11-14")
    refused("is not before --until", "--since", "now", "--until", "-1s")
    refused("is not before --until", "--since", "20231114", "--until", "2023-11-14")


# --- States, ports, addresses -----------------------------------------------------------------

def test_lists(folder: Path) -> None:
    states = {1: 1, 2: 2, 3: 6, 4: 7, 5: 8}
    path = archive(folder, 0, metadata() + "".join(
        record(n, rtt=n, state=state) for n, state in states.items()))
    for words, expected in {
            "established": "1", "TCP_SYN_SENT": "2", "time-wait": "3", "TCP_TIME_WAIT": "3",
            "closed": "4", "unconnected": "4", "all": "12345", "connected": "1235",
            "synchronized": "135", "bucket": "3", "big": "1245", "close-wait, syn-sent": "25",
            }.items():
        passes(expected, "--state", words, path)
    refused("'open' is no TCP state: they are established, syn-sent, syn-recv, fin-wait-1, "
            "fin-wait-2, time-wait, closed, close-wait, last-ack, listening, closing",
            "--state", "established,open")
    refused("groups of them all, connected, synchronized, bucket, big", "--state", "open")

    refused("'https' is no number: names of services are not looked up", "--port", "80,https")
    refused("'9-8' ends before it begins", "--dport", "9-8")
    refused("'10.0.0.5/8' has bits beyond the first 8: 10.0.0.0/8?", "--host", "::1,10.0.0.5/8")
    refused("'[::1]:443' has a port", "--src", "[::1]:443")
    refused("'fe80::1%eth0': records know interfaces by their number", "--dst", "fe80::1%eth0")
    passes("12345", "--port", "1,5000-5300", path)
    passes("", "--port", "5202-5300", path)
    passes("12345", "--host", "[::1], 198.51.100.9", path)
    passes("", "--host", "[::1]", path)

    # An interface behind an address: the records' own is none, which is 0.
    passes("12345", "--host", "198.51.100.9%0", path)
    passes("", "--host", "198.51.100.9%3", path)


def test_live() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        # Bound to an interface, which needs a privilege from Linux 5.7 on where it is bound anew.
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
            client.connect(server.getsockname())
            with server.accept()[0]:
                index = socket.if_nametoindex("lo")
                for host, count in (("127.0.0.1%lo", 1), (f"127.0.0.1%{index}", 1),
                                    (f"127.0.0.1%{index + 1000}", 0), ("127.0.0.1", 2)):
                    done = run(DUMP, "live", "--json", "--port", port, "--host", host)
                    check(len(done.stdout.splitlines()) == count and done.returncode == 0,
                          f"live --host {host}: {done}")
                both = run(DUMP, "live", "--json", "--sport", port, "--dport", "1",
                           "--dport", str(client.getsockname()[1]))
                check(len(both.stdout.splitlines()) == 1, f"live: filters twice: {both}")
                rows = [json.loads(line) for line in run(
                    DUMP, "live", "--json", "--port", port, "--state", "all").stdout.splitlines()]
                check(sorted(row["state"] for row in rows)
                      == ["ESTABLISHED", "ESTABLISHED", "LISTEN"], f"live --state all: {rows}")
                cookie = f"{rows[0]['cookie']:x}"
                for uuid in (cookie, "sk:" + cookie, f"any_{int(cookie, 16):016X}"):
                    done = run(DUMP, "live", "--json", "--state", "all", "--uuid", uuid)
                    check(done.returncode == 0 and len(done.stdout.splitlines()) == 1,
                          f"live --uuid {uuid}: {done}")
                # It is there, and another filter leaves nothing of it.
                for verb in (("live",), ("top", "--interval", "100ms", "--rounds", "1")):
                    done = run(DUMP, *verb, "--state", "all", "--uuid", cookie, "--src",
                               "192.0.2.77")
                    check(done.returncode == 0 and "no connection" not in done.stderr
                          and done.stderr.count("nothing passes the filters") == 1,
                          f"{verb} --uuid, of another address: {done}")
    refused("there is no interface 'nope0'", "--host", "fe80::1%nope0", tools=((DUMP, "live"),))
    done = run(DUMP, "live", "--uuid", "FFFFFFFFFFFFFFF0")
    check(done.returncode == 1 and done.stdout == ""
          and "no connection 'FFFFFFFFFFFFFFF0' was found" in done.stderr,
          f"live: no such UUID: {done}")


# --- Nothing passes ---------------------------------------------------------------------------

def test_nothing_passes(folder: Path) -> None:
    """Every tool that filters says how many records came and that none passed, on standard error
    alone, and its exit status does not change."""
    day = folder / "2023/11/14"
    day.mkdir(parents=True)
    archive(day, 0, metadata() + "".join(record(n, n, rtt=n, dport=5201) for n in range(1, 6)))
    out = ["-o", str(folder / "out")]
    tools = ((DUMP,), (DUMP, "--json"), (DUMP, "ls"), (DUMP, "ls", "--json"),
             (DUMP, "ls", "--exact"), (DUMP, "why"), (DUMP, "why", "--json"),
             (DUMP, "summary"), (DUMP, "summary", "--json"),
             (CSV,), (CSV, "--format", "jsonl"), (CSV, "--connections"), (CSV, "--grid", "1s"),
             (CSV, "--format", "parquet", *out))
    said = "of 5 records nothing passes the filters\n"
    for flags in (("--port", "1"), ("--state", "syn-sent"), ("--since", "2023-11-14T23:00"),
                  ("--host", "203.0.113.0/24", "--dport", "5201"), ("--comm", "nginx"),
                  ("--uuid", UUID, "--sport", "1")):
        for tool in tools:
            if "--grid" in tool and "--state" in flags:
                continue
            done = run(*tool, *flags, folder)
            check(done.returncode == 0 and done.stderr.endswith(f": {said}")
                  and done.stderr.count("\n") == 1 and "filters" not in done.stdout,
                  f"{tool[1:]} {flags}: {done}")
    done = run(DUMP, "plot", "--port", "1", folder)
    check(done.returncode == 1 and said in done.stderr and not done.stdout, f"plot: {done}")
    done = run(DUMP, "compare", "--port", "1", folder, folder)
    check(done.returncode == 1 and said in done.stderr and not done.stdout, f"compare: {done}")
    done = run(DUMP, "follow", "--from-start", "--duration", "10ms", "--port", "1", folder)
    check(done.returncode == 0 and done.stderr.endswith(said), f"follow: {done}")
    # What was not opened was not counted: its name says that it is of another day.
    os.utime(next(day.iterdir()), (1700000000, 1700000000))
    for tool in tools:
        done = run(*tool, "--since", "2023-12-01", folder)
        check(done.returncode == 0 and "of 0 records nothing passes" in done.stderr
              and "unread" in done.stderr, f"{tool[1:]}: of another day: {done}")
    # Where some pass, where there is no filter, and where there is nothing, nothing is said.
    (folder / "empty").mkdir()
    for tool in tools:
        for arguments in (["--port", "5201", folder], [folder], ["--port", "1", folder / "empty"]):
            done = run(*tool, *arguments)
            check(done.returncode == 0 and not done.stderr, f"{tool[1:]} {arguments}: {done}")


def test_live_nothing_passes() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            for verb in (("live",), ("live", "--json", "--interval", "10ms", "--reps", "3"),
                         ("top", "--interval", "100ms", "--rounds", "3")):
                done = run(DUMP, *verb, "--src", "192.0.2.77")
                check(done.returncode == 0 and done.stderr.count("nothing passes the filters") == 1
                      and " sockets nothing passes" in done.stderr, f"{verb}: {done}")
    done = run(DUMP, "live", "--reps", "3")
    check(done.returncode == 2 and "--interval" in done.stderr and "--reps" in done.stderr,
          f"live --reps alone: {done}")


# --- Filters more than once -------------------------------------------------------------------

def test_more_than_once(folder: Path) -> None:
    path = archive(folder, 0, "".join(
        metadata(0, UUID[:-4] + f"{n:04X}")
        + record(n, rtt=n, dport=100 + n, cookie=n, state=CLOSE_WAIT if n > 5 else 1)
        for n in range(1, 8)))
    passes("136", "--port", "101,103", "--port", "106", path)
    passes("16", "--dport", "101", "--dport", "106", path)
    passes("1234567", "--sport", "1", "--sport", "443", path)
    passes("1234567", "--host", "10.0.0.0/8", "--host", "192.0.2.1", path)
    passes("1234567", "--src", "192.0.2.1", "--src", "::1", path)
    passes("1234567", "--dst", "::1", "--dst", "198.51.100.0/24", path)
    passes("12345" + "67", "--state", "established", "--state", "close-wait", path)
    # Different filters must all hold.
    passes("6", "--state", "close-wait", "--dport", "101", "--dport", "106", path)
    passes("27", "--uuid", UUID[:-4] + "0002", "--uuid", "7", path)
    table = run(CSV, "--columns", "rtt_us", "--columns", "uuid, poll", "--columns", "rtt_us", path)
    check(table.stdout.splitlines()[0] == "rtt_us,uuid,poll", f"--columns twice: {table}")
    # Of single values the last one counts.
    one = run(CSV, "--format", "tsv", "--format", "csv", "--columns", "uuid,poll", path)
    check(one.stdout.startswith("uuid,poll\n"), f"--format twice: {one}")
    for flag in ("--uuid", "--port", "--host", "--state"):
        refused(f"{flag}", flag, "")
        item = "::1" if flag == "--host" else "closed" if flag == "--state" else "1"
        refused(f"{flag}: an item is empty", flag, f"{item},,{item}")


def test_uuid(folder: Path) -> None:
    path = archive(folder, 0, metadata() + record(1, rtt=1))
    archive(folder, 0, metadata(0, OTHER) + record(2, rtt=2, cookie=0xCD), OTHER)
    for uuid in (UUID, "00000000000000AB", "ab", "sk:ab", "0xAB"):
        for where in (folder, path):
            passes("1", "--uuid", uuid, where)
            rows = run(DUMP, "ls", "--json", "--uuid", uuid, where)
            check(json.loads(rows.stdout)["uuid"] == UUID, f"ls --uuid {uuid}: {rows}")
    says = "no connection 'AC' was found"
    for tool in ((CSV,), (CSV, "-j", "3"), (CSV, "--compat=mlab"), (DUMP,), (DUMP, "ls")):
        done = run(*tool, "--uuid", "AC,AB", folder)
        check(done.returncode == 1 and done.stdout and done.stderr.count("\n") == 1
              and says in done.stderr, f"{tool[1:]}: one of two is unknown: {done}")
        # Known, though other filters leave nothing of it.
        done = run(*tool, "--uuid", "AB", "--until", "2020-01-01", folder)
        check(done.returncode == 0 and "no connection" not in done.stderr
              and "nothing passes" in done.stderr, f"{tool[1:]}: known: {done}")
    table = folder / "table.csv"
    done = run(CSV, "-o", table, "--uuid", "AC", folder)
    check(done.returncode == 1 and table.read_text().count("\n") == 1, f"-o: {done}")


# --- ls ---------------------------------------------------------------------------------------

def on_terminal(columns: int, *flags: str | Path, stdout: bool = True) -> tuple[str, str]:
    """What comes out on a terminal so wide; and on standard output where that is none."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([DUMP, *map(str, flags)], stdin=subprocess.DEVNULL, stderr=slave,
                          stdout=slave if stdout else subprocess.PIPE,
                          env={**os.environ, "TERM": "xterm", "NO_COLOR": ""}) as process:
        os.close(slave)
        rest: list[bytes] = []
        if process.stdout is not None:
            reading = threading.Thread(target=lambda: rest.append(process.stdout.read()))
            reading.start()
        text = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # how a terminal's end shows
                break
            if not piece:
                break
            text += piece
        process.wait(20)
        if process.stdout is not None:
            reading.join()
    os.close(master)
    return text.decode(), b"".join(rest).decode()


def test_ls_columns(folder: Path) -> None:
    archive(folder, 0, metadata(opened=0) + record(1, sent=500, acked=501)
            + record(9, state=CLOSE, sent=500, acked=501))
    archive(folder, 0, metadata(0, OTHER) + record(2, cookie=0xCD, sent=900, acked=901), OTHER)
    for columns in (40, 80, 132, 400):
        text, _ = on_terminal(columns, "ls", folder)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r\n", "\n").splitlines()
        table = [line for line in lines if not line.startswith("tcpinfo-dump: ")]
        check(len(table) == 3 and all(len(line) <= columns for line in table),
              f"{columns} columns: {lines}")
        check("REMOTE" in table[0] and "UUID" not in table[0] and "OPENED" not in table[0],
              f"{columns} columns: {table[0]}")
        check("SENT" in table[0] or columns == 40, f"{columns} columns: {table[0]}")
        check("NET%" in table[0] or columns < 400, f"{columns} columns: {table[0]}")
        check(re.search(r"tcpinfo-dump: \d+ columns do not fit this terminal", lines[-1]),
              f"{columns} columns: nothing is said of the others: {lines}")
    # Asked for, they are there.
    text, _ = on_terminal(40, "ls", "--columns", "uuid,opened", "--columns", "ended", folder)
    check(re.sub(r"\x1b\[[0-9;]*m", "", text).split()[:3] == ["UUID", "OPENED", "ENDED"]
          and UUID in text and "do not fit" not in text, f"--columns on a terminal: {text!r}")
    # Elsewhere all are.
    head = run(DUMP, "ls", folder).stdout.splitlines()[0].split()
    check({"UUID", "OPENED", "ENDED", "NET%", "DSACKS", "REORD"} <= set(head), f"ls: {head}")

    expected = "uuid,rwnd_limited_percent,sndbuf_limited_percent,network_limited_percent,sent_bytes"
    for flags in (["--columns", "uuid,*_limited_percent, sent"],
                  ["--columns", "uuid", "--columns", "*_limited_percent,uuid",
                   "--columns", "sent"]):
        table = run(DUMP, "ls", "--csv", *flags, folder).stdout.splitlines()
        check(table[0] == expected and len(table) == 3, f"ls --csv {flags}: {table}")
    rows = [json.loads(line) for line in run(
        DUMP, "ls", "--json", "--columns", "sent,uuid", "--sort", "sent", "-r",
        folder).stdout.splitlines()]
    check([list(row.items()) for row in rows]
          == [[("sent_bytes", 900), ("uuid", OTHER)], [("sent_bytes", 500), ("uuid", UUID)]],
          f"ls --json --columns: {rows}")
    refused("--columns: 'colour' is none of the columns: start, ", "--columns", "uuid,colour",
            tools=((DUMP, "ls"),))
    for flags, uuids in ((["--limit", "1"], [OTHER]), (["--limit", "2"], [OTHER, UUID]),
                         (["--limit", "0"], [OTHER, UUID]), (["--limit", "1", "-j", "4"], [OTHER])):
        done = run(DUMP, "ls", "--json", "--sort", "sent", "-r", *flags, folder)
        got = [json.loads(line)["uuid"] for line in done.stdout.splitlines()]
        check(got == uuids, f"ls {flags}: {got}")
    check(run(DUMP, "ls", "--limit", "1", folder).stdout.count("\n") == 2, "ls --limit: text")
    refused("--limit", "--limit", "x", tools=((DUMP, "ls"),))
    for text in ("-1", "x", "1.5", "0x10", "1e3", "18446744073709551616"):
        says = f"'{text}' is no number from 0 up"
        refused(f"--limit: {says}", f"--limit={text}", tools=((DUMP, "ls"),))
        refused(f"--reps: {says}", f"--reps={text}", tools=((DUMP, "live"),))
    refused("--jobs: 'x' is no number from 0 to 256", "-j", "x", tools=((DUMP, "ls"), (CSV,)))


def test_ls_where(folder: Path) -> None:
    """Conditions on columns: numbers in their unit or with another one, moments, texts, absent
    values."""
    for n in range(1, 7):
        uuid = UUID[:-4] + f"{n:04X}"
        about = json.loads(metadata(0, uuid, opened=n))
        if n < 4:
            about["Metadata"] |= {"Comm": f"nginx{n}", "Pid": str(n)}
        archive(folder, 0, json.dumps(about, separators=(",", ":")) + "\n"
                + record(n, n, rtt=n * 1000, cookie=n, dport=100 + n, acked=n * 1000 + 1)
                + record(n + n, n + n, rtt=n * 1000, cookie=n, dport=100 + n, acked=n * 1000 + 1,
                         state=CLOSE_WAIT if n == 6 else 1), uuid)

    def listed(*conditions: str, flags: tuple[str, ...] = ()) -> str:
        asked = [word for c in conditions for word in ("--where", c)]
        done = run(DUMP, "ls", "--json", *asked, *flags, folder)
        check(done.returncode == 0, f"{conditions}: {done}")
        return "".join(json.loads(line)["uuid"][-1] for line in done.stdout.splitlines())

    for condition, expected in {
            "median_rtt_us>3000": "456", "median_rtt > 3ms": "456", "median_rtt>=3ms": "3456",
            "median_rtt<0.003s": "12", "median_rtt<2500": "12", "median_rtt=2000": "2",
            "median_rtt!=2ms": "13456", "duration>=4": "456", "duration_s<=2s": "12",
            "duration>1500ms": "23456", "pid<=2": "12", "pid!=1": "23", "comm=nginx*": "123",
            "comm != nginx1": "23", "comm=nginx?": "123", "comm=NGINX1": "",
            "state=CLOSE_WAIT": "6",
            "remote=198.51.100.9:10[12]": "12", "start>=2023-11-14T22:13:24Z": "456",
            "start<1700000003": "12", "snapshots=2": "123456", "missed_polls<1": "123"}.items():
        check(listed(condition) == expected, f"{condition}: {listed(condition)}, not {expected}")
    check(listed("median_rtt>1ms", "median_rtt<4ms", "comm=*") == "23", "all must hold")
    check(listed("median_rtt>1ms", flags=("--port", "102,105")) == "25", "and filters")
    check(listed("median_rtt>1ms", flags=("--sort", "median_rtt", "-r", "--limit", "2")) == "65",
          "the first of those")
    for how in ((), ("--json",), ("--csv",)):
        done = run(DUMP, "ls", *how, "--where", "median_rtt>1s", folder)
        check(done.returncode == 0
              and done.stderr == "tcpinfo-dump: of 6 connections none meets --where\n", f"{done}")
    for condition, words in {
            "median_rtt": "none of = !=", "": "none of = !=", "nothing>1": "none of the columns",
            ">1": "none of the columns", "median_rtt>": "no value",
            "median_rtt>x": "'x' is no number", "median_rtt>1MB": "is no number",
            "sent>1ms": "is no number", "comm>a": "compared by = and",
            "start>noon": "noon", "median_rtt>nan": "no number",
            "snapshots>1ms": "no number"}.items():
        refused("--where: ", "--where", condition, tools=((DUMP, "ls"),))
        refused(words, "--where", condition, tools=((DUMP, "ls"),))


def test_ls_jobs(folder: Path) -> None:
    """The same text and the same faults, however many files are read at a time."""
    for number in range(60):
        uuid = f"h_1_{number + 1:016X}"
        for sequence in (0, 1):
            archive(folder, sequence, metadata(sequence, uuid)
                    + "".join(record(sequence * 50 + n, poll=sequence * 50 + n, cookie=number + 1,
                                     sent=n, acked=n + 1) for n in range(40))
                    + ("garbage\n" if number % 9 == 0 else ""), uuid)
    one = run(DUMP, "ls", "--csv", folder)
    check(one.stdout.count("\n") == 61 and one.stderr.count("\n") == 14, f"ls: {one.stderr}")
    for jobs in ("0", "3", "16"):
        many = run(DUMP, "ls", "--csv", "-j", jobs, folder)
        check((many.stdout, many.stderr, many.returncode)
              == (one.stdout, one.stderr, one.returncode), f"ls -j {jobs} is another")


def test_ls_progress(folder: Path) -> None:
    """Drawn while it reads; gone before the table. A named pipe holds it up."""
    pipe = folder / "pipe.jsonl"
    os.mkfifo(pipe)
    content = (metadata() + record(1)).encode()

    def feed() -> None:
        with open(pipe, "wb") as to:
            to.write(content)
            to.flush()
            # The line is drawn from the second second on.
            time.sleep(1.5)

    for flags, shown in (([], True), (["--no-progress"], False)):
        feeding = threading.Thread(target=feed, daemon=True)
        feeding.start()
        text, rows = on_terminal(100, "ls", "--json", *flags, pipe, stdout=False)
        feeding.join(20)
        check(f'"uuid":"{UUID}"' in rows, f"ls with progress: {rows!r}")
        drawn = re.search(r"\r0 files  0\.0 MB  \d+ records/s\x1b\[K", text)
        check(bool(drawn) == shown, f"ls {flags}: {text!r}")
        check(not shown or text.endswith("\r\x1b[K"), f"ls {flags}: left: {text!r}")


def test_colour(folder: Path) -> None:
    path = archive(folder, 0, metadata() + record(0))
    for command in ([], ["ls"]):
        for when, coloured in (("always", True), ("auto", False), ("never", False)):
            for flags in (["--color", when], [f"--color={when}"],
                          ["--color=auto", "--color", when]):
                done = run(DUMP, *command, *flags, path)
                check(("\x1b[" in done.stdout) == coloured, f"{command} {flags}: {done}")
        done = subprocess.run([DUMP, *command, "--color=always", path], capture_output=True,
                              check=False, env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"})
        check(b"\x1b[" in done.stdout, f"{command}: asked for, in spite of NO_COLOR")
        text, _ = on_terminal(80, *command, "--color=never", path)
        check("\x1b[" not in text, f"{command} --color=never on a terminal: {text!r}")
    done = run(DUMP, "live", "--color=always", "--state", "all")
    check("\x1b[" in done.stdout or not done.stdout, f"live --color=always: {done}")
    refused("--color: 'blue' is none of auto, always, never", "--color", "blue",
            tools=((DUMP,), (DUMP, "ls"), (DUMP, "live")))


def test_missed(folder: Path) -> None:
    every = folder / "every"
    every.mkdir()
    archive(every, 0, metadata() + "".join(record(n, poll=n) for n in range(1, 6)))
    done = run(DUMP, "verify", every)
    check("missed" not in done.stdout and "1 runs, 5 polls, 0 gaps" in done.stdout,
          f"verify: no poll was missed: {done.stdout!r}")
    archive(every, 1, metadata(1) + record(9, poll=9))
    done = run(DUMP, "verify", every)
    check("6 polls, 3 polls without a record (nothing changed, or missed)" in done.stdout,
          f"verify: holes: {done.stdout!r}")


def main() -> None:
    for test in (test_times, test_lists, test_nothing_passes, test_more_than_once, test_uuid,
                 test_ls_columns, test_ls_where, test_ls_jobs, test_ls_progress, test_colour,
                 test_missed):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    if os.environ.get("TCPINFO_EMULATED") == "1":
        print("skipped: live sockets, under an emulator")
    else:
        test_live()
        test_live_nothing_passes()
    finish()


main()
