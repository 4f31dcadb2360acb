#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Configures the library alone, without tools and tests, where no libnl-route is to be had.

usage: library_alone.py SOURCE_ROOT

It must need nothing that only the tools need, and compile nothing of theirs: no source of the
application layer, and each one of the library's modules.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from trees import need, run

APPLICATION = ["lib/text", "lib/parquet/", "lib/analysis", "lib/collect", "lib/offline", "tools",
               "test"]
HIDDEN = "libnl-route-3.0.pc"


def without_libnl_route(folder):
    """An environment in which pkg-config knows what it knows here, but not libnl-route."""
    inherited = run("pkg-config", "--variable", "pc_path", "pkg-config").strip()
    extra = [os.environ.get(name, "") for name in ("PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR")]
    hidden = 0
    # The first folder that has a module decides, as it does for pkg-config.
    for path in ":".join(filter(None, [*extra, inherited])).split(":"):
        for module in sorted(Path(path).glob("*.pc")):
            if module.name == HIDDEN:
                hidden += 1
            elif not (folder / module.name).exists():
                (folder / module.name).symlink_to(module.resolve())
    env = dict(os.environ, PKG_CONFIG_LIBDIR=str(folder))
    env.pop("PKG_CONFIG_PATH", None)
    return env, hidden


def compiled(build, source):
    """Sources by their place in the tree, from what meson says of its targets."""
    found = set()
    for target in json.loads(run("meson", "introspect", build, "--targets")):
        for group in target["target_sources"]:
            if group.get("language") == "cpp":
                found |= {str(Path(name).relative_to(source)) for name in group["sources"]}
    return found


def main():
    source = Path(sys.argv[1]).resolve()
    need("g++", "meson", "ninja", "pkg-config")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "pc").mkdir()
        env, hidden = without_libnl_route(scratch / "pc")
        run("meson", "setup", scratch / "alone", source, "-Dtools=disabled", "-Dtests=disabled",
            env=env)
        sources = compiled(scratch / "alone", source)
        applications = sorted(s for s in sources if s.startswith(tuple(APPLICATION)))
        # A module's source that no list names would be missing from the library.
        modules = {str(p.relative_to(source)) for p in (source / "lib").rglob("*.cc")}
        modules = {s for s in modules if not s.startswith(tuple(APPLICATION))}
        modules.discard("lib/common/uneven.cc")  # only where sources are compiled together
        assert not applications, applications
        assert sources == modules, sources ^ modules
        print(f"the library alone: {len(sources)} sources, {len(applications)} of applications")

        # What was hidden is hidden: the tools miss it, and say which.
        done = subprocess.run(
            ["meson", "setup", str(scratch / "tools"), str(source), "-Dtools=enabled",
             "-Dtests=disabled"], env=env, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode and '"libnl-route-3.0" not found' in said, said[-3000:]
        print(f"without libnl-route ({hidden} hidden) the tools are refused")


main()
