"""The processes of one test, by name, and what happened to them."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from razor_testing.address import HANG_SECONDS, UNIX_PREFIX, socket_directory
from razor_testing.process import (
    TERMINATE_SECONDS,
    Finished,
    Limits,
    ProcessFailure,
    Ready,
    ServiceProcess,
    Settings,
    accepts_connections,
    close_all,
)
from razor_testing.process_settings import LOCALHOST

if TYPE_CHECKING:  # it is imported when there is a proxy
    from razor_testing.proxy import FaultProxy


@dataclass(frozen=True)
class Event:
    """Something that happened to a process, in seconds since the cluster began."""

    seconds: float
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.seconds:9.3f} s  {self.name}: {self.what}"


@dataclass(frozen=True)
class External:
    """A service that somebody else runs, such as a container: it can be called and proxied, not killed."""

    name: str
    address: str


class Cluster:
    """Starts processes, finds them by name, and ends them all. Any thread may call any method.

    `cluster["a"]` is the process a, `cluster.address("a")` where clients find it: at its proxy, if it has one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        command: Sequence[str] = (),
        ignored_alarms: Sequence[str] = (),
        draw_seed: Callable[[], int] = lambda: 0,
    ):
        """`directory` gets the output of the processes; `command` starts those that name none; proxies draw their seeds."""
        self._directory = directory
        self._command = list(command)
        self._ignored_alarms = tuple(ignored_alarms)
        self._draw_seed = draw_seed
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._services: dict[str, ServiceProcess | External] = {}
        self._proxies: dict[str, FaultProxy] = {}
        self._opened = contextlib.ExitStack()
        self._sockets: Path | None = None
        self._events: list[Event] = []
        self._is_closed = False

    # Starting.

    def start(
        self,
        name: str,
        command: Sequence[str] | None = None,
        *,
        address: str = LOCALHOST,
        ready: Ready = accepts_connections,
        ready_seconds: float = HANG_SECONDS,
        env: Mapping[str, str | None] = {},
        cwd: Path | None = None,
        limits: Limits = Limits(),
        keeps_running: bool = True,
        ignored_alarms: Sequence[str] = (),
        proxied: bool = False,
    ) -> ServiceProcess:
        """Starts a process, and returns when it is ready: see process_settings.Settings for what the options mean.

        Without a command it is the cluster's (--razor-node). The address `unix:` is a Unix socket, whose short path is
        chosen for it. A proxied process can be reached through a fault proxy, too.
        Raises NotReady, and ValueError for a name that there is already.
        """
        words = self._command if command is None else command
        if not words:
            raise ValueError(
                f"no command for {name}: give one, or name the program to start with --razor-node (ini: razor_node)"
            )
        settings = Settings(
            address=self._unix_address(name) if address == UNIX_PREFIX else address,
            ready=ready,
            ready_seconds=ready_seconds,
            env=env,
            cwd=cwd,
            limits=limits,
            keeps_running=keeps_running,
            ignored_alarms=(*self._ignored_alarms, *ignored_alarms),
        )
        process = self.add(ServiceProcess(name, words, self._directory, settings, self._observer(name)))
        process.start()
        if proxied:
            self._open_proxy(name, process.address)
        return process

    def start_many(
        self, count: int, command: Sequence[str] | None = None, *, name: str = "node", **options: Any
    ) -> list[ServiceProcess]:
        """Starts `node1`, `node2`, ... with the options of start(), one after the other."""
        return [self.start(f"{name}{number}", command, **options) for number in range(1, count + 1)]

    def run(self, name: str, command: Sequence[str], seconds: float = HANG_SECONDS, **options: Any) -> Finished:
        """Runs a program to its end, such as a client. Raises StillRunning when it takes longer."""
        ends: dict[str, Any] = {"ready": None, "keeps_running": False}
        return self.start(name, command, **{**ends, **options}).wait(seconds)

    def external(self, name: str, address: str, *, proxied: bool = False) -> External:
        """Adds a service that somebody else runs."""
        service = External(name, address)
        self._register(name, service)
        if proxied:
            self._open_proxy(name, address)
        return service

    def add(self, process: ServiceProcess) -> ServiceProcess:
        """Takes over a process, also of a class of your own, which close() ends then."""
        self._register(process.name, process)
        return process

    # What there is.

    def __getitem__(self, name: str) -> ServiceProcess:
        """Raises KeyError without such a service, ProcessFailure when somebody else runs it."""
        with self._lock:
            service = self._services.get(name)
            names = ", ".join(self._services)
        if service is None:
            raise KeyError(f"no service {name!r} in the cluster; there are: {names or 'none'}")
        if isinstance(service, External):
            raise ProcessFailure(f"{name} at {service.address} is run by somebody else: it has an address, and no process")
        return service

    def __iter__(self) -> Iterator[ServiceProcess]:
        return iter(self.processes)

    @property
    def processes(self) -> list[ServiceProcess]:
        """In the order of their first start."""
        with self._lock:
            return [service for service in self._services.values() if isinstance(service, ServiceProcess)]

    @property
    def names(self) -> list[str]:
        """Of all services, those that somebody else runs included."""
        with self._lock:
            return list(self._services)

    def address(self, name: str) -> str:
        """Where clients reach the service: at its proxy, if it has one."""
        with self._lock:
            if name in self._proxies:
                return self._proxies[name].address
            service = self._services.get(name)
        return service.address if isinstance(service, External) else self[name].address

    @property
    def addresses(self) -> list[str]:
        """Of all that have one, in the order of their start."""
        with self._lock:
            services = list(self._services.items())
        known = [name for name, service in services if isinstance(service, External) or service.has_address]
        return [self.address(name) for name in known]

    def proxy(self, name: str) -> "FaultProxy":
        """The fault proxy before the service. Raises KeyError when it has none."""
        with self._lock:
            if name not in self._proxies:
                raise KeyError(f"no proxy before {name!r}: start it with proxied=True")
            return self._proxies[name]

    @property
    def proxies(self) -> "dict[str, FaultProxy]":
        """The fault proxy of each service that has one."""
        with self._lock:
            return dict(self._proxies)

    # Faults.

    def kill_all(self) -> None:
        """SIGKILL to all at once, as when the power fails. They have ended when this returns."""
        for process in self.processes:
            process.kill(waits=False)
        for process in self.processes:
            process.kill()

    def restart_all(self) -> None:
        """Starts all again, but for programs that end by themselves: one after the other, after killing those that run."""
        for process in self.processes:
            if process.settings.keeps_running:
                process.restart()

    # What happened.

    def note(self, name: str, what: str) -> None:
        """Adds an event, such as a fault of a test's own, to the timeline."""
        with self._lock:
            self._events.append(Event(time.monotonic() - self._began, name, what))

    @property
    def events(self) -> list[Event]:
        with self._lock:
            return list(self._events)

    def timeline(self) -> list[str]:
        """A line for each event."""
        return [str(event) for event in self.events]

    def describe(self) -> str:
        """Of each process how its output ends, for the report of a failed test."""
        return "\n".join(process.describe() for process in self.processes)

    def close(self, seconds: float = TERMINATE_SECONDS) -> list[str]:
        """Ends all: SIGTERM, and SIGKILL after `seconds`. Returns what was wrong with them: crashes, findings of sanitizers,
        ends that nobody asked for. Nothing can be started afterwards."""
        with self._lock:
            if self._is_closed:
                return []
            self._is_closed = True
        try:
            return close_all(self.processes, seconds)
        finally:
            self._opened.close()

    # How it works.

    def _register(self, name: str, service: ServiceProcess | External) -> None:
        with self._lock:
            if self._is_closed:
                raise ProcessFailure(f"{name} cannot be started: the cluster is closed")
            if name in self._services:
                raise ValueError(f"there is a service {name!r} already: restart it, or choose another name")
            self._services[name] = service

    def _unix_address(self, name: str) -> str:
        with self._lock:
            if self._sockets is None:
                self._sockets = self._opened.enter_context(socket_directory())
            return f"{UNIX_PREFIX}{self._sockets / name}"

    def _observer(self, name: str) -> Callable[[str], None]:
        return lambda what: self.note(name, what)

    def _open_proxy(self, name: str, to: str) -> None:
        from razor_testing.proxy import FaultProxy

        proxy = self._opened.enter_context(FaultProxy(to, seed=self._draw_seed()))
        with self._lock:
            self._proxies[name] = proxy
