# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump erase: what is gone, what is the same byte for byte, and what it leaves and says so.

usage: cli_erase.py TCPINFO-DUMP MAKE-SEGMENT
"""

from __future__ import annotations

import base64
import fcntl
import gzip
import ipaddress
import json
import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path
from typing import Callable

from checks import check, finish
from made_archives import CLOSE, metadata, record
from packing_checks import (DAY, DUMP, SEGMENT, damaged, killed_when, make_segment, name_of, names,
                            noise, pack, put, run, run_tests, text_of, texts, unpack, uuid, zstd)

NETWORK = ipaddress.ip_network("203.0.113.0/24")
INSIDE, OUTSIDE = "203.0.113.77", "198.51.100.9"


def addressed(line: str, src: str, dst: str) -> str:
    """The record with other ends; IPv6 and IPv4-mapped ones, too."""
    parsed = json.loads(line)
    idm = bytearray(base64.b64decode(parsed["RawIDM"]))
    ends = [ipaddress.ip_address(src), ipaddress.ip_address(dst)]
    if any(end.version == 6 for end in ends):
        idm[0] = 10
    for at, end in zip((8, 24), ends):
        idm[at:at + 16] = end.packed.ljust(16, b"\0")
    parsed["RawIDM"] = base64.b64encode(idm).decode()
    return json.dumps(parsed, separators=(",", ":")) + "\n"


def made(number: int, dst: str = OUTSIDE, src: str = "192.0.2.1", records: int = 3,
         sequence: int = 0) -> str:
    return (metadata(sequence, uuid(number))
            + "".join(addressed(record(n / 10, n, cookie=number, sent=n * 1000), src, dst)
                      for n in range(records))
            + addressed(record(records, None, CLOSE, cookie=number), src, dst))


def addresses(text: bytes) -> set[str]:
    """All ends in the lines that are records, by this test's own reading."""
    found = set()
    for line in text.splitlines():
        try:
            raw = base64.b64decode(json.loads(line)["RawIDM"])
        except (ValueError, KeyError, TypeError):
            continue
        for at in (8, 24):
            if raw[0] == 2:
                found.add(str(ipaddress.ip_address(raw[at:at + 4])))
            else:
                end = ipaddress.IPv6Address(raw[at:at + 16])
                found.add(str(end.ipv4_mapped or end))
    return found


