# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump follow: files that grow and are made complete as a collector does it, step by step.

usage: cli_follow.py TCPINFO-DUMP MAKE-SEGMENT
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, metadata, record

DUMP, MAKE_SEGMENT = map(os.path.abspath, sys.argv[1:3])
PATIENCE_S = 30.0
BEACON = 0xFFFF


def uuid(cookie: int) -> str:
    return f"host_1_{cookie:016X}"


def frame(text: str) -> bytes:
    """One zstd frame of raw blocks."""
    data = text.encode()
    size = len(data).to_bytes(4, "little")
    blocks = b""
    for at in range(0, max(len(data), 1), 1 << 16):
        piece = data[at:at + (1 << 16)]
        last = at + (1 << 16) >= len(data)
        blocks += (last | len(piece) << 3).to_bytes(3, "little") + piece
    # Single segment, content size of four bytes.
    return b"\x28\xb5\x2f\xfd" + bytes([0b10100000]) + size + blocks


class Growing:
    """A .part file, and what becomes of it."""

    def __init__(self, folder: Path, cookie: int, name: str = ".jsonl.zst") -> None:
        self.complete = folder / f"{uuid(cookie)}.00000{name}"
        self.part = folder / (self.complete.name + ".part")
        self.cookie = cookie
        self.text = metadata(0, uuid(cookie))
        self.waiting = self.text
        self.polls = 0

    def record(self, **more: object) -> str:
        self.polls += 1
        return record(self.polls, poll=self.polls, cookie=self.cookie, **more)  # type: ignore

    def append(self, data: bytes) -> None:
        with self.part.open("ab") as file:
            file.write(data)

    def flush(self, records: int = 1, **more: object) -> None:
        text = self.waiting + "".join(self.record(**more) for _ in range(records))
        self.text += text if self.waiting == "" else text[len(self.waiting):]
        self.waiting = ""
        self.append(frame(text))

    def rename(self) -> None:
        self.part.rename(self.complete)

    def rewrite(self) -> None:
        """As the finalizer does it with a file of many small frames."""
        copy = self.part.with_name(self.part.name + ".new")
        copy.write_bytes(frame(self.text))
        copy.rename(self.part)
        self.rename()


# In a user namespace of its own it may be forbidden to it to be told of changes.
NO_INOTIFY = ["unshare", "-Ur", "sh", "-c",
              'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', "sh"]


