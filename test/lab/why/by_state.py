# SPDX-License-Identifier: Apache-2.0
"""Flows whose truth is what the kernel itself says of its state: no twin has it otherwise."""

from __future__ import annotations

import math

from flows import ALWAYS, Flow, Slow, without
from scenarios import MSS, Draw, Scenario, cc_of, path, rate_word


def bbr_phase(d: Draw) -> Scenario:
    """BBR behind its startup, which fills a queue that it must drain; a fourth of them lasts until
    BBR looks for the lowest round-trip time (10 s)."""
    rtt, segments = d.log(60, 300), d.log(15, 60)
    bits = segments * MSS * 8 / (rtt / 1000)
    queue = int(segments * MSS * d.even(3, 6))
    rounds = math.log2(segments / 10) + d.even(13, 18)
    seconds = d.even(11, 13) if d.one(0, 0, 0, 1) else rounds * rtt / 1000
    flow = Flow((*path(rtt), f"there.rate={rate_word(bits)}", f"there.queue={queue}"), cc="bbr",
                size=int(bits / 8 * seconds), watched=True, deadline=20)
    return Scenario("bbr_phase", flow, None, rtt)


def host_drops(d: Draw) -> Scenario:
    """A program that makes its receive buffer small for a moment now and then, in which it does not
    read: the window that was announced stands, and what comes in it finds no room. Its twin rests
    as long, from a buffer that never shrinks."""
    rtt, pause = d.log(1, 60), d.log(0.02, 0.08)
    piece, times = d.whole(60000, 250000), d.whole(6, 12)
    flow = Flow(path(rtt), size=piece * times, cc=cc_of(d), shrunk=int(d.log(2304, 9000)),
                reader=(Slow(0, ALWAYS, piece, pause + rtt / 1000, whole=True),))
    return Scenario("host_drops", flow, without(flow, shrunk=0), rtt)
