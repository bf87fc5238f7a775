"""The pytest plugin: fixtures that start, break and judge clusters of real processes.

pytests/README.md says how to use it.
"""

import contextlib
import importlib
import os
import random
import shlex
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from razor_testing.cluster import Cluster
from razor_testing.namespaces import Network
from razor_testing.report import DIRECTORY_PROPERTY, Record, Seed

if TYPE_CHECKING:  # what others than processes need is imported when a test asks for it
    from razor_testing.proxy import FaultProxy

SEED_VARIABLE = "RAZOR_SEED"
SEED_LIMIT = 1 << 64
MARKERS = (
    "razor_timeout(seconds): fails the test when its body takes longer",
    "razor_ignore_log(pattern): lines of logs that match the regular expression are not complained about",
)
RECORD = pytest.StashKey[Record]()
# What the fixture razor_cluster is.
MakeCluster = Callable[[], Cluster]


class MakeProxy(Protocol):
    """What the fixture razor_proxy is."""

    def __call__(
        self,
        to: str,
        *,
        listen: str = "127.0.0.1:0",
        seed: int | None = None,
        buffer_bytes: int = ...,
        socket_buffer_bytes: int | None = None,
    ) -> "FaultProxy":
        """A proxy to this address, which is closed behind the test: see FaultProxy. Without a seed it is drawn."""


# Options.


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("razor", "razor: clusters of real processes under faults")
    group.addoption(
        "--razor-node", metavar="CMD", help="the command that razor_cluster starts, with {address} where it listens"
    )
    group.addoption("--razor-seed", metavar="N", help="repeats what tests drew (default: each test draws a seed)")
    group.addoption("--razor-keep", action="store_true", help="keep the output of processes also of tests that pass")
    group.addoption("--razor-plan", metavar="FILE", help="a fault plan, for tests that play one")
    parser.addini("razor_node", "as --razor-node; a relative program is one of the root directory", default="")
    parser.addini("razor_seed", "as --razor-seed", default="")
    parser.addini("razor_keep", "as --razor-keep", type="bool", default=False)
    parser.addini("razor_plan", "as --razor-plan; a relative file is one of the root directory", default="")
    parser.addini(
        "razor_ignore_log", "regular expressions, one a line: as the marker, for all tests", type="linelist", default=[]
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    config.option.razor_keep = config.option.razor_keep or config.getini("razor_keep")
    # What is wrong is told before a test runs.
    _node_command(config)
    _seed_given(config)
    plan = _plan_path(config)
    if plan is not None and not plan.is_file():
        raise pytest.UsageError(f"--razor-plan: no such file: {plan}")


def _node_command(config: pytest.Config) -> list[str]:
    given = config.getoption("razor_node")
    try:
        words = shlex.split(given or config.getini("razor_node"))
    except ValueError as error:
        raise pytest.UsageError(f"--razor-node: {error}: {given or config.getini('razor_node')}") from None
    if words and not given and "/" in words[0]:
        words[0] = str(config.rootpath / words[0])
    return words


def _seed_given(config: pytest.Config) -> int | None:
    given = config.getoption("razor_seed") or os.environ.get(SEED_VARIABLE) or config.getini("razor_seed")
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 20 or int(given) >= SEED_LIMIT:
        raise pytest.UsageError(f"--razor-seed: must be a number from 0 to 2^64-1: {given[:100]}")
    return int(given)


def _plan_path(config: pytest.Config) -> Path | None:
    if given := config.getoption("razor_plan"):
        return Path(config.invocation_params.dir / given)
    return config.rootpath / in_file if (in_file := config.getini("razor_plan")) else None


# What is told of a failed test.


def _record_of(item: pytest.Item) -> Record:
    if RECORD not in item.stash:
        given = _seed_given(item.config)
        item.stash[RECORD] = Record(item, lambda: random.SystemRandom().randrange(1 << 32) if given is None else given)
    return item.stash[RECORD]


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]  # Debian's pluggy has no types
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    record = item.stash.get(RECORD, None)
    if record is None:
        return
    if report.failed:
        record.failed = True
        if not record.told:
            record.told = True
            report.sections += record.sections()
    if report.when == "teardown":
        record.clean()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """With --razor-keep: where the output is."""
    kept = {
        f"{report.nodeid}: {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == DIRECTORY_PROPERTY
    }
    if kept:
        terminalreporter.section("razor: output of processes")
        for line in sorted(kept):
            terminalreporter.line(line)


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]  # Debian's pluggy has no types
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    """Keeps to the marker razor_timeout. The alarm interrupts what waits in the main thread, where pytest runs tests."""
    marker = item.get_closest_marker("razor_timeout")
    if marker is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    seconds = marker.args[0] if len(marker.args) == 1 and not marker.kwargs else None
    if not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise pytest.UsageError(f"{item.nodeid}: razor_timeout(seconds) takes one number above 0")

    def fail(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"still ran after {seconds} s (razor_timeout)")

    handler_before = signal.signal(signal.SIGALRM, fail)
    timer_before = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer_before)
        signal.signal(signal.SIGALRM, handler_before)


