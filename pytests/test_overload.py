"""A server that is asked for twice what it can do, by callers who wait for 200 ms and by pools that retry.

Fails when callers who still wait are not served, since the server works for others who left. The same with callers whose
deadlines do not travel (plain version 1), as a comparison.
"""

import signal
from dataclasses import dataclass
from typing import Any

import pytest

from load_reports import LoadReports
from razor_testing.node import FRAMEWORK_ERROR, Nodes, Process
from razor_testing.waiting import wait_until

WORK_US = 2000
CAPACITY = 1_000_000 // WORK_US
TIMEOUT = 0.2
# What callers ask for, as a part of the capacity: some always, more of them for the peak, and all of them for too much.
ALWAYS, FULL, TOO_MUCH = 0.5, 0.45, 1.05
WARM_UP, RECOVERY = 1.0, 1.0
REPORT_EVERY = 0.05
LONGEST = 120


@dataclass(frozen=True)
class Asked:
    """How long the phases are, in seconds, and what is to be shown."""

    peak: float
    too_much: float
    after: float
    goodput_least: float  # of the peak
    wasted_most: float  # of the work


# A busy machine does not always run the processes when they should.
SHORT = Asked(peak=1.5, too_much=4, after=1.5, goodput_least=0.8, wasted_most=0.05)
LONG = Asked(peak=5, too_much=20, after=5, goodput_least=0.9, wasted_most=0.01)


class Load:
    """Calls that begin at a rate, whether or not others are answered."""

    def __init__(self, nodes: Nodes, to: str, share: float, hello: str):
        options: dict[str, object] = {
            "interface": "worker",
            "pool": True,
            "idempotent": True,
            "hello": hello,
            "rate": share * CAPACITY,
            "timeout": TIMEOUT,
            "in_flight": 500,
            "seconds": LONGEST,
            "report_every": REPORT_EVERY,
        }
        self.process: Process = nodes.start_load(to, **options)
        self.reports = LoadReports(self.process.out_path)

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)


@dataclass(frozen=True)
class Moment:
    """What has happened so far: of each load, and at the server."""

    reports: list[dict[str, Any]]
    counts: dict[str, int]


@dataclass(frozen=True)
class Phase:
    good: float  # calls a second that were answered in time
    asked: float  # calls a second
    worked: int
    wasted: int

    @property
    def wasted_share(self) -> float:
        return self.wasted / max(self.worked, 1)

    def __str__(self) -> str:
        return f"{self.good:.0f} of {self.asked:.0f} calls/s, {100 * self.wasted_share:.2f} % of the work wasted"


class Service:
    """A server of a fixed capacity, and its callers."""

    def __init__(self, nodes: Nodes, hello: str, *options: str):
        self.hello = hello
        self.options = options
        self._nodes = nodes
        self._server = nodes.serve(options=("--work-us", str(WORK_US), "--close-limit", "0.5", *options))
        self.loads: list[Load] = []

    def add(self, share: float) -> None:
        self.loads.append(Load(self._nodes, self._server.address, share, self.hello))

    def now(self) -> Moment:
        counts: list[dict[str, int]] = []
        wait_until("the counts of the server", lambda: self._has_told(counts))
        return Moment([load.reports.now for load in self.loads], counts[0])

    def _has_told(self, counts: list[dict[str, int]]) -> bool:
        """A server that is full refuses this call, too."""
        finished = self._nodes.call(self._server.address, "WorkerService.counts")
        if finished.status == FRAMEWORK_ERROR and finished.call_error[0] == "overloaded":
            return False
        counts.append(finished.result)
        return True

    def since(self, before: Moment) -> Phase:
        now = self.now()
        good = asked = 0.0
        for first, last in zip(before.reports, now.reports):
            seconds = last["at"] - first["at"]
            good += (last["calls"] - first["calls"]) / seconds
            asked += (last["submitted"] - first["submitted"]) / seconds
        worked, wasted = (now.counts[name] - before.counts[name] for name in ("worked", "wasted"))
        return Phase(good, asked, worked, wasted)

    def has_run_for(self, seconds: float, since: float) -> bool:
        return bool(self.loads[0].reports.now["at"] >= since + seconds)

    @property
    def at(self) -> float:
        return float(self.loads[0].reports.now["at"])


class Course:
    """The same, at the same time, for each service."""

    def __init__(self, services: list[Service]):
        self.services = services

    def add(self, share: float) -> None:
        for service in self.services:
            service.add(share)

    def pass_time(self, seconds: float) -> None:
        begun = [service.at for service in self.services]
        wait_until(
            f"{seconds} s of load",
            lambda: all(service.has_run_for(seconds, at) for service, at in zip(self.services, begun)),
            seconds + 20,
        )

    def measure(self, seconds: float) -> list[Phase]:
        before = [service.now() for service in self.services]
        self.pass_time(seconds)
        return [service.since(moment) for service, moment in zip(self.services, before)]

    def leave_only_the_first(self) -> None:
        for service in self.services:
            for load in service.loads[1:]:
                load.end()
            del service.loads[1:]


@pytest.mark.parametrize("asked", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.long)])
def test_a_server_serves_as_many_as_it_can(nodes: Nodes, asked: Asked) -> None:
    # The last one has no deadlines, and refuses what it cannot do in half of the time that callers wait.
    limited = ("--handlers-max", str(int(CAPACITY * TIMEOUT / 2)))
    course = Course([Service(nodes, "auto"), Service(nodes, "off"), Service(nodes, "off", *limited)])
    course.add(ALWAYS)
    course.add(FULL)
    course.pass_time(WARM_UP)
    peak = course.measure(asked.peak)
    course.add(TOO_MUCH)
    too_much = course.measure(asked.too_much)
    course.leave_only_the_first()
    course.pass_time(RECOVERY)
    after = course.measure(asked.after)
    for i, service in enumerate(course.services):
        name = f"hello {service.hello}, {' '.join(service.options) or 'no limit'}"
        print(f"{name}: peak: {peak[i]}; twice the capacity: {too_much[i]}; after: {after[i]}")
        service.loads[0].end()

    for i in (0, 2):
        assert peak[i].good >= asked.goodput_least * peak[i].asked, "less than the capacity is asked for"
        assert too_much[i].asked >= 1.8 * CAPACITY
        assert too_much[i].good >= asked.goodput_least * peak[i].good
        assert too_much[i].wasted_share <= asked.wasted_most
        assert after[i].good >= 0.95 * after[i].asked
    assert too_much[0].good >= 2 * too_much[1].good, "deadlines that travel make the difference"
    assert too_much[1].wasted_share >= 0.5
