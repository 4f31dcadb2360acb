# SPDX-License-Identifier: Apache-2.0
"""The relay of the lab, held against what the kernel says of connections that go through it: the
delay by their round-trip times, losses, repetitions, marks and rates by their counters.

usage: check_relay.py RELAY
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))

from archives import check  # noqa: E402 (the path is set above)
from netns import run_test  # noqa: E402
from place import RECEIVER, Place  # noqa: E402

RELAY = sys.argv[1]
TCP_INFO = 11
# Offsets in struct tcp_info of what is looked at.
FIELDS = {"rtt": (68, "I"), "total_retrans": (100, "I"), "bytes_acked": (120, "Q"),
          "min_rtt": (148, "I"), "data_segs_out": (156, "I"), "delivered_ce": (196, "I"),
          "bytes_retrans": (208, "Q"), "dsack_dups": (216, "I"), "total_rto": (240, "H")}


def info(sock: socket.socket) -> dict[str, int]:
    raw = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 512)
    return {name: struct.unpack_from("=" + kind, raw, at)[0]
            for name, (at, kind) in FIELDS.items() if at + struct.calcsize(kind) <= len(raw)}


def transfer(place: Place, words: list[str], size: int, seed: int = 1,
             segment: int | None = None) -> tuple[dict[str, int], dict[str, dict], int]:
    """Sends so many bytes over such a path: the sender's tcp_info behind the last of them, the
    relay's counters, and the segments of more than `segment` bytes it was allowed."""
    with place.route(words, seed) as path:
        with place.receiver.socket(socket.AF_INET) as listener:
            listener.settimeout(30)
            listener.bind((RECEIVER, 0))
            listener.listen()
            sender = place.sender.socket(socket.AF_INET)
            if segment is not None:
                sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
            sender.settimeout(30)
            sender.connect(listener.getsockname())
            reader, _ = listener.accept()
        reader.settimeout(30)
        got = 0

        def read() -> None:
            nonlocal got
            while block := reader.recv(1 << 16):
                got += len(block)
            reader.sendall(b"!")

        thread = threading.Thread(target=read)
        thread.start()
        sender.sendall(bytes(size))
        sender.shutdown(socket.SHUT_WR)
        check(sender.recv(1) == b"!", "the answer is missing")
        thread.join()
        after = info(sender)
        sender.close()
        reader.close()
    return after, path.counters, got


