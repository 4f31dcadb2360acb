# SPDX-License-Identifier: Apache-2.0
"""Makes flows with known causes, records them, asks `why`, and scores what it says.

usage: ./dev lab why [--flows N] [--causes LIST] [--seed SEED] [--kind relay|unseen] …
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import causes  # noqa: E402 (the path is set above)
import control  # noqa: E402
import score  # noqa: E402
import series  # noqa: E402
from place import Failed, Skip  # noqa: E402


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev lab why", description=__doc__.split("\n")[0])
    parser.add_argument("--causes", default="", help="names, joined by commas; else all, and two")
    parser.add_argument("--flows", type=int, default=30, help="of each cause (30)")
    parser.add_argument("--healthy", type=int, help="in place of --flows, of `none`")
    parser.add_argument("--seed", help="else one is drawn, and printed")
    parser.add_argument("--kind", choices=("relay", "unseen"), default="relay",
                        help="what provokes: the relay, or tc, nftables, iptables and others")
    parser.add_argument("--labels", action="store_true",
                        help="say what the flows are labelled with, record none, ask nobody")
    parser.add_argument("--width", type=int, default=16, help="flows at a time (16)")
    parser.add_argument("--keep", type=Path, help="keep archives and flows in this new folder")
    parser.add_argument("--again", type=Path, help="score what such a folder has; no flows")
    parser.add_argument("--scores", type=Path, help="add the score to this page")
    parser.add_argument("--show", help="print wrong ones of this truth, or all")
    parser.add_argument("--build", type=Path, default=Path("build"))
    return parser.parse_args()


def commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True,
                              check=False).stdout.strip()
    changed = " with changes" if git("status", "--porcelain", "--", "lib", "tools", "test/lab") \
        else ""
    # By its words, too: a commit that is taken over elsewhere gets another name.
    return (git("log", "-1", "--format=%h (%s)") or "unknown") + changed


def todo_of(opts: argparse.Namespace, seed: str) -> list[tuple[str, str]]:
    names = list(causes.KINDS[opts.kind])
    if opts.causes:
        unknown = set(opts.causes.split(",")) - set(names)
        if unknown:
            print(f"no such cause: {', '.join(sorted(unknown))}", file=sys.stderr)
            sys.exit(2)
        names = opts.causes.split(",")
    # In turns, so that what the machine does meanwhile meets all of them.
    most = max(opts.flows, opts.healthy or 0)
    return [(f"{cause}/{number}/{seed}", opts.kind) for number in range(most) for cause in names
            if number < (opts.healthy or opts.flows if cause == "none" else opts.flows)]


def show(scored: score.Score, which: str) -> None:
    for one in scored.wrong:
        if which in ("all", one["truth"]):
            times = {cause: round(s, 2) for cause, s in one["verdict"]["seconds"].items()}
            twin = f"{one['twin']['lasted']:.2f}" if one["twin"] else "-"
            print(f"{one['view']:8} {one['truth']} said {one['said']}: {one['key']} {one['cc']} "
                  f"rtt {one['rtt_ms']:.1f} took {one['outcome']['lasted']:.2f} twin {twin} "
                  f"{' '.join(one['flow']['words'])} {times} "
                  f"cookie {one['outcome'][one['view']]:x}")


def main() -> int:
    opts = arguments()
    # Debian keeps tc and nft where users' shells do not look.
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    programs = {"relay": str(opts.build / "test/lab/relay"),
                "collect": str(opts.build / "tools/tcpinfo-collect"),
                "dump": str(opts.build / "tools/tcpinfo-dump")}
    seed = opts.seed or secrets.token_hex(4)
    with tempfile.TemporaryDirectory(prefix="tcpinfo-lab-") as scratch:
        output = opts.again or opts.keep or Path(scratch) / "series"
        if opts.labels:
            del programs["collect"]
        if opts.again is None:
            if opts.kind == "unseen":
                control.skip_without_tools()
            series.skip_where_not_permitted(programs["relay"])
            print(f"seed {seed}", flush=True)
            with control.loaded(Path(scratch)) if opts.kind == "unseen" \
                    else contextlib.nullcontext():
                flows = series.record(programs, output, todo_of(opts, seed), opts.width,
                                      lambda text: print(text, flush=True))
        else:
            flows = series.load(output)
        print(score.made_of(flows), flush=True)
        failed = [one for one in flows if one["why"].startswith("it failed")]
        for one in failed[:5]:
            print(json.dumps(one), file=sys.stderr)
        if opts.labels:
            return 1 if failed else 0
        seeds = sorted({one["key"].rpartition("/")[2] for one in flows})
        kinds = sorted({one["kind"] for one in flows})
        scored = score.Score(flows, series.verdicts(programs["dump"], output / "archives"))
    facts = [f"commit {commit()}, seed {', '.join(seeds)}, {len(flows)} flows made by "
             f"{' and '.join(kinds)}"]
    # The commit's words are in the facts below.
    name = commit().split(" ")[0]
    text = score.markdown(scored, f"{name}, {' and '.join(kinds)}, seed {', '.join(seeds)}",
                          facts)
    print(text)
    if opts.show:
        show(scored, opts.show)
    if opts.scores:
        with open(opts.scores, "a", encoding="utf-8") as page:
            page.write("\n" + text)
    return 1 if failed else 0


if __name__ == "__main__":
    for one in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(one) != signal.SIG_IGN:  # as nohup has it
            signal.signal(one, series.end)
    try:
        sys.exit(main())
    except Skip as reason:
        print(f"SKIPPED: {reason}")
        sys.exit(77)
    except Failed as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
