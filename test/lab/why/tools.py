# SPDX-License-Identifier: Apache-2.0
"""The same causes by other means than those that the rules were made with: tc, iptables, nftables
and a program behind NFQUEUE in place of the relay, other options of the kernel, programs of other
habits; and mostly round trips and rates that those scenarios do not have."""

from __future__ import annotations

import math

import control
from changes import Change
from flows import ALWAYS, Flow, Slow, without
from held import NUMBER, Hold
from place import DEVICE
from scenarios import MSS, Draw, Scenario, limiting_buffer, loss_path, path, rate_word

Command = tuple[str, ...]
# Packets with data, and SYNs of Linux (60 bytes) among those without.
DATA = ("-m", "length", "--length", "80:65535")


def _iptables(*rule: str) -> Command:
    return ("iptables", "-w", "-A", "INPUT", "-i", DEVICE, "-p", "tcp", *rule)


def _nft(rule: str) -> tuple[Command, ...]:
    return (("nft", "add", "table", "ip", "lab"),
            ("nft", "add", "chain", "ip", "lab", "in",
             "{ type filter hook prerouting priority 0 ; }"),
            ("nft", "add", "rule", "ip", "lab", "in", "iifname", DEVICE, *rule.split()))


def to_program(*which: str) -> tuple[Command, ...]:
    return (_iptables(*which, "-j", "NFQUEUE", "--queue-num", str(NUMBER)),)


def _nth(every: int) -> tuple[str, ...]:
    return ("-m", "statistic", "--mode", "nth", "--every", str(every), "--packet", "0")


def _chance(share: float) -> tuple[str, ...]:
    return ("-m", "statistic", "--mode", "random", "--probability", f"{share:.5f}")


def _provoked(cause: str, flow: Flow, rtt: float) -> Scenario:
    return Scenario(cause, flow, without(flow, tools=(), holds=(), ifb_bits=0), rtt)


def cc_of(d: Draw) -> str:
    return d.one(control.NAME, control.NAME, "reno", "cubic", "bbr")


def cc_that_minds_losses(d: Draw) -> str:
    return d.one(control.NAME, control.NAME, "reno", "cubic")


def rate_of(d: Draw) -> float:
    """Bits a second, beside those of the relay's bottlenecks."""
    return d.one(d.log(300e3, 750e3), d.log(8.5e6, 12e6))


def application(d: Draw) -> Scenario:
    """Writes and pauses of lengths that vary, up to five times their mean."""
    rtt, piece, pause = d.log(1, 300), d.whole(300, 30000), d.log(0.02, 0.5)
    flow = Flow(path(rtt), size=int(piece * max(12, d.even(3, 5) / pause)), cc=cc_of(d),
                writer=(Slow(0, ALWAYS, piece, pause, vary=True),))
    return Scenario("application", flow, without(flow, writer=()), rtt)


def window_without_autotuning(d: Draw) -> Scenario:
    """The kernel's autotuning is off (tcp_moderate_rcvbuf), and the first buffer is all there is;
    half of it is window."""
    rtt, buffer, bits = limiting_buffer(d, (4, 300), (8000, 180000), (100e3, 14e6), 0.5)
    flow = Flow(path(rtt), size=int(bits / 8 * d.even(2.5, 5)), fixed_rmem=buffer, cc=cc_of(d))
    return Scenario("peer_window", flow, without(flow, fixed_rmem=0), rtt)


def autotuning_that_ends(d: Draw) -> Scenario:
    """The kernel's autotuning is turned off when the buffer has grown in the first round trips: it
    stays as large as it had become."""
    rtt = d.log(60, 300)
    off = Change(rtt / 1000 * d.even(2.8, 4.5),
                 (("sysctl", "-w", "net.ipv4.tcp_moderate_rcvbuf=0"),))
    flow = Flow(path(rtt), changes=(off,), size=int(d.log(4e6, 10e6)), cc=cc_of(d))
    return Scenario("receive_autotuning", flow, without(flow, changes=()), rtt)


def pacing_that_varies(d: Draw) -> Scenario:
    """A program that sets the cap anew twice a second, to half as much again or less."""
    rtt, bits = d.log(1, 300), d.one(d.log(200e3, 400e3), d.log(8e6, 11e6))
    flow = Flow(path(rtt), size=int(bits / 8 * d.even(3, 5)), pacing=int(bits / 8),
                pacing_varies=True, cc=cc_of(d))
    return Scenario("pacing_cap", flow, without(flow, pacing=0), rtt)


