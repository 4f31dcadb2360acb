# SPDX-License-Identifier: Apache-2.0
"""How often `why` was right."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from datetime import datetime

import labels

# A cause that is the kernel's own state is told where so much of its time is said to be its.
AGREES = 0.5


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The bounds of a share, 95 %."""
    if of == 0:
        return 0.0, 1.0
    share = right / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    low, high = ((middle + side) / (1 + z * z / of) for side in (-half, half))
    return max(0.0, low), min(1.0, high)


def _unix_time(moment: str) -> float:
    """Of "2026-01-31T10:20:30.123456789Z"; older Pythons take no nanoseconds."""
    return datetime.strptime(moment[:26].rstrip("Z") + "+0000", "%Y-%m-%dT%H:%M:%S.%f%z"
                             ).timestamp()


def _shift(flow: dict, verdict: dict) -> float:
    """From the flow's first byte back to the begin that the verdict's times count from."""
    return flow["outcome"]["began"] - _unix_time(verdict["begin"])


def overlap(low: float, high: float, phase: dict) -> float:
    return max(0.0, min(high, phase["end_s"]) - max(low, phase["begin_s"]))


def agreement(spans: list[dict], verdict: dict, shift: float, cause: str, slack: float) -> float:
    """Of the time that is truly the cause's, and of that which is said to be, the share that is
    both; the lesser of them. What is said may be off by `slack` seconds: records and what they
    smooth know no better."""
    said = [one for one in verdict["phases"] if one["cause"] == cause]
    true = sum(one["end"] - one["begin"] for one in spans)
    told = sum(one["end_s"] - one["begin_s"] for one in said)
    wide = [(one["begin"] + shift - slack, one["end"] + shift + slack) for one in spans]
    both = sum(overlap(low, high, one) for low, high in wide for one in said)
    return min(both / true, both / told, 1.0) if true > 0 and told > 0 else 0.0


class Score:
    def __init__(self, flows: list[dict], said: dict[tuple[int, str], dict]) -> None:
        self.aside = Counter(one["why"].split(":")[0] for one in flows if not one["label"])
        self.table: dict[str, Counter] = {"sender": Counter(), "receiver": Counter()}
        self.missing = 0
        self.staged: list[float] = []
        self.wrong: list[dict] = []
        for flow in flows:
            if flow["label"] == "two":
                self._add_staged(flow, said)
                continue
            for view in ("sender", "receiver") if flow["label"] else ():
                if labels.is_judged(flow["label"], view):
                    self._add(flow, view, said)

    def _add(self, flow: dict, view: str, said: dict[tuple[int, str], dict]) -> None:
        verdict = said.get((flow["outcome"][view], view))
        if verdict is None:
            self.missing += 1
            return
        truth, cause = flow["label"], verdict["cause"]
        right = cause in labels.right_causes(truth, view)
        if flow.get("spans"):
            # Half a round trip, with its queue.
            slack = (flow["rtt_ms"] / 1e3 + (flow["outcome"]["queue_us"] or 0) / 1e6) / 2
            right = agreement(flow["spans"], verdict, _shift(flow, verdict), truth,
                              slack) >= AGREES
            cause = truth if right else cause
        self.table[view][truth, cause, right] += 1
        if not right:
            self.wrong.append({"view": view, "truth": truth, "said": cause, **flow,
                               "verdict": verdict})

    def _add_staged(self, flow: dict, said: dict[tuple[int, str], dict]) -> None:
        """The time in which its causes truly acted, and how much of it is in phases with the right
        one."""
        verdict = said.get((flow["outcome"]["sender"], "sender"))
        if verdict is None:
            self.missing += 1
            return
        shift = _shift(flow, verdict)
        right = whole = 0.0
        parts = []
        for span in flow["spans"]:
            low, high = span["begin"] + shift, span["end"] + shift
            whole += high - low
            here = sum(overlap(low, high, phase) for phase in verdict["phases"]
                       if phase["cause"] in labels.right_causes(span["cause"], "sender"))
            right += here
            parts.append(f"{span['cause']} {here / (high - low):.2f}")
        self.staged.append(right / whole)
        if right / whole < 0.9:
            self.wrong.append({"view": "sender", "truth": "two", "said": ", ".join(parts), **flow,
                               "verdict": verdict})

    def truths(self, view: str) -> list[str]:
        return sorted({truth for truth, _, _ in self.table[view]})

    def recall(self, view: str, truth: str) -> tuple[int, int]:
        cells = {key: n for key, n in self.table[view].items() if key[0] == truth}
        return sum(n for key, n in cells.items() if key[2]), sum(cells.values())

    def precision(self, view: str, cause: str) -> tuple[int, int]:
        cells = {key: n for key, n in self.table[view].items() if key[1] == cause}
        return sum(n for key, n in cells.items() if key[2]), sum(cells.values())

    def total(self, view: str) -> tuple[int, int]:
        return (sum(n for key, n in self.table[view].items() if key[2]),
                sum(self.table[view].values()))

    def healthy_called_sick(self, view: str = "sender") -> tuple[int, int]:
        cells = {key: n for key, n in self.table[view].items() if key[0] == "none"}
        return (sum(n for key, n in cells.items() if key[1] not in ("none", "cannot_tell")),
                sum(cells.values()))


