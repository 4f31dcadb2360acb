# SPDX-License-Identifier: Apache-2.0
"""What tcpinfo-csv and tcpinfo-dump say of segments is what they say of the archives in them; and
what they say of damage.

usage: cli_segments.py TCPINFO_CSV TCPINFO_DUMP MAKE_SEGMENT GOLDEN CORPUS
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, CLOSE_WAIT, metadata, record, write
from publishing import blocks

CSV, DUMP, MAKE_SEGMENT = sys.argv[1:4]
GOLDEN, CORPUS = Path(sys.argv[4]), Path(sys.argv[5])
FRAME = b"\x28\xb5\x2f\xfd"
SANITIZED = os.environ.get("TCPINFO_SANITIZED") == "1"
Answer = tuple[int, str, str]


def run(*command: str | Path, given: bytes | None = None) -> Answer:
    done = subprocess.run(list(map(str, command)), input=given, capture_output=True, timeout=120,
                          check=False, **({} if given is not None
                                          else {"stdin": subprocess.DEVNULL}))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def make_segment(root: Path, to: Path, *options: str, archives: list[Path] | None = None) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(p for p in root.rglob("*") if p.is_file()) if archives is None else archives
    subprocess.run([MAKE_SEGMENT, *options, root, to, *files], check=True)
    return to


def uuid(cookie: int) -> str:
    return f"host_1700000000_unsafe_{cookie:016X}"


def connection(folder: Path, cookie: int, first: int, records: int, ends: bool,
               sequence: int = 0, dport: int = 5201, more: str = "") -> Path:
    """An archive; where it ends, an abort that has lost the remote port."""
    text = metadata(sequence, uuid(cookie), opened=float(first))
    base = 1000 * min(sequence, 2)
    for i in range(records):
        state = CLOSE_WAIT if i == records - 1 else 1
        text += record(first + i * 0.25, poll=first * 4 + i, cookie=cookie, dport=dport,
                       acked=base + 1 + 100 * i, sent=base + 100 * i, received=base + 10 * i,
                       rtt=100 + i, state=state)
    if ends:
        text += record(first + records * 0.25, cookie=cookie, dport=0, state=CLOSE,
                       acked=base + 1 + 100 * records, sent=base + 100 * records,
                       received=base + 10 * records,
                       more={"Ended": f"2023-11-14T22:{13 + (20 + first) // 60:02}:"
                                      f"{(20 + first) % 60:02}.125Z"} if records < 2 else None)
    return write(folder, f"{uuid(cookie)}.{sequence:05}.jsonl", text + more)


def made(folder: Path) -> Path:
    """Archives as a collector makes them, and ones that nobody should."""
    day = folder / "2023" / "11" / "14"
    day.mkdir(parents=True)
    for cookie in range(1, 9):
        connection(day, cookie, cookie, 20, ends=cookie % 3 == 0, dport=5200 + cookie % 2)
    connection(day, 3, 30, 5, ends=True, sequence=1)
    odd = folder / "odd"
    odd.mkdir()
    # Times with offsets and odd lines come back byte for byte; no metadata; metadata with an
    # offset, which a segment keeps as text.
    write(odd, f"{uuid(0x51)}.00002.jsonl",
          record(1, cookie=0x51).replace("21Z", "21-04:00") + record(2, cookie=0x51))
    write(odd, f"{uuid(0x52)}.00000.jsonl",
          metadata(0, uuid(0x52)).replace("20Z", "20+01:00")
          + "".join(record(i, poll=i, cookie=0x52) for i in range(9)))
    write(odd, f"{uuid(0x53)}.00000.jsonl",
          metadata(0, uuid(0x53)) + record(1, cookie=0x53) + "no JSON\n"
          + record(2, cookie=0x53, more={"Unknown": [1, 2]}) + "\n")
    write(odd, "nameless.jsonl", record(1, cookie=0x54) + record(2, cookie=0x55))
    write(odd, f"{uuid(0x56)}.00000.jsonl", metadata(0, uuid(0x56)))
    return folder


def sorted_lines(text: str) -> list[str]:
    """Metadata once: where archives come by turns, get gives it again with each turn."""
    lines = text.splitlines()
    records = [line for line in lines if '"Metadata":{' not in line]
    return sorted(records) + sorted(set(lines) - set(records))


def complaints(text: str) -> list[str]:
    """Without the places, which differ, and without how many records were read where nothing
    passes: of blocks that are passed over nobody knows."""
    text = re.sub(r"of \d+ records (nothing passes the filters).*", r"\1", text)
    return sorted(re.sub(r"^.*?\.(tcpseg|jsonl)(\.zst)?(: record \d+|:\d+)?: ", "", line)
                  for line in text.splitlines())


COMMANDS: dict[str, list[str]] = {
    "csv": [CSV], "csv of two workers": [CSV, "-j", "2"], "csv as JSON": [CSV, "--format=jsonl"],
    "mlab": [CSV, "--compat=mlab"], "csv by port": [CSV, "--dport", "5201"],
    "csv by UUID": [CSV, "--uuid", uuid(3)], "csv by state": [CSV, "--state", "CLOSE"],
    "csv by time": [CSV, "--since", "2023-11-14T22:13:23Z", "--until", "2023-11-14T22:13:26Z"],
    "dump": [DUMP], "dump as JSON": [DUMP, "--json"], "dump of changes": [DUMP, "--changes"],
    "ls": [DUMP, "ls"], "ls as JSON": [DUMP, "ls", "--json"], "ls of two workers": [
        DUMP, "ls", "-j", "2"], "ls by port": [DUMP, "ls", "--port", "5200"],
    "get": [DUMP, "get", uuid(3)], "get of text": [DUMP, "get", uuid(0x52)],
    "get of no metadata": [DUMP, "get", uuid(0x51)], "get by cookie": [DUMP, "get", "6"],
    "get by ends": [DUMP, "get", "192.0.2.1:443 198.51.100.9:5200"]}
# A connection's last record is known to be the last at the end of the segment only.
THINNED = {"csv thinned": [CSV, "--every", "1s"], "dump thinned": [DUMP, "--every", "1s"],
           "csv thinned by port": [CSV, "--every", "1s", "--dport", "5201"],
           "mlab thinned": [CSV, "--compat=mlab", "--every", "1s"]}
# Records of one connection in several archives may come by turns then.
IN_ORDER = {"dump of changes"}


def test_same(archives: Path, scratch: Path, name: str) -> None:
    # What is flushed together is sorted by host and cookie, where archives are by name.
    segments: dict[str, tuple[list[str], bool]] = {
        "one block": ([], False), "blocks of 7": (["--block", "7"], False),
        "blocks of 1": (["--block", "1"], True),
        "by turns": (["--block", "11", "--by-turns"], False)}
    expected = {what: run(*command, archives) for what, command in (COMMANDS | THINNED).items()}
    if SANITIZED and name != "made":
        # For what a sanitizer sees, one way is like another, and the made archives come by all.
        segments = {"by turns": segments["by turns"]}
    for kind, (options, in_order) in segments.items():
        segment = make_segment(archives, scratch / f"{name}.tcpseg.zst", *options)
        for what, command in (COMMANDS | THINNED).items():
            if what in IN_ORDER and not in_order:
                continue
            status, out, err = run(*command, segment)
            want_status, want, want_err = expected[what]
            place = f"{name}, {kind}, {what}"
            check(status == want_status, f"{place}: exit {status}, not {want_status}")
            if in_order and what not in THINNED:
                check(out == want, f"{place}: another output")
            else:
                check(sorted_lines(out) == sorted_lines(want), f"{place}: other lines")
            check(complaints(err) == complaints(want_err),
                  f"{place}: {complaints(err)}, not {complaints(want_err)}")
            check(name != "made" or len(want.splitlines()) > 1, f"{place}: nothing to compare")


def findings(text: str) -> list[str]:
    """What verify found, without places and the names that it holds them against."""
    lines = "\n".join(text.splitlines()[:-1])
    return [re.sub(r" (of|in) \S+( follows|$)", r"\2", line)
            for line in complaints(lines.replace("the archive's name", "the file's name"))]


def counts(text: str) -> list[str]:
    return re.findall(r"\d+ (?:connections|records|gaps|findings)", text.splitlines()[-1])


def test_verify(archives: Path, scratch: Path) -> None:
    want_status, want, _ = run(DUMP, "verify", archives)
    for options in ([], ["--block", "5"], ["--block", "5", "--by-turns"]):
        segment = make_segment(archives, scratch / "verify.tcpseg.zst", *options)
        status, out, err = run(DUMP, "verify", segment)
        check(status == want_status and err == "", f"verify {options}: {status} {err}")
        check(findings(out) == findings(want),
              f"verify {options}: {findings(out)}, not {findings(want)}")
        check(counts(out) == counts(want), f"verify {options}: {counts(out)}, not {counts(want)}")
        check(re.search(r"^1 files, .*, \d+ archives in segments", out, re.M),
              f"verify {options} does not count the archives: {out}")


def test_healthy(scratch: Path) -> None:
    """Archives that go on in later blocks and in the next segment are whole."""
    folder = scratch / "healthy"
    folder.mkdir()
    for cookie in range(1, 6):
        connection(folder, cookie, 1, 30, ends=True)
    connection(folder, 7, 1, 10, ends=False)
    connection(folder, 7, 40, 10, ends=False, sequence=1)
    check(run(DUMP, "verify", folder)[0] == 0, "the archives themselves are not whole")
    # As after a restart: the third run of those into segments.
    connection(folder, 7, 80, 5, ends=False, sequence=2_000_000_000)
    into = scratch / "several"
    make_segment(folder, into / "s.tcpseg.zst", "--block", "13", "--by-turns",
                 "--blocks-a-file", "4")
    files = sorted(into.iterdir())
    check(len(files) > 2, f"only {len(files)} segments")
    status, out, err = run(DUMP, "verify", into)
    check((status, err) == (0, "") and ", 0 findings" in out, f"of several: {out} {err}")
    check(", 8 archives in segments" in out and " 180 records" in out, f"of several: {out}")
    status, out, err = run(DUMP, "verify", files[1])
    check((status, err) == (0, "") and ", 0 findings" in out, f"of the second alone: {out} {err}")

    # The same rows, the metadata records once.
    for what in ("csv", "mlab", "dump as JSON", "ls", "csv by UUID", "csv by state"):
        of_archives, of_segments = (run(*COMMANDS[what], p) for p in (folder, into))
        check(of_archives[0] == of_segments[0] and of_segments[2] == "",
              f"several, {what}: {of_segments[0]} {of_segments[2]}")
        check(sorted_lines(of_archives[1]) == sorted_lines(of_segments[1]),
              f"several, {what}: other lines")

    # Beside each other they are the same archives twice.
    mixed = scratch / "mixed"
    shutil.copytree(folder, mixed)
    make_segment(folder, mixed / "s.tcpseg.zst")
    status, out, _ = run(DUMP, "verify", mixed)
    check(status == 1 and "of this connection is in" in out, f"twice the same is healthy: {out}")
    twice = make_segment(folder, scratch / "twice.tcpseg.zst",
                         archives=[folder / f"{uuid(1)}.00000.jsonl"] * 2)
    status, out, _ = run(DUMP, "verify", twice)
    check(status == 1 and "sequence number 0 of this connection begins twice" in out,
          f"twice in a segment is healthy: {out}")


def test_mixed_folder(archives: Path, scratch: Path) -> None:
    """Segments for some of the archives, in the same folder as the others."""
    mixed = scratch / "half"
    shutil.copytree(archives, mixed)
    half = sorted(mixed.glob("2023/11/14/*"))[::2]
    make_segment(mixed, mixed / "2023/11/14/host.tcpseg.zst", "--block", "9", archives=half)
    for p in half:
        p.unlink()
    for what in ("csv", "mlab", "ls", "dump as JSON", "ls as JSON"):
        of_archives, of_both = (run(*COMMANDS[what], p) for p in (archives, mixed))
        check(of_archives[0] == of_both[0] and
              sorted_lines(of_archives[1]) == sorted_lines(of_both[1]), f"mixed, {what}: others")


def test_ways_in(archives: Path, scratch: Path) -> None:
    """However it comes and is called."""
    segment = make_segment(archives / "2023", scratch / "2023/11/14/in.tcpseg.zst", "--block", "9")
    packed = segment.read_bytes()
    plain = subprocess.run(["zstd", "-dqc", segment], capture_output=True, check=True).stdout
    want = run(CSV, segment)
    check(want[0] == 0 and want[2] == "", f"the segment: {want[0]} {want[2]}")

    def folder(name: str, content: bytes) -> Path:
        path = scratch / ("in_" + name) / name
        path.parent.mkdir()
        path.write_bytes(content)
        return path.parent

    def tar(name: str) -> bytes:
        to = io.BytesIO()
        with tarfile.open(fileobj=to, mode="w") as t:
            member = tarfile.TarInfo(name)
            member.size = len(packed)
            t.addfile(member, io.BytesIO(packed))
        return to.getvalue()

    for name, content in {
            "a.tcpseg.zst": packed, "a.tcpseg": plain, "a.tcpseg.zst.part": packed,
            "a.tcpseg.part": plain, "a.TCPSEG.ZST": packed, "a.zst": packed,
            "a.tcpseg.gz": gzip.compress(plain), "a.tcpseg.zst.gz": gzip.compress(packed),
            "a.jsonl.zst": packed, "a.tar": tar("x/a.tcpseg.zst"), "b.tar": tar("x/a.bin.zst"),
    }.items():
        check(run(CSV, folder(name, content)) == want, f"{name} is read otherwise")
    check(run(CSV, "-", given=packed) == want, "standard input is read otherwise")
    check(run(CSV, "-", given=plain) == want, "plain standard input is read otherwise")
    twice = run(CSV, "-", given=packed + packed)
    check(twice[0] == 0 and len(twice[1].splitlines()) == 2 * len(want[1].splitlines()) - 1,
          "two segments behind each other are read otherwise")
    # By its folder's day.
    check(run(CSV, "--until", "2023-11-14T00:00:00Z", scratch / "2023")[1] == "" or
          len(run(CSV, "--until", "2023-11-14T00:00:00Z", scratch / "2023")[1].splitlines()) == 1,
          "records from before the day")


def test_stream_of_blocks(scratch: Path) -> None:
    """On standard input blocks may begin anywhere, and come from several segments in turn; in a
    file some are missing then."""
    one, other = (blocks((GOLDEN / "segments" / f"version_1{name}.tcpseg.zst").read_bytes())
                  for name in ("_left_out", "_planes"))
    end = scratch / "end.tcpseg.zst"
    end.write_bytes(one[1])
    by_name = run(CSV, end)
    check(by_name[0] == 1 and "at its beginning: " in by_name[2] and "missing" in by_name[2],
          f"blocks that a file lacks: {by_name[2]}")
    for tool in ((CSV, "-"), (DUMP, "ls", "-")):
        status, said, wrong = run(*tool, given=one[1])
        check(status == 0 and said and not wrong, f"{tool}: a stream from its middle on: {wrong}")
    alone = [run(CSV, "-", given=block)[1].splitlines()[1:] for block in (*one[1:], *other)]
    mixed = run(CSV, "-", given=other[1] + one[1] + other[0])
    check(mixed[0] == 0 and not mixed[2], f"blocks of two segments: {mixed[2]}")
    check(sorted(mixed[1].splitlines()[1:]) == sorted(sum(alone, [])), "rows of blocks in turn")


def test_damage(scratch: Path) -> None:
    folder = scratch / "damage"
    folder.mkdir()
    for cookie in range(1, 7):
        connection(folder, cookie, cookie, 15, ends=True)
    packed = make_segment(folder, scratch / "damage.tcpseg.zst", "--block", "16",
                          "--unfinished").read_bytes()
    at = [m.start() for m in re.finditer(re.escape(FRAME), packed)]
    check(len(at) == 6, f"{len(at)} blocks")

    def spoilt(frame: int) -> bytes:
        b = bytearray(packed)
        b[(at + [len(b)])[frame + 1] - 2] ^= 0x55  # in the frame's checksum alone
        return bytes(b)

    plain = bytearray(subprocess.run(["zstd", "-dqc"], input=packed, capture_output=True,
                                     check=True).stdout)
    plain_spoilt = bytes(plain[:300]) + bytes([plain[300] ^ 1]) + bytes(plain[301:])
    second = plain.find(plain[:8], 8)
    # Another block, in a frame that is sound.
    def changed(frame: int) -> bytes:
        ends = at + [len(packed)]
        block = bytearray(subprocess.run(["zstd", "-dqc"], input=packed[at[frame]:ends[frame + 1]],
                                         capture_output=True, check=True).stdout)
        block[300] ^= 1
        return (packed[:at[frame]] + subprocess.run(["zstd", "-qc"], input=block, check=True,
                                                    capture_output=True).stdout
                + packed[ends[frame + 1]:])

    lost = "damaged block"
    wrong = "wrong checksum of a zstd frame"
    cut = "input ends inside a zstd frame"
    inside = next(b for b in (packed[:i] + bytes([packed[i] ^ 0x55]) + packed[i + 1:]
                              for i in range(at[2] + 100, at[3]))
                  if b"checksum" in subprocess.run(["zstd", "-dqc"], input=b, capture_output=True,
                                                   check=False).stderr)
    cases: dict[str, tuple[bytes, int, str]] = {
        # name: content, rows, what is told
        "first.tcpseg.zst": (changed(0), 80, f": at its beginning: {lost}: 16 records are missing"),
        "first.zst": (changed(0), 80, f": at its beginning: {lost}: 16 records are missing"),
        "middle.tcpseg.zst": (changed(2), 80,
                              f": behind record 32: {lost}: 16 records are missing"),
        "last.tcpseg.zst": (changed(5), 80, f": behind record 80: {lost}: its records are lost"),
        "frame.tcpseg.zst": (spoilt(2), 96, f": behind record 48: {wrong}"),
        "inside.tcpseg.zst": (inside, 80, f": behind record 32: {wrong}: 16 records are missing"),
        "gone.tcpseg.zst": (packed[:at[2]] + packed[at[4]:], 64,
                            ": behind record 32: 32 records are missing"),
        "beginning.tcpseg.zst": (packed[at[1]:], 80, ": at its beginning: 16 records are missing"),
        "zeros.tcpseg.zst": (packed[:at[1]] + bytes(at[2] - at[1]) + packed[at[2]:], 80,
                             ": behind record 16: corrupt zstd frame: 16 records are missing"),
        "zeroed.tcpseg": (bytes(second) + bytes(plain[second:]), 80,
                          f": begins with {second} zeros: what was there is lost"),
        "plain.tcpseg": (plain_spoilt, 80,
                         f": at its beginning: {lost}: 16 records are missing"),
        "cut.tcpseg.zst": (packed[:at[3] + 100], 48, f": behind record 48: {cut}"),
        "cut.tcpseg.zst.part": (packed[:at[3] + 100], 48, ""),
        "head.tcpseg.zst.part": (packed[:at[3] + 5], 48, ""),
        "none.tcpseg.zst.part": (packed[:100], 0, ""),
        "empty.tcpseg.zst.part": (b"", 0, ""),
        "empty.tcpseg.zst": (b"", 0, ": empty: no record at all"),
        "hole.tcpseg.zst.part": (packed[:at[3] + 100] + packed[at[4]:], 80,
                                 ": behind record 48: corrupt zstd frame: 16 records are missing"),
    }
    for name, (content, rows, told) in cases.items():
        path = scratch / "spoilt" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        for source in (path, path.parent):
            status, out, err = run(CSV, source)
            check(len(out.splitlines()) == rows + 1, f"{name}: {len(out.splitlines()) - 1} rows")
            check(status == (1 if told else 0), f"{name}: exit {status}")
            if not told:
                check(err == "", f"{name}: {err}")
            else:
                check(f"{path}{told}\n" in err, f"{name}: {err}")
                check(name == "zeroed.tcpseg" or len(err.splitlines()) == 1, f"{name}: {err}")
        status, out, _ = run(DUMP, "verify", path)
        check(status == (1 if told else 0) and told in out, f"verify {name}: {out}")
        check(told == "" or name == "zeroed.tcpseg" or ", 1 findings" in out,
              f"verify {name}: {out}")
        path.unlink()

    # What --strict refuses, and where commands find something.
    bad = write(scratch, "strict.tcpseg.zst", changed(1))
    status, out, err = run(CSV, "--strict", bad)
    check(status == 1 and len(out.splitlines()) <= 17, f"--strict: {status} {err}")
    write(folder, f"{uuid(0x60)}.00000.jsonl",
          metadata(0, uuid(0x60)) + record(2, cookie=0x60) + record(1, cookie=0x60))
    status, out, _ = run(DUMP, "verify", make_segment(folder, scratch / "back.tcpseg.zst"))
    where = f"{scratch / 'back.tcpseg.zst'}: record 98: "
    check(status == 1 and where + "time goes back by 1.000s" in out,
          f"a finding has no record's number: {out}")


def in_scratch(test: Callable[..., None], *arguments: Path | str) -> None:
    with tempfile.TemporaryDirectory(prefix="tcpinfo-segments-") as folder:
        scratch = Path(folder)
        test(*arguments[:1], scratch, *arguments[1:])


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tcpinfo-archives-") as folder:
        archives = made(Path(folder) / "made")
        in_scratch(test_same, archives, "made")
        golden = Path(folder) / "golden"
        shutil.copytree(GOLDEN / "own", golden, ignore=shutil.ignore_patterns("*.csv"))
        in_scratch(test_same, golden, "golden")
        in_scratch(test_verify, archives)
        in_scratch(test_verify, golden)
        in_scratch(test_mixed_folder, archives)
        in_scratch(test_ways_in, archives)
        in_scratch(test_healthy)
        in_scratch(test_stream_of_blocks)
        in_scratch(test_damage)
        note = ""
        if (CORPUS / "mlab").is_dir():
            mlab = Path(folder) / "mlab"
            shutil.copytree(CORPUS / "mlab", mlab,
                            ignore=lambda d, names: [n for n in names if ".jsonl" not in n
                                                     and not (Path(d) / n).is_dir()])
            in_scratch(test_same, mlab, "mlab")
            in_scratch(test_verify, mlab)
        else:
            note = ", skipped: M-Lab's archives (no corpus)"
    finish(note)


main()