# Fixtures. What others than processes need is imported when a test asks for it.


@pytest.fixture
def razor_seed(request: pytest.FixtureRequest) -> Seed:
    """Chance that can be repeated: a random.Random whose seed, `.number`, is printed, and told when the test fails."""
    return _record_of(request.node).seed


@pytest.fixture
def razor_cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeCluster]:
    """Makes clusters, whose processes are ended behind the test. It fails when something is wrong with one of them."""
    record = _record_of(request.node)
    ignored = [pattern for marker in request.node.iter_markers("razor_ignore_log") for pattern in marker.args]
    ignored += request.config.getini("razor_ignore_log")

    def make() -> Cluster:
        directory = record.directory(tmp_path) / f"cluster{len(record.clusters) + 1}"
        directory.mkdir()
        cluster = Cluster(
            directory,
            command=_node_command(request.config),
            ignored_alarms=ignored,
            draw_seed=record.draw_proxy_seed,
        )
        record.clusters.append(cluster)
        return cluster

    try:
        yield make
    finally:
        complaints = [complaint for cluster in record.clusters for complaint in cluster.close()]
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def razor_proxy(request: pytest.FixtureRequest) -> Iterator[MakeProxy]:
    """Makes fault proxies: razor_proxy(address) is a razor_testing.proxy.FaultProxy, which is closed behind the test."""
    from razor_testing.proxy import FaultProxy

    record = _record_of(request.node)
    with contextlib.ExitStack() as open_proxies:

        def make(to: str, *, seed: int | None = None, **options: Any) -> FaultProxy:
            drawn = record.draw_proxy_seed()  # in any case: the seeds of later ones depend on how many there were
            proxy = open_proxies.enter_context(FaultProxy(to, seed=drawn if seed is None else seed, **options))
            record.proxies.append(proxy)
            return proxy

        yield make


class ClientMaker:
    """razor_client(address) is a razor_testing.client.Client, which is closed behind the test."""

    def __init__(self, module: Any, opened: contextlib.ExitStack):
        self._module, self._opened = module, opened

    def __call__(self, address: str, **options: Any) -> Any:
        return self._opened.enter_context(self._module.Client(address, **options))

    def asynchronous(self, address: str, **options: Any) -> Any:
        """An AsyncClient: use it with `async with`, which closes it."""
        return self._module.AsyncClient(address, **options)


@pytest.fixture
def razor_network(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Network]:
    """A network whose hosts are namespaces. The test is skipped, with the reason, where there can be none.

    Ask for it before razor_cluster: then the processes in it end before it does."""
    record = _record_of(request.node)
    directory = record.directory(tmp_path) / "network"
    directory.mkdir()
    with Network(directory, draw_seed=record.draw_proxy_seed, on_missing=pytest.skip) as network:
        record.network = network
        yield network


@pytest.fixture
def razor_client() -> Iterator[ClientMaker]:
    """Makes clients that speak the protocol themselves, without the library: see ClientMaker."""
    with contextlib.ExitStack() as opened:
        yield ClientMaker(importlib.import_module("razor_testing.client"), opened)


@pytest.fixture
def razor_history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A razor_testing.history.History, which records calls and what came of them; it is told when the test fails."""
    record = _record_of(request.node)
    path = record.directory(tmp_path) / "history.jsonl"
    with importlib.import_module("razor_testing.history").History(path) as history:
        record.histories.append(history)
        yield history


@pytest.fixture
def razor_plan(request: pytest.FixtureRequest) -> Any:
    """The razor_testing.plan.Plan of --razor-plan; None without one."""
    path = _plan_path(request.config)
    return importlib.import_module("razor_testing.plan").Plan.load(path) if path is not None else None


@pytest.fixture
def razor_chaos() -> Any:
    """The function razor_testing.chaos.razor_chaos, which draws faults in the background of a with statement."""
    return importlib.import_module("razor_testing.chaos").razor_chaos
