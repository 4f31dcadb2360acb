# SPDX-License-Identifier: Apache-2.0
"""The lab's own parts, without a network: labels, spans, scores, and messages of netlink.

usage: check_pieces.py
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import random
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent / "why"))

import backlog  # noqa: E402 (the path is set above)
import causes  # noqa: E402
import control  # noqa: E402
import labels  # noqa: E402
import netlink  # noqa: E402
import programs  # noqa: E402
import running  # noqa: E402
import score  # noqa: E402
import series  # noqa: E402
import staged  # noqa: E402
import watch  # noqa: E402
from flows import Flow, Outcome, Slow  # noqa: E402
from held import Hold  # noqa: E402
from place import Failed, Skip  # noqa: E402
from scenarios import Scenario, Stage  # noqa: E402


def outcome(seconds: float | None, **other: object) -> Outcome:
    return dataclasses.replace(Outcome(seconds, seconds or 12, 1000.0, 5000, 1, 2), **other)


def scenario(cause: str, rtt_ms: float = 20, **of_flow: object) -> Scenario:
    flow = Flow(**of_flow)  # type: ignore[arg-type]
    return Scenario(cause, flow, flow, rtt_ms)


class Labels(unittest.TestCase):
    def test_a_cause_must_cost_a_fifth(self) -> None:
        made = scenario("random_loss")
        for flow, twin, spread, cause in ((2.4, 2.0, None, "random_loss"), (2.3, 2.0, 2.0, "none"),
                                          (2.3, 2.0, 1.0, ""), (2.3, 2.0, None, ""),
                                          (None, 2.0, None, "random_loss"),
                                          (2.0, None, None, "")):
            got = labels.label(made, outcome(flow), outcome(twin),
                               outcome(spread) if spread else None)
            self.assertEqual(got.cause, cause, (flow, twin, spread))
            self.assertEqual(bool(got.why), not cause)

    def test_a_late_relay_tells_nothing(self) -> None:
        good, late = outcome(1.0), outcome(3.0, late_us=3001)
        self.assertEqual(labels.label(scenario("policer"), late, good, None).cause, "")
        self.assertEqual(labels.label(scenario("policer"), good, late, None).cause, "")
        # A tenth of the round trip is borne.
        self.assertEqual(labels.label(scenario("policer", 31), late, good, None).cause, "policer")

    def test_a_healthy_flow_is_as_fast_as_its_twin(self) -> None:
        made = scenario("none", 100)
        for flow, twin, cause in ((0.23, 0.2, "none"), (0.24, 0.2, ""), (0.25, 0.244, "none"),
                                  (0.25, 0.246, "")):
            got = labels.label(made, outcome(flow), outcome(twin), None)
            self.assertEqual(got.cause, cause, (flow, twin))

    def test_the_queue_says_which_bottleneck(self) -> None:
        words = ("delay=10ms", "there.rate=12000000bit")  # 1 ms a segment
        for queue_us, rtt, cause in ((98_000, 200, "shaped_bottleneck"),
                                     (99_500, 200, "bufferbloat"), (48_000, 1, "shaped_bottleneck"),
                                     (52_000, 10, "bufferbloat"), (52_000, 40, "shaped_bottleneck"),
                                     (None, 10, "shaped_bottleneck")):
            made = scenario("bufferbloat", rtt, words=words)
            got = labels.label(made, outcome(3.0, queue_us=queue_us), outcome(1.0), None)
            self.assertEqual(got.cause, cause, (queue_us, rtt))
        self.assertEqual(labels.link_bits(Flow(words)), 12e6)
        self.assertEqual(labels.link_bits(Flow(ifb_bits=3e6)), 3e6)
        self.assertEqual(labels.link_bits(Flow(("there.rate=0bit",))), 0)

    def test_the_kernels_state(self) -> None:
        made = dataclasses.replace(scenario("bbr_phase"), twin=None)
        got = labels.by_state(made, outcome(3.0, bbr=[[1.0, 1.1], [2.0, 2.1]]))
        self.assertEqual((got.cause, len(got.spans)), ("bbr_phase", 2))
        self.assertEqual(labels.by_state(made, outcome(3.0, bbr=[[1.0, 1.1]])).cause, "")
        self.assertEqual(labels.by_state(made, outcome(None, bbr=[[1.0, 2.1]])).cause, "")
        made = scenario("host_drops")
        for drops, cause in ((4, ""), (5, "host_drops")):
            got = labels.label(made, outcome(3.0, drops=drops), outcome(1.0), None)
            self.assertEqual(got.cause, cause)

    def test_who_sees_what(self) -> None:
        self.assertEqual(labels.right_causes("receive_autotuning", "sender"), {"peer_window"})
        self.assertEqual(labels.right_causes("ecn", "receiver"), {"ecn"})
        self.assertIn("cannot_tell", labels.right_causes("random_loss", "receiver"))
        self.assertNotIn("cannot_tell", labels.right_causes("none", "sender"))
        self.assertFalse(labels.is_judged("host_drops", "sender"))
        self.assertTrue(labels.is_judged("policer", "receiver"))


class Spans(unittest.TestCase):
    def spans(self, causes_: tuple[str, str], **other: object) -> list[tuple]:
        stages = (Stage(0, causes_[0], 12e6), Stage(3, causes_[1]))
        found = staged.true_spans(stages, outcome(6.5, written=6.0, **other), 125)
        return [(round(one.begin, 6), round(one.end, 6), one.cause) for one in found]

    def test_a_queue_must_have_run_empty(self) -> None:
        path = [{"first": 0.0, "queued": 0.5, "left": 3.5, "queue": 0.1},
                {"first": 3.01, "left": 6.1}]
        self.assertEqual(self.spans(("bufferbloat", "application"), path=path,
                                    writer=[[3.02, 5.9]]),
                         [(0.75, 3.01, "bufferbloat"), (3.75, 5.9, "application")])
        path[0]["queue"] = 0.09  # it was not filled
        self.assertEqual(self.spans(("bufferbloat", "application"), path=path,
                                    writer=[[3.02, 5.9]])[0][2], "shaped_bottleneck")

    def test_losses_count_from_the_first_one(self) -> None:
        path = [{"first": 0.0, "left": 3.0}, {"first": 3.0, "lost": 4.0, "left": 6.1}]
        self.assertEqual(self.spans(("application", "random_loss"), path=path,
                                    writer=[[0.0, 3.2]]),
                         [(0.25, 3.2, "application"), (4.25, 6.0, "random_loss")])
        del path[1]["lost"]  # it never acted
        self.assertEqual(len(self.spans(("application", "random_loss"), path=path,
                                        writer=[[0.0, 3.2]])), 1)

    def test_a_reader_counts_from_the_first_stall(self) -> None:
        self.assertEqual(self.spans(("application", "peer_reads_slowly"), writer=[[0.0, 3.2]],
                                    reader=[[3.0, 6.2]], blocked=[1.0, 3.6, 3.7]),
                         [(0.25, 3.2, "application"), (3.85, 6.0, "peer_reads_slowly")])

    def test_tools_tell_their_stages_as_the_relay_does(self) -> None:
        got = running.stages_of_tools([3.0], [1.0, 3.5, 4.0],
                                      [(0.5, 2999), (2.9, 3000), (3.1, 5000), (3.2, 0)], 1e6)
        self.assertEqual(got, [{"first": 0.0, "lost": 1.0, "queued": 2.9, "left": 3.2,
                                "queue": 0.024},
                               {"first": 3.0, "lost": 3.5, "queued": 3.1, "queue": 0.0}])
        self.assertEqual(running.stages_of_tools([], [], [], 0), [{"first": 0.0, "queue": 0.0}])
        self.assertEqual(running.stage_of_relay({"first_ns": 2500000000, "lost_ns": -1,
                                                 "queue_us": 2000}, 2.0),
                         {"first": 0.5, "queue": 0.002})

    def test_too_short_ones_are_set_aside(self) -> None:
        made = dataclasses.replace(scenario("two"), stages=(Stage(0, "application"),
                                                            Stage(3, "peer_reads_slowly")))
        acted = {"written": 6.0, "writer": [[0.0, 3.2]], "reader": [[3.0, 6.2]]}
        for stall, cause in ((3.6, "two"), (5.9, "")):
            got = labels.label(made, outcome(6.5, blocked=[stall], **acted), outcome(1.0), None)
            self.assertEqual(got.cause, cause, stall)


def flow_of(truth: str, cookie: int, **other: object) -> dict:
    made = dataclasses.asdict(outcome(2.0, sender=cookie, receiver=cookie + 1))
    return {"key": f"{truth}/{cookie}/s", "label": truth, "why": "", "outcome": made, "spans": [],
            "rtt_ms": 10, **other}


def verdict(cause: str, *phases: tuple[str, float, float]) -> dict:
    return {"cause": cause, "begin": "1970-01-01T00:16:39.500000000Z",
            "phases": [{"cause": name, "begin_s": low, "end_s": high}
                       for name, low, high in phases]}


class Scores(unittest.TestCase):
    def test_wilson(self) -> None:
        # Values of the formula, calculated by hand: Newcombe 1998, table I (81 of 263, 15 of 148).
        for right, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
                                     (0, 20, 0.0, 0.1611)):
            got = score.wilson(right, of)
            self.assertAlmostEqual(got[0], low, places=4)
            self.assertAlmostEqual(got[1], high, places=4)
        self.assertEqual(score.wilson(0, 0), (0.0, 1.0))

    def test_right_and_wrong(self) -> None:
        flows = [flow_of("ecn", 10), flow_of("ecn", 20), flow_of("none", 30), flow_of("none", 40),
                 flow_of("host_drops", 50), flow_of("", 60, why="the relay was late: by much"),
                 flow_of("ecn", 70)]
        said = {(10, "sender"): verdict("ecn"), (11, "receiver"): verdict("ecn"),
                (20, "sender"): verdict("none"), (21, "receiver"): verdict("cannot_tell"),
                (30, "sender"): verdict("ecn"), (31, "receiver"): verdict("none"),
                (40, "sender"): verdict("cannot_tell"), (41, "receiver"): verdict("none"),
                (50, "sender"): verdict("random_loss"), (51, "receiver"): verdict("host_drops")}
        got = score.Score(flows, said)
        self.assertEqual(got.recall("sender", "ecn"), (1, 2))
        self.assertEqual(got.precision("sender", "ecn"), (1, 2))
        self.assertEqual(got.recall("sender", "none"), (0, 2))
        self.assertEqual(got.healthy_called_sick(), (1, 2))
        self.assertEqual(got.recall("receiver", "ecn"), (1, 2))
        self.assertEqual(got.recall("receiver", "host_drops"), (1, 1))
        self.assertEqual(got.truths("sender"), ["ecn", "none"])
        self.assertEqual(got.missing, 2)
        self.assertEqual(dict(got.aside), {"the relay was late": 1})
        page = score.markdown(got, "title", ["fact"])
        self.assertIn("| ecn | 2 | 50 % (9–91) | 50 % (9–91) | none 1 |", page)
        self.assertIn("set aside: the relay was late: 1; without a verdict: 2", page)

    def test_two_causes(self) -> None:
        # The verdict's times begin half a second before the first byte.
        spans = [{"begin": 0.0, "end": 1.0, "cause": "application"},
                 {"begin": 2.0, "end": 3.0, "cause": "policer"}]
        one = flow_of("two", 10, spans=spans)
        got = score.Score([one], {(10, "sender"): verdict(
            "policer", ("application", 0.5, 1.3), ("none", 1.3, 2.5), ("policer", 2.5, 9))})
        self.assertAlmostEqual(got.staged[0], 0.9)
        got = score.Score([one], {(10, "sender"): verdict(
            "policer", ("application", 0.5, 2.7), ("policer", 2.7, 9))})
        self.assertAlmostEqual(got.staged[0], 0.9)
        got = score.Score([one], {(10, "sender"): verdict("policer", ("policer", 0, 9))})
        self.assertEqual((got.staged[0], len(got.wrong)), (0.5, 1))

    def test_the_kernels_state(self) -> None:
        one = flow_of("bbr_phase", 10, spans=[{"begin": 1.0, "end": 2.0, "cause": "bbr_phase"}])
        # The verdict's times begin half a second before; round trips of 10 ms, and a queue of 90.
        one["outcome"]["queue_us"] = 90_000
        for low, high, right in ((1.5, 2.5, 1), (2.0, 2.4, 0), (2.0, 2.52, 1), (0.0, 3.6, 0),
                                 (1.0, 1.9, 0), (1.06, 2.0, 1), (0.0, 1.4, 0)):
            got = score.Score([one], {(10, "sender"): verdict("none", ("bbr_phase", low, high))})
            self.assertEqual(got.recall("sender", "bbr_phase"), (right, 1), (low, high))


class Messages(unittest.TestCase):
    def test_attributes(self) -> None:
        made = netlink.attribute(1, b"abc") + netlink.attribute(0x8000 | 7, b"12345678")
        self.assertEqual(len(made), 20)
        self.assertEqual(netlink.attributes(made), {1: b"abc", 7: b"12345678"})
        for size in range(len(made)):
            netlink.attributes(made[:size])  # what is cut off is no attribute
        self.assertEqual(netlink.attributes(bytes(8)), {})

    def test_messages(self) -> None:
        body = b"12345"
        made = netlink.HEADER.pack(16 + len(body), 9, 0, 0, 0) + body + bytes(3)
        self.assertEqual(list(netlink.messages(made + made)), [(9, body), (9, body)])
        self.assertEqual(list(netlink.messages(made[:-4])), [])

    def test_backlog(self) -> None:
        def qdisc(interface: int, parent: int, waiting: int) -> bytes:
            queue = netlink.attribute(backlog.TCA_STATS_QUEUE,
                                      struct.pack("=IIIII", 3, waiting, 0, 0, 0))
            return backlog.MESSAGE.pack(0, interface, 1, parent, 0) + \
                netlink.attribute(backlog.TCA_STATS2, queue)
        made = [qdisc(3, backlog.ROOT, 1), qdisc(4, 0xfffffff1, 2), qdisc(4, backlog.ROOT, 3)]
        self.assertEqual(backlog.root_backlog(made, 4), 3)
        self.assertIsNone(backlog.root_backlog(made, 5))

    def test_bbr(self) -> None:
        for pacing, window, phase in ((88, 739, True), (256, 256, True), (256, 512, False),
                                      (739, 739, False), (320, 512, False)):
            self.assertEqual(watch.is_bbr_phase(struct.pack("=IIIII", 1, 0, 9, pacing, window)),
                             phase, (pacing, window))
        self.assertFalse(watch.is_bbr_phase(b""))

    def test_holds(self) -> None:
        draw = random.Random(1)
        self.assertEqual(Hold(1, 2, delay=0.5).leaves(1.25, draw), 1.75)
        self.assertEqual(Hold(1, 2, to_end=True).leaves(1.25, draw), 2)
        some = [Hold(jitter=0.5).leaves(1, draw) for _ in range(100)]
        self.assertTrue(1 <= min(some) < 1.1 and 1.4 < max(some) <= 1.5)


class Programs(unittest.TestCase):
    def test_slowness_has_its_times(self) -> None:
        first, second = Slow(1, 2, 500, 0.1), Slow(3, 4, 700, 0.2)
        slowness = programs.Slowness((first, second), "seed")
        self.assertIsNone(slowness.at(0.99))
        self.assertIsNone(slowness.at(-1))
        self.assertEqual(slowness.at(1.5), first)
        slowness.note(1.6)
        self.assertEqual(slowness.at(1.9), first)
        slowness.note(2.05)  # the last pause ends behind it
        self.assertIsNone(slowness.at(2.05))
        self.assertEqual(slowness.at(3), second)
        slowness.note(3.2)
        self.assertEqual(slowness.was, [[1.5, 2.05], [3, 3.2]])

    def test_some_vary_about_their_mean(self) -> None:
        one = Slow(0, 9, 1000, 0.1, vary=True)
        slowness = programs.Slowness((one,), "seed")
        drawn = [slowness.at(1) for _ in range(1000)]
        again = programs.Slowness((one,), "seed")
        self.assertEqual(drawn, [again.at(1) for _ in range(1000)])
        pieces = [some.piece for some in drawn if some]
        self.assertEqual((min(pieces), max(pieces)), (100, 5000))
        self.assertTrue(900 < sum(pieces) / 1000 < 1100)

    def test_what_was_made_knows_no_verdict(self) -> None:
        flows = [flow_of("policer", 1, took=2.0), flow_of("policer", 2, took=4.0),
                 {"key": "policer/3/s", "label": "", "why": "it failed: x"}]
        self.assertEqual(score.made_of(flows),
                         "policer: 3 of 2.0 s: policer 2; aside, it failed 1")


class Control(unittest.TestCase):
    def test_the_last_run_unloads_it(self) -> None:
        kernel = ["left by a run that was killed"]
        with tempfile.TemporaryDirectory() as scratch, mock.patch.multiple(
                control, LOCK=Path(scratch) / "lock", skip_without_tools=lambda: None,
                _loaded=lambda: kernel, _load=lambda _: kernel.append("mine"),
                _unload=kernel.clear):
            with control.loaded(Path(scratch)):
                self.assertEqual(kernel, ["mine"])
                with control.loaded(Path(scratch)):
                    self.assertEqual(kernel, ["mine"])
                self.assertEqual(kernel, ["mine"])
            self.assertEqual(kernel, [])

    def test_what_cannot_be_unloaded_hides_nothing(self) -> None:
        def fails() -> None:
            if "mine" in kernel:
                raise Skip("bpftool says no")

        kernel: list[str] = []
        with tempfile.TemporaryDirectory() as scratch, mock.patch.multiple(
                control, LOCK=Path(scratch) / "lock", skip_without_tools=lambda: None,
                _loaded=lambda: kernel, _load=lambda _: kernel.append("mine"), _unload=fails):
            for wrong in (None, ValueError("of the run")):
                kernel.clear()
                said = io.StringIO()
                with self.assertRaises(Failed if wrong is None else ValueError), \
                        contextlib.redirect_stderr(said), control.loaded(Path(scratch)):
                    if wrong is not None:
                        raise wrong
                self.assertIn("still loaded: bpftool says no", said.getvalue())


class Recording(unittest.TestCase):
    def test_it_waits_until_the_collector_is_ready(self) -> None:
        ready = ("import os, socket, time\n"
                 "with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:\n"
                 "    for said in (b'STATUS=x', b'READY=1\\nSTATUS=y'):\n"
                 "        manager.sendto(said, os.environ['NOTIFY_SOCKET'])\n"
                 "time.sleep(60)\n")
        with tempfile.TemporaryDirectory() as scratch, mock.patch.multiple(
                series, _hurry=lambda: None, _end_with=lambda _: None):
            program = Path(scratch) / "collector"
            for text, begins in ((ready, True), ("import sys\nsys.exit('no')\n", False)):
                program.write_text(f"#!{sys.executable}\n{text}")
                program.chmod(0o755)
                recording = series._collector(  # pylint: disable=protected-access
                    str(program), Path(scratch) / "archives", ["one"])
                if begins:
                    with recording:
                        pass
                else:
                    with self.assertRaisesRegex(Failed, "no"), recording:
                        pass


class Scenarios(unittest.TestCase):
    def test_a_key_says_everything(self) -> None:
        for kind, which in causes.KINDS.items():
            for cause in which:
                for number in range(20):
                    key = f"{cause}/{number}/x"
                    one = series.scenario_of(key, kind)
                    self.assertEqual(one, series.scenario_of(key, kind))
                    self.assertEqual(one.cause, cause)
                    self.assertTrue(1 <= one.rtt_ms <= 300, key)
                    self.assertNotEqual(one.flow, one.twin)
                    self.assertTrue(one.flow.size > 0 or one.flow.until > 0, key)
                    json.dumps(dataclasses.asdict(one.flow))

    def test_kinds_differ(self) -> None:
        self.assertLessEqual(set(causes.UNSEEN), set(causes.SEEN))
        for cause in set(causes.UNSEEN) - {"none"}:
            self.assertNotEqual(causes.UNSEEN[cause], causes.SEEN[cause])


if __name__ == "__main__":
    unittest.main()
