#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds docs/fields.md against the tables of the library, from which it is made.

usage: fields.py [--update] TCPINFO_CSV FIELDS_MD
"""
import subprocess
import sys
from pathlib import Path

HEAD = """\
# Fields

Every field that libtcpinfo knows, in the order of the columns of `tcpinfo-csv`, with the units
they have there and in JSON. Made from the tables in `lib/include/tcpinfo/tcp_info_fields.def` and
`groups.def`; after a change there:

    python3 -B test/checks/fields.py --update build/tools/tcpinfo-csv docs/fields.md

An absent field is an empty cell and no JSON key; whether a field is there is told by the length of
what the kernel sent, never by its version. "First kernel" is the first mainline release that sends
it. Types are neutral ones, which tcpinfo-csv(1) maps to those of databases.

"""

CONNECTIONS = """
## Connections

The columns of `tcpinfo-csv --connections`, one row a connection. Counters of the kernel are those
of the last record that has them; [ends.md](ends.md) tells how `closed` is known. Round-trip times
are exact as long as a connection has at most 256 different ones (64 in each segment whose summaries
are read), and with `--exact`; else they are counted in a logarithmic histogram.

"""


def table(tool, *flags):
    listed = subprocess.run([tool, *flags, "--list-columns"], capture_output=True, text=True,
                            check=True).stdout.splitlines()
    names = listed[0].split("\t")
    assert names == ["name", "type", "unit", "first_kernel", "meaning"], names
    rows = [line.split("\t") for line in listed[1:]]
    return ("| field | type | unit | first kernel | meaning |\n"
            "| --- | --- | --- | --- | --- |\n") + "".join(
        f"| `{name}` | {kind} | {unit} | {kernel} | {meaning.replace('|', chr(92) + '|')} |\n"
        for name, kind, unit, kernel, meaning in rows)


def page(tool):
    return HEAD + table(tool) + CONNECTIONS + table(tool, "--connections")


def main():
    update = "--update" in sys.argv[1:]
    tool, path = [a for a in sys.argv[1:] if a != "--update"]
    made, file = page(tool), Path(path)
    if update:
        file.write_text(made, encoding="utf-8")
    if not file.exists() or file.read_text(encoding="utf-8") != made:
        print(f"{path} is not that of the tables; mend it with the command in its first lines")
        sys.exit(1)
    print(f"{made.count(chr(10))} lines")


main()
