# SPDX-License-Identifier: Apache-2.0
"""Which files the reading tools open: none whose path, name and time say that nothing in it is
wanted, and all others.

usage: cli_opened.py TCPINFO-DUMP TCPINFO-CSV
"""

from __future__ import annotations

import ctypes
import datetime
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import check, finish
from made_archives import UUID, archive, metadata, record, write

DUMP, CSV = map(os.path.abspath, sys.argv[1:3])
OTHER = UUID[:-2] + "CD"
IN_CLOEXEC, IN_NONBLOCK, IN_OPEN, IN_Q_OVERFLOW = 0o2000000, 0o4000, 0x20, 0x4000


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, cwd=cwd,
                          capture_output=True, text=True, timeout=60, check=False)


class Opened:
    """Counts what is opened in folders, by inotify(7): each file with its name."""

    def __init__(self, *folders: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(IN_CLOEXEC | IN_NONBLOCK)
        for folder in folders:
            if libc.inotify_add_watch(self.fd, os.fsencode(folder), IN_OPEN) < 0:
                raise OSError(ctypes.get_errno(), str(folder))

    def names(self) -> list[str]:
        """Since the last call; folders themselves have no name."""
        names: list[str] = []
        overflow = False
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                check(not overflow, "more was opened than can be counted")
                return sorted(names)
            at = 0
            while at < len(data):
                _, mask, _, size = struct.unpack_from("iIII", data, at)
                name = data[at + 16:at + 16 + size].rstrip(b"\0").decode()
                overflow = overflow or bool(mask & IN_Q_OVERFLOW)
                # IN_ISDIR: a folder inside.
                if name and not mask & 0x40000000:
                    names.append(name)
                at += 16 + size

    def close(self) -> None:
        os.close(self.fd)


def stamp(path: Path, second: float) -> None:
    os.utime(path, (1700000000 + second, 1700000000 + second))


# Of the day 2023-11-14, whose last second is 6399.
DAYS = {"2023/11/13": -86400, "2023/11/14": 0, "2023/11/15": 86400}


def make_spool(root: Path) -> dict[str, Path]:
    """Three days, two connections on each; one of the middle day goes on after midnight."""
    folders = {}
    for number, (day, second) in enumerate(DAYS.items()):
        folders[day] = root / day
        folders[day].mkdir(parents=True)
        for cookie, uuid in ((0xAB, UUID), (0xCD, OTHER)):
            text = metadata(number, uuid) + record(second, rtt=number + 1, cookie=cookie)
            last = second
            if number == 1 and cookie == 0xCD:
                last = 6400 + 60
                text += record(last, rtt=8, cookie=cookie)
            stamp(archive(folders[day], number, text, uuid), last)
    return folders


def test_opened(root: Path) -> None:
    folders = make_spool(root)
    opened = Opened(*folders.values())
    ab, cd = ([f"{uuid}.{n:05}.jsonl" for n in range(3)] for uuid in (UUID, OTHER))

    def opens(expected: list[str], rows: str, *flags: str, at: Path = root) -> None:
        for tool in ((CSV, "--columns", "rtt_us"), (CSV, "-j", "3", "--columns", "rtt_us"),
                     (DUMP, "--json"), (DUMP, "ls", "--json"), (DUMP, "ls", "-j", "2", "--json")):
            done = run(*tool, *flags, at)
            said = "nothing passes the filters" in done.stderr if flags and not rows \
                else not done.stderr
            check(done.returncode == 0 and said, f"{tool[1:]} {flags}: {done}")
            names = opened.names()
            check(names == sorted(expected), f"{tool[1:]} {flags}: opened {names}, not {expected}")
            if tool[0] == CSV:
                got = "".join(done.stdout.split()[1:])
                check(got == rows, f"{flags}: {got}, not {rows}")

    opens(ab + cd, "1122833")
    opens(ab, "123", "--uuid", UUID)
    opens(cd, "1283", "--uuid", "CD")
    opens(ab[:2] + cd[:2], "1122", "--until", "2023-11-15")
    opens(ab[:1] + cd[:1], "11", "--until", "20231114")
    opens(ab[:2] + cd[:2], "1122", "--until", "2023-11-14T23:00Z")
    # Begun before midnight, it goes on after it; the other one of that day does not.
    opens(ab[2:] + cd[1:], "833", "--since", "2023-11-15")
    opens(ab[2:] + cd[1:], "833", "--since", "2023-11-15T00:00:30Z")
    opens(ab[2:] + cd[2:], "33", "--since", "2023-11-15T00:02Z")
    opens(ab[1:] + cd[1:], "22833", "--since", "2023-11-14T00:00Z")
    opens([], "", "--since", "2024-01-01")
    opens([], "", "--until", "2023-01-01")
    opens(cd[1:2], "2", "--uuid", OTHER, "--since", "2023-11-14", "--until", "2023-11-15")
    # Whichever way one comes to the folder.
    opens(ab[1:2], "2", "--uuid", "AB", at=folders["2023/11/14"])
    opens(ab[1:2], "2", "--uuid", "AB", at=folders["2023/11/14"] / ab[1])
    opens([], "", "--until", "2023-11-14", at=folders["2023/11/14"] / ab[1])
    done = run(CSV, "--columns", "rtt_us", "--uuid", "AB", ".", cwd=folders["2023/11/14"])
    check(done.stdout == "rtt_us\n2\n" and opened.names() == [ab[1]], f"from inside: {done}")

    # A row for each metadata record whatever the filters say: nothing is passed over.
    run(CSV, "--compat=mlab", "--uuid", "AB", root)
    check(opened.names() == sorted(ab + cd), "--compat opens all")

    # Where the path or the name is not a collector's, all is opened.
    flat = root / "flat"
    flat.mkdir()
    write(folders["2023/11/15"], "copy.jsonl", metadata(0) + record(0, rtt=5))
    archive(flat, 0, metadata(0) + record(0, rtt=6))
    inside = Opened(flat)
    opened.names()  # what this test itself has opened
    opens(ab[:2] + cd[:2] + ["copy.jsonl"], "112256", "--until", "2023-11-15")
    check(set(inside.names()) == {ab[0]}, "a folder of another name is looked into")
    inside.close()
    opened.close()


def test_many_opened(root: Path) -> None:
    """One connection among thousands costs as many opens as it has files."""
    folders = [root / f"2026/01/{day:02}" for day in range(1, 11)]
    for folder in folders:
        folder.mkdir(parents=True)
    original = write(root, "original", metadata(0, "h_1_0000000000000001") + record(0, cookie=1))
    january = datetime.datetime(2026, 1, 10, tzinfo=datetime.timezone.utc).timestamp()
    os.utime(original, (january, january))
    for number in range(5000):
        os.link(original, folders[number % 10] / f"h_1_{number + 1:016X}.00000.jsonl")
    opened = Opened(*folders)
    for tool in ((CSV, "--columns", "uuid"), (DUMP, "ls", "--columns", "uuid")):
        done = run(*tool, "--uuid", "1", root)
        check(done.returncode == 0 and done.stdout.count("\n") == 2, f"one of 5000: {done}")
        names = opened.names()
        check(names == ["h_1_0000000000000001.00000.jsonl"], f"one of 5000: {len(names)} opened")
        done = run(*tool, "--since", "2026-02-05", "--until", "2026-02-06", root)
        check(done.returncode == 0 and not opened.names(), "a day without files")
        done = run(*tool, "--until", "2026-01-01", root)
        check(done.returncode == 0 and not opened.names(), "days before all files")
    opened.close()


def main() -> None:
    for test in (test_opened, test_many_opened):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    finish()


main()
