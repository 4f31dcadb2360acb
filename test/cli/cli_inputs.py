# SPDX-License-Identifier: Apache-2.0
"""What tcpinfo-csv and tcpinfo-dump read: the same from whatever it comes and however it is packed,
tars and captures among it; and what they say of what they do not read.

usage: cli_inputs.py TCPINFO_CSV TCPINFO_DUMP DUMP_WITHOUT_FORMATS BUILT_WITH
BUILT_WITH: which of pcap, tar, gzip this build reads, with commas between.
"""

from __future__ import annotations

import base64
import bz2
import fcntl
import gzip
import io
import itertools
import json
import lzma
import os
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import termios
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from checks import check, finish

CSV, DUMP, BARE_DUMP = sys.argv[1:4]
BUILT_WITH = set(sys.argv[4].split(","))
UUID = "host_1700000000_unsafe_00000000000000AB"
SKIPPABLE = struct.pack("<II", 0x184D2A5E, 300_000) + bytes(range(256)) * 1171 + bytes(224)


def run(*command: str | Path, given: bytes | None = None
        ) -> tuple[int, str, str]:
    done = subprocess.run(list(map(str, command)), input=given, capture_output=True, timeout=120,
                          check=False, **({} if given is not None
                                          else {"stdin": subprocess.DEVNULL}))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def lacks(what: str) -> bool:
    if what in BUILT_WITH:
        return False
    print(f"skipped: this build does not read {what}")
    return True


# --- What is read -------------------------------------------------------------------------------

def idm(cookie: int, state: int = 1) -> bytes:
    return struct.pack("=BBBB2s2s16s16sIIIIIIII", 2, state, 0, 0, (443).to_bytes(2, "big"),
                       (5201).to_bytes(2, "big"), bytes([192, 0, 2, 1]),
                       bytes([198, 51, 100, 9]), 0, *cookie_words(cookie), 0, 0, 0, 0, 0)


def cookie_words(cookie: int) -> tuple[int, int]:
    return cookie & 0xffffffff, cookie >> 32


def info(rtt: int) -> bytes:
    return bytes(68) + struct.pack("=I", rtt) + bytes(208)


def line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def metadata(uuid: str = UUID, sequence: int = 0) -> bytes:
    return line({"Timestamp": "0001-01-01T00:00:00Z",
                 "Metadata": {"UUID": uuid, "Sequence": sequence,
                              "StartTime": "2023-11-14T22:13:20Z"}})


def record(second: int, rtt: int = 5, cookie: int = 0xab) -> bytes:
    return line({"Timestamp": f"2023-11-14T22:14:{second % 60:02}Z",
                 "RawIDM": base64.b64encode(idm(cookie)).decode(),
                 "Attributes": [None, None, base64.b64encode(info(rtt)).decode()]})


def archive(records: int = 40) -> bytes:
    return metadata() + b"".join(record(n, n + 1) for n in range(records))


def message(cookie: int, rtt: int) -> bytes:
    payload = idm(cookie) + struct.pack("=HH", 4 + len(info(rtt)), 2) + info(rtt)
    return struct.pack("=IHHII", 16 + len(payload), 20, 2, 1, 0) + payload


def bare(messages: int = 40) -> bytes:
    return b"".join(message(n + 1, n + 1) for n in range(messages))


def cooked(link: int, datagram: bytes, device: int = 824) -> bytes:
    if link == 276:
        return struct.pack(">HHIHBB8s", 4, 0, 3, device, 0, 0, b"") + datagram
    return struct.pack(">HHH8sH", 4, device, 0, b"", 4) + datagram


