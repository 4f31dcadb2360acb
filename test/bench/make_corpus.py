#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records a corpus for the benchmarks: real connections of this machine's kernel.

usage: make_corpus.py COLLECTOR TRAFFIC FOLDER [RECORDS]

Two network namespaces, joined with 10 ms of delay, a rate limit and some loss where `tc` allows it;
many connections with small messages, and bulk transfers both ways. Recorded until there are
RECORDS (200,000) or more. Below FOLDER: zst/ as the collector writes it, plain/ the same
decompressed. A folder that holds enough already is left as it is.
"""
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))
# pylint: disable=wrong-import-position
from netns import (RECEIVER_V4, RECEIVER_V6, SENDER_V4, SENDER_V6, Namespace, Pair,  # noqa: E402
                   Skip)

ROUND_SECONDS = 30
BULK_FLOWS = 4


def count_records(folder: Path) -> int:
    """Lines but the first of each file, which is metadata."""
    total = 0
    for path in folder.rglob("*.jsonl"):
        with open(path, "rb") as lines:
            total += sum(1 for _ in lines) - 1
    return total


def shape(one: Namespace) -> None:
    """A path with a delay and losses; a kernel without netem gives one without."""
    done = subprocess.run(["ip", "netns", "exec", one.name, "tc", "qdisc", "add", "dev", "veth0",
                           "root", "netem", "delay", "10ms", "loss", "0.1%", "rate", "400mbit"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"no netem ({done.stderr.strip()}): the path has neither delay nor loss")


def bulk(server: Namespace, client: Namespace, address: str, from_client: bool,
         end: float) -> list[threading.Thread]:
    """A transfer as fast as the path allows, until `end`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with server.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen()
        near = client.socket(family)
        near.connect(listener.getsockname()[:2])
        far, _ = listener.accept()
    sender, receiver = (near, far) if from_client else (far, near)

    def send() -> None:
        block = bytes(1 << 16)
        with sender:
            while time.monotonic() < end:
                sender.sendall(block)

    def receive() -> None:
        with receiver:
            while receiver.recv(1 << 18):
                pass

    threads = [threading.Thread(target=f, daemon=True) for f in (send, receive)]
    for t in threads:
        t.start()
    return threads


def record_round(collector: str, traffic: str, out: Path) -> None:
    # A file of its own, never a device: the generator renames a new file to that name, and root's
    # rename replaces even /dev/null.
    truth = out.parent / "truth"
    with Pair() as pair:
        shape(pair.sender)
        shape(pair.receiver)
        with subprocess.Popen([collector, "-o", out, "--interval", "10ms"],
                              preexec_fn=pair.receiver.enter_for_good,
                              stderr=subprocess.DEVNULL) as recording:
            time.sleep(0.5)
            end = time.monotonic() + ROUND_SECONDS
            threads = []
            for i in range(BULK_FLOWS):
                address = SENDER_V6 if i % 2 else SENDER_V4
                threads += bulk(pair.sender, pair.receiver, address, i < BULK_FLOWS // 2, end)
            subprocess.run([traffic, "hold", "--receiver-ns", pair.receiver.path, "--sender-ns",
                            pair.sender.path, "--v4", RECEIVER_V4, "--v6", RECEIVER_V6,
                            "--truth", truth, "--connections", "200", "--active", "120",
                            "--gap-ms", "10", "--seconds", str(ROUND_SECONDS - 2)],
                           check=True, stdout=subprocess.DEVNULL)
            for t in threads:
                t.join(timeout=60)
            time.sleep(1)
            recording.terminate()


def main() -> None:
    collector, traffic = sys.argv[1:3]
    folder = Path(sys.argv[3])
    wanted = int(sys.argv[4]) if len(sys.argv) > 4 else 200_000
    packed, plain = folder / "zst", folder / "plain"
    packed.mkdir(parents=True, exist_ok=True)
    have = count_records(plain)
    while have < wanted:
        print(f"recording for {ROUND_SECONDS} s ({have} of {wanted} records so far)", flush=True)
        try:
            record_round(collector, traffic, packed)
        except Skip as reason:
            sys.exit(f"make_corpus: {reason}")
        shutil.rmtree(plain, ignore_errors=True)
        for path in sorted(packed.rglob("*.jsonl.zst")):
            to = plain / path.relative_to(packed).with_suffix("")
            to.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["zstd", "-dqf", path, "-o", to], check=True)
        before, have = have, count_records(plain)
        if have == before:
            sys.exit("make_corpus: nothing was recorded")
    print(f"{have} records in {len(list(packed.rglob('*.zst')))} files")


main()
