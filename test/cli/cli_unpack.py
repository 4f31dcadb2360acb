# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump unpack: segments that pack would not write, and ends in the middle.

usage: cli_unpack.py TCPINFO-DUMP MAKE-SEGMENT
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from checks import check, finish
from packing_checks import (DAY, SEGMENT, counts, damaged, good, killed_when, make_segment,
                            name_of, names, noise, pack, packs, put, run_tests, texts, unpack,
                            zstd)


def test_collector_segments(folder: Path) -> None:
    """Records of many connections over many blocks and files, as a collector writes them."""
    count = 30
    expected = {}
    pieces: list[list[str]] = [[] for _ in range(6)]
    for number in range(count):
        lines = good(number, 12).splitlines()
        expected[name_of(number)] = good(number, 12).encode()
        begun = False
        source = random.Random(number)
        cut = sorted(source.sample(range(1, len(lines)), 5))
        for piece, (low, high) in zip(pieces, zip([1, *cut], [*cut, len(lines)])):
            if low == high:
                continue
            piece += [f"metadata {lines[0]}",
                      f"{'goes-on' if begun else 'archive'} {name_of(number)}",
                      *(f"record {line}" for line in lines[low:high])]
            begun = True
    scripts = ["\n".join([*pieces[2 * n], "flush", *pieces[2 * n + 1], "flush", "finish", ""])
               for n in range(3)]
    # Numbers in names are numbers: 9 before 10.
    for n, script in enumerate(scripts):
        make_segment(folder / "in" / DAY / f"host.1700000000-run.0.{n + 8}{SEGMENT}", script)
    done = unpack(folder / "in", "-o", folder / "out")
    packs(done, "a collector's segments", archives_unpacked=count, there_before=0)
    check(done.stderr == "" and texts(folder / "out") == expected,
          f"a collector's segments: {done.stderr}")

    # The last one is still being written.
    last = folder / "in" / DAY / f"host.1700000000-run.0.10{SEGMENT}"
    part = last.with_name(last.name + ".part")
    last.rename(part)
    data = part.read_bytes()
    part.write_bytes(data[:-40])
    done = unpack(folder / "in", "-o", folder / "part")
    check(done.returncode == 0 and "not complete: its archives keep .part" in done.stderr,
          f"a .part: {done}")
    got = texts(folder / "part")
    check(any(n.endswith(".part") for n in got)
          and all(expected[n.removesuffix(".part")].startswith(t) for n, t in got.items()),
          f"a .part: {sorted(got)[:3]}")
    done = unpack(folder / "in", "-o", folder / "named", "--partial")
    check(done.returncode == 0 and sorted(texts(folder / "named")) == sorted(expected),
          f"--partial: {done}")

    # A block that is damaged costs its records, which are counted.
    middle = folder / "in" / DAY / f"host.1700000000-run.0.9{SEGMENT}"
    whole = middle.read_bytes()
    middle.write_bytes(damaged(whole, 60))
    done = unpack(folder / "in", "-o", folder / "damaged")
    check(done.returncode == 1 and f"{middle.name}" in done.stderr
          and counts(done).get("records missing", 0) > 0, f"a damaged block: {done}")
    for name, text in texts(folder / "damaged").items():
        full = expected[name.removesuffix(".part")].splitlines()
        check(set(text.splitlines()) <= set(full), f"a damaged block: {name}")
    middle.write_bytes(whole[:len(whole) // 3])
    check(unpack(middle, "-o", folder / "cut").returncode == 1, "a segment that was cut")


def test_hostile(folder: Path) -> None:
    bad = ["/tmp/x.jsonl", "../x.jsonl", "a/../../x.jsonl", "a//x.jsonl", "a/./x.jsonl", "a/", "..",
           ".", "a/..", "", "/", ".tcpinfo-unpack/x.jsonl", "a" * 300 + ".jsonl",
           "/".join("d" * 100) + "/x.jsonl"]
    script = "".join(f"archive {path}\ntext {n}\n" for n, path in enumerate(bad))
    script += "archive good.jsonl\ntext good\narchive good.jsonl/x\ntext inside a file\n"
    script += "archive good.jsonl\ntext a second one\narchive dir/x.jsonl\ntext in a folder\n"
    script += "archive dir\ntext the folder\nflush\nfinish\n"
    segment = make_segment(folder / f"hostile{SEGMENT}", script)
    done = unpack(segment, "-o", folder / "out/here")
    check(done.returncode == 1, f"hostile: {done}")
    (folder / "out").mkdir()
    done = unpack(segment, "-o", folder / "out/here")
    packs(done, "hostile", 1, archives_unpacked=2, not_unpacked=len(bad) + 3)
    check(texts(folder / "out") == {"here/good.jsonl": b"good\n",
                                    "here/dir/x.jsonl": b"in a folder\n"},
          f"hostile: {names(folder / 'out')}")
    # The same beside pack's: never compared with what the path leads to.
    shutil.copy(segment, folder / f"out/packed.00000{SEGMENT}")
    put(folder / "in" / name_of(1), zstd(good(1)))
    packs(pack(folder / "in", "-o", folder / "out"), "hostile, pack", archives_packed=1)
    check(unpack(put(folder / f"no{SEGMENT}", good(1)), "-o", folder / "x").returncode == 1,
          "an archive under a segment's name")


def test_twice(folder: Path) -> None:
    """Of two beginnings of an archive the first one is taken. What goes on may be either's."""
    lines = good(1).splitlines()
    begin = f"metadata {lines[0]}\narchive {name_of(1)}\nrecord {lines[1]}\nflush\n"
    more = f"metadata {lines[0]}\ngoes-on {name_of(1)}\nrecord {lines[2]}\nflush\n"
    here = folder / "in"
    make_segment(here / f"a.0{SEGMENT}", begin)
    make_segment(here / f"a.1{SEGMENT}", begin)
    packs(unpack(here, "-o", folder / "one"), "two beginnings", 1, archives_unpacked=1)
    check(names(folder / "one") == [name_of(1)], f"two beginnings: {names(folder / 'one')}")
    make_segment(here / f"a.2{SEGMENT}", more)
    packs(unpack(here, "-o", folder / "two"), "and more", 1, archives_unpacked=1)
    check(names(folder / "two") == [name_of(1) + ".part"], f"and more: {names(folder / 'two')}")


def test_own_part(folder: Path) -> None:
    segment = make_segment(folder / f"in/x{SEGMENT}",
                           "".join(f"archive a.jsonl\nrecord {line}\n"
                                   for line in good(1).splitlines()[1:2]) + "flush\nfinish\n")
    shutil.copy(segment, segment.with_name(segment.name + ".part"))
    done = unpack(folder / "in", "-o", folder / "out")
    packs(done, "a segment and its .part", archives_unpacked=1)
    check("passed over: it is there without .part" in done.stderr, f"its .part: {done}")


def test_killed(folder: Path) -> None:
    for number in range(6):
        put(folder / "in" / name_of(number), noise(number, 1_000_000))
    for number in range(100, 112):
        put(folder / "in" / name_of(number), zstd(good(number)))
    expected = texts(folder / "in")
    out = folder / "out"
    pack(folder / "in", "-o", out)
    back = folder / "again"
    kills = 0
    for moment in (lambda: (back / ".tcpinfo-unpack").exists(),
                   lambda: any((back / ".tcpinfo-unpack").rglob("*.zst")),
                   lambda: any(back.glob(f"{DAY}/*"))):
        kills += killed_when(moment, "unpack", out, "-o", back)
        there = {n: t for n, t in texts(back).items() if not n.startswith(".")}
        check(all(expected[n] == t for n, t in there.items()), "unpack killed: a file is not whole")
    check(kills >= 1, "unpack was never killed")
    done = unpack(out, "-o", back)
    packs(done, "unpack killed, and run to the end")
    check(texts(back) == expected, "unpack killed: not all came back")


run_tests([test_collector_segments, test_hostile, test_twice, test_own_part, test_killed])
finish()