def pcap(link: int = 253, order: str = "=", messages: int = 40, swap: bool = False) -> bytes:
    out = struct.pack(order + "IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link)
    for n in range(messages):
        packet = cooked(link, message(n + 1, n + 1))
        out += struct.pack(order + "IIII", 1700000000 + n, n, len(packet), len(packet)) + packet
    return out


def pcapng(links: list[int], messages: int = 40) -> bytes:
    """The first link's packets, and then for each other link its interface and a packet."""
    def block(kind: int, body: bytes) -> bytes:
        size = struct.pack("=I", 12 + len(body))
        return struct.pack("=I", kind) + size + body + size

    def interface(link: int) -> bytes:
        return block(1, struct.pack("=HHI", link, 0, 262144))

    def packet(n: int, number: int, link: int) -> bytes:
        data = cooked(link, message(n + 1, n + 1))
        micros = (1700000000 + n) * 1000000 + n
        return block(6, struct.pack("=IIIII", number, micros >> 32, micros & 0xffffffff, len(data),
                                    len(data)) + data + bytes(-len(data) % 4))

    out = block(0x0a0d0d0a, struct.pack("=IHHq", 0x1a2b3c4d, 1, 0, -1)) + interface(links[0])
    out += b"".join(packet(n, 0, links[0]) for n in range(messages))
    for number, link in enumerate(links[1:], 1):
        out += interface(link) + packet(0, number, link)
    return out


def zstd(data: bytes, *flags: str) -> bytes:
    return subprocess.run(["zstd", "-qc", *flags], input=data, capture_output=True,
                          check=True).stdout


def tar(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as to:
        for name, content in members.items():
            one = tarfile.TarInfo(name)
            one.size = len(content)
            to.addfile(one, io.BytesIO(content))
        folder = tarfile.TarInfo("2023/a-folder.jsonl")
        folder.type = tarfile.DIRTYPE
        to.addfile(folder)
    return out.getvalue()


# --- Where it comes from ------------------------------------------------------------------------

def unread(fd: int) -> int:
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]


def until_empty(fd: int) -> None:
    """Waits until all that was written has been read: what is written next comes by itself."""
    limit = time.monotonic() + 60
    while unread(fd) != 0 and time.monotonic() < limit:
        time.sleep(0.0005)


def through_pipe(command: list[str], data: bytes, first: int, size: int | None
                 ) -> tuple[int, str, str]:
    take, give = os.pipe()
    if size is not None:
        fcntl.fcntl(give, fcntl.F_SETPIPE_SZ, size)
    with subprocess.Popen(command, stdin=take, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        def feed() -> None:
            try:
                os.write(give, data[:first])
                until_empty(take)
                rest = memoryview(data)[first:]
                while rest:
                    rest = rest[os.write(give, rest):]
            except BrokenPipeError:
                pass
            os.close(give)
        thread = threading.Thread(target=feed)
        thread.start()
        out, said = child.communicate(timeout=120)
        os.close(take)
        thread.join()
    return child.returncode, out.decode(), said.decode()


def through_fifo(command: list[str], data: bytes, folder: Path) -> tuple[int, str, str]:
    path = folder / "fifo"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with subprocess.Popen([*command, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        def feed() -> None:
            try:
                path.write_bytes(data)
            except BrokenPipeError:
                pass
        thread = threading.Thread(target=feed)
        thread.start()
        out, said = child.communicate(timeout=120)
        thread.join()
    return child.returncode, out.decode(), said.decode()


def through_socket(command: list[str], data: bytes, tcp: bool) -> tuple[int, str, str]:
    if tcp:
        with socket.create_server(("127.0.0.1", 0)) as server:
            ours = socket.create_connection(server.getsockname())
            theirs, _ = server.accept()
    else:
        ours, theirs = socket.socketpair()
    with ours, theirs:
        # Also one that somebody made non-blocking.
        theirs.setblocking(not tcp)
        with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as child:
            def feed() -> None:
                try:
                    ours.sendall(data[:3])
                    until_empty(theirs.fileno())
                    ours.sendall(data[3:])
                    ours.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            thread = threading.Thread(target=feed)
            thread.start()
            out, said = child.communicate(timeout=120)
            thread.join()
    return child.returncode, out.decode(), said.decode()


def ways(command: list[str], data: bytes, folder: Path, firsts: list[int]
         ) -> Iterator[tuple[str, Callable[[], tuple[int, str, str]]]]:
    path = folder / "input"
    path.write_bytes(data)

    def redirected() -> tuple[int, str, str]:
        with path.open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, timeout=120,
                                  check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    yield "a file", lambda: run(*command, path)
    yield "standard input from a file", redirected
    for first in firsts:
        yield (f"a pipe, {first} bytes first",
               lambda first=first: through_pipe(command, data, first, None))
    yield "a pipe of 4 KiB", lambda: through_pipe(command, data, 5, 4096)
    yield "a FIFO", lambda: through_fifo(command, data, folder)
    yield "a UNIX socket", lambda: through_socket(command, data, False)
    yield "a TCP socket", lambda: through_socket(command, data, True)


def same_from_everywhere(folder: Path) -> None:
    plain = {"archive": archive(), "bare messages": bare()}
    if not lacks("pcap"):
        plain |= {"pcap": pcap(), "pcap of all devices": pcap(113),
                  "pcap of all devices, second form": pcap(276), "pcapng": pcapng([253])}
    packs: dict[str, Callable[[bytes], bytes]] = {
        "plain": lambda data: data, "zstd": zstd,
        "zstd, small frames": lambda data: b"".join(
            zstd(data[at:at + 1000]) for at in range(0, len(data), 1000)),
        "zstd behind a skippable frame": lambda data: SKIPPABLE + zstd(data)}
    if not lacks("gzip"):
        packs |= {"gzip": gzip.compress,
                  "zstd in gzip": lambda data: gzip.compress(zstd(data)),
                  "gzip, two members": lambda data: gzip.compress(data[:777])
                  + gzip.compress(data[777:])}
    command = [DUMP, "--json"]
    compared = 0
    for (what, data), (pack, packed) in itertools.product(plain.items(), packs.items()):
        expected = run(*command, given=data)
        check(expected[0] == 0 and expected[1].count("\n") == 40 and not expected[2],
              f"{what}: {expected[0]} {expected[1].count(chr(10))} rows {expected[2]!r}")
        # Every first write that may end inside what tells the kind; fewer where it is packed.
        firsts = ([1, 2, 3, 4, 5, 8, 15, 16, 17, 24, 40] if pack in ("plain", "zstd")
                  else [1, 20])
        for way, read in ways(command, packed(data), folder, firsts):
            done = read()
            compared += 1
            # A file has a name, which is the UUID of nobody here.
            check(done == expected, f"{what}, {pack}, from {way}: {done[0]} {done[2]!r} "
                                    f"{done[1].count(chr(10))} rows")
    print(f"{compared} ways to read the same")
    expected = run(CSV, given=archive())
    check(expected[0] == 0 and expected[1].count("\n") == 41, f"csv: {expected}")
    for pack, packed in packs.items():
        for way, read in ways([CSV], packed(archive()), folder, [1, 5]):
            check(read() == expected, f"csv: {pack}, from {way}")


# --- What is not read ---------------------------------------------------------------------------

def one_line(what: str, command: list[str | Path], data: bytes, words: str, folder: Path) -> None:
    """From a file and from a pipe alike: one line with these words, exit status 1, no output."""
    path = folder / "given"
    path.write_bytes(data)
    for way, (status, out, said) in (("file", run(*command, path)),
                                     ("pipe", run(*command, given=data))):
        rows = out.splitlines()[1 if command[0] == CSV else 0:]
        check(status == 1 and not rows and said.count("\n") == 1 and words in said
              and f"{path if way == 'file' else '(standard input)'}:" in said,
              f"{what}, {command[0]}, {way}: {status} {rows[:2]} {said!r}")


def foreign(folder: Path) -> None:
    text = archive(2000)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as to:
        to.writestr("x.jsonl", text)
    # One block of three bytes as they are, by hand: zstd would need the dictionary.
    def needs_dictionary(number: int) -> bytes:
        return (bytes.fromhex("28b52ffd") + bytes([0x22]) + struct.pack("<HB", number, 3)
                + bytes.fromhex("190000") + b"abc")
    cases = {
        "xz": (lzma.compress(text), "compressed by xz, which is not read: unpack it with xz -d"),
        "bzip2": (bz2.compress(text), "bzip2 -d"),
        "lz4": (bytes.fromhex("04224d186440a7") + text[:5000], "lz4 -d"),
        "zip": (zipped.getvalue(), "unzip"),
        "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(range(200)), "7z x"),
        "ELF": (Path(DUMP).read_bytes()[:300000], "ELF"),
        "zeros": (bytes(100000), "nothing but zeros"),
        "a few zeros": (bytes(3), "nothing but zeros"),
        "UTF-16": (text.decode().encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        "UTF-16, little-endian without a mark": (text.decode().encode("utf-16-le"), "UTF-16"),
        "UTF-16, big-endian without a mark": (text.decode().encode("utf-16-be"), "UTF-16"),
        "an array": (b"[\n" + text.replace(b"}\n", b"},\n") + b"{}]\n", "jq -c '.[]'"),
        "an array in zstd": (zstd(b"[" + text.replace(b"}\n", b"},") + b"{}]"), "jq -c"),
        "an empty array": (b"[]\n", "jq -c"),
        "a dictionary": (needs_dictionary(4711), "needs dictionary 4711"),
        "old zstd": (bytes.fromhex("27b52ffd") + bytes(range(200)), "zstd before 1.0"),
        "the oldest zstd": (bytes.fromhex("1eb52ffd") + bytes(range(200)), "zstd before 1.0"),
        "zstd twice": (zstd(zstd(text)), "compressed twice"),
        "notes": (b"These are notes.\nOf two lines.\n" * 1000, "not a JSON record"),
        "nothing": (b"", "empty"),
    }
    if not lacks("gzip"):
        cases["xz in gzip"] = (gzip.compress(lzma.compress(text)), "xz -d")
        cases["gzip twice"] = (gzip.compress(gzip.compress(text)), "compressed twice")
    if not lacks("tar"):
        cases["a tar without archives"] = (tar({"notes.txt": b"notes\n" * 500}),
                                           "a tar without archives")
    for what, (data, words) in cases.items():
        for command in ([CSV], [DUMP], [DUMP, "ls"]):
            if command == [DUMP, "ls"]:
                # It prints a header, too.
                status, _, said = run(*command, given=data)
                check(status == 1 and said.count("\n") == 1 and words in said,
                      f"{what}, ls: {said!r}")
            else:
                one_line(what, command, data, words, folder)
    # For the other tool.
    for data in (pcap(), zstd(pcap()), pcapng([253]), bare()):
        one_line("a capture", [CSV], data, "tcpinfo-dump reads these", folder)
    # Zeros before what is good cost what they replaced.
    status, out, said = run(DUMP, "--json", given=bytes(8192) + archive())
    check(status == 1 and out.count("\n") == 40 and said.count("\n") == 1
          and "begins with 8192 zeros" in said, f"zeros first: {said!r}")


def byte_order_mark(folder: Path) -> None:
    expected = run(DUMP, "--json", given=archive())
    for data in (b"\xef\xbb\xbf" + archive(), zstd(b"\xef\xbb\xbf" + archive())):
        for way, read in ways([DUMP, "--json"], data, folder, [1, 2, 3, 4]):
            check(read() == expected, f"a byte-order mark, from {way}")


def many_faults(folder: Path) -> None:
    bad = b'{"Timestamp":1}\n'
    half = b'{"Timestamp":"2023-11-14T22:14:00Z"}\n'  # neither a message nor metadata
    data = metadata() + (record(0) + bad) * 25 + half * 12
    path = folder / "bad.jsonl"
    path.write_bytes(data)
    for tool in (CSV, DUMP):
        status, out, said = run(tool, "--format=jsonl" if tool == CSV else "--json", path)
        lines = said.splitlines()
        check(status == 1 and out.count("\n") == 25, f"{tool}: {status} {out.count(chr(10))} rows")
        check(len(lines) == 22 and sum("and 15 more (-v tells them all): " in l for l in lines) == 1
              and sum("and 2 more (-v" in l for l in lines) == 1
              and all("bad.jsonl" in l for l in lines), f"{tool}: many faults: {said}")
        for flag in ("-v", "--verbose"):
            status, _, said = run(tool, flag, path)
            check(status == 1 and said.count("\n") == 37, f"{tool} {flag}: {said.count(chr(10))}")
    status, out, _ = run(DUMP, "verify", path)
    check(status == 1 and "37 findings" in out and "and 15 more" in out
          and out.count("\n") == 10 + 10 + 2 + 1, f"verify: {out}")
    status, out, _ = run(DUMP, "verify", "-v", path)
    check(out.count("\n") == 37 + 1, f"verify -v: {out.count(chr(10))}")
    # Each file begins anew, and each of the workers.
    (folder / "worse.jsonl").write_bytes(data)
    for jobs in ("1", "2"):
        status, _, said = run(CSV, "-j", jobs, folder)
        check(said.count("\n") == 44, f"two files, -j {jobs}: {said.count(chr(10))}")
    status, out, said = run(CSV, "--strict", path)
    check(status == 1 and said.count("\n") == 1, f"--strict: {said}")


# --- gzip and tar -------------------------------------------------------------------------------

def damaged_gzip(folder: Path) -> None:
    if lacks("gzip"):
        return
    whole = archive(400)
    packed = gzip.compress(whole)
    path = folder / "x.jsonl.gz"
    for part in (0.3, 0.9):
        cut = packed[:int(len(packed) * part)]
        path.write_bytes(cut)
        status, out, said = run(DUMP, "--json", path)
        # As much as zlib itself gets out of it.
        unpack = __import__("zlib").decompressobj(31)
        expected = unpack.decompress(cut).count(b"\n") - 1
        check(status == 1 and out.count("\n") == expected > 0 and said.count("\n") == 1
              and "gzip: cut off" in said, f"cut gzip: {out.count(chr(10))} not {expected}: {said}")
    wrong = bytearray(gzip.compress(archive(10)))
    wrong[-8] ^= 1
    status, out, said = run(DUMP, "--json", given=bytes(wrong) + gzip.compress(record(1) * 5))
    check(status == 1 and out.count("\n") == 15 and said.count("\n") == 1
          and "gzip: wrong checksum" in said and "not to be trusted" in said,
          f"wrong checksum: {out.count(chr(10))} {said}")
    wrong = bytearray(gzip.compress(archive(10)))
    wrong[-1] ^= 1
    status, out, said = run(DUMP, "--json", given=bytes(wrong))
    check(status == 1 and out.count("\n") == 10 and "gzip: wrong length" in said, f"length: {said}")
    broken = bytearray(packed)
    broken[len(broken) // 2] ^= 0xff
    status, out, said = run(DUMP, "--json", given=bytes(broken))
    check(status == 1 and out.count("\n") > 0 and 1 <= said.count("\n") <= 32
          and "gzip: " in said, f"broken gzip: {out.count(chr(10))} {said}")
    status, out, said = run(DUMP, "--json", given=packed + b"garbage behind it")
    check(status == 1 and out.count("\n") == 400 and "not gzip" in said, f"garbage behind: {said}")
    status, out, said = run(DUMP, "--json", given=packed + bytes(512))
    check(status == 0 and out.count("\n") == 400 and not said, f"zeros behind: {said}")


def tars(folder: Path) -> None:
    if lacks("tar") or lacks("gzip"):
        return
    members = {f"2023/11/14/host_1_unsafe_{n:016X}.00000.jsonl.zst":
               zstd(record(0, n, n) + record(1, n, n)) for n in range(1, 21)}
    long_name = "2023/" + "very-long-name-" * 12 + "_0000000000000099.00003.jsonl"
    members[long_name] = record(0, 9, 0x99)
    members["other/x.json.gz"] = gzip.compress(metadata("other") + record(2, 7))
    members["README"] = b"what this is\n"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        made = tar(members, form)
        expected = None
        for name, data in {"a.tar": made, "a.tgz": gzip.compress(made), "a.tar.zst": zstd(made),
                           "a.tzst": zstd(made), "a": made}.items():
            path = folder / name
            path.write_bytes(data)
            status, out, said = run(DUMP, "--json", path)
            rows = [json.loads(row) for row in out.splitlines()]
            check(status == 0 and len(rows) == 42, f"{name}: {status} {len(rows)} {said}")
            uuids = [row["uuid"] for row in rows]
            check(uuids[0] == "host_1_unsafe_0000000000000001" and uuids[-1] == "other"
                  and rows[-2]["sequence"] == 3, f"{name}: {uuids[-3:]}")
            check("passed over 1 of its files" in said and "README" in said, f"{name}: {said!r}")
            expected = expected or out
            check(out == expected, f"{name}: other rows")
            for jobs in ("1", "3"):
                status, table, _ = run(CSV, "-j", jobs, path)
                check(status == 0 and table.count("\n") == 43, f"csv: {name}: {table.count('x')}")
            path.unlink()
        # From a pipe: nothing is sought in.
        for way, read in ways([DUMP, "--json"], gzip.compress(made), folder, [1, 100]):
            done = read()
            check(done[0] == 0 and done[1] == expected, f"tgz from {way}: {done[0]} {done[2]}")
    # Faults name the tar and the member.
    bad = tar({"day/good.jsonl": record(0), "day/bad.jsonl": record(0) + b"garbage\n" + record(1),
               "day/empty.jsonl.zst": b""})
    path = folder / "bad.tgz"
    path.write_bytes(gzip.compress(bad))
    status, out, said = run(DUMP, "--json", path)
    check(status == 1 and out.count("\n") == 3 and said.splitlines()
          == [f"tcpinfo-dump: {path}:day/bad.jsonl:2: not a JSON record",
              f"tcpinfo-dump: {path}:day/empty.jsonl.zst:1: empty: no record at all"],
          f"faults in a tar: {said}")
    # A cut one: all members before, and of the last one what is there.
    plain = tar({f"{n}_000000000000000{n}.00000.jsonl": record(0, n, n) * 50 for n in (1, 2, 3)})
    packed = gzip.compress(plain[:1024 * 40])
    path.write_bytes(packed[:-20])
    status, out, said = run(DUMP, "--json", path)
    check(status == 1 and out.count("\n") > 50 and said.count("\n") == 1
          and "gzip: cut off" in said, f"a cut tgz: {out.count(chr(10))} {said}")
    path.write_bytes(plain[:1024 * 40])
    status, out, said = run(DUMP, "--json", path)
    check(status == 1 and out.count("\n") > 50 and said.count("\n") == 1 and "tar: " in said,
          f"a cut tar: {out.count(chr(10))} {said}")
    # verify takes each member for a file of its own.
    path.write_bytes(tar({f"{UUID}.0000{n}.jsonl": metadata(UUID, n) + record(n) for n in (0, 1)}))
    status, out, said = run(DUMP, "verify", path)
    check(status == 0 and out.startswith("2 files, 1 connections, 2 records"),
          f"verify: {out}{said}")
    if not lacks("pcap"):
        path.write_bytes(zstd(tar({"x.pcap": pcap(), "y.pcapng.gz": gzip.compress(pcapng([276]))})))
        status, out, said = run(DUMP, "--json", path)
        check(status == 0 and out.count("\n") == 80 and not said, f"captures in a tar: {said}")
        status, out, said = run(CSV, path)
        check(status == 1 and "a tar without archives" in said, f"csv: captures in a tar: {said}")


def damaged_tars(folder: Path) -> None:
    """A damaged header costs its member, which is said, and no other."""
    if lacks("tar") or lacks("gzip"):
        return
    data = record(0) + record(1)
    whole = tar({name: data for name in ("a.jsonl", "b.jsonl", "c.jsonl")}, tarfile.GNU_FORMAT)
    step = 512 + -(-len(data) // 512) * 512

    def changed(at: int, to: bytes, size: int | None = None) -> bytes:
        return whole[:at] + to + whole[at + (len(to) if size is None else size):]

    second, third = step, 2 * step
    flipped = bytes([whole[second + 10] ^ 1])
    lost = "tar: no header at byte {}, behind {}: what is there is lost, up to {}"
    behind_a = lost.format(second, "a.jsonl", f"byte {third}")
    cases = {
        "in the middle": (changed(second + 10, flipped), 4, behind_a),
        "zeroed": (changed(second, bytes(512)), 4, behind_a),
        "zeroed twice": (changed(second, bytes(1024)), 4, behind_a),
        "cut out": (changed(second + 100, b"", 100), 2,
                    lost.format(second, "a.jsonl", "the end")),
        "junk behind": (whole + b"junk" * 1000, 6, "what is there is lost, up to the end"),
        "a little junk behind": (whole + b"junk", 6, "tar: "),
        "cut in a header": (whole[:third + 100], 4, "tar: "),
        "cut between two members": (whole[:third], 4, "tar: no end mark: it was cut"),
        "never finished": (whole[:3 * step + 512], 6, "tar: no end mark: it was cut"),
    }
    for what, (made, rows, words) in cases.items():
        for name, packed in {"x.tar": made, "x.tgz": gzip.compress(made),
                             "x.tar.zst": zstd(made)}.items():
            path = folder / name
            path.write_bytes(packed)
            for given in (path, folder):
                status, out, said = run(DUMP, "--json", given)
                check(status == 1 and out.count("\n") == rows and said.count("\n") == 1
                      and f"{path}: " in said and words in said,
                      f"{what}, {name}: {status} {out.count(chr(10))} {said}")
            path.unlink()
    # The last member's, which is not the last entry: the tars here end with a folder.
    path = folder / "x.tar"
    path.write_bytes(changed(third + 300, bytes([whole[third + 300] ^ 0x40])))
    status, out, said = run(CSV, path)
    check(status == 1 and out.count("\n") == 5
          and lost.format(third, "b.jsonl", f"byte {3 * step}") in said, f"the last: {said}")
    path.unlink()
    path = folder / "x.tgz"
    path.write_bytes(gzip.compress(whole) + b"junk")
    status, out, said = run(CSV, path)
    check(status == 1 and out.count("\n") == 7 and "what follows its end is not gzip" in said,
          f"junk behind gzip: {status} {said}")
    # One block of the two that end a tar is enough.
    path.write_bytes(gzip.compress(whole[:3 * step + 1024]))
    status, out, said = run(CSV, path)
    check(status == 0 and out.count("\n") == 7 and not said, f"one end mark: {status} {said}")
    # A second tar is read, and zeros are nothing, however many.
    for more, rows in ((whole, 12), (bytes(100_000), 6), (bytes(1), 6)):
        path.write_bytes(gzip.compress(whole + more))
        status, out, said = run(DUMP, "--json", path)
        check(status == 0 and out.count("\n") == rows and not said,
              f"{len(more)} bytes behind: {status} {out.count(chr(10))} {said}")


# --- What nobody named --------------------------------------------------------------------------

def wide(data: bytes) -> bytes:
    return zstd(data, "--ultra", "-22", "--long=27")


def nobody_named(folder: Path) -> None:
    """In a directory and in a tar the same is read, and said, as where the file is named."""
    if lacks("tar") or lacks("gzip"):
        return
    text = archive(40)
    packed = gzip.compress(text)
    frames = zstd(record(0) * 5) + zstd(record(1) * 5)
    flipped = bytearray(frames)
    flipped[4] ^= 0xff
    bad_gzip = bytearray(packed)
    bad_gzip[12] ^= 0xff
    tgz = gzip.compress(tar({"x.jsonl.gz": packed}))
    cases = [("x.jsonl.gz", packed[:8]), ("x.jsonl.gz", packed[:-20]), ("x.jsonl.gz", bytes(500)),
             ("x.jsonl.gz", bytes(bad_gzip)), ("x.jsonl.gz", b"\x1f\x8b\xf7" + packed[3:]),
             ("x.gz", packed[:8]), ("x.jsonl.gz", b""), ("x.json", b""),
             ("X.Json", b"bad\n" + text), ("X.JSONL", b"bad" + text), ("x.json", bytes(500)),
             ("x.ndjson", b"notes\n"),
             ("x.json", text[:40]), ("x.json", b'{"' + bytes(range(256)) * 9),
             ("x.jsonl.zstd", frames[:10]), ("X.JSONL.ZST", bytes(flipped)),
             ("x.zst", wide(text)), ("X.JSONL.ZST", wide(text)), ("x.zst", frames[:7]),
             ("x.zst", zstd(zstd(text))), ("x.tgz", tgz[:20]), ("x.tgz", tgz[:-20]),
             ("x.tgz", b""), ("x.tgz", bytes(500)), ("x.tar.zst", wide(tar({"x.jsonl": text})))]
    for n, (name, data) in enumerate(cases):
        sub = folder / str(n)
        sub.mkdir()
        path = sub / name
        path.write_bytes(data)
        for tool in ([CSV, "--columns=uuid,poll"], [DUMP, "--json"]):
            status, out, said = run(*tool, path)
            check(status == 1 and said, f"{name}, {len(data)} bytes, named: {status} {said}")
            found = run(*tool, sub)
            if name.endswith("zst") and "compressed twice" in said:
                check(found[0] == 1 and "in formats that are not read" in found[2],
                      f"{name}, twice: {found}")
            else:
                check(found == (status, out, said),
                      f"{name}, {len(data)} bytes: {status} {said}, in a directory {found}")
            if ".t" in name:
                continue
            member = folder / "members.tar"
            member.write_bytes(tar({name: data, "ok.jsonl": record(3)}))
            held = run(*tool, member)
            check(held[0] == 1 and held[1].count("\n") == out.count("\n") + 1
                  and held[2].count("\n") >= said.count("\n"),
                  f"{name}, {len(data)} bytes: {status} {said}, in a tar {held[0]} {held[2]}")
        if "--max-window" in said:
            for given in (path, sub):
                status, out, said = run(DUMP, "--json", "--max-window=128MiB", given)
                check(status == 0 and out.count("\n") == 40 and not said,
                      f"{name}: a larger window: {status} {said}")
    # What is sound and something else is passed over, in one line.
    sound = {"log.gz": gzip.compress(b"started\nstopped\n"), "tool.zst": zstd(bytes(range(256))),
             "package.json": b'{\n  "name": "x",\n  "main": ["a", "}"]\n}\n',
             "wide.zst": wide(b"notes\n" * 9), "settings.json": b"// mine\n{}\n",
             "x.tar": tar({"notes.md": b"# Notes\n", "x.json": b'{"a": 1}\n'}),
             "notes.tar": b"where the tars went\n"}
    kept = folder / "sound"
    kept.mkdir()
    for name, data in sound.items():
        (kept / name).write_bytes(data)
    for tool in (CSV, DUMP):
        status, _, said = run(tool, "--max-window=128MiB", kept)
        check(status == 0 and said.count("\n") == 1 and f"passed over {len(sound)} files" in said,
              f"{tool}: what is sound: {status} {said}")
    # Of a tar it is the same; there, as in a directory, other formats are a fault.
    held = folder / "held.tar"
    held.write_bytes(tar({n: d for n, d in sound.items() if n not in ("x.tar", "wide.zst")}
                         | {"ok.jsonl": text, "._a.json.gz": b"\0\5\x16\7" * 9}))
    status, out, said = run(DUMP, "--json", held)
    check(status == 0 and out.count("\n") == 40 and said.count("\n") == 1
          and "passed over 6 of its files" in said, f"what is sound, in a tar: {status} {said}")
    held.write_bytes(tar({"w.jsonl.xz": lzma.compress(text), "w.json": b"[{}]", "ok.jsonl": text,
                          "in.tgz": tgz, "in.tar.zst": zstd(tar({"x.jsonl": text}))}))
    for given in (held, folder):
        if given == folder:
            for n in [*folder.iterdir()]:
                if n != held:
                    shutil.rmtree(n) if n.is_dir() else n.unlink()
        status, out, said = run(DUMP, "--json", given)
        check(status == 1 and out.count("\n") == 40 and said.splitlines()
              == [f"tcpinfo-dump: {held}:in.tgz: a tar in a tar: unpack it once",
                  f"tcpinfo-dump: {held}:in.tar.zst: a tar in a tar: unpack it once",
                  f"tcpinfo-dump: {held}: 2 of its files in formats that are not read, such as "
                  "w.jsonl.xz"], f"other formats in a tar: {status} {said}")


# --- Captures -----------------------------------------------------------------------------------

def captures(folder: Path) -> None:
    if lacks("pcap"):
        return
    status, out, said = run(DUMP, "--json", given=pcapng([253, 1]))
    check(status == 1 and out.count("\n") == 40 and said.count("\n") == 1
          and "captured on several link types" in said and "editcap or tshark" in said,
          f"several link types: {out.count(chr(10))} {said}")
    expected = run(DUMP, "--json", given=pcap())
    other = ">" if sys.byteorder == "little" else "<"
    check(run(DUMP, "--json", given=pcap(order=other)) == expected, "headers of the other order")
    status, _, said = run(DUMP, given=pcap(1))
    check(status == 1 and "link type 1, EN10MB" in said and "nlmon" in said, f"ethernet: {said}")
    cut = pcap()[:-100]
    status, out, said = run(DUMP, "--json", given=cut)
    check(status == 1 and out.count("\n") == 39 and said.count("\n") == 1, f"cut: {said}")
    # --every holds records back: their bytes are theirs.
    status, out, _ = run(DUMP, "--json", "--every", "10m",
                         given=bare().replace(bare()[:16], bare()[:16]))
    check(status == 0 and out.count("\n") == 40, f"--every: {out.count(chr(10))}")
    repeated = pcap(messages=0)
    for n in range(30):
        packet = cooked(253, message(7, n + 1))
        repeated += struct.pack("=IIII", 1700000000 + n, 0, len(packet), len(packet)) + packet
    status, out, _ = run(DUMP, "--json", "--every", "10m", given=repeated)
    check([json.loads(row)["rtt_us"] for row in out.splitlines()] == [1, 30], f"--every: {out}")


# In a small process of its own: the peak of a program is that of what it was before exec as well.
MEASURE = """
import os, resource, subprocess, sys
done = subprocess.run(sys.argv[2:], stdin=open(sys.argv[1], "rb"), stdout=subprocess.DEVNULL,
                      stderr=subprocess.PIPE)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
      done.stderr.count(b"\\n"))
"""


def peak_kib(command: list[str], path: Path) -> tuple[int, int, int]:
    """Exit status, the most memory the process had, and lines on stderr."""
    told = subprocess.run([sys.executable, "-ISc", MEASURE, path, *command], capture_output=True,
                          check=True, timeout=200).stdout.split()
    return int(told[0]), int(told[1]), int(told[2])


def memory(folder: Path) -> None:
    """A small file that unpacks to a gigabyte of capture takes the memory of a packet."""
    if os.environ.get("TCPINFO_SANITIZED") == "1":
        print("skipped: memory, under a sanitizer")
        return
    big = {"bare": (bare(1), message(1, 1) * 3000, b"")}
    # A message that says it is 256 MiB long.
    big["lying"] = (bare(1), bytes(1 << 20), struct.pack("=IHHII", 1 << 28, 20, 2, 1, 0))
    if not lacks("pcap"):
        one = pcap(messages=1)
        big["pcap"] = (one[:24], one[24:] * 3000, b"")
    for what, (head, body, before) in big.items():
        path = folder / f"{what}.zst"
        with path.open("wb") as to:
            with subprocess.Popen(["zstd", "-qc", "-1"], stdin=subprocess.PIPE, stdout=to) as pack:
                assert pack.stdin is not None
                pack.stdin.write(head + before)
                for _ in range((256 << 20) // len(body)):
                    pack.stdin.write(body)
        status, peak, lines = peak_kib([DUMP, "--port", "1"], path)
        print(f"{path.name}: {path.stat().st_size >> 10} KiB, {peak} KiB of memory at most")
        check(peak < 48 << 10, f"memory: {what}: {peak} KiB")
        # That nothing passes, and of the one that lies its fault.
        check(lines == 1 + (what == "lying") and (status == 1) == (what == "lying"),
              f"memory: {what}: {status} {lines}")


# --- Directories --------------------------------------------------------------------------------

def directory(folder: Path) -> None:
    files = {"a.json": archive(1), "b.jsonl.zstd": zstd(archive(2)),
             "C.JSONL.ZST": zstd(archive(3)), "d.ndjson": archive(4), "e.zst": zstd(archive(5)),
             "g.jsonl": archive(7),
             # Copies that are in another file as well.
             "f.jsonl.zst.1": zstd(archive(6)), "g.jsonl.part.damaged": archive(6),
             "g.jsonl.part.new": archive(6),
             ".h.jsonl.zst.Xy3Zab": zstd(archive(8)),
             "README": b"notes\n", "table.csv": b"a,b\n1,2\n", "package.json": b'{"name": "x"}\n'}
    count = 1 + 2 + 3 + 4 + 5 + 7
    if not lacks("gzip"):
        files["i.jsonl.gz"] = gzip.compress(archive(9))
        count += 9
        if not lacks("tar"):
            files["j.tgz"] = gzip.compress(tar({"x/y.jsonl": archive(10)}))
            files["k.tar"] = tar({"x/notes.md": b"# Notes\n"})
            count += 10
    for name, data in files.items():
        (folder / name).write_bytes(data)
    passed = 5 if "k.tar" in files else 4
    for tool in (CSV, DUMP):
        status, out, said = run(tool, "--format=jsonl" if tool == CSV else "--json", folder)
        check(status == 0 and out.count("\n") == count, f"{tool}: {status} {out.count(chr(10))}, "
                                                        f"not {count}: {said}")
        check(said.count("\n") == 1 and f"passed over {passed} file" in said,
              f"{tool}: what is passed over: {said}")
    # UUID and sequence of a name in capitals.
    sub = folder / "sub"
    sub.mkdir()
    (sub / f"{UUID}.00007.JSONL.ZST").write_bytes(zstd(record(0)))
    row = json.loads(run(DUMP, "--json", sub)[1])
    check(row["uuid"] == UUID and row["sequence"] == 7, f"in capitals: {row}")
    # Archives that cannot be read are a loss; one line, however many.
    for n in range(30):
        (sub / f"{n}.jsonl.xz").write_bytes(lzma.compress(record(n)))
    for tool in (CSV, DUMP):
        status, _, said = run(tool, sub)
        check(status == 1 and said.count("\n") == 1
              and "30 files in formats that are not read, such as" in said, f"{tool}: {said}")
    if "pcap" in BUILT_WITH:
        caught = folder / "caught"
        caught.mkdir()
        (caught / "x.cap").write_bytes(pcap())
        (caught / "y.pcapng.zst").write_bytes(zstd(pcapng([253])))
        status, out, said = run(DUMP, "--json", caught)
        check(status == 0 and out.count("\n") == 80 and not said, f"captures: {status} {said}")
        status, out, said = run(CSV, caught)
        check(status == 0 and out.count("\n") == 1 and "passed over 2 files" in said,
              f"csv: captures: {status} {said}")


def without_formats(folder: Path) -> None:
    """A build without zlib, libarchive and libpcap says so, and reads the rest."""
    for what, data, words in (("gzip", gzip.compress(archive()), "lacks zlib"),
                              ("tar", tar({"x.jsonl": archive()}), "lacks libarchive"),
                              ("pcap", pcap(), "lacks libpcap"),
                              ("pcapng in zstd", zstd(pcapng([253])), "lacks libpcap")):
        one_line(what, [BARE_DUMP], data, words, folder)
    for data in (archive(), zstd(archive()), bare()):
        status, out, said = run(BARE_DUMP, "--json", given=data)
        check(status == 0 and out.count("\n") == 40, f"without formats: {status} {said}")


def main() -> None:
    if shutil.which("zstd") is None:
        print("SKIPPED: no zstd")
        sys.exit(77)
    for test in (same_from_everywhere, foreign, byte_order_mark, many_faults, damaged_gzip, tars,
                 damaged_tars, nobody_named, captures, memory, directory, without_formats):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    finish()


main()
