# SPDX-License-Identifier: Apache-2.0
"""What comes from files, names and command lines reaches no terminal and no log as it is.

usage: cli_escapes.py TCPINFO-DUMP TCPINFO-CSV [TCPINFO-COLLECT]

Every text of an archive, the names of files and folders, and words of the command line are made of
all that could do harm. Then every output for people is looked through.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, metadata, record

DUMP, CSV = sys.argv[1:3]
COLLECT = sys.argv[3] if len(sys.argv) > 3 else None

C0 = "".join(map(chr, range(1, 0x20)))
C1 = "".join(map(chr, range(0x80, 0xa0)))
DIRECTIONS = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = C0 + "\x7f" + C1 + DIRECTIONS
# After a newline, what would be read as a line of the tool's own.
HOSTILE = CONTROLS + "\x1b[31m\x1b]0;title\x07\nEVIL"
NO_UTF8 = b"\x80\xff\xc3("
# What may be there: the ends of lines, and the tab that dump's lines begin with.
FORBIDDEN = re.compile("[" + re.escape(CONTROLS.replace("\n", "").replace("\t", "")) + "]")


def run(tool: str, *arguments: str | bytes | Path, stdin: bytes = b"",
        prepare: Callable[[], None] | None = None) -> tuple[int, bytes, bytes]:
    done = subprocess.run([tool, *arguments], input=stdin, capture_output=True, timeout=60,
                          check=False, preexec_fn=prepare)
    return done.returncode, done.stdout, done.stderr


def for_people(what: str, output: bytes, escapes: int = 1) -> str:
    """Checks an output; at least so many times it must show the escape character's escape."""
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError as why:
        check(False, f"{what}: {why}")
        return ""
    found = FORBIDDEN.search(text)
    check(not found, f"{what}: {found[0]!r} in {text!r}" if found else "")
    check(not re.search(r"^EVIL", text, re.MULTILINE), f"{what}: a line of somebody else's")
    check(not re.search(r"[^\n]\t", text), f"{what}: a tab within a line")
    shown = text.count("\\u001b")
    check(shown >= escapes, f"{what}: {shown} of {escapes} escape characters are shown in {text!r}")
    return text


def hostile_attributes() -> dict[str, object]:
    """The congestion control and the protocol above TCP have names that are bytes."""
    name = HOSTILE.encode() + NO_UTF8 + b"\0"
    info = json.loads(record(0))["Attributes"][2]
    nested = struct.pack("<HH", 4 + len(name), 1) + name
    attributes: list[str | None] = [None] * 20
    attributes[2] = info
    attributes[4] = base64.b64encode(name).decode()
    attributes[19] = base64.b64encode(nested).decode()
    return {"Attributes": attributes}


def hostile_archive() -> str:
    head = json.loads(metadata(uuid=HOSTILE))
    head["Metadata"] |= {"Netns": HOSTILE, "NetnsInode": 5, "Kernel": HOSTILE, "Host": HOSTILE}
    return (json.dumps(head) + "\n" + record(0, 1, more=hostile_attributes())
            + record(1, 2, cwnd=20, more=hostile_attributes())
            + record(2, 3, state=CLOSE, more=hostile_attributes()))


def test_texts(folder: Path) -> None:
    path = folder / "archive.jsonl"
    path.write_text(hostile_archive(), encoding="utf-8")
    # UUID, congestion control and the name of the other protocol, of three records.
    status, out, err = run(DUMP, path)
    text = for_people("print", out, 9)
    check(status == 0 and not err, f"print: {status} {err!r}")
    check("\\x80\\xff\\xc3(" in text, "print: bytes that are not UTF-8")
    for character in CONTROLS:
        check(f"\\u{ord(character):04x}" in text, f"print: \\u{ord(character):04x} is not shown")
    for_people("print --zeros", run(DUMP, "--zeros", path)[1], 9)
    for_people("print --changes", run(DUMP, "--changes", path)[1], 5)
    for_people("ls", run(DUMP, "ls", path)[1], 3)
    for_people("verify", run(DUMP, "verify", path)[1], 0)

    rows = [json.loads(line) for line in run(DUMP, "--json", path)[1].split(b"\n") if line]
    check([row["uuid"] for row in rows] == [HOSTILE] * 3, "--json: the UUID as it is")
    listed = json.loads(run(DUMP, "ls", "--json", path)[1])
    check(listed["uuid"] == HOSTILE and listed["netns"] == HOSTILE, "ls --json: as they are")
    table = list(csv.DictReader(io.StringIO(run(CSV, path)[1].decode(), newline="")))
    check([row["uuid"] for row in table] == [HOSTILE] * 3, "csv: the UUID as it is")
    status, out, _ = run(CSV, "--format", "jsonl", path)
    check(status == 0 and len([json.loads(l) for l in out.splitlines()]) == 3, "csv: jsonl")


