# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-csv --format parquet, and the writer beneath it, read by a reader of our own.

usage: cli_parquet.py TCPINFO_CSV DRAWN_PARQUET GOLDEN
"""

from __future__ import annotations

import base64
import datetime
import fcntl
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "fleet"))

# pylint: disable=wrong-import-position
import made_archives  # noqa: E402
import parquet_reader  # noqa: E402
import tables  # noqa: E402
from checks import check, finish  # noqa: E402

CSV, DRAWN = sys.argv[1:3]
ARCHIVES = sorted(Path(sys.argv[3], "own").glob("*.jsonl"))
KERNEL = Path(sys.argv[3], "own", "kernel618_1.jsonl")
TYPES = {"address": "text", "decimal": "double"}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([CSV, *map(str, arguments)], capture_output=True, timeout=60,
                          check=False, stdin=subprocess.DEVNULL)


def is_sorted(file: parquet_reader.File) -> bool:
    """Whether each row group's rows are in the order that the footer says."""
    names = [c.name for c in file.columns]
    at = 0
    for rows, order in zip(file.groups, file.order, strict=True):
        places = [names.index(name) for name in order]
        keys = [[(row[p] is not None, row[p].encode() if isinstance(row[p], str) else row[p] or 0)
                 for p in places] for row in file.rows[at:at + rows]]
        if keys != sorted(keys):
            return False
        at += rows
    return True


def drawn(scratch: Path) -> None:
    encodings: set[int] = set()
    indexed = ordered = 0
    for seed in range(8):
        path = scratch / "drawn.parquet"
        done = subprocess.run([DRAWN, str(seed), path], capture_output=True, text=True, check=True)
        types, *rows = [json.loads(line) for line in done.stdout.splitlines()]
        file = parquet_reader.File(path.read_bytes())
        check([c.type for c in file.columns] == types, f"drawn {seed}: types")
        check(is_sorted(file), f"drawn {seed}: in order")
        if any(file.order):
            ordered += 1

            def key(row: list) -> str:
                return json.dumps(row)
            check(sorted(file.rows, key=key) == sorted(rows, key=key), f"drawn {seed}: rows")
        else:
            check(file.rows == rows, f"drawn {seed}: rows")
        check(file.notes == {"seed": str(seed)}, f"drawn {seed}: notes")
        encodings |= set().union(*file.encodings.values()) if file.rows else set()
        indexed += sum(pages > len(file.groups) for pages in file.pages.values())
    check(encodings == {parquet_reader.PLAIN, parquet_reader.DELTA,
                                                parquet_reader.DICTIONARY}, "drawn: all encodings")
    check(indexed > 50 and ordered > 2, "drawn: pages and orders")


def the_same_as_csv(scratch: Path) -> None:
    for flags in ([], ["--connections"], ["--sentinels", "keep"],
                  ["--columns", "rtt_us,state,options_sack,timestamp"], ["--grid", "100ms"],
                  ["--grid", "1s", "--columns", "delta_*,age_s,state,uuid"]):
        path = scratch / "table.parquet"
        done = run(*flags, "--format", "parquet", "-o", path, *ARCHIVES)
        columns = tables.columns_of(CSV, *flags)
        file = parquet_reader.File(path.read_bytes())
        name = " ".join(flags) or "records"
        check(done.returncode == run(*flags, *ARCHIVES).returncode, f"{name}: status")
        check([(c.name, c.type) for c in file.columns] ==
              [(column, TYPES.get(kind, kind)) for column, kind in columns], f"{name}: columns")
        wanted = tables.rows_of_csv(CSV, ARCHIVES, *flags)
        got = tables.canonical(file.rows, [kind for _, kind in columns])
        fault = tables.difference(got, wanted, [column for column, _ in columns])
        check(fault == "" and len(wanted) > 3, f"{name}: rows ({fault})")
        check(is_sorted(file) and len(file.order[0]) > 0, f"{name}: in order")
        check(file.notes["tcpinfo.table"] ==
              ("tcpinfo_connections" if "--connections" in flags else
               "tcpinfo_grid" if "--grid" in flags else "tcpinfo"), f"{name}: notes")


def outputs(scratch: Path) -> None:
    parquet = ["--format", "parquet"]
    one = run(*parquet, *ARCHIVES).stdout
    check(len(parquet_reader.File(one).rows) > 100, "to a pipe")
    check(all(run(*parquet, "-j", jobs, *ARCHIVES).stdout == one for jobs in ("2", "5")),
          "the same for any number of threads")
    empty = run(*parquet, "--since", "2100-01-01", *ARCHIVES)
    check(parquet_reader.File(empty.stdout).rows == [], "no rows")

    damaged = scratch / "damaged.jsonl"
    damaged.write_bytes(KERNEL.read_bytes() + b"{nothing\n")
    path = scratch / "damaged.parquet"
    done = run(*parquet, "-o", path, damaged)
    check(done.returncode == 1 and b"damaged.jsonl" in done.stderr
          and len(parquet_reader.File(path.read_bytes()).rows) > 10, "damage: the rest is there")
    path.unlink()
    done = run(*parquet, "--strict", "-o", path, damaged)
    check(done.returncode == 1 and not path.exists(), "damage: nothing of it with --strict")


