# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump pack: what is packed comes back byte for byte, and nothing is lost by it.

usage: cli_pack.py TCPINFO-DUMP MAKE-SEGMENT [CORPUS]
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, metadata, record, time_text
from packing_checks import (DAY, DUMP, SEGMENT, SMALL, comes_back, counts, damaged, good,
                            killed_when, make_segment, name_of, names, noise, pack, packs, put,
                            run, run_tests, text_of, texts, unpack, uuid, zstd)

CORPUS = Path(sys.argv[3]) if len(sys.argv) > 3 else None


# --- The text ---------------------------------------------------------------------------------

def test_collector(folder: Path) -> None:
    for n in range(1, 40):
        put(folder / "in" / name_of(n), zstd(good(n)))
    put(folder / "in" / name_of(1, 1), zstd(good(1)))
    put(folder / "in" / name_of(3, 0, ".jsonl"), good(3))
    put(folder / "in" / name_of(2, 1, ".jsonl.zst.part"), zstd(good(2)))
    put(folder / "in/notes.txt", "no archive\n")
    done = pack(folder / "in", "-o", folder / "out")
    packs(done, "a collector's archives", archives_packed=42, lines_as_text=0, records=42 * 4,
          packed_before=0)
    check(names(folder / "out") == [f"packed.00000{SEGMENT}"], f"{names(folder / 'out')}")
    comes_back(folder / "in", folder / "out", "a collector's archives",
               lambda n: n == "notes.txt")
    # A second time nothing is to be done, and nothing changes.
    before = (folder / f"out/packed.00000{SEGMENT}").read_bytes()
    packs(pack(folder / "in", "-o", folder / "out"), "again", archives_packed=0, packed_before=42)
    check((folder / f"out/packed.00000{SEGMENT}").read_bytes() == before
          and names(folder / "out") == [f"packed.00000{SEGMENT}"], "again: the segment changed")
    # What has come since goes into another segment.
    put(folder / "in" / name_of(99), zstd(good(99)))
    packs(pack(folder / "in", "-o", folder / "out"), "one more", archives_packed=1,
          packed_before=42)
    check(len(names(folder / "out")) == 2, "one more: no second segment")
    comes_back(folder / "in", folder / "out", "one more", lambda n: n == "notes.txt")
    # Unpacked twice into the same place: left as they are, also where somebody packed them
    # otherwise; what differs is told.
    unpacked = folder / "unpacked"
    packs(unpack(folder / "out", "-o", unpacked), "unpack", archives_unpacked=43, there_before=0)
    other = put(unpacked / name_of(7), zstd(good(7), "-19"))
    stamp = other.stat().st_mtime_ns
    packs(unpack(folder / "out", "-o", unpacked), "unpack again", archives_unpacked=0,
          there_before=43)
    check(other.stat().st_mtime_ns == stamp, "unpack again: a file was written anew")
    put(other, zstd(good(8)))
    done = unpack(folder / "out", "-o", unpacked)
    packs(done, "unpack over another", 1, archives_unpacked=0, there_before=42, not_unpacked=1)
    check(f"{other}: is there already, with other content" in done.stderr
          and text_of(other) == good(8).encode(), f"unpack over another: {done.stderr}")
    check(not list(unpacked.rglob(".tcpinfo*")), "unpack leaves its folder behind")


