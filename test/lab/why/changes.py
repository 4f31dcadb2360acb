# SPDX-License-Identifier: Apache-2.0
"""Commands that are run in the receiver's namespace while a flow lasts."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass

from place import Place


@dataclass(frozen=True)
class Change:
    at: float  # seconds since the first byte
    commands: tuple[tuple[str, ...], ...]


class Changes:
    """A context manager."""

    def __init__(self, place: Place, changes: tuple[Change, ...]) -> None:
        self._place, self._changes = place, changes
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._stop = threading.Event()
        self._began = 0.0
        self.done: list[float] = []  # when the last command of each had ended
        self.failed = ""

    def begin(self, now: float) -> None:
        """The first byte is sent at this time.monotonic()."""
        self._began = now
        self._thread.start()

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._began:
            self._thread.join()

    def _run(self) -> None:
        with self._place.receiver.inside():
            for change in self._changes:
                if self._stop.wait(max(0.0, self._began + change.at - time.monotonic())):
                    return
                for command in change.commands:
                    ended = subprocess.run(command, check=False, capture_output=True, text=True)
                    if ended.returncode != 0:
                        self.failed = f"{' '.join(command)}: {ended.stderr.strip()}"
                        return
                self.done.append(time.monotonic() - self._began)
