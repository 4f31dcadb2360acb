# SPDX-License-Identifier: Apache-2.0
"""How often `why` was right."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from datetime import datetime

import labels


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The bounds of a share, 95 %."""
    if of == 0:
        return 0.0, 1.0
    share = right / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)


def _unix_time(moment: str) -> float:
    """Of "2026-01-31T10:20:30.123456789Z"; older Pythons take no nanoseconds."""
    return datetime.strptime(moment[:26].rstrip("Z") + "+0000", "%Y-%m-%dT%H:%M:%S.%f%z"
                             ).timestamp()


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
            elif flow["label"]:
                for view in ("sender", "receiver"):
                    self._add(flow, view, said)

    def _add(self, flow: dict, view: str, said: dict[tuple[int, str], dict]) -> None:
        verdict = said.get((flow["outcome"][view], view))
        if verdict is None:
            self.missing += 1
            return
        truth, cause = flow["label"], verdict["cause"]
        right = labels.right_causes(truth, view)
        self.table[view][truth, cause, cause in right] += 1
        if cause not in right:
            self.wrong.append({"view": view, "truth": truth, "said": cause, **flow,
                               "verdict": verdict})

    def _add_staged(self, flow: dict, said: dict[tuple[int, str], dict]) -> None:
        """The time from one round trip behind each change on (what is on its way is of before)
        until the next, and how much of it is in phases with the right cause."""
        verdict = said.get((flow["outcome"]["sender"], "sender"))
        if verdict is None:
            self.missing += 1
            return
        begin = _unix_time(verdict["begin"])
        shift = flow["outcome"]["began"] - begin
        ends = [one["begin"] for one in flow["stages"][1:]] + [flow["outcome"]["seconds"]]
        right = whole = 0.0
        settle = max(0.1, 2 * flow["rtt_ms"] / 1000)
        parts = []
        for stage, end in zip(flow["stages"], ends):
            low, high = stage["begin"] + shift + settle, end + shift
            if high <= low:
                continue
            whole += high - low
            here = 0.0
            for phase in verdict["phases"]:
                if phase["cause"] in labels.right_causes(stage["cause"], "sender"):
                    here += max(0.0, min(high, phase["end_s"]) - max(low, phase["begin_s"]))
            right += here
            parts.append(f"{stage['cause']} {here / (high - low):.2f}")
        if whole <= 0:
            return
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
