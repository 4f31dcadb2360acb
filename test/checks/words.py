#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the words that docs/glossary.md replaced out of names.

usage: words.py ROOT

A name is an identifier (of C++, C, Python, meson or shell), a file or folder name, or the name of a
test, in lib, tools, test and scripts. A name's words are what stands between underscores, or begins
with a capital letter. Comments, messages and pages are not names: no machine can tell there whether
a word is the old one. Before the tree is looked at, the same code is given texts with and without
old words, so that a check that has gone blind is noticed.
"""
import fnmatch
import io
import pathlib
import re
import sys
import tokenize

from sources import source_files

TOPS = ("lib", "tools", "test", "scripts")
# An old word, where it is one, and the word to use. Where a word is old in one place only, it is
# everyday English elsewhere.
EVERYWHERE = ("",)
COLLECT = ("lib/collect/", "test/unit/collect/")
# The activity feed is the sampler's alone.
NO_FEED = tuple(f"{top}/collect/{folder}/" for top in ("lib", "test/unit")
                for folder in ("control", "serving", "writing", "telemetry", "os"))
OLD = [
    (r"mark(s|ed|ing|er|ers)?", EVERYWHERE, "activity, active"),
    (r"unmarked", EVERYWHERE, "not active"),
    (r"moved", EVERYWHERE, "changed; reused; active"),
    (r"dirty", EVERYWHERE, "active"),
    (r"news", EVERYWHERE, "changed"),
    (r"unannounced", EVERYWHERE, "missed change"),
    (r"beside", EVERYWHERE, "reconciler"),
    (r"clocks", EVERYWHERE, "stall times"),
    (r"rings?", EVERYWHERE, "queue"),
    (r"ring[123]", EVERYWHERE, "library, application, tool"),
    (r"completers?", EVERYWHERE, "finalizer"),
    (r"finishers?", EVERYWHERE, "finalizer"),
    (r"peers?", EVERYWHERE, "M-Lab's collector: mlab"),
    (r"walk(s|ed|er|ers|ing)?", COLLECT, "dump"),
    (r"feeds?", NO_FEED, "activity feed, in sampling only"),
]
# Names that may hold an old word: pattern of the name, patterns of paths, and why. One that no name
# needs any more is a fault, too.
EXCEPTIONS = [
    # The kernel's words.
    (r"mark|marks_|marked|mark_size|INET_DIAG_(BC_)?MARK(_COND)?|socket_mark",
     "lib/parse/* lib/inetdiag/* lib/include/* lib/offline/tables/* lib/offline/text/* "
     "test/unit/parse/* test/unit/inetdiag/* test/machines/*", "a socket's mark, SO_MARK"),
    (r"MARK|marks", "test/live/live_unprivileged.py", "the same"),
    (r"mark|marked|SO_MARK", "test/live/requests_live.cc", "the same"),
    (r"mark", "test/unit/common/layout_test.cc test/bench/hot_path.h", "INET_DIAG_MARK"),
    (r"(TCPINFO_ATTRIBUTE_)?(mark|MARK)", "lib/include/tcpinfo/c.h test/unit/c/*", "the same"),
    (r"peers|TCPINFO_ATTRIBUTE_PEERS", "lib/include/tcpinfo/* test/unit/parse/* test/unit/c/*",
     "INET_DIAG_PEERS"),
    (r"\w*rings?_?|\w*ring_bytes|ring_buffer(__\w+)?", "lib/collect/sampling/events/bpf*",
     "BPF's ring buffers, and libbpf's names"),
    (r"ring_|ring_buffer(__\w+)?|RINGBUF|ringbuf|bpf_ringbuf_output", "lib/collect/owners/*bpf*",
     "the same"),
    (r"is_closed_by_peer", "test/live/ends.py", "the other end of a connection"),
    (r"peer_window|peer_reads_slowly", "lib/analysis/why/* test/unit/analysis/why/*",
     "causes, by their names in JSON: of the other end of a connection"),
    # Of texts.
    (r"(pass_)?byte_order_mark|pass_mark|utf16_unmarked|mark",
     "lib/archive/* lib/eventsocket/* lib/segment/* lib/zstd/* lib/common/* lib/offline/inputs/* "
     "test/unit/archive/* test/unit/offline/* test/cli/cli_inputs.py test/fuzz/corpus/*",
     "Unicode's byte-order mark"),
    # C++'s.
    (r"IN_MOVED_(FROM|TO)", "lib/offline/inputs/following/*", "the kernel's, of a file's name"),
    (r"moved", "test/unit/eventsocket/* test/unit/inetdiag/* test/unit/zstd/*", "std::move"),
]
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
CPP = re.compile(
    r'R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'  # raw string
    r"|//(?:\\\n|[^\n])*|/\*.*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|\.?[0-9](?:'?[\w.])*"  # number: its quotes are no characters' ones
    r"|'(?:\\.|[^'\\\n])+'"
    r"|(?P<name>[A-Za-z_]\w*)", re.DOTALL)
SHELL = re.compile(
    r"(?P<skip>'[^']*'|(?:^|(?<=\s))\#[^\n]*)"
    r"|\$\{?[#!]?(?P<used>[A-Za-z_]\w*)"
    r"|(?:^|(?<=[\s;(]))(?P<set>[A-Za-z_]\w*)(?=\+?=|\(\))", re.MULTILINE)
MESON = re.compile(r"#[^\n]*|'(?P<string>(?:\\.|[^'\\\n])*)'|(?P<name>[A-Za-z_]\w*)")
WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*")


def words(name):
    return [w.lower() for w in WORD.findall(name)]


def cpp_names(text):
    for match in CPP.finditer(text):
        if match.group("name"):
            yield match.start(), match.group("name")


def python_names(text):
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield starts[token.start[0] - 1] + token.start[1], token.string


def shell_names(text):
    for match in SHELL.finditer(text):
        name = match.group("used") or match.group("set")
        if name:
            yield match.start(), name


def meson_names(text):
    for match in MESON.finditer(text):
        if match.group("name"):
            yield match.start(), match.group("name")
        # The name of a test; files have their own turn, and sentences are messages.
        elif re.fullmatch(r"[\w -]{1,40}", match.group("string") or ""):
            yield match.start(), match.group("string")


def names_of(path, text):
    if path.suffix in (".h", ".cc", ".c", ".def"):
        return cpp_names(text)
    if path.suffix == ".py" or text.startswith("#!/usr/bin/env python3"):
        return python_names(text)
    if path.suffix == ".sh" or re.match(r"#!.*\b(ba|da)?sh\b", text):
        return shell_names(text)
    if path.name == "meson.build":
        return meson_names(text)
    return ()


def old_words(path, name):
    """The old words of a name, each with what to use instead, where the path makes them old."""
    for word in words(name):
        for pattern, places, instead in OLD:
            if re.fullmatch(pattern, word) and str(path).startswith(places):
                yield word, instead


class checker:
    def __init__(self, exceptions):
        self.exceptions = exceptions
        self.needed = set()
        self.faults = []
        self.names = 0

    def is_excepted(self, path, name):
        found = False
        for number, (names, paths, _) in enumerate(self.exceptions):
            if re.fullmatch(names, name) and any(
                    fnmatch.fnmatch(str(path), one) for one in paths.split()):
                self.needed.add(number)
                found = True
        return found

    def check_name(self, path, place, name):
        self.names += 1
        for word, instead in old_words(path, name):
            if not self.is_excepted(path, name):
                self.faults.append(f"{place}: {name}: \"{word}\" is an old word ({instead})")
            return

    def check_path(self, path):
        for number, part in enumerate(path.parts):
            # A folder is told of once a file all the same, so that each is found.
            self.check_name(path, path, part.split(".")[0] if number else part)

    def check_text(self, path, text):
        seen = set()
        for at, name in names_of(path, text):
            if name not in seen:
                seen.add(name)
                self.check_name(path, f"{path}:{text.count(chr(10), 0, at) + 1}", name)

    def check_exceptions(self):
        for number, (names, paths, _) in enumerate(self.exceptions):
            if number not in self.needed:
                self.faults.append(f"test/checks/words.py: no name needs {names} in {paths}")


def self_test():
    def faults(path, text, exceptions=()):
        one = checker(list(exceptions))
        one.check_path(pathlib.Path(path))
        one.check_text(pathlib.Path(path), text)
        one.check_exceptions()
        return len(one.faults)
    assert faults("lib/a/b.cc", "int active_sockets = 1'000'000;\n") == 0
    assert faults("lib/a/b.cc", "int marked_sockets;\n") == 1
    assert faults("lib/a/b.cc", "enum class flow_change { moved };\n") == 1
    assert faults("lib/a/b.cc", "int benchmark, string, spring, feeds, walk, removed;\n") == 0
    assert faults("lib/a/b.cc", "// moved\n/* ring\n */ f('x', R\"(dirty \" news)\");\n") == 0
    assert faults("lib/a/b.cc", "f(\"peer \\\" ring\");\n") == 0
    assert faults("lib/a/b.cc", "f(1'000, x, 'y'); int ring_;\n") == 1
    assert faults("lib/a/b.cc", "class SnapshotRing;\nconstexpr int RING_SIZE = 1;\n") == 2
    assert faults("lib/a/marks.h", "") == 1
    assert faults("lib/a/peer/b.h", "") == 1
    assert faults("lib/collect/a.cc", "int walk, feed_;\n") == 1
    assert faults("lib/collect/os/a.cc", "int walk, feed_;\n") == 2
    assert faults("test/a.py", "def marks(rings):\n    return 'peer'  # news\n") == 2
    assert faults("test/a.sh", "ring=1 # news=1\necho \"${peers[@]}\" 'x $moved'\n") == 2
    assert faults("test/a.sh", "dirty() { :; }\n") == 1
    assert faults("test/meson.build", "ring = 1 # moved\ntest('unit marks', a)\n") == 2
    assert faults("lib/a/b.cc", "ring_buffer a;\n", [("ring_buffer", "lib/a/*", "BPF's")]) == 0
    assert faults("lib/b/b.cc", "ring_buffer a;\n", [("ring_buffer", "lib/a/*", "BPF's")]) == 2
    assert faults("lib/a/b.cc", "int a;\n", [("ring_buffer", "lib/a/*", "BPF's")]) == 1


def main():
    self_test()
    root = pathlib.Path(sys.argv[1])
    check = checker(EXCEPTIONS)
    count = 0
    for full in source_files(root):
        path = full.relative_to(root)
        if path.parts[0] not in TOPS:
            continue
        count += 1
        check.check_path(path)
        try:
            check.check_text(path, full.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # data of a test: no names
    check.check_exceptions()
    for fault in check.faults:
        print(fault)
    print(f"{count} files, {check.names} names, {len(check.faults)} faults")
    sys.exit(1 if check.faults or not count else 0)


main()