ODD: dict[str, bytes] = {
    "blank": b"\n\n \n",
    "no_newline": good(5).encode()[:-1],
    "cut_in_a_line": good(5).encode()[:-30],
    "crlf": good(5).replace("\n", "\r\n").encode(),
    "mark": b"\xef\xbb\xbf" + good(5).encode(),
    "unknown_key": (metadata() + record(1, 1, more={"Later": 5})).encode(),
    "unknown_metadata": metadata().replace('"Run"', '"Later":[1],"Run"').encode()
    + record(1, 1).encode(),
    "offset": (metadata() + record(1, 1)).replace(
        '"2023-11-14T22:13:21Z"', '"2023-11-14T18:13:21-04:00"').encode(),
    "offset_of_start": metadata().replace("22:13:20Z", "18:13:20-04:00").encode()
    + record(1, 1).encode(),
    "zeros_in_time": record(1, 1).replace("22:13:21Z", "22:13:21.500Z").encode(),
    "far_time": record(1, 1).replace("2023-", "9023-").encode(),
    "spaces": json.dumps(json.loads(record(1, 1))).encode() + b"\n",
    "key_order": json.dumps(dict(reversed(json.loads(record(1, 1)).items())),
                            separators=(",", ":")).encode() + b"\n",
    "no_metadata": record(1, 1).encode(),
    "metadata_alone": metadata().encode(),
    "metadata_twice": (metadata() + metadata() + record(1, 1) + metadata(1)
                       + record(2, 2)).encode(),
    "metadata_late": (record(1, 1) + metadata() + record(2, 2)).encode(),
    "big_endian": metadata().replace('"Run"', '"ByteOrder":"big","Run"').encode()
    + record(1, 1).encode(),
    "bad_base64": (metadata() + record(1, 1).replace('"RawIDM":"', '"RawIDM":"=')).encode(),
    "odd_base64": (metadata() + record(1, 1).replace('AA=="', 'AB=="')).encode(),
    "long_array": (metadata() + json.dumps(
        {**json.loads(record(1, 1)),
         "Attributes": json.loads(record(1, 1))["Attributes"] + [None] * 9},
        separators=(",", ":")) + "\n").encode(),
    "carried": (metadata() + record(1, 1) + record(2, None, CLOSE, more={
        "Ended": time_text(1.5), "Carried": ["ID", "CONG"]}) + record(3, None, CLOSE, more={
            "Ended": time_text(1.5), "Carried": ["ID", "LATER"]})).encode(),
    "left_out": (metadata().replace('"Run":"r"', '"Run":"r","Policy":"sample=1/100, thin=1s"')
                 + record(1, 1) + record(2, 2, more={"Thinned": 9})
                 + record(3, 3, more={"Thinned": 0}) + record(4, 4, more={"Thinned": 4294967295})
                 + record(5, 5)).encode(),
    "no_json": metadata().encode() + b"not JSON at all\n" + record(1, 1).encode(),
    "no_utf8": metadata().encode() + b'{"x":"\xff\xfe"}\n' + record(1, 1).encode(),
    "nuls": metadata().encode() + b"\0" * 5000 + b"\n" + record(1, 1).encode(),
    "long_line": metadata().encode() + b"x" * (700 << 10) + b"\n" + record(1, 1).encode(),
    "escapes": metadata(uuid="a\u2028b<c>").encode() + record(1, 1).encode(),
}


def test_odd_lines(folder: Path) -> None:
    for number, (name, text) in enumerate(ODD.items()):
        put(folder / "in/plain" / f"{name}.00000.jsonl", text)
        put(folder / "in/zstd" / f"{name}.00000.jsonl.zst", zstd(text))
        put(folder / "in/frames" / f"{name}.00000.jsonl.zst",
            b"".join(zstd(line) for line in text.splitlines(keepends=True)[:5])
            + zstd(b"".join(text.splitlines(keepends=True)[5:]))
            if number % 2 else zstd(text[:60]) + zstd(text[60:]))
    done = pack(folder / "in", "-o", folder / "out")
    packs(done, "odd lines", archives_packed=3 * len(ODD), packed_before=0)
    check(counts(done).get("lines as text", 0) > 3 * 20, f"odd lines: {done.stdout}")
    comes_back(folder / "in", folder / "out", "odd lines")
    packs(pack(folder / "in", "-o", folder / "out"), "odd lines again", archives_packed=0,
          packed_before=3 * len(ODD))
    # They are no damage: what came back in full may go.
    packs(pack(folder / "in", "-o", folder / "out", "--replace"), "odd lines, --replace",
          packed_before=3 * len(ODD), removed=3 * len(ODD))


def test_corpus(folder: Path) -> None:
    if CORPUS is None or not list(CORPUS.rglob("*.jsonl*")):
        return
    count = len(list(CORPUS.rglob("*.jsonl*")))
    packs(pack(CORPUS, "-o", folder / "out"), "corpus", archives_packed=count)
    comes_back(CORPUS, folder / "out", "corpus", lambda n: ".jsonl" not in n)


# --- What cannot be packed as it is ------------------------------------------------------------

