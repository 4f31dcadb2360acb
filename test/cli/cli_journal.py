# SPDX-License-Identifier: Apache-2.0
"""The systemd journal as tcpinfo-collect uses it: entries with fields where standard error is a
connection to it, plain lines everywhere else. The journal is played by this program, in a mount
namespace of its own, where /run is empty but for its socket.

usage: cli_journal.py COLLECTOR
"""

from __future__ import annotations

import array
import contextlib
import mmap
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from checks import check, finish

SKIPPED = 77
INSIDE = "--inside"
COLLECTOR = sys.argv[1]
PLAIN = "tcpinfo-collect: "
PRIORITIES = {"usage": "3", "start_refused": "3", "started": "6", "summary": "6", "reloaded": "5",
              "reload_refused": "3", "log_dropped": "4", "write_failed": "4",
              "records_dropped": "3", "ticks_missed": "4"}
FIELDS = {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "TCPINFO_EVENT"}
PLACE = {"CODE_FILE", "CODE_LINE", "CODE_FUNC"}  # libsystemd may add them
Entry = dict[str, bytes]


def skip(reason: str) -> None:
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def parse_entry(datagram: bytes) -> Entry:
    """The journal's native protocol: KEY=value, or KEY, the size, and the value where that has a
    newline in it."""
    entry: Entry = {}
    rest = datagram
    while rest:
        line, _, after = rest.partition(b"\n")
        if b"=" in line:
            key, _, value = line.partition(b"=")
            rest = after
        else:
            key = line
            size = int.from_bytes(after[:8], "little")
            value = after[8:8 + size]
            check(len(value) == size and after[8 + size:9 + size] == b"\n",
                  f"malformed field {key!r} in {datagram[:200]!r}")
            rest = after[9 + size:]
        name = key.decode("ascii")
        check(name not in entry, f"two {name} in one entry")
        entry[name] = value
    return entry


