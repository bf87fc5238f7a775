"""FaultProxy: stands between clients and a server, TCP or Unix on either side, and does to what it carries what a test
says.

    with FaultProxy(server.address, seed=7) as proxy:
        client = connect(proxy.address)
        with proxy.latency(0.1, jitter=0.02):
            ...
        slow = proxy.bandwidth(100_000, direction="to_client")
        ...
        slow.clear()

link_faults.py has the faults. It is one thread with an event loop; it is no fast proxy (bench/proxy_bench.py). Where it
differs from a link: its system answers connects and acknowledges bytes before the server has seen them, so a client that
connects while the server is down is accepted and then reset; say `refuse_connects()` for the time, as play.py does.
"""

import asyncio
import itertools
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from razor_testing import address
from razor_testing.link_faults import Handle, LinkFaults
from razor_testing.proxy_connection import Connection, ConnectionState, Setting, Stage
from razor_testing.proxy_faults import BlackHole, Fault
from razor_testing.proxy_listener import Listener
from razor_testing.proxy_pipe import READ_BYTES, Meter

# What each direction of a connection may hold in the proxy.
BUFFER_BYTES = 256 * 1024
# Lines of the timeline that are kept: the last ones.
TIMELINE_MAX = 2000

Result = TypeVar("Result")