def drops_that_vary(d: Draw) -> Scenario:
    """As by_state.py has them, after pieces and for times that vary."""
    rtt, pause, times = d.log(1, 100), d.log(0.02, 0.06), d.whole(5, 10)
    piece = d.whole(80000, 300000)
    flow = Flow(path(rtt), size=piece * times, cc=cc_of(d), shrunk=int(d.log(2304, 12000)),
                reader=(Slow(0, ALWAYS, piece, pause + 1.2 * rtt / 1000, vary=True, whole=True),))
    return Scenario("host_drops", flow, without(flow, shrunk=0), rtt)


def reader_that_stops(d: Draw) -> Scenario:
    """A program that stops once for seconds, or often and for times that vary."""
    rtt = d.log(1, 250)
    if d.one(False, True):
        begin, pause = rtt * d.even(2.5, 5) / 1000, d.even(1.5, 4)
        flow = Flow(path(rtt), size=int(d.log(2e6, 5e6)), cc=cc_of(d), deadline=15,
                    reader=(Slow(begin, begin + 0.2, 1 << 16, pause),))
    else:
        pause = d.log(0.2, 0.9)
        flow = Flow(path(rtt), size=int(60000 * d.even(3, 5) / pause), cc=cc_of(d),
                    reader=(Slow(0, ALWAYS, 60000, pause, vary=True),), deadline=20)
    return Scenario("peer_reads_slowly", flow, without(flow, reader=()), rtt)


def send_autotuning(d: Draw) -> Scenario:
    """The cap of the send buffer's autotuning (tcp_wmem) in place of SO_SNDBUF."""
    rtt, most, bits = limiting_buffer(d, (5, 300), (6000, 120000), (100e3, 12e6), 0.5)
    flow = Flow(path(rtt), size=int(bits / 8 * d.even(2.5, 5)), most_wmem=most, cc=cc_of(d))
    return Scenario("send_buffer", flow, without(flow, most_wmem=0), rtt)


def ifb(*qdiscs: Command) -> tuple[Command, ...]:
    """What comes to the receiver goes through a device of its own first."""
    return (("ip", "link", "add", "ifb0", "type", "ifb"),
            ("ip", "link", "set", "ifb0", "up"),
            *(("tc", *one) for one in qdiscs),
            ("tc", "qdisc", "add", "dev", DEVICE, "ingress"),
            ("tc", "filter", "add", "dev", DEVICE, "parent", "ffff:", "protocol", "ip", "u32",
             "match", "u32", "0", "0", "action", "mirred", "egress", "redirect", "dev", "ifb0"))


def _queue(d: Draw, bits: float, queue_ms: float) -> tuple[Command, ...]:
    """tbf, or a class of htb with a queue in bytes."""
    limit = str(max(4600, int(bits / 8 * queue_ms / 1000)))
    rate = rate_word(bits)
    add = ("qdisc", "add", "dev", "ifb0")
    if d.one(False, True):
        return ifb((*add, "root", "tbf", "rate", rate, "burst", "3000", "limit", limit))
    return ifb((*add, "root", "handle", "1:", "htb", "default", "10"),
                ("class", "add", "dev", "ifb0", "parent", "1:", "classid", "1:10", "htb", "rate",
                 rate, "ceil", rate, "burst", "3000", "cburst", "3000"),
                (*add, "parent", "1:10", "bfifo", "limit", limit))


def _bottleneck(d: Draw, cause: str, rtt: float, bits: float, queue_ms: float) -> Scenario:
    flow = Flow(path(rtt), _queue(d, bits, queue_ms), ifb_bits=bits,
                size=int(bits / 8 * d.even(3, 6)), cc=cc_of(d))
    return _provoked(cause, flow, rtt)


def shaped_bottleneck(d: Draw) -> Scenario:
    if d.one(False, True):
        # Three segments; below these rates, and beside shorter round trips, that is a long queue.
        return _bottleneck(d, "shaped_bottleneck", d.log(25, 300), d.log(650e3, 780e3), 0)
    return _bottleneck(d, "shaped_bottleneck", d.log(1, 300), d.log(8.5e6, 12e6), d.log(15, 48))


