#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who includes whom against the layers of docs/design.md.

usage: layers.py ROOT

The rules stand in the tables below. Before the tree is looked at, the same code is given small
trees that break each rule, so that a check that has gone blind is noticed.
"""
import pathlib
import re
import sys
import tempfile

# What each module of the library uses directly; what those use may be used as well.
USES = {
    "common": [],
    "inetdiag": ["common"],
    "tcp": ["common"],
    "zstd": ["common"],
    "parse": ["inetdiag", "tcp"],
    "cache": ["parse"],
    "archive": ["parse", "zstd"],
    "segment": ["archive"],
    "eventsocket": ["archive"],
    "c": ["eventsocket", "segment"],
}
APPLICATION = ["text", "parquet", "analysis", "collect", "offline"]
# What the parts of the application share; of "common" headers alone, it exports nothing.
APPLICATION_SHARED = ["text", "common"]
# And what only these use besides: what records come to.
ANALYSIS_USERS = ["analysis", "collect", "offline"]
# Who writes tables as Parquet.
PARQUET_USERS = ["parquet", "offline"]
# Parts of the application in each tool: the readers do not link the collector.
TOOL_USES = {
    "tcpinfo-collect": ["collect", "offline"],
    "tcpinfo-csv": ["offline"],
    "tcpinfo-dump": ["offline"],
}
# The folders of lib/collect, lowest first: a file includes what is in its own folder and in those
# before it. What lies in none (config.h and other plain values) everybody may use; the collector as
# a whole, which sets everything up, may use all.
COLLECT_ORDER = ["os", "telemetry", "owners", "writing", "publishing", "sampling", "serving",
                 "control"]
COLLECT_WHOLE = ["collector.h", "collector.cc", "startup.h", "startup.cc"]
# Of a folder within a folder: who else may include its files. Which source a sampler has is decided
# in one place.
COLLECT_INNER = {"sampling/events": ["sampling/make_source.cc"]}
# The same of lib/offline. What the inputs are is known by all of them.
OFFLINE_ORDER = ["inputs", "text", "networks", "filters", "flows", "summaries", "tables",
                 "plotting", "packing", "erasing", "live", "commands"]
# Public headers and the module each belongs to. tcpinfo.h is the umbrella over all.
PUBLIC = {
    "export.h": "common",
    "error.h": "common",
    "version.h": "common",
    "version_macros.h": "common",
    "bytes.h": "common",
    "callback.h": "common",
    "tcp_state.h": "common",
    "config.h": "common",
    "items.h": "common",
    "address.h": "inetdiag",
    "message.h": "inetdiag",
    "filter.h": "inetdiag",
    "inetdiag.h": "inetdiag",
    "tcp.h": "tcp",
    "tcp_info_fields.def": "tcp",
    "parse.h": "parse",
    "groups.def": "parse",
    "cache.h": "cache",
    "archive.h": "archive",
    "zstd.h": "zstd",
    "segment.h": "segment",
    "eventsocket.h": "eventsocket",
    "c.h": "c",
}
UMBRELLA = "tcpinfo.h"
# Headers of lib/include-internal/tcpinfo/internal, which are not installed, and the module each
# belongs to: the library's for its own collector, which links the static library. Other tools link
# the shared one, and installed headers are all they see.
INTERNAL = {
    "answer_area.h": "inetdiag",
    "content_hash.h": "cache",
    "expected_flow.h": "cache",
}
INTERNAL_USERS = ["collect"]
OUTER = APPLICATION + ["tools"]
# First part of an <...> include, and where it may stand. The first pattern that matches decides.
THIRD_PARTIES = [
    (r"netlink/route/", OUTER),
    (r"netlink/", ["inetdiag", "collect"]),
    (r"systemd/", OUTER),
    (r"simdjson\.h$", ["archive", "eventsocket"]),
    (r"zstd(_errors)?\.h$", ["zstd"]),
    (r"prometheus/", OUTER),
    (r"CLI/", OUTER),
    (r"bpf/", OUTER),
    (r"linux/", ["inetdiag", "tcp"]),
    (r"pcap(/|\.h$)", ["offline/inputs"]),
    (r"archive(_entry)?\.h$", ["offline/inputs"]),
    (r"zlib\.h$", ["offline/inputs"]),
    (r"n?curses\.h$", ["tools"]),
    (r"(curl|nats|librdkafka)/", ["collect/publishing"]),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def closure(module):
    found = {module}
    for used in USES[module]:
        found |= closure(used)
    return found


def owner(path):
    """The module, application part, tool or public header a file belongs to, as (kind, name)."""
    parts = path.parts
    if parts[:3] == ("lib", "include", "tcpinfo"):
        return "public", parts[3]
    if parts[:4] == ("lib", "include-internal", "tcpinfo", "internal"):
        return "internal", parts[4]
    if parts[0] == "lib" and len(parts) > 2:
        return ("application" if parts[1] in APPLICATION else "library"), parts[1]
    if parts[0] == "tools":
        # Its main, or a file of the folder of its name.
        return "tool", path.stem if len(parts) == 2 else parts[1]
    return None, None


def check_collect(path, target):
    """What is wrong with a file of lib/collect including another, or None."""
    here, there = "/".join(path.parts[2:]), target.removeprefix("collect/")
    if here in COLLECT_WHOLE:
        return None
    if there in COLLECT_WHOLE:
        return "the whole is no part's to include"
    for inner, users in COLLECT_INNER.items():
        if there.startswith(inner + "/") and not here.startswith(inner + "/") and here not in users:
            return f"{inner} is for {', '.join(users)}"
    folder, _, rest = there.partition("/")
    if not rest:
        return None
    own, _, rest = here.partition("/")
    if not rest:
        return f"plain values do not stand on {folder}"
    for part in (own, folder):
        if part not in COLLECT_ORDER:
            return f"folder {part} is not in the layers (add it to layers.py)"
    if COLLECT_ORDER.index(folder) > COLLECT_ORDER.index(own):
        return f"{own} does not stand on {folder}"
    return None


def check_offline(path, target):
    """What is wrong with a file of lib/offline including another, or None."""
    parts = path.parts[2], target.split("/")[1]
    for part in parts:
        if part not in OFFLINE_ORDER:
            return f"folder {part} is not in the layers (add it to layers.py)"
    own, folder = parts
    if OFFLINE_ORDER.index(folder) > OFFLINE_ORDER.index(own):
        return f"{own} does not stand on {folder}"
    return None


def check_include(path, kind, name, form, target):
    """What is wrong with one #include, or None."""
    module = {"public": PUBLIC, "internal": INTERNAL}[kind].get(name) if kind in (
        "public", "internal") else name
    place = "tools" if kind == "tool" else module
    if form == '"':
        if kind in ("public", "internal"):
            return "headers of the library include with <...> only"
        first, _, rest = target.partition("/")
        if not rest:
            return "private headers are included as \"module/header.h\""
        if kind == "library":
            return None if first in closure(module) else f"{module} does not stand on {first}"
        if name == "collect" and first == "collect":
            return check_collect(path, target)
        if name == "offline" and first == "offline":
            return check_offline(path, target)
        if first == "analysis":
            return None if name in ANALYSIS_USERS else f"header of {first}"
        if first == "parquet":
            return None if name in PARQUET_USERS else f"header of {first}"
        if kind == "application":
            return None if first in [name, *APPLICATION_SHARED] else f"header of {first}"
        allowed = TOOL_USES.get(name, []) + [*APPLICATION_SHARED, name]
        return None if first in allowed else f"header of {first}"
    if target.startswith("tcpinfo/"):
        header = target.removeprefix("tcpinfo/")
        if header.startswith("internal/"):
            used = INTERNAL.get(header.removeprefix("internal/"))
            if used is None:
                return "no internal header that the layers know (add it to layers.py)"
            if kind == "public":
                return "public headers do not show internal ones"
            if kind in ("application", "tool"):
                return None if name in INTERNAL_USERS else "internal: not for " + name
            return None if used in closure(module) else f"{module} does not stand on {used}"
        if header == UMBRELLA:
            return "the umbrella is for users, not for the library" if kind in (
                "public", "internal", "library") else None
        if header not in PUBLIC:
            return "no public header that the layers know (add it to layers.py)"
        if kind in ("application", "tool"):
            return None
        used = PUBLIC[header]
        return None if used in closure(module) else f"{module} does not stand on {used}"
    if target.startswith("fmt/"):
        return "no third party in public headers" if kind == "public" else None
    for pattern, places in THIRD_PARTIES:
        if re.match(pattern, target):
            if kind in ("public", "internal"):
                return "no third party and no kernel header in headers of the library"
            # A folder of a part of the application may be named by itself.
            good = place in places or "/".join(path.parts[1:3]) in places
            return None if good else f"only in {', '.join(places)}"
    return None