def test_names(folder: Path) -> None:
    """Faults tell the file, whatever it is called."""
    place = os.fsencode(folder) + b"/" + HOSTILE.replace("/", "").encode()[:120] + NO_UTF8
    os.mkdir(place)
    path = place + b"/" + HOSTILE.encode()[:100] + NO_UTF8 + b".jsonl"
    with open(path, "wb") as file:
        file.write((metadata() + "{broken\n" + record(0, 1)).encode())
    for tool, *words in ((DUMP,), (DUMP, "ls"), (CSV,)):
        what = f"faults of {Path(tool).name} {' '.join(words)}"
        for given in (path, place, path + b"-is-not-there"):
            status, _, err = run(tool, *words, given)
            text = for_people(what, err, 1)
            check(status == 1 and text.count("\n") == 1, f"{what}: {status} {text!r}")
    status, out, _ = run(DUMP, "verify", "-q", path)
    check(status == 1 and for_people("verify", out), f"verify: {status}")
    # The message of the JSON parser and the text of the line are not ours either.
    broken = folder / "broken.jsonl"
    broken.write_bytes(b"\x1b[31m" + HOSTILE.encode() + b"\n" + NO_UTF8 + b"\n")
    for tool in (DUMP, CSV):
        for_people("lines that are nothing", run(tool, broken)[2], 0)


def test_words() -> None:
    """Command lines are shown as well, and may come from somebody else's list."""
    word = HOSTILE[:40] + "\x1b"
    for arguments in (["--" + word], ["--state", word], ["--host", word], ["--port", word],
                      ["--since", word], ["--uuid", word, word], ["--max-window", word],
                      ["--time", word]):
        for tool, *command in ((DUMP,), (DUMP, "ls"), (CSV,)):
            status, _, err = run(tool, *command, *arguments)
            for_people(f"{arguments}", err, 1)
            check(status in (1, 2), f"{arguments}: {status}")
    status, _, err = run(CSV, "--columns", word)
    check(status == 2 and for_people("--columns", err), f"--columns: {status}")
    status, _, err = run(DUMP, "ls", "--sort", word)
    check(status == 2 and for_people("--sort", err), f"--sort: {status}")


def test_interface() -> None:
    """Names of interfaces: all but blanks, colons and slashes may be in them."""
    name = "\x1b[31m\x07\x7f"
    child = f"""
import socket, subprocess, sys
subprocess.run(["ip", "link", "add", {name!r}, "type", "veth"], check=True)
subprocess.run(["ip", "link", "set", {name!r}, "up"], check=True)
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, {name!r}.encode())
s.bind(("0.0.0.0", 4711))
s.listen()
sys.exit(subprocess.run([{DUMP!r}, "live", "--state", "listen"], check=False).returncode)
"""
    done = subprocess.run(["unshare", "--net", sys.executable, "-c", child], capture_output=True,
                          check=False)
    if done.returncode != 0:
        print("skipped: an interface of that name:", done.stderr.decode(errors="replace").strip())
        return
    check("4711" in for_people("live", done.stdout), "live: the listener")


def test_collector(folder: Path, collect: str) -> None:
    word = HOSTILE.replace("/", "")[:100]
    no_folder = folder / "file"
    no_folder.write_text("", encoding="ascii")
    for arguments in (["--" + word], ["--interval", word], ["--exclude-dstip", word],
                      ["--exclude-file", str(folder / word)], ["--uuid-prefix", word],
                      ["--output", str(no_folder / word)]):
        status, _, err = run(collect, *arguments, "--reps", "1")
        for_people(f"collect {arguments}", err, 1)
        check(status in (1, 2), f"collect {arguments}: {status}")
    # A leftover of another name is told of.
    place = folder / "out"
    (place / "2026/01/01").mkdir(parents=True)
    torn = place / "2026/01/01" / (word[:60] + ".00000.jsonl.zst.part")
    torn.write_bytes(b"no frame")
    _, _, err = run(collect, "--output", place, "--reps", "1", "--sampling", "dumps")
    for_people("collect's log", err, 0)


def full_device() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    os.dup2(descriptor, 1)


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


