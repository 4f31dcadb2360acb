# SPDX-License-Identifier: Apache-2.0
"""Flows that have a cause, each with its twin, which has not: parameters come from a seed."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from flows import ALWAYS, Flow, Slow, without

MSS = 1448


@dataclass(frozen=True)
class Stage:
    """In a flow of two causes: what holds from then to the next stage, in seconds since its first
    byte."""

    begin: float
    cause: str
    bits: float = 0  # the rate of its link


@dataclass(frozen=True)
class Scenario:
    cause: str  # what it is made to have; "none"
    flow: Flow
    twin: Flow | None  # None: the kernel's own state is its truth
    rtt_ms: float
    stages: tuple[Stage, ...] = ()


class Draw:
    """Parameters of one scenario."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def log(self, low: float, high: float) -> float:
        return math.exp(self.random.uniform(math.log(low), math.log(high)))

    def even(self, low: float, high: float) -> float:
        return self.random.uniform(low, high)

    def whole(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def one(self, *of: object):  # noqa: ANN201 (one of them)
        return self.random.choice(of)


def path(rtt_ms: float) -> tuple[str, ...]:
    return (f"delay={rtt_ms / 2:.3f}ms",)


def rate_word(bits: float) -> str:
    return f"{int(bits)}bit"


def loss_rate(rtt_ms: float, share: float) -> float:
    """Bits a second that a flow of Reno reaches at most (Mathis et al.)."""
    return 1.22 * MSS * 8 / (rtt_ms / 1000 * math.sqrt(share))


def loss_path(d: Draw, low: float, high: float) -> tuple[float, float, int]:
    """Round trip, share and bytes for some 4 s at a rate that this machine passes easily, in which
    several packets are lost."""
    while True:
        rtt, share = d.log(2, 300), d.log(low, high)
        bits = loss_rate(rtt, share)
        least = 8 / share * MSS
        if 250e3 < bits < 12e6 and least * 8 / bits < 8:
            return rtt, share, int(max(bits / 8 * d.even(3, 6), least))


def application(d: Draw) -> Scenario:
    rtt = d.log(1, 300)
    if d.one(0, 0, 1):
        size = d.whole(200, 12000)
        rounds = max(10, int(3000 / (rtt + 1)))
        flow = Flow(path(rtt), size=size * min(rounds, 400), messages=(size,), cc=cc_of(d))
        return Scenario("application", flow, without(flow, messages=()), rtt)
    piece, pause = d.whole(500, 12000), d.log(0.03, 0.4)
    flow = Flow(path(rtt), size=int(piece * max(12, d.even(3, 5) / pause)), cc=cc_of(d),
                writer=(Slow(0, ALWAYS, piece, pause),))
    return Scenario("application", flow, without(flow, writer=()), rtt)


def cc_of(d: Draw) -> str:
    return d.one("reno", "cubic", "bbr")


def limiting_buffer(d: Draw, rtts: tuple[float, float], sizes: tuple[float, float],
                    rates: tuple[float, float], used: float = 1) -> tuple[float, int, float]:
    """A round trip in ms, a buffer in bytes of which that share is a window, and the rate in bit/s
    that comes of both, which is within `rates`."""
    while True:
        rtt, size = d.log(*rtts), int(d.log(*sizes))
        bits = size * used * 8 / (rtt / 1000)
        if rates[0] < bits < rates[1]:
            return rtt, size, bits


def _small_buffer(d: Draw, cause: str, buffer: str, rtts: tuple[float, float],
                  sizes: tuple[float, float]) -> Scenario:
    rtt, most, bits = limiting_buffer(d, rtts, sizes, (100e3, 12e6))
    flow = replace(Flow(path(rtt), size=int(bits / 8 * d.even(2.5, 5)), cc=cc_of(d)),
                   **{buffer: most})
    return Scenario(cause, flow, without(flow, **{buffer: 0}), rtt)


def window_of_receiver(d: Draw) -> Scenario:
    return _small_buffer(d, "peer_window", "rcvbuf", (5, 300), (3000, 60000))


def slow_reader(d: Draw) -> Scenario:
    rtt, rate = d.log(1, 200), d.log(100e3, 1e6)  # bytes a second
    pause = d.log(0.02, 0.3)
    flow = Flow(path(rtt), size=int(rate * d.even(3, 5)), cc=cc_of(d),
                rcvbuf=d.one(0, int(d.log(20000, 100000))),
                reader=(Slow(0, ALWAYS, max(500, int(rate * pause)), pause),))
    return Scenario("peer_reads_slowly", flow, without(flow, reader=()), rtt)


def send_buffer(d: Draw) -> Scenario:
    return _small_buffer(d, "send_buffer", "sndbuf", (8, 300), (5000, 60000))


def receive_autotuning(d: Draw) -> Scenario:
    rtt, cap, bits = limiting_buffer(d, (10, 300), (16000, 400000), (150e3, 10e6), 0.5)
    flow = Flow(path(rtt), size=int(bits / 8 * d.even(3, 6)), most_rmem=cap, cc=cc_of(d))
    return Scenario("receive_autotuning", flow, without(flow, most_rmem=0), rtt)


def _bottleneck(d: Draw, queue_ms: float, cause: str) -> Scenario:
    rtt, bits = d.log(2, 200), d.log(800e3, 8e6)
    queue = max(6000, int(bits / 8 * queue_ms / 1000))
    flow = Flow((*path(rtt), f"there.rate={rate_word(bits)}", f"there.queue={queue}"),
                size=int(bits / 8 * d.even(4, 7)), cc=cc_of(d))
    return Scenario(cause, flow, without(flow, words=path(rtt)), rtt)


def shaped_bottleneck(d: Draw) -> Scenario:
    return _bottleneck(d, d.log(20, 90), "shaped_bottleneck")


def bufferbloat(d: Draw) -> Scenario:
    return _bottleneck(d, d.log(130, 600), "bufferbloat")


def policer(d: Draw) -> Scenario:
    rtt, bits = d.log(3, 120), d.log(800e3, 6e6)
    burst = max(15000, int(bits / 8 * d.log(0.02, 0.3)))
    flow = Flow((*path(rtt), f"there.police={rate_word(bits)},{burst}"),
                size=int(bits / 8 * d.even(4, 7)), cc=cc_of(d))
    return Scenario("policer", flow, without(flow, words=path(rtt)), rtt)


def congested_path(d: Draw) -> Scenario:
    rtt, bits = d.log(5, 120), d.log(3e6, 8e6)
    queue = int(bits / 8 * d.log(0.03, 0.12))
    others = d.whole(2, 4)
    flow = Flow((*path(rtt), f"there.rate={rate_word(bits)}", f"there.queue={queue}"),
                size=int(bits / 8 / (others + 1) * d.even(3, 5)), cc=d.one("reno", "cubic"),
                competitors=others, lead=1.5)
    return Scenario("congested_path", flow, without(flow, competitors=0, lead=0), rtt)


def random_loss(d: Draw) -> Scenario:
    rtt, share, size = loss_path(d, 0.003, 0.04)
    how = d.one(f"there.loss={share:.5f}", f"there.loss={share:.5f}",
                f"there.nth={max(2, round(1 / share))}",
                f"there.burst_loss={share / 2:.5f},2")
    flow = Flow((*path(rtt), how), size=size, cc=d.one("reno", "cubic", "cubic", "reno", "bbr"))
    return Scenario("random_loss", flow, without(flow, words=path(rtt)), rtt)


def ecn(d: Draw) -> Scenario:
    rtt, share, size = loss_path(d, 0.003, 0.04)
    flow = Flow((*path(rtt), f"there.ce={share:.5f}"), size=size, cc=d.one("reno", "cubic"),
                ecn=True)
    return Scenario("ecn", flow, without(flow, words=path(rtt)), rtt)


def pacing_cap(d: Draw) -> Scenario:
    rtt, bits = d.log(1, 300), d.log(400e3, 8e6)
    flow = Flow(path(rtt), size=int(bits / 8 * d.even(3, 5)), pacing=int(bits / 8), cc=cc_of(d))
    return Scenario("pacing_cap", flow, without(flow, pacing=0), rtt)


def slow_start_never_left(d: Draw) -> Scenario:
    rtt = d.log(20, 300)
    flow = Flow(path(rtt), size=int(d.log(30e3, 600e3)), cc=d.one("reno", "cubic"), wide=True)
    return Scenario("slow_start_never_left", flow, without(flow, initcwnd=1000), rtt)


def slow_start_left_early(d: Draw) -> Scenario:
    """Round trips that vary, or that are longer in one of the first rounds alone: HyStart takes
    either for a queue. It costs where much is left to send."""
    rtt = d.log(30, 200)
    if d.one(False, True):
        words = path(rtt) + (f"there.jitter={rtt * d.even(0.3, 0.8):.3f}ms",)
    else:
        words = longer_for_a_round(rtt, d.even(1.2, 2.6), d.even(18, 40))
    flow = Flow(words, size=int(d.log(1.2e6, 4e6)), cc="cubic", wide=True)
    return Scenario("slow_start_left_early", flow, without(flow, cc="reno"), rtt)


def longer_for_a_round(rtt: float, begin: float, by_ms: float) -> tuple[str, ...]:
    """A path whose round trips are longer by that, from so many round trips on, for 1.2 of them."""
    return (*path(rtt), f"@{rtt * begin:.1f}ms", f"there.delay={rtt / 2 + by_ms:.3f}ms",
            f"@{rtt * (begin + 1.2):.1f}ms", f"there.delay={rtt / 2:.3f}ms")


def _interrupted(d: Draw, word: str, cause: str) -> Scenario:
    rtt = d.log(5, 150)
    at, length = rtt * d.even(0.3, 2.5), d.log(500, 2500)
    flow = Flow((*path(rtt), f"there.{word}={at:.1f}ms,{length:.0f}ms"),
                size=int(d.log(40e3, 500e3)), cc=cc_of(d))
    return Scenario(cause, flow, without(flow, words=path(rtt)), rtt)


def rto_stall(d: Draw) -> Scenario:
    return _interrupted(d, "blackout", "rto_stall")


def spurious_rto(d: Draw) -> Scenario:
    return _interrupted(d, "hold", "spurious_rto")


def tail_loss(d: Draw) -> Scenario:
    rtt, message = d.log(4, 100), d.whole(2000, 14000)
    times = d.one(1, 1, 2)
    flow = Flow((*path(rtt), f"there.tail={message},{d.one(1000, 1448)},{times}"),
                size=message * d.whole(6, 12) // times, messages=(message,), cc=cc_of(d))
    return Scenario("tail_loss", flow, without(flow, words=path(rtt)), rtt)


def reordering(d: Draw) -> Scenario:
    """The kernel bears with segments that come late by a part of a round trip, more so each time
    it was wrong: to cost something they must be many, and late by much of it."""
    rtt = d.log(15, 150)
    late = rtt * d.even(0.8, 1.6)
    flow = Flow((*path(rtt), f"there.reorder={d.log(0.05, 0.3):.4f},{late:.2f}ms"),
                size=int(d.log(1e6, 4e6)), cc=d.one("reno", "cubic"), wide=True)
    return Scenario("reordering", flow, without(flow, words=path(rtt)), rtt)


def delayed_ack_nagle(d: Draw) -> Scenario:
    rtt = d.log(1, 20)
    parts = (d.whole(20, 700), d.whole(20, 700))
    flow = Flow(path(rtt), size=sum(parts) * d.whole(25, 60), messages=parts, nodelay=False,
                cc=cc_of(d))
    return Scenario("delayed_ack_nagle", flow, without(flow, nodelay=True), rtt)


def handshake(d: Draw) -> Scenario:
    rtt = d.log(1, 300)
    flow = Flow((*path(rtt), f"there.drop_syn={d.one(1, 1, 1, 2)}"), size=int(d.log(300, 100e3)),
                cc=cc_of(d))
    return Scenario("handshake", flow, without(flow, words=path(rtt)), rtt)


def mtu_hole(d: Draw) -> Scenario:
    rtt = d.log(2, 150)
    flow = Flow((*path(rtt), f"there.size_limit={d.whole(1060, 1400)}"), cc=cc_of(d),
                size=int(d.log(5e3, 200e3)), mtu_probing=d.one(True, True, False), deadline=6)
    return Scenario("mtu_hole", flow, without(flow, words=path(rtt)), rtt)
