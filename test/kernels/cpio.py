# SPDX-License-Identifier: Apache-2.0
"""Writes the archive that the kernel unpacks as its first file system ("newc"). Several, one behind
the other, are one to the kernel. Written here because it has device nodes, for which tools ask for
root, and so that nothing needs to be copied together first."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

END = "TRAILER!!!"


class Archive:
    """As a context manager. A parent is added before what is in it; a name only once."""

    def __init__(self, path: Path) -> None:
        self.out: BinaryIO = open(path, "wb")  # closed in __exit__
        self.names: set[str] = set()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._entry(END, 0, b"")
        self.out.write(bytes(-self.out.tell() % 512))
        self.out.close()

    def _entry(self, name: str, mode: int, content: bytes, mtime: int = 0,
               device: tuple[int, int] = (0, 0)) -> None:
        links = 2 if stat.S_ISDIR(mode) else 1
        # Inode, mode, user, group, links, time, size, the file system's device, the node's, length
        # of the name, checksum.
        fields = (len(self.names), mode, 0, 0, links, mtime, len(content), 0, 0, *device,
                  len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        for part in (head, content):
            self.out.write(part + bytes(-len(part) % 4))

    def _is_new(self, path: str) -> bool:
        """Adds the folders above it. False where it is there already."""
        if path in self.names:
            return False
        parent = os.path.dirname(path)
        if parent not in ("/", ""):
            self.folder(parent)
        self.names.add(path)
        return True

    def folder(self, path: str, mode: int = 0o755) -> None:
        if self._is_new(path):
            self._entry(path[1:], stat.S_IFDIR | mode, b"")

    def file(self, path: str, content: bytes, mode: int = 0o644, mtime: int = 0) -> None:
        if self._is_new(path):
            self._entry(path[1:], stat.S_IFREG | mode, content, mtime)

    def link(self, path: str, target: str) -> None:
        if self._is_new(path):
            self._entry(path[1:], stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path: str, major: int, minor: int) -> None:
        if self._is_new(path):
            self._entry(path[1:], stat.S_IFCHR | 0o600, b"", device=(major, minor))
