"""What a row of the catalogue of hostile peers is, and how it is checked."""

import contextlib
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from razor_testing import limits, process_stats, wire
from razor_testing.raw_client import RawClient
from razor_testing.raw_server import Peer, RawServer
from razor_testing.raw_socket import EndOfStream
from razor_testing.waiting import wait_until

MIB = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """What an attack may cost the process under it, healthy calls beside it included."""

    resident_growth: int = 8 * MIB  # while the row runs; of a client: see ClientRow
    descriptors: int = 0  # left behind it
    cpu_seconds: float = 0.5
    seconds: float = limits.PROMPT + limits.LINGER


@dataclass(frozen=True)
class Target:
    """A server under attack, and one call of a method that it serves, for attacks that need one."""

    address: str
    method: str
    message: bytes  # that the method takes
    result: bytes  # that it returns for it
    pid: int | None = None  # None: of another machine, whose costs cannot be seen
    is_memory_measured: bool = True  # False for a build with sanitizers, which hold on to freed memory

    def request(self, seq: int) -> bytes:
        return wire.Request(seq, self.method, self.message).encoded()

    def response(self, seq: int) -> wire.Response:
        return wire.Response(seq, msg=self.result)


@dataclass(frozen=True)
class Error:
    """A response with a text of the framework. `ran` is told to those who sent another format than msgpack."""

    seq: int
    text: str
    ran: int | None = None

    def check(self, response: wire.Response) -> None:
        assert (response.seq, response.flag, response.error_text) == (self.seq, wire.ERROR_BYTES, self.text), response
        if self.ran is None:
            assert response.msg == b"", response
        else:
            assert wire.unpack(response.msg)[0] == self.ran, response


class Ends(enum.Enum):
    """How the connection of an attack ends."""

    CLOSED = "the server closes, behind its last response"
    SERVES = "the connection goes on: a call on it succeeds"
    HALF_CLOSED = "the client closes its side, and the server closes behind what it owes"
    RESET = "the client resets it, and reads nothing"


Expected = wire.Response | Error


@dataclass(frozen=True)
class ServerRow:
    """A client that attacks a server."""

    name: str
    sent: Callable[[Target], bytes]
    ends: Ends
    # None: whatever is well formed.
    responses: Callable[[Target], tuple[Expected, ...]] | None = lambda target: ()
    in_any_order: bool = False  # a server may run handlers beside each other
    bounds: Bounds = Bounds()
    # So many do it at the same time.
    connections: int = 1
    pieces: int | None = None  # of so many bytes each

    def __str__(self) -> str:
        return self.name

    def check(self, target: Target) -> None:
        """Attacks, and asserts how it ends and what it costs."""
        costs = Costs(target, self.bounds)
        try:
            self._attack(target, costs)
        except (EndOfStream, OSError) as otherwise:
            told = f"{self.name}: {otherwise or type(otherwise).__name__}; expected: {self.ends.value}"
            raise AssertionError(told) from otherwise
        costs.check()

    def _attack(self, target: Target, costs: "Costs") -> None:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(RawClient(target.address)) for _ in range(self.connections)]
            for client in clients:
                client.socket.settimeout(limits.at_most(self.bounds.seconds))
                client.takes_details = True
                self._send(client, target)
            for client in clients:
                self._check_responses(client, target)
            costs.check_while_open()

    def _send(self, client: RawClient, target: Target) -> None:
        data = self.sent(target)
        step = self.pieces or max(len(data), 1)
        # A server that has seen enough may close while more is on the way.
        with contextlib.suppress(ConnectionError):
            for begin in range(0, len(data), step):
                client.send(data[begin : begin + step])
        if self.ends is Ends.RESET:
            client.reset()
        elif self.ends is Ends.HALF_CLOSED:
            client.shutdown_write()

    def _check_responses(self, client: RawClient, target: Target) -> None:
        if self.ends is Ends.RESET:
            return
        if self.responses is None:
            with contextlib.suppress(ConnectionResetError):
                client.receive_to_end()
            return
        all_expected = list(self.responses(target))
        all_got = [client.receive() for _ in all_expected]
        if self.in_any_order:
            all_got.sort(key=lambda response: response.seq)
        for expected, got in zip(all_expected, all_got, strict=True):
            if isinstance(expected, Error):
                expected.check(got)
            else:
                assert got == expected
        if self.ends is Ends.SERVES:
            client.send(target.request(9_999))
            assert client.receive() == target.response(9_999)
        else:
            assert client.receive_to_end() == b""


class Costs:
    """Looks at the process under attack, before and after."""

    def __init__(self, target: Target, bounds: Bounds):
        self._target = target
        self._bounds = bounds
        self._begun = time.monotonic()
        if target.pid is not None:
            self._resident = process_stats.resident_bytes(target.pid)
            self._descriptors = process_stats.descriptors(target.pid)
            self._cpu_seconds = process_stats.cpu_seconds(target.pid)

    def check_while_open(self) -> None:
        """The connections of the attack are still there, and what it has taken with them."""
        if self._target.pid is not None and self._target.is_memory_measured:
            growth = process_stats.resident_bytes(self._target.pid) - self._resident
            assert growth <= self._bounds.resident_growth, f"the process grew by {growth / MIB:.1f} MiB"

    def check(self) -> None:
        bounds, pid = self._bounds, self._target.pid
        if pid is not None:
            descriptors_max = self._descriptors + bounds.descriptors
            self._wait_until_at_most(descriptors_max, pid, limits.at_most(bounds.seconds))
            computed = process_stats.cpu_seconds(pid) - self._cpu_seconds
            assert computed <= bounds.cpu_seconds, f"the process computed for {computed:.2f} s"
        took = time.monotonic() - self._begun
        assert took <= limits.at_most(bounds.seconds), f"it took {took:.2f} s"

    @staticmethod
    def _wait_until_at_most(descriptors_max: int, pid: int, seconds: float) -> None:
        wait_until("the connections to be gone", lambda: process_stats.descriptors(pid) <= descriptors_max, seconds)


# --- Servers that attack a client ---------------------------------------------------------------------------------------

# What the client under attack is to call. A client that cannot make one of these leaves out its rows.
NUMBER, TEXT, BYTES, UNIT, UNKNOWN, ACTION = "number", "text", "bytes", "unit", "unknown", "action"
UNIT_ERROR, TEXT_ERROR, NUMBER_ERROR, VARIANT_ERROR = "unit error", "text error", "number error", "variant error"


@dataclass(frozen=True)
class Outcome:
    """How a call ends: "ok" and its result, "error" and the application's, or a code of the framework."""

    code: str
    ran: str = "yes"
    value: Any = None


@dataclass(frozen=True)
class ClientRow:
    """A server that attacks a client with its response to the first request of a connection, whose seq is 1."""

    name: str
    calls: str  # one of the words above
    frames: tuple[bytes, ...]
    outcome: Outcome
    # Closes behind the frames; else it waits for the client to close.
    closes: bool = False
    # Here the bound of memory is for all that the process of the client may take: it is to live for this call only.
    bounds: Bounds = field(default_factory=lambda: Bounds(resident_growth=64 * MIB))

    def __str__(self) -> str:
        return self.name

    def serve(self, listen: str = "127.0.0.1:0") -> RawServer:
        """A server that does it to each connection, until it is closed."""
        return RawServer(self.attack, listen)

    def attack(self, peer: Peer) -> None:
        """The script of one connection."""
        peer.receive()
        for frame in self.frames:
            peer.send(frame)
        if not self.closes:
            peer.wait_for_end()
