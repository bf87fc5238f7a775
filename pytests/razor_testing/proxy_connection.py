"""Connection: one client of a proxy, and what the proxy has connected it to: two pipes, one each way."""

import asyncio
import contextlib
import enum
import errno
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from razor_testing import address
from razor_testing.proxy_pipe import Meter, Pipe, Way

# A Unix server whose backlog is full says so at once, where a TCP connect would wait.
AGAIN_SECONDS = 0.01
LINGER_RESET = struct.pack("ii", 1, 0)


class Stage(enum.Enum):
    """How far a connection has come."""

    HANGING = "hanging"  # accepted, and nothing is done for it
    CONNECTING = "connecting"  # to the server
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class ConnectionState:
    """What a proxy knows of one of its connections, at one moment. All sizes are bytes."""

    number: int  # from 1, in the order of accepting
    stage: Stage
    seconds: float  # since it was accepted
    bytes_to_server: int  # written to the server
    bytes_to_client: int
    held_to_server: int  # read, and not yet written
    held_to_client: int
    has_ended_to_server: bool  # this direction was shut, as a client does that only waits for answers
    has_ended_to_client: bool


@dataclass
class Setting:
    """What all connections of a proxy share. Sizes are bytes."""

    loop: asyncio.AbstractEventLoop
    to: str
    to_server: Meter
    to_client: Meter
    buffer_bytes: int
    socket_buffer_bytes: int | None
    read_buffer: memoryview
    say: Callable[[str], None]
    on_closed: Callable[["Connection"], None]
    on_open: Callable[["Connection"], None]


class HoldsConnects(Protocol):
    """A fault, as far as a connection asks for it before it connects."""

    def holds_connect(self, connection: "Connection") -> bool:
        ...


class Connection:
    """Belongs to the event loop of its proxy."""

    def __init__(self, number: int, client: socket.socket, setting: Setting):
        self.number = number
        self.stage = Stage.HANGING
        self.loop = setting.loop
        self.read_buffer = setting.read_buffer
        self.socket_buffer_bytes = setting.socket_buffer_bytes
        self.buffer_bytes = setting.buffer_bytes
        self.pipes: dict[Way, Pipe] = {}
        self.timers: dict[Any, asyncio.TimerHandle] = {}  # of faults
        self._setting = setting
        self._client = client
        self._server: socket.socket | None = None
        self._again: asyncio.TimerHandle | None = None
        self._accepted_at = self.loop.time()
        client.setblocking(False)

    def proceed(self, faults: Iterable[HoldsConnects]) -> None:
        """Connects to the server, unless one of the faults holds that up or it was done before."""
        if self.stage is Stage.HANGING and not any([fault.holds_connect(self) for fault in faults]):
            self._prepare(self._client)
            self.stage = Stage.CONNECTING
            self._connect()

    def state(self) -> ConnectionState:
        up, down = self.pipes.get("to_server"), self.pipes.get("to_client")
        return ConnectionState(
            self.number,
            self.stage,
            self.loop.time() - self._accepted_at,
            up.carried if up else 0,
            down.carried if down else 0,
            up.pending_bytes if up else 0,
            down.pending_bytes if down else 0,
            up.is_finished if up else False,
            down.is_finished if down else False,
        )

    def close(self, is_reset: bool = False) -> None:
        """Over Unix sockets a reset is an end: they know no other, unless bytes were not read."""
        if self.stage is Stage.CLOSED:
            return
        self.stage = Stage.CLOSED
        for timer in [*self.timers.values(), *([self._again] if self._again else [])]:
            timer.cancel()
        for pipe in self.pipes.values():
            pipe.close()
        for each in (self._client, self._server):
            if each is None or each.fileno() < 0:
                continue
            self.loop.remove_writer(each)
            if is_reset:
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            each.close()
        self._setting.on_closed(self)

    def pipe_finished(self) -> None:
        if all(pipe.is_finished for pipe in self.pipes.values()):
            self.close()

    def _prepare(self, each: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if each.family != socket.AF_UNIX:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.socket_buffer_bytes is not None:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.socket_buffer_bytes)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.socket_buffer_bytes)

    def _connect(self) -> None:
        self._again = None
        family, place = address.family_and_place(self._setting.to)
        try:
            server = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as wrong:  # too many open files, most of all
            self._fail(wrong.errno or errno.EMFILE)
            return
        self._server = server
        self._prepare(server)
        try:
            code = server.connect_ex(place)
        except OSError as wrong:  # a path that is too long, a host that has no address
            code = wrong.errno or errno.EINVAL
        if code == 0:
            self._open()
        elif code == errno.EINPROGRESS:
            self.loop.add_writer(server, self._on_connected)
        elif code == errno.EAGAIN and family == socket.AF_UNIX:
            server.close()
            self._server = None
            self._again = self.loop.call_later(AGAIN_SECONDS, self._connect)
        else:
            self._fail(code)

    def _on_connected(self) -> None:
        assert self._server is not None
        self.loop.remove_writer(self._server)
        code = self._server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code != 0:
            self._fail(code)
        else:
            self._open()

    def _fail(self, code: int) -> None:
        reason = errno.errorcode.get(code, str(code))
        self._setting.say(f"connection {self.number}: connect {self._setting.to}: {reason}")
        self.close(is_reset=True)

    def _open(self) -> None:
        assert self._server is not None
        self.stage = Stage.OPEN
        setting, client, server = self._setting, self._client, self._server
        up = Pipe("to_server", client, server, self, setting.to_server, self.buffer_bytes)
        down = Pipe("to_client", server, client, self, setting.to_client, self.buffer_bytes)
        up.opposite, down.opposite = down, up
        self.pipes = {"to_server": up, "to_client": down}
        setting.on_open(self)
        for pipe in (up, down):
            # Opening one may have ended both.
            if self.stage is Stage.OPEN:
                pipe.open()