class Journal:
    """What listens at the journal's address."""

    def __init__(self) -> None:
        folder = Path("/run/systemd/journal")
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "socket"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)

    def entries(self) -> list[Entry]:
        """Those that came until now."""
        found = []
        while select.select([self.socket], [], [], 0.05)[0]:
            data, ancillary, _, _ = self.socket.recvmsg(1 << 20, 1024)
            for level, kind, content in ancillary:
                if (level, kind) != (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    continue
                # An entry too large for a datagram comes as a file.
                files = array.array("i", content)
                with mmap.mmap(files[0], 0, prot=mmap.PROT_READ) as mapped:
                    data = mapped[:]
                for one in files:
                    os.close(one)
            entry = parse_entry(data)
            # No test is about a busy machine, or about the sampling, of which each start speaks.
            if entry.get("TCPINFO_EVENT") == b"ticks_missed":
                check_entry(entry, "ticks_missed")
            elif entry.get("MESSAGE", b"").startswith(b"sampling by "):
                check_entry(entry, "started")
            else:
                found.append(entry)
        return found


class Stream:
    """Standard error as the service manager makes it: a connected stream, known by its inode."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        status = os.fstat(self.far.fileno())
        self.name = f"{status.st_dev}:{status.st_ino}"

    def text(self) -> str:
        found = b""
        while select.select([self.near], [], [], 0.05)[0]:
            data = self.near.recv(65536)
            if not data:
                break
            found += data
        return found.decode(errors="replace")

    def close(self) -> None:
        self.near.close()
        self.far.close()


def start(stream: Stream, journal_stream: str | None, *flags: str, file_size: int | None = None
          ) -> subprocess.Popen[bytes]:
    environment = {key: value for key, value in os.environ.items() if key != "JOURNAL_STREAM"}
    if journal_stream is not None:
        environment["JOURNAL_STREAM"] = journal_stream

    def prepare() -> None:
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    # What is said of the sampling is the same for all users.
    return subprocess.Popen([COLLECTOR, "--sampling", "dump", *flags], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=stream.far, env=environment,
                            preexec_fn=prepare)


def ended(child: subprocess.Popen[bytes]) -> int:
    try:
        return child.wait(60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return -1


@contextlib.contextmanager
def running(stream: Stream, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    child = start(stream, stream.name, *flags)
    try:
        yield child
    finally:
        child.terminate()
        check(ended(child) == 0, f"the collector ended with {child.returncode}")


def check_entry(entry: Entry, event: str, *more: str) -> None:
    """It has the fields of every entry, `more`, and no others."""
    check(entry.get("TCPINFO_EVENT", b"").decode() == event, f"event {event}: {entry}")
    check(entry.get("SYSLOG_IDENTIFIER") == b"tcpinfo-collect", f"{event}: identifier: {entry}")
    check(entry.get("PRIORITY", b"").decode() == PRIORITIES[event], f"{event}: priority: {entry}")
    check(entry.get("MESSAGE") and not entry["MESSAGE"].startswith(PLAIN.encode()),
          f"{event}: message: {entry}")
    check(set(entry) - PLACE == FIELDS | set(more), f"{event}: fields: {sorted(entry)}")


def connected(journal: Journal) -> bool:
    """Whether this build speaks to the journal at all."""
    stream = Stream()
    status = ended(start(stream, stream.name, "--level", "x"))
    found, text = journal.entries(), stream.text()
    stream.close()
    check(status == 2, f"--level x: exit status {status}")
    if not found and text.startswith(PLAIN):
        linked = subprocess.run(["ldd", COLLECTOR], capture_output=True, text=True, check=False)
        check("libsystemd" not in linked.stdout, f"linked to libsystemd, but it says {text!r}")
        return False
    check(len(found) == 1 and text == "", f"--level x: entries {found}, standard error {text!r}")
    for entry in found:
        check_entry(entry, "usage")
        check(entry["MESSAGE"] == b"--level: 'x' is no number from 1 to 19", f"message: {entry}")
    return True


def test_course(journal: Journal, scratch: Path) -> None:
    """A run from the start to the end, with a reload that is obeyed and one that is not."""
    stream = Stream()
    unwanted = scratch / "unwanted"
    unwanted.touch()
    found: list[Entry] = []
    with running(stream, "--output", str(scratch / "out"), "--verbose", "--exclude-file",
                 str(unwanted)) as child:
        for content, event in ((None, "started"), ("srcport 1\n", "reloaded"),
                               ("\nsrcport 0\n", "reload_refused")):
            if content is not None:
                unwanted.write_text(content, encoding="ascii")
                child.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 60
            fresh: list[Entry] = []
            while not fresh and time.monotonic() < deadline:
                fresh = journal.entries()
            check(len(fresh) == 1, f"{event}: {len(fresh)} entries: {fresh}")
            for entry in fresh:
                check_entry(entry, event)
            found += fresh
    check(found[-1]["MESSAGE"].startswith(b"not reloaded: %s:2: " % str(unwanted).encode()),
          f"message: {found[-1]}")
    fresh = journal.entries()
    check(len(fresh) == 1, f"at the end: {fresh}")
    for entry in fresh:
        check_entry(entry, "summary")
        check(entry["MESSAGE"].startswith(b"summary: polls="), f"message: {entry}")
    check(stream.text() == "", "plain lines as well")
    stream.close()


def reload_once(child: subprocess.Popen[bytes], unwanted: Path, number: int) -> bool:
    """Whether it is obeyed: the file is read then, and something is said."""
    # A new file each time: the last read of the one before may come late, and tells nothing.
    fresh = unwanted.with_suffix(".new")
    fresh.write_text(f"srcport {number + 1}\n", encoding="ascii")
    # Older than its last change, so that reading it sets it (relatime).
    os.utime(fresh, ns=(0, fresh.stat().st_mtime_ns))
    fresh.rename(unwanted)
    child.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while unwanted.stat().st_atime_ns == 0:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def test_nobody_reads(journal: Journal, scratch: Path) -> None:
    """The journal reads nothing while many more lines are said than wait for it: reloads are obeyed
    all the same, and so is SIGTERM. What was dropped is said, and counted."""
    unwanted = scratch / "many"
    flags = ("--output", str(scratch / "unread"), "--exclude-file", str(unwanted))
    unwanted.write_text("", encoding="ascii")
    said = 400
    stream = Stream()
    child = start(stream, stream.name, *flags)
    try:
        time.sleep(0.2)  # SIGHUP before it waits for signals would end it
        for number in range(30):
            check(reload_once(child, unwanted, number), f"reload {number} while nobody reads")
        child.terminate()
        check(ended(child) == 0, f"SIGTERM while nobody reads: {child.returncode}")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    # It does not wait for who reads: what was not read in a second went with it.
    found = journal.entries()
    check(0 < len(found) < 30, f"{len(found)} entries")
    stream.close()

    unwanted.write_text("", encoding="ascii")
    stream = Stream()
    with running(stream, *flags) as child:
        time.sleep(0.2)
        for number in range(said):
            check(reload_once(child, unwanted, number), f"reload {number} while nobody reads")
        found = journal.entries()
        told = [int(e["MESSAGE"].split()[0]) for e in found if e["TCPINFO_EVENT"] == b"log_dropped"]
        lines = [e for e in found if e["TCPINFO_EVENT"] == b"reloaded"]
        # How it samples and, on a busy machine, that ticks are missed may be among the dropped.
        check(told and said <= len(lines) + sum(told) <= said + 2,
              f"{len(lines)} lines, {told} dropped")
        for entry in found:
            check_entry(entry, entry["TCPINFO_EVENT"].decode())
    found = journal.entries()
    check(len(found) == 1 and b" log_lines_dropped=%d" % sum(told) in found[-1]["MESSAGE"],
          f"summary: {found}")
    stream.close()


def test_write_failed(journal: Journal, scratch: Path) -> None:
    """No file may have any content, as on a disk that is full."""
    stream = Stream()
    output = scratch / "full"
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()) as client:
        status = ended(start(stream, stream.name, "--output", str(output), "--include-local",
                             "--duration", "500ms", "--flush", "50ms", file_size=0))
        client.close()
    check(status == 1, f"no room: exit status {status}")
    found = journal.entries()
    events = [entry.get("TCPINFO_EVENT", b"").decode() for entry in found]
    check(events.count("write_failed") == 1 and events[-1] == "summary", f"no room: {events}")
    for entry, event in zip(found, events):
        if event == "write_failed":
            check_entry(entry, event, "TCPINFO_FILE", "ERRNO")
            check(entry.get("ERRNO") == b"27", f"not EFBIG: {entry}")
        elif event == "records_dropped":
            check_entry(entry, event, "TCPINFO_FILE")
        else:
            check_entry(entry, event)
        if event != "summary":
            name = entry.get("TCPINFO_FILE", b"")
            check(name.startswith(os.fsencode(output)) and name.endswith(b".jsonl.zst.part")
                  and name in entry["MESSAGE"], f"{event}: not the file: {entry}")
    check(stream.text() == "", "plain lines as well")
    stream.close()


def shown(name: str) -> bytes:
    """As a message shows it: control characters and what is not UTF-8 are escaped."""
    return "".join(f"\\x{ord(c) - 0xdc00:02x}" if 0xdc80 <= ord(c) <= 0xdcff
                   else f"\\u{ord(c):04x}" if unicodedata.category(c) == "Cc" else c
                   for c in name).encode()


def test_strange_messages(journal: Journal, scratch: Path) -> None:
    """Whatever a message consists of, it is one entry, and all of it is shown."""
    for name in ("two\nlines", "\nMESSAGE=other", "x\nPRIORITY=0\nTCPINFO_EVENT=summary\n",
                 "tab\tescape\x1b[31m\x01", "percent %s %n {} {0}", "= =", "\u00fc\u4e2d",
                 "no \udcff UTF-8", "a" * 120_000):
        stream = Stream()
        status = ended(start(stream, stream.name, "--output", str(scratch / "never"),
                             "--anonymize", name))
        found = journal.entries()
        what = f"value {name[:40]!r}"
        check(status == 2, f"{what}: exit status {status}")
        check(len(found) == 1, f"{what}: {len(found)} entries: {str(found)[:400]}")
        for entry in found:
            check_entry(entry, "usage")
            wanted = b"--anonymize: '%s' is neither none nor netblock" % shown(name)
            check(entry.get("MESSAGE") == wanted, f"{what}: message {entry['MESSAGE'][:200]!r}")
        check(stream.text() == "", f"{what}: plain lines as well")
        stream.close()

    # In the field that names the file, too.
    stream = Stream()
    folder = scratch / "in the\nway\nERRNO=0"
    folder.write_text("a file", encoding="ascii")
    status = ended(start(stream, stream.name, "--output", str(folder), "--reps", "1"))
    found = journal.entries()
    check(status == 2 and len(found) == 1, f"strange folder: {status} {found}")
    for entry in found:
        check_entry(entry, "start_refused", "TCPINFO_FILE", "ERRNO")
        check(entry.get("TCPINFO_FILE") == os.fsencode(folder), f"strange folder: {entry}")
    stream.close()


def test_not_connected(journal: Journal) -> None:
    """Plain lines where standard error leads elsewhere than the variable says, or it is not set."""
    wanted = PLAIN + "--level: 'x' is no number from 1 to 19\n"
    other = Stream()
    stream = Stream()
    device, _, inode = stream.name.partition(":")
    for value in (None, "", other.name, "1:2", "x", ":", f"{device}:", f":{inode}",
                  f"{device}:{inode}9", f" {stream.name}", f"{stream.name}:1", f"{inode}:{device}"):
        status = ended(start(stream, value, "--level", "x"))
        text, found = stream.text(), journal.entries()
        what = f"JOURNAL_STREAM {value!r}"
        check(status == 2, f"{what}: exit status {status}")
        check(text == wanted, f"{what}: standard error {text!r}")
        check(not found, f"{what}: entries {found}")

    # Connected, but nobody there: standard error still leads to the journal's daemon.
    journal.path.rename(journal.path.with_name("away"))
    status = ended(start(stream, stream.name, "--level", "x"))
    text = stream.text()
    check(status == 2 and text == wanted, f"no journal: {status} {text!r}")
    journal.path.with_name("away").rename(journal.path)
    other.close()
    stream.close()


def inside() -> None:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        skip(f"no mount is permitted: {done.stderr.strip()}")
    journal = Journal()
    if not connected(journal):
        skip("this build knows no journal (libsystemd)")
    with tempfile.TemporaryDirectory() as scratch:
        for test in (test_course, test_nobody_reads, test_write_failed, test_strange_messages):
            test(journal, Path(scratch))
    test_not_connected(journal)
    finish()


def main() -> None:
    if sys.argv[2:] == [INSIDE]:
        inside()
    if shutil.which("unshare") is None:
        skip("there is no `unshare` command")
    enter = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        enter += ["--user", "--map-root-user"]
    done = subprocess.run([*enter, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        skip(f"no mount namespace is permitted: {done.stderr.strip()}")
    os.execvp(enter[0], [*enter, sys.executable, "-B", *sys.argv, INSIDE])


main()
