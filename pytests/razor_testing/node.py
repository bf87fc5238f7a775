"""Processes of razor_node: started by a test, and ended with it.

A process writes its stdout and its stderr (its log) to files of the test's directory. Nodes ends every process that it
started, by its pid, and complains when one crashed, did not end in time, or logged what a sanitizer or a failed check
reports.
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from razor_testing import address, limits
from razor_testing.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY_VARIABLE = "RAZOR_NODE"
DEFAULT_BINARY = ROOT / "build" / "tests" / "razor_node"

# Exit statuses of razor_node.
OK, APPLICATION_ERROR, FRAMEWORK_ERROR, USAGE_ERROR = 0, 1, 2, 64

# What no log may hold.
ALARMS = ("Sanitizer", "runtime error:", "check failed", "terminate called")
# Signals that a process sends itself.
CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGTRAP)

LOG_LINES_SHOWN = 15


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


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    status: int
    out: str
    err: str
    seconds: float

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


class Process:
    """One started process. Its methods raise AssertionError when it takes longer than it may."""

    def __init__(self, command: list[str], out_path: Path, log_path: Path):
        self.command = command
        self.out_path = out_path
        self.log_path = log_path
        self._started = time.monotonic()
        with out_path.open("wb") as out, log_path.open("wb") as log:
            self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=log)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def out(self) -> str:
        return self.out_path.read_text(encoding="utf-8", errors="replace")

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status, or the negative number of the signal that ended it; None while it runs."""
        return self._popen.poll()

    def send_signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def wait(self, seconds: float = address.HANG_SECONDS) -> Finished:
        try:
            status = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self} still runs after {seconds:.1f} s") from None
        return Finished(status, self.out, self.log, time.monotonic() - self._started)

    def stop(self, seconds: float = limits.at_most(limits.CLOSE_LIMIT)) -> Finished:
        """Asks it to close gracefully, and waits until it has."""
        self.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait(address.HANG_SECONDS)

    def __str__(self) -> str:
        return f"{' '.join(self.command[:3])} (pid {self.pid}, log {self.log_path})"


class Server(Process):
    """A `razor_node serve` that listens."""

    addresses: list[str]

    @property
    def address(self) -> str:
        return self.addresses[0]

    def wait_until_listening(self, count: int) -> None:
        wait_until(f"{self} to listen on {count} addresses", lambda: not self.is_running or self.out.count("\n") >= count)
        assert self.is_running, f"{self} ended with status {self.status}: {self.log}"
        lines = self.out.splitlines()
        assert len(lines) == count, lines
        assert all(line.startswith("listening ") for line in lines), lines
        self.addresses = [line.removeprefix("listening ") for line in lines]


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
        return self._start(Process, *arguments)

    def run(self, *arguments: str, seconds: float = address.HANG_SECONDS) -> Finished:
        """Any command, to its end."""
        return self.start(*arguments).wait(seconds)

    def serve(self, *listen: str, options: tuple[str, ...] = ()) -> Server:
        """Serves the addresses, or a free port of this machine. Listens when this returns."""
        listen = listen or ("127.0.0.1:0",)
        server = self._start(Server, "serve", *(word for at in listen for word in ("--listen", at)), *options)
        server.wait_until_listening(len(listen))
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
        complaints: list[str] = []
        running = [process for process in self._processes if process.is_running]
        for process in running:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                finished = process.wait(limits.at_most(limits.CLOSE_LIMIT))
                if isinstance(process, Server) and finished.status != OK:
                    complaints.append(f"{process} ended with status {finished.status}")
            except AssertionError as late:
                complaints.append(str(late))
                process.kill()
        for process in self._processes:
            if process.status is not None and -process.status in CRASHES:
                complaints.append(f"{process} crashed: {signal.Signals(-process.status).name}")
            alarm = next((line for line in process.log.splitlines() if any(word in line for word in ALARMS)), None)
            if alarm is not None:
                complaints.append(f"{process} logged: {alarm}")
        return complaints

    def describe(self) -> str:
        """Where the logs are, and how they end, for the report of a failed test."""
        lines: list[str] = []
        for process in self._processes:
            lines.append(f"{process}, status {process.status}: {' '.join(process.command)}")
            lines += [f"    {line}" for line in process.log.splitlines()[-LOG_LINES_SHOWN:]]
        return "\n".join(lines)

    def _start(self, kind: type[StartedProcess], *arguments: str) -> StartedProcess:
        stem = f"{next(self._numbers):03}-{arguments[0] if arguments else 'nothing'}".replace("/", "_")
        process = kind([str(self.binary), *arguments], self._directory / f"{stem}.out", self._directory / f"{stem}.log")
        self._processes.append(process)
        return process


@contextlib.contextmanager
def running_nodes(directory: Path) -> Iterator[Nodes]:
    """Nodes that are ended behind the block, which fails when something is wrong with one."""
    nodes = Nodes(binary(), directory)
    try:
        yield nodes
    finally:
        complaints = nodes.close()
    assert not complaints, "\n".join(complaints)
