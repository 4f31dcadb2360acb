# SPDX-License-Identifier: Apache-2.0
"""What the tests of tcpinfo-dump pack and unpack have in common.

Arguments of both: TCPINFO-DUMP MAKE-SEGMENT, and what else they say.
"""

from __future__ import annotations

import base64
import json
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

from checks import check
from made_archives import CLOSE, UUID, metadata, record, time_text

DUMP, MAKE_SEGMENT = sys.argv[1], sys.argv[2]
SEGMENT = ".tcpseg.zst"
DAY = "2023/11/14"
SMALL = ("--segment-size", "4MiB")


def run(*arguments: str | Path, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    done = subprocess.run([DUMP, *map(str, arguments)], capture_output=True, timeout=120,
                          check=False, preexec_fn=limited, stdin=subprocess.DEVNULL)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(),
                                       done.stderr.decode())


def pack(*arguments: str | Path, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    return run("pack", *arguments, limit=limit)


def unpack(*arguments: str | Path, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    return run("unpack", *arguments, limit=limit)


def zstd(data: str | bytes, *flags: str) -> bytes:
    return subprocess.run(["zstd", "-qc", *flags], check=True, capture_output=True,
                          input=data.encode() if isinstance(data, str) else data).stdout


def text_of(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(b"\x28\xb5\x2f\xfd"):
        return data
    return subprocess.run(["zstd", "-dqc"], input=data, check=True, capture_output=True).stdout


def texts(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): text_of(f) for f in sorted(folder.rglob("*"))
            if f.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if not f.is_dir())


def put(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def uuid(number: int) -> str:
    return f"{UUID[:-16]}{number:016X}"


def name_of(number: int, sequence: int = 0, ending: str = ".jsonl.zst") -> str:
    return f"{DAY}/{uuid(number)}.{sequence:05}{ending}"


def good(number: int, records: int = 3) -> str:
    """What a collector writes of a connection."""
    return (metadata(0, uuid(number))
            + "".join(record(n / 10, n, cookie=number, sent=n * 1000, acked=n * 900)
                      for n in range(records))
            + record(records, None, CLOSE, cookie=number, more={"Ended": time_text(records - 0.5)}))


def noise(number: int, size: int) -> str:
    """An archive that does not shrink: that many bytes of random payload."""
    source = random.Random(number)
    text, n = metadata(0, uuid(number)), 0
    for n in range(size // 3000):
        line = json.loads(record(n / 10, n, cookie=number))
        line["Attributes"] += [None] * 5 + [base64.b64encode(source.randbytes(3000)).decode()]
        text += json.dumps(line, separators=(",", ":")) + "\n"
    return text


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The numbers of the last line, each by the words behind it."""
    found = {}
    for number, words in re.findall(r"(\d+) ([a-z][a-z ]*[a-z])", done.stdout):
        found[words] = int(number)
    return found


def packs(done: subprocess.CompletedProcess[str], what: str, status: int = 0,
          **expected: int) -> None:
    got = counts(done)
    wanted = {words.replace("_", " "): n for words, n in expected.items()}
    check(done.returncode == status and all(got.get(w, 0) == n for w, n in wanted.items()),
          f"{what}: status {done.returncode}, {done.stdout!r}, {done.stderr!r}; "
          f"not {status}, {wanted}")


def comes_back(folder: Path, packed: Path, what: str, but: Callable[[str], bool] = lambda _: False
               ) -> None:
    """Whether unpacking gives the texts of a folder, apart from those files."""
    with tempfile.TemporaryDirectory() as scratch:
        done = unpack(packed, "-o", Path(scratch) / "out")
        check(done.returncode == 0 and not done.stderr, f"{what}: unpack: {done}")
        expected = {n: t for n, t in texts(folder).items() if not but(n)}
        got = texts(Path(scratch) / "out")
        check(sorted(got) == sorted(expected),
              f"{what}: {sorted(set(got) ^ set(expected))[:5]} are not on both sides")
        for name in sorted(set(got) & set(expected)):
            check(got[name] == expected[name], f"{what}: {name} came back otherwise")


def make_segment(path: Path, script: str) -> Path:
    done = subprocess.run([MAKE_SEGMENT], input=script.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return put(path, done.stdout)


def damaged(frame: bytes, at: int) -> bytes:
    changed = bytearray(frame)
    changed[at] ^= 0x55
    return bytes(changed)


def killed_when(condition: Callable[[], bool], *arguments: str | Path) -> bool:
    """Starts and kills at the moment something is there. False where it had ended before."""
    with subprocess.Popen([DUMP, *map(str, arguments)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if condition():
                process.send_signal(signal.SIGKILL)
                return process.wait(30) == -signal.SIGKILL
            time.sleep(0.0005)
    return False


def run_tests(tests: list[Callable[[Path], None]]) -> None:
    for test in tests:
        with tempfile.TemporaryDirectory() as scratch:
            test(Path(scratch))
