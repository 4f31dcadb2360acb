# SPDX-License-Identifier: Apache-2.0
"""The Debian sources of this machine, for another suite, and what apt needs to reach them."""
import re
import subprocess
from pathlib import Path

# What a root for tests takes of a suite; not backports or a third party's suites of like names.
PARTS = ("", "-updates", "-security")
# Other settings are about this machine and not about reaching its mirrors.
OPTION = re.compile(r'^Acquire::(Check-Date|Check-Valid-Until|Retries|https?::[\w:-]*\w) "[^"]+";$')


def codename():
    """Of this machine, or "" where it is no Debian."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    values = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    debian = values.get("ID", "").strip('"') == "debian"
    return values.get("VERSION_CODENAME", "").strip('"') if debian else ""


def renamed(suites, here, suite):
    """Those of the words that are parts of this machine's suite, as parts of the other."""
    wanted = {here + part: suite + part for part in PARTS}
    return [wanted[s] for s in suites if s in wanted]


def of_stanza(stanza, here, suite):
    """A paragraph of the deb822 form, or ""."""
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    fields = {k.lower(): v.split() for k, _, v in (line.partition(":") for line in lines)}
    suites = renamed(fields.get("suites", []), here, suite)
    enabled = fields.get("enabled", ["yes"]) != ["no"]
    if not (enabled and "deb" in fields.get("types", []) and suites
            and "main" in fields.get("components", [])):
        return ""
    new = {"types": "Types: deb", "suites": "Suites: " + " ".join(suites),
           "components": "Components: main"}
    return "\n".join(new.get(line.partition(":")[0].lower(), line) for line in lines)


def of_line(line, here, suite):
    """A line of the older form, or ""."""
    match = re.match(r"deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
    if not match or "main" not in match[4].split():
        return ""
    suites = renamed([match[3]], here, suite)
    return f"deb {match[1] or ''}{match[2]} {suites[0]} main" if suites else ""


def sources(suite, etc=Path("/etc/apt")):
    """What stands in the sources of this machine about its own suite, said of another: texts in the
    deb822 form and in that of lines. Both are empty where the machine is no Debian."""
    here = codename()
    if not here:
        return "", ""
    stanzas = [of_stanza(stanza, here, suite)
               for path in sorted(etc.glob("sources.list.d/*.sources"))
               for stanza in re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))]
    lines = [of_line(line, here, suite)
             for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]
             if path.exists() for line in path.read_text(encoding="utf-8").splitlines()]
    return "".join(f"{s}\n\n" for s in stanzas if s), "".join(f"{s}\n" for s in lines if s)


def keyrings(text):
    """Files of keys that these sources name."""
    return sorted(set(re.findall(r"signed-by\s*[:=]\s*(/[^\s,\]]+)", text, re.IGNORECASE)))


def options():
    """Of this machine's configuration of apt, the lines without which its mirrors may be out of
    reach."""
    said = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if OPTION.match(line)]
