"""How the peers in Python behave: errors that say whether a call ran, deadlines, lost connections, pings, closing.

Fails when a call ends twice, never, or with a wrong `ran`.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from razor_testing import address, limits, wire
from razor_testing.client import AsyncClient, CallError, Client, ClientConfig
from razor_testing.raw_client import RawClient
from razor_testing.raw_server import Peer, RawServer, Script
from razor_testing.server import AsyncServer, BadArguments, Fail, Refuse, Reply, Server
from razor_testing.waiting import wait_until

StartServer = Callable[[Script], RawServer]
PLAIN = ClientConfig(wants_details=False, ping_interval=None)


def error_of(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(CallError) as raised:
        call()
    return raised.value.code, raised.value.ran


def same(value: Any) -> Any:
    return value


def twice(value: int) -> int:
    return 2 * value


def wait_for_release(release: threading.Event) -> None:
    assert release.wait(address.HANG_SECONDS)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


# --- The client ---------------------------------------------------------------------------------------------------------


def test_nobody_listens(socket_directory: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        for place in (
            f"127.0.0.1:{bound.getsockname()[1]}",
            f"unix:{socket_directory / 'nobody'}",
            "no-such-host.invalid:1",
        ):
            with Client(place) as client:
                assert error_of(lambda: client.call("S.m")) == ("unreachable", "no")


def test_a_timeout_ends_the_call_and_a_late_response_is_dropped(release: threading.Event) -> None:
    with Server({"S.slow": lambda: wait_for_release(release), "S.fast": lambda: 1}) as server, Client(
        server.address
    ) as client:
        begun = time.monotonic()
        assert error_of(lambda: client.call("S.slow", timeout=0.2)) == ("deadline_exceeded", "maybe")
        assert 0.2 <= time.monotonic() - begun < limits.at_most(0.2)
        release.set()
        assert client.call("S.fast") == 1
        assert client.ping(is_prompt=False) < limits.PROMPT


@pytest.mark.parametrize("sent", [b"", wire.response_head(seq=1, msg_bytes_or_number=9) + b"x"], ids=["closes", "cuts"])
def test_a_lost_connection_may_have_run_and_is_made_anew(raw_server: StartServer, sent: bytes) -> None:
    seen: list[int] = []

    def script(peer: Peer) -> None:
        request = peer.receive()
        seen.append(request.seq)
        if len(seen) == 1:
            peer.send(sent)
            return
        peer.succeed(request.seq, wire.pack("again"))
        peer.wait_for_end()

    with Client(raw_server(script).address, PLAIN) as client:
        assert error_of(lambda: client.call("S.m")) == ("connection_lost", "maybe")
        assert client.call("S.m") == "again"
    assert seen == [1, 1], "each connection counts its own"


BROKEN = {
    "magic": wire.response_head(seq=1, magic=1),
    "version": wire.response_head(seq=1, version=2),
    "flag": wire.response_head(seq=1, flag=3),
    "a seq that was never sent": wire.Response(2, msg=wire.NIL).encoded(),
    "a message too large": wire.response_head(seq=1, msg_bytes_or_number=wire.MSG_BYTES_MAX + 1),
    "a negative blob": wire.response_head(seq=1, blob_bytes=-1),
}


@pytest.mark.parametrize("frame", BROKEN.values(), ids=BROKEN)
def test_a_broken_response_ends_the_connection(raw_server: StartServer, frame: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(frame)
        peer.wait_for_end()

    with Client(raw_server(script).address, PLAIN) as client:
        assert error_of(lambda: client.call("S.m")) == ("bad_frame", "maybe")


ODD: list[tuple[str, bytes, tuple[str, str]]] = [
    ("no result", wire.Response(1).encoded(), ("decode", "yes")),
    ("half a result", wire.Response(1, msg=b"\x92\x01").encoded(), ("decode", "yes")),
    ("two results", wire.Response(1, msg=b"\x01\x01").encoded(), ("decode", "yes")),
    ("a million levels", wire.Response(1, msg=b"\x91" * 1_000_000).encoded(), ("decode", "yes")),
    ("65 levels", wire.Response(1, msg=b"\x91" * 65 + b"\x01").encoded(), ("decode", "yes")),
    ("a framework's text", wire.Response(1, 2, blob=b"rpc_draining").encoded(), ("draining", "maybe")),
    ("a detail", wire.Response(1, 2, msg=wire.pack([0, "why"]), blob=b"rpc_decode").encoded(), ("decode", "no")),
    ("a detail of 4", wire.Response(1, 2, msg=wire.pack([3, "why"]), blob=b"rpc_decode").encoded(), ("decode", "maybe")),
    (
        "a detail that is true",
        wire.Response(1, 2, msg=wire.pack([False, "x"]), blob=b"rpc_decode").encoded(),
        ("decode", "maybe"),
    ),
    ("a broken detail", wire.Response(1, 2, msg=b"\xc1", blob=b"rpc_decode").encoded(), ("decode", "maybe")),
    ("a text", wire.Response(1, 2, blob=b"rpc_other").encoded(), ("application_error", "yes")),
    ("a number", wire.Response(1, 1, number=7).encoded(), ("application_error", "yes")),
]


@pytest.mark.parametrize("frame, expected", [row[1:] for row in ODD], ids=[row[0] for row in ODD])
def test_what_a_response_means(raw_server: StartServer, frame: bytes, expected: tuple[str, str]) -> None:
    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(wire.Response(0, msg=b"a later version").encoded() + frame)
        peer.succeed(peer.receive().seq, wire.pack("still there"))
        peer.wait_for_end()

    with Client(raw_server(script).address, PLAIN) as client:
        assert error_of(lambda: client.call("S.m")) == expected
        assert client.call("S.m") == "still there", "the connection goes on"


def test_a_silent_server_is_pinged_and_given_up(raw_server: StartServer) -> None:
    pings: list[wire.Request] = []

    def script(peer: Peer) -> None:
        assert peer.receive().action == "S.m"
        pings.append(peer.receive())
        peer.succeed(pings[0].seq)
        pings.append(peer.receive())
        peer.wait_for_end()

    config = ClientConfig(ping_interval=0.1, ping_timeout=0.3, wants_details=False, client_id=77)
    with Client(raw_server(script).address, config) as client:
        begun = time.monotonic()
        assert error_of(lambda: client.call("S.m")) == ("connection_lost", "maybe")
        assert 0.4 <= time.monotonic() - begun < limits.at_most(1.0)
    assert all(ping.is_ping and ping.format_bits == wire.PROMPT_PING_FORMAT and ping.client_id == 77 for ping in pings)


def test_what_cannot_be_sent_did_not_run() -> None:
    with Server({"S.m": same}) as server, Client(server.address) as client:
        assert error_of(lambda: client.call("S.m", object())) == ("encode", "no")
        assert error_of(lambda: client.call("S.m", 1 << 64)) == ("encode", "no")
        assert error_of(lambda: client.call("S." + "m" * 255)) == ("too_large", "no")
        with pytest.raises(ValueError):
            client.action(0)
        assert client.call("S.m", [1, {"a": None}]) == [1, {"a": None}]


def test_threads_share_a_client_and_close_waits_for_them(release: threading.Event) -> None:
    handlers = {"S.twice": twice, "S.slow": lambda: wait_for_release(release)}
    with Server(handlers) as server, ThreadPoolExecutor(8) as threads:
        client = Client(server.address)

        def call(value: int) -> object:
            return client.call("S.twice", value)

        assert list(threads.map(call, range(400))) == [2 * value for value in range(400)]
        slow = threads.submit(client.call, "S.slow")
        client.ping()  # the slow one was sent before
        closing = threads.submit(client.close)
        release.set()
        closing.result()
        assert slow.result() is None
        assert error_of(lambda: client.call("S.twice", 1)) == ("connection_lost", "no")
        client.close()


def test_closing_gives_up_what_takes_too_long(release: threading.Event) -> None:
    begun = threading.Event()

    def slow() -> None:
        begun.set()
        wait_for_release(release)

    with Server({"S.slow": slow}) as server, ThreadPoolExecutor(1) as threads:
        client = Client(server.address)
        call = threads.submit(client.call, "S.slow")
        assert begun.wait(address.HANG_SECONDS)
        client.close(timeout=0.1)
        assert error_of(call.result) == ("connection_lost", "maybe")
        release.set()


def test_a_cancelled_call_is_forgotten() -> None:
    async def run() -> None:
        reached = asyncio.Event()

        async def endless() -> None:
            reached.set()
            await asyncio.sleep(3600)

        async with AsyncServer({"S.endless": endless, "S.m": lambda: 1}) as server:
            async with AsyncClient(server.address) as client:
                call = asyncio.create_task(client.call("S.endless"))
                await reached.wait()
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                assert await client.call("S.m") == 1
                await client.close(timeout=0)
            await server.close(timeout=0)

    asyncio.run(run())


# --- The server ---------------------------------------------------------------------------------------------------------


def fails(error: BaseException) -> Callable[[], None]:
    def handler() -> None:
        raise error

    return handler


def test_how_handlers_answer() -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    handlers: dict[str | int, Callable[..., Any]] = {
        "S.later": later,
        "S.blob": lambda: Reply("with", b"blob"),
        "S.throws": fails(KeyError("x")),
        "S.refuses": fails(Refuse("rpc_overloaded", "too many")),
        "S.bad": fails(BadArguments("no")),
        "S.unencodable": lambda: object(),
        "S.error_unencodable": fails(Fail(value=object())),
        "S.large": lambda: "x" * wire.MSG_BYTES_MAX,
        "S.negative": fails(Fail(-5)),
        5: lambda message, blob: Reply([message, len(blob)], blob[:1]),
    }
    with Server(handlers) as server, Client(server.address) as client:
        assert client.call("S.later", 1) == 2
        assert client.call_with_blob("S.blob") == Reply("with", b"blob")
        assert client.action(5, {"a": 1}, blob=b"xyz") == Reply([{"a": 1}, 3], b"x")
        assert error_of(lambda: client.call("S.throws")) == ("internal", "yes")
        assert error_of(lambda: client.call("S.refuses")) == ("overloaded", "no")
        assert error_of(lambda: client.call("S.bad")) == ("decode", "no")
        assert error_of(lambda: client.call("S.unencodable")) == ("encode", "yes")
        assert error_of(lambda: client.call("S.error_unencodable")) == ("encode", "yes")
        assert error_of(lambda: client.call("S.large")) == ("too_large", "yes")
        with pytest.raises(CallError) as raised:
            client.call("S.negative")
        assert getattr(raised.value, "signed") == -5
        with Client(server.address, PLAIN) as plain:
            assert error_of(lambda: plain.call("S.refuses")) == ("overloaded", "maybe"), "a plain peer gets no details"
    with pytest.raises(ValueError):
        Refuse("rpc_nothing")
    with pytest.raises(ValueError):
        Fail(1 << 32)


def test_pongs_keep_their_places(release: threading.Event) -> None:
    """A plain one waits for all requests before it, and lets later responses pass."""
    with Server({"S.slow": lambda: wait_for_release(release), "S.fast": lambda: 1}) as server:
        with RawClient(server.address) as client:
            slow = client.send_request("S.slow", wire.NIL)
            plain = client.send_ping()
            fast = client.send_request("S.fast", wire.NIL)
            assert client.receive().seq == fast
            prompt = client.send_prompt_ping()
            assert client.receive().seq == prompt
            release.set()
            assert [client.receive().seq for _ in range(2)] == [slow, plain]


def test_a_closing_server_refuses_new_requests(release: threading.Event) -> None:
    with Server({"S.slow": lambda: wait_for_release(release)}) as server, ThreadPoolExecutor(1) as threads:
        with RawClient(server.address) as client:
            slow = client.send_request("S.slow", wire.NIL)
            client.send_prompt_ping()
            client.receive()
            closing = threads.submit(server.close)

            def is_refused() -> bool:
                client.send_request("S.nothing", wire.NIL)
                return client.receive().error_text == "rpc_draining"

            wait_until("the server to refuse", is_refused)
            release.set()
            assert client.receive().seq == slow
            assert client.receive_to_end() == b""
            closing.result()
            server.close()


def test_a_client_that_reads_nothing_holds_no_other_up() -> None:
    with Server({1: lambda message, blob: Reply(None, bytes(1 << 20)), "S.fast": lambda: 1}) as server:
        with RawClient(server.address, receive_buffer=4096) as greedy:
            for _ in range(100):
                greedy.send_request(1, wire.NIL)
            with Client(server.address) as client:
                begun = time.monotonic()
                assert [client.call("S.fast") for _ in range(20)] == [1] * 20
                assert time.monotonic() - begun < limits.PROMPT
            greedy.reset()