def bufferbloat(d: Draw) -> Scenario:
    rtt = d.one(d.log(1, 2), d.log(2, 200), d.log(200, 300))
    return _bottleneck(d, "bufferbloat", rtt, rate_of(d), d.log(140, 700))


def bbr_phase(d: Draw) -> Scenario:
    """The startup of BBR at such a queue, as of by_state.py at the relay's."""
    rtt, segments = d.log(60, 300), d.log(12, 70)
    bits = segments * MSS * 8 / (rtt / 1000)
    rounds = math.log2(segments / 10) + d.even(13, 18)
    flow = Flow(path(rtt), _queue(d, bits, rtt * d.even(3, 6)), ifb_bits=bits, cc="bbr",
                size=int(bits / 8 * rounds * rtt / 1000), watched=True, deadline=20)
    return Scenario("bbr_phase", flow, None, rtt)


def congested_path(d: Draw) -> Scenario:
    rtt, bits = d.log(4, 150), d.one(d.log(1.5e6, 3e6), d.log(8e6, 12e6))
    others = d.whole(2, 5)
    flow = Flow(path(rtt), _queue(d, bits, d.log(30, 120)), ifb_bits=bits,
                size=int(bits / 8 / (others + 1) * d.even(3, 5)), cc=cc_that_minds_losses(d),
                competitors=others, lead=1.5)
    return Scenario("congested_path", flow, without(flow, competitors=0, lead=0), rtt)


