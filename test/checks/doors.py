#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what ./dev installs against what is asked for, and that dev is a door and no house.

usage: doors.py ROOT

Every dependency() and find_program() of the meson files has a probe in scripts/packages.sh that
asks for the very same thing, in the lists of each door that builds it: among what must be there if
the build stops without it, otherwise there or among what is optional or is taken when there. The
programs that tests run are installed by ./dev test or by their part of ./dev check. Other lists of
packages (of the Debian packages, of the container) are not shorter. dev has fewer than 200 lines,
and no script holds Python.
"""
import ast
import json
import pathlib
import re
import subprocess
import sys

MAX_LINES = 200
# Of the compiler.
NO_PACKAGE = {"threads"}
# The main of Catch2, which is a mere library in its version 2, comes with it.
OF_ANOTHER = {"Catch2WithMain": "pc:catch2", "catch2-with-main": "pc:catch2"}
# Of Debian's essential packages: no system is without them.
ESSENTIAL = {"bash", "sh", "cat", "ls", "true", "timeout", "ldd", "tar", "dpkg-deb"}
ASKS = re.compile(r"\b(dependency|find_program|find_library)\(\s*((?:'[^']*',?\s*)+)([^()]*"
                  r"(?:\([^()]*\)[^()]*)*)\)")
CALLS = {"run", "Popen", "check_output", "check_call", "which", "execvp", "execvpe"}
PROGRAM = re.compile(r"[a-z][a-z0-9+.-]*")


def lists_of(root, sources, *names):
    """The arrays of these names, after the scripts have been read."""
    script = "set -eu\nsource scripts/packages.sh\n"
    script += "".join(f"source {s}\n" for s in sources)
    script += "".join(f'printf "%s\\n" "${{{n}[@]}}" "--"\n' for n in names)
    said = subprocess.run(["bash", "-c", script], cwd=root, capture_output=True, text=True,
                          check=True).stdout
    return [part.splitlines() for part in said.split("--\n")[:len(names)]]


def probe(entry):
    return entry.split("|")[0].partition("=")[2] if not entry.startswith("pc:") else entry


def program_of(asked):
    """What a probe looks for as a program, or nothing."""
    if asked.startswith("run:"):
        return asked[4:].split()[0]
    return asked if ":" not in asked and asked != "-" else None


class Door:
    """What one verb installs, and how it sets up its build."""

    def __init__(self, name, needed, optional, if_there, options, without):
        self.name, self.options, self.without = name, options, without
        self.needed = {probe(e) for e in needed}
        self.known = self.needed | {probe(e) for e in optional} | {probe(e) for e in if_there}

    def asks(self, path, rest):
        feature = re.search(r"required: get_option\('(\w+)'\)", rest)
        off = feature and f"-D{feature[1]}=disabled" in self.options
        return not path.startswith(self.without) and not off

    def must_have(self, rest):
        """Whether the build of this door stops when what is asked for is not found."""
        if "required: false" in rest:
            return False
        feature = re.search(r"required: get_option\('(\w+)'\)", rest)
        return not feature or f"-D{feature[1]}=enabled" in self.options


def asked_by_meson(root, files):
    """(file, kind, names, rest of the call) of whatever a build looks for."""
    for path in files:
        for kind, names, rest in ASKS.findall((root / path).read_text(encoding="utf-8")):
            yield path, kind, re.findall(r"'([^']*)'", names), rest


def check_meson(asked, versions, doors):
    faults = []
    seen = set()
    for path, kind, names, rest in asked:
        if kind == "dependency":
            seen.add(names[0])
            if names[0] in NO_PACKAGE:
                continue
            # '>=1.0' as pkg-config words it.
            wanted = " ".join([f"pc:{names[0]}", *(re.sub("^([<>=]+) *", r"\1 ", v)
                                                   for v in versions.get(names[0], []))])
        elif kind == "find_library":
            wanted = f"library {names[0]}"
        else:
            wanted = names[-1].rpartition("/")[2]
        wanted = OF_ANOTHER.get(names[0], wanted)
        for door in doors:
            if not door.asks(path, rest):
                continue
            have = door.needed if door.must_have(rest) else door.known
            if kind == "find_program":
                have = {program_of(p) for p in have}
            if wanted not in have:
                faults.append(f"{path}: ./dev {door.name} has no probe '{wanted}'" +
                              (" among what must be there" if door.must_have(rest) else ""))
    faults += [f"dependency {name} is asked for in no file" for name in set(versions) - seen]
    return faults


def programs_run(text):
    """Names of programs that a test of Python starts or looks for."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        first = node.args[0]
        if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
            first = first.elts[0]
        if name in CALLS and isinstance(first, ast.Constant) and isinstance(first.value, str) \
                and PROGRAM.fullmatch(first.value):
            yield first.value