def test_many_connections(folder: Path) -> None:
    """Archives one behind the other in a file, of several blocks: each record is of the metadata
    record before it, wherever a block ends."""
    put(folder / "in/all.jsonl", "".join(noise(n, 700_000) + good(n) for n in range(1, 5)))
    packs(pack(folder / "in", "-o", folder / "out"), "many in a file", archives_packed=1)
    comes_back(folder / "in", folder / "out", "many in a file")

    def rows(path: Path) -> dict[str, int]:
        listed = [json.loads(line) for line in run("ls", "--json", path).stdout.splitlines()]
        return {row["uuid"]: row["snapshots"] for row in listed}
    expected = rows(folder / "in")
    check(len(expected) == 4 and rows(folder / "out") == expected,
          f"many in a file: {rows(folder / 'out')}, not {expected}")


def test_refused(folder: Path) -> None:
    where = folder / "in"
    put(where / "long.00000.jsonl", metadata() + "x" * (1 << 20) + "\n")
    put(where / "long.00000.jsonl.zst", zstd(metadata() + "x" * (50 << 20)))
    # From a pipe zstd knows no size, and the frame asks for the whole window.
    put(where / "window.00000.jsonl.zst", zstd(good(1), "--long=27"))
    put(where / "gzip.00000.jsonl", gzip.compress(metadata().encode()))
    (where / "gone.00000.jsonl").symlink_to("nowhere")
    put(where / name_of(1), zstd(good(1)))
    done = pack(where, "-o", folder / "out", "--replace")
    packs(done, "refused", 1, archives_packed=1, not_packed=4, removed=1)
    for name, words in (("long.00000.jsonl", "line too long"),
                        ("long.00000.jsonl.zst", "line too long"),
                        ("window.00000.jsonl.zst", "--max-window 128MiB allows it"),
                        ("gzip.00000.jsonl", "gzip"), ("gone.00000.jsonl", "No such file")):
        check(re.search(rf"{re.escape(str(where / name))}(:\d+)?: .*{re.escape(words)}",
                        done.stderr), f"refused: {name}: {done.stderr}")
        check(os.path.lexists(where / name), f"refused: {name} is gone")
    packs(pack("--max-window", "128MiB", where / "window.00000.jsonl.zst", "-o", folder / "window"),
          "a window that is allowed", archives_packed=1)
    segment = folder / f"out/packed.00000{SEGMENT}"
    renamed = put(folder / "segment.jsonl", segment.read_bytes())
    check("a segment" in pack(renamed, "-o", folder / "x").stderr, "a segment under another name")
    done = pack(segment, folder / "out", "-o", folder / "x")
    check(done.returncode == 0 and done.stderr == "", f"segments are passed over: {done}")
    check(pack(folder / "none", "-o", folder / "x").returncode == 1, "a file that is not there")
    check(pack(folder, "-o", folder / "a/b/c").returncode == 1, "a folder that cannot be made")
    check(pack(folder, "-o", renamed).returncode == 1, "a file in the folder's place")
    pipe = folder / "pipe.jsonl"
    os.mkfifo(pipe)
    check("no regular file" in pack(pipe, "-o", folder / "x").stderr, "a pipe")


def test_empty(folder: Path) -> None:
    """An archive without a line is one, and comes back."""
    put(folder / "in/empty.00000.jsonl", "")
    put(folder / "in" / name_of(1), zstd(""))
    put(folder / "in" / name_of(2), zstd(good(2)))
    put(folder / "in" / name_of(3), "")
    packs(pack(folder / "in", "-o", folder / "out"), "empty", archives_packed=4)
    comes_back(folder / "in", folder / "out", "empty")
    done = pack(folder / "in", "-o", folder / "out", "--replace")
    packs(done, "empty, again", archives_packed=0, packed_before=4, removed=4)
    part = put(folder / "in" / (name_of(4) + ".part"), "")
    done = pack(folder / "in", "-o", folder / "out")
    check(done.returncode == 0 and "nothing to pack yet" in done.stderr, f"empty .part: {done}")
    part.write_bytes(zstd(good(4)))
    packs(pack(folder / "in", "-o", folder / "out"), "no more empty", archives_packed=1)


def test_usage() -> None:
    for arguments in (["pack"], ["pack", "x"], ["pack", "-o", "x"], ["unpack", "x"], ["unpack"],
                      ["pack", "x", "-o", "y", "--level", "0"],
                      ["pack", "x", "-o", "y", "--level", "23"],
                      ["pack", "x", "-o", "y", "--segment-size", "1MiB"],
                      ["pack", "x", "-o", "y", "--max-window", "5"],
                      ["unpack", "x", "-o", "y", "--replace"]):
        done = run(*arguments)
        check(done.returncode == 2 and done.stderr and not done.stdout, f"{arguments}: {done}")