def policer(d: Draw) -> Scenario:
    """nftables' limit of bytes, xt_limit of packets, and xt_hashlimit, whose bucket is never less
    than a second's."""
    rtt, rate = d.log(3, 120), int(rate_of(d) / 8)  # bytes a second
    burst = max(15000, int(rate * d.log(0.02, 0.3)))
    how = d.one("nft", "nft", "limit", "limit", "hashlimit")
    if how == "hashlimit":
        most = rate // 1024 + 1
        tools: tuple[Command, ...] = (_iptables(
            "-m", "hashlimit", "--hashlimit-above", f"{most}kb/s", "--hashlimit-burst",
            f"{most + 1}kb", "--hashlimit-mode", "dstip", "--hashlimit-name", "lab", "-j", "DROP"),)
    elif how == "limit":
        tools = (_iptables(*DATA, "-m", "limit", "--limit", f"{max(1, rate // 1500)}/second",
                           "--limit-burst", str(burst // 1500), "-j", "ACCEPT"),
                 _iptables(*DATA, "-j", "DROP"))
    else:
        tools = _nft(f"limit rate over {rate} bytes/second burst {burst} bytes drop")
    flow = Flow(path(rtt), tools, size=int(rate * d.even(4, 7)), cc=cc_of(d))
    return _provoked("policer", flow, rtt)


def random_loss(d: Draw) -> Scenario:
    """xt_statistic and nftables, by chance and by number."""
    rtt, share, size = loss_path(d, 0.003, 0.05)
    how = d.one("random", "nth", "nft")
    if how == "nft":
        tools = _nft(f"meta length > 100 numgen random mod 10000 < {int(share * 10000)} drop")
    else:
        which = _chance(share) if how == "random" else _nth(max(2, round(1 / share)))
        tools = (_iptables(*DATA, *which, "-j", "DROP"),)
    flow = Flow(path(rtt), tools, size=size, cc=cc_that_minds_losses(d))
    return _provoked("random_loss", flow, rtt)


def ecn(d: Draw) -> Scenario:
    rtt, share, size = loss_path(d, 0.003, 0.05)
    tools = _nft(f"ip ecn != not-ect numgen random mod 10000 < {int(share * 10000)} ip ecn set ce")
    flow = Flow(path(rtt), tools, size=size, cc=cc_that_minds_losses(d), ecn=True)
    return _provoked("ecn", flow, rtt)


def small_first_window(d: Draw) -> Scenario:
    """A first window of 1 to 4 segments, by the route: all the flow is slow start, of more
    rounds."""
    rtt = d.log(15, 300)
    flow = Flow(path(rtt), size=int(d.log(20e3, 400e3)), cc=cc_that_minds_losses(d), wide=True,
                initcwnd=d.whole(1, 4))
    return Scenario("slow_start_never_left", flow, without(flow, initcwnd=1000), rtt)


def slow_start_left_early(d: Draw) -> Scenario:
    """A program holds packets back: each by some time of its own, or all in one of the first
    rounds."""
    rtt = d.log(40, 250)
    if d.one(False, True):
        holds = (Hold(jitter=rtt / 1000 * d.even(0.3, 0.8)),)
    else:
        begin = rtt / 1000 * d.even(1.2, 2.6)
        holds = (Hold(begin, begin + 1.2 * rtt / 1000, delay=d.even(0.018, 0.04)),)
    flow = Flow(path(rtt), to_program(*DATA), holds, size=int(d.log(1.3e6, 4e6)), cc="cubic",
                wide=True)
    return Scenario("slow_start_left_early", flow, without(flow, cc="reno"), rtt)


def _interrupted(d: Draw, cause: str) -> Scenario:
    rtt = d.log(3, 200)
    begin = rtt / 1000 * d.even(0.3, 2.5)
    end = begin + d.log(0.4, 3)
    hold = Hold(begin, end, drop=1) if cause == "rto_stall" else Hold(begin, end, to_end=True)
    flow = Flow(path(rtt), to_program(), (hold,), size=int(d.log(40e3, 500e3)), cc=cc_of(d))
    return _provoked(cause, flow, rtt)


def rto_stall(d: Draw) -> Scenario:
    return _interrupted(d, "rto_stall")


def spurious_rto(d: Draw) -> Scenario:
    return _interrupted(d, "spurious_rto")


def tail_loss(d: Draw) -> Scenario:
    """The last segment of a message is not full: each of these is lost, and its repetition, too,
    in some flows. (PSH tells no tail: since Linux 5.4 each burst that leaves at once ends with
    it.)"""
    rtt, message = d.log(3, 150), MSS * d.whole(1, 13) + d.whole(200, 1400)
    every = d.one(2, 2, 3)
    tools = _nft(f"meta length 100-{MSS + 51} numgen inc mod {every} < {every - 1} drop")
    flow = Flow(path(rtt), tools, size=message * d.whole(6, 12) // (every - 1),
                messages=(message,), cc=cc_of(d))
    return _provoked("tail_loss", flow, rtt)


def reordering(d: Draw) -> Scenario:
    rtt = d.log(12, 200)
    held = (Hold(delay=rtt / 1000 * d.even(0.7, 1.6), in_order=False),)
    flow = Flow(path(rtt), to_program(*DATA, *_chance(d.log(0.05, 0.3))), held,
                size=int(d.log(700e3, 3e6)), cc=cc_that_minds_losses(d), wide=True)
    return _provoked("reordering", flow, rtt)


def many_small_writes(d: Draw) -> Scenario:
    """Three or four writes of a message, where the relay's flows have two."""
    rtt = d.log(1, 25)
    parts = tuple(d.whole(10, 400) for _ in range(d.whole(3, 4)))
    flow = Flow(path(rtt), size=sum(parts) * d.whole(25, 60), messages=parts, nodelay=False,
                cc=cc_of(d))
    return Scenario("delayed_ack_nagle", flow, without(flow, nodelay=True), rtt)


def handshake(d: Draw) -> Scenario:
    """The first SYN, or the first two: the first ones of 1,000."""
    rtt = d.log(1, 300)
    tools = _nft(f"tcp flags & (syn|ack) == syn numgen inc mod 1000 < {d.one(1, 1, 1, 2)} drop")
    flow = Flow(path(rtt), tools, size=int(d.log(300, 200e3)), cc=cc_of(d))
    return _provoked("handshake", flow, rtt)


def mtu_hole(d: Draw) -> Scenario:
    rtt, least = d.log(1, 200), d.whole(1050, 1420)
    tools = (_iptables("-m", "length", "--length", f"{least}:65535", "-j", "DROP"),) \
        if d.one(False, True) else _nft(f"meta length > {least} drop")
    flow = Flow(path(rtt), tools, cc=cc_of(d), size=int(d.log(5e3, 200e3)),
                mtu_probing=d.one(True, True, False), deadline=6)
    return _provoked("mtu_hole", flow, rtt)
