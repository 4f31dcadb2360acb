# SPDX-License-Identifier: Apache-2.0
"""Flows of two causes, one after the other, and when each of them truly acted."""

from __future__ import annotations

from dataclasses import dataclass

from bloat import is_bloat
from flows import Flow, Outcome, Slow, without
from scenarios import Draw, Scenario, Stage, loss_rate, path, rate_word

# What the path does, and what programs do. Two of the path may follow each other, or one of each.
OF_PATH = ("shaped_bottleneck", "bufferbloat", "random_loss", "policer")
OF_PROGRAMS = ("application", "peer_reads_slowly")


# Which event of the relay says that it acts: what is before that the flow does not feel.
ACTS = {"shaped_bottleneck": "queued", "bufferbloat": "queued", "random_loss": "lost",
        "policer": "lost"}


@dataclass(frozen=True)
class Span:
    """A cause held the flow up, in seconds since its first byte."""

    begin: float
    end: float
    cause: str


def true_spans(stages: tuple[Stage, ...], outcome: Outcome, rtt_ms: float) -> list[Span]:
    """When each stage's cause acted, by the relay, the programs and, where a full window stalled
    the sender, its kernel: from two round trips behind its first effect, and behind all of the
    stage before, until the programs or the relay end it. A cause that had no effect has none. What
    a queue is called is by how long it was: not every congestion control fills it."""
    settle = max(0.1, 2 * rtt_ms / 1000)
    found = []
    free = 0.0  # from then on nothing of the stage before is on its way
    for number, stage in enumerate(stages):
        begin, end = _acted(number, stage, outcome)
        begin, end = max(begin, free) + settle, min(end, outcome.written)
        if begin < end:
            found.append(Span(begin, end, _cause_of(number, stage, outcome, rtt_ms)))
        free = max(free, end)
        if number < len(outcome.path):
            free = max(free, outcome.path[number].get("left", 0.0))
    return found


def _cause_of(number: int, stage: Stage, outcome: Outcome, rtt_ms: float) -> str:
    if ACTS.get(stage.cause) != "queued":
        return stage.cause
    waited = outcome.path[number].get("queue", 0.0) * 1e6
    return "bufferbloat" if is_bloat(waited, stage.bits, rtt_ms) else "shaped_bottleneck"


def _acted(number: int, stage: Stage, outcome: Outcome) -> tuple[float, float]:
    never = outcome.written
    if stage.cause in ACTS:
        stages = outcome.path
        if number >= len(stages):
            return never, never
        later = stages[number + 1].get("first", never) if number + 1 < len(stages) else never
        return stages[number].get(ACTS[stage.cause], never), later
    slow = outcome.writer if stage.cause == "application" else outcome.reader
    if not slow:
        return never, never
    begin, end = slow[0]
    if stage.cause == "peer_reads_slowly":
        begin = next((at for at in outcome.blocked if at >= begin), never)
    return begin, end


class _Part:
    """One stage: the words of the relay from its begin on, and what programs do meanwhile."""

    def __init__(self, d: Draw, cause: str, rtt_ms: float, begin: float, end: float) -> None:
        self.words: list[str] = []
        self.writer: list[Slow] = []
        self.reader: list[Slow] = []
        self.bits = bits = d.log(1e6, 6e6)
        if cause in ("shaped_bottleneck", "bufferbloat"):
            queue_ms = d.log(25, 80) if cause == "shaped_bottleneck" else d.log(150, 400)
            self.words = [f"there.rate={rate_word(bits)}",
                          f"there.queue={max(6000, int(bits / 8 * queue_ms / 1000))}"]
        elif cause == "random_loss":
            share = d.log(0.004, 0.04)
            while loss_rate(rtt_ms, share) > 12e6:
                share *= 1.3
            self.words = [f"there.loss={share:.5f}"]
        elif cause == "policer":
            burst = max(15000, int(bits / 8 * d.log(0.02, 0.3)))
            self.words = [f"there.police={rate_word(bits)},{burst}"]
        elif cause == "application":
            self.writer = [Slow(begin, end, d.whole(500, 12000), d.log(0.03, 0.3))]
        else:
            pause = d.log(0.02, 0.2)
            self.reader = [Slow(begin, end, max(500, int(d.log(60e3, 300e3) * pause)), pause)]


def two_draws(d: Draw, rtts: tuple[float, float], others: tuple[str, ...]
              ) -> tuple[float, list[str], float, float]:
    """A round trip in ms, two causes of which one is a program's, and when in seconds the first
    gives way to the second, and that ends."""
    rtt = d.log(*rtts)
    causes = [d.one(*others), d.one(*OF_PROGRAMS)]
    if d.one(0, 0, 1):
        causes = d.random.sample(OF_PROGRAMS, 2)
    d.random.shuffle(causes)
    change = d.even(2, 4)
    return rtt, causes, change, change + d.even(2, 4)


def two_causes(d: Draw) -> Scenario:
    """Each cause has its time, 2 to 4 s; between them what one has left in the queues is the next
    one's. The twin has neither."""
    rtt, causes, change, end = two_draws(d, (8, 120), OF_PATH)
    first = _Part(d, causes[0], rtt, 0, change)
    second = _Part(d, causes[1], rtt, change, end)
    # What comes at random costs BBR nothing.
    cc = d.one("reno", "cubic") if "random_loss" in causes else d.one("reno", "cubic", "bbr")
    words = [*path(rtt), *first.words, f"@{change * 1000:.0f}ms"]
    words += [f"there.{key}" for key in _undone(first.words)] + second.words
    flow = Flow(tuple(words), until=end, cc=cc, deadline=25,
                writer=tuple(first.writer + second.writer),
                reader=tuple(first.reader + second.reader), watched=True)
    twin = without(flow, words=path(rtt), writer=(), reader=(), until=0)
    return Scenario("two", flow, twin, rtt,
                    (Stage(0, causes[0], first.bits), Stage(change, causes[1], second.bits)))


def _undone(words: list[str]) -> list[str]:
    keys = {word.split("=")[0].removeprefix("there.") for word in words}
    undo = {"rate": "rate=0bit", "queue": "queue=64m", "loss": "loss=0", "police": "police=0bit,0"}
    return [undo[key] for key in sorted(keys)]
