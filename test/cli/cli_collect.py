# SPDX-License-Identifier: Apache-2.0
"""The command line of tcpinfo-collect: what it refuses, and how it ends.

usage: cli_collect.py COLLECTOR DENY_NETLINK
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from checks import check, finish

COLLECTOR, DENY = sys.argv[1:3]
SUMMARY_KEYS = ["polls", "missed_ticks", "interval_ms_p50", "interval_ms_p99", "interval_ms_max",
                "connections", "records", "bytes", "files", "losses"]

skips = 0


def run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, "", "(did not end within 20 s)\n")


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
    for value in ("0", "0ms", "0s"):
        refused("interval", f"--interval={value}")
    for value in ("-1", "x", "1.5", "99999999999999999999"):
        refused("reps", f"--reps={value}")
    for value in ("x", "-1000", "1000"):
        refused("level", f"--level={value}")
    for value in ("-1", "x", "100000"):
        refused("writers", f"--writers={value}")
    for value in ("70000", "65536", "-1", "http", "80,70000", "80,,81", "80-", ","):
        refused("exclude-srcport", f"--exclude-srcport={value}")
    for value in ("10.0.0.256", "10.0.0.0/33", "fd00::/129", "example.org", "10.0.0.1,,10.0.0.2",
                  "::ffff:10.0.0.0/129", "10.0.0.0/", "10.0.0.0/-1", ":::"):
        refused("exclude-dstip", f"--exclude-dstip={value}")


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
    for flag in ("--output", "--interval", "--reps", "--duration", "--rotate", "--flush", "--level",
                 "--writers", "--include-local", "--exclude-srcport", "--exclude-dstip",
                 "--uuid-prefix-file", "--verbose", "--version", "--help", "-o", "-v"):
        check(re.search(rf"(?<![\w-]){flag}\b", done.stdout), f"--help does not tell {flag}")


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
def connection_to_see() -> Iterator[None]:
    """One connection, both ends here."""
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"hello")
            yield


def test_ends_by_itself() -> None:
    global skips
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "new" / "and" / "deep"
        with connection_to_see():
            done = run(COLLECTOR, "-o", str(output), "--reps", "3", "--include-local")
        if done.returncode == 1 and "inet_diag" in done.stderr:
            print("SKIPPED: this kernel has no inet_diag:", done.stderr.strip())
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

        begin = time.monotonic()
        summary = summary_of("--duration 500ms --interval 50ms",
                             run(COLLECTOR, "-o", str(output), "--duration", "500ms",
                                 "--interval", "50ms"))
        took = time.monotonic() - begin
        check(0.4 <= took <= 5, f"--duration 500ms took {took:.2f} s")
        ticks = float(summary.get("polls", 0)) + float(summary.get("missed_ticks", 0))
        check(9 <= ticks <= 12, f"--duration 500ms --interval 50ms: {ticks} ticks")


def test_one_directory_one_collector() -> None:
    """A second one would take the first one's unfinished files for leftovers of a crash."""
    with tempfile.TemporaryDirectory() as scratch:
        with subprocess.Popen([COLLECTOR, "-o", scratch, "--duration", "10s"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as first:
            try:
                deadline = time.monotonic() + 5
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
                _, errors = first.communicate(timeout=20)
        check(first.returncode == 0 and "summary: " in errors,
              f"SIGINT: exit status {first.returncode}: {errors!r}")


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
    tests: list[Callable[[], None]] = [test_usage, test_prefix_file, test_output,
                                       test_help_and_version, test_ends_by_itself,
                                       test_one_directory_one_collector, test_denied]
    for test in tests:
        test()
    finish(f", {skips} parts skipped")


main()
