# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump get: one connection out of archives, by each name it has, and what is opened.

usage: cli_get.py TCPINFO-DUMP MAKE-SEGMENT
"""

from __future__ import annotations

import base64
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, UUID, archive, metadata, record, write

DUMP, MAKE_SEGMENT = map(os.path.abspath, sys.argv[1:3])
OTHER = UUID[:-2] + "CD"
DAY = 86400


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DUMP, "get", *map(str, arguments)], stdin=subprocess.DEVNULL, cwd=cwd,
                          capture_output=True, text=True, timeout=60, check=False)


def gives(text: str, *arguments: str | Path) -> None:
    done = run(*arguments)
    check((done.returncode, done.stdout, done.stderr) == (0, text, ""), f"{arguments}: {done}")


def finds_nothing(name: str, *arguments: str | Path, times: bool = False) -> None:
    done = run(*arguments)
    said = f"no connection '{name}' was found" + (" in the times asked for" if times else "")
    check((done.returncode, done.stdout) == (1, "") and done.stderr == f"tcpinfo-dump: {said}\n",
          f"{arguments}: {done}")


def refuses(words: str, *arguments: str | Path) -> None:
    done = run(*arguments)
    check(done.returncode == 2 and done.stderr.count("\n") == 1 and words in done.stderr
          and not done.stdout, f"{arguments}: {done}")


def with_ends(line: str, src: bytes, sport: int, dst: bytes, dport: int) -> str:
    """The same record between other ends."""
    told = json.loads(line)
    idm = bytearray(base64.b64decode(told["RawIDM"]))
    idm[0] = 2 if len(src) == 4 else 10
    idm[4:8] = struct.pack(">HH", sport, dport)
    idm[8:24] = src.ljust(16, b"\0")
    idm[24:40] = dst.ljust(16, b"\0")
    told["RawIDM"] = base64.b64encode(idm).decode()
    return json.dumps(told, separators=(",", ":")) + "\n"


def make_days(root: Path) -> dict[str, Path]:
    """Two connections over three days; times of modification are those of the records."""
    folders = {}
    for number, day in enumerate(("2023/11/13", "2023/11/14", "2023/11/15")):
        folders[day] = root / day
        folders[day].mkdir(parents=True)
        second = (number - 1) * DAY
        for cookie, uuid in ((0xAB, UUID), (0xCD, OTHER)):
            path = archive(folders[day], number, metadata(number, uuid)
                           + record(second, rtt=number + 1, cookie=cookie, dport=cookie), uuid)
            os.utime(path, (1700000000 + second, 1700000000 + second))
        os.utime(folders[day], (1700000000 + second, 1700000000 + second))
    return folders


def lines_of(number: int, uuid: str = UUID, cookie: int = 0xAB) -> str:
    return metadata(number, uuid) + record((number - 1) * DAY, rtt=number + 1, cookie=cookie,
                                           dport=cookie)


def test_names(root: Path) -> None:
    make_days(root)
    whole = "".join(lines_of(number) for number in range(3))
    for name in (UUID, "171", "0xAB", "0Xab", "sk:ab", "00000000000000AB", "00000000000000ab",
                 " 171 ", "192.0.2.1:443-198.51.100.9:171", "198.51.100.9:171-192.0.2.1:443",
                 "192.0.2.1:443 198.51.100.9:171", "192.0.2.1%eth-0:443 \t 198.51.100.9:171",
                 "[::ffff:192.0.2.1]:443-198.51.100.9:171",
                 "[::ffff:192.0.2.1]:443 [::ffff:198.51.100.9]:171"):
        gives(whole, name, root)
    gives(whole, "192.0.2.1:443", "198.51.100.9:171", root)
    gives("".join(lines_of(number, OTHER, 0xCD) for number in range(3)), OTHER, root)
    for name in ("host_1_00000000000000AB", "172", "0xAC", "192.0.2.1:443-198.51.100.9:172",
                 "192.0.2.1:171-198.51.100.9:443"):
        finds_nothing(name, name, root)
    refuses("no connection named")
    refuses(f"'{UUID}' is looked for in", UUID)
    refuses("is looked for in", "192.0.2.1:443", "198.51.100.9:171")
    refuses("has 0x before it, or 16 of them", "ab", root)
    refuses("1 to 16 hexadecimal digits stand behind 0x", "0x12345678123456789", root)
    refuses("1 to 16 hexadecimal digits stand behind sk:", "sk:", root)
    refuses("more than 64 bits", "18446744073709551616", root)
    refuses("the other one is missing", "192.0.2.1:443-", root)
    refuses("no '-' or blank", "192.0.2.1:443", root)
    refuses("no port from 0 to 65535", "192.0.2.1:https-198.51.100.9:171", root)
    refuses("no port from 0 to 65535", "192.0.2.1:443-198.51.100.9:65536", root)
    refuses("IPv6 one in brackets", "2001:db8::1:443-198.51.100.9:171", root)
    refuses("lacks a ]", "[::1:443-198.51.100.9:171", root)
    refuses("stands behind both ends", "192.0.2.1:443-198.51.100.9:171,", root)
    refuses("is no UUID", "a/b", root)
    refuses(f"'{OTHER}' is a second connection", UUID, OTHER, root)
    refuses("'0xCD' is a second connection", UUID, root, "0xCD")
    refuses("--since", UUID, "--since", "nonsense", root)
    refuses("--time goes with --text or --json", UUID, "--time", "epoch", root)


def test_opened(root: Path) -> None:
    """Nothing that cannot have the connection is opened: damage in it is not found."""
    folders = make_days(root)
    for folder in folders.values():
        write(folder, "host_1_0000000000000077.00000.jsonl", "no line of an archive\n")
    gives("".join(lines_of(number) for number in range(3)), UUID, root)
    done = run("192.0.2.1:443-198.51.100.9:171", root)
    check(done.returncode == 1 and done.stderr.count("0077.00000.jsonl:1: ") == 3
          and done.stdout == "".join(lines_of(number) for number in range(3)), f"all: {done}")
    # Days outside are not looked into at all, where ends are asked for neither.
    ends = "192.0.2.1:443-198.51.100.9:171"
    done = run(ends, "--until", "2023-11-14", root)
    check(done.stdout == lines_of(0) and done.stderr.count("0077.00000.jsonl:1: ") == 1,
          f"until: {done}")
    for folder in folders.values():
        os.utime(folder, (1600000000, 1600000000))
    done = run(ends, "--since", "2023-11-15T12:00Z", root)
    check("2023/11/13" not in done.stderr and "2023/11/14" in done.stderr
          and done.stdout == lines_of(2), f"since: {done}")
    # A day of slack and the folder's time: what was begun may go on.
    os.utime(folders["2023/11/13"])
    done = run(ends, "--since", "2023-11-15T12:00Z", root)
    check("2023/11/13" in done.stderr and done.stdout == lines_of(2), f"changed since: {done}")
    gives(lines_of(1), UUID, "--since", "2023-11-14", "--until", "2023-11-15", root)
    finds_nothing(UUID, UUID, "--since", "2024-01-01", root, times=True)
    finds_nothing(UUID, UUID, "--until", "2023-01-01", root, times=True)


def test_content(root: Path) -> None:
    """Many connections in one file, lines that say nothing, ends that are lost."""
    v6 = bytes.fromhex("20010db8000000000000000000000001")
    six = with_ends(record(1, cookie=7), v6, 443, v6[:-1] + b"\2", 9)
    mapped = with_ends(record(2, cookie=8), bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1]), 443,
                       bytes(10) + b"\xff\xff" + bytes([198, 51, 100, 9]), 10)
    both = write(root, "both.jsonl", six + mapped)
    gives(six, "[2001:db8::1]:443-[2001:db8::2]:9", both)
    gives(six, "[2001:db8::2%3]:9 [2001:db8::1]%eth0:443", both)
    gives(mapped, "192.0.2.1:443 198.51.100.9:10", both)
    gives(mapped, "8", both)
    # The last record of an aborted connection has lost its remote port; another one's has, too.
    lost = record(5, state=CLOSE, dport=0)
    anew = record(6, dport=5202) + record(7, state=CLOSE, dport=0)
    path = archive(root, 0, metadata() + record(3) + lost + anew)
    gives(metadata() + record(3) + lost, "192.0.2.1:443-198.51.100.9:5201", path)
    gives(metadata() + anew, "192.0.2.1:443-198.51.100.9:5202", path)
    # A file without a record is a part of its connection, but of no time.
    empty = archive(root, 1, metadata(1))
    gives(metadata() + record(3) + lost + anew + metadata(1), UUID, path, empty)
    gives(metadata(1), "0xAB", empty)
    finds_nothing("0xAB", "0xAB", "--since", "2023-11-14", empty, times=True)
    finds_nothing("192.0.2.1:443-198.51.100.9:5201", "192.0.2.1:443-198.51.100.9:5201", empty)
    # What is good in a damaged file is kept, and so is a line that says nothing.
    timed = '{"Timestamp":"2023-11-14T22:14:00Z"}\n'
    bad = archive(root, 2, metadata(2) + "nonsense\n" + record(8) + timed + record(9))
    done = run(UUID, bad)
    check(done.returncode == 1 and done.stdout == metadata(2) + record(8) + timed + record(9)
          and done.stderr.count("\n") == 2, f"damage: {done}")
    # Keys that nobody knows stay.
    odd = archive(root, 3, metadata(3) + record(8, more={"Colour": "blue"}))
    gives(odd.read_text(), UUID, odd)


def test_forms(root: Path) -> None:
    path = archive(root, 0, metadata() + record(1, poll=3) + record(2, poll=4, rtt=200))
    for flag in ([], ["--changes"], ["--zeros"], ["--time", "epoch"]):
        alike = subprocess.run([DUMP, *flag, path], capture_output=True, text=True, check=True)
        gives(alike.stdout, UUID, "--text", *flag, path)
    alike = subprocess.run([DUMP, "--json", path], capture_output=True, text=True, check=True)
    gives(alike.stdout, UUID, "--json", path)
    refuses("--text", UUID, "--changes", path)
    refuses("--text", UUID, "--text", "--json", path)
    # A copy of the file, from standard input.
    with path.open("rb") as given:
        done = subprocess.run([DUMP, "get", "171", "-"], stdin=given, capture_output=True,
                              check=False)
    check(done.stdout == path.read_bytes(), f"standard input: {done}")


def test_segments(root: Path) -> None:
    """The same from segments, from their blocks that the index names, and from mixed folders."""
    archives, segments, mixed = (root / name for name in ("archives", "segments", "mixed"))
    folders = make_days(archives)
    for number in range(40):
        cookie = 0x1000 + number
        archive(folders["2023/11/14"], 0, metadata(0, f"host_1_{cookie:016X}")
                + record(0, cookie=cookie, dport=cookie)
                + record(5, state=CLOSE, cookie=cookie, dport=0), f"host_1_{cookie:016X}")
    files = sorted(archives.rglob("*.jsonl"))
    day = segments / "2023/11/14"
    day.mkdir(parents=True)
    for name, flags in (("whole", []), ("open", ["--unfinished"])):
        made = day / f"{name}.tcpseg.zst"
        subprocess.run([MAKE_SEGMENT, "--block", "3", *flags, archives, made, *files], check=True,
                       stdin=subprocess.DEVNULL)
        for asked in ("171", UUID, "0xCD", "4103", "host_1_0000000000001007",
                      "192.0.2.1:443-198.51.100.9:4103", "198.51.100.9:171 192.0.2.1:443"):
            for flag in ([], ["--text"], ["--json"]):
                gives(run(asked, *flag, archives).stdout, asked, *flag, made)
        times = ["--since", "2023-11-14", "--until", "2023-11-15"]
        gives(run(UUID, *times, archives).stdout, UUID, *times, made)
        finds_nothing("4200", "4200", made)
        # Half of it packed, the other half not.
        made.rename(root / made.name)
    mixed.mkdir()
    half = [path for path in files if "2023/11/14" not in str(path)]
    (mixed / "2023/11").mkdir(parents=True)
    folders["2023/11/14"].rename(mixed / "2023/11/14")
    subprocess.run([MAKE_SEGMENT, archives, mixed / "2023/11/13.tcpseg.zst", *half], check=True,
                   stdin=subprocess.DEVNULL)
    done = run(UUID, mixed)
    check(done.returncode == 0 and sorted(done.stdout.splitlines())
          == sorted("".join(lines_of(number) for number in range(3)).splitlines()), f"{done}")
    # Another block's damage is not read; that of a block that is read costs its records.
    whole = bytearray((root / "whole.tcpseg.zst").read_bytes())
    whole[len(whole) // 2] ^= 1
    bad = write(root, "bad.tcpseg.zst", bytes(whole))
    answers = [run(str(0x1000 + number), bad) for number in range(40)]
    good = [one for one in answers if one.returncode == 0]
    check(0 < 40 - len(good) <= 4 and all(not one.stderr for one in good)
          and all("frame" in one.stderr for one in answers if one.returncode),
          f"damage: {len(good)} of 40, {[one.stderr for one in answers if one.returncode][:3]}")


def test_by_turns(root: Path) -> None:
    """Two archives of one cookie whose records come by turns, in many blocks: each record stands
    behind its own archive's metadata, also where the beginning is not there."""
    uuids = [f"host_{n}_{0x77:016X}" for n in (1, 2)]
    for uuid in uuids:
        archive(root, 0, metadata(0, uuid) + "".join(
            record(n, poll=n, cookie=0x77, rtt=int(uuid[5]) * 1000 + n) for n in range(20)), uuid)
    made = root / "turns.tcpseg.zst"
    subprocess.run([MAKE_SEGMENT, "--by-turns", "--block", "4", "--blocks-a-file", "3", root, made,
                    *sorted(root.rglob("*.jsonl"))], check=True, stdin=subprocess.DEVNULL)
    parts = sorted(root.glob("turns.*.tcpseg.zst"))
    check(len(parts) > 2, f"{parts}")
    for read in (parts, parts[1:]):
        done = run("0x77", *read)
        found: dict[str, list[int]] = {}
        uuid = ""
        for line in map(json.loads, done.stdout.splitlines()):
            if "Metadata" in line:
                uuid = line["Metadata"]["UUID"]
            else:
                found.setdefault(uuid, []).append(line["Poll"])
        at_first = 0 if read == parts else 6
        check(found == {uuid: list(range(at_first, 20)) for uuid in uuids},
              f"by turns: {found} of {len(read)} segments, {done.stderr}")


def main() -> None:
    for test in (test_names, test_opened, test_content, test_forms, test_segments, test_by_turns):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    finish()


main()
