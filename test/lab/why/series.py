# SPDX-License-Identifier: Apache-2.0
"""Many flows at once, each in a place of its own, recorded by one collector."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import multiprocessing
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import causes
import labels
from flows import Flow, Outcome, without
from place import Failed, Place
from running import run
from scenarios import Draw, Scenario

SPREAD = 1000  # segments in the first window
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def scenario_of(key: str, kind: str) -> Scenario:
    """A key is CAUSE/NUMBER/SEED; with the kind of tools it says everything."""
    return causes.KINDS[kind][key.split("/")[0]](Draw(f"{kind}/{key}"))


def _one(place: Place, key: str, kind: str) -> dict:
    begin = time.monotonic()
    scenario = scenario_of(key, kind)
    seed = Draw(key).whole(1, 1 << 30)
    flow = run(place, scenario.flow, seed)
    twin = _twin_of(scenario, flow)
    if twin is None:
        other, label = None, labels.by_state(scenario, flow)
    else:
        other = run(place, twin, seed)
        spread = None
        if scenario.cause not in ("none", "two") and not labels.is_faster(other, flow):
            spread = run(place, without(scenario.flow, initcwnd=SPREAD), seed)
        label = labels.label(scenario, flow, other, spread)
    return {
        "key": key, "kind": kind, "made": scenario.cause, "label": label.cause, "why": label.why,
        "rtt_ms": round(scenario.rtt_ms, 3), "cc": scenario.flow.cc,
        "flow": dataclasses.asdict(scenario.flow), "outcome": dataclasses.asdict(flow),
        "twin": dataclasses.asdict(other) if other is not None else None,
        "stages": [dataclasses.asdict(one) for one in scenario.stages],
        "took": round(time.monotonic() - begin, 2),
        "spans": [dataclasses.asdict(one) for one in label.spans],
    }


def _twin_of(scenario: Scenario, flow: Outcome) -> Flow | None:
    if scenario.cause == "two":
        assert scenario.twin is not None
        return without(scenario.twin, size=max(1, flow.size))
    return scenario.twin


def end(number: int, _frame: object) -> None:
    """A signal's handler: everything is undone on the way out, which another one is not to
    disturb."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(f"ended by signal {number}")


def _hurry() -> None:
    """This process is to act at its time on a busy machine, too, as on an idle one; programs of the
    lab do little."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def _end_with(parent: int) -> None:
    """This process is told to end when the one that made it does, were it killed outright: its
    namespaces, and what it records, would stay for ever."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _work(parent: int, relay: str, making, ready, tasks, results) -> None:  # noqa: ANN001
    """One process: a place, and one flow after the other in it."""
    signal.signal(signal.SIGTERM, end)
    _end_with(parent)
    _hurry()
    with contextlib.ExitStack() as stack:
        with making:
            place = stack.enter_context(Place(relay))
        ready.put([place.sender.name, place.receiver.name])
        while (task := tasks.get()) is not None:
            try:
                results.put(_one(place, *task))
            except Exception as error:  # whatever it is, the other flows are to be made and scored
                said = getattr(error, "stderr", "") or ""
                results.put({"key": task[0], "kind": task[1], "label": "",
                             "why": f"it failed: {error!r} {said}".strip()})


def _wait_ready(child: subprocess.Popen, manager: socket.socket, log: Path) -> None:
    """Until it says so, as to a service manager: it has opened all namespaces, and has polled."""
    manager.settimeout(0.1)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            if b"READY=1" in manager.recv(4096).split(b"\n"):
                return
        if child.poll() is not None:
            break
    raise Failed(f"the collector has ended or does not begin: {log.read_text(encoding='utf-8')}")


@contextlib.contextmanager
def _collector(exe: str, output: Path, names: list[str]) -> Iterator[None]:
    flags = [word for name in names for word in ("--netns", name)]
    log = output.parent / "collector.log"
    parent = os.getpid()

    def prepare() -> None:
        _end_with(parent)
        _hurry()

    with open(log, "w", encoding="utf-8") as errors, tempfile.TemporaryDirectory() as scratch, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{scratch}/ready")
        child = subprocess.Popen([exe, "--output", str(output), *flags], stderr=errors,
                                 stdin=subprocess.DEVNULL, preexec_fn=prepare,
                                 env=os.environ | {"NOTIFY_SOCKET": f"{scratch}/ready"})
        try:
            _wait_ready(child, manager, log)
            yield
        finally:
            child.terminate()
            child.wait()


def record(programs: dict[str, str], output: Path, todo: list[tuple[str, str]], width: int,
           say=print) -> list[dict]:  # noqa: ANN001 (says how far it is)
    """Runs all, `width` at a time, and records them below `output`, where there is a collector to
    do so. Returns what each was."""
    output.mkdir(parents=True)
    context = multiprocessing.get_context("fork")
    making, ready = context.Lock(), context.Queue()
    tasks, results = context.Queue(), context.Queue()
    shared = os.getpid(), programs["relay"], making, ready, tasks, results
    workers = [context.Process(target=_work, args=shared) for _ in range(width)]
    for one in workers:
        one.start()
    found: list[dict] = []
    try:
        names = [name for _ in workers for name in _next(ready, workers)]
        recording = _collector(programs["collect"], output / "archives", names) \
            if "collect" in programs else contextlib.nullcontext()
        with recording:
            for task in todo:
                tasks.put(task)
            for _ in workers:
                tasks.put(None)
            with open(output / "flows.jsonl", "w", encoding="utf-8") as file:
                while len(found) < len(todo):
                    found.append(_next(results, workers))
                    print(json.dumps(found[-1]), file=file, flush=True)
                    if len(found) % 50 == 0:
                        say(f"{len(found)} of {len(todo)} flows")
            if "collect" in programs:
                time.sleep(1)  # the ends of the last ones
        for one in workers:
            one.join()
    finally:
        for one in workers:
            if one.is_alive():
                one.terminate()
    return found


def _next(of, workers: list):  # noqa: ANN001, ANN202 (a queue, what it has)
    while True:
        try:
            return of.get(timeout=5)
        except queue.Empty:
            if not any(one.is_alive() for one in workers):
                print("all processes of the lab have ended", file=sys.stderr)
                raise Failed("all processes of the lab have ended") from None


def skip_where_not_permitted(relay: str) -> None:
    """Raises Skip, and why, where no place can be made."""
    with Place(relay) as place, place.route([], 1, 1):
        pass


def verdicts(dump: str, archives: Path) -> dict[tuple[int, str], dict]:
    """What `why` says of everything there, by cookie and view."""
    done = subprocess.run([dump, "why", "--json", str(archives)], capture_output=True, text=True,
                          check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise Failed(f"`why` ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    found = {}
    for line in done.stdout.splitlines():
        said = json.loads(line)
        found[int(said["uuid"].rpartition("_")[2], 16), said["view"]] = said
    return found


def load(output: Path) -> list[dict]:
    with open(output / "flows.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
