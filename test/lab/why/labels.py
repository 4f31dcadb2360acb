# SPDX-License-Identifier: Apache-2.0
"""What a flow truly has, by its twin: never by what any rule says of it."""

from __future__ import annotations

from dataclasses import dataclass

from bloat import is_bloat
from flows import Flow, Outcome
from scenarios import Scenario
from staged import Span, true_spans

# Without its cause a flow must be so much faster, or the cause is none.
FASTER = 1.2
# The lab was at fault where its relay was so late.
LATE_US, LATE_SHARE = 3_000, 0.1
# A healthy flow's twin takes two round trips, and this for the machine and its bytes, in seconds: a
# program waited for a processor where it took longer.
SLACK = 0.005

# What the sender's end can know of causes at the other one, and what the receiver can see at all.
AS_THE_SENDER_SEES = {"receive_autotuning": "peer_window"}
RECEIVER_SEES = {"peer_window", "peer_reads_slowly", "receive_autotuning", "ecn", "host_drops"}
# And what one end alone can say anything true of.
ONE_VIEW = {"bbr_phase": "sender", "host_drops": "receiver"}
# The kernel's own state is a cause from so much of it on.
LEAST_BBR, LEAST_DROPS = 0.15, 5
# A cause of two must have acted so long, in seconds.
LEAST_SPAN = 0.3


@dataclass(frozen=True)
class Label:
    cause: str  # or "" where the flow is set aside
    why: str = ""
    spans: tuple[Span, ...] = ()  # when its causes acted, where that is judged


def is_late(outcome: Outcome, rtt_ms: float) -> bool:
    return outcome.late_us > max(LATE_US, LATE_SHARE * rtt_ms * 1000)


def is_faster(twin: Outcome, flow: Outcome) -> bool:
    return twin.seconds is not None and flow.took() >= FASTER * twin.seconds


def link_bits(flow: Flow) -> float:
    """The rate of its bottleneck; 0: it has none."""
    if flow.ifb_bits:
        return flow.ifb_bits
    return next((float(word.removeprefix("there.rate=").removesuffix("bit"))
                 for word in flow.words if word.startswith("there.rate=")), 0.0)


def is_bloated(scenario: Scenario, outcome: Outcome) -> bool:
    return is_bloat(outcome.queue_us or 0, link_bits(scenario.flow), scenario.rtt_ms)


def by_state(scenario: Scenario, flow: Outcome) -> Label:
    """Of a flow that has no twin: what the kernel said of its own state is the truth."""
    if is_late(flow, scenario.rtt_ms):
        return Label("", "the relay was late")
    spans = tuple(Span(begin, end, scenario.cause) for begin, end in flow.bbr)
    if flow.seconds is None:
        return Label("", "it did not end")
    if sum(one.end - one.begin for one in spans) < LEAST_BBR:
        return Label("", "the kernel was not in that state for long")
    return Label(scenario.cause, "", spans)


def label(scenario: Scenario, flow: Outcome, twin: Outcome, spread: Outcome | None) -> Label:
    """`spread` is the flow with a first window for all of it: what slow start costs."""
    runs = [one for one in (flow, twin, spread) if one is not None]
    if any(is_late(one, scenario.rtt_ms) for one in runs):
        return Label("", "the relay was late")
    if scenario.cause == "two":
        return _of_stages(scenario, flow, twin)
    if scenario.cause == "none":
        if twin.took() > FASTER * 2 * scenario.rtt_ms / 1000 + SLACK:
            return Label("", "a program was late")
        return Label("none") if not is_faster(twin, flow) else Label("", "its fault cost something")
    if scenario.cause == "host_drops" and flow.drops < LEAST_DROPS:
        return Label("", "the receiver dropped nothing")
    if is_faster(twin, flow):
        if scenario.cause in ("shaped_bottleneck", "bufferbloat"):
            bloated = is_bloated(scenario, flow)
            return Label("bufferbloat" if bloated else "shaped_bottleneck")
        return Label(scenario.cause)
    if spread is None or is_faster(spread, flow) or scenario.flow.rcvbuf:
        return Label("", "its cause cost nothing, another did")
    return Label("none")


def _of_stages(scenario: Scenario, flow: Outcome, twin: Outcome) -> Label:
    """Each cause must cost a sixth of the whole time: without it, the flow is 20 % faster."""
    if flow.seconds is None or twin.seconds is None:
        return Label("", "it did not end")
    change = scenario.stages[1].begin
    saved = min(change, flow.seconds - change) - twin.seconds
    if flow.seconds < FASTER * (flow.seconds - saved):
        return Label("", "one of its causes cost too little")
    spans = true_spans(scenario.stages, flow, scenario.rtt_ms)
    if sum(one.end - one.begin >= LEAST_SPAN for one in spans) < len(scenario.stages):
        return Label("", "one of its causes did not act for long")
    return Label("two", "", tuple(spans))


def is_judged(truth: str, view: str) -> bool:
    return ONE_VIEW.get(truth, view) == view


def right_causes(truth: str, view: str) -> set[str]:
    if view == "sender":
        return {AS_THE_SENDER_SEES.get(truth, truth)}
    # What lies elsewhere the receiver cannot name: to name nothing is right.
    return {truth} if truth in RECEIVER_SEES else {"none", "cannot_tell"}