def circles(root, files):
    """Files that include one another in a circle, each circle once."""
    own = {}
    for full in files:
        path = full.relative_to(root)
        found = []
        for form, target in INCLUDE.findall(full.read_text(encoding="utf-8")):
            for top in ("lib",) if form == '"' else ("lib/include", "lib/include-internal"):
                if (root / top / target).is_file():
                    found.append(pathlib.Path(top) / target)
        own[path] = found
    faults, done = [], set()

    def visit(path, way):
        if path in way:
            found = way[way.index(path):] + [path]
            faults.append("circle: " + " -> ".join(str(p) for p in found))
            return
        if path in done:
            return
        for other in own.get(path, []):
            visit(other, way + [path])
        done.add(path)

    for path in sorted(own):
        visit(path, [])
    return faults


def check_tree(root):
    faults = []
    kernel_tcp = []
    files = sorted(p for top in ("lib", "tools") for p in (root / top).rglob("*")
                   if p.suffix in (".h", ".cc", ".def"))
    for full in files:
        path = full.relative_to(root)
        kind, name = owner(path)
        if kind is None:
            faults.append(f"{path}: belongs to no module")
            continue
        if kind == "library" and name not in USES:
            faults.append(f"{path}: module {name} is not in the layers (add it to layers.py)")
            continue
        if kind == "internal" and name not in INTERNAL:
            faults.append(f"{path}: internal header is not in the layers (add it to layers.py)")
            continue
        if kind == "public" and name not in PUBLIC and name != UMBRELLA:
            faults.append(f"{path}: public header is not in the layers (add it to layers.py)")
            continue
        text = full.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            form, target = match.groups()
            if name == UMBRELLA and kind == "public":
                fault = None if target.startswith("tcpinfo/") else "the umbrella adds nothing"
            else:
                fault = check_include(path, kind, name, form, target)
            if fault:
                line = text.count("\n", 0, match.start(1)) + 1
                faults.append(f"{path}:{line}: {target}: {fault}")
            if target == "linux/tcp.h":
                kernel_tcp.append(str(path))
    # It clashes with <netinet/tcp.h>, which libnl and libc headers pull in.
    if len(kernel_tcp) > 1:
        faults.append(f"<linux/tcp.h> belongs to one file, not to {', '.join(kernel_tcp)}")
    return faults + circles(root, files), len(files)


