# SPDX-License-Identifier: Apache-2.0
"""An independent reader and judge of archive directories.

It shares nothing with the library: decompression is the zstd program's, decoding is struct.unpack
at offsets written down here. What it reads is what any other reader would.
"""

from __future__ import annotations

import base64
import calendar
import hashlib
import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

BATCH = 400  # files per zstd process
LOCK_FILE = ".tcpinfo-collect.lock"  # keeps two collectors out of one directory

# Attribute numbers.
INFO, PROTOCOL, MD5SIG = 2, 10, 18

# States.
ESTABLISHED, SYN_SENT, FIN_WAIT2, CLOSE = 1, 2, 5, 7

# tcp_info counters that can only grow: name, offset, struct format.
TOTALS = (
    ("total_retrans", 100, "=I"),
    ("bytes_acked", 120, "=Q"),
    ("bytes_received", 128, "=Q"),
    ("segs_out", 136, "=I"),
    ("segs_in", 140, "=I"),
    ("data_segs_in", 152, "=I"),
    ("data_segs_out", 156, "=I"),
    ("busy_time", 168, "=Q"),
    ("rwnd_limited", 176, "=Q"),
    ("sndbuf_limited", 184, "=Q"),
    ("delivered", 192, "=I"),
    ("bytes_sent", 200, "=Q"),
    ("bytes_retrans", 208, "=Q"),
)
OFFSETS = {name: (offset, form) for name, offset, form in TOTALS}

# Times of records from polls are rounded down to steps of so much.
STEP_NS = 100_000

# The ages: last_data_sent, last_ack_sent, last_data_recv, last_ack_recv.
AGES = ((44, 60),)
# What merely grows while a condition lasts: busy_time, rwnd_limited, sndbuf_limited and
# total_rto_time.
GROWING = ((168, 192), (244, 248))

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,8}[1-9])?Z"
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_STRING = r'"(?:[^"\\<>&\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-f]{4}))+"'

# The last attribute is present, unless none is.
DATA_LINE = re.compile(
    rf'\{{"Timestamp":"(?P<time>{_TIME})"'
    rf',"RawIDM":"(?P<idm>[A-Za-z0-9+/]{{96}})"'
    rf',"Attributes":\[(?P<attributes>null|(?:(?:null|"{_BASE64}"),)*"{_BASE64}")\]'
    r'(?:,"Poll":(?P<poll>0|[1-9]\d*))?'
    rf'(?:,"Ended":"(?P<ended>{_TIME})")?'
    r'(?:,"Carried":\[(?P<carried>"[A-Z_0-9]+"(?:,"[A-Z_0-9]+")*)\])?'
    r'(?:,"Thinned":(?P<thinned>[1-9]\d*))?\}'
)
METADATA_LINE = re.compile(
    r'\{"Timestamp":"0001-01-01T00:00:00Z","Metadata":\{'
    rf'"UUID":(?P<uuid>{_STRING}),"Sequence":(?P<sequence>0|[1-9]\d*)'
    rf',"StartTime":"(?P<start>{_TIME})"'
    rf',"Host":(?P<host>{_STRING}),"Kernel":(?P<kernel>{_STRING})'
    rf',"Collector":(?P<collector>{_STRING}),"Interval":(?P<interval>{_STRING}|\d+)'
    rf',"Run":(?P<run>{_STRING}|\d+)'
    rf'(?:,"Netns":(?P<netns>{_STRING}|\d+))?(?:,"ByteOrder":"big")?'
    rf'(?:,"Opened":"(?P<opened>{_TIME})")?(?:,"Policy":(?P<policy>{_STRING}))?\}}\}}'
)
METADATA_START = b'{"Timestamp":"0001-01-01T00:00:00Z","Metadata":{'
FILE_NAME = re.compile(r"(?P<uuid>.+_[0-9A-F]{16})\.(?P<sequence>\d{5,})\.jsonl\.zst")


class Malformed(AssertionError):
    """An archive is not what it must be."""


def check(condition: object, message: str) -> None:
    if not condition:
        raise Malformed(message)


def time_ns(text: str) -> int:
    """Nanoseconds since the epoch; datetime would stop at microseconds."""
    whole, _, fraction = text[:-1].partition(".")
    return (calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1_000_000_000
            + int(fraction.ljust(9, "0") or 0))