class Follower:
    """The program, and the polls that it has printed by cookie."""

    before: list[str] = []

    def __init__(self, folder: Path, *flags: str) -> None:
        self.child = subprocess.Popen([*self.before, DUMP, "follow", *flags, str(folder)],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.lines.append(line)

    def polls(self, beacons: bool = False) -> list[tuple[int, int]]:
        """Without those of is_watching()."""
        found = []
        for line in list(self.lines):
            told = re.search(r"host_1_([0-9A-F]{16}) sequence:\d+ poll:(\d+)", line) or \
                re.search(r'"uuid":"host_1_([0-9A-F]{16})".*"poll":(\d+)', line)
            if told and (beacons or int(told[1], 16) != BEACON):
                found.append((int(told[1], 16), int(told[2])))
        return found

    def expect(self, polls: list[tuple[int, int]], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while sorted(self.polls()) != sorted(polls) and time.monotonic() < deadline:
            time.sleep(0.01)
        check(sorted(self.polls()) == sorted(polls), f"{what}: {self.polls()}, not {polls}")

    def end(self, sign: int | None = signal.SIGTERM) -> tuple[int, str]:
        if sign is not None:
            self.child.send_signal(sign)
        status = self.child.wait(PATIENCE_S)
        self.thread.join()
        assert self.child.stderr is not None
        return status, self.child.stderr.read()


def is_watching(follower: Follower, folder: Path) -> bool:
    """By a file that is not there for long: it is printed as soon as the follower is ready."""
    beacon = Growing(folder, BEACON)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        beacon.flush()
        time.sleep(0.02)
        if follower.polls(beacons=True):
            break
    beacon.part.unlink()
    return time.monotonic() < deadline


@contextmanager
def following(folder: Path, *flags: str) -> Iterator[Follower]:
    follower = Follower(folder, *flags)
    try:
        check(is_watching(follower, folder), "it does not begin")
        yield follower
        status, said = follower.end()
        check((status, said) == (0, ""), f"{flags}: {status} {said}")
    finally:
        if follower.child.poll() is None:
            follower.child.kill()
            follower.child.wait()


def test_growing(day: Path) -> None:
    """Records come once, whatever becomes of their file."""
    old, idle = Growing(day, 1), Growing(day, 2)
    old.flush(3)
    idle.flush(2)
    before = Growing(day, 3)
    before.flush()
    before.rename()
    with following(day.parents[2]) as follower:
        seen: list[tuple[int, int]] = []
        follower.expect(seen, "what was there before")
        old.flush(2)
        seen += [(1, 4), (1, 5)]
        follower.expect(seen, "a file that grows")
        # A frame that is not whole yet is waited for, and is no fault.
        whole = frame(old.record())
        old.append(whole[:30])
        time.sleep(0.1)
        follower.expect(seen, "half a frame")
        old.append(whole[30:])
        seen += [(1, 6)]
        follower.expect(seen, "the other half")
        # The same lines in other frames, with some that were not seen in the file before.
        new = Growing(day, 4)
        new.flush(2)
        new.flush(3)
        new.rewrite()
        seen += [(4, poll) for poll in range(1, 6)]
        follower.expect(seen, "rewritten")
        idle.flush()
        idle.rewrite()
        seen += [(2, 3)]
        follower.expect(seen, "rewritten that was there before")
        old.rename()
        # Begun and complete before anybody can look, many times.
        for cookie in range(0x100, 0x180):
            short = Growing(day, cookie)
            short.flush()
            short.rename()
            seen.append((cookie, 1))
        follower.expect(seen, "short connections")
        # A folder that is new, with files in it at once.
        later = day.parent / "15"
        later.mkdir()
        for cookie in range(0x200, 0x210):
            short = Growing(later, cookie)
            short.flush()
            if cookie % 2:
                short.rename()
            seen.append((cookie, 1))
        follower.expect(seen, "a new day")
        # Retention, and files of others.
        before.complete.unlink()
        (day / "notes.txt").write_text("nothing\n")
        (day / f"{uuid(5)}.00000.jsonl.zst.part.damaged").write_bytes(frame("nothing\n"))
        plain = Growing(day, 6, ".jsonl")
        plain.append(plain.text.encode() + plain.record().encode()[:100])
        plain.append(record(1, poll=1, cookie=6).encode()[100:])
        seen.append((6, 1))
        follower.expect(seen, "plain text")


def test_from_start(day: Path) -> None:
    one, two = Growing(day, 1), Growing(day, 2)
    one.flush(2)
    two.flush(3)
    two.rename()
    follower = Follower(day.parents[2], "--from-start", "--json")
    seen = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]
    follower.expect(seen, "from the start")
    one.flush()
    one.rename()
    follower.expect([*seen, (1, 3)], "and then what comes")
    check(follower.end(signal.SIGINT) == (0, ""), "SIGINT")


def test_faults(day: Path) -> None:
    """Damage is told, with the number of its line, and what is good behind it is read."""
    growing = Growing(day, 1)
    growing.flush(2)
    follower = Follower(day.parents[2])
    check(is_watching(follower, day), "it does not begin")
    growing.append(frame(growing.record() + "nonsense\n" + growing.record()))
    follower.expect([(1, 3), (1, 4)], "behind a bad line")
    growing.append(b"\x28\xb5\x2f\xfd\xff" + b"noise" * 20)
    growing.append(frame(growing.record()))
    growing.append(frame(growing.record()))
    follower.expect([(1, 3), (1, 4), (1, 5), (1, 6)], "behind a bad frame")
    status, said = follower.end()
    check(status == 1 and f"{growing.part.name}:5: not a JSON record" in said
          and said.count("nonsense") == 0, f"{status} {said}")


def test_filters(day: Path) -> None:
    """As those of printing; the end of an aborted connection has lost its port."""
    with following(day.parents[2], "--dport", "5201") as follower:
        wanted, other = Growing(day, 1), Growing(day, 2)
        wanted.flush()
        other.flush(dport=9)
        follower.expect([(1, 1)], "one port")
        for growing in (wanted, other):
            growing.flush(state=CLOSE, dport=0)
        follower.expect([(1, 1), (1, 2)], "lost ports")


def test_segments(day: Path) -> None:
    """Blocks of a segment that grows, in whatever pieces they come; the finalizer's copy may have
    other blocks."""
    root, archives = day.parents[2], day.parents[2] / "archives"
    archives.mkdir()
    files = []
    for cookie in range(1, 6):
        files.append(archives / f"{uuid(cookie)}.00000.jsonl")
        files[-1].write_text(metadata(0, uuid(cookie)) + "".join(
            record(poll, poll=poll, cookie=cookie) for poll in range(1, 9)), encoding="utf-8")
    made, packed = root / "made", root / "packed"
    for path, flags in ((made, ["--block", "4", "--by-turns"]), (packed, [])):
        subprocess.run([MAKE_SEGMENT, *flags, archives, path, *files], check=True,
                       stdin=subprocess.DEVNULL)
    for path in files:
        path.unlink()
    data = made.read_bytes()
    wanted = [(cookie, poll) for cookie in range(1, 6) for poll in range(1, 9)]
    part = day / "host.20231114T221320Z-1.0.0.tcpseg.zst.part"
    complete = day / part.name.removesuffix(".part")
    with following(root, "--json") as follower:
        late = None
        for at in range(0, len(data), 97):
            with part.open("ab") as file:
                file.write(data[at:at + 97])
            if late is None and at > len(data) // 2:
                late = Follower(root)
                check(is_watching(late, root / "2023"), "the late one does not begin")
        assert late is not None
        follower.expect(wanted, "a segment in pieces")
        copy = part.with_name(part.name + ".new")
        packed.rename(copy)
        copy.rename(part)
        part.rename(complete)
        short = day / "host.20231114T221320Z-1.0.1.tcpseg.zst.part"
        short.write_bytes(data)
        short.rename(day / short.name.removesuffix(".part"))
        follower.expect([*wanted, *wanted], "one that is complete at once")
        deadline = time.monotonic() + PATIENCE_S
        while sorted(late.polls()[-len(wanted):]) != sorted(wanted) \
                and time.monotonic() < deadline:
            time.sleep(0.01)
        late_polls = late.polls()[:-len(wanted)]
        check(0 < len(late_polls) < len(wanted) and len(set(late_polls)) == len(late_polls),
              f"begun in the middle: {late_polls}")
        status, said = late.end()
        check((status, said) == (0, ""), f"{status} {said}")


def test_lost_events(day: Path) -> None:
    """More than the kernel keeps for who does not ask: the folders are looked through then."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    if most > 40_000:
        print(f"NOTE: not tried with {most} events")
        return
    grown = [Growing(day, cookie) for cookie in range(1, 4)]
    for growing in grown:
        growing.flush()
    with following(day.parents[2]) as follower:
        follower.child.send_signal(signal.SIGSTOP)
        for number in range(most + 10):
            (day / f"other{number}").touch()
        seen = []
        for growing in grown:
            growing.flush(2)
            seen += [(growing.cookie, 2), (growing.cookie, 3)]
        grown[0].rename()
        grown[1].rewrite()
        for cookie in range(10, 20):
            short = Growing(day, cookie)
            short.flush()
            short.rename()
            seen.append((cookie, 1))
        follower.child.send_signal(signal.SIGCONT)
        follower.expect(seen, "after lost events")


def test_ends(day: Path) -> None:
    root = day.parents[2]

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([DUMP, "follow", *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)

    done = run("--duration", "50ms", root)
    check((done.returncode, done.stdout, done.stderr) == (0, "", ""), f"--duration: {done}")
    done = run("--duration", "0s", root)
    check(done.returncode == 2 and "--duration" in done.stderr, f"no duration: {done}")
    done = run()
    check(done.returncode == 2 and "DIR" in done.stderr, f"no directory: {done}")
    done = run(root / "nowhere")
    check(done.returncode == 1 and "No such file or directory" in done.stderr, f"nowhere: {done}")
    file = day / "file"
    file.touch()
    done = run(file)
    check(done.returncode == 1 and "Not a directory" in done.stderr, f"a file: {done}")
    # Nobody is there to print for.
    follower = Follower(root)
    check(is_watching(follower, day), "it does not begin")
    follower.end()
    reading, writing = os.pipe()
    with subprocess.Popen([DUMP, "follow", str(root)], stdin=subprocess.DEVNULL, stdout=writing,
                          stderr=subprocess.PIPE, text=True) as child:
        os.close(writing)
        time.sleep(0.2)
        os.close(reading)
        check(child.wait(PATIENCE_S) == 0 and child.stderr and child.stderr.read() == "",
              "the reader is gone")
    # The folder goes.
    gone = root / "gone"
    gone.mkdir()
    follower = Follower(gone)
    check(is_watching(follower, gone), "it does not begin")
    gone.rmdir()
    status, said = follower.end(None)
    check(status == 1 and "the folder is gone" in said, f"{status} {said}")


def main() -> None:
    tests = [test_growing, test_from_start, test_faults, test_filters, test_segments,
             test_lost_events, test_ends]
    can_forbid = shutil.which(NO_INOTIFY[0]) is not None and subprocess.run(
        [*NO_INOTIFY, "true"], capture_output=True, check=False).returncode == 0
    for test in [*tests, test_growing] if can_forbid else tests:
        with tempfile.TemporaryDirectory() as folder:
            day = Path(folder) / "2023/11/14"
            day.mkdir(parents=True)
            test(day)
        if test is tests[-1]:
            Follower.before = NO_INOTIFY
    finish("" if can_forbid else " (without inotify: not tried)")


main()
