#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the API reference of docs/Doxyfile in a folder of its own: doxygen must not warn.

usage: reference.py SOURCE_ROOT
       reference.py --filter FILE

The second form is what doxygen reads each file through; docs/Doxyfile says why.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

SKIP = 77
NAMESPACE = re.compile(r"^namespace tcpinfo::inline v0 \{$", re.MULTILINE)
SPECIALIZATION = re.compile(r"^template <>\nstruct std::.*$", re.MULTILINE)
HEADING = re.compile(r"^##+ (.*)$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\((?!#|https?:)[^)]*\)")  # to another file
# A list and the macros it is included with, which stand before it.
LIST = re.compile(r"((?:^#define TCPINFO_\w+_FIELD\((?:[^\n]*\\\n)*[^\n]*\n)+)"
                  r"^#include <tcpinfo/(\w+\.def)>$", re.MULTILINE)
FIELD = re.compile(r'^TCPINFO_(TCP|GROUP|ULP)_FIELD\((.*), "(\w+)", "([\d.]+)", "(.*)"\)$',
                   re.MULTILINE)
# Where the .def files have the enumerator and the unit.
PLACES = {"TCP": (0, 6), "GROUP": (1, 7), "ULP": (2, 7)}


def enumerators(path):
    """Those of a .def file, each with a comment."""
    found = []
    for macro, columns, _, since, meaning in FIELD.findall(path.read_text(encoding="utf-8")):
        name, unit = (columns.split(", ")[at] for at in PLACES[macro])
        meaning = re.sub(r"([\\@<>&#%$])", r"\\\1", meaning)
        found.append(f"{name}, /**< {meaning} ({unit.replace('_', ' ')}; Linux {since}) */")
    return found


def filtered_header(text, folder):
    def write_list(match):
        return "\n" * match[1].count("\n") + " ".join(enumerators(folder / match[2]))
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


def tables_with_gaps(xml):
    """Enums of which some values have a comment and some do not. doxygen leaves these out of the
    enum's table without a word."""
    gaps = []
    for path in sorted(xml.glob("*.xml")):
        for enum in ElementTree.parse(path).iterfind(".//memberdef[@kind='enum']"):
            bare = [v.findtext("name") for v in enum.iterfind("enumvalue")
                    if not "".join(v.find("briefdescription").itertext()).strip()]
            if bare and len(bare) < len(enum.findall("enumvalue")):
                gaps.append(f"{enum.findtext('name')}: no comment: {', '.join(bare)}")
    return gaps


def main():
    if sys.argv[1] == "--filter":
        sys.stdout.buffer.write(filtered(Path(sys.argv[2])).encode())
        return
    source = Path(sys.argv[1]).resolve()
    if not shutil.which("doxygen"):
        print("skipped: no doxygen here")
        sys.exit(SKIP)
    config = (source / "docs/Doxyfile").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        said = run_doxygen(source, folder, config)
        xml = folder / "xml"
        files = ElementTree.parse(xml / "index.xml").findall("compound[@kind='file']")
        faults = [said] if said else []
        faults += tables_with_gaps(xml)
        text = "".join(p.read_text(encoding="utf-8") for p in xml.glob("*.xml"))
        include = source / "lib/include/tcpinfo"
        for path in sorted(include.glob("*.def")):
            for line in enumerators(path):
                name = line.partition(",")[0]
                if f"<name>{name}</name>" not in text:
                    faults.append(f"{path.name}: {name} is not in the reference")
        # That doxygen still complains of what has no comment.
        bare = folder / "bare.h"
        bare.write_text("/// Some.\nnamespace tcpinfo {\nvoid bare();\n}\n", encoding="ascii")
        said = run_doxygen(source, folder / "bare", f"{config}\nINPUT = {bare}\n")
        assert "Member bare()" in said, said
    for fault in faults:
        print(fault)
    headers = len(list(include.glob("*.h")))
    print(f"{len(files)} files read, {len(faults)} faults")
    sys.exit(1 if faults or len(files) < headers else 0)


main()
