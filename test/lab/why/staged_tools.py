# SPDX-License-Identifier: Apache-2.0
"""Flows of two causes by other tools than the relay: tbf whose rate changes, a program that drops,
programs whose pieces and pauses vary."""

from __future__ import annotations

from changes import Change
from flows import Flow, Slow, without
from held import Hold
from scenarios import Draw, Scenario, Stage, loss_rate, path, rate_word
from staged import OF_PROGRAMS, two_draws
from tools import DATA, cc_of, cc_that_minds_losses, ifb, to_program

OF_TOOLS = ("shaped_bottleneck", "bufferbloat", "random_loss")
TBF = ("qdisc", "add", "dev", "ifb0", "root", "tbf")
FREE = ("rate", "1gbit", "burst", "100000", "limit", "10000000")


def _program(d: Draw, cause: str, begin: float, end: float) -> dict:
    if cause == "application":
        return {"writer": (Slow(begin, end, d.whole(500, 12000), d.log(0.03, 0.3), vary=True),)}
    pause = d.log(0.02, 0.2)
    piece = max(500, int(d.log(60e3, 300e3) * pause))
    return {"reader": (Slow(begin, end, piece, pause, vary=True),)}


def _tool(d: Draw, cause: str, rtt_ms: float, begin: float, end: float) -> dict:
    if cause == "random_loss":
        share = d.log(0.006, 0.06)
        while loss_rate(rtt_ms, share) > 10e6:
            share *= 1.3
        return {"tools": to_program(*DATA), "holds": (Hold(begin, end, drop=share),)}
    bits = d.one(d.log(700e3, 1e6), d.log(6e6, 10e6))
    queue_ms = d.log(25, 60) if cause == "shaped_bottleneck" else d.log(150, 450)
    limit = max(4600, int(bits / 8 * queue_ms / 1000))
    shaped = ("rate", rate_word(bits), "burst", "3000", "limit", str(limit))
    at, before, after = (end, shaped, FREE) if begin == 0 else (begin, FREE, shaped)
    change = ("tc", "qdisc", "change", *TBF[2:], *after)
    return {"tools": ifb((*TBF, *before)), "ifb_bits": bits, "changes": (Change(at, (change,)),)}


def two_causes(d: Draw) -> Scenario:
    rtt, causes, change, end = two_draws(d, (5, 150), OF_TOOLS)
    parts: dict = {}
    for cause, (low, high) in zip(causes, ((0, change), (change, end))):
        parts |= _program(d, cause, low, high) if cause in OF_PROGRAMS else \
            _tool(d, cause, rtt, low, high)
    # What comes at random costs BBR nothing.
    cc = cc_that_minds_losses(d) if "random_loss" in causes else cc_of(d)
    flow = Flow(path(rtt), until=end, staged_at=change, cc=cc, deadline=25, watched=True, **parts)
    twin = without(flow, tools=(), holds=(), changes=(), ifb_bits=0, writer=(), reader=(), until=0,
                   staged_at=0)
    return Scenario("two", flow, twin, rtt, (Stage(0, causes[0], flow.ifb_bits),
                                             Stage(change, causes[1], flow.ifb_bits)))