class FaultProxy(LinkFaults):
    """Listens when it is constructed, until it is closed. All of it may be used from any thread."""

    def __init__(
        self,
        to: str,
        *,
        listen: str = "127.0.0.1:0",
        seed: int = 0,
        buffer_bytes: int = BUFFER_BYTES,
        socket_buffer_bytes: int | None = None,
    ):
        """`to` and `listen`: HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 becomes a free one, see `address`.

        `buffer_bytes`: what each direction of a connection holds in the proxy; `socket_buffer_bytes`: what each of its
        sockets may hold on top, each way (SO_RCVBUF, SO_SNDBUF); None leaves that to the system, which holds megabytes.
        OSError where it cannot listen.
        """
        address.family_and_place(to)
        if buffer_bytes < 1 or (socket_buffer_bytes is not None and socket_buffer_bytes < 1):
            raise ValueError("FaultProxy: want sizes of buffers from 1")
        self.seed = seed
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._on_escaped)
        self._began = time.monotonic()
        self._lines: deque[str] = deque(maxlen=TIMELINE_MAX)
        self._line_count = 0
        self._escaped: list[Exception] = []
        self._faults: dict[Fault, tuple[float, int, int]] = {}  # when each began, and what had been carried by then
        self._fault_numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._accepted = 0
        self._is_closed = False
        self._setting = Setting(
            loop=self._loop,
            to=to,
            to_server=Meter(),
            to_client=Meter(),
            buffer_bytes=buffer_bytes,
            socket_buffer_bytes=socket_buffer_bytes,
            read_buffer=memoryview(bytearray(min(READ_BYTES, buffer_bytes))),
            say=self._say,
            on_closed=self._on_closed,
            on_open=self._on_open,
        )
        try:
            self._listener = Listener(listen, self._loop, self._on_accepted, self._say)
        except OSError:
            self._loop.close()
            raise
        self.address = self._listener.address
        self._say(f"{self.address} to {to}")
        self._thread = threading.Thread(target=self._run_loop, name=f"proxy {self.address}", daemon=True)
        self._thread.start()
        self._run(self._listener.start)

    @property
    def to(self) -> str:
        """Where connections go. A new one is for those that come from now on."""
        return self._setting.to

    @to.setter
    def to(self, to: str) -> None:
        address.family_and_place(to)
        self._setting.to = to
        self._say(f"now to {to}")

    @property
    def accepted(self) -> int:
        """Connections so far."""
        return self._accepted

    @property
    def bytes_to_server(self) -> int:
        """Written so far, on all connections. What has arrived anywhere is in it."""
        return self._written(self._setting.to_server)

    @property
    def bytes_to_client(self) -> int:
        """As `bytes_to_server`."""
        return self._written(self._setting.to_client)

    def connections(self) -> list[ConnectionState]:
        """Those that are not closed, in the order of accepting."""
        return self._run(lambda: [connection.state() for connection in self._connections.values()])

    def faults(self) -> list[str]:
        """Those at work."""
        return self._run(lambda: [f"#{fault.number} {fault.text}" for fault in self._faults])

    def timeline(self) -> list[str]:
        """What was done when, for the report of a test that failed."""
        lines = self._run(lambda: list(self._lines)) if not self._is_closed else list(self._lines)
        left_out = self._line_count - len(lines)
        return [f"({left_out} lines before)", *lines] if left_out > 0 else lines

    def start(self, fault: Fault) -> Handle:
        self._run(lambda: self._begin(fault))
        return Handle(fault, self)

    def clear(self, fault: Fault) -> None:
        """As the handle's `clear`. Nothing happens when the fault is over, or the proxy is closed."""
        if not self._is_closed:
            self._run(lambda: self._clear(fault))

    def clear_all(self) -> None:
        """Ends all faults."""
        if not self._is_closed:
            self._run(self._clear_all)

    def break_connections(self, *, one: bool = False, silently: bool = False) -> int:
        return self._run(lambda: self._break_connections(one, silently))

    def close(self) -> None:
        """Closes all connections. Raises what a rule for frames raised, if one did."""
        if self._is_closed:
            return
        self._run(self._close)
        self._is_closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(address.HANG_SECONDS)
        if self._escaped:
            raise AssertionError(f"in the proxy {self.address}: {self._escaped[0]!r}") from self._escaped[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.close()
        except AssertionError:
            if value is None:  # what the test raised says more
                raise

    # --- On the loop's thread ---------------------------------------------------------------------------------------

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _run(self, function: Callable[[], Result]) -> Result:
        """On the loop's thread, to its end."""
        if threading.current_thread() is self._thread:
            return function()
        if self._is_closed:
            raise RuntimeError(f"the proxy {self.address} is closed")
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(function())
            except BaseException as wrong:  # the caller's
                done.set_exception(wrong)

        self._loop.call_soon_threadsafe(run)
        return done.result(address.HANG_SECONDS)

    def _written(self, meter: Meter) -> int:
        # Between two turns of the loop: within one, bytes may have arrived that are not counted yet.
        return meter.bytes if self._is_closed else self._run(lambda: meter.bytes)

    def _say(self, line: str) -> None:
        self._line_count += 1
        self._lines.append(f"{time.monotonic() - self._began:9.3f} s  {line}")

    def _on_escaped(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        wrong = context.get("exception")
        self._escape(wrong if isinstance(wrong, Exception) else RuntimeError(str(context.get("message"))))

    def _escape(self, wrong: Exception) -> None:
        self._escaped.append(wrong)
        self._say(f"raised: {wrong!r}")

    def _carried(self) -> tuple[int, int]:
        return self._setting.to_server.bytes, self._setting.to_client.bytes

    def _begin(self, fault: Fault) -> None:
        fault.number = next(self._fault_numbers)
        fault.seed = self.seed
        fault.say, fault.escaped = self._say, self._escape
        self._faults[fault] = (time.monotonic(), *self._carried())
        self._say(f"#{fault.number} {fault.text}: set, {len(self._connections)} connections")
        try:
            fault.begin(self._listener)
            self._listener.changed()
        except OSError:  # no descriptor for what it needs
            del self._faults[fault]
            fault.end(self._listener)
            raise
        for connection in list(self._connections.values()):
            if connection.stage is not Stage.OPEN:
                fault.meet(connection)
            elif fault.concerns(connection):
                fault.join(connection)

    def _clear(self, fault: Fault) -> None:
        begun = self._faults.pop(fault, None)
        if begun is None:
            return
        began, to_server, to_client = begun
        now_to_server, now_to_client = self._carried()
        self._say(
            f"#{fault.number} {fault.text}: cleared after {time.monotonic() - began:.3f} s, "
            f"concerned {len(fault.connections)} connections, acted {fault.acted} times; "
            f"{now_to_server - to_server} bytes went to the server meanwhile, {now_to_client - to_client} to clients"
        )
        fault.end(self._listener)
        for connection in list(self._connections.values()):
            fault.leave(connection)
            if connection.stage is Stage.HANGING:
                connection.proceed(list(self._faults))
        self._listener.changed()

    def _clear_all(self) -> None:
        for fault in list(self._faults):
            self._clear(fault)

    def _on_accepted(self, client: socket.socket) -> None:
        self._accepted += 1
        connection = Connection(self._accepted, client, self._setting)
        self._connections[connection.number] = connection
        connection.proceed(list(self._faults))

    def _on_open(self, connection: Connection) -> None:
        for fault in list(self._faults):
            if connection.stage is Stage.OPEN and fault.concerns(connection):
                fault.join(connection)

    def _on_closed(self, connection: Connection) -> None:
        self._connections.pop(connection.number, None)

    def _break_connections(self, one: bool, silently: bool) -> int:
        chosen = [connection for connection in self._connections.values() if connection.stage is Stage.OPEN]
        fault = self._one_shot(silently)
        if one and chosen:
            chosen = [fault.random("one").choice(chosen)]
        for connection in chosen:
            if silently:
                fault.join(connection)  # and it stays
            else:
                connection.close(is_reset=True)
        self._say(f"#{fault.number} {fault.text}: {len(chosen)} connections")
        return len(chosen)

    def _one_shot(self, silently: bool) -> Fault:
        fault = BlackHole("severed", 0, "both", 1.0) if silently else Fault("reset")
        fault.number = next(self._fault_numbers)
        fault.seed = self.seed
        return fault

    def _close(self) -> None:
        self._listener.close()
        for connection in list(self._connections.values()):
            connection.close()
        self._say(f"closed: {self._accepted} connections, {self.bytes_to_server} bytes to the server, "
                  f"{self.bytes_to_client} to clients")  # fmt: skip
