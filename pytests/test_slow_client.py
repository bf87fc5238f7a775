"""Clients that are slow, on purpose or not: each limit of a server closes those that exceed it, and nobody else.

All wait at the same time, each on a thread and a connection of its own, since the limits are seconds of real time. An
honest client is served all the while.
"""

import contextlib
import select
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path


from attacked import Attacked
from razor_testing import limits, wire
from razor_testing.node import Nodes, is_sanitized
from razor_testing.raw_client import RawClient

ADD_REQUEST = wire.Request(1, wire.method("add"), wire.pack([1, 2])).encoded()
ADD_ANSWER = wire.Response(1, msg=wire.pack(3))
HEAD_BYTES = wire.REQUEST_HEAD.size

# The longest limit, and all that comes on top: nobody waits longer.
LONGEST = limits.FIRST_BYTE


class Slow(RawClient):
    """A client that notes when it began."""

    def __init__(self, server: str):
        self.begun = time.monotonic()
        super().__init__(server)

    @property
    def age(self) -> float:
        return time.monotonic() - self.begun

    def assert_closed_after(self, promised: float) -> None:
        """By the server, not before `promised` seconds and not long after, without an answer."""
        with contextlib.suppress(ConnectionResetError):
            assert self.receive_to_end() == b""
        assert promised <= self.age < limits.at_most(promised), f"closed after {self.age:.2f} s"

    def send_slowly(self, data: bytes, chunk: int, pause: float) -> None:
        """Until all is sent, or the server has closed."""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for begin in range(0, len(data), chunk):
                self.send(data[begin : begin + chunk])
                if not self.is_silent_for(pause):
                    return


# --- Those who are closed -----------------------------------------------------------------------------------------------


def connects_early_and_calls_late(address: str) -> None:
    """Its time for a first byte counts only where connections are short."""
    with Slow(address) as client:
        assert client.is_silent_for(limits.FIRST_BYTE)
        assert client.add(1, 2) == 3


def cuts_a_head(length: int) -> Callable[[str], None]:
    def scenario(address: str) -> None:
        with Slow(address) as client:
            client.send(ADD_REQUEST[:length])
            client.assert_closed_after(limits.HEAD)

    return scenario


def sends_a_head_byte_by_byte_too_slowly(address: str) -> None:
    with Slow(address) as client:
        client.send_slowly(ADD_REQUEST[:HEAD_BYTES], chunk=1, pause=0.4)
        client.assert_closed_after(limits.HEAD)


def cuts_a_head_behind_a_whole_request(address: str) -> None:
    with Slow(address) as client:
        client.send(ADD_REQUEST + ADD_REQUEST[:10])
        assert client.receive() == ADD_ANSWER
        client.assert_closed_after(limits.HEAD)


def cuts_a_body(length: int) -> Callable[[str], None]:
    def scenario(address: str) -> None:
        with Slow(address) as client:
            client.send(ADD_REQUEST[:length])
            client.assert_closed_after(limits.BODY_PROGRESS)

    return scenario


def promises_a_huge_body(address: str) -> None:
    with Slow(address) as client:
        client.send(wire.request_head(seq=1, msg_bytes=wire.MSG_BYTES_MAX, blob_bytes=wire.BLOB_BYTES_MAX) + bytes(5000))
        client.assert_closed_after(limits.BODY_PROGRESS)


def trickles_a_body(address: str) -> None:
    """Somewhat less than it has to send."""
    with Slow(address) as client:
        chunk = int(limits.BODY_PROGRESS_BYTES * 0.8 / limits.BODY_PROGRESS * 0.5)
        client.send_slowly(wire.request_head(seq=1, action=wire.WRITE, blob_bytes=100_000) + bytes(50_000), chunk, 0.5)
        client.assert_closed_after(limits.BODY_PROGRESS)