def erase(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run("erase", *arguments)


def lines_in(folder: Path) -> dict[str, bytes]:
    """The archives of a folder, those in segments, too."""
    out = folder.parent / "lines-of-it"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    for name, text in texts(folder).items():
        if ".tcpseg" not in name:
            put(out / name, text)
    if list(folder.rglob("*.tcpseg*")):
        done = unpack(folder, "-o", out / "of-segments", "--partial")
        check(done.returncode == 0, f"unpack: {done}")
    return texts(out)


def fill(folder: Path) -> dict[str, str]:
    """What is to be erased, and what is not: by what each is, its archive's name."""
    kept = {name_of(n): made(n) for n in (1, 2)}
    gone = {
        name_of(11): made(11, INSIDE),
        name_of(12): made(12, src=INSIDE),
        name_of(13): made(13, "::ffff:" + INSIDE, "::ffff:192.0.2.1"),
        # Of one connection the second archive has no record that says where it went.
        name_of(14): made(14, INSIDE),
        name_of(14, 1): metadata(1, uuid(14)),
        name_of(14, 2): "",
        # A text that no record gives back byte for byte.
        name_of(15): made(15, INSIDE).replace('{"Timestamp"', '{ "Timestamp"'),
        name_of(16, ending=".jsonl"): made(16, INSIDE) + "no record\n",
    }
    # Names that tell nothing; the second one holds two connections.
    kept["odd.jsonl"] = made(3).replace('{"Timestamp"', '{ "Timestamp"')
    for name, text in (kept | gone).items():
        put(folder / name, zstd(text) if name.endswith(".zst") else text)
    put(folder / "both.jsonl.zst", zstd(made(17, INSIDE) + made(4)))
    return kept | {"both.jsonl.zst": made(4)}


def expect(folder: Path, kept: dict[str, str], what: str) -> None:
    got = lines_in(folder)
    got = {n.removeprefix("of-segments/"): t for n, t in got.items()}
    wanted = {n: t.encode() for n, t in kept.items()}
    check(got == wanted, f"{what}: {sorted(got.items() ^ wanted.items())[:4]}")
    ends = set().union(*(addresses(t) for t in got.values()))
    check(not any(ipaddress.ip_address(a) in NETWORK for a in ends), f"{what}: {ends}")


def test_archives(folder: Path) -> None:
    kept = fill(folder / "in")
    before = texts(folder / "in")
    done = erase("--host", str(NETWORK), "--dry-run", folder / "in")
    check(done.returncode == 0 and "7 connections would be erased: 9 archives" in done.stdout
          and texts(folder / "in") == before, f"--dry-run: {done}")
    old = os.stat(folder / "in/both.jsonl.zst")
    os.utime(folder / "in/both.jsonl.zst", (1, 2))
    os.chmod(folder / "in/both.jsonl.zst", 0o604)
    done = erase("--host", str(NETWORK), folder / "in")
    check(done.returncode == 0 and done.stderr == ""
          and "7 connections erased: 9 archives" in done.stdout
          and "8 removed" in done.stdout, f"archives: {done}")
    expect(folder / "in", kept, "archives")
    new = os.stat(folder / "in/both.jsonl.zst")
    check(new.st_ino != old.st_ino and new.st_mtime == 2 and new.st_mode & 0o777 == 0o604,
          f"the new file is not as the old one: {new}")
    check(not [n for n in names(folder / "in") if "tcpinfo-erase" in n], "a file was left")
    done = erase("--host", str(NETWORK), folder / "in")
    check(done.returncode == 0 and "0 connections erased" in done.stdout, f"again: {done}")
    done = erase("--host", "2001:db8::/32", "--host", "192.0.2.1,192.0.2.2", folder / "in")
    check(done.returncode == 0 and names(folder / "in") == [], f"all: {done}")


def test_segments(folder: Path) -> None:
    """The same, packed; and as a collector writes them, over blocks and files."""
    kept = fill(folder / "in")
    kept["both.jsonl.zst"] = made(4)
    pack(folder / "in", "-o", folder / "packed")
    done = erase("--host", str(NETWORK), folder / "packed")
    check(done.returncode == 0 and done.stderr == ""
          and "7 connections erased" in done.stdout and "in 1 files" in done.stdout,
          f"packed: {done}")
    expect(folder / "packed", kept, "packed")
    segment, = (folder / "packed").glob("*" + SEGMENT)
    check(segment.read_bytes().endswith(b"\x89TCPIDX\n"), "the new segment has no index")
    check(run("verify", "-q", segment).stdout.count("\n")
          == run("verify", "-q", segment, "--max-window", "1GiB").stdout.count("\n"), "verify")

    texts_of = {n: made(n, INSIDE if n % 3 == 0 else OUTSIDE, records=9).splitlines()
                for n in range(20, 40)}
    for part in range(3):
        script = ""
        for block in range(2):
            at = part * 2 + block
            for n, lines in texts_of.items():
                piece = lines[1 + at * 2:3 + at * 2] if at < 5 else lines[11:]
                if piece:
                    script += "\n".join([f"metadata {lines[0]}",
                                         f"{'goes-on' if at else 'archive'} {name_of(n)}",
                                         *(f"record {line}" for line in piece), ""])
            script += "flush\n"
        make_segment(folder / "run" / DAY / f"h.1-r.0.{part}{SEGMENT}", script + "finish\n")
    wanted = {name_of(n): "\n".join(lines) + "\n" for n, lines in texts_of.items() if n % 3}
    done = erase("--host", str(NETWORK), folder / "run")
    check(done.returncode == 0 and "7 connections erased: 7 archives" in done.stdout
          and "in 3 files" in done.stdout, f"a collector's segments: {done}")
    expect(folder / "run", wanted, "a collector's segments")
    # A leftover of a collector that runs no more keeps its name, and gets no index.
    last = folder / "run" / DAY / f"h.1-r.0.2{SEGMENT}"
    part = last.rename(last.with_name(last.name + ".part"))
    done = erase("--host", OUTSIDE, folder / "run")
    check(done.returncode == 0 and names(folder / "run") == [], f"empty segments: {done}, {part}")


def test_lost_beginning(folder: Path) -> None:
    """One path that holds two connections, told by cookies: the second one is whole."""
    mine, other = made(1).splitlines()[1:], made(2, INSIDE).splitlines()[1:]
    script = "archive all.jsonl\n" + "".join(f"record {x}\n" for x in other) + "flush\n"
    script += "goes-on all.jsonl\n" + "".join(f"record {x}\n" for x in mine) + "flush\nfinish\n"
    make_segment(folder / f"in/x{SEGMENT}", script)
    done = erase("--host", INSIDE, folder / "in")
    check(done.returncode == 0, f"lost beginning: {done}")
    expect(folder / "in", {"all.jsonl": "\n".join(mine) + "\n"}, "lost beginning")


def checksum(*runs: bytes) -> int:
    """Of a block, as docs/segment.md has it."""
    multiplier, mask = 0x9e3779b97f4a7c15, (1 << 64) - 1

    def step(number: int, word: int) -> int:
        number ^= word
        return ((number << 27 | number >> 37) & mask) * multiplier & mask
    sums, total = [1, 2, 3, 4], sum(map(len, runs))
    for data in runs:
        whole = len(data) // 32 * 32
        for at in range(0, whole, 32):
            sums = [step(s, w) for s, w in zip(sums, struct.unpack_from("<4Q", data, at))]
        for byte in data[whole:]:
            sums[0] = step(sums[0], byte + 1)
    for number in sums:
        total = step(total, number)
    return (total ^ total >> 29) * multiplier & mask


def test_other_order(folder: Path) -> None:
    """Archives in a block need not stand in the order in which our writer sorts them."""
    order = (21, 23, 25)
    script = ""
    for n in order:
        lines = made(n, INSIDE if n == order[0] else OUTSIDE).splitlines()
        script += "\n".join([f"metadata {lines[0]}", f"archive {name_of(n)}",
                             *(f"record {x}" for x in lines[1:]), ""])
    block = text_of(make_segment(folder / "x", script + "flush\n"))
    # Their cookies are 21, and 2 and 2 more; with 25, and 2 and 2 less, they are the other way.
    ours, others = bytes([42, 4, 4]), bytes([50, 3, 3])
    check(block.count(ours) == 1, "the cookies are not found")
    block = block.replace(ours, others)
    block = block[:16] + struct.pack("<Q", checksum(block[:16], block[24:])) + block[24:]
    put(folder / f"in/x{SEGMENT}", zstd(block))
    before = lines_in(folder / "in")
    check(sorted(before) == [f"of-segments/{name_of(n)}" for n in order], f"made: {list(before)}")
    # Each has the records of another one now, but for the cookies in them.
    done = erase("--host", str(NETWORK), folder / "in")
    check(done.returncode == 0 and done.stderr == ""
          and "1 connections erased: 1 archives, 4 records in 1 files" in done.stdout,
          f"another order: {done}")
    del before[f"of-segments/{name_of(25)}"]
    check(lines_in(folder / "in") == before, "another order: other lines are left")


def test_lost_metadata(folder: Path) -> None:
    """Damage took the second connection's metadata: its records are not the first one's."""
    here = folder / "in"
    mine = made(2, records=9).splitlines()
    lost = damaged(zstd("\n".join(mine[:3]) + "\n"), 60)
    rest = "\n".join(mine[3:]) + "\n"
    put(here / "both.jsonl.zst", zstd(made(1, INSIDE)) + lost + zstd(rest))
    done = erase("--host", INSIDE, here)
    check(done.returncode == 1 and "1 connections erased" in done.stdout, f"lost metadata: {done}")
    expect(here, {"both.jsonl.zst": rest}, "lost metadata")
    # In a segment, where metadata stands as text.
    shutil.rmtree(here)
    begin = [f"archive all.jsonl\ntext {made(1, INSIDE).splitlines()[0]}\n",
             "".join(f"record {x}\n" for x in made(1, INSIDE).splitlines()[1:]) + "flush\n"]
    end = "goes-on all.jsonl\n" + "".join(f"record {x}\n" for x in mine[3:]) + "flush\n"
    blocks = ["".join(begin), f"goes-on all.jsonl\ntext {mine[0]}\n"
              + "".join(f"record {x}\n" for x in mine[1:3]) + "flush\n", end]
    sizes = [make_segment(folder / "x", "".join(blocks[:n])).stat().st_size for n in (1, 2)]
    whole = make_segment(folder / "x", "".join(blocks) + "finish\n").read_bytes()
    put(here / f"x{SEGMENT}", damaged(whole, sum(sizes) // 2))
    done = erase("--host", INSIDE, here)
    check(done.returncode == 1 and "1 connections erased" in done.stdout,
          f"lost metadata in a segment: {done}")
    expect(here, {"all.jsonl": rest}, "lost metadata in a segment")


def test_bom(folder: Path) -> None:
    """One before the first line hides nothing: the file's name is not whose its lines are."""
    bom = b"\xef\xbb\xbf"
    here = folder / "in"
    put(here / "of-no-name.jsonl", bom + made(1, INSIDE).encode())
    put(here / name_of(2), zstd(bom + "".join(made(1, INSIDE).splitlines(True)[1:]).encode()))
    put(here / name_of(3), zstd(bom + made(3).encode()))
    put(here / name_of(4), zstd(bom + (made(5, INSIDE) + made(4)).encode()))
    pack(here, "-o", folder / "packed")
    for place in (here, folder / "packed"):
        done = erase("--host", str(NETWORK), place)
        check(done.returncode == 0 and done.stderr == "", f"a byte-order mark, {place}: {done}")
        expect(place, {name_of(3): bom.decode() + made(3), name_of(4): made(4)},
               f"a byte-order mark, {place}")


def test_metadata_before(folder: Path) -> None:
    """Metadata that stands as text in a segment tells whose the archive is in the next one, too,
    whichever of the two is changed first. There nothing has the address."""
    odd = [line.replace('"Metadata"', ' "Metadata"') for line in
           (metadata(uuid=uuid(21)), metadata(uuid=uuid(22)))]
    begun = addressed(record(0, 0, cookie=21), "192.0.2.1", INSIDE)
    end = addressed(record(9, None, CLOSE, cookie=21), "0.0.0.0", "0.0.0.0")
    mine = [addressed(record(n, n, cookie=22), "192.0.2.1", OUTSIDE) for n in (0, 1)]
    first = (f"archive a.jsonl\ntext {odd[0]}record {begun}"
             f"archive b.jsonl\ntext {odd[1]}record {mine[0]}flush\nfinish\n")
    second = f"goes-on a.jsonl\nrecord {end}goes-on b.jsonl\nrecord {mine[1]}flush\nfinish\n"
    # Of another run the first segment is not there; a third one runs over midnight.
    for name, days in (("pack-0.0", ("", "")), ("other-0.0", (None, "")),
                       ("night-0.0", ("2026/01/31/", "2026/02/01/"))):
        if days[0] is not None:
            make_segment(folder / f"in/{days[0]}{name}0000{SEGMENT}", first)
        make_segment(folder / f"in/{days[1]}{name}0001{SEGMENT}", second)
    done = erase("--host", str(NETWORK), folder / "in")
    check(done.returncode == 0 and done.stderr == ""
          and "1 connections erased: 2 archives, 4 records in 4 files" in done.stdout,
          f"metadata before: {done}")
    # Of the other run nobody knows whose its archives are.
    left = {n: len(run("--json", folder / "in" / n).stdout.splitlines())
            for n in names(folder / "in")}
    check(sorted(left.values()) == [1, 1, 1, 1, 2] and left[f"other-0.00001{SEGMENT}"] == 2,
          f"metadata before: {left}")


def test_second_becomes_first(folder: Path) -> None:
    """A byte-order mark before a line that becomes the first hides no address either."""
    bom = "\ufeff"
    script = (f"archive all.jsonl\nrecord {made(1, INSIDE).splitlines()[1]}\nflush\n"
              f"goes-on all.jsonl\ntext {bom}{made(2, INSIDE).splitlines()[1]}\n"
              f"text {bom}{made(3).splitlines()[1]}\n"
              f"record {made(4).splitlines()[1]}\nflush\nfinish\n")
    make_segment(folder / f"in/x{SEGMENT}", script)
    done = erase("--host", str(NETWORK), folder / "in")
    check(done.returncode == 0 and "2 connections erased" in done.stdout,
          f"second becomes first: {done}")
    expect(folder / "in", {"all.jsonl": bom + made(3).splitlines()[1] + "\n"
                           + made(4).splitlines()[1] + "\n"}, "second becomes first")


def test_what_stays(folder: Path) -> None:
    """What cannot be judged or changed is told, and everything else is erased all the same."""
    here = folder / "in"
    gone = zstd(made(1, INSIDE))

    def one(what: str, words: str, undo: bool = True) -> None:
        put(here / name_of(1), gone)
        before = {n: t for n, t in names_and_bytes(here).items() if n != name_of(1)}
        done = erase("--host", str(NETWORK), here)
        check(done.returncode == 1 and words in done.stderr, f"{what}: {done}")
        check(not (here / name_of(1)).exists(), f"{what}: what can be erased is there yet")
        if undo:
            check(names_and_bytes(here) == before, f"{what}: was changed")
            shutil.rmtree(here)

    put(here / (name_of(2) + ".part.damaged"), zstd(made(2, INSIDE)))
    one("put aside", "put aside by a collector")
    put(here / "x.tcpseg.zst.part.new", b"x")
    one("a rewriting", "put aside by a collector")
    put(here / "old.jsonl.zst.bak", zstd(made(2, INSIDE)))
    one("a copy", "under a name that is no archive's")
    put(here / "old.jsonl.gz", gzip.compress(made(2, INSIDE).encode()))
    one("gzip", "old.jsonl.gz")
    put(here / ".tcpinfo-unpack/x.jsonl", made(2, INSIDE))
    one("unpack's folder", "left by an unpack")
    put(folder / "else.jsonl", made(2, INSIDE))
    here.mkdir(exist_ok=True)
    (here / "link.jsonl").symlink_to(folder / "else.jsonl")
    one("a link", "a link: what it leads to")
    put(here / name_of(3), zstd(made(3)) + b"\x28\xb5\x2f\xfd broken")
    one("damaged", name_of(3))
    put(here / "notes.txt", "to be remembered")
    put(here / name_of(4), zstd(made(4) + "no record\n"))
    one("a line that says nothing", "whether it is of the networks is not known")
    segment = make_segment(folder / "x", f"archive a.jsonl\nrecord {made(5).splitlines()[1]}\n"
                           "text no record\nflush\nfinish\n").read_bytes()
    put(here / f"x{SEGMENT}", segment)
    one("such a line in a segment", "whether it is of the networks is not known")
    put(here / f"x{SEGMENT}", damaged(segment, 40))
    one("a damaged segment", f"x{SEGMENT}")
    # Another name of the same file.
    put(here / name_of(7), zstd(made(7, INSIDE)))
    os.link(here / name_of(7), folder / "other-name")
    one("a hard link", "has 1 other names", undo=False)


def test_collector(folder: Path) -> None:
    """Where one runs nothing is changed, whichever folder of its tree is named, or one above it."""
    output, other = folder / "all/run", folder / "other"
    lock = put(output / ".tcpinfo-collect.lock", "")
    put(output / name_of(5), zstd(made(5, INSIDE)))
    part = put(output / (name_of(6) + ".part"), zstd(made(6, INSIDE)))
    put(other / name_of(7), zstd(made(7, INSIDE)))
    (other / ".tcpinfo-erase").write_bytes(b"left")
    before = names_and_bytes(folder)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for path in (output, folder / "all", output / DAY, part, output / name_of(5)):
            done = erase("--host", str(NETWORK), other, path)
            check(done.returncode == 1 and names_and_bytes(folder) == before
                  and f"{path}: a collector is writing there: stop it first" in done.stderr,
                  f"a collector at work, {path}: {done}")
        done = erase("--host", str(NETWORK), "--dry-run", output, other)
        check(done.returncode == 0 and "stop it first" in done.stderr
              and "3 connections would be erased" in done.stdout
              and names_and_bytes(folder) == before, f"--dry-run beside a collector: {done}")
        # Only its end may not be there yet.
        whole, frames = part.read_bytes(), zstd(made(6, INSIDE)) + zstd(made(6))
        for text, status in ((frames[:-9], 0), (whole[:-9], 0), (damaged(whole, 60) + frames, 1),
                             (whole[:-9] + frames, 1), (b"\x1f\x8b" + whole, 1)):
            put(part, text)
            done = erase("--host", str(NETWORK), "--dry-run", output)
            check(done.returncode == status and f"{part}:" in done.stderr.replace(f"{part}: a", ""),
                  f"a growing one: {done}")
        put(part, whole)
        done = erase("--host", str(NETWORK), other)
        check(done.returncode == 0 and names(other) == [], f"beside a collector's folder: {done}")
    done = erase("--host", str(NETWORK), output)
    check(done.returncode == 0 and names(output) == [lock.name],
          f"a leftover of a collector: {done}")


def erase_while(here: Path, change: Callable[[], None]) -> tuple[int, str]:
    """Erases, with a change made when all files were looked at. @return status and faults."""
    put(here / "a.jsonl.zst", zstd(noise(1, 6_000_000) + made(11, INSIDE)))
    with subprocess.Popen([DUMP, "erase", "--host", str(NETWORK), here], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (here / ".tcpinfo-erase").exists():
            time.sleep(0.0005)
        process.send_signal(signal.SIGSTOP)
        change()
        process.send_signal(signal.SIGCONT)
        return process.wait(60), process.communicate()[1]


def test_came_meanwhile(folder: Path) -> None:
    """What comes when all was looked at is told, be it a new file or one that grew."""
    here = folder / "in"
    late = put(folder / "late", zstd(made(12, INSIDE)))
    grown = put(folder / "grown", zstd(made(13, INSIDE)))
    put(here / f"z/{name_of(13)}.part", zstd(made(13).splitlines()[0] + "\n"))

    def come() -> None:
        late.rename(here / f"z/{name_of(12)}")
        grown.rename(here / f"z/{name_of(13)}")
        (here / f"z/{name_of(13)}.part").unlink()
    status, told = erase_while(here, come)
    check(status == 1 and told.count("came while it was read: erase again") == 2,
          f"came meanwhile: {status}, {told}")
    done = erase("--host", str(NETWORK), here)
    check(done.returncode == 0 and "2 connections erased" in done.stdout, f"erased again: {done}")


def test_came_behind(folder: Path) -> None:
    """The same of one in a folder whose names were read before it came."""
    here = folder / "in"
    late = put(folder / "late", zstd(made(12, INSIDE)))
    same = put(folder / "same", zstd(made(11, INSIDE)))

    def come() -> None:
        late.rename(here / name_of(12).rpartition("/")[2])
        same.rename(here / name_of(11).rpartition("/")[2])
    status, told = erase_while(here, come)
    check(status == 1 and told.count("came while it was read: erase again") == 1
          and sorted(names(here)) == ["a.jsonl.zst", name_of(12).rpartition("/")[2]],
          f"came behind: {status}, {told}, {names(here)}")
    done = erase("--host", str(NETWORK), here)
    check(done.returncode == 0 and "1 connections erased" in done.stdout, f"and again: {done}")


def test_unread_again(folder: Path) -> None:
    """One that cannot be opened any more when it is to be changed."""
    there = put(folder / f"in/z/{name_of(12)}", zstd(made(12, INSIDE)))
    status, told = erase_while(folder / "in", lambda: put(there, b"\x28\xb5\x2f\xfd") and None)
    check(status == 1 and f"{there}: cannot be read any more" in told and there.exists(),
          f"unread again: {status}, {told}")


def names_and_bytes(folder: Path) -> dict[str, bytes]:
    return {n: (folder / n).read_bytes() for n in names(folder)}


def test_usage(folder: Path) -> None:
    put(folder / "x.jsonl", made(1))
    for what in ([folder], ["--host", "192.0.2.0/33", folder], ["--host", "", folder],
                 ["--host", "192.0.2.1"], ["--host", "192.0.2.1", "-"]):
        check(erase(*what).returncode == 2, f"{what} is taken")
    done = erase("--host", "192.0.2.9", folder / "missing")
    check(done.returncode == 1 and "missing" in done.stderr, f"missing: {done}")
    check(text_of(folder / "x.jsonl") == made(1).encode(), "refused, and changed")


def test_killed(folder: Path) -> None:
    """At any moment a file is the old one or the new one, and the next run does the rest."""
    source = folder / "source"
    kept = {}
    for number in range(1, 5):
        text = noise(number, 1_500_000)
        kept[f"{number}.jsonl.zst"] = text
        put(source / f"{number}.jsonl.zst", zstd(text + made(10 + number, INSIDE)))
    old = texts(source)
    kills = 0
    for moment in (lambda: (here / ".tcpinfo-erase").exists(),
                   lambda: any((here / n).stat().st_ino != inodes[n] for n in old)):
        here = folder / "in"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(source, here)
        inodes = {n: (here / n).stat().st_ino for n in old}
        kills += killed_when(moment, "erase", "--host", str(NETWORK), here)
        for name, text in texts(here).items():
            if not name.startswith("."):
                check(text in (old[name], kept[name].encode()), f"killed: {name} is neither")
        done = erase("--host", str(NETWORK), here)
        check(done.returncode == 0, f"killed, and run to the end: {done}")
        expect(here, kept, "killed, and run to the end")
        check(sorted(names(here)) == sorted(kept), f"killed: {names(here)}")
    check(kills >= 1, "erase was never killed")


run_tests([test_archives, test_segments, test_lost_beginning, test_other_order, test_lost_metadata,
           test_bom, test_metadata_before, test_second_becomes_first, test_what_stays,
           test_collector, test_came_meanwhile, test_came_behind, test_unread_again, test_usage,
           test_killed])
finish()