# File, content, and whether the layers allow it.
EXAMPLES = [
    ("lib/tcp/a.cc", "#include <tcpinfo/tcp.h>\n", True),
    ("lib/tcp/a.cc", "#include <tcpinfo/inetdiag.h>\n", False),
    ("lib/inetdiag/a.cc", "#include <tcpinfo/parse.h>\n", False),
    ("lib/cache/a.cc", "#include <tcpinfo/inetdiag.h>\n", True),
    ("lib/cache/a.cc", "#include <tcpinfo/archive.h>\n", False),
    ("lib/cache/a.cc", '#include "cache/own.h"\n', True),
    ("lib/cache/a.cc", '#include "tcp/other.h"\n', True),
    ("lib/cache/a.cc", '#include "archive/other.h"\n', False),
    ("lib/cache/a.cc", '#include "own.h"\n', False),
    ("lib/cache/a.cc", "  #  include <tcpinfo/tcpinfo.h>\n", False),
    ("lib/archive/a.cc", "#include <simdjson.h>\n", True),
    ("lib/parse/a.cc", "#include <simdjson.h>\n", False),
    ("lib/archive/a.cc", "#include <zstd.h>\n", False),
    ("lib/zstd/a.cc", "#include <zstd.h>\n", True),
    ("lib/inetdiag/a.cc", "#include <netlink/netlink.h>\n", True),
    ("lib/offline/a.cc", "#include <netlink/netlink.h>\n", False),
    ("lib/inetdiag/a.cc", "#include <netlink/route/link.h>\n", False),
    ("tools/tcpinfo-dump.cc", "#include <netlink/route/link.h>\n", True),
    ("lib/parse/a.cc", "#include <linux/inet_diag.h>\n", False),
    ("lib/collect/a.cc", "#include <linux/inet_diag.h>\n", False),
    ("lib/parse/a.cc", "#include <fmt/format.h>\n", True),
    ("lib/include/tcpinfo/parse.h", "#include <fmt/format.h>\n", False),
    ("lib/include/tcpinfo/parse.h", "#include <linux/tcp.h>\n", False),
    ("lib/include/tcpinfo/parse.h", '#include "parse/own.h"\n', False),
    ("lib/include/tcpinfo/parse.h", "#include <tcpinfo/cache.h>\n", False),
    ("lib/include/tcpinfo/tcpinfo.h", "#include <tcpinfo/cache.h>\n", True),
    ("lib/include/tcpinfo/unknown.h", "", False),
    ("lib/unknown/a.cc", "", False),
    ("lib/include-internal/tcpinfo/internal/content_hash.h", "#include <tcpinfo/parse.h>\n", True),
    ("lib/include-internal/tcpinfo/internal/content_hash.h", "#include <tcpinfo/zstd.h>\n", False),
    ("lib/include-internal/tcpinfo/internal/content_hash.h", "#include <linux/tcp.h>\n", False),
    ("lib/include-internal/tcpinfo/internal/content_hash.h", '#include "cache/own.h"\n', False),
    ("lib/include-internal/tcpinfo/internal/unknown.h", "", False),
    ("lib/cache/a.cc", "#include <tcpinfo/internal/content_hash.h>\n", True),
    ("lib/parse/a.cc", "#include <tcpinfo/internal/content_hash.h>\n", False),
    ("lib/collect/a.cc", "#include <tcpinfo/internal/content_hash.h>\n", True),
    ("lib/collect/a.cc", "#include <tcpinfo/internal/unknown.h>\n", False),
    ("lib/offline/a.cc", "#include <tcpinfo/internal/content_hash.h>\n", False),
    ("lib/text/a.cc", "#include <tcpinfo/internal/content_hash.h>\n", False),
    ("tools/tcpinfo-csv.cc", "#include <tcpinfo/internal/content_hash.h>\n", False),
    ("lib/include/tcpinfo/cache.h", "#include <tcpinfo/internal/content_hash.h>\n", False),
    ("lib/c/a.cc", "#include <tcpinfo/archive.h>\n", True),
    ("lib/eventsocket/a.cc", "#include <tcpinfo/c.h>\n", False),
    ("lib/collect/a.cc", '#include "cache/own.h"\n', False),
    ("lib/collect/a.cc", '#include "offline/own.h"\n', False),
    ("lib/collect/os/a.cc", '#include "collect/config.h"\n', True),
    ("lib/collect/os/a.cc", '#include "collect/os/own.h"\n', True),
    ("lib/collect/os/a.cc", '#include "collect/telemetry/log.h"\n', False),
    ("lib/collect/writing/a.cc", '#include "collect/os/own.h"\n', True),
    ("lib/collect/writing/a.cc", '#include "collect/sampling/own.h"\n', False),
    ("lib/collect/serving/a.cc", '#include "collect/control/own.h"\n', False),
    ("lib/collect/sampling/a.cc", '#include "collect/sampling/events/own.h"\n', False),
    ("lib/collect/sampling/make_source.cc", '#include "collect/sampling/events/own.h"\n', True),
    ("lib/collect/sampling/events/a.cc", '#include "collect/sampling/source.h"\n', True),
    ("lib/collect/control/a.cc", '#include "collect/collector.h"\n', False),
    ("lib/collect/collector.cc", '#include "collect/control/own.h"\n', True),
    ("lib/collect/config.h", '#include "collect/os/own.h"\n', False),
    ("lib/collect/odd/a.cc", '#include "collect/os/own.h"\n', False),
    ("lib/offline/a.cc", '#include "collect/own.h"\n', False),
    ("lib/offline/a.cc", '#include "text/own.h"\n', True),
    ("lib/offline/flows/a.cc", '#include "offline/inputs/own.h"\n', True),
    ("lib/offline/flows/a.cc", '#include "offline/commands/own.h"\n', False),
    ("lib/offline/flows/a.cc", '#include "offline/own.h"\n', False),
    ("lib/offline/plotting/a.cc", '#include "offline/flows/own.h"\n', True),
    ("lib/offline/flows/a.cc", '#include "offline/plotting/own.h"\n', False),
    ("lib/offline/a.cc", '#include "analysis/own.h"\n', True),
    ("lib/collect/writing/a.cc", '#include "analysis/own.h"\n', True),
    ("lib/analysis/a.cc", '#include "analysis/own.h"\n', True),
    ("lib/analysis/a.cc", '#include "common/own.h"\n', True),
    ("lib/analysis/a.cc", '#include "offline/flows/own.h"\n', False),
    ("lib/text/a.cc", '#include "analysis/own.h"\n', False),
    ("lib/segment/a.cc", '#include "analysis/own.h"\n', False),
    ("tools/tcpinfo-csv.cc", '#include "analysis/own.h"\n', False),
    ("lib/parquet/a.cc", '#include "parquet/own.h"\n', True),
    ("lib/parquet/a.cc", '#include "common/own.h"\n', True),
    ("lib/parquet/a.cc", "#include <tcpinfo/zstd.h>\n", True),
    ("lib/parquet/a.cc", "#include <zstd.h>\n", False),
    ("lib/parquet/a.cc", '#include "offline/flows/own.h"\n', False),
    ("lib/offline/tables/a.cc", '#include "parquet/own.h"\n', True),
    ("lib/collect/a.cc", '#include "parquet/own.h"\n', False),
    ("lib/text/a.cc", '#include "collect/own.h"\n', False),
    ("lib/text/a.cc", '#include "common/own.h"\n', True),
    ("lib/collect/a.cc", "#include <prometheus/counter.h>\n", True),
    ("lib/archive/a.cc", "#include <prometheus/counter.h>\n", False),
    ("lib/offline/a.cc", "#include <CLI/CLI.hpp>\n", True),
    ("lib/cache/a.cc", "#include <bpf/libbpf.h>\n", False),
    ("lib/offline/inputs/a.cc", "#include <pcap/pcap.h>\n", True),
    ("lib/offline/inputs/a.cc", "#include <archive_entry.h>\n", True),
    ("lib/offline/a.cc", "#include <archive.h>\n", False),
    ("lib/offline/a.cc", "#include <zlib.h>\n", False),
    ("lib/zstd/a.cc", "#include <zlib.h>\n", False),
    ("tools/tcpinfo-dump.cc", "#include <pcap/pcap.h>\n", False),
    ("tools/tcpinfo-collect.cc", '#include "collect/collector.h"\n', True),
    ("tools/tcpinfo-csv.cc", '#include "collect/collector.h"\n', False),
    ("tools/tcpinfo-csv.cc", '#include "archive/own.h"\n', False),
    ("tools/tcpinfo-dump/a.cc", '#include "offline/inputs/own.h"\n', True),
    ("tools/tcpinfo-dump/a.cc", '#include "tcpinfo-dump/own.h"\n', True),
    ("tools/tcpinfo-dump/a.cc", '#include "collect/collector.h"\n', False),
    ("tools/tcpinfo-dump/a.cc", '#include "tcpinfo-collect/flags.h"\n', False),
]


def self_test():
    for path, content, good in EXAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            full = root / path
            full.parent.mkdir(parents=True)
            full.write_text(content, encoding="utf-8")
            faults, count = check_tree(root)
            assert count == 1
            assert good == (not faults), (path, content, faults)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "lib/tcp").mkdir(parents=True)
        for name in ("a.cc", "b.cc"):
            (root / "lib/tcp" / name).write_text("#include <linux/tcp.h>\n", encoding="utf-8")
        assert len(check_tree(root)[0]) == 1
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "lib/tcp").mkdir(parents=True)
        for name, other in (("a.h", "b.h"), ("b.h", "c.h"), ("c.h", "a.h")):
            (root / "lib/tcp" / name).write_text(f'#include "tcp/{other}"\n', encoding="utf-8")
        assert check_tree(root)[0] == [
            "circle: lib/tcp/a.h -> lib/tcp/b.h -> lib/tcp/c.h -> lib/tcp/a.h"]


def main():
    self_test()
    faults, count = check_tree(pathlib.Path(sys.argv[1]))
    for fault in faults:
        print(fault)
    print(f"{count} files, {len(faults)} faults")
    sys.exit(1 if faults or not count else 0)


main()
