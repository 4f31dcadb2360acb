#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the API reference of docs/Doxyfile in a folder of its own: doxygen must not warn.

usage: reference.py SOURCE_ROOT
       reference.py --filter FILE

The second form is what doxygen reads each file through; docs/Doxyfile says why.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from trees import need

NAMESPACE = re.compile(r"^namespace tcpinfo::inline v\d+ \{$", re.MULTILINE)
SPECIALIZATION = re.compile(r"^template <>\nstruct std::.*$", re.MULTILINE)
HEADING = re.compile(r"^##+ (.*)$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\((?!#|https?:)[^)]*\)")  # to another file
# A list and the macros it is included with, which stand before it.
LIST = re.compile(r"((?:^#define TCPINFO_\w+_FIELD\((?:[^\n]*\\\n)*[^\n]*\n)+)"
                  r"^#include <tcpinfo/(\w+\.def)>$", re.MULTILINE)
FIELD = re.compile(r'^TCPINFO_(TCP|GROUP|ULP)_FIELD\((.*), "(\w+)", "([\d.]+)", "(.*)"\)$',
                   re.MULTILINE)
SPECIAL, ESCAPED = re.compile(r"([\\@<>&#%$])"), r"\\\1"
ANY_FIELD = re.compile(r"^TCPINFO_\w+_FIELD\(", re.MULTILINE)
# Where the lists have the enumerator and the unit.
PLACES = {"TCP": (0, 6), "GROUP": (1, 7), "ULP": (2, 7)}
LISTS = {"tcp_field": "tcp_info_fields.def", "field_id": "groups.def"}


def enumerators(path):
    """Those of a list, and what is to be said of each."""
    text = path.read_text(encoding="utf-8")
    found = {}
    for macro, columns, _, since, meaning in FIELD.findall(text):
        name, unit = (columns.split(", ")[at] for at in PLACES[macro])
        found[name] = f"{meaning} ({unit.replace('_', ' ')}; Linux {since})"
    assert len(found) == len(ANY_FIELD.findall(text)), f"{path}: a line is not understood"
    return found


def filtered_header(text, folder):
    def write_list(match):
        fields = [f"{name}, /**< {SPECIAL.sub(ESCAPED, comment)} */"
                  for name, comment in enumerators(folder / match[2]).items()]
        return "\n" * match[1].count("\n") + " ".join(fields)
    text = NAMESPACE.sub("namespace tcpinfo {", text)
    return LIST.sub(write_list, SPECIALIZATION.sub("\n", text))


def filtered_page(text):
    def name(match):
        words = re.sub(r"[^\w -]", "", match[1].lower())
        return f"{match[0]} {{#{words.replace(' ', '-')}}}"
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    # Every other part is a program.
    parts[::2] = [LINK.sub(r"\1", HEADING.sub(name, part)) for part in parts[::2]]
    return "".join(parts)


def filtered(path):
    text = path.read_text(encoding="utf-8")
    return filtered_page(text) if path.suffix == ".md" else filtered_header(text, path.parent)


def run_doxygen(source, folder, config):
    """What it complains of."""
    done = subprocess.run(
        ["doxygen", "-"], cwd=source, capture_output=True, text=True, check=False,
        input=f"{config}\nOUTPUT_DIRECTORY = {folder}\nGENERATE_XML = YES\n")
    if done.returncode and not done.stderr:
        return f"doxygen ends with {done.returncode}"
    return done.stderr


def is_described(element):
    return bool("".join(element.find("briefdescription").itertext()).strip())


def read_enums(xml):
    """For each enum in the reference its values, and whether each has a comment."""
    enums = {}
    for path in xml.glob("*.xml"):
        for enum in ElementTree.parse(path).iterfind(".//memberdef[@kind='enum']"):
            enums[enum.findtext("name")] = {
                value.findtext("name"): is_described(value)
                for value in enum.iterfind("enumvalue")}
    return enums


def check_headers(xml, include):
    """A header without @file loses its macros, and doxygen says nothing."""
    faults = []
    for header in sorted(include.glob("*.h")):
        # In names of its pages doxygen writes "_" as "__" and "." as "_8".
        page = xml / f"{header.stem.replace('_', '__')}_8h.xml"
        if not page.exists():
            faults.append(f"{header.name}: not read")
        elif not is_described(ElementTree.parse(page).find("compounddef")):
            faults.append(f"{header.name}: no @file")
    return faults


def check_enums(enums, include):
    """Where some values of an enum have a comment, those without are not in its table, and doxygen
    says nothing."""
    faults = []
    for name, values in sorted(enums.items()):
        bare = [value for value, has_comment in values.items() if not has_comment]
        if bare and len(bare) < len(values):
            faults.append(f"{name}: no comment: {', '.join(bare)}")
    for name, path in LISTS.items():
        if enums.get(name, {}).keys() != enumerators(include / path).keys():
            faults.append(f"{name}: not what {path} has")
    return faults


def main():
    if sys.argv[1] == "--filter":
        sys.stdout.buffer.write(filtered(Path(sys.argv[2])).encode())
        return
    source = Path(sys.argv[1]).resolve()
    need("doxygen")
    config = (source / "docs/Doxyfile").read_text(encoding="utf-8")
    include = source / "lib/include/tcpinfo"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        said = run_doxygen(source, folder, config)
        print(said, end="")
        xml = folder / "xml"
        faults = check_headers(xml, include) + check_enums(read_enums(xml), include)
        print("\n".join(faults), end="\n" if faults else "")
        headers = len(list(xml.glob("*_8h.xml")))
        # That doxygen still complains of what has no comment.
        bare = folder / "bare.h"
        bare.write_text("/// Some.\nnamespace tcpinfo {\nvoid bare();\n}\n", encoding="ascii")
        complaint = run_doxygen(source, folder / "bare", f"{config}\nINPUT = {bare}\n")
        assert "Member bare()" in complaint, complaint
    print(f"{headers} headers read, {len(said.splitlines())} warnings, {len(faults)} faults")
    sys.exit(1 if said or faults or not headers else 0)


main()