@dataclass
class Record:
    time: int
    idm: bytes
    attributes: list[bytes | None]
    poll: int | None
    ended: int | None = None
    carried: tuple[str, ...] = ()
    thinned: int = 0

    @property
    def family(self) -> int:
        return self.idm[0]

    @property
    def state(self) -> int:
        return self.idm[1]

    @property
    def local_port(self) -> int:
        return int.from_bytes(self.idm[4:6], "big")

    @property
    def remote_port(self) -> int:
        return int.from_bytes(self.idm[6:8], "big")

    @property
    def local(self) -> str:
        return self._address(8)

    @property
    def remote(self) -> str:
        return self._address(24)

    @property
    def cookie(self) -> int:
        low, high = struct.unpack_from("=II", self.idm, 44)
        return high << 32 | low

    @property
    def info(self) -> bytes | None:
        return self.attribute(INFO)

    @property
    def from_event(self) -> bool:
        """Only destroy events carry the protocol of a TCP socket."""
        return self.attribute(PROTOCOL) is not None

    def attribute(self, number: int) -> bytes | None:
        return self.attributes[number] if number < len(self.attributes) else None

    def total(self, name: str) -> int | None:
        offset, form = OFFSETS[name]
        info = self.info
        if info is None or offset + struct.calcsize(form) > len(info):
            return None
        return struct.unpack_from(form, info, offset)[0]

    def _address(self, offset: int) -> str:
        if self.family == socket.AF_INET:
            return socket.inet_ntop(socket.AF_INET, self.idm[offset:offset + 4])
        return socket.inet_ntop(socket.AF_INET6, self.idm[offset:offset + 16])

    def essence(self, without: Iterable[tuple[int, int]]) -> tuple[bytes, ...]:
        """Everything a record says, with parts of tcp_info (and the timer's rest) blanked."""
        attributes = [b"-" if one is None else b"+" + one for one in self.attributes]
        if self.info is not None:
            info = bytearray(self.info)
            for begin, end in without:
                info[begin:end] = bytes(len(info[begin:end]))
            attributes[INFO] = b"+" + bytes(info)
        return (self.idm[:52] + self.idm[56:], *attributes)


def decode(line: bytes) -> Record:
    """One data line, its shape checked to the letter."""
    match = DATA_LINE.fullmatch(line.decode("ascii"))
    if match is None:
        raise Malformed(f"not a data line: {line[:400]!r}")
    attributes: list[bytes | None] = [
        None if one == "null" else base64.b64decode(one[1:-1], validate=True)
        for one in match["attributes"].split(",")
    ]
    record = Record(time_ns(match["time"]), base64.b64decode(match["idm"]), attributes,
                    None if match["poll"] is None else int(match["poll"]),
                    None if match["ended"] is None else time_ns(match["ended"]),
                    tuple(re.findall(r"\w+", match["carried"] or "")),
                    int(match["thinned"] or 0))
    check(record.from_event or not (record.ended or record.carried),
          f"Ended and Carried are for final records and for no others: {line[:400]!r}")
    check(record.attribute(MD5SIG) is None, "a record holds MD5SIG keys")
    check((record.poll is None) == record.from_event,
          f"Poll is for records of a poll and for no others: {line[:400]!r}")
    return record


@dataclass
class Archive:
    """One file. Lines stay undecoded until asked for: a long test writes millions."""

    path: Path
    uuid: str
    sequence: int
    start: int
    interval: str
    kernel: str
    run: str
    netns: str | None
    opened: int | None
    policy: str | None
    lines: list[bytes] = field(repr=False)

    @property
    def cookie(self) -> int:
        return int(self.uuid[-16:], 16)

    def records(self) -> list[Record]:
        result = [decode(line) for line in self.lines]
        for record in result:
            check(record.cookie == self.cookie, f"{self.path}: record of another connection")
        return result

    def last(self) -> Record:
        check(self.lines, f"{self.path}: no record")
        return decode(self.lines[-1])


def finished_files(root: Path) -> list[Path]:
    return sorted(root.glob("**/*.zst"))


def part_files(root: Path) -> list[Path]:
    return sorted(root.glob("**/*.part"))


def digests(root: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in finished_files(root)}


def test_frames(files: list[Path]) -> None:
    """`zstd -t` on every file."""
    for begin in range(0, len(files), BATCH):
        done = subprocess.run(["zstd", "-tq", *map(str, files[begin:begin + BATCH])],
                              capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"zstd -t refuses: {done.stderr.strip()[:1000]}")


