# SPDX-License-Identifier: Apache-2.0
"""A strict reader of OpenMetrics text 1.0.0, by its specification alone."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from archives import check

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = r'\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,(?=[a-zA-Z_]))?)*)\}'
NUMBER = r"(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)"
HEAD = re.compile(rf"# (TYPE|UNIT|HELP) ({NAME})(?: (.*))?")
SAMPLE = re.compile(rf"({NAME})(?:{LABELS})? ({NUMBER})(?: # {LABELS} ({NUMBER})(?: ({NUMBER}))?)?")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "unknown": ("",),
            "histogram": ("_bucket", "_count", "_sum")}


@dataclass
class Exemplar:
    labels: dict[str, str]
    value: float
    time: float | None


@dataclass
class Sample:
    suffix: str
    labels: dict[str, str]
    value: float
    exemplar: Exemplar | None


@dataclass
class Family:
    type: str = ""
    unit: str = ""
    help: str | None = None
    samples: list[Sample] = field(default_factory=list)


def labels_of(text: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in LABEL.findall(text or ""):
        check(name not in found, f"label {name} twice: {text}")
        found[name] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)
    return found


def check_histogram(name: str, samples: list[Sample]) -> None:
    """Its samples of one set of labels, in their order."""
    buckets = [one for one in samples if one.suffix == "_bucket"]
    check([one.suffix for one in samples] == ["_bucket"] * len(buckets) + ["_count", "_sum"],
          f"{name}: {[one.suffix for one in samples]}")
    bounds = []
    for one in buckets:
        bound = one.labels["le"]
        check(bound in ("+Inf", "-Inf") or "." in bound or "e" in bound, f"{name}: le={bound}")
        bounds.append(float(bound))
        check(one.value == int(one.value), f"{name}: {one.value} in a bucket")
        if one.exemplar:
            below = bounds[-2] if len(bounds) > 1 else -math.inf
            check(below < one.exemplar.value <= bounds[-1],
                  f"{name}: exemplar {one.exemplar} in bucket {bound}")
    check(bounds == sorted(set(bounds)) and bounds[-1] == math.inf, f"{name}: bounds {bounds}")
    values = [one.value for one in buckets]
    check(values == sorted(values) and values[-1] == samples[-2].value, f"{name}: {values}")


def check_family(name: str, one: Family) -> None:
    check(one.type in SUFFIXES, f"{name}: type {one.type!r}")
    check(not one.unit or name.endswith("_" + one.unit), f"{name}: unit {one.unit}")
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    last = None
    for sample in one.samples:
        check(sample.suffix in SUFFIXES[one.type], f"{name}: sample {sample.suffix!r}")
        check(not sample.exemplar or sample.suffix == "_bucket", f"{name}: exemplar elsewhere")
        check(("le" in sample.labels) == (sample.suffix == "_bucket"), f"{name}: le")
        key = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        check(key == last or key not in series, f"{name}: {key} not in one piece")
        series.setdefault(key, []).append(sample)
        last = key
    for key, samples in series.items():
        if one.type == "histogram":
            check_histogram(f"{name}{dict(key)}", samples)
        else:
            check(len(samples) == 1, f"{name}: {key} twice")
            check(one.type != "counter" or samples[0].value >= 0, f"{name}: below 0")


def parse_openmetrics(text: str) -> dict[str, Family]:
    """All families by name, without _total; anything against the specification fails."""
    check(text.endswith("\n# EOF\n"), "no EOF at the end")
    families: dict[str, Family] = {}
    name = ""
    for line in text.split("\n")[:-2]:
        if line.startswith("#"):
            head = HEAD.fullmatch(line)
            check(head, f"no line of a family: {line!r}")
            assert head
            if head[2] != name or families[name].samples:
                name = head[2]
                check(name not in families, f"{name}: not in one piece")
                families[name] = Family()
            one = families[name]
            said = {"TYPE": one.type, "UNIT": one.unit, "HELP": one.help}[head[1]]
            check(not said, f"{name}: {head[1]} twice")
            setattr(one, head[1].lower(), head[3] or "")
            continue
        match = SAMPLE.fullmatch(line)
        check(match, f"no sample: {line!r}")
        assert match
        check(match[1].startswith(name) and name, f"{line!r} behind {name}")
        exemplar = None
        if match[5] is not None:
            labels = labels_of(match[4])
            check(sum(len(k) + len(v) for k, v in labels.items()) <= 128, f"long: {line}")
            exemplar = Exemplar(labels, float(match[5]), float(match[6]) if match[6] else None)
        families[name].samples.append(
            Sample(match[1][len(name):], labels_of(match[2]), float(match[3]), exemplar))
    for name, one in families.items():
        check_family(name, one)
    samples = [name + suffix for name, one in families.items() for suffix in SUFFIXES[one.type]]
    check(len(samples) == len(set(samples)), "families whose samples have one name")
    return families