def reads_nothing(request: bytes) -> Callable[[str], None]:
    """Asks as long as the server listens, and never reads an answer."""

    def scenario(address: str) -> None:
        with Slow(address) as client:
            sent = 0
            many = request * (1 + 65_536 // len(request))
            client.socket.settimeout(1.0)
            with contextlib.suppress(TimeoutError):
                while sent < ENDLESS:
                    sent += client.socket.send(many)
            assert sent < ENDLESS, "the server reads on though nobody takes its answers"
            blocked = client.age
            assert_hung_up(client)
            assert client.age >= limits.WRITE_STALL
            assert client.age < limits.at_most(blocked + limits.WRITE_STALL), f"blocked at {blocked:.2f} s"

    return scenario


def reads_nothing_of_one_answer(address: str) -> None:
    with Slow(address) as client:
        client.send_request(wire.READ, wire.io_message(1, 0, wire.BLOB_BYTES_MAX))
        assert_hung_up(client)
        assert limits.WRITE_STALL <= client.age < limits.at_most(limits.WRITE_STALL)


# More than all buffers on the way take.
ENDLESS = 128 << 20


def assert_hung_up(client: RawClient) -> None:
    """The server closes, which is seen without reading."""
    poll = select.poll()
    poll.register(client.socket, select.POLLRDHUP)
    assert poll.poll(int(LONGEST * 2000)), "the server never closed"


# --- Those who are not --------------------------------------------------------------------------------------------------


def is_idle_between_requests(address: str) -> None:
    with Slow(address) as client:
        assert client.add(1, 2) == 3
        assert client.is_silent_for(LONGEST + 0.5)
        assert client.add(3, 4) == 7


def sends_a_body_just_fast_enough(address: str) -> None:
    blob = bytes(range(256)) * 8
    request = wire.Request(1, wire.WRITE, wire.io_message(1, 0, 0), blob).encoded()
    with Slow(address) as client:
        client.send_slowly(request, chunk=240, pause=0.75)  # 1,600 bytes in 5 s
        assert client.age > limits.BODY_PROGRESS
        assert client.receive().value == {"ret_size": len(blob)}


def waits_for_a_slow_handler(address: str) -> None:
    with Slow(address) as client:
        milliseconds = int((LONGEST + 0.3) * 1000)
        assert client.call(wire.method("sleep_ms"), wire.pack(milliseconds)).msg == wire.NIL
        assert client.age >= milliseconds / 1000


def waits_for_a_slow_handler_with_its_side_closed(address: str) -> None:
    with Slow(address) as client:
        seq = client.send_request(wire.method("sleep_ms"), wire.pack(7000))
        client.shutdown_write()
        assert client.receive() == wire.Response(seq, msg=wire.NIL)
        assert client.receive_to_end() == b""


def reads_slowly(address: str) -> None:
    blob_bytes = 32 << 20
    with Slow(address) as client:
        seq = client.send_request(wire.READ, wire.io_message(1, 0, blob_bytes))
        head = client.receive_exactly(wire.RESPONSE_HEAD.size)
        msg_bytes = int.from_bytes(head[4:8], "little")
        client.receive_exactly(msg_bytes)
        received = 0
        while client.age < limits.WRITE_STALL + 1.5:
            assert client.receive_exactly(250_000) == expected_blob(received, 250_000)
            received += 250_000
            time.sleep(0.1)
        assert client.receive_exactly(blob_bytes - received) == expected_blob(received, blob_bytes - received)
        assert int.from_bytes(head[8:16], "little") == seq
        client.ping()


def expected_blob(begin: int, count: int) -> bytes:
    pattern = bytes(range(256))
    return (pattern * (count // 256 + 2))[begin % 256 :][:count]


# ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    name: str
    run: Callable[[str], None]
    transports: tuple[str, ...] = ("tcp", "unix")


READ_MUCH = wire.Request(1, wire.READ, wire.io_message(1, 0, 65_536)).encoded()
ECHO_MUCH = wire.Request(1, wire.method("echo"), wire.pack("x" * 65_536)).encoded()
PING = wire.Request(1).encoded()

SCENARIOS = [
    Scenario("connects early and calls late", connects_early_and_calls_late),
    *(Scenario(f"cuts a head after {length} bytes", cuts_a_head(length), ("tcp",)) for length in range(1, HEAD_BYTES)),
    Scenario("cuts a head after 7 bytes", cuts_a_head(7), ("unix",)),
    Scenario("sends a head byte by byte, too slowly", sends_a_head_byte_by_byte_too_slowly),
    Scenario("cuts a head behind a whole request", cuts_a_head_behind_a_whole_request),
    *(
        Scenario(f"cuts a body after {length} bytes", cuts_a_body(length), ("tcp",))
        for length in range(HEAD_BYTES, len(ADD_REQUEST))
    ),
    Scenario("promises a huge body", promises_a_huge_body),
    Scenario("trickles a body", trickles_a_body),
    Scenario("reads nothing, pings", reads_nothing(PING)),
    Scenario("reads nothing, echoes", reads_nothing(ECHO_MUCH)),
    Scenario("reads nothing, reads", reads_nothing(READ_MUCH)),
    # On TCP the system tries to deliver what was written: only there does the client not see the end.
    Scenario("reads nothing of one answer", reads_nothing_of_one_answer, ("unix",)),
    Scenario("is idle between requests", is_idle_between_requests),
    Scenario("sends a body just fast enough", sends_a_body_just_fast_enough),
    Scenario("waits for a slow handler", waits_for_a_slow_handler),
    Scenario("waits for a slow handler with its side closed", waits_for_a_slow_handler_with_its_side_closed),
    Scenario("reads slowly", reads_slowly),
]

# What 6 clients that read nothing may cost: 4 MiB of answers each, a frame, and what was read before.
READ_NOTHING_BYTES = 6 * (6 << 20)
# One more asked for a single answer of 64 MiB, and two that read slowly for one of 32 MiB.
LARGE_ANSWER_BYTES = wire.BLOB_BYTES_MAX + 2 * (32 << 20)


def test_each_limit_closes_who_exceeds_it_and_nobody_else(nodes: Nodes, socket_directory: Path) -> None:
    attacked = Attacked(nodes, "127.0.0.1:0", f"unix:{socket_directory / 'socket'}")
    addresses = dict(zip(("tcp", "unix"), attacked.server.addresses, strict=True))
    runs = [(scenario, transport) for scenario in SCENARIOS for transport in scenario.transports]
    resident_peak = 0
    with ThreadPoolExecutor(max_workers=len(runs)) as threads:
        futures = {
            (scenario.name, transport): threads.submit(scenario.run, addresses[transport]) for scenario, transport in runs
        }
        while not all(future.done() for future in futures.values()):
            attacked.check_service()
            resident_peak = max(resident_peak, attacked.resident_growth())
            time.sleep(0.05)
    print(f"the server grew by {resident_peak >> 20} MiB")
    failed = {name: future.exception() for name, future in futures.items() if future.exception() is not None}
    assert failed == {}
    attacked.check()
    attacked.close()
    if not is_sanitized(nodes.binary):
        assert resident_peak < READ_NOTHING_BYTES + LARGE_ANSWER_BYTES
