# SPDX-License-Identifier: Apache-2.0
"""What a child says, read while it goes on saying it."""

from __future__ import annotations

import fcntl
import os
import tempfile


class SharedLog:
    """A file without a name for a child's output. Reader and writer share one offset: each write
    moves it, so that reading by it may begin behind everything. Here it is not used: the child
    appends, and reading says where."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()
        # (Mode "a+b" does not reach the descriptor.)
        fcntl.fcntl(self._file, fcntl.F_SETFL,
                    fcntl.fcntl(self._file, fcntl.F_GETFL) | os.O_APPEND)

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self) -> str:
        """All of it until now."""
        parts = []
        at = 0
        while part := os.pread(self.fileno(), 1 << 16, at):
            parts.append(part)
            at += len(part)
        return b"".join(parts).decode(errors="replace")

    def close(self) -> None:
        self._file.close()
