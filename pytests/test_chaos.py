"""razor_chaos: faults in the background, the same ones for the same seed, and all healed behind the block.

Fails when a seed or a printed plan does not repeat what happened, when more happens at a time than is allowed, or kinds that
are not, or when something is left broken.
"""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from fake_targets import FakeProcess, FakeProxy, Log
from razor_testing.chaos import DRAWS, KINDS, draw_faults, razor_chaos
from razor_testing.node import Nodes
from razor_testing.plan import Plan, PlannedFault
from razor_testing.plan_kinds import what_is_wrong
from razor_testing.plan_values import SECOND, UNITS
from razor_testing.play_kinds import PLAYED
from razor_testing.play_targets import LinkKey, Targets
from razor_testing.proxy import FaultProxy
from razor_testing.raw_client import RawClient
from razor_testing.waiting import wait_until
from restartable import Counts, RestartableNode, call_all_the_time

ALL = tuple(DRAWS)


def targets() -> tuple[Log, list[FakeProcess], dict[LinkKey, FakeProxy]]:
    log = Log()
    links: list[LinkKey] = ["s0", ("c0", "s1"), ("c1", "s1")]
    return log, [FakeProcess(name, log) for name in ("s0", "s1", "s2")], {key: FakeProxy(str(key), log) for key in links}


def drawn(seed: int, count: int, kinds: tuple[str, ...] = ALL, at_most: int = 1) -> list[PlannedFault]:
    _, processes, proxies = targets()
    faults = draw_faults(seed, Targets(processes, proxies), kinds, 1.0, at_most, (0.1, 3.0))
    return list(itertools.islice(faults, count))


def test_every_kind_that_can_be_played_is_drawn_and_is_a_plan() -> None:
    faults = drawn(1, 1000)
    assert {fault.what for fault in faults} == set(PLAYED)
    for fault in faults:
        assert what_is_wrong(fault) == "", fault
    text = str(Plan(seed=1, faults=faults))
    assert str(Plan.parse(text)) == text
    spans = [after.at - before.at for before, after in itertools.pairwise(faults)]
    assert min(spans) >= 0.5 * SECOND


@pytest.mark.parametrize("at_most", [1, 3])
def test_no_more_at_a_time(at_most: int) -> None:
    faults = drawn(2, 300, KINDS, at_most)
    at_work = [sum(other.at <= fault.at < other.at + other.lasts for other in faults) for fault in faults]
    assert max(at_work) == at_most
    assert faults == sorted(faults, key=lambda fault: fault.at)


def test_seeds_repeat() -> None:
    assert drawn(3, 50) == drawn(3, 50) != drawn(4, 50)


def test_only_kinds_that_are_possible() -> None:
    log = Log()
    alone = Targets([FakeProcess("s0", log)], {})
    faults = itertools.islice(draw_faults(1, alone, KINDS, 1, 1, (0.1, 1)), 50)
    assert {fault.what for fault in faults} == {"kill", "pause"}
    with pytest.raises(ValueError, match="no processes or proxies for cut"):
        razor_chaos(1, processes=[FakeProcess("s0", log)], kinds=("cut",))


def test_wrong_arguments_are_told() -> None:
    for wrong in ({"kinds": ("earthquake",)}, {"every": 0.0}, {"at_most": 0}, {"lasts": (2.0, 1.0)}):
        with pytest.raises(ValueError, match="razor_chaos"):
            razor_chaos(1, processes=[FakeProcess("s0", Log())], **wrong)  # type: ignore[arg-type]


def test_all_is_healed_and_the_plan_printed(capsys: pytest.CaptureFixture[str]) -> None:
    log, processes, proxies = targets()
    chaos = razor_chaos(5, processes=processes, proxies=proxies, every=0.01, at_most=2, lasts=(0.01, 1000.0))
    with chaos:
        wait_until("some to be at work", lambda: len(chaos.plan.faults) >= 2)
    assert chaos.result.failed == []
    # What was begun is undone, as often.
    for begins, ends in (("kill ", "restart "), ("pause ", "resume ")):
        for process in processes:
            assert log.lines.count(begins + process.name) == log.lines.count(ends + process.name)
    begun = [line for line in log.lines if ": " in line and ": no " not in line and ": break" not in line]
    ended = [line.replace(": no ", ": ") for line in log.lines if ": no " in line]
    assert sorted(begun) == sorted(ended)
    printed = capsys.readouterr().out
    assert printed.startswith("# razor_chaos: seed 5, kinds kill pause cut")
    assert Plan.parse(printed) == chaos.plan


def test_a_printed_plan_is_played_again() -> None:
    log, processes, proxies = targets()
    with razor_chaos(6, processes=processes, proxies=proxies, every=0.005, lasts=(0.001, 0.005)) as chaos:
        wait_until("some to have been", lambda: len(chaos.result.played) >= 10)
    plan = Plan.parse(str(chaos.plan))
    plan.faults = plan.faults[:10]
    again_log, processes, proxies = targets()
    with razor_chaos(0, processes=processes, proxies=proxies, plan=plan) as again:
        wait_until("all to have been", lambda: len(again.result.played) == 10)
    assert again.plan == plan
    assert again_log.lines == log.lines[: len(again_log.lines)]


def test_chaos_among_processes(nodes: Nodes) -> None:
    """No wrong result meanwhile, and all servers serve behind it."""
    servers = [RestartableNode(f"s{number}", nodes) for number in range(2)]
    counts = Counts()
    has_ended = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        proxies = {each.name: stack.enter_context(FaultProxy(each.server.address)) for each in servers}
        calling = [threads.submit(call_all_the_time, proxy.address, has_ended, counts, 0.2) for proxy in proxies.values()]
        try:
            with razor_chaos(11, processes=servers, proxies=proxies, every=0.1, at_most=2, lasts=(0.02, 0.2)) as chaos:
                wait_until("some faults to have been", lambda: len(chaos.result.played) >= 12)
        finally:
            has_ended.set()
        for each in calling:
            each.result()
        assert counts.answered > 0 and counts.lost > 0
        for proxy in proxies.values():
            with RawClient(proxy.address) as client:
                assert client.add(2, 3) == 5


def test_what_cannot_be_healed_fails_the_test() -> None:
    processes = [FakeProcess("s0", Log(), fails_at="restart")]
    plan = Plan(faults=[PlannedFault("kill", ["s0"], 0, UNITS["ms"], {}, 1)])
    with pytest.raises(AssertionError, match="not healed"):
        with razor_chaos(1, processes=processes, plan=plan) as chaos:
            wait_until("it to fail", lambda: len(chaos.result.failed) == 1)
    with pytest.raises(ZeroDivisionError):  # the test's own failure says more
        with razor_chaos(1, processes=processes, plan=plan) as chaos:
            wait_until("it to fail", lambda: len(chaos.result.failed) == 1)
            1 / 0