def usage_errors() -> None:
    for words, said in ((["delay=5"], "delay=5: no unit"), (["loss=2"], "loss=2: a share is"),
                        (["odd=1"], "odd=1: no such key"), (["police=1mbit"], "police=1mbit: too"),
                        (["@1s", "@1s"], "@1s: not later"), ([], "a= and b= must be given"),
                        (["nth=x"], "nth=x: not a whole number"), (["x"], "x: neither")):
        done = subprocess.run([RELAY, *words], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        check(done.returncode == 2 and said in done.stderr, f"{words}: {done}")


def delays(place: Place) -> None:
    after, counters, got = transfer(place, ["there.delay=30ms", "back.delay=15ms"], 20_000)
    check(got == 20_000, f"{got} bytes")
    check(45_000 <= after["min_rtt"] < 90_000, f"45 ms were {after['min_rtt']} us at least")
    check(after["total_retrans"] == 0, f"repeated: {after}")
    check(counters["there"]["late_us"]["p50"] >= 0 and counters["there"]["refused"] == 0,
          f"{counters}")


def losses(place: Place) -> None:
    # Every 50th packet with data: as many as it says. The kernel sends each lost one again, and
    # what is more (a probe of the tail) it knows to have been in vain.
    after, counters, got = transfer(place, ["delay=2ms", "there.nth=50"], 1 << 20)
    way = counters["there"]
    check(got == 1 << 20, f"{got} bytes")
    check(way["lost_nth"] == way["data"] // 50 and way["lost_nth"] >= 14, f"{way}")
    check(after["data_segs_out"] == way["data"], f"{after} {way}")
    repeated = after["total_retrans"]
    check(way["lost_nth"] <= repeated <= way["lost_nth"] + after["dsack_dups"],
          f"lost {way['lost_nth']}, repeated {repeated}: {after}")
    # By chance: the same seed has the same fate for the same packet, and the share is about right.
    after, counters, _ = transfer(place, ["delay=1ms", "there.loss=0.05"], 1 << 20, seed=7)
    way = counters["there"]
    check(0.02 * way["data"] < way["lost_random"] < 0.1 * way["data"], f"{way}")
    check(after["total_retrans"] >= way["lost_random"] - 2, f"{after} {way}")
    # The tail alone, and its repetition: the sender's timer is what gets it through.
    after, counters, _ = transfer(place, ["delay=5ms", "there.tail=30000,1,2"], 30_000)
    check(counters["there"]["lost_tail"] == 2, f"{counters['there']}")
    check(after["total_rto"] >= 1, f"{after}")


def rates(place: Place) -> None:
    # 300 kB at 4 Mbit/s take 0.6 s: the queue's delays tell, and none of them is of this machine.
    after, counters, _ = transfer(place, ["delay=5ms", "there.rate=4mbit", "there.queue=400k"],
                                  300_000)
    queued = counters["there"]["queue_delay_us"]
    check(counters["there"]["lost_queue"] == 0 and after["total_retrans"] == 0, f"{counters}")
    check(20_000 < queued["max"] < 620_000 and after["rtt"] > after["min_rtt"], f"{queued} {after}")
    only = counters["stages"][0]
    check(only["first_ns"] <= only["queued_ns"] < only["left_ns"], f"{only}")
    after, counters, _ = transfer(place, ["delay=5ms", "there.police=4mbit,20k"], 300_000)
    check(counters["there"]["lost_police"] >= 5, f"{counters}")
    check(after["total_retrans"] >= counters["there"]["lost_police"], f"{after} {counters}")


def faults(place: Place) -> None:
    after, counters, got = transfer(place, ["delay=5ms", "there.duplicate=1"], 50_000)
    check(got == 50_000 and counters["there"]["duplicated"] == counters["there"]["packets"],
          f"{counters}")
    check(after["dsack_dups"] > 0 and after["total_retrans"] == 0, f"{after}")
    after, counters, _ = transfer(place, ["delay=5ms", "there.drop_syn=1"], 1000)
    check(counters["there"]["lost_syn"] == 1 and after["total_rto"] == 1, f"{after} {counters}")
    after, counters, _ = transfer(place, ["delay=5ms", "there.hold=0s,600ms"], 20_000)
    check(counters["there"]["held"] > 0, f"{counters}")
    check(after["total_rto"] >= 1 and after["dsack_dups"] >= 1, f"{after}")
    after, counters, _ = transfer(place, ["delay=5ms", "there.blackout=0s,400ms"], 20_000)
    check(counters["there"]["lost_blackout"] > 0 and after["total_rto"] >= 1, f"{after} {counters}")
    after, counters, _ = transfer(
        place, ["delay=10ms", "there.reorder=0.2,5ms"], 300_000)
    check(counters["there"]["reordered"] > 10, f"{counters}")
    # The handshake and what is sent at once pass; from the third stage on all does again.
    after, counters, _ = transfer(
        place, ["delay=5ms", "@5ms", "there.loss=1", "@300ms", "there.loss=0"], 20_000)
    check(counters["there"]["lost_random"] > 0 and after["total_rto"] >= 1, f"{after} {counters}")
    # It says when each of them was: not before its time, and behind the one before.
    first, second, third = counters["stages"]
    check(first["lost_ns"] == third["lost_ns"] == -1, f"{counters['stages']}")
    check(second["lost_ns"] >= second["first_ns"] >= first["first_ns"] + 5_000_000,
          f"{first} {second}")
    check(third["first_ns"] >= first["first_ns"] + 300_000_000, f"{first} {third}")
    check(third["left_ns"] >= third["first_ns"] + 5_000_000, f"{third}")


def congestion(place: Place) -> None:
    for one in (place.sender, place.receiver):
        one.sysctl("net.ipv4.tcp_ecn", "1")
    after, counters, _ = transfer(place, ["delay=5ms", "there.ce=1"], 200_000)
    check(counters["there"]["ce"] > 10 and after["delivered_ce"] > 10, f"{after} {counters}")
    check(after["total_retrans"] == 0, f"{after}")


def sizes(place: Place) -> None:
    # Small segments pass below the limit that large ones do not.
    after, counters, got = transfer(place, ["delay=2ms", "there.size_limit=600"], 20_000,
                                    segment=500)
    check(got == 20_000 and counters["there"]["lost_size"] == 0, f"{counters}")
    place.sender.sysctl("net.ipv4.tcp_mtu_probing", "1")
    place.sender.sysctl("net.ipv4.tcp_base_mss", "500")
    after, counters, got = transfer(place, ["delay=2ms", "there.size_limit=1300"], 5_000)
    check(got == 5_000 and counters["there"]["lost_size"] > 0 and after["total_rto"] >= 1,
          f"{after} {counters}")


def main() -> None:
    usage_errors()
    with Place(RELAY) as place:
        for part in (delays, losses, rates, faults, congestion, sizes):
            place.reset()
            part(place)
            print(f"{part.__name__}: as the kernel says")


run_test(main)
