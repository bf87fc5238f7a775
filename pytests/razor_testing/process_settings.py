"""How a process is started, when it is ready, and what its end should be like."""

import os
import re
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from razor_testing.address import HANG_SECONDS, UNIX_PREFIX, family_and_place
from razor_testing.held_port import is_tcp, port_of, with_port
from razor_testing.process_log import LineReader
from razor_testing.spawning import Limits

if TYPE_CHECKING:
    from razor_testing.process import ServiceProcess

LOCALHOST = "127.0.0.1:0"
UNIX_PATH_BYTES_MAX = 107
PROBE_SECONDS = 1.0
# Exit statuses after SIGTERM: it returned from main, or did not handle the signal, or says so as shells and Java do.
ENDED_BY_SIGTERM = frozenset({0, -signal.SIGTERM, 128 + signal.SIGTERM})


def accepts_connections(process: "ServiceProcess") -> bool:
    """Ready when a connect to its address succeeds; the connection is closed at once. Without an address: ready at once."""
    if not process.has_address:
        return True
    family, place = family_and_place(process.address)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        probe.connect(place)
        # A connect from the very port it goes to succeeds though nobody listens.
        return family == socket.AF_UNIX or probe.getsockname() != probe.getpeername()


Ready = str | Callable[["ServiceProcess"], bool] | None


def says_yes(ready: Callable[["ServiceProcess"], bool], process: "ServiceProcess") -> bool:
    """What the function says; an OSError, such as a connection that is refused, is a no."""
    try:
        return ready(process)
    except OSError:
        return False


@dataclass(frozen=True)
class Settings:
    """How a process is started, and what its end should be like.

    address          what `{address}` in the command stands for at first: HOST:PORT, [IPV6]:PORT or unix:PATH. Port 0 is a
                     free port, which the process chooses if `ready` is a pattern with a group; else it is chosen for it.
    ready            a regular expression, found in a complete line of stdout or stderr, whose group 1, if it has one, is the
                     address, or the port; a function that is asked until it returns true (OSError: not yet); None: at once.
    ready_seconds    NotReady is raised, and the process killed, when it takes longer.
    env, cwd         added to pytest's environment (None removes a variable); None is pytest's directory.
    keeps_running    False for a program that ends by itself: else that is a complaint.
    final_statuses   exit statuses without complaint when it is asked to end at last; None: any.
    ignored_alarms   regular expressions: lines of the log that are not complained about.
    """

    address: str = LOCALHOST
    ready: Ready = accepts_connections
    ready_seconds: float = HANG_SECONDS
    env: Mapping[str, str | None] = field(default_factory=dict)
    cwd: Path | None = None
    limits: Limits = Limits()
    keeps_running: bool = True
    final_statuses: frozenset[int] | None = ENDED_BY_SIGTERM
    ignored_alarms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ready_seconds <= 0:
            raise ValueError(f"ready_seconds is {self.ready_seconds}: must be above 0")
        if is_tcp(self.address):
            port_of(self.address)
        elif not 0 < len(os.fsencode(self.address.removeprefix(UNIX_PREFIX))) <= UNIX_PATH_BYTES_MAX:
            raise ValueError(f"the path of a Unix socket has 1 to {UNIX_PATH_BYTES_MAX} bytes: {self.address!r}")
        if isinstance(self.ready, str):
            re.compile(self.ready)

    @property
    def prints_address(self) -> bool:
        return isinstance(self.ready, str) and re.compile(self.ready).groups > 0


class Announcement:
    """Waits for a line that a process prints when it is ready. Each line is looked at once, however long the output is."""

    def __init__(self, pattern: str, readers: list[LineReader]):
        self._pattern = re.compile(pattern)
        self._readers = readers
        self._came = False
        # Group 1 of the pattern, if it took part.
        self.group: str | None = None

    def has_come(self) -> bool:
        for line in (line for reader in self._readers for line in reader.lines()):
            found = self._pattern.search(line)
            if found is not None and not self._came:
                self._came = True
                self.group = found[1] if self._pattern.groups > 0 else None
        return self._came


def printed_address(printed: str, given: str) -> str:
    """The address that a process printed, or whose port alone it printed. Raises ValueError when that is none."""
    if printed.isascii() and printed.isdigit():
        printed = with_port(given if is_tcp(given) else LOCALHOST, int(printed[:6]))
    if is_tcp(printed) and port_of(printed) == 0:
        raise ValueError(f"no address of a listener: {printed!r}")
    return printed
