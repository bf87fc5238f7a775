"""Processes of razor_node: started by a test, and ended with it.

They are processes as users of the package start theirs, with what tests of razor_node know of its commands.
"""

import contextlib
import itertools
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from razor_testing import address, limits, process

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY_VARIABLE = "RAZOR_NODE"
DEFAULT_BINARY = ROOT / "build" / "tests" / "razor_node"

# Exit statuses of razor_node.
OK, APPLICATION_ERROR, FRAMEWORK_ERROR, USAGE_ERROR = 0, 1, 2, 64


class NotBuilt(Exception):
    """There is no razor_node to test; the text says what to do."""


def binary() -> Path:
    named = os.environ.get(BINARY_VARIABLE)
    path = Path(named) if named else DEFAULT_BINARY
    if not path.is_file() or not os.access(path, os.X_OK):
        raise NotBuilt(
            f"razor_node is not at {path}: build it with `ci/build razor_node`, or say where it is with {BINARY_VARIABLE}"
        )
    return path


def is_sanitized(path: Path) -> bool:
    """Sanitizers hold on to freed memory: then a process's size says nothing about the library."""
    return b"__asan_init" in path.read_bytes() or b"__tsan_init" in path.read_bytes()


class Finished(process.Finished):
    """How a command ended."""

    @property
    def result(self) -> Any:
        """What a call that succeeded printed."""
        assert self.status == OK, self
        assert self.err == "", self
        printed: dict[str, Any] = json.loads(self.out)
        return printed

    @property
    def error(self) -> Any:
        """The application's error, which a call printed."""
        assert self.status == APPLICATION_ERROR, self
        return self._printed_error()["error"]

    @property
    def call_error(self) -> tuple[str, str]:
        """The framework's error, and whether the call ran."""
        assert self.status == FRAMEWORK_ERROR, self
        printed = self._printed_error()
        assert set(printed) == {"call_error", "ran", "detail"}, self
        assert printed["ran"] in ("no", "maybe", "yes"), self
        assert printed["detail"], self
        return printed["call_error"], printed["ran"]

    def _printed_error(self) -> dict[str, Any]:
        assert self.out == "", self
        assert self.err.count("\n") == 1, self
        printed: dict[str, Any] = json.loads(self.err)
        return printed

    @property
    def report(self) -> dict[str, Any]:
        """What a load printed with --json."""
        assert self.out.count("\n") == 1, self
        printed: dict[str, Any] = json.loads(self.out)
        return printed


class Process(process.ServiceProcess):
    """One started process. Its methods raise AssertionError when it takes longer than it may."""

    def send_signal(self, number: signal.Signals) -> None:
        self.signal(number)

    def wait(self, seconds: float = address.HANG_SECONDS) -> Finished:
        return Finished(**vars(super().wait(seconds)))

    def stop(self, seconds: float = limits.at_most(limits.CLOSE_LIMIT)) -> Finished:
        """Asks it to close gracefully, and waits until it has."""
        self.send_signal(signal.SIGTERM)
        return self.wait(seconds)


class Server(Process):
    """A `razor_node serve`, which listens when it has started."""

    addresses: list[str]

    def start(self) -> None:
        super().start()
        lines = self.out.splitlines()
        assert all(line.startswith("listening ") for line in lines), lines
        self.addresses = [line.removeprefix("listening ") for line in lines]

    @property
    def address(self) -> str:
        return self.addresses[0]


StartedProcess = TypeVar("StartedProcess", bound=Process)


class Nodes:
    """Starts processes for one test. Threads may start some at the same time."""

    def __init__(self, binary_path: Path, directory: Path):
        self.binary = binary_path
        self._directory = directory
        self._processes: list[Process] = []
        self._numbers = itertools.count(1)

    def start(self, *arguments: str) -> Process:
        """Any command, in the background."""
        # Its end is looked at by the test that waits for it, if by any.
        settings = process.Settings(ready=None, keeps_running=False, final_statuses=None)
        return self._start(Process, settings, *arguments)

    def run(self, *arguments: str, seconds: float = address.HANG_SECONDS) -> Finished:
        """Any command, to its end."""
        return self.start(*arguments).wait(seconds)

    def serve(self, *listen: str, options: tuple[str, ...] = ()) -> Server:
        """Serves the addresses, or a free port of this machine. Listens when this returns."""
        listen = listen or ("127.0.0.1:0",)
        settings = process.Settings(
            ready=lambda server: server.out.count("\n") >= len(listen), final_statuses=frozenset({OK})
        )
        server = self._start(Server, settings, "serve", *(word for at in listen for word in ("--listen", at)), *options)
        assert len(server.addresses) == len(listen), server.addresses
        return server

    def call(self, to: str, action: str, *arguments: str, seconds: float = address.HANG_SECONDS) -> Finished:
        return self.run("call", to, action, *arguments, seconds=seconds)

    def start_load(self, *to: str, **options: object) -> Process:
        """`in_flight=8` is --in-flight 8, `pool=True` is --pool. Prints one JSON object when it ends."""
        words = [word for at in to for word in ("--connect", at)]
        for name, value in options.items():
            option = f"--{name.replace('_', '-')}"
            words += [option] if value is True else [] if value is False else [option, str(value)]
        return self.start("load", *words, "--json")

    def load(self, *to: str, **options: object) -> Finished:
        return self.start_load(*to, **options).wait()

    def close(self) -> list[str]:
        """Ends what still runs. Returns what is wrong."""
        return process.close_all(self._processes, limits.at_most(limits.CLOSE_LIMIT))

    def describe(self) -> str:
        """Where the logs are, and how they end, for the report of a failed test."""
        return "\n".join(started.describe() for started in self._processes)

    def _start(self, kind: type[StartedProcess], settings: process.Settings, *arguments: str) -> StartedProcess:
        stem = f"{next(self._numbers):03}-{arguments[0] if arguments else 'nothing'}"
        started = kind(re.sub(r"[^A-Za-z0-9._-]", "_", stem), [str(self.binary), *arguments], self._directory, settings)
        self._processes.append(started)
        started.start()
        return started


@contextlib.contextmanager
def running_nodes(directory: Path) -> Iterator[Nodes]:
    """Nodes that are ended behind the block, which fails when something is wrong with one."""
    nodes = Nodes(binary(), directory)
    try:
        yield nodes
    finally:
        complaints = nodes.close()
    assert not complaints, "\n".join(complaints)