def high_rates(scratch: Path) -> None:
    """Rates that damaged counters make: whole numbers as long as 64 bits hold them."""
    for second, rate in ((1e-9, None), (10.0, 2**63 // 10)):
        lines = [made_archives.record(0, 0, rtt=0),
                 made_archives.record(second, 1, acked=2**63, received=2**63, rtt=0)]
        path = made_archives.archive(scratch, 0, made_archives.metadata() + "".join(lines))
        flags = ["--connections", "--columns", "mean_rate_bytes_per_s"]
        got = parquet_reader.File(run(*flags, "--format", "parquet", path).stdout).rows[0][0]
        said = json.loads(run(*flags, "--format", "jsonl", path).stdout)
        check(got == said.get("mean_rate_bytes_per_s") and (got is None) == (rate is None)
              and abs((got or 0) - (rate or 0)) < 1000, f"a rate of {rate}: {got}, {said}")


def odd_hosts(scratch: Path) -> None:
    """What is no name of a file, or too long for one, is in a folder all the same."""
    for host, name in (("../a b", "..%2Fa%20b"), ("x" * 300, "x" * 250),
                       ("x" * 249 + "\u00e4", "x" * 249)):
        said = json.loads(made_archives.metadata())
        said["Metadata"]["Host"] = host
        path = made_archives.archive(scratch, 0, json.dumps(said) + "\n"
                                     + made_archives.record(0, 0))
        folder = scratch / f"host {len(name)}"
        done = run("--format", "parquet", "--partition", "host", "-o", folder, path)
        check(done.returncode == 0 and [p.name for p in folder.iterdir()] == [f"host={name}"],
              f"host {name}: {done}")


def odd_texts(scratch: Path) -> None:
    """An empty text is there, and what is no text is so in the same way as in CSV."""
    path = scratch / "odd.parquet"
    texts = [b"\0", None, b"\xe2\x82\xff", b"a\"b,c\0"]
    lines = []
    for poll, text in enumerate(texts):
        said = json.loads(made_archives.record(poll, poll))
        said["Attributes"][4] = text and base64.b64encode(text).decode()
        lines.append(json.dumps(said) + "\n")
    # Two losses in one record: a time, and an attribute that ends within a field.
    said = json.loads(lines[0])
    said["Timestamp"] = "2300-01-01T00:00:00Z"
    said["Attributes"][2] = said["Attributes"][2][:8 * 17]
    archive = made_archives.archive(scratch, 0, made_archives.metadata() + "".join(lines)
                                    + json.dumps(said) + "\n")
    flags = ["--columns", "poll,cong"]
    done = run("--format", "parquet", "-o", path, archive)
    check(b"64 bits" in done.stderr and b"ends inside a field" in done.stderr,
          f"odd texts: two losses: {done.stderr!r}")
    done = run(*flags, "--format", "parquet", "-o", path, archive)
    got = tables.canonical(parquet_reader.File(path.read_bytes()).rows, ["u64", "text"])
    wanted = tables.rows_of_csv(CSV, [archive], *flags)
    check(got == wanted and [row[1] for row in got[:2]] == ["", None],
          f"odd texts: {got}, {wanted}")


def many_partitions(scratch: Path) -> None:
    """More than may be open, and what is made of them where one cannot be."""
    lines = [made_archives.record(3600 * hour + minute, poll=hour * 60 + minute)
             for hour in range(60) for minute in range(3)]
    archive = made_archives.archive(scratch, 0, made_archives.metadata() + "".join(lines))
    folder = scratch / "many" / "of them"
    command = ["--format", "parquet", "--partition", "date,hour", "-o", folder, archive]

    def run_with_few() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["prlimit", "--nofile=24", CSV, *map(str, command)], capture_output=True,
            timeout=60, check=False, stdin=subprocess.DEVNULL)
    done = run_with_few()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rows = [row for path in files for row in parquet_reader.File(path.read_bytes()).rows]
    wanted = tables.rows_of_csv(CSV, [archive])
    kinds = [kind for _, kind in tables.columns_of(CSV)]
    fault = tables.difference(tables.canonical(rows, kinds), wanted, kinds)
    check(done.returncode == 0 and len(files) == 60 and fault == "",
          f"many partitions: {fault} {done}")
    # All but what is in the way go again: files, and folders that are empty without them.
    for path in files[:-1]:
        path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    before = sorted(folder.rglob("*"))
    done = run_with_few()
    check(done.returncode == 1 and b"File exists" in done.stderr
          and sorted(folder.rglob("*")) == before, f"many partitions: one is there: {done}")


def partitions(scratch: Path) -> None:
    for flags in ([], ["--connections"]):
        table = "tcpinfo_connections" if flags else "tcpinfo"
        time = "first_seen" if flags else "timestamp"
        folder = scratch / f"parts of {table}"
        command = [*flags, "--format", "parquet", "--partition", "date,hour,host", "-o", folder,
                   *ARCHIVES]
        run(*command)
        columns = tables.columns_of(CSV, *flags)
        at = [name for name, _ in columns].index(time)
        rows = []
        right = True
        for path in sorted(folder.rglob("*")):
            if path.is_dir():
                continue
            right = right and path.name == f"{table}.parquet"
            file = parquet_reader.File(path.read_bytes())
            rows += file.rows
            day, hour, host = [part.split("=") for part in path.relative_to(folder).parts[:-1]]
            right = right and [day[0], hour[0], host[0]] == ["date", "hour", "host"]
            for row in file.rows:
                if row[at] is None:
                    right = right and day[1] == hour[1] == "__HIVE_DEFAULT_PARTITION__"
                    continue
                utc = datetime.datetime.fromtimestamp(row[at] // 10**9, datetime.timezone.utc)
                right = right and utc.strftime("%Y-%m-%d %H") == f"{day[1]} {hour[1]}"
        check(right, f"partitions: {table}: folders")
        fault = tables.difference(tables.canonical(rows, [kind for _, kind in columns]),
                                  tables.rows_of_csv(CSV, ARCHIVES, *flags),
                                  [name for name, _ in columns])
        check(fault == "", f"partitions: {table}: rows ({fault})")

        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        done = run(*command)
        after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        check(done.returncode == 1 and b"File exists" in done.stderr and before == after,
              f"partitions: {table}: files that are there stay")
    # One of several folders has its file already: none of the others gets one.
    folder = scratch / "one of several"
    command = ["--format", "parquet", "--partition", "date", "-o", folder, *ARCHIVES]
    run(*command)
    first, *others = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in others:
        path.unlink()
    check(len(others) > 0 and run(*command).returncode == 1 and
          [path for path in folder.rglob("*") if path.is_file()] == [first],
          "partitions: all or none")
    # Another program is writing that one.
    path = scratch / "busy" / first.relative_to(folder)
    path.parent.mkdir(parents=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text("begun", encoding="utf-8")
    with open(part, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(*command[:5], scratch / "busy", *ARCHIVES)
    check(done.returncode == 1 and b"busy" in done.stderr.split(path.name.encode())[-1]
          and part.read_text(encoding="utf-8") == "begun" and not path.exists(),
          f"partitions: written by another: {done}")
    # What one that was killed has left is written over.
    done = run(*command[:5], scratch / "busy", *ARCHIVES)
    check(not part.exists() and path.read_bytes() == first.read_bytes(),
          f"partitions: left by another: {done}")
    folder = scratch / "file"
    folder.write_text("none", encoding="utf-8")
    for wrong in (folder, folder / "below"):
        done = run("--format", "parquet", "--partition", "date", "-o", wrong, KERNEL)
        check(done.returncode == 2 and b"Not a directory" in done.stderr
              and folder.read_text(encoding="utf-8") == "none", "partitions: not below a file")


def refused() -> None:
    for flags, words in (
            (["--partition", "date", "-o", "x"], b"--partition goes with --format parquet"),
            (["--format", "parquet", "--partition", "date"], b"--partition needs a directory"),
            (["--format", "parquet", "--partition", "day", "-o", "x"], b"'day' is none of date"),
            (["--format", "parquet", "--partition", "date,date", "-o", "x"], b"date twice"),
            (["--format", "parquet", "--partition", "", "-o", "x"], b"--partition: empty value"),
            (["--format", "parquet", "--time", "utc"], b"--time does not go with --format parquet"),
            (["--format", "parquet", "--grid", "1s", "--partition", "date", "-o", "x"],
             b"--partition does not go with --grid"),
            (["--format", "parquet", "--ddl", "duckdb"], b"--ddl does not go with"),
            (["--compat", "mlab", "--partition", "date"], b"--partition does not go with --compat"),
            (["--format", "orc"], b"'orc' is none of csv, tsv, jsonl, parquet")):
        done = run(*flags, *ARCHIVES)
        check(done.returncode == 2 and words in done.stderr, f"refused: {' '.join(flags)}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        drawn(scratch)
        the_same_as_csv(scratch)
        outputs(scratch)
        high_rates(scratch)
        odd_hosts(scratch)
        odd_texts(scratch)
        many_partitions(scratch)
        partitions(scratch)
        refused()
    finish()


main()
