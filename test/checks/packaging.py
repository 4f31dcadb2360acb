#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What runs the collector asks of it only what it knows: every flag in the unit, its settings, the
container recipe and the DaemonSet is one of --help. The DaemonSet gives away no privilege.

usage: packaging.py ROOT COLLECTOR
"""
import pathlib
import re
import subprocess
import sys

from help_flags import flags_in, flags_of_help

try:
    import yaml
except ImportError:
    yaml = None

SKIP = 77


def collector_words(name, text):
    """The parts of a file that are given to the collector."""
    if name.endswith(".service.in"):
        return re.findall(r"^ExecStart=(.*)$", text, re.M)
    if name.endswith(".default"):
        return re.findall(r"^#?ARGS=(.*)$", text, re.M)
    if name == "Containerfile":
        return re.findall(r"^(?:CMD|ENTRYPOINT) (.*)$", text, re.M)
    return re.findall(r"^ +- (--.*)$", text, re.M)


def check_daemonset(documents):
    """The values that a pod needs to be what it claims; a misspelt key would be passed over."""
    assert [d["kind"] for d in documents] == ["DaemonSet"], documents
    pod = documents[0]["spec"]["template"]["spec"]
    labels = documents[0]["spec"]["template"]["metadata"]["labels"]
    faults = []

    def expect(right, what):
        if not right:
            faults.append(f"daemonset.yaml: {what}")

    expect(labels == documents[0]["spec"]["selector"]["matchLabels"], "selects other pods")
    expect(pod["hostNetwork"] is True, "not in the network of the host")
    expect(pod["securityContext"]["runAsUser"] == 65534, "not nobody")
    volumes = {v["name"] for v in pod["volumes"]}
    for one in pod["initContainers"] + pod["containers"]:
        rights = one["securityContext"]
        expect(rights["capabilities"]["drop"] == ["ALL"], f"{one['name']}: keeps capabilities")
        expect(rights["readOnlyRootFilesystem"] is True, f"{one['name']}: may write to /")
        expect(rights["allowPrivilegeEscalation"] is False, f"{one['name']}: may gain privileges")
        for mount in one["volumeMounts"]:
            expect(mount["name"] in volumes, f"no volume {mount['name']}")
    (ours,) = pod["containers"]
    expect("add" not in ours["securityContext"]["capabilities"], "adds capabilities")
    expect("runAsUser" not in ours["securityContext"], "runs as another user")
    flags = dict(argument.split("=", 1) for argument in ours["args"])
    host, _, port = flags["--prometheus"].rpartition(":")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        get = ours[probe]["httpGet"]
        expect((get["host"], str(get["port"]), get["path"]) == (host, port, "/metrics"),
               f"{probe} does not ask the metrics")
    # Whatever it reads or writes is mounted, and what it writes not read-only.
    for flag, writes in (("--output", True), ("--eventsocket", True),
                         ("--uuid-prefix-file", False)):
        under = [m for m in ours["volumeMounts"]
                 if flags[flag].startswith(m["mountPath"] + "/")]
        expect(len(under) == 1, f"{flag} is in no volume")
        expect(not writes or not any(m.get("readOnly") for m in under), f"{flag} is read-only")
    return faults


def main():
    root, collector = pathlib.Path(sys.argv[1]) / "packaging", pathlib.Path(sys.argv[2])
    if not collector.is_file():
        print(f"skipped: {collector} is not built")
        sys.exit(SKIP)
    said = subprocess.run([collector, "--help"], capture_output=True, text=True, check=True).stdout
    known = flags_of_help(said)
    faults = []
    used = 0
    for name in ("systemd/tcpinfo-collect.service.in", "systemd/tcpinfo-collect.default",
                 "container/Containerfile", "kubernetes/daemonset.yaml"):
        text = (root / name).read_text(encoding="utf-8")
        flags = {f for words in collector_words(pathlib.Path(name).name, text)
                 for f in flags_in(words)}
        assert flags, f"no flags found in {name}"
        used += len(flags)
        faults += [f"packaging/{name}: there is no {flag}" for flag in sorted(flags - known)]
    if yaml is not None:
        text = (root / "kubernetes/daemonset.yaml").read_text(encoding="utf-8")
        faults += check_daemonset(list(yaml.safe_load_all(text)))
    for fault in faults:
        print(fault)
    print(f"{used} uses of flags, {len(faults)} faults")
    if faults:
        sys.exit(1)
    if yaml is None:
        print("skipped: no yaml module for python3, daemonset.yaml was not parsed")
        sys.exit(SKIP)


main()