def test_outputs(folder: Path) -> None:
    """Outputs that cannot be written, and files that are replaced."""
    for tool in filter(None, (DUMP, CSV, COLLECT)):
        for question in ("--help", "--version"):
            done = subprocess.run([tool, question], stderr=subprocess.PIPE, check=False,
                                  preexec_fn=full_device)
            check(done.returncode == 1 and b"No space left" in done.stderr,
                  f"{tool} {question}: {done.returncode} {done.stderr!r}")
    done = subprocess.run([CSV, "--list-columns"], stderr=subprocess.PIPE, check=False,
                          preexec_fn=full_device)
    check(done.returncode == 1 and b"No space left" in done.stderr, "--list-columns")
    path = folder / "archive.jsonl"
    path.write_text(metadata() + record(0, 1), encoding="utf-8")
    table = folder / "table.csv"
    status, _, err = run(CSV, "-o", table, path, prepare=no_room)
    check(status == 1 and b"File too large" in err and not table.exists(),
          f"a limit of file sizes: {status} {err!r}")
    check(not list(folder.glob("table.csv.*")), "a limit of file sizes: nothing is left")
    for command in ([DUMP, path], [CSV, path]):
        with open(folder / "limited", "wb") as limited:
            done = subprocess.run(command, stdout=limited, stderr=subprocess.PIPE, check=False,
                                  preexec_fn=no_room)
        check(done.returncode == 1 and b"File too large" in done.stderr,
              f"a limit of file sizes: {done.returncode} {done.stderr!r}")
    for command in ([DUMP, path], [DUMP, "live", "--state", "all"], [CSV, path]):
        done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], check=False,
                              stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        check(done.returncode == 1 and b"Bad file descriptor" in done.stderr,
              f"{command[1:]} without standard output: {done.returncode} {done.stderr!r}")
    before = path.read_bytes()
    status, _, err = run(CSV, "-o", path, path)
    check(status == 2 and b"one of the files to read" in err and path.read_bytes() == before,
          f"-o onto an input: {status} {err!r}")
    for flags in (["--ddl", "sqlite"], ["--list-columns"]):
        status, out, err = run(CSV, "-o", table, *flags)
        check(status == 2 and not out and b"--output" in err, f"{flags} -o: {status} {err!r}")
    for length in (248, 249, 255):
        longest = folder / ("l" * length)
        status, _, err = run(CSV, "-o", longest, path)
        check(status == 0 and longest.exists(), f"-o, a name of {length} bytes: {status} {err!r}")
    check(len(list(folder.glob("l" * 240 + "*"))) == 3, "-o, long names: nothing beside them")
    old = os.umask(0o022)
    for mode in (0o600, 0o640, 0o666):
        table.write_text("before", encoding="utf-8")
        table.chmod(mode)
        status, _, err = run(CSV, "-o", table, path)
        check(status == 0 and table.stat().st_mode & 0o777 == mode,
              f"-o: {status}, mode {table.stat().st_mode & 0o777:o}, not {mode:o}")
    table.unlink()
    run(CSV, "-o", table, path)
    check(table.stat().st_mode & 0o777 == 0o644, "-o: a new file has the mode that the umask gives")
    os.umask(old)
    if os.geteuid() == 0:
        test_owner(folder, table, path)


def test_owner(folder: Path, table: Path, path: Path) -> None:
    os.chown(table, 12345, 23456)
    table.chmod(0o660)
    run(CSV, "-o", table, path)
    there = table.stat()
    check((there.st_uid, there.st_gid, there.st_mode & 0o777) == (12345, 23456, 0o660),
          "-o: owner and group stay")
    # Who may not give the file to its group: members of another one get nothing by it.
    folder.chmod(0o777)

    def as_another() -> None:
        os.setgroups([])
        os.setgid(34567)
        os.setuid(34567)
    status, _, err = run(CSV, "-o", table, path, prepare=as_another)
    if status != 0:  # the way to the program is closed to others
        print("skipped: replaced by another user:", err.decode(errors="replace").strip())
        return
    there = table.stat()
    check((there.st_gid, there.st_mode & 0o777) == (34567, 0o600),
          f"-o: another group: {there.st_gid} {there.st_mode & 0o777:o}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        for number, test in enumerate((test_texts, test_names, test_outputs)):
            folder = Path(name) / str(number)
            folder.mkdir()
            test(folder)
        test_words()
        if shutil.which("ip") and os.geteuid() == 0:
            test_interface()
        else:
            print("skipped: an interface of that name: made by root with ip")
        if COLLECT:
            (Path(name) / "collect").mkdir()
            test_collector(Path(name) / "collect", COLLECT)
    finish()


main()