# --- Damage -----------------------------------------------------------------------------------

def test_damage(folder: Path) -> None:
    one, two, three = (metadata() + record(1, 1)), record(2, 2), record(3, 3)
    long = "".join(record(n / 1000, n) for n in range(8000))  # a frame of more than 2 MiB
    # Where a line goes over from a frame that is whole to one that is not, it is cut.
    begun, rest = two[:200], two[200:]
    cases: dict[str, tuple[bytes, str]] = {
        "cut": (zstd(one) + zstd(two + three)[:-9], one),
        "checksum": (zstd(one) + damaged(zstd(two), -1) + zstd(three), one + three),
        "corrupt": (zstd(one) + damaged(zstd(two), 0) + zstd(three), one + three),
        "two_in_a_row": (zstd(one) + damaged(zstd(two), -1) * 2 + zstd(three), one + three),
        "between_lines": (zstd(one + begun) + damaged(zstd(rest), -1) + zstd(three), one + three),
        "torn": (zstd(one) + damaged(zstd(begun), -1) + zstd(rest + three), one + three),
        "end_damaged": (zstd(one + two[:-1]) + damaged(zstd("\n"), -1) + zstd(three), one + three),
        "end_missing": (zstd(one + two[:-1]) + damaged(zstd("\n"), 0) + zstd(three),
                        one + two + three),
        "long_checksum": (zstd(one) + damaged(zstd(long), -1) + zstd(three), one + three),
        "long_then": (damaged(zstd(long), -1) + zstd(one + two + three), one + two + three),
    }
    for name, (data, _) in cases.items():
        put(folder / "in" / f"{name}.00000.jsonl.zst", data)
    put(folder / "in/nothing.00000.jsonl.zst", damaged(zstd(one), -1))
    put(folder / "in" / name_of(1), zstd(good(1)))
    done = pack(folder / "in", "-o", folder / "out", "--replace")
    packs(done, "damaged", 1, archives_packed=len(cases) + 1, incomplete=len(cases), not_packed=1,
          removed=1)
    for name in [*cases, "nothing"]:
        check(re.search(rf"{name}\.00000\.jsonl\.zst(:\d+)?: .*frame", done.stderr),
              f"damaged: {name} is not told: {done.stderr}")
    check(sorted(names(folder / "in")) == sorted(f"{n}.00000.jsonl.zst"
                                                 for n in [*cases, "nothing"]),
          f"damaged: {names(folder / 'in')} are left")
    check(unpack(folder / "out", "-o", folder / "back").returncode == 0, "damaged: unpack")
    back = texts(folder / "back")
    for name, (_, expected) in cases.items():
        got = back.get(f"{name}.00000.jsonl.zst", b"").decode()
        check(got == expected, f"damaged: {name}: {len(got)} bytes, not {len(expected)}")
    packs(pack(folder / "in", "-o", folder / "out", "--replace"), "damaged again", 1,
          archives_packed=0, packed_before=len(cases), incomplete=len(cases), removed=0)


# --- Names ------------------------------------------------------------------------------------