def exists(program):
    return any((pathlib.Path(d) / program).exists()
               for d in ("/usr/bin", "/usr/sbin", "/bin", "/sbin"))


def script_faults(name, text):
    faults = []
    if name == "dev" and text.count("\n") >= MAX_LINES:
        faults.append(f"dev: {text.count(chr(10))} lines, {MAX_LINES} or more")
    for number, line in enumerate(text.split("\n"), 1):
        if re.search(r"\bpython3?\b[^#]*(?<!<)<<[^<]", line):
            faults.append(f"{name}:{number}: Python in a script; it belongs into a file")
    return faults


def self_test():
    versions = {"a": [">=1"], "b": []}
    door = Door("x", ["a-dev=pc:a >= 1", "t=tool"], ["b-dev=pc:b|it"], [],
                "-Da=enabled -Dc=disabled", "test/")

    def clean(text, where="meson.build", of=versions):
        asked = [(where, k, re.findall(r"'([^']*)'", n), r) for k, n, r in ASKS.findall(text)]
        return not check_meson(asked, of, [door])
    both = "dependency('a', version: '>=1') dependency('b', required: get_option('b')) "
    assert clean(both + "find_program('tool', required: get_option('a'))")
    assert clean(both + "dependency('c')", "test/meson.build")
    assert not clean(both.replace("get_option('b')", "get_option('a')"))
    assert clean(both + "dependency('c', required: get_option('c'))")
    assert not clean(both + "dependency('c')")
    assert not clean(both + "find_program('other')")
    assert not clean(both, of={"a": [">=2"], "b": []})
    assert not clean(both, of=versions | {"z": []})
    # A file that another package brings as well.
    assert program_of("file:x.h") is None and program_of("run:tool version") == "tool"
    assert set(programs_run("run(['zz', 'a'])\nrun('yy')\nwhich('xx')\nother('a')")) == \
        {"zz", "yy", "xx"}
    assert modules_of("import a, b.c as d\nfrom e import f\nfrom .g import h\n"
                      "def i():\n    from j.k import (l, m)\n") == {"a", "b", "e", "g", "j"}
    assert script_faults("dev", "\n" * 200) and not script_faults("dev", "\n" * 199)
    assert script_faults("x.sh", "  python3 - <<'E'\n")
    assert not script_faults("x.sh", "python3 -B a.py <<<x\n")


def modules_of(text: str) -> set[str]:
    """Modules that a file of Python imports, in whatever form and wherever."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def with_imports(root: pathlib.Path, names: list[str]) -> list[str]:
    """These files and the tests' own modules that they import, which run what is run by them."""
    known = {path.stem: str(path.relative_to(root)) for path in (root / "test").rglob("*.py")}
    todo, seen = list(names), []
    while todo:
        name = todo.pop()
        if name in seen or not (root / name).is_file():
            continue
        seen.append(name)
        text = (root / name).read_text(encoding="utf-8")
        todo += [known[module] for module in sorted(modules_of(text)) if module in known]
    return seen


