# SPDX-License-Identifier: Apache-2.0
"""Modules of an unpacked kernel, with those they need, in the order in which they are loaded."""

from __future__ import annotations

import lzma
import re
import subprocess
from pathlib import Path

FILE = re.compile(r"\.ko(\.xz|\.zst|\.gz)?$")


def content(path: Path) -> bytes:
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix in (".zst", ".gz"):
        tool = {".zst": "zstd", ".gz": "gzip"}[path.suffix]
        return subprocess.run([tool, "-dc", str(path)], capture_output=True, check=True).stdout
    return path.read_bytes()


class Modules:
    def __init__(self, folder: Path) -> None:
        self.files = {FILE.sub("", path.name).replace("-", "_"): path
                      for path in folder.rglob("*.ko*") if FILE.search(path.name)}

    def closure(self, names: list[str]) -> tuple[dict[str, bytes], list[str]]:
        """Names and contents in the order of loading, and the names that this kernel has no file
        of: built in, or not made."""
        ordered: dict[str, bytes] = {}
        absent: list[str] = []

        def add(name: str) -> None:
            if name in ordered or name in absent:
                return
            if name not in self.files:
                absent.append(name)
                return
            text = content(self.files[name])
            # modinfo(8) reads the same: "depends=" and names with commas between, ended by a zero.
            needs = re.search(rb"\0depends=([^\0]*)\0", text)
            for needed in (needs[1].decode() if needs else "").split(","):
                if needed:
                    add(needed.replace("-", "_"))
            ordered[name] = text

        for name in names:
            add(name)
        return ordered, absent