def test_names(folder: Path) -> None:
    a, b = folder / "a", folder / "b"
    put(a / name_of(1), zstd(good(1)))
    put(a / name_of(2), zstd(good(2)))
    put(b / name_of(2), zstd(good(3)))
    put(b / name_of(4), zstd(good(4)))
    put(b / "plain", good(5))
    done = pack(a, f"{b}/", b / "plain", "-o", folder / "out", "--replace")
    packs(done, "two folders", 1, archives_packed=4, not_packed=1, removed=3)
    check(f"{b / name_of(2)}: a second archive of the path {name_of(2)}" in done.stderr,
          f"two folders: {done.stderr}")
    # What is no archive by its name is packed where it is named, and never removed.
    check(names(a) == [] and names(b) == [name_of(2), "plain"], f"two folders: {names(b)}")
    check(not (a / "2023").exists() and a.is_dir(), "empty folders stay, or all of them go")
    unpack(folder / "out", "-o", folder / "back")
    check(texts(folder / "back") == {name_of(1): good(1).encode(), name_of(2): good(2).encode(),
                                     name_of(4): good(4).encode(), "plain": good(5).encode()},
          f"two folders: {names(folder / 'back')}")
    # Another one of that path is told and left, whatever is done with the same one.
    done = pack(b, "-o", folder / "out", "--replace")
    packs(done, "another of that path", 1, archives_packed=0, packed_before=0, not_packed=1)
    check("another archive is packed as" in done.stderr and names(b) == [name_of(2), "plain"],
          f"another of that path: {done.stderr}")
    put(a / name_of(2), zstd(good(2)))
    # By two ways: it is gone by the second one when the first one is compared.
    done = pack(a / DAY, a, "-o", folder / "out", "--replace")
    packs(done, "by two ways", 1, archives_packed=1, packed_before=1, removed=1)
    check("that changed, or cannot be read" in done.stderr, f"by two ways: {done.stderr}")

    # Odd names.
    odd = folder / "odd"
    for name in ("new\nline.00000.jsonl", "\x1b[31m.00000.jsonl", "with space.jsonl.zst",
                 "\u202e.jsonl", ".hidden.jsonl", "a" * 240 + ".00000.jsonl",
                 "/".join("abcdefghij") + "/x.jsonl"):
        put(odd / name, good(6))
    packs(pack(odd, "-o", folder / "odd-out"), "odd names", archives_packed=7)
    comes_back(odd, folder / "odd-out", "odd names")


def test_links(folder: Path) -> None:
    put(folder / "elsewhere" / name_of(1), zstd(good(1)))
    put(folder / "in" / name_of(2), zstd(good(2)))
    (folder / "in" / name_of(1)).symlink_to(folder / "elsewhere" / name_of(1))
    (folder / "in/more").symlink_to(folder / "elsewhere")
    done = pack(folder / "in", "-o", folder / "out", "--replace")
    packs(done, "links", archives_packed=2, removed=1)
    check(names(folder / "in") == [name_of(1)] and "a link: not removed" in done.stderr,
          f"links: {names(folder / 'in')} {done.stderr}")
    # A link in the way of an archive is not followed.
    (folder / "back/2023").mkdir(parents=True)
    (folder / "back/2023/11").symlink_to(folder / "elsewhere")
    done = unpack(folder / "out", "-o", folder / "back")
    packs(done, "a link in the way", 1, archives_unpacked=0)
    check(names(folder / "elsewhere") == [name_of(1)], f"a link in the way: {done}")
    shutil.rmtree(folder / "back")
    target = put(folder / "target", "mine\n")
    (folder / "back" / DAY).mkdir(parents=True)
    (folder / "back" / name_of(2)).symlink_to(target)
    done = unpack(folder / "out", "-o", folder / "back")
    packs(done, "a link in the file's place", 1, archives_unpacked=1, not_unpacked=1)
    check(target.read_text() == "mine\n", "a link in the file's place was followed")


# --- Large ones -------------------------------------------------------------------------------

def test_several_segments(folder: Path) -> None:
    # One of them is larger than a segment.
    for number, size in enumerate((100_000, 6_000_000, 2_500_000, 1_500_000)):
        put(folder / "in" / name_of(number), zstd(noise(number, size), "-1"))
    done = pack(folder / "in", "-o", folder / "out", *SMALL)
    packs(done, "several segments", archives_packed=4)
    sizes = [f.stat().st_size for f in (folder / "out").iterdir()]
    check(len(sizes) >= 4 and max(sizes) <= 4 << 20, f"several segments: {sizes}")
    comes_back(folder / "in", folder / "out", "several segments")
    packs(pack(folder / "in", "-o", folder / "out"), "several segments, again", archives_packed=0,
          packed_before=4)

    # The segments behind are lost: only what was in them is packed again.
    segments = sorted((folder / "out").iterdir())
    for keep in (1, 2):
        shutil.rmtree(folder / "some", ignore_errors=True)
        (folder / "some").mkdir()
        for segment in segments[:keep]:
            shutil.copy(segment, folder / "some")
        first = (folder / "some" / segments[0].name).read_bytes()
        done = pack(folder / "in", "-o", folder / "some", *SMALL,
                    "--replace" if keep == 2 else "-q")
        check(done.returncode == 0 and (folder / "some" / segments[0].name).read_bytes() == first,
              f"resumed: {done}")
        check(len(names(folder / "some")) == len(segments), f"resumed: {names(folder / 'some')}")
        if keep == 1:
            comes_back(folder / "in", folder / "some", "resumed")
    check(names(folder / "in") == [], f"resumed: {names(folder / 'in')} are left")

    # A segment in the middle is missing: it is told, and the rest comes.
    (folder / "some" / segments[1].name).unlink()
    done = unpack(folder / "some", "-o", folder / "hole")
    check(done.returncode in (0, 1), f"a hole: {done}")
    # Of the archive whose beginning is missing the rest has a name, with what its first line says.
    (folder / "some" / segments[0].name).unlink()
    done = unpack(folder / "some", "-o", folder / "tail")
    check(done.returncode == 1 and "its beginning is missing" in done.stderr, f"a tail: {done}")
    check(text_of(folder / "tail" / name_of(1)).decode().startswith(metadata(0, uuid(1))),
          "a tail: no metadata")


