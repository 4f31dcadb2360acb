#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What bash and zsh offer behind the tools' names: the flags of --help, all of them and no others,
and the words that flags take. The shells do the work: bash's function is called as bash calls it,
zsh completes on a terminal.

usage: completion.py bash|zsh TOOLS-FOLDER COMPLETION-FOLDER
"""
from __future__ import annotations

import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

from help_flags import flags_of_help

SKIP = 77
COMMANDS = (["tcpinfo-collect"], ["tcpinfo-csv"], ["tcpinfo-dump"], ["tcpinfo-dump", "ls"],
            ["tcpinfo-dump", "follow"], ["tcpinfo-dump", "get"], ["tcpinfo-dump", "live"],
            ["tcpinfo-dump", "verify"], ["tcpinfo-dump", "pack"], ["tcpinfo-dump", "unpack"],
            ["tcpinfo-dump", "erase"], ["tcpinfo-dump", "why"], ["tcpinfo-dump", "ask"],
            ["tcpinfo-dump", "top"], ["tcpinfo-dump", "plot"],
             ["tcpinfo-dump", "summary"], ["tcpinfo-dump", "compare"])

# What is typed, and what must be offered.
STATES = ["CLOSE", "CLOSE_WAIT", "CLOSING"]
WORDS: list[tuple[str, list[str]]] = [
    ("tcpinfo-collect --anonymize ", ["none", "netblock"]),
    ("tcpinfo-collect --anonymize=ne", ["netblock"]),
    ("tcpinfo-collect --file-mode=066", ["0660", "0664"]),
    ("tcpinfo-collect --event-buffer 3", ["32MiB"]),
    ("tcpinfo-collect --max-memory=2", ["256MiB", "2GiB"]),
    ("tcpinfo-collect --exclude-file arch", ["archive.jsonl"]),
    ("tcpinfo-collect --uuid-prefix-file=arch", ["archive.jsonl"]),
    ("tcpinfo-collect -o arch", []),
    ("tcpinfo-collect --flush ", []),
    ("tcpinfo-collect ", []),
    ("tcpinfo-csv --format ", ["csv", "tsv", "jsonl", "parquet"]),
    ("tcpinfo-csv --format parquet --partition date,h", ["hour", "host"]),
    ("tcpinfo-csv --format=j", ["jsonl"]),
    ("tcpinfo-csv --time=", ["utc", "as-is", "epoch"]),
    ("tcpinfo-csv --compat ", ["mlab"]),
    ("tcpinfo-csv --sentinels ", ["empty", "keep"]),
    ("tcpinfo-csv --columns uuid,rtt", ["rtt_us", "rttvar_us"]),
    ("tcpinfo-csv --columns=uuid,rtt", ["rtt_us", "rttvar_us"]),
    ("tcpinfo-csv --grid ", []),
    ("tcpinfo-csv --grid=1s --columns uuid,delta_segs", ["delta_segs_out", "delta_segs_in"]),
    ("tcpinfo-csv --state CLOS", STATES),
    ("tcpinfo-csv --state=LISTEN,CLOS", STATES),
    ("tcpinfo-csv --max-window 1", ["128MiB", "1GiB"]),
    ("tcpinfo-csv --jobs ", []),
    ("tcpinfo-dump l", ["ls", "live"]),
    ("tcpinfo-dump --time ", ["utc", "as-is", "epoch"]),
    ("tcpinfo-dump --port 443 --time=a", ["as-is"]),
    ("tcpinfo-dump ls --sort me", ["mean_rate", "median_rtt"]),
    ("tcpinfo-dump ls --sort=me", ["mean_rate", "median_rtt"]),
    ("tcpinfo-dump ls --columns=uuid,me", ["mean_rate", "median_rtt"]),
    ("tcpinfo-dump ls --color=a", ["always", "auto"]),
    ("tcpinfo-dump ls --limit ", []),
    ("tcpinfo-dump --state=synch", ["synchronized"]),
    ("tcpinfo-dump f", ["follow"]),
    ("tcpinfo-dump follow --duration ", []),
    ("tcpinfo-dump g", ["get"]),
    ("tcpinfo-dump get 1 archive", ["archive.jsonl"]),
    ("tcpinfo-dump live --state=LISTEN,CLOS", STATES),
    ("tcpinfo-dump live --reps ", []),
    ("tcpinfo-dump live ", []),
    ("tcpinfo-dump verify --max-window=51", ["512MiB"]),
    ("tcpinfo-dump verify archive", ["archive.jsonl"]),
    ("tcpinfo-dump pack --segment-size=6", ["64MiB"]),
    ("tcpinfo-dump pack archive", ["archive.jsonl"]),
    ("tcpinfo-dump pack -o arch", []),
    ("tcpinfo-dump plot -o arch", ["archive.jsonl"]),
    ("tcpinfo-dump pack --level ", []),
    ("tcpinfo-dump pl", ["plot"]),
    ("tcpinfo-dump un", ["unpack"]),
    ("tcpinfo-dump summary --by=port,c", ["cc", "cgroup", "closed", "cause"]),
    ("tcpinfo-dump summary --asn arch", ["archive.jsonl"]),
    ("tcpinfo-dump compare --seed ", []),
    ("tcpinfo-csv archive", ["archive.jsonl"]),
]


def flags_of(command: list[str], tools: pathlib.Path) -> set[str]:
    return flags_of_help(subprocess.run([tools / command[0], *command[1:], "--help"],
                                        capture_output=True, text=True, check=True).stdout)


class Bash:
    """The function that `complete` names, called with what readline would hand it."""

    short_flags = False  # each has a long one, which says more
    executable = "bash"

    def __init__(self, tools: pathlib.Path, completion: pathlib.Path, folder: pathlib.Path) -> None:
        self.tools, self.completion, self.folder = tools, completion, folder

    def offered(self, typed: str) -> set[str]:
        # readline takes words apart at = too (COMP_WORDBREAKS).
        words = [part for word in typed.split(" ") for part in re.split("(=)", word) if part]
        if typed.endswith((" ", "=")):
            words.append("")
        if typed.endswith("="):
            words.pop()
        tool = words[0]
        script = f"""
            PATH={shlex.quote(str(self.tools))}:$PATH
            . {shlex.quote(str(self.completion / (tool + '.bash')))} || exit 1
            spec=$(complete -p {tool}) || exit 1
            [[ $spec =~ -F\\ ([^ ]+) ]] || exit 1
            COMP_WORDS=({' '.join(map(shlex.quote, words))})
            COMP_CWORD={len(words) - 1}
            COMP_LINE={shlex.quote(typed)}
            COMP_POINT=${{#COMP_LINE}}
            "${{BASH_REMATCH[1]}}" {tool} "${{COMP_WORDS[COMP_CWORD]}}" \
                "${{COMP_WORDS[COMP_CWORD - 1]}}"
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "--norc", "--noprofile", "-c", script], cwd=self.folder,
                              capture_output=True, text=True, check=False, timeout=30)
        if done.returncode != 0 or done.stderr:
            sys.exit(f"FAILED: bash: {typed!r}: {done.returncode} {done.stderr}")
        return set(done.stdout.split())

    def close(self) -> None:
        pass


