"""Tests of razor_node as a process: over sockets, in real time, against friends and enemies written in Python.

    ci/build razor_node && /usr/bin/python3 -m pytest

razor_testing/ is the package that users install (README.md); ../conftest.py loads its plugin. node.py starts processes;
wire.py is an independent protocol version 1, which raw_client.py and raw_server.py speak as a test tells them; golden.py has
the frames of the reference; limits.py the promised times.
RAZOR_NODE names another binary than build/tests/razor_node, RAZOR_SEED repeats what a test drew, --long runs also the tests
that take minutes, which ci/test samples.
"""

import contextlib
import random
import resource
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxied import Proxied
from razor_testing import address, node
from razor_testing.node import Nodes
from razor_testing.raw_server import RawServer, Script

LONG_OPTION, LONG_MARK = "--long", "long"
# For a thousand connections, at both ends: processes that are started inherit it.
DESCRIPTORS = 8192
# Honest clients share this Python with dozens of attackers, and measure how long the server makes them wait.
SWITCH_SECONDS = 0.0005


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    for plugin in ("pytester", "razor_testing.plugin"):  # unless tests/conftest.py has loaded them
        pluginmanager.import_plugin(plugin)
    parser.addoption(LONG_OPTION, action="store_true", help="run also what takes minutes (ci/test --long)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked as long is left out, unless it is asked for."""
    if config.getoption(LONG_OPTION, False):  # pytest knows the option only where it is told of this folder
        return
    left_out = [item for item in items if item.get_closest_marker(LONG_MARK) is not None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly or not session.items:
        return
    try:
        node.binary()
    except node.NotBuilt as missing:
        pytest.exit(str(missing), returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_sessionstart() -> None:
    # Who is started in the background ignores Ctrl-C, and so would all that tests start, and interrupt.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.setswitchinterval(SWITCH_SECONDS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, DESCRIPTORS)), hard))


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]  # Debian's pluggy has no types
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Adds the logs of the processes to the report of a failed test."""
    outcome = yield
    report = outcome.get_result()
    nodes = getattr(item, "funcargs", {}).get("nodes")
    if report.failed and isinstance(nodes, Nodes):
        report.sections.append(("razor_node", nodes.describe()))


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Starts processes of razor_node; all are ended behind the test, which fails when something is wrong with one."""
    with node.running_nodes(tmp_path) as running:
        yield running


@pytest.fixture
def raw_server() -> Iterator[Callable[[Script], RawServer]]:
    """Starts servers that run a script for each connection."""
    with contextlib.ExitStack() as servers:

        def start(script: Script) -> RawServer:
            server = RawServer(script)
            servers.callback(server.close)
            return server

        yield start


@pytest.fixture
def socket_directory() -> Iterator[Path]:
    """For Unix sockets."""
    with address.socket_directory() as directory:
        yield directory


@pytest.fixture(params=["tcp", "unix"])
def proxied(request: pytest.FixtureRequest, socket_directory: Path) -> Iterator[Proxied]:
    """A fault proxy's servers and clients, over TCP and over Unix sockets."""
    with contextlib.ExitStack() as stack:
        yield Proxied(stack, request.param == "unix", socket_directory)


@pytest.fixture
def tcp(socket_directory: Path) -> Iterator[Proxied]:
    with contextlib.ExitStack() as stack:
        yield Proxied(stack, False, socket_directory)


@pytest.fixture
def unix(socket_directory: Path) -> Iterator[Proxied]:
    with contextlib.ExitStack() as stack:
        yield Proxied(stack, True, socket_directory)


@pytest.fixture
def seeded(razor_seed: random.Random) -> random.Random:
    """Chance that can be repeated: the seed is printed, and shown when the test fails."""
    return razor_seed