def test_growing(folder: Path) -> None:
    part = folder / "in" / name_of(1, 0, ".jsonl.zst.part")
    whole = good(1)
    lines = whole.splitlines(keepends=True)
    for upto in (1, 2, 4, len(lines)):
        put(part, b"".join(zstd(line) for line in lines[:upto]) + b"\x28\xb5\x2f")
        done = pack(folder / "in", "-o", folder / "out", "--replace")
        packs(done, "growing", 1, archives_packed=1, incomplete=1, removed=0)
        unpack(folder / "out", "-o", folder / f"back{upto}")
        got = texts(folder / f"back{upto}")
        check(got == {name_of(1, 0, ".jsonl.zst.part"): "".join(lines[:upto]).encode()},
              f"growing: {upto}: {got}")
    put(part, b"".join(map(zstd, lines)))
    packs(pack(folder / "in", "-o", folder / "out", "--replace"), "grown", packed_before=1)
    check(part.exists(), "grown: a .part was removed")


# --- Ends in the middle -----------------------------------------------------------------------

def test_full(folder: Path) -> None:
    for number in range(4):
        put(folder / "in" / name_of(number), noise(number, 2_000_000))
    before = texts(folder / "in")
    for limit in (1 << 10, 1 << 20):
        done = pack(folder / "in", "-o", folder / "out", "--replace", limit=limit)
        check(done.returncode == 1 and "File too large" in done.stderr, f"full: {done}")
        check(names(folder / "out") == [] and texts(folder / "in") == before,
              f"full: {names(folder / 'out')}")
    # Room for a segment and no more.
    if os.geteuid() == 0 and shutil.which("unshare"):
        place = folder / "tmpfs"
        place.mkdir()
        script = (f"mount -t tmpfs -o size=7M tmpfs {place} && "
                  f"{DUMP} pack {folder}/in -o {place}/out --replace {' '.join(SMALL)}; "
                  f"echo $?; cp -r {place}/out {folder}/rescued; "
                  f"mkdir {place}/back && {DUMP} unpack {place}/out -o {place}/back; echo $?; "
                  f"find {place}/back -type f | wc -l")
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            capture_output=True, text=True, check=False)
        if "permission denied" not in done.stderr:
            lines = done.stdout.split("\n")
            check("No space left on device" in done.stderr and "1" in lines, f"tmpfs: {done}")
            check(not list((folder / "rescued").glob("*.part")), "tmpfs: a .part is left")
            check(lines[-2].strip() == "0", f"tmpfs: unpack left {lines[-2]} files: {done}")
            packs(pack(folder / "in", "-o", folder / "rescued", "--replace"), "tmpfs, again")
            check(names(folder / "in") == [], f"tmpfs: {names(folder / 'in')}")
            unpack(folder / "rescued", "-o", folder / "back")
            check(texts(folder / "back") == before, "tmpfs: not all came back")
    else:
        packs(pack(folder / "in", "-o", folder / "rescued"), "full, again", archives_packed=4)
    done = unpack(folder / "rescued", "-o", folder / "small", limit=1 << 20)
    check(done.returncode == 1 and "File too large" in done.stderr
          and names(folder / "small") == [], f"unpack, full: {done}")