class Zsh:
    """An interactive zsh. Whatever a completion adds is also written to a file."""

    short_flags = True
    executable = "zsh"

    def __init__(self, tools: pathlib.Path, completion: pathlib.Path, folder: pathlib.Path) -> None:
        self.hits = folder.parent / "hits"
        setup = folder.parent / "setup"
        setup.write_text(f"""
            PS1='' PS2='' RPS1=''
            LISTMAX=100000
            fpath=({shlex.quote(str(completion))} $fpath)
            path=({shlex.quote(str(tools))} $path)
            autoload -Uz compinit && compinit -u -D
            compadd() {{
              # With these it adds nothing, but fills arrays.
              if [[ ${{@[1,(i)(-|--)]}} != *-(O|A|D)\\ * ]]; then
                local -a __hits
                builtin compadd -A __hits "$@"
                (( $#__hits )) && print -rl -- $__hits >> {shlex.quote(str(self.hits))}
              fi
              builtin compadd "$@"
            }}
            _captured() {{ _main_complete; print END >> {shlex.quote(str(self.hits))}; }}
            zle -C captured list-choices _captured
            bindkey -e
            bindkey '^I' captured
            print READY > {shlex.quote(str(self.hits))}
        """)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "vt100"})
        os.write(self.terminal, f" . {setup}\n".encode())
        self.wait_for("READY")

    def wait_for(self, word: str) -> set[str]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            # What it draws is of no interest, but must be taken.
            if select.select([self.terminal], [], [], 0.02)[0]:
                os.read(self.terminal, 65536)
            told = self.hits.read_text().split("\n") if self.hits.exists() else []
            if word in told:
                return {line for line in told if line and line != word}
        sys.exit(f"FAILED: zsh: no {word} within 30 s")

    def offered(self, typed: str) -> set[str]:
        self.hits.write_text("")
        os.write(self.terminal, b"\x15" + typed.encode() + b"\t")
        found = self.wait_for("END")
        os.write(self.terminal, b"\x15")
        return found

    def close(self) -> None:
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def main() -> int:
    kind = {"bash": Bash, "zsh": Zsh}[sys.argv[1]]
    tools, completion = (pathlib.Path(one).resolve() for one in sys.argv[2:])
    if shutil.which(kind.executable) is None:
        print(f"skipped: there is no {kind.executable}")
        return SKIP
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "folder"
        folder.mkdir()
        (folder / "archive.jsonl").touch()
        shell = kind(tools, completion, folder)
        flags = 0
        for command in COMMANDS:
            known = flags_of(command, tools)
            asked = {one for one in known if shell.short_flags or one.startswith("--")}
            given = {one.rstrip("=") for one in shell.offered(" ".join(command) + " -")}
            flags += len(asked)
            for flag in sorted(asked - given):
                failures.append(f"{' '.join(command)}: {flag} of --help is not offered")
            for flag in sorted(given - known):
                failures.append(f"{' '.join(command)}: {flag} is offered, but not in --help")
        for typed, expected in WORDS:
            # Completing a list, bash has what stands before it in each.
            # Where nothing else fits, zsh offers flags.
            given = {re.sub(r".*[,=]", "", one) for one in shell.offered(typed)
                     if not one.startswith("-")}
            if given != set(expected):
                failures.append(f"{typed!r}: {sorted(given)} offered, not {sorted(expected)}")
        shell.close()
    for failure in failures:
        print("FAILED:", failure)
    print(f"{flags} flags, {len(WORDS)} lines, {len(failures)} failed")
    return 1 if failures else 0


sys.exit(main())
