#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What runs the collector asks of it only what it knows: every flag in the unit, its settings, the
container recipe and the DaemonSets is one of --help. The plain DaemonSet gives away no privilege,
the others those that they say.

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


# What each may have that the plain one has not.
CAPABILITIES = {
    "daemonset.yaml": [],
    "daemonset-events.yaml": ["BPF", "PERFMON", "SYS_NICE"],
    "daemonset-namespaces.yaml": ["BPF", "PERFMON", "SYS_NICE", "SYS_ADMIN", "SYS_PTRACE"],
}


def check_daemonset(name, documents):
    """The values that a pod needs to be what it claims; a misspelt key would be passed over."""
    assert [d["kind"] for d in documents] == ["DaemonSet"], documents
    pod = documents[0]["spec"]["template"]["spec"]
    labels = documents[0]["spec"]["template"]["metadata"]["labels"]
    faults = []

    def expect(right, what):
        if not right:
            faults.append(f"{name}: {what}")

    expect(labels == documents[0]["spec"]["selector"]["matchLabels"], "selects other pods")
    expect(pod["hostNetwork"] is True, "not in the network of the host")
    expect(pod["securityContext"]["runAsUser"] == 65534, "not nobody")
    volumes = {v["name"] for v in pod["volumes"]}
    capabilities = CAPABILITIES[name]
    for one in pod["initContainers"] + pod["containers"]:
        rights = one["securityContext"]
        expect(rights["capabilities"]["drop"] == ["ALL"], f"{one['name']}: keeps capabilities")
        expect(rights["readOnlyRootFilesystem"] is True, f"{one['name']}: may write to /")
        gains = one in pod["containers"] and bool(capabilities)
        expect(rights["allowPrivilegeEscalation"] is gains, f"{one['name']}: gain of privileges")
        for mount in one["volumeMounts"]:
            expect(mount["name"] in volumes, f"no volume {mount['name']}")
    (ours,) = pod["containers"]
    expect(ours["securityContext"]["capabilities"].get("add", []) == capabilities, "capabilities")
    expect("runAsUser" not in ours["securityContext"], "runs as another user")
    flags = dict(argument.split("=", 1) for argument in ours["args"])
    host, _, port = flags["--prometheus"].rpartition(":")
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"),
                        ("readinessProbe", "/readyz")):
        get = ours[probe]["httpGet"]
        expect((get["host"], str(get["port"]), get["path"]) == (host, port, path),
               f"{probe} does not ask {path}")
    # Whatever it reads or writes is mounted, and what it writes not read-only.
    for flag, writes in (("--output", True), ("--eventsocket", True),
                         ("--uuid-prefix-file", False)):
        if flag not in flags:
            continue
        under = [m for m in ours["volumeMounts"]
                 if flags[flag].startswith(m["mountPath"] + "/")]
        expect(len(under) == 1, f"{flag} is in no volume")
        expect(not writes or not any(m.get("readOnly") for m in under), f"{flag} is read-only")
    if capabilities:
        expect(pod["tolerations"] == [{"operator": "Exists"}], "not on every node")
        expect("--max-age" in flags and "--max-disk" in flags, "keeps archives for ever")
        expect("--exclude-dstip" not in flags, "leaves out somebody's addresses")
    expect(("--netns" in flags) == (pod.get("hostPID") is True) == ("SYS_ADMIN" in capabilities),
           "other network namespaces")
    return faults


def check_image(text, source):
    """Each capability that a DaemonSet adds is one of the image's, permitted and not effective."""
    found = re.search(r"setcap (\S+)=(\S+) ", text)
    assert found, "Containerfile: no setcap"
    faults = [] if found[2] == "p" else [f"Containerfile: capabilities are ={found[2]}"]
    given = {name.removeprefix("cap_").upper() for name in found[1].split(",")}
    for name, added in CAPABILITIES.items():
        faults += [f"{name}: {one} is not the image's" for one in added if one not in given]
    # Without --output it writes to the working folder, where M-Lab's users mount theirs.
    if not re.search(r"^WORKDIR /home$", text.split("FROM ")[-1], re.M):
        faults.append("Containerfile: works elsewhere than in /home")
    if 'std::string output = ".";' not in source:
        faults.append("tcpinfo-collect: --output has another default")
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
                 "container/Containerfile", *(f"kubernetes/{one}" for one in CAPABILITIES)):
        text = (root / name).read_text(encoding="utf-8")
        flags = {f for words in collector_words(pathlib.Path(name).name, text)
                 for f in flags_in(words)}
        assert flags, f"no flags found in {name}"
        used += len(flags)
        faults += [f"packaging/{name}: there is no {flag}" for flag in sorted(flags - known)]
    flags_source = root.parent / "tools/tcpinfo-collect/flags.h"
    faults += check_image((root / "container/Containerfile").read_text(encoding="utf-8"),
                          flags_source.read_text(encoding="utf-8"))
    assert {p.name for p in (root / "kubernetes").iterdir()} == set(CAPABILITIES)
    for name in CAPABILITIES if yaml is not None else ():
        text = (root / "kubernetes" / name).read_text(encoding="utf-8")
        faults += check_daemonset(name, list(yaml.safe_load_all(text)))
    for fault in faults:
        print(fault)
    print(f"{used} uses of flags, {len(faults)} faults")
    if faults:
        sys.exit(1)
    if yaml is None:
        print("skipped: no yaml module for python3, the DaemonSets were not parsed")
        sys.exit(SKIP)


main()