def percent(right: int, of: int) -> str:
    if of == 0:
        return "-"
    low, high = wilson(right, of)
    return f"{100 * right / of:.0f} % ({100 * low:.0f}–{100 * high:.0f})"


def made_of(flows: list[dict]) -> str:
    """What was made, which labels it came by, and why what was set aside was: one line of each
    cause. It knows no verdict."""
    lines = []
    for made in sorted({one["key"].split("/")[0] for one in flows}):
        mine = [one for one in flows if one["key"].split("/")[0] == made]
        got = Counter(one["label"] or "aside, " + one["why"].split(":")[0] for one in mine)
        seconds = sum(one.get("took", 0.0) for one in mine) / len(mine)
        lines.append(f"{made}: {len(mine)} of {seconds:.1f} s: "
                     + "; ".join(f"{name} {n}" for name, n in got.most_common()))
    return "\n".join(lines)


def markdown(score: Score, title: str, facts: list[str]) -> str:
    lines = [f"- {fact}" for fact in facts]
    for view in ("sender", "receiver"):
        right, of = score.total(view)
        lines.append(f"- {view}'s view: {right} of {of} right, {percent(right, of)}")
    sick, of = score.healthy_called_sick()
    lines.append(f"- healthy flows called sick: {sick} of {of}, {percent(sick, of)}")
    if score.staged:
        good = sum(share >= 0.9 for share in score.staged)
        lines.append(f"- flows of two causes: {len(score.staged)}, right for "
                     f"{100 * sum(score.staged) / len(score.staged):.0f} % of their time; "
                     f"{good} for 90 % of it and more")
    aside = ", ".join(f"{why}: {n}" for why, n in score.aside.most_common()) or "none"
    lines.append(f"- set aside: {aside}; without a verdict: {score.missing}")
    lines = [f"## {title}", ""] + [
        part for line in lines
        for part in textwrap.wrap(line, 100, subsequent_indent="  ", break_long_words=False)]
    for view in ("sender", "receiver"):
        lines += ["", f"### {view}'s view", "",
                  "| truth | flows | right | when it says so, it is | said instead |",
                  "|---|---|---|---|---|"]
        for truth in score.truths(view):
            right, of = score.recall(view, truth)
            wrong = Counter()
            for (which, cause, good), n in score.table[view].items():
                if which == truth and not good:
                    wrong[cause] += n
            said = ", ".join(f"{cause} {n}" for cause, n in wrong.most_common())
            shown = percent(*score.precision(view, truth))
            lines.append(f"| {truth} | {of} | {percent(right, of)} | {shown} | {said} |")
    return "\n".join(lines) + "\n"
