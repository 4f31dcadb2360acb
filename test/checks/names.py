#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that names in unnamed namespaces differ between the files of a program or library whose
files are compiled together (-Dunity=on): there, two of them would be one.

usage: names.py ROOT

It reads declarations that begin a line: types, values, and functions with what they take as far as
it is in that line. The rest is for the compiler to see. Before the tree is looked at, the same code
is given a few lines, so that a check that has gone blind is noticed.
"""
import re
import sys
from pathlib import Path

# What is compiled together. The modules of the library and the tests say that they are not.
TOGETHER = ["lib/analysis", "lib/text", "lib/collect", "lib/offline", "tools/tcpinfo-collect",
            "tools/tcpinfo-csv", "tools/tcpinfo-dump"]
AROUND = re.compile(r"^namespace ([\w:]+) \{")
BEGIN, END = re.compile(r"^namespace \{"), re.compile(r"^\}  // namespace$")
TYPE = re.compile(r"^(?:struct|class|enum class|enum|using(?=[ \w]+=)|union) (\w+)")
# The last word before what ends the declarator: a value's `=`, `[` or `{`, a function's `(`.
VALUE = re.compile(r"^(?!template|return|static_assert|namespace |using|friend)[\w:]"
                   r"[\w:<>,&*{}()\s]*?[\s&*>](\w+)(?:\[\w*\])*(?:(\([^)]*)| = |\{|;)")
# What a parameter is called tells no functions apart.
PARAMETER = re.compile(r" ?\w+(?=,|$)")


def names(text):
    """Names that a file's unnamed namespaces declare: [the namespace around, the name, what a
    function takes]."""
    found, around, inside = set(), "", False
    for line in text.splitlines():
        if BEGIN.match(line):
            inside = True
        elif END.match(line):
            inside = False
        elif not inside:
            match = AROUND.match(line)
            around = match[1] if match else around
        elif match := TYPE.match(line):
            found.add((around, match[1], ""))
        # A definition out of its class names the class again.
        elif (match := VALUE.match(line)) and f"::{match[1]}" not in line:
            found.add((around, match[1], PARAMETER.sub("", match[2] or "")))
    return found


def faults_in(files):
    """Lines about what two of the files declare; `files` are texts by their names."""
    first, faults = {}, []
    for file, text in sorted(files.items()):
        for name in sorted(names(text)):
            if name in first:
                faults.append(f"{file}: '{name[1]}' is a name in {first[name]}, too")
            first.setdefault(name, file)
    return faults


def check_itself():
    """Each of these is found to be there twice."""
    for line in ("constexpr std::size_t most = 16;", "struct most {", "class most;",
                 "using most = int;", "const char* most(int a) {", "bool most(std::string_view a,",
                 "constexpr format most[] = {", "enum class most : int {",
                 "std::vector<int> most() {", "const std::map<int, int>& most() {",
                 "constexpr auto most = std::chrono::seconds(5);", "constexpr int most{5};"):
        text = f"namespace n {{\nnamespace {{\n\n{line}\n\n}}  // namespace\n"
        same = {"a.cc": text, "b.cc": text}
        assert faults_in(same) == ["b.cc: 'most' is a name in a.cc, too"], line
        assert not faults_in({"a.cc": text, "b.cc": f"namespace n {{\n{line}\n}}\n"}), line
        other = text.replace("namespace n", "namespace o")
        assert not faults_in({"a.cc": text, "b.cc": other}), line


def main():
    root = Path(sys.argv[1])
    check_itself()
    faults, count = [], 0
    for folder in TOGETHER:
        paths = sorted((root / folder).rglob("*.cc"))
        paths += [p for p in [root / f"{folder}.cc"] if p.exists()]
        assert paths, folder
        count += len(paths)
        faults += faults_in({str(p.relative_to(root)): p.read_text(encoding="utf-8")
                             for p in paths})
    print("\n".join(faults))
    print(f"{count} files, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
