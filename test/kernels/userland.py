# SPDX-License-Identifier: Apache-2.0
"""What a guest needs of this machine, at the same paths as here: programs with their libraries, the
running Python with its modules, the tests."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from cpio import Archive

# Of Python's own modules, what is large and no test uses.
NEEDLESS = {"test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3", "site-packages",
            "dist-packages", "pydoc_data", "turtledemo", "distutils", "__phello__"}
CACHED = re.compile(rf"\.{re.escape(sys.implementation.cache_tag)}\.pyc$")
# "libz.so.1 => /usr/lib/libz.so.1 (0x…)", and the loader, which has no arrow.
LIBRARY = re.compile(r"(?:^|=> )\s*(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
MISSING_LIBRARY = re.compile(r"^\s*(\S+) => not found$", re.MULTILINE)

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"


class Missing(Exception):
    """Something is not on this machine; the text says what."""


class Userland:
    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def add(self, path: str | Path) -> None:
        """A file with the links that lead to it, which are kept as links."""
        rest = [part for part in str(path).split("/") if part]
        done = ""
        links = 0
        while rest:
            done += "/" + rest.pop(0)
            if not os.path.islink(done):
                continue
            links += 1
            if links > 40:
                raise Missing(f"{path}: too many links")
            target = os.readlink(done)
            self.archive.link(done, target)
            whole = os.path.normpath(os.path.join(os.path.dirname(done), target))
            rest = [part for part in whole.split("/") if part] + rest
            done = ""
        if not os.path.exists(done):
            raise Missing(f"{path} is not there")
        if os.path.isdir(done):
            self.archive.folder(done)
            return
        if done in self.archive.names:
            return
        about = os.stat(done)
        mode = 0o755 if about.st_mode & stat.S_IXUSR else 0o644
        # The time is looked at by Python, which else would compile its modules anew.
        self.archive.file(done, Path(done).read_bytes(), mode, int(about.st_mtime))

    def add_libraries_of(self, binaries: Iterable[str | Path]) -> None:
        for one in binaries:
            said = subprocess.run(["ldd", str(one)], capture_output=True, text=True, check=False
                                  ).stdout
            lacking = MISSING_LIBRARY.findall(said)
            if lacking:
                raise Missing(f"{one} needs {' '.join(lacking)}")
            for library in LIBRARY.findall(said):
                self.add(library)

    def program(self, name: str | Path) -> str:
        """By name or path; returns where it is."""
        path = shutil.which(str(name), path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if path is None:
            raise Missing(f"there is no {name}")
        self.add(path)
        self.add_libraries_of([os.path.realpath(path)])
        return path

    def python(self) -> str:
        """The interpreter that runs this."""
        self.program(sys.executable)
        stdlib = Path(sysconfig.get_path("stdlib"))
        binaries = []
        for folder, folders, files in os.walk(stdlib):
            folders[:] = [one for one in folders if one not in NEEDLESS
                          and not one.startswith("config-")]
            for name in files:
                path = Path(folder) / name
                if path.suffix == ".py" or CACHED.search(name):
                    self.add(path)
                elif name.endswith(".so") and "_test" not in name and "tkinter" not in name:
                    self.add(path)
                    binaries.append(path)
        self.add_libraries_of(binaries)
        return sys.executable

    def tree(self, folder: Path, suffixes: tuple[str, ...] = ()) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and (
                    not suffixes or path.suffix in suffixes):
                self.add(path)

    def accounts(self) -> None:
        self.archive.file("/etc/passwd", PASSWD.encode())
        self.archive.file("/etc/group", GROUP.encode())
        self.archive.file("/etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files\n")
        self.archive.file("/etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")
