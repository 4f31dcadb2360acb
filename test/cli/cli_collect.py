# SPDX-License-Identifier: Apache-2.0
"""The command line of tcpinfo-collect: what it refuses, and how it ends.

usage: cli_collect.py COLLECTOR DENY_NETLINK
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from checks import BUSY_MACHINE, SAMPLING, check, finish

COLLECTOR, DENY = sys.argv[1:3]
SUMMARY_KEYS = ["polls", "missed_ticks", "interval_ms_p50", "interval_ms_p99", "interval_ms_max",
                "connections", "records", "bytes", "files", "losses"]

# Nothing here takes long. It ends what hangs, also on a machine that has a lot else to do.
HANGS = 60
# What is recorded is no question of how changes are found; and to load programs into the kernel and
# take them out again is to wait for all its processors: a second where they are busy.
QUICK = ("--sampling", "dump")

skips = 0


def run_raw(*command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False,
                              stdin=subprocess.DEVNULL, **more)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, "", f"(did not end within {HANGS} s)\n")


def run(*command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Without what it says of how it samples (test_sampling) and of a busy machine."""
    done = run_raw(*command, **more)
    done.stderr = without_asides(done.stderr)
    return done


def without_asides(said: str) -> str:
    return "".join(line for line in said.splitlines(keepends=True)
                   if not SAMPLING.match(line) and not BUSY_MACHINE.match(line))


def test_sampling() -> None:
    """Each start says once how it samples, and why not by events where they were not refused."""
    for flags, wanted in (
            ((), r"sampling by (events: .+|dumps, not by events: .+)"),
            (QUICK, r"sampling by dumps, as --sampling says")):
        with tempfile.TemporaryDirectory() as scratch:
            done = run_raw(COLLECTOR, "--output", scratch, "--reps", "1", *flags)
            if no_inet_diag(done):
                return
            lines = done.stderr.splitlines()
            check(done.returncode == 0 and len(lines) == 2
                  and re.fullmatch(f"tcpinfo-collect: {wanted}", lines[0])
                  and lines[1].startswith("tcpinfo-collect: summary: "),
                  f"a start with {flags}: {done.returncode} {done.stderr!r}")


def tree(root: Path) -> set[Path]:
    return set(root.glob("**/*"))


def check_one_line(what: str, done: subprocess.CompletedProcess[str], names: str) -> None:
    lines = done.stderr.splitlines()
    check(len(lines) == 1, f"{what}: {len(lines)} lines on stderr: {done.stderr!r}")
    check(re.search(names, done.stderr, re.IGNORECASE),
          f"{what}: the message does not name /{names}/: {done.stderr!r}")
    check(done.stdout == "", f"{what}: prints on stdout: {done.stdout[:200]!r}")