def main():
    self_test()
    root = pathlib.Path(sys.argv[1])
    build = (root / "scripts/build.sh").read_text(encoding="utf-8")
    run_needed, run_optional, run_there, test_needed, test_optional, test_there, bench = lists_of(
        root, ["scripts/verbs/bench.sh"], "run_packages", "run_optional", "run_if_there",
        "test_packages", "test_optional", "test_if_there", "bench_packages")
    run_options = re.search(r"^configure_run\(\) \{.*?^\}", build, re.M | re.S)[0]
    assert "-Dtests=disabled" in run_options and "-Ddocs=disabled" in run_options
    test_options = re.search(r"^main_options=\(.*?\)", build, re.M | re.S)[0]
    doors = [
        Door("run", run_needed, run_optional, run_there, run_options, ("test/", "docs/")),
        Door("test", test_needed, test_optional, test_there, test_options, "test/bench/"),
        Door("bench", bench, test_optional, test_there, "-Dtests=enabled", "docs/"),
    ]
    told = subprocess.run(["meson", "introspect", "--scan-dependencies", str(root / "meson.build")],
                          capture_output=True, text=True, check=True).stdout
    versions = {d["name"]: d["version"] for d in json.loads(told)}
    files = sorted(str(p.relative_to(root)) for top in ("docs", "lib", "packaging", "pkgconfig",
                                                        "python", "test", "tools")
                   for p in (root / top).rglob("meson.build")) + ["meson.build"]
    asked = list(asked_by_meson(root, files))
    faults = check_meson(asked, versions, doors)

    # Which test of Python belongs to which part of check; what belongs to none, ./dev test runs.
    parts = {}
    contributing = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for script in sorted((root / "scripts/check").glob("*.sh")):
        text = script.read_text(encoding="utf-8")
        if len(re.findall(r"^# help: \S", text, re.M)) != 1:
            faults.append(f"scripts/check/{script.name}: no line '# help: …', or several")
        if f"`{script.stem}`" not in contributing:
            faults.append(f"CONTRIBUTING.md: does not name the part {script.stem} of check")
        entries = lists_of(root, [f"scripts/check/{script.name}"], "part_packages", "part_optional")
        for name in with_imports(root, re.findall(r"[\w/]+\.py", text)):
            parts.setdefault(name, set()).update(program_of(probe(e)) for e in sum(entries, []))
    tested = {program_of(p) for p in doors[1].known} | ESSENTIAL
    of_parts = set().union(*parts.values()) | {program_of(p) for p in doors[2].known}
    count = 0
    for path in sorted((root / "test").rglob("*.py")):
        name = str(path.relative_to(root))
        own = tested | parts.get(name, set())
        if name.startswith("test/bench/") or name == "test/checks/trees.py":
            own |= of_parts | {"gnuplot"}
        for program in set(programs_run(path.read_text(encoding="utf-8"))):
            count += 1
            if program not in own and exists(program):
                faults.append(f"{name}: runs {program}, which is in no list of its door")

    control = (root / "packaging/debian/control").read_text(encoding="utf-8")
    container = (root / "packaging/container/Containerfile").read_text(encoding="utf-8")
    for entry in run_needed:
        package = entry.partition("=")[0]
        # Of build-essential; what meson depends on; and what makes the traffic for ./dev run.
        if package not in ("g++", "ninja-build", "python3") and f"\n {package}" not in control:
            faults.append(f"packaging/debian/control: does not name {package}")
        if package != "python3" and not re.search(rf"\s{re.escape(package)}\s", container):
            faults.append(f"packaging/container/Containerfile: does not name {package}")

    scripts = [root / "dev", *(root / "scripts").rglob("*.sh"), root / ".ci/run"]
    for script in scripts:
        faults += script_faults(str(script.relative_to(root)), script.read_text(encoding="utf-8"))
    for fault in faults:
        print(fault)
    print(f"{len(asked)} things that meson asks for, {count} uses of programs, {len(scripts)} "
          f"scripts, {len(faults)} faults")
    sys.exit(1 if faults or not asked or not count else 0)


main()
