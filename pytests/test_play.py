"""Plans played on processes and proxies: on fakes, which write down what is done to them, and on razor_node.

Fails when a fault does something else than its line says, in another order, or nothing without a word; or when something is
not healed at the end.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from fake_targets import FakeProcess, FakeProxy, Log
from razor_testing.node import Nodes
from razor_testing.plan import Plan
from razor_testing.play import PlayResult, play
from razor_testing.play_kinds import NOT_PLAYED
from razor_testing.play_targets import LinkKey
from razor_testing.proxy import FaultProxy
from razor_testing.raw_client import RawClient
from razor_testing.waiting import wait_until
from restartable import Counts, RestartableNode, call_all_the_time

SECONDS = 20.0
FAST = 0.001  # times of plans


class Stage:
    """Two servers and a client that is no process; S0 is reached by all through one proxy, S1 by each through its own."""

    def __init__(self, links: tuple[LinkKey, ...] = ("s0", ("c0", "s1"), ("s0", "s1"))):
        self.log = Log()
        self.processes = [FakeProcess(name, self.log) for name in ("s0", "s1")]
        self.proxies: Mapping[LinkKey, FakeProxy] = {
            key: FakeProxy(key if isinstance(key, str) else "-".join(key), self.log) for key in links
        }

    def play(self, text: str, **options: float) -> PlayResult:
        player = play(Plan.parse(text), self.processes, self.proxies, FAST, **options)  # type: ignore[arg-type]
        return player.wait(SECONDS)


# The plan's line, and what is done, in order.
PLAYED: list[tuple[str, list[str]]] = [
    (
        "kill s0 for 1s",
        ["s0: refuse_connects", "kill s0", "restart s0", "s0: no refuse_connects"],
    ),
    (
        "crash s1 for 1s",
        [
            "c0-s1: cut",
            "c0-s1: hang_connects backlog",
            "s0-s1: cut",
            "s0-s1: hang_connects backlog",
            "kill s1",
            "restart s1",
            "s0-s1: no hang_connects backlog",
            "s0-s1: no cut",
            "c0-s1: no hang_connects backlog",
            "c0-s1: no cut",
        ],
    ),
    ("pause s0 s1 for 1s", ["pause s0", "pause s1", "resume s1", "resume s0"]),
    ("restart_gracefully s1", ["terminate s1", "restart s1"]),
    (
        "cut c0 s1 for 1s way=there",
        [
            "c0-s1: cut to_server",
            "c0-s1: hang_connects backlog",
            "c0-s1: no hang_connects backlog",
            "c0-s1: no cut to_server",
        ],
    ),
    (
        "slow_link s1 c0 for 1s latency=5ms way=there",
        ["c0-s1: latency 0.005s to_client", "c0-s1: no latency 0.005s to_client"],
    ),
    (
        "slow_link s0 for 1s latency=5ms way=back",
        [
            "s0-s1: latency 0.005s to_client",
            "s0: latency 0.005s to_server",
            "s0: no latency 0.005s to_server",
            "s0-s1: no latency 0.005s to_client",
        ],
    ),  # fmt: skip
    ("jitter c0 s1 for 1s spread=4ms", ["c0-s1: latency 0.002s jitter=0.002s", "c0-s1: no latency 0.002s jitter=0.002s"]),
    (
        "jitter c0 s1 for 1s shape=long_tail spread=4ms",
        ["c0-s1: latency 0s jitter=0.004s shape=long_tail", "c0-s1: no latency 0s jitter=0.004s shape=long_tail"],
    ),
    ("bandwidth c0 s1 for 1s bytes_per_second=99", ["c0-s1: bandwidth 99 bytes/s", "c0-s1: no bandwidth 99 bytes/s"]),
    ("segmentation c0 s1 for 1s bytes=64", ["c0-s1: slicer 1 .. 64", "c0-s1: no slicer 1 .. 64"]),
    ("segmentation c0 s1 for 1s", ["c0-s1: slicer 1", "c0-s1: no slicer 1"]),
    ("loss c0 s1 for 1s one_in=9", ["c0-s1: retransmissions one_in=9 0.2s", "c0-s1: no retransmissions one_in=9 0.2s"]),
    ("small_buffers c0 s1 for 1s bytes=4096", ["c0-s1: small_buffers 4096", "c0-s1: no small_buffers 4096"]),
    (
        "corrupt c0 s1 for 1s bytes=8 how=overwrite one_in=4 way=back",
        [
            "c0-s1: corrupt one_in_pieces=4 how=overwrite to_client",
            "c0-s1: no corrupt one_in_pieces=4 how=overwrite to_client",
        ],
    ),
    ("reset c0 s1 connections=one", ["c0-s1: break one"]),
    ("sever c0 s1", ["c0-s1: break silently"]),
    ("reset c0 s1 for 1s byte=9 connections=one", ["c0-s1: reset_at 9 once", "c0-s1: no reset_at 9 once"]),
    ("sever c0 s1 for 1s byte=9", ["c0-s1: black_hole after=9", "c0-s1: no black_hole after=9"]),
    ("refuse_connects s1 c0 for 1s", ["c0-s1: refuse_connects", "c0-s1: no refuse_connects"]),
    (
        "hang_connects s1 c0 for 1s one_in=4",
        ["c0-s1: hang_connects accepted toxicity=0.25", "c0-s1: no hang_connects accepted toxicity=0.25"],
    ),
    ("slow_accept s0 for 1s delay=7ms", ["s0: slow_accept 0.007s", "s0: no slow_accept 0.007s"]),
    (
        "partition s1 s0 for 1s",
        ["c0-s1: cut", "c0-s1: hang_connects backlog", "c0-s1: no hang_connects backlog", "c0-s1: no cut"],
    ),
    (
        "partition s1 s0 c0 for 1s first=1",
        [
            *("c0-s1: cut", "c0-s1: hang_connects backlog", "s0-s1: cut", "s0-s1: hang_connects backlog"),
            *("s0-s1: no hang_connects backlog", "s0-s1: no cut", "c0-s1: no hang_connects backlog", "c0-s1: no cut"),
        ],
    ),
]


@pytest.mark.parametrize("line, done", PLAYED, ids=[line for line, _ in PLAYED])
def test_each_kind(line: str, done: list[str]) -> None:
    # Proxies in this order; s0 as a server of all is left out where the line names nobody who uses it.
    links: tuple[LinkKey, ...] = (("c0", "s1"), ("s0", "s1"))
    stage = Stage((*links, "s0") if " s0" in line and not line.startswith("partition") else links)
    result = stage.play(f"at 1s {line}")
    assert stage.log.lines == done
    (outcome,) = result.played
    assert str(outcome.fault) == f"#1 at 1s {line}" and result.skipped == result.failed == []


def test_swizzle_brings_them_back_in_an_order_of_the_seed() -> None:
    def played(seed: int) -> list[str]:
        log = Log()
        processes = [FakeProcess(name, log) for name in "abcde"]
        plan = Plan.parse(f"seed {seed}\nat 0s swizzle a b c d e for 10s")
        assert len(play(plan, processes, {}, FAST).wait(SECONDS).played) == 1
        return log.lines

    first = played(1)
    assert first == played(1)
    assert first[:5] == [f"pause {name}" for name in "abcde"]
    assert sorted(first[5:]) == [f"resume {name}" for name in "abcde"]
    assert len({tuple(played(seed)) for seed in range(6)}) > 1


def test_what_cannot_be_played_is_reported_with_its_reason() -> None:
    stage = Stage()
    lines = {
        **{
            f"{kind} s0 for 1s{' delay=1s' * (kind == 'handler_delay')}{' ppm=5' * (kind == 'clock_drift')}"
            f"{' by=1s' * (kind == 'clock_step')}": reason
            for kind, reason in NOT_PLAYED.items()
        },
        "attack attacker": "attack is no kind of fault: an action of the scenario, perhaps",
        "kill c0 for 1s": "there is no process c0",
        "pause s0 c0 for 1s": "there is no process c0",
        "cut c7 for 1s": "no proxy is between c7 and others",
        "cut c7 s1 for 1s": "no proxy is between c7 and s1",
        "slow_accept c0 for 1s delay=1s": "no proxy is between c0 and others",
    }
    result = stage.play("".join(f"at 1s {line}\n" for line in lines))
    assert stage.log.lines == []
    assert {str(each.fault).partition(" at 1s ")[2]: each.notes[0] for each in result.skipped} == lines
    assert f"0 faults played, {len(lines)} skipped, 0 failed" in str(result)


def test_what_will_be_skipped_is_known_at_once() -> None:
    with play(Plan.parse("at 1h kill c0 for 1s\nat 2h pause s0 for 1s"), [FakeProcess("s0", Log())], {}) as run:
        assert [each.status for each in run.result.outcomes] == ["skipped", "waiting"]


def test_where_more_is_hit_than_the_plan_says_it_is_noted() -> None:
    stage = Stage(("s0",))
    (outcome,) = stage.play("at 1s cut c0 s0 for 1s way=there").played
    assert outcome.notes == ["hits all that connect to s0: they share its proxy"]
    assert stage.log.lines[0] == "s0: cut to_server"
    (crashed,) = Stage(()).play("at 1s crash s0 for 1s when=mid_write").played
    assert crashed.notes == ["when=mid_write: now", "as kill: no proxy keeps back what the system says for s0"]


def test_faults_that_overlap_do_not_heal_each_other() -> None:
    stage = Stage(())
    stage.play(
        "at 1s kill s0 for 4s\nat 2s crash s0 for 5s\nat 3s pause s0 for 8s\nat 9s pause s0 for 4s\n"
        "at 4s kill s1 for 1s\nat 5s kill s1 for 1s"
    )
    assert stage.log.lines == [
        "kill s0",
        "kill s1",
        "restart s1",
        "kill s1",
        "restart s1",
        "restart s0",
        "pause s0",
        "resume s0",
    ]


def test_hosts_may_have_other_names() -> None:
    log = Log()
    process = FakeProcess("db-1", log)
    player = play(Plan.parse("at 0s kill server0 for 1s"), {"db-1": process}, {}, FAST, hosts={"server0": "db-1"})
    assert player.wait(SECONDS).played[0].acted == 1
    assert log.lines == ["kill db-1", "restart db-1"]


def test_a_target_that_fails_is_told_and_the_others_go_on() -> None:
    log = Log()
    processes = [FakeProcess("a", log, fails_at="restart"), FakeProcess("b", log, fails_at="pause"), FakeProcess("c", log)]
    plan = Plan.parse("at 1s kill a for 1s\nat 1s pause b for 1s\nat 3s kill c for 1s")
    result = play(plan, processes, {}, FAST).wait(SECONDS)
    assert [each.fault.where for each in result.failed] == [["a"], ["b"]]
    assert "it was not healed: OSError('a does not restart')" in result.failed[0].notes[0]
    assert "it did not begin: OSError('b does not pause')" in result.failed[1].notes[0]
    assert [each.fault.where for each in result.played] == [["c"]]
    assert log.lines == ["kill a", "pause b", "resume b", "restart a", "kill c", "restart c"]


def test_stopping_heals_at_once() -> None:
    stage = Stage()
    with play(
        Plan.parse("at 0s kill s0 for 1h\nat 0s pause s1 for 1h\nat 1h kill s1 for 1s"), stage.processes, stage.proxies
    ) as run:
        wait_until("both to be hit", lambda: "pause s1" in stage.log.lines)
        with pytest.raises(TimeoutError):
            run.wait(0.01)
        assert [each.status for each in run.result.outcomes] == ["at work", "at work", "waiting"]
    assert stage.log.lines[-3:] == ["resume s1", "restart s0", "s0: no refuse_connects"]
    assert [each.status for each in run.result.outcomes] == ["played", "played", "waiting"]
    assert not run.is_running


def test_times_are_kept() -> None:
    """Not before their time; scaled."""
    begun = time.monotonic()
    stage = Stage(())
    player = play(Plan.parse("at 1s pause s0 for 1s\nat 2.5s pause s1 for 500ms"), stage.processes, {}, 0.1)
    result = player.wait(SECONDS)
    assert time.monotonic() - begun >= 0.3
    first, second = result.played
    assert first.began is not None and first.ended is not None and second.began is not None
    assert first.began >= 0.1 and first.ended >= 0.2 and second.began >= 0.25


def test_a_plan_that_is_wrong_is_not_begun() -> None:
    with pytest.raises(ValueError, match="#1 at 1s kill s0: want how long it lasts"):
        play(Plan.parse("at 1s kill s0"), [], {})
    with pytest.raises(ValueError, match="time_scale"):
        play(Plan(), [], {}, 0)


# --- On processes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def proxied_nodes(nodes: Nodes, tmp_path: Path) -> Iterator[tuple[list[RestartableNode], dict[str, FaultProxy]]]:
    with ExitStack() as stack:
        started = [RestartableNode(f"server{number}", nodes) for number in range(2)]
        yield started, {each.name: stack.enter_context(FaultProxy(each.server.address)) for each in started}


def test_a_plan_on_processes(proxied_nodes: tuple[list[RestartableNode], dict[str, FaultProxy]]) -> None:
    started, proxies = proxied_nodes
    plan = Plan.parse(
        "seed 5\n"
        "at 0s slow_link server0 for 2s latency=20ms\n"
        "at 0.2s kill server1 for 300ms\n"
        "at 0.3s pause server0 for 100ms\n"
        "at 0.6s cut caller0 server0 for 200ms\n"
        "at 0.7s handler_drop server0 for 1s\n"
        "at 0.8s crash server0 for 200ms\n"
        "at 0.9s reset caller0 server1\n"
        "at 1s restart_gracefully server1"
    )
    counts = Counts()
    has_ended = threading.Event()
    with ThreadPoolExecutor() as threads:
        calling = [threads.submit(call_all_the_time, proxy.address, has_ended, counts) for proxy in proxies.values()]
        try:
            result = play(plan, started, proxies).wait(SECONDS)
        finally:
            has_ended.set()
        for each in calling:
            each.result()
    print(result)
    assert [each.fault.what for each in result.skipped] == ["handler_drop"] and result.failed == []
    assert len(result.played) == 7
    assert [each.starts for each in started] == [2, 3]
    assert counts.answered > 0 and counts.lost > 0
    for server in started:
        with RawClient(proxies[server.name].address) as client:
            assert client.add(2, 3) == 5
        assert proxies[server.name].faults() == []
