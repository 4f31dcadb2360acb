# SPDX-License-Identifier: Apache-2.0
"""Flows that no change of one thing makes 20 % faster.

A flow that is busy for long is always limited by something that has a name: the rate of a link, a
window, a program; also by the 64 KB that a SYN can announce, where it is larger. So what is long
here is the life: open and idle when all is done.
"""

from __future__ import annotations

from flows import Flow, without
from scenarios import Draw, Scenario, cc_of, path, rate_word


def healthy(d: Draw) -> Scenario:
    """Some have faults that cost nothing; where one did cost, the flow is set aside."""
    rtt = d.log(1, 300)
    clean = path(rtt)
    large = d.one(False, True)
    size = int(d.log(300, 62000 if large else 14000))
    fault = d.one((), (), (f"jitter={rtt * d.even(0.02, 0.15):.3f}ms",), ("there.loss=0.001",),
                  ("there.duplicate=0.05",), (_fast_link(d, rtt, size),),
                  (f"there.reorder=0.05,{max(0.2, rtt * 0.02):.2f}ms",))
    flow = Flow((*clean, *fault), size=size, cc=cc_of(d),
                initcwnd=60 if large else 0, linger=d.one(0, 0, d.even(0.2, 2), d.even(2, 6)))
    twin = without(flow, words=clean, initcwnd=1000, linger=0)
    return Scenario("none", flow, twin, rtt)


def _fast_link(d: Draw, rtt_ms: float, size: int) -> str:
    """A link that takes a twentieth of the three round trips for all of it."""
    least = size * 8 / (0.05 * 3 * (rtt_ms + 0.5) / 1000)
    return f"there.rate={rate_word(max(least, d.log(20e6, 60e6)))}"
