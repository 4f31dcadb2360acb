# SPDX-License-Identifier: Apache-2.0
"""The same causes by other tools than the relay: what the rules were not made with."""

from __future__ import annotations

from collections.abc import Callable

from flows import Flow, without
from place import DEVICE
from scenarios import CAUSES, Draw, Scenario, loss_path, path, rate_word


def _iptables(*rule: str) -> tuple[str, ...]:
    return ("iptables", "-w", "-A", "INPUT", "-i", DEVICE, "-p", "tcp", *rule)


def random_loss(d: Draw) -> Scenario:
    """xt_statistic and nftables, by chance and by number."""
    rtt, share, size = loss_path(d, 0.004, 0.03)
    how = d.one("random", "nth", "nft")
    if how == "random":
        tools = (_iptables("-m", "statistic", "--mode", "random", "--probability",
                           f"{share:.5f}", "-j", "DROP"),)
    elif how == "nth":
        tools = (_iptables("-m", "statistic", "--mode", "nth", "--every",
                           str(max(2, round(1 / share))), "--packet", "0", "-j", "DROP"),)
    else:
        tools = _nft(f"meta length > 100 numgen random mod 10000 < {int(share * 10000)} drop")
    flow = Flow(path(rtt), tools, size=size, cc=d.one("reno", "cubic"))
    return Scenario("random_loss", flow, without(flow, tools=()), rtt)


def _nft(rule: str) -> tuple[tuple[str, ...], ...]:
    return (("nft", "add", "table", "ip", "lab"),
            ("nft", "add", "chain", "ip", "lab", "in",
             "{ type filter hook prerouting priority 0 ; }"),
            ("nft", "add", "rule", "ip", "lab", "in", "iifname", DEVICE, *rule.split()))


def ecn(d: Draw) -> Scenario:
    rtt, share, size = loss_path(d, 0.004, 0.03)
    tools = _nft(f"ip ecn != not-ect numgen random mod 10000 < {int(share * 10000)} ip ecn set ce")
    flow = Flow(path(rtt), tools, size=size, cc=d.one("reno", "cubic"), ecn=True)
    return Scenario("ecn", flow, without(flow, tools=()), rtt)


def policer(d: Draw) -> Scenario:
    """xt_hashlimit by bytes, and nftables' limit."""
    rtt, rate = d.log(4, 100), int(d.log(120e3, 700e3))  # bytes a second
    burst = max(15000, int(rate * d.log(0.02, 0.3)))
    if d.one(False, True):
        tools = (_iptables("-m", "hashlimit", "--hashlimit-above", f"{max(1, rate // 1024)}kb/s",
                           "--hashlimit-burst", f"{max(1, burst // 1024)}kb", "--hashlimit-mode",
                           "dstip", "--hashlimit-name", "lab", "-j", "DROP"),)
    else:
        tools = _nft(f"limit rate over {rate} bytes/second burst {burst} bytes drop")
    flow = Flow(path(rtt), tools, size=int(rate * d.even(4, 7)), cc=d.one("reno", "cubic", "bbr"))
    return Scenario("policer", flow, without(flow, tools=()), rtt)


def _tbf(d: Draw, cause: str, queue_ms: float) -> Scenario:
    """tbf on an ifb device: a queue at the receiver's end of the path."""
    rtt, bits = d.log(3, 150), d.log(1e6, 7e6)
    limit = max(9000, int(bits / 8 * queue_ms / 1000))
    tools = (("ip", "link", "add", "ifb0", "type", "ifb"),
             ("ip", "link", "set", "ifb0", "up"),
             ("tc", "qdisc", "add", "dev", DEVICE, "ingress"),
             ("tc", "filter", "add", "dev", DEVICE, "parent", "ffff:", "protocol", "ip", "matchall",
              "action", "mirred", "egress", "redirect", "dev", "ifb0"),
             ("tc", "qdisc", "add", "dev", "ifb0", "root", "tbf", "rate", rate_word(bits), "burst",
              "3000", "limit", str(limit)))
    flow = Flow(path(rtt), tools, size=int(bits / 8 * d.even(4, 7)), cc=d.one("reno", "cubic"))
    full = limit * 8 / bits
    bloats = full > 0.1 or full > 0.05 and full > 3 * rtt / 1000
    return Scenario(cause, flow, without(flow, tools=()), rtt, bloats=bloats)


def shaped_bottleneck(d: Draw) -> Scenario:
    return _tbf(d, "shaped_bottleneck", d.log(20, 80))


def bufferbloat(d: Draw) -> Scenario:
    return _tbf(d, "bufferbloat", d.log(140, 500))


UNSEEN: dict[str, Callable[[Draw], Scenario]] = {
    "random_loss": random_loss,
    "ecn": ecn,
    "policer": policer,
    "shaped_bottleneck": shaped_bottleneck,
    "bufferbloat": bufferbloat,
    "none": CAUSES["none"],
}