def refused(names: str, *flags: str) -> None:
    """Exit status 2, one line that names the problem, nothing created."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        # Whatever is not refused ends soon all the same.
        bounded = [] if flags[0].startswith("--duration") else ["--duration", "200ms"]
        done = run(COLLECTOR, "--output", str(output), *bounded, *flags)
        what = " ".join(flags)
        check(done.returncode == 2, f"{what}: exit status {done.returncode}, not 2")
        check_one_line(what, done, names)
        check(not tree(Path(scratch)), f"{what}: created {sorted(tree(Path(scratch)))}")


def test_usage() -> None:
    refused("no-such-flag", "--no-such-flag")
    refused("no-such-argument", "no-such-argument")
    for flag, short in (("interval", "10ms"), ("duration", "10s"), ("rotate", "10m"),
                        ("flush", "5s")):
        for value in ("", "-" + short, "garbage", "10", "10parsecs", "ms", "1e400s",
                      "99999999999999999999s", short + "x"):
            refused(flag, f"--{flag}={value}")
        refused(flag, f"--{flag}")
    for value in ("", "segment", "Segments", "files", "connections,segments"):
        refused("layout", f"--layout={value}")
    for value in ("0", "0ms", "0s"):
        refused("interval", f"--interval={value}")
    for value in ("-1", "x", "1.5", "99999999999999999999"):
        refused("reps", f"--reps={value}")
    for value in ("x", "-1000", "1000"):
        refused("level", f"--level={value}")
    for value in ("-1", "x", "100000"):
        refused("writers", f"--writers={value}")
    for value in ("70000", "65536", "-1", "http", "80,70000", "80,,81", "80-", ",", "90-80"):
        refused("exclude-srcport", f"--exclude-srcport={value}")
        # Each list is looked at, not the last one only.
        refused("exclude-srcport", f"--exclude-srcport={value}", "--exclude-srcport=80")
    for value in ("10.0.0.256", "10.0.0.0/33", "fd00::/129", "example.org", "10.0.0.1,,10.0.0.2",
                  "::ffff:10.0.0.0/129", "10.0.0.0/", "10.0.0.0/-1", ":::"):
        refused("exclude-dstip", f"--exclude-dstip={value}")
        refused("exclude-dstip", f"--exclude-dstip={value}", "--exclude-dstip=::1")


def test_prefix_file() -> None:
    refused("uuid-prefix-file|no-such-file", "--uuid-prefix-file", "/no-such-dir/no-such-file")
    refused("uuid-prefix-file|director", "--uuid-prefix-file", "/")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "prefix"
        for content in (b"", b"\n", b"a/b", b"a\0b", b"a\tb", b"a\nb", b"a\n\n", b"a\x7fb"):
            path.write_bytes(content)
            refused("prefix", "--uuid-prefix-file", str(path))
        if os.geteuid() != 0:
            path.write_bytes(b"good")
            path.chmod(0)
            refused("prefix", "--uuid-prefix-file", str(path))


def refused_with(message: str, *flags: str) -> None:
    """Refused, and the line says exactly this."""
    refused(re.escape(message), *flags)
    with tempfile.TemporaryDirectory() as scratch:
        done = run(COLLECTOR, "--output", scratch + "/out", "--duration", "200ms", *flags)
        check(done.stderr == f"tcpinfo-collect: {message}\n",
              f"{' '.join(flags)}: says {done.stderr!r}, not {message!r}")


def recorded(what: str, *flags: str) -> None:
    """Accepted: a short run ends well."""
    global skips
    with tempfile.TemporaryDirectory() as scratch:
        done = run(COLLECTOR, "--output", scratch + "/out", "--reps", "1", *QUICK, *flags)
        if no_inet_diag(done):
            skips += 1
            return
        check(done.returncode == 0 and done.stderr.startswith("tcpinfo-collect: summary: ")
              and len(done.stderr.splitlines()) == 1,
              f"{what}: exit status {done.returncode}: {done.stderr!r}")


def no_inet_diag(done: subprocess.CompletedProcess[str]) -> bool:
    if done.returncode != 1 or "inet_diag" not in done.stderr:
        return False
    print("SKIPPED: this kernel has no inet_diag:", done.stderr.strip())
    return True


def test_values() -> None:
    """Flags whose values are more than numbers: what is taken, and the exact words otherwise."""
    for flag, kind in (("exclude-file", "FILE"), ("anonymize", "HOW"), ("file-mode", "MODE"),
                       ("event-buffer", "SIZE")):
        for missing in (f"--{flag}", f"--{flag}="):
            refused_with(f"--{flag}: 1 required {kind} missing (see --help)", missing)

    for value in ("Netblock", "all", "none,netblock", "0"):
        refused_with(f"--anonymize: '{value}' is neither none nor netblock", "--anonymize", value)
    for value in ("none", "netblock"):
        recorded(f"--anonymize {value}", "--anonymize", value)

    for value in ("0", "0444", "0200", "0755", "0641", "1640", "4600", "0667", "0o644", "rw",
                  "u=rw", "-1", "+640", " 0640", "0640 ", "0x1a4", "0649", "9" * 30):
        refused_with(f"--file-mode: '{value}' is no octal mode of a file that its owner reads and "
                     "writes (example: 0644)", "--file-mode", value)
    for value in ("0600", "600", "0666", "00640"):
        recorded(f"--file-mode {value}", "--file-mode", value)

    for value in ("0", "4095", "4KB", "-1", "x", "4 KiB", "1e9", "KiB", "9" * 30):
        refused_with(f"--event-buffer: '{value}' is no size of at least 4KiB",
                     "--event-buffer", value)
    for value in ("1025MiB", "2GiB", "1073741825"):
        refused_with(f"--event-buffer: '{value}' is no size of at least 4KiB, or is too large",
                     "--event-buffer", value)
    for value in ("4096", "4KiB", "5KB", "1GiB"):
        recorded(f"--event-buffer {value}", "--event-buffer", value)

    for value in ("0", "-1", "x", "1.5", "1/100", "1000000001", "9" * 30):
        refused_with(f"--sample: '{value}' is no number from 1 to 1000000000", "--sample", value)
    for value in ("x", "10", "-1s", "1parsec"):
        refused_with(f"--thin: '{value}' is no duration (examples: 10ms, 1m30s)", "--thin", value)
    for flags in (("--thin", "10ms"), ("--thin", "9ms"), ("--thin", "1s", "--interval", "2s")):
        refused_with(f"--thin: {flags[1]} is no longer than --interval: nothing would be left out",
                     *flags)
    refused_with("--thin: 4000d is longer than 10 years", "--thin", "4000d")
    ports = "is no port from 1 to 65535 (or a range of them, as 8000-9000)"
    for value, wrong in (("70000", f"'70000' {ports}"), ("443,0", f"'0' {ports}"),
                         ("80,,81", "an item is empty (a comma too many?)"),
                         ("90-80", "'90-80' ends before it begins"),
                         ("https", "'https' is no number: names of services are not looked up "
                                   "(https is port 443)")):
        refused_with(f"--finals-only: {wrong}", "--finals-only", value)
        # Each list is looked at.
        refused_with(f"--finals-only: {wrong}", "--finals-only", value, "--finals-only", "443")
    for flags in (("--sample", "1"), ("--thin", "0"), ("--sample", "1", "--thin", "0s")):
        recorded(" ".join(flags), *flags)  # and nothing is said of a policy

    # Given twice, the last one counts, so that a wrapper's flags can be overridden.
    for flag, good, bad in (("anonymize", "none", "nothing"), ("file-mode", "0600", "0"),
                            ("event-buffer", "1MiB", "1")):
        recorded(f"--{flag}, the last one good", f"--{flag}", bad, f"--{flag}", good)
        refused("anonymize|file-mode|event-buffer", f"--{flag}", good, f"--{flag}", bad)

    # Not given is something else than empty, as an unset variable of a script makes it.
    for flag in ("anonymize", "file-mode", "event-buffer", "exclude-file", "uuid-prefix-file",
                 "exclude-srcport", "exclude-dstip", "output", "prometheus", "eventsocket",
                 "sample", "thin", "finals-only"):
        refused_with(f"--{flag}: empty value", f"--{flag}", "")
        refused_with(f"--{flag}: empty value", f"--{flag}", "", f"--{flag}", "1")


def test_policy() -> None:
    """What is left out by policy is said at the start, in words that the archives have, too."""
    global skips
    for flags, policy in (
            (("--sample", "100"), "sample=1/100"),
            (("--thin", "1500ms"), "thin=1s500ms"),
            (("--finals-only", "443,8000-9000", "--finals-only", "22"), "finals-only"),
            (("--finals-only", "443", "--sample=7", "--thin=1m"),
             "sample=1/7, thin=1m, finals-only")):
        with tempfile.TemporaryDirectory() as scratch:
            done = run(COLLECTOR, "--output", scratch + "/out", "--reps", "1", *QUICK, *flags)
            if no_inet_diag(done):
                skips += 1
                return
            lines = done.stderr.splitlines()
            check(done.returncode == 0 and len(lines) == 2 and lines[0] ==
                  f"tcpinfo-collect: recording less, as the flags say: {policy}",
                  f"{flags}: {done.returncode} {done.stderr!r}")


def test_exclude_file() -> None:
    missing = "/no-such-dir/no-such-file"
    refused_with(f"{missing}: No such file or directory", "--exclude-file", missing)
    refused_with("/: Is a directory", "--exclude-file", "/")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "unwanted"
        ports = "is no port from 1 to 65535 (or a range of them, as 8000-9000)"
        empty = "an item is empty (a comma too many?)"
        for content, line, wrong in (
                (b"srcport 70000\n", 1, f"'70000' {ports}"),
                (b"# a comment\n\nsrcport 80 # web\nsrcport http\n", 4,
                 "'http' is no number: names of services are not looked up (https is port 443)"),
                (b"dstip fe80::1%2\n", 1,
                 "'fe80::1%2' names an interface, and this list holds on all of them"),
                (b"srcport", 1, empty),
                (b"srcport # 80\n", 1, empty),
                (b"srcport 80 81\n", 1, f"'80 81' {ports}"),
                (b"srcport=80\n", 1, "'srcport=80' is neither srcport nor dstip"),
                (b"dstip ::1\ndstip 10.0.0.0/33\n", 2,
                 "'10.0.0.0/33': '33' is no length from 0 to 32"),
                (b"dstip 10.0.0.5/8\n", 1,
                 "'10.0.0.5/8' has bits beyond the first 8: 10.0.0.0/8?"),
                (b"\r\ndstip\r\n", 2, empty),
                (b"dstip example.org", 1, "'example.org' is no IPv4 or IPv6 address"),
                (b"dport 80\n", 1, "'dport' is neither srcport nor dstip"),
                (b"SRCPORT 80\n", 1, "'SRCPORT' is neither srcport nor dstip"),
                (b"x" * 100_000, 1, "'" + "x" * 100_000 + "' is neither srcport nor dstip")):
            path.write_bytes(content)
            refused_with(f"{path}:{line}: {wrong}", "--exclude-file", str(path))
        for content in (b"", b"\n\n", b"# nothing",
                        b" \t srcport \t 80,81 \t # web\r\n",
                        b"dstip 10.0.0.1,::ffff:10.0.0.0/120\nsrcport 1\nsrcport 65535",
                        b"srcport 1\n" * 20_000,
                        b"".join(b"dstip 10.%d.%d.%d\n" % (n >> 16, n >> 8 & 255, n & 255)
                                 for n in range(0, 100_000, 2))):
            path.write_bytes(content)
            recorded(f"exclude file {content[:50]!r}", "--exclude-file", str(path))
        # It is one list with the flags; loopback, where a port tells the two ends apart.
        with socket.create_server(("127.0.0.1", 0)) as server, \
                socket.create_connection(server.getsockname()) as client:
            accepted, _ = server.accept()
            port = client.getsockname()[1]
            for content, flags, expected in (
                    (b"", (), 2), (b"srcport %d\n" % port, (), 1),
                    (b"srcport %d\n" % port,
                     ("--exclude-srcport", str(server.getsockname()[1])), 0),
                    (b"dstip 127.0.0.0/8\n", (), 0),
                    # Lists add up, and files do.
                    (b"", ("--exclude-srcport", str(port), "--exclude-srcport", "9"), 1),
                    (b"srcport 9\n", ("--exclude-srcport", f"{port}-{port}",
                                      "--exclude-file", "/dev/null"), 1),
                    (b"", ("--exclude-dstip", "127.0.0.1", "--exclude-dstip", "192.0.2.1"), 0),
                    # Of more than the kernel gets the rest is decided here.
                    (b"dstip 127.0.0.1\n" +
                     b"".join(b"dstip 10.0.%d.%d\n" % (n >> 8, n & 255)
                              for n in range(0, 8_000, 2)), (), 0)):
                path.write_bytes(content)
                output = Path(scratch) / "out"
                done = run(COLLECTOR, "-o", str(output), "--reps", "1", "--include-local", *QUICK,
                           "--exclude-file", str(path), *flags)
                if no_inet_diag(done):
                    return
                cookies = {f"_{cookie_of(one):016X}." for one in (client, accepted)}
                found = [path for path in output.glob("*/*/*/*")
                         if any(cookie in path.name for cookie in cookies)]
                check(len(found) == expected,
                      f"exclude file {content!r} and {flags}: {len(found)} files, not {expected}")
                if output.exists():
                    shutil.rmtree(output)
            accepted.close()


def cookie_of(sock: socket.socket) -> int:
    so_cookie = 57
    return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, so_cookie, 8), sys.byteorder)


def test_file_mode() -> None:
    """Modes are as asked, whatever the umask is."""
    global skips
    for flags, file_mode, folder_mode in (((), 0o640, 0o750),
                                          (("--file-mode", "0644"), 0o644, 0o755),
                                          (("--file-mode", "0600"), 0o600, 0o700),
                                          (("--file-mode", "0666"), 0o666, 0o777),
                                          (("--file-mode", "0660"), 0o660, 0o770)):
        for mask in (0o077, 0o000, 0o777):
            with tempfile.TemporaryDirectory() as scratch:
                output = Path(scratch) / "new" / "deep"
                with connection_to_see():
                    done = subprocess.run(
                        [COLLECTOR, "-o", str(output), "--reps", "2", "--include-local", *QUICK,
                         *flags],
                        capture_output=True, text=True, timeout=HANGS, check=False,
                        stdin=subprocess.DEVNULL, umask=mask)
                if no_inet_diag(done):
                    skips += 1
                    return
                what = f"{' '.join(flags)} under umask {mask:03o}"
                check(done.returncode == 0, f"{what}: {done.returncode} {done.stderr!r}")
                modes = {path.relative_to(scratch): path.stat().st_mode & 0o7777
                         for path in tree(Path(scratch))}
                folders = {path for path in modes if (Path(scratch) / path).is_dir()}
                check(len(folders) == 5 and len(modes) >= 8, f"{what}: {sorted(modes)}")
                wrong = {str(path): oct(mode) for path, mode in modes.items()
                         if mode != (folder_mode if path in folders else file_mode)}
                check(not wrong, f"{what}: {wrong}")


def test_output() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        regular = Path(scratch) / "file"
        regular.write_text("content", encoding="ascii")
        for output in (regular, regular / "below", regular / "far" / "below"):
            done = run(COLLECTOR, "--output", str(output), "--duration", "200ms")
            check(done.returncode == 2, f"output {output}: exit status {done.returncode}, not 2")
            check_one_line(f"output {output}", done, "output|" + re.escape(str(regular)))
        check(tree(Path(scratch)) == {regular} and regular.read_text(encoding="ascii") == "content",
              "a regular file in the way was touched")
        # A folder is told by its whole path, also where none was given.
        done = subprocess.run([Path(COLLECTOR).resolve(), "--output", "file"], text=True,
                              capture_output=True, timeout=60, check=False, cwd=scratch,
                              stdin=subprocess.DEVNULL)
        check_one_line("a relative output", done, re.escape(str(regular)))
    done = run(COLLECTOR, "--output", "", "--duration", "200ms")
    check(done.returncode == 2, f"empty output: exit status {done.returncode}, not 2")
    check_one_line("empty output", done, "output")


def test_help_and_version() -> None:
    done = run(COLLECTOR, "--version")
    check(done.returncode == 0 and re.search(r"\b\d+\.\d+\.\d+\b", done.stdout)
          and len(done.stdout.splitlines()) == 1 and not done.stderr,
          f"--version: {done.returncode} {done.stdout!r} {done.stderr!r}")
    done = run(COLLECTOR, "--help")
    check(done.returncode == 0 and not done.stderr, f"--help: {done.returncode} {done.stderr!r}")
    for flag in ("--output", "--interval", "--reps", "--duration", "--layout", "--rotate",
                 "--flush", "--level", "--writers", "--max-memory", "--include-local",
                 "--exclude-srcport", "--exclude-dstip", "--exclude-file", "--anonymize",
                 "--file-mode",
                 "--event-buffer", "--uuid-prefix-file", "--prometheus",
                 "--traffic-metrics", "--label-limit", "--eventsocket", "--eventsocket-mode",
                 "--events-replay", "--events-owner", "--verbose", "--version", "--help",
                 "-o", "-v"):
        check(re.search(rf"(?<![\w-]){flag}\b", done.stdout), f"--help does not tell {flag}")


def has_metrics() -> bool:
    refusal = run(COLLECTOR, "--prometheus=127.0.0.1:0", "--max-memory=1").stderr
    return "built without" not in refusal


def test_outlets() -> None:
    for value in ("0x1b6", "rw", "1000", "-1", "0668"):
        refused("eventsocket-mode", f"--eventsocket-mode={value}", "--eventsocket=x")
    # Options of what is not there.
    for flag, of in (("--eventsocket-mode=0660", "--eventsocket"),
                     ("--events-replay", "--eventsocket"),
                     ("--query-socket-mode=0660", "--query-socket"),
                     ("--label-limit=5", "--traffic-metrics")):
        refused(f"{flag.partition('=')[0]} requires {of}", flag)
    refused("eventsocket", "--eventsocket", "x" * 108)
    refused("/no-such-dir/s", "--eventsocket", "/no-such-dir/s")
    refused("events-owner: without --eventsocket", "--events-owner", "--owner", "cgroup")
    refused("events-owner: whose connections are is found where --owner", "--events-owner",
            "--eventsocket", "/no-such-dir/s")
    with tempfile.NamedTemporaryFile() as file:
        refused(re.escape(file.name), "--eventsocket", file.name)
        check(Path(file.name).is_file(), "a file in the event socket's place was touched")
    for value in ("9990", "127.0.0.1", "127.0.0.1:65536", "example.org:1", "::1:9990"):
        refused("prometheus", f"--prometheus={value}")
    if has_metrics():
        refused("192.0.2.1", "--prometheus=192.0.2.1:9990")
    for value in ("ports", "port,", ",port", "port;cc", "port, cc", "PORT"):
        refused("traffic-metrics", f"--traffic-metrics={value}", "--prometheus=127.0.0.1:0")
    refused("traffic-metrics", "--traffic-metrics=port")
    for value in ("0", "-1", "10001", "x"):
        refused("label-limit", f"--label-limit={value}", "--traffic-metrics=port",
                "--prometheus=127.0.0.1:0")
    refused("anonymize", "--anonymize=all", "--duration=200ms")

    # Somebody is there already.
    with tempfile.TemporaryDirectory() as scratch, socket.socket(socket.AF_UNIX) as held, \
            socket.create_server(("127.0.0.1", 0)) as port:
        path = Path(scratch) / "s"
        held.bind(str(path))
        held.listen()
        taken = [("--eventsocket", str(path))]
        if has_metrics():
            taken.append(("--prometheus", f"127.0.0.1:{port.getsockname()[1]}"))
        for flags in taken:
            done = run(COLLECTOR, "-o", f"{scratch}/out", "--duration", "200ms", *flags)
            check(done.returncode == 1, f"{flags}: exit status {done.returncode}, not 1")
            check_one_line(str(flags), done, re.escape(flags[1]))
        check(tree(Path(scratch)) == {path}, "left something behind")


def run_with(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return run(*command, env={**os.environ, **environment})


def test_mlab_command_line() -> None:
    global skips
    with tempfile.TemporaryDirectory() as scratch:
        prefix = Path(scratch) / "prefix"
        prefix.write_text("mlab\n", encoding="ascii")
        flags = ["-prometheusx.listen-address=127.0.0.1:0", f"-output={scratch}/out",
                 f"-uuid-prefix-file={prefix}", f"-tcpinfo.eventsocket={scratch}/events.sock",
                 "-exclude-srcport=9100,9090,9091,9989,9990,65535",
                 "-exclude-dstip=172.25.0.1,35.202.153.90", "-anonymize.ip=none", "-reps=3"]
        if not has_metrics():
            del flags[0]
        done = run(COLLECTOR, *flags, "-trace", "-logx.debug=true", "-v")
        if done.returncode == 1 and "inet_diag" in done.stderr:
            print("SKIPPED: this kernel has no inet_diag:", done.stderr.strip())
            skips += 1
            return
        check(summary_of("M-Lab's flags", done).get("polls") == "3", "-reps=3: polls")
        for text in ("-trace means nothing", "-logx.debug=true means nothing", "UUID prefix mlab,",
                     *(["metrics on 127.0.0.1:"] if has_metrics() else [])):
            check(text in done.stderr, f"M-Lab's flags: {text!r} not in {done.stderr!r}")

        variables = {"OUTPUT": f"{scratch}/env", "UUID_PREFIX_FILE": str(prefix), "REPS": "2",
                     "TCPINFO_INTERVAL": "20ms", "TCPINFO_VERBOSE": "true", "TRACE": "1",
                     "TCPINFO_EVENTSOCKET": f"{scratch}/env.sock", "EXCLUDE_SRCPORT": "",
                     "PROMETHEUSX_LISTEN_ADDRESS": "127.0.0.1:0" if has_metrics() else "",
                     "ANONYMIZE_IP": "none"}
        done = run_with(variables, COLLECTOR)
        check(summary_of("the environment", done).get("polls") == "2", "REPS=2: polls")
        check(f"recording to {scratch}/env every 20ms" in done.stderr,
              f"the environment: {done.stderr!r}")
        done = run_with(variables, COLLECTOR, "--reps=1", "-output", f"{scratch}/line")
        check(summary_of("command line over environment", done).get("polls") == "1", "--reps=1")
        check((Path(scratch) / "line").is_dir(), "-output over OUTPUT")
        done = run_with({"TCPINFO_INTERVAL": "x", "OUTPUT": f"{scratch}/none"}, COLLECTOR)
        check(done.returncode == 2, f"TCPINFO_INTERVAL=x: exit status {done.returncode}")
        check_one_line("TCPINFO_INTERVAL=x", done, "interval")
        check(not (Path(scratch) / "none").exists(), "TCPINFO_INTERVAL=x: created something")
        # A list from there counts only where the command line has none.
        done = run_with({"EXCLUDE_DSTIP": "x"}, COLLECTOR, "-o", f"{scratch}/o", "--reps=1",
                        "-exclude-dstip=192.0.2.1")
        check(done.returncode == 0, f"-exclude-dstip over EXCLUDE_DSTIP: {done.stderr!r}")
        done = run_with({"EXCLUDE_DSTIP": "x"}, COLLECTOR, "-o", f"{scratch}/o", "--reps=1")
        check(done.returncode == 2, f"EXCLUDE_DSTIP=x: {done.stderr!r}")
        # As the scripts of M-Lab's users have them: two dashes, and an older name.
        flags = ["--" + flag[1:] for flag in flags]
        done = run(COLLECTOR, *flags, "--trace", "--logx.debug=true")
        check(summary_of("M-Lab's flags with two dashes", done).get("polls") == "3", "--reps=3")
        if has_metrics():
            done = run(COLLECTOR, "-prom=0", f"-output={scratch}/out", "-reps=1", "-v")
            check("metrics on " in done.stderr, f"-prom=0: {done.stderr!r}")
            refused("prometheus", "-prom=x")
        # Ours that M-Lab has not come from no other name, and M-Lab's not from ours.
        done = run_with({"INTERVAL": "x", "TCPINFO_REPS": "x"}, COLLECTOR, "-o", f"{scratch}/o",
                        "--reps=1")
        check(done.returncode == 0, f"INTERVAL=x: {done.stderr!r}")


def summary_of(what: str, done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    check(done.returncode == 0, f"{what}: exit status {done.returncode}: {done.stderr!r}")
    lines = [line for line in done.stderr.splitlines()
             if line.startswith("tcpinfo-collect: summary: ")]
    check(len(lines) == 1, f"{what}: {len(lines)} summary lines: {done.stderr!r}")
    if not lines:
        return {}
    check(done.stderr.splitlines()[-1] == lines[0], f"{what}: the summary is not the last line")
    pairs = [word.partition("=") for word in lines[0].split(" ")[2:]]
    check([key for key, _, _ in pairs][:len(SUMMARY_KEYS)] == SUMMARY_KEYS,
          f"{what}: keys of the summary: {lines[0]}")
    check(all(re.fullmatch(r"\d+(\.\d+)?", value) for _, _, value in pairs),
          f"{what}: a value of the summary is no number: {lines[0]}")
    print(f"{what}: {lines[0]}")
    return {key: value for key, _, value in pairs}


@contextlib.contextmanager
def connection_to_see() -> Iterator[list[int]]:
    """One connection, both ends here; their cookies."""
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"hello")
            yield [cookie_of(client), cookie_of(accepted)]


def test_ends_by_itself() -> None:
    global skips
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "new" / "and" / "deep"
        with connection_to_see():
            done = run(COLLECTOR, "-o", str(output), "--reps", "3", "--include-local")
        if no_inet_diag(done):
            skips += 1
            return
        summary = summary_of("--reps 3", done)
        check(output.is_dir(), "the output directory was not created")
        check(summary.get("polls") == "3", f"--reps 3: polls {summary.get('polls')}")
        check(float(summary.get("connections", 0)) >= 2, "--reps 3: too few connections")
        check(float(summary.get("records", 0)) >= 2, "--reps 3: too few records")
        files = [path for path in output.glob("**/*")
                 if path.is_file() and path != output / ".tcpinfo-collect.lock"]
        check(str(len(files)) == summary.get("files"), f"--reps 3: {len(files)} files")
        check(str(sum(path.stat().st_size for path in files)) == summary.get("bytes"),
              "--reps 3: bytes of the summary are not those of the files")
        check(all(path.name.endswith(".jsonl.zst") for path in files), "--reps 3: other files")

        # It is the machine's doing when one run out of several is held up, and not when all are.
        for _ in range(5):
            begin = time.monotonic()
            summary = summary_of("--duration 500ms --interval 50ms",
                                 run(COLLECTOR, "-o", str(output), "--duration", "500ms",
                                     "--interval", "50ms"))
            took = time.monotonic() - begin
            ticks = sum(float(summary.get(key, 0))
                        for key in ("polls", "idle_ticks", "missed_ticks"))
            check(took >= 0.4 and ticks >= 9, f"--duration 500ms: {ticks} ticks in {took:.2f} s")
            if took <= 5 and ticks <= 20:
                break
        check(took <= 5 and ticks <= 20, f"--duration 500ms: {ticks} ticks in {took:.2f} s")


def test_layout() -> None:
    """Segments: one file a writer, also where the environment says so; the command line wins."""
    global skips
    name = r"[A-Za-z0-9._-]+\.\d{8}T\d{6}Z-\d+\.[01]\.00000\.tcpseg\.zst"
    with tempfile.TemporaryDirectory() as scratch:
        for number, (variable, flags, wanted) in enumerate((
                ("connections", ["--layout", "segments"], name),
                ("segments", [], name),
                ("segments", ["--layout=connections"], r".*\.\d{5,}\.jsonl\.zst"))):
            output = Path(scratch) / str(number)
            with connection_to_see():
                done = run_with({"TCPINFO_LAYOUT": variable}, COLLECTOR, "-o", str(output),
                                "--reps", "3", "--include-local", "--writers", "2", *flags)
            if no_inet_diag(done):
                skips += 1
                return
            summary = summary_of(f"layout {number}", done)
            files = [path for path in output.glob("**/*")
                     if path.is_file() and path != output / ".tcpinfo-collect.lock"]
            check(files and all(re.fullmatch(wanted, path.name) for path in files),
                  f"layout {number}: {sorted(path.name for path in files)[:3]}")
            check(all(re.fullmatch(r"\d{4}/\d\d/\d\d", str(path.parent.relative_to(output)))
                      for path in files), f"layout {number}: not below YYYY/MM/DD")
            check(wanted != name or len(files) <= 2, f"layout {number}: {len(files)} segments")
            check(str(len(files)) == summary.get("files")
                  and str(sum(path.stat().st_size for path in files)) == summary.get("bytes"),
                  f"layout {number}: not the files of the summary: {summary}")
            tested = subprocess.run(["zstd", "-tq", *map(str, files)], capture_output=True,
                                    text=True, check=False)
            check(tested.returncode == 0, f"layout {number}: zstd -t: {tested.stderr}")


def test_one_directory_one_collector() -> None:
    """A second one would take the first one's unfinished files for leftovers of a crash."""
    with tempfile.TemporaryDirectory() as scratch:
        with subprocess.Popen([COLLECTOR, "-o", scratch, "--duration", "10m"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as first:
            try:
                deadline = time.monotonic() + HANGS
                while not tree(Path(scratch)) and first.poll() is None \
                        and time.monotonic() < deadline:
                    time.sleep(0.01)
                time.sleep(0.2)
                if first.poll() is not None:
                    return  # no inet_diag here: told by another test
                done = run(COLLECTOR, "-o", scratch, "--duration", "200ms")
                check(done.returncode in (1, 2), f"second collector: status {done.returncode}")
                check_one_line("second collector", done, "output|" + re.escape(scratch))
            finally:
                first.send_signal(signal.SIGINT)
                _, errors = first.communicate(timeout=HANGS)
        check(first.returncode == 0 and "summary: " in errors,
              f"SIGINT: exit status {first.returncode}: {errors!r}")


def years() -> list[str]:
    """Those a file made now may lie in, whenever the year ends."""
    return [time.strftime("%Y", time.gmtime(time.time() + more)) for more in (0, 60)]


def test_planted_links() -> None:
    """Who may write into the output tree must not lead a collector elsewhere. What cannot be
    recorded for that is said and counted; and once the link is gone, it is recorded."""
    with tempfile.TemporaryDirectory() as scratch, connection_to_see():
        base = Path(scratch)
        for place in ("year", "month", "day"):
            elsewhere = base / f"{place}-elsewhere"
            output = base / f"{place}-out"
            elsewhere.mkdir()
            output.mkdir()
            links = []
            for year in dict.fromkeys(years()):
                folder = output / year
                if place == "year":
                    links.append(folder)
                    continue
                for month in range(1, 13):
                    if place == "month":
                        links.append(folder / f"{month:02}")
                    else:
                        links += [folder / f"{month:02}" / f"{day:02}" for day in range(1, 32)]
            for link in links:
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(elsewhere)
            begin = run(COLLECTOR, "-o", str(output), "--duration", "700ms", "--flush", "100ms",
                        "--include-local")
            if no_inet_diag(begin):
                return
            what = f"a link in the place of the {place}"
            check(not tree(elsewhere), f"{what}: written through: {tree(elsewhere)}")
            check(all(link.is_symlink() for link in links), f"{what}: it is gone")
            check(begin.returncode == 1, f"{what}: exit status {begin.returncode}, not 1")
            lines = begin.stderr.splitlines()
            told = [line for line in lines if re.match(
                rf"tcpinfo-collect: cannot write {re.escape(str(output))}/\S+\.part: "
                "(Not a directory|Too many levels of symbolic links)", line)]
            check(len(told) == 1, f"{what}: not said once: {begin.stderr!r}")
            values = dict(word.partition("=")[::2] for word in lines[-1].split())
            check(values.get("records") == "0" and values.get("files") == "0"
                  and values.get("losses") == values.get("lost_write", "none")
                  and int(values.get("lost_write", "0")) >= 2
                  and int(values.get("write_errors", "0")) >= 2, f"{what}: counted: {lines[-1]}")

            # The same, but somebody takes the link away in time: then nothing is lost.
            with subprocess.Popen([COLLECTOR, "-o", str(output), "--flush", "100ms",
                                   "--include-local"], stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True) as collector:
                # Until it has said so: a slow machine takes its time.
                assert collector.stderr is not None
                told = collector.stderr.readline()
                while told and not without_asides(told):
                    told = collector.stderr.readline()
                check(not tree(elsewhere), f"{what}: written through: {tree(elsewhere)}")
                for link in links:
                    link.unlink()
                time.sleep(1.5)
                collector.terminate()
                _, errors = collector.communicate(timeout=HANGS)
            check(collector.returncode == 0 and " losses=0 " in errors + " ",
                  f"{what}, removed in time: {collector.returncode} {errors!r}")
            check("cannot write" in told, f"{what}, removed in time: not said: {told!r}")
            check(len(list(output.glob("*/*/*/*.jsonl.zst"))) >= 2,
                  f"{what}, removed in time: not recorded")
            check(not tree(elsewhere), f"{what}: written through: {tree(elsewhere)}")

        # A link in the place of the lock.
        output = base / "lock-out"
        output.mkdir()
        victim = base / "victim"
        victim.write_text("precious", encoding="ascii")
        (output / ".tcpinfo-collect.lock").symlink_to(victim)
        done = run(COLLECTOR, "-o", str(output), "--duration", "200ms")
        check(done.returncode == 2, f"a link for a lock: exit status {done.returncode}")
        check_one_line("a link for a lock", done, re.escape(str(output)))
        check(victim.read_text(encoding="ascii") == "precious",
              "a link for a lock: written through")

        # The output directory itself may be a link: that is the operator's choice.
        (base / "real").mkdir()
        (base / "linked").symlink_to(base / "real")
        done = run(COLLECTOR, "-o", str(base / "linked"), "--reps", "2", "--include-local")
        check(done.returncode == 0 and list((base / "real").glob("*/*/*/*.jsonl.zst")),
              f"the output a link: {done.returncode} {done.stderr!r}")


def prefixes_of(root: Path) -> set[str]:
    return {path.name.rsplit("_", 1)[0] for path in root.glob("*/*/*/*.jsonl.zst")}


def test_prefix_note() -> None:
    """The lock notes the UUID prefix, which a restart within the boot keeps; whatever else stands
    there, the prefix is made anew and noted."""
    with tempfile.TemporaryDirectory() as scratch, connection_to_see() as cookies:
        output = Path(scratch) / "out"
        note = output / ".tcpinfo-collect.lock"

        def record() -> subprocess.CompletedProcess[str]:
            return run(COLLECTOR, "-o", str(output), "--reps", "2", "--include-local", *QUICK)

        if no_inet_diag(record()):
            return
        good = note.read_text(encoding="ascii")
        match = re.fullmatch(r"([0-9a-f-]{36}) (\S+) (\S+_\d+_unsafe)\n", good)
        check(match, f"the note is {good!r}")
        if match is None:
            return
        boot, host, prefix = match.groups()
        check(prefixes_of(output) == {prefix}, f"prefixes {prefixes_of(output)}, noted {prefix}")

        # As if the clock had been stepped: what was noted is kept, not what would come out now.
        other = f"{host}_1000000000_unsafe"
        note.write_text(f"{boot} {host} {other}\n", encoding="ascii")
        for year in years():
            shutil.rmtree(output / year, ignore_errors=True)
        for _ in range(2):
            done = record()
            check(done.returncode == 0, f"with a note: {done.returncode} {done.stderr!r}")
        check(prefixes_of(output) == {other}, f"prefixes {prefixes_of(output)}, noted {other}")
        for cookie in cookies:
            files = {path.name for path in output.glob(f"*/*/*/*_{cookie:016X}.*")}
            check(files == {f"{other}_{cookie:016X}.{n:05}.jsonl.zst" for n in (0, 1)},
                  f"a connection that outlives a restart: {sorted(files)}")

        for damaged in (b"", b"\n", b"x", good[:-1].encode(), good[:20].encode(),
                        b"\0" * 4096, b"\xff" * 9000, f"{boot} {host} \n".encode(),
                        f"{boot} {host} a/b\n".encode(), f"{boot} {host} ../../x\n".encode(),
                        f"{boot} {host} {'x' * 5000}\n".encode(),
                        f"{boot} {host} a\nb\n".encode(),
                        f"{'0' * 36} {host} {other}\n".encode(),
                        f"{boot} elsewhere {other}\n".encode()):
            for year in years():
                shutil.rmtree(output / year, ignore_errors=True)
            note.write_bytes(damaged)
            done = record()
            what = f"note {damaged[:60]!r}"
            check(done.returncode == 0 and len(done.stderr.splitlines()) == 1,
                  f"{what}: {done.returncode} {done.stderr!r}")
            check(prefixes_of(output) == {prefix}, f"{what}: prefixes {prefixes_of(output)}")
            check(note.read_text(encoding="ascii", errors="replace") == good,
                  f"{what}: then noted {note.read_bytes()[:200]!r}")

        # A prefix that is given is not noted, and does not take the note's place.
        given = Path(scratch) / "given"
        given.write_text("given-prefix\n", encoding="ascii")
        for year in years():
            shutil.rmtree(output / year, ignore_errors=True)
        run(COLLECTOR, "-o", str(output), "--reps", "2", "--include-local",
            "--uuid-prefix-file", str(given))
        check(prefixes_of(output) == {"given-prefix"}, f"prefixes {prefixes_of(output)}")
        check(note.read_text(encoding="ascii") == good, "a prefix that was given was noted")


def test_denied() -> None:
    global skips
    for how in ("eperm", "unsupported"):
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch) / "out"
            done = run(DENY, how, COLLECTOR, "-o", str(output), "--duration", "200ms")
            if done.returncode == 77:
                print("SKIPPED:", done.stderr.strip())
                skips += 1
                continue
            check(done.returncode == 1, f"netlink {how}: exit status {done.returncode}, not 1")
            check_one_line(f"netlink {how}", done, "inet_diag|sock_diag|netlink|permi|support")
            check(not [path for path in tree(Path(scratch)) if path.is_file()],
                  f"netlink {how}: files were created")


def main() -> None:
    tests: list[Callable[[], None]] = [test_sampling, test_usage, test_prefix_file, test_values,
                                       test_exclude_file, test_file_mode, test_output,
                                       test_help_and_version, test_outlets,
                                       test_mlab_command_line, test_ends_by_itself, test_layout,
                                       test_one_directory_one_collector, test_planted_links,
                                       test_prefix_note, test_denied]
    for test in tests:
        test()
    finish(f", {skips} parts skipped")


main()
