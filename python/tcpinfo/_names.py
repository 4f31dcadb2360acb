# SPDX-License-Identifier: Apache-2.0
"""Names of archive files, and the archives and segments below a folder (docs/format.md)."""
from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ._native import BAD_UUID, INVALID_ARGUMENT, Error, OnFault

AnyPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
_NAME = re.compile(rb"(.*)\.([0-9]{5}|[1-9][0-9]{5,19})\.jsonl(\.zst)?(\.part)?", re.DOTALL)
_SEGMENT = re.compile(rb".+\.tcpseg\.zst(\.part)?", re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
# Bytes of a UUID, so that the longest name has 255: UUID, point, 20 digits, .jsonl.zst.part.
_LONGEST_UUID = 255 - 1 - 20 - len(".jsonl.zst.part")


@dataclass(frozen=True, order=True)
class ArchiveName:
    """What the name of an archive says. Sorted, the files of a connection come one after the other,
    in the order of their sequence.

    uuid: of the connection
    sequence: number of the file among those of its connection, from 0
    compressed: whether it is .jsonl.zst, not .jsonl
    partial: whether .part is at the end: the file is not complete, its writer died or still lives
    """

    uuid: str
    sequence: int
    compressed: bool = True
    partial: bool = False


def _is_uuid(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return (0 < len(data) <= _LONGEST_UUID and text not in (".", "..")
            and not _CONTROL.search(text))


def _parts_of(name: bytes) -> ArchiveName | int:
    """The code of the error where it is no archive's name."""
    found = _NAME.fullmatch(name)
    if not found or int(found[2]) >= 2**64:
        return INVALID_ARGUMENT
    if not _is_uuid(found[1]):
        return BAD_UUID
    return ArchiveName(found[1].decode("utf-8"), int(found[2]), found[3] is not None,
                       found[4] is not None)


def parse_archive_name(path: AnyPath) -> ArchiveName:
    """Reads UUID.SEQUENCE.jsonl[.zst][.part]; a path's folders are skipped.

    Raises Error for any other name: code -10008, or -10017 where only the UUID is at fault.
    """
    text = os.fsdecode(path)
    found = _parts_of(os.fsencode(os.path.basename(text)))
    if isinstance(found, int):
        raise Error(found, "not an archive's name, UUID.SEQUENCE.jsonl[.zst][.part]"
                    if found == INVALID_ARGUMENT else "not usable as a UUID", text)
    return found


def archives(folder: AnyPath, *, partial: bool = False,
             on_fault: OnFault | None = None) -> Iterator[tuple[Path, ArchiveName]]:
    """The archives in a folder and in all folders below it: each one's path and what its name says.

        for path, name in tcpinfo.archives("recording"):
            print(name.uuid, name.sequence, tcpinfo.columns(path, ["rtt_us"]).id)

    Of each folder its files come first, sorted by UUID and sequence, then the folders in it,
    sorted. So a collector's days come in their order, and so do the files of a connection. Files of
    other names are passed over, segments among them (files() lists both), and links to folders are
    not followed.

    `partial`: also .part files, which a collector still writes or left behind. Their last zstd
    frame may be cut, which is a fault of reading; and such a file loses the .part from its name
    when it is complete, which may be before it is opened.

    A folder or file below `folder` that cannot be looked at is given to `on_fault`, or raised
    without it.
    """
    for path, name in _files(folder, partial, on_fault):
        if name is not None:
            yield path, name


def files(folder: AnyPath, *, partial: bool = False,
          on_fault: OnFault | None = None) -> Iterator[Path]:
    """The archives and segments in a folder and in all folders below it, for Reader.

        for path in tcpinfo.files("recording"):
            for record in tcpinfo.Reader(path):
                print(record.archive or path.name, record.time_ns)

    Of each folder its archives come first, as archives() has them, then its segments, sorted by
    name, then the folders in it. Else as archives().
    """
    for path, _ in _files(folder, partial, on_fault):
        yield path


def _files(folder: AnyPath, partial: bool,
           on_fault: OnFault | None) -> Iterator[tuple[Path, ArchiveName | None]]:
    def tell(fault: OSError) -> None:
        if on_fault is None:
            raise fault
        on_fault(fault)

    yield from _files_in(_entries(os.fsdecode(folder)), partial, tell)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _files_in(entries: list[os.DirEntry[str]], partial: bool,
              tell: Callable[[OSError], None]) -> Iterator[tuple[Path, ArchiveName | None]]:
    """Segments have no ArchiveName."""
    found: list[tuple[ArchiveName, str]] = []
    segments: list[str] = []
    folders: list[str] = []
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
                continue
            name = os.fsencode(entry.name)
            segment = _SEGMENT.fullmatch(name)
            archive = _parts_of(name)
            if segment and (partial or not segment[1]) and entry.is_file():
                segments.append(entry.path)
            if isinstance(archive, ArchiveName) and (partial or not archive.partial) \
                    and entry.is_file():
                found.append((archive, entry.path))
        except OSError as fault:
            tell(fault)
    for archive_name, path in sorted(found):
        yield Path(path), archive_name
    for path in sorted(segments):
        yield Path(path), None
    for path in sorted(folders):
        try:
            below = _entries(path)
        except FileNotFoundError:
            continue  # a collector's retention removes the folders of old days
        except OSError as fault:
            tell(fault)
            continue
        yield from _files_in(below, partial, tell)
