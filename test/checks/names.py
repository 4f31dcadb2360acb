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

# What is compiled together, beside the files of each unit test. Other programs have few files: the
# compiler sees theirs.
LIBRARY = "common inetdiag tcp parse zstd archive segment cache eventsocket c".split()
TOGETHER = ["lib/analysis", "lib/text", "lib/parquet", "lib/collect", "lib/offline",
            "tools/tcpinfo-collect", "tools/tcpinfo-csv", "tools/tcpinfo-dump"]
AROUND = re.compile(r"^namespace ([\w:]+) \{")
BEGIN, END = re.compile(r"^namespace \{"), re.compile(r"^\}  // namespace$")
# As often as one likes: it says the same.
ALIAS = re.compile(r"^using (\w+) = [^;]+;$")
TYPE = re.compile(r"^(?:struct|class|enum class|enum|using(?=[ \w]+=)|union) (\w+)")
# The last word before what ends the declarator: a value's `=`, `[` or `{`, a function's `(`.
VALUE = re.compile(r"^(?!template|return|static_assert|namespace |using|friend)[\w:]"
                   r"[\w:<>,&*{}()\s]*?[\s&*>](\w+)(?:\[\w*\])*(?:(\([^)]*)| = |\{|;)")
# What a parameter is called tells no functions apart.
PARAMETER = re.compile(r" ?\w+(?=,|$)")


def names(text):
    """What a file's unnamed namespaces declare: the namespace around, the name, and what tells it
    from others of its name: what a function takes, or all of an alias."""
    found, around, inside = set(), "", False
    for line in text.splitlines():
        if BEGIN.match(line):
            inside = True
        elif END.match(line):
            inside = False
        elif not inside:
            match = AROUND.match(line)
            around = match[1] if match else around
        elif match := ALIAS.match(line):
            found.add((around, match[1], line))
        elif match := TYPE.match(line):
            found.add((around, match[1], ""))
        # A definition out of its class names the class again.
        elif (match := VALUE.match(line)) and f"::{match[1]}" not in line:
            found.add((around, match[1], PARAMETER.sub("", match[2] or "")))
    return found


def may_both_be(one, other):
    """Overloads, or the same alias again."""
    if one.startswith("(") and other.startswith("("):
        return one != other
    return one == other and one.startswith("using")


def faults_in(files):
    """Lines about what two of the files declare; `files` are texts by their names."""
    seen, faults = {}, []
    for file, text in sorted(files.items()):
        declared = sorted(names(text))
        for around, name, what in declared:
            for other, told in seen.get((around, name), []):
                if not may_both_be(what, told):
                    faults.append(f"{file}: '{name}' is a name in {other}, too")
                    break
        for around, name, what in declared:
            seen.setdefault((around, name), []).append((file, what))
    return faults


def check_itself():
    """Each of these is found to be there twice."""
    def around(line, namespace="n"):
        return f"namespace {namespace} {{\nnamespace {{\n\n{line}\n\n}}  // namespace\n"

    found = ["b.cc: 'most' is a name in a.cc, too"]
    for line in ("constexpr std::size_t most = 16;", "struct most {", "class most;",
                 "const char* most(int a) {", "bool most(std::string_view a,",
                 "constexpr format most[] = {", "enum class most : int {",
                 "std::vector<int> most() {", "const std::map<int, int>& most() {",
                 "constexpr auto most = std::chrono::seconds(5);", "constexpr int most{5};"):
        same = {"a.cc": around(line), "b.cc": around(line)}
        assert faults_in(same) == found, line
        assert not faults_in({"a.cc": around(line), "b.cc": f"namespace n {{\n{line}\n}}\n"}), line
        assert not faults_in({"a.cc": around(line), "b.cc": around(line, "o")}), line
        other = around("using most = long;")
        assert faults_in({"a.cc": around(line), "b.cc": other}) == found, line
        assert faults_in({"a.cc": around(line), "b.cc": around("int most(char c) {")}) == (
            [] if "(int" in line or "view a," in line or "() {" in line else found), line
    assert faults_in({"a.cc": around("using most = int;"), "b.cc": other}) == found
    assert not faults_in({"a.cc": other, "b.cc": other})


def unit_tests(folder):
    """The files of each program."""
    text = (folder / "meson.build").read_text(encoding="utf-8")
    for program in re.split(r"\[+(?=')", text)[1:]:
        if files := re.findall(r"'([\w/]+\.cc)'", program):
            yield [folder / name for name in files]


def main():
    root = Path(sys.argv[1])
    check_itself()
    groups = [[p for module in LIBRARY for p in (root / "lib" / module).rglob("*.cc")]]
    for folder in TOGETHER:
        groups.append([*(root / folder).rglob("*.cc"), *root.glob(f"{folder}.cc")])
    groups += unit_tests(root / "test" / "unit")
    faults = []
    for paths in groups:
        assert paths
        faults += faults_in({str(p.relative_to(root)): p.read_text(encoding="utf-8")
                             for p in paths})
    print("\n".join(faults))
    print(f"{sum(map(len, groups))} files, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
