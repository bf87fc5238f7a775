"""What a process uses more and more of is found, and what goes up and down is not.

Fails when a leak of descriptors, threads or memory is not told, or a level of them is.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_service import ask, toy

from razor_testing import process_stats
from razor_testing.cluster import Cluster
from razor_testing.drift import Allowance, DriftCheck
from razor_testing.process import ProcessFailure, ServiceProcess
from razor_testing.process_stats import Usage
from razor_testing.waiting import wait_until

MEGABYTE = 1 << 20


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServiceProcess]:
    cluster = Cluster(tmp_path)
    yield cluster.start("a", toy())
    assert cluster.close() == []


class Sampled:
    """A check whose samples are given."""

    def __init__(self, process: ServiceProcess, monkeypatch: pytest.MonkeyPatch, allowance: Allowance = Allowance()):
        self.check = DriftCheck(process, allowance=allowance)
        self._monkeypatch = monkeypatch

    def take(self, resident_megabytes: float = 50, descriptors: int = 20, threads: int = 4) -> None:
        usage = Usage(int(resident_megabytes * MEGABYTE), descriptors, threads, 0.0)
        self._monkeypatch.setattr(process_stats, "usage", lambda pid: usage)
        self.check.sample()


@pytest.mark.parametrize("leak, finding", [("open 3", "open descriptors grew from "), ("thread", "threads grew from ")])
def test_leak_of_a_real_process_is_found(process: ServiceProcess, leak: str, finding: str) -> None:
    check = DriftCheck(process)
    for _ in range(9):
        check.sample()
        assert ask(process.address, leak) == "done"
    # A connection of ask() may be open in one sample, and not in another one.
    (told,) = [told for told in check.findings() if finding in told]
    assert told.startswith(f"a (pid {process.pid}): {finding}")
    assert " over 9 samples in " in told


def test_leak_of_memory_of_a_real_process_is_found(process: ServiceProcess) -> None:
    check = DriftCheck(process)
    for _ in range(6):
        check.sample()
        assert ask(process.address, f"eat {8 * MEGABYTE}") == "done"
    (told,) = [told for told in check.findings() if "resident memory" in told]
    assert " MB to " in told


def test_samples_are_taken_in_the_background(process: ServiceProcess) -> None:
    with DriftCheck([process], every=0.01) as drift:
        wait_until("samples", lambda: drift.samples >= 8)
    assert drift.findings() == []
    taken = drift.samples
    with pytest.raises(ValueError, match="every is 0 seconds"):
        DriftCheck(process, every=0)
    assert drift.samples == taken


def test_what_goes_up_and_down_is_no_drift(process: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = Sampled(process, monkeypatch)
    for at in range(30):
        sampled.take(50 + 20 * (at % 3), 20 + at % 5, 4 + at % 2)
    assert sampled.check.findings() == []


def test_each_thing_that_grew_is_told(process: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = Sampled(process, monkeypatch)
    for at in range(9):
        sampled.take(50 + 3 * at, 20 + at, 4 + at // 4)
    found = [told.split(": ")[1].split(" over ")[0] for told in sampled.check.findings()]
    assert found == [
        "resident memory grew from 56.0 MB to 68.0 MB",
        "open descriptors grew from 22 to 26",
        "threads grew from 4 to 5",
    ]


def test_what_is_allowed_may_grow(process: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = Sampled(process, monkeypatch, Allowance(resident_bytes=0, resident_share=0.5, descriptors=4, threads=1))
    for at in range(9):
        sampled.take(50 + 3 * at, 20 + at, 4 + at // 4)
    assert sampled.check.findings() == []
    small = Sampled(process, monkeypatch)
    for at in range(9):
        small.take(10 + 1 * at)
    assert small.check.findings() == [], "8 MB of a small process"


def test_few_samples_say_nothing(process: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = Sampled(process, monkeypatch)
    for at in range(5):
        sampled.take(descriptors=20 + 10 * at)
    assert sampled.check.findings() == []
    sampled.take(descriptors=70)
    assert len(sampled.check.findings()) == 1


def test_restart_begins_anew(process: ServiceProcess) -> None:
    check = DriftCheck(process)
    for _ in range(4):
        check.sample()
    assert ask(process.address, "open 5") == "done"
    process.kill()
    check.sample()
    with pytest.raises(ProcessFailure, match="has ended: nothing is known of its memory"):
        process.usage()
    process.start()
    for _ in range(5):
        check.sample()
    assert check.samples == 9
    assert check.findings() == []