def _decompress(files: list[Path], cut: bool) -> Iterator[bytes]:
    """The lines of the files, one after the other. A cut file's last partial line is left out."""
    with subprocess.Popen(["zstd", "-dcq", *map(str, files)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        for line in child.stdout:
            if line.endswith(b"\n"):
                yield line[:-1]
            else:
                check(cut, f"{files[-1]}: the last line is not complete")
        errors = child.stderr.read().decode(errors="replace")
    check(cut or child.returncode == 0, f"zstd -dc failed: {errors.strip()[:1000]}")


def _parse(path: Path, lines: list[bytes]) -> Archive:
    check(lines, f"{path}: empty")
    match = METADATA_LINE.fullmatch(lines[0].decode("ascii"))
    if match is None:
        raise Malformed(f"{path}: not a metadata line: {lines[0][:600]!r}")
    name = FILE_NAME.fullmatch(path.name.removesuffix(".part"))
    check(name is not None, f"{path}: not the name of an archive")
    assert name is not None
    archive = Archive(path, match["uuid"].strip('"'), int(match["sequence"]),
                      time_ns(match["start"]), match["interval"].strip('"'),
                      match["kernel"].strip('"'), match["run"].strip('"'),
                      None if match["netns"] is None else match["netns"].strip('"'),
                      None if match["opened"] is None else time_ns(match["opened"]),
                      None if match["policy"] is None else match["policy"].strip('"'), lines[1:])
    check(archive.opened is None or archive.sequence or archive.opened <= archive.start,
          f"{path}: first seen before it was opened")
    check(archive.uuid == name["uuid"], f"{path}: UUID {archive.uuid} inside")
    check(name["sequence"] == f"{archive.sequence:05}",
          f"{path}: sequence {archive.sequence} inside")
    check(re.search(r"/\d{4}/\d\d/\d\d/[^/]+$", str(path)), f"{path}: not below YYYY/MM/DD")
    return archive


def read(files: list[Path], cut: bool = False) -> Iterator[Archive]:
    """Reads archives. `cut` is for .part files, which may end in the middle of a frame: each is
    decompressed alone and what comes before the cut is its content."""
    step = 1 if cut else BATCH
    for begin in range(0, len(files), step):
        batch = files[begin:begin + step]
        # One process for many files: their lines come in one stream, each file's beginning with
        # its metadata, which is also how a file without any would be noticed.
        paths = iter(batch)
        current: list[bytes] = []
        path: Path | None = None
        for line in _decompress(batch, cut):
            if line.startswith(METADATA_START):
                if path is not None:
                    yield _parse(path, current)
                path = next(paths, None)
                check(path, f"more metadata lines than files, near {current[:1]!r}")
                current = []
            current.append(line)
        if path is not None:
            yield _parse(path, current)
        left = next(paths, None)
        check(left is None or cut, f"{left}: no metadata in it or in a file before it")


@dataclass
class Connection:
    """All files of one UUID, in order."""

    uuid: str
    archives: list[Archive]

    @property
    def cookie(self) -> int:
        return self.archives[0].cookie

    def records(self) -> list[Record]:
        return [record for archive in self.archives for record in archive.records()]

    def last(self) -> Record:
        return self.archives[-1].last()


def read_directory(root: Path, first_sequence: int = 0) -> dict[int, Connection]:
    """Every connection of a finished run, by cookie. What holds for any directory is checked."""
    check(not part_files(root), f"unfinished files: {part_files(root)[:5]}")
    files = finished_files(root)
    known = {*files, root / LOCK_FILE}
    others = [path for path in root.glob("**/*") if path.is_file() and path not in known]
    check(not others, f"files that are no archives: {others[:5]}")
    test_frames(files)
    return group(read(files), first_sequence)


def group(archives: Iterable[Archive], first_sequence: int = 0) -> dict[int, Connection]:
    by_cookie: dict[int, Connection] = {}
    for archive in archives:
        known = by_cookie.setdefault(archive.cookie, Connection(archive.uuid, []))
        check(known.uuid == archive.uuid, f"two UUIDs: {known.uuid}, {archive.uuid}")
        known.archives.append(archive)
    for connection in by_cookie.values():
        connection.archives.sort(key=lambda one: one.sequence)
        sequences = [one.sequence for one in connection.archives]
        check(sequences == list(range(first_sequence, first_sequence + len(sequences))),
              f"{connection.uuid}: sequences {sequences}")
        starts = {one.start for one in connection.archives}
        check(len(starts) == 1, f"{connection.uuid}: {len(starts)} start times")
    return by_cookie


def check_history(connection: Connection) -> list[Record]:
    """What holds for the records of any connection: order, totals, one destroy event at the end."""
    highest: dict[str, int] = {}
    records: list[Record] = []
    polls: dict[str, int] = {}
    for archive in connection.archives:
        for record in archive.records():
            where = f"{connection.uuid} record {len(records)}"
            if records:
                check(record.time >= records[-1].time, f"{where}: time goes backwards")
                check(not records[-1].from_event, f"{where}: stands after the destroy event")
            if record.poll is not None:
                check(record.poll > polls.get(archive.run, -1), f"{where}: poll does not advance")
                polls[archive.run] = record.poll
            for name, _, _ in TOTALS:
                value = record.total(name)
                if value is not None:
                    check(value >= highest.get(name, 0),
                          f"{where}: {name} goes back from {highest.get(name)} to {value}")
                    highest[name] = value
            records.append(record)
    check(records, f"{connection.uuid}: no record")
    return records
