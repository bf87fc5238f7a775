"""Trial: servers, a load on all of them through one pool, faults, and what every call came to."""

import itertools
import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from load_reports import LoadReports
from razor_testing import ledger, limits
from razor_testing.address import HANG_SECONDS
from razor_testing.cluster import Cluster
from razor_testing.history import History
from razor_testing.history_lines import HistoryError
from razor_testing.process import ServiceProcess
from razor_testing.proxy import FaultProxy
from razor_testing.spawning import Limits
from razor_testing.waiting import wait_until

SERVERS = 3
IN_FLIGHT, WINDOW, RATE = 32, 8, 4000
# How often a load says where it is: what is measured by that is late by as much.
REPORT_EVERY = 0.1
# Ends a load that nobody ended.
LOAD_SECONDS = 3600.0
LOAD_ENDS_WITHIN = limits.at_most(5.0 + 1.0)  # close() of the pool, and its report
SHOWN_MAX = 5


@dataclass
class Result:
    """What came of one trial."""

    calls: int = 0  # with a result
    failed: dict[str, int] = field(default_factory=dict)
    # Each time something was over: how long it took until every server answered calls again, and how long it may take.
    recovered: list[tuple[float, float]] = field(default_factory=list)
    slowest_ms: float = 0.0
    broken: list[str] = field(default_factory=list)
    timeline: list[str] = field(default_factory=list)


class Load(LoadReports):
    """A `razor_node load --pool` that writes its history, and what it said last."""

    def __init__(self, process: ServiceProcess):
        super().__init__(process.out_path)
        self.process = process

    def attempts(self) -> dict[str, int]:
        """How often each address was asked so far."""
        return {one["address"]: one["attempts"] for one in self.now["pool"]["addresses"]}

    def is_answered_since(self, before: dict[str, int]) -> bool:
        """Each address has answered since it was asked as often as `before` says: it was asked more often since than it
        owes answers. To be asked is not enough: what a connection took may have gone nowhere."""
        now = {one["address"]: one["attempts"] - one["in_flight"] for one in self.now["pool"]["addresses"]}
        return all(now.get(one, 0) > count for one, count in before.items())

    def end(self) -> dict[str, Any]:
        """Ctrl-C, and its last report."""
        self.process.signal(signal.SIGINT)
        self.process.wait(LOAD_ENDS_WITHIN)
        report: dict[str, Any] = json.loads(self.process.out.splitlines()[-1])
        return report