def test_killed(folder: Path) -> None:
    for number in range(12):
        put(folder / "in" / name_of(number), noise(number, 1_000_000))
    for number in range(100, 112):
        put(folder / "in" / name_of(number), zstd(good(number)))
    expected = texts(folder / "in")
    out = folder / "out"
    arguments = ("pack", folder / "in", "-o", out, "--replace", *SMALL)

    def segments() -> int:
        return len(list(out.glob(f"*{SEGMENT}"))) if out.exists() else 0

    kills = 0
    for moment in (lambda: out.exists() and any(out.glob("*.part")), lambda: segments() == 1,
                   lambda: len(names(folder / "in")) < len(expected), lambda: segments() >= 2,
                   lambda: segments() >= 3):
        kills += killed_when(moment, *arguments)
        # At each moment everything is in one of the two places.
        shutil.rmtree(folder / "back", ignore_errors=True)
        if out.exists():
            unpack(out, "-o", folder / "back")
        there = {**texts(folder / "in"),
                 **{n: t for n, t in (texts(folder / "back") if out.exists() else {}).items()
                    if not n.endswith(".part") and not (folder / "in" / n).exists()}}
        check(there == expected, f"killed: {sorted(set(expected) - set(there))[:3]} are lost")
    check(kills >= 3, f"killed: only {kills} times")
    packs(run(*arguments), "killed, and run to the end")
    check(names(folder / "in") == [] and not list(out.glob("*.part")), "killed: not all is packed")
    shutil.rmtree(folder / "back", ignore_errors=True)
    packs(unpack(out, "-o", folder / "back"), "killed: unpack", archives_unpacked=len(expected))
    check(texts(folder / "back") == expected, "killed: not all came back")


def test_locked(folder: Path) -> None:
    put(folder / "in" / name_of(1), zstd(good(1)))
    (folder / "out").mkdir()
    holder = os.open(folder / "out", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    for verb in ("pack", "unpack"):
        done = run(verb, folder / "in", "-o", folder / "out")
        check(done.returncode == 1 and "another pack or unpack is writing here" in done.stderr,
              f"locked: {done}")
    os.close(holder)
    # Files of others are left, also those that end in .part.
    for name in (f"packed.00001{SEGMENT}", "packed.7.tcpseg.zst", f"other{SEGMENT}.part",
                 "packed.00003.part"):
        put(folder / "out" / name, "mine")
    done = pack(folder / "in", "-o", folder / "out")
    check(f"packed.00001{SEGMENT}" in done.stderr, f"others' files: {done}")
    packs(done, "others' files", 1, archives_packed=1)
    check(names(folder / "out") == sorted(
        [f"packed.00001{SEGMENT}", f"packed.00002{SEGMENT}", "packed.7.tcpseg.zst",
         f"other{SEGMENT}.part", "packed.00003.part"]), f"others' files: {names(folder / 'out')}")
    check(all((folder / "out" / n).read_text() == "mine" for n in names(folder / "out")
              if n != f"packed.00002{SEGMENT}"), "others' files changed")


def test_replace_compares(folder: Path) -> None:
    """A segment that holds something else than the file: the file stays."""
    put(folder / "in" / name_of(1), good(1))
    lines = good(1).splitlines()
    for wrong in (lines[1:-1], [*lines[1:], lines[-1]], [lines[2], lines[1], *lines[3:]], []):
        shutil.rmtree(folder / "out", ignore_errors=True)
        make_segment(folder / f"out/packed.00000{SEGMENT}", "\n".join(
            [f"metadata {lines[0]}", f"archive {name_of(1)}", *(f"record {w}" for w in wrong),
             "flush", "finish", ""]))
        done = pack(folder / "in", "-o", folder / "out", "--replace")
        left = (folder / "in" / name_of(1)).exists()
        if wrong in ([], lines[1:-1]):
            # The beginning of it, or nothing: the rest is added.
            packs(done, "--replace, beginning", archives_packed=1, removed=1)
            put(folder / "in" / name_of(1), good(1))
            comes_back(folder / "in", folder / "out", "--replace, beginning")
        else:
            packs(done, "--replace, another", 1, archives_packed=0, not_packed=1, removed=0)
            check(left, "--replace, another: the file is gone")


def main() -> None:
    run_tests([test_collector, test_odd_lines, test_corpus, test_many_connections, test_refused,
               test_empty, test_damage, test_names, test_links, test_several_segments,
               test_growing, test_full,
               test_killed, test_locked, test_replace_compares])
    test_usage()
    finish()


main()
