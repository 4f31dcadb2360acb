#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the list of what the build consists of, and compares it with what meson has found.

usage: sbom.py BUILD_DIR SPDX_JSON

Every dependency that meson has found is in the list, in its version, unless it is of tests or of
installing alone; and nothing else is. What the programs and the library name as needed (readelf) is
told to be linked.
"""
import json
import re
import sys
from pathlib import Path

from trees import need, run

ROOT = Path(__file__).resolve().parents[2]
# In no product: compilers' own; tests; where files are put.
NO_PART = {"threads", "catch2", "catch2-with-main", "benchmark", "libnl-idiag-3.0", "systemd",
           "bash-completion"}
# Beginning of a shared library's name, and the part that brings it.
SHARED = {"libnl-3": "libnl-3.0", "libnl-route-3": "libnl-route-3.0", "libzstd": "libzstd",
          "libsimdjson": "simdjson", "libfmt": "fmt", "libbpf": "libbpf", "libpcap": "libpcap",
          "libarchive": "libarchive", "libncursesw": "ncursesw", "libtinfo": "ncursesw",
          "libcurl": "libcurl", "libnats": "libnats", "librdkafka": "rdkafka",
          "libz": "zlib", "libsystemd": "libsystemd",
          "libprometheus-cpp-core": "prometheus-cpp-core", "libtcpinfo": "libtcpinfo"}
OF_THE_SYSTEM = {"libc", "libm", "libstdc++", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64",
                 "ld64"}


def check_form(said):
    """What SPDX 2.3 asks of a document, as far as it is used here."""
    assert said["spdxVersion"] == "SPDX-2.3" and said["dataLicense"] == "CC0-1.0"
    assert said["SPDXID"] == "SPDXRef-DOCUMENT" and said["name"]
    assert re.fullmatch(r"https://\S+[^#]", said["documentNamespace"]), said["documentNamespace"]
    created = said["creationInfo"]["created"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created), created
    assert all(re.match(r"(Tool|Organization|Person): ", c)
               for c in said["creationInfo"]["creators"])
    known = ["SPDXRef-DOCUMENT"]
    for package in said["packages"]:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", package["SPDXID"]), package
        known.append(package["SPDXID"])
        for key in ("name", "versionInfo", "downloadLocation", "licenseDeclared"):
            assert package[key], package
    assert len(set(known)) == len(known), known
    for one in said["relationships"]:
        assert one["spdxElementId"] in known and one["relatedSpdxElement"] in known, one
    linked = {r["relatedSpdxElement"] for r in said["relationships"]}
    assert linked | {"SPDXRef-DOCUMENT"} == set(known), "something belongs to nothing"


def needed(program):
    for name in re.findall(r"\(NEEDED\).*\[(.+?)\.so", run("readelf", "-d", "--wide", program)):
        if name not in OF_THE_SYSTEM:
            yield name


def main():
    build, path = Path(sys.argv[1]), Path(sys.argv[2])
    need("meson", "readelf")
    said = json.loads(path.read_text(encoding="utf-8"))
    check_form(said)
    versions = {p["name"]: p["versionInfo"] for p in said["packages"]}
    # What is built in from a folder of the tree.
    rows = re.findall(r"^\| `\w+` \| (\w+)[^|]*\| (\S+) \|",
                      (ROOT / "third_party/README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows
    if "tcpinfo-tools" in versions:
        for name, version in rows:
            assert versions.pop(name) == version, name
    project = json.loads(run("meson", "introspect", "--projectinfo", build))["version"]
    own = {name: versions.pop(name) for name in ("libtcpinfo", "tcpinfo-tools")
           if name in versions}
    assert own["libtcpinfo"] == project, own
    found = {d["name"]: d["version"]
             for d in json.loads(run("meson", "introspect", "--dependencies", build))
             if d["name"] not in NO_PART}
    # Without tools, what only they need may have been looked for all the same.
    assert "tcpinfo-tools" in own or set(versions) <= set(found), versions
    if "tcpinfo-tools" in own:
        assert versions == found, {n: (versions.get(n), found.get(n)) for n in versions | found
                                   if versions.get(n) != found.get(n)}
    links = {(r["spdxElementId"], r["relatedSpdxElement"]) for r in said["relationships"]}
    count = 0
    for program, user in [("lib/libtcpinfo.so.0", "libtcpinfo"),
                          *((f"tools/{t}", "tcpinfo-tools")
                            for t in ("tcpinfo-collect", "tcpinfo-csv", "tcpinfo-dump"))]:
        if not (build / program).exists():
            continue
        for name in needed(build / program):
            count += 1
            part = SHARED.get(re.sub(r"\.\d+(\.\d+)*$", "", name))
            # A tool has what the library has at least.
            assert part and any((f"SPDXRef-{u}", f"SPDXRef-{part}") in links
                                for u in {user, "libtcpinfo"}), f"{program} needs {name}"
    assert count
    print(f"{len(versions)} parts of others, {count} uses of shared libraries")


main()