class Trial:
    """Use as `with Trial(...) as trial:`; the result is judged behind the block, and is complete then."""

    def __init__(
        self,
        directory: Path,
        node: Path,
        *,
        seed: int,
        allowed: frozenset[str] = frozenset(),
        servers: int = SERVERS,
        proxied: bool = False,
        idempotent: bool = True,
        server_limits: Limits = Limits(),
        load_limits: Limits = Limits(),
        load: dict[str, object] | None = None,
    ):
        """`allowed`: how calls may fail, as razor_node load names it: "connection_lost (ran: maybe)". `load`: options."""
        self.chance = random.Random(seed)
        self.result = Result()
        self._allowed = allowed
        self._is_idempotent = idempotent
        self._node = str(node)
        self._load_limits = load_limits
        options: dict[str, object] = {"in_flight": IN_FLIGHT, "window": WINDOW, "rate": RATE, "timeout": 20}
        self._load_options = options | (load or {})
        self._server_limits = server_limits
        self._counts = (servers, proxied)
        directory.mkdir(parents=True, exist_ok=True)
        self._addresses = directory / "addresses"
        self.history = History(directory / "history.jsonl")
        self.cluster = Cluster(directory, draw_seed=lambda: self.chance.randrange(1 << 32))
        self._load_numbers = itertools.count(1)
        self._loads: list[Load] = []

    # --- Who takes part ---------------------------------------------------------------------------------------------

    @property
    def servers(self) -> list[ServiceProcess]:
        return [process for process in self.cluster.processes if process.name.startswith("server")]

    def draw_server(self) -> ServiceProcess:
        return self.chance.choice(self.servers)

    def proxy_of(self, server: ServiceProcess) -> FaultProxy:
        return self.cluster.proxy(server.name)

    @property
    def proxies(self) -> list[FaultProxy]:
        return [self.proxy_of(server) for server in self.servers]

    @property
    def load(self) -> Load:
        return self._loads[-1]

    def add_server(self) -> ServiceProcess:
        name = f"server{len(self.servers) + 1}"
        return self.cluster.start(
            name,
            [self._node, "serve", "--listen", "{address}", "--history", str(self.history.file_for(name))],
            ready=r"^listening (\S+)$",
            limits=self._server_limits,
            proxied=self._counts[1],
        )

    def start_load(self) -> Load:
        name = f"load{next(self._load_numbers)}"
        self.write_addresses([self.cluster.address(server.name) for server in self.servers])
        options = [word for key, value in self._load_options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        command = [
            *(self._node, "load", "--pool", "--json", "--report-every", str(REPORT_EVERY), "--seconds", str(LOAD_SECONDS)),
            *(["--idempotent"] if self._is_idempotent else []),
            *("--addresses", str(self._addresses), "--history", str(self.history.file_for(name)), *options),
        ]
        process = self.cluster.start(name, command, ready=None, keeps_running=False, limits=self._load_limits)
        self._loads.append(Load(process))
        return self.load

    def write_addresses(self, addresses: list[str]) -> None:
        """What the next load calls, and this one once it gets a SIGHUP."""
        self._addresses.write_text("".join(f"{one}\n" for one in addresses), encoding="utf-8")

    # --- What happens -----------------------------------------------------------------------------------------------

    def calls_go_on(self, count: int = 200, seconds: float = HANG_SECONDS) -> None:
        """So many more calls succeed."""
        before = self.load.now["calls"]
        wait_until(f"{count} more calls", lambda: bool(self.load.now["calls"] >= before + count), seconds)

    def while_calls_go_on(self, seconds: float) -> None:
        """So long, in which calls succeed."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.calls_go_on(20)

    def passes(self, seconds: float) -> None:
        """So long, in which nothing is expected of calls."""
        until = self.load.now["at"] + seconds
        wait_until(f"{seconds} s to pass", lambda: bool(self.load.now["at"] >= until), seconds + HANG_SECONDS)

    def recovers(self, within: float) -> None:
        """All is well again: every server answers calls. `within`: what is promised, of a quiet machine."""
        begun = time.monotonic()
        before = self.load.attempts()
        calls = self.load.now["calls"]

        def are_used() -> bool:
            return self.load.is_answered_since(before) and bool(self.load.now["calls"] > calls)

        try:
            wait_until("every server to answer calls", are_used, limits.at_most(within) + HANG_SECONDS)
        except AssertionError as never:
            self.result.broken.append(f"27: {never}")
        took = time.monotonic() - begun
        self.result.recovered.append((took, within))
        if took > limits.at_most(within):
            self.result.broken.append(f"27: every server answered calls again after {took:.2f} s, not within {within:.2f} s")

    # --- Beginning and end ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            for _ in range(self._counts[0]):
                self.add_server()
            self.start_load()
            self.calls_go_on()
        except BaseException:
            self.cluster.close()
            self.history.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.end_load()
        finally:
            complaints = self.cluster.close()
            self.history.close()
            self.result.timeline = self.cluster.timeline()
        self.result.broken += complaints
        if kind is None:
            self._judge()

    def end_load(self) -> None:
        """Ends the load, and counts what it did."""
        report = self.load.end()
        self.result.calls += report["ended"] - sum(report["errors"].values())
        self.result.slowest_ms = max(self.result.slowest_ms, report["slowest_ms"])
        for failure, count in report["errors"].items():
            self.result.failed[failure] = self.result.failed.get(failure, 0) + count
        if report["submitted"] != report["ended"]:
            self.result.broken.append(f"1: {report['submitted']} calls began, and {report['ended']} ended")

    def _judge(self) -> None:
        for failure in sorted(self.result.failed.keys() - self._allowed):
            self.result.broken.append(f"{self.result.failed[failure]} calls failed: {failure}")
        rules = ledger.Rules(runs_max=None if self._is_idempotent else 1, is_ran_recorded=True, is_all_complete=True)
        try:
            findings = ledger.check(self.history, rules)
        except HistoryError as unreadable:
            self.result.broken.append(str(unreadable))
            return
        self.result.broken += [str(finding) for finding in findings[:SHOWN_MAX]]
        if len(findings) > SHOWN_MAX:
            self.result.broken.append(f"and {len(findings) - SHOWN_MAX} more")


@contextmanager
def fault(begin: Callable[[], Any], end: Callable[[], Any]) -> Iterator[None]:
    """`end` comes behind the block, whatever happens in it."""
    begin()
    try:
        yield
    finally:
        end()
