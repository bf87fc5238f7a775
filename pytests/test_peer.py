"""The peers in Python against those in C++, in both directions, on TCP and on a Unix socket: the same tables of calls.

What is only between peers in Python, or about their own conduct, is in test_peer_conduct.py. Fails when either side
misunderstands the other, or protocol.md.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import calculator
from razor_testing import wire
from razor_testing.address import socket_directory
from razor_testing.client import JSON, ApplicationError, AsyncClient, CallError, Client, ClientConfig
from razor_testing.node import Nodes, running_nodes
from razor_testing.server import AsyncServer, Server
from test_call import APPLICATION_ERRORS, REFUSED, RESULTS

TRANSPORTS = ["tcp", "unix"]
TEXTS = list(wire.FRAMEWORK_ERRORS.values())
BINARY = bytes(range(256))


@pytest.fixture(scope="module")
def nodes_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with running_nodes(tmp_path_factory.mktemp("peer")) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    with socket_directory() as directory:
        yield directory


def place(transport: str, sockets: Path, name: str) -> str:
    return "127.0.0.1:0" if transport == "tcp" else f"unix:{sockets / name}"


# --- A client in Python, a server in C++ --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=TRANSPORTS)
def node_address(request: pytest.FixtureRequest, nodes_of_module: Nodes, sockets: Path) -> str:
    return nodes_of_module.serve(place(request.param, sockets, "node")).address


@pytest.fixture(scope="module")
def client(node_address: str) -> Iterator[Client]:
    with Client(node_address) as connected:
        yield connected


@pytest.fixture(scope="module")
def json_client(node_address: str) -> Iterator[Client]:
    with Client(node_address, ClientConfig(message_format=JSON)) as connected:
        yield connected


def arguments_of(name: str, argument: Any) -> list[Any]:
    """The tables have JSON as `razor_node call` reads it, where a list is several arguments."""
    if argument is None:
        return []
    return argument if isinstance(argument, list) and name in ("add", "div") else [argument]


@pytest.mark.parametrize("name, argument, result", RESULTS, ids=lambda value: str(value)[:30])
def test_results(client: Client, name: str, argument: Any, result: Any) -> None:
    assert client.call(wire.method(name), *arguments_of(name, argument)) == result


@pytest.mark.parametrize("name, argument, result", RESULTS, ids=lambda value: str(value)[:30])
def test_results_in_json(json_client: Client, name: str, argument: Any, result: Any) -> None:
    assert json_client.call(wire.method(name), *arguments_of(name, argument)) == result


def meant(error: ApplicationError, expected: Any, name: str) -> Any:
    """The error as its method declares it."""
    if expected is None:
        return None if error.number == 0 else error
    if isinstance(expected, int):
        return error.number if name == "fail_u32" else error.signed
    return error.value if name == "fail_custom" else error.text


@pytest.mark.parametrize("name, argument, error", APPLICATION_ERRORS, ids=str)
@pytest.mark.parametrize("form", ["msgpack", "json"])
def test_errors_of_the_application(
    client: Client, json_client: Client, form: str, name: str, argument: Any, error: Any
) -> None:
    with pytest.raises(ApplicationError) as raised:
        (client if form == "msgpack" else json_client).call(wire.method(name), *arguments_of(name, argument))
    assert meant(raised.value, error, name) == error
    assert (raised.value.ran, raised.value.is_of_application) == ("yes", True)


@pytest.mark.parametrize("index, name", enumerate(TEXTS))
def test_errors_of_the_framework(client: Client, index: int, name: str) -> None:
    with pytest.raises(CallError) as raised:
        client.call(wire.method("fail_internal"), index)
    assert (raised.value.code, raised.value.ran, raised.value.is_of_application) == (name, "maybe", False)


NOT_DECODED: list[tuple[str, list[Any]]] = [
    ("CalculatorService.add", []),
    ("CalculatorService.add", [1]),
    ("CalculatorService.add", [1, 2, 3]),
    ("CalculatorService.add", ["1", "2"]),
    ("CalculatorService.add", [1, 2**31]),
    ("CalculatorService.echo", [b"bytes"]),
    ("CalculatorService.noop", [0]),
]


@pytest.mark.parametrize("method, arguments", NOT_DECODED, ids=str)
def test_why_arguments_do_not_decode_is_told(client: Client, method: str, arguments: list[Any]) -> None:
    """A peer that sends prompt pings is told that the call did not run."""
    with pytest.raises(CallError) as raised:
        client.call(method, *arguments)
    assert (raised.value.code, raised.value.ran) == ("decode", "no")
    assert raised.value.detail


NOT_FOUND = [
    ("CalculatorService.nothing", "method_not_found"),
    ("CalculatorService.", "method_not_found"),
    ("CalculatorService.add.b", "method_not_found"),
    ("Other.add", "service_not_found"),
    (".add", "service_not_found"),
    ("add", "decode"),
    ("", "decode"),
    ("\udcff.\udcfe", "service_not_found"),
]


@pytest.mark.parametrize("method, code", NOT_FOUND, ids=ascii)
def test_what_is_not_served(client: Client, method: str, code: str) -> None:
    with pytest.raises(CallError) as raised:
        client.call(method, 1, 2)
    assert raised.value.code == code


def test_actions_and_blobs(client: Client) -> None:
    assert client.action(wire.OPEN, {"path": "/file"}).value is None
    read = client.action(wire.READ, {"inode": 1, "offset": 0, "len": 600})
    assert (read.value, read.blob) == ({"ret_size": 600}, (BINARY * 3)[:600])
    assert client.action(wire.WRITE, {"inode": 1, "offset": 0, "len": 0}, blob=BINARY).value == {"ret_size": 256}
    with pytest.raises(ApplicationError) as raised:
        client.action(wire.OPEN, {"path": "/no"})
    assert raised.value.number == 2


def test_text_that_is_not_utf8_comes_back(client: Client, json_client: Client) -> None:
    text = b"\xff\xfe ok".decode(errors="surrogateescape")
    assert client.call(wire.method("echo"), text) == text
    assert json_client.call(wire.method("echo"), text) == text


def test_large_messages_and_blobs(client: Client) -> None:
    text = "x" * (4 << 20)
    assert client.call(wire.method("echo"), text) == text
    assert len(client.action(wire.READ, {"inode": 1, "offset": 0, "len": 8 << 20}).blob) == 8 << 20
    with pytest.raises(CallError) as raised:
        client.call(wire.method("echo"), "x" * wire.MSG_BYTES_MAX)
    assert (raised.value.code, raised.value.ran) == ("too_large", "no")


def test_pings_of_both_kinds(client: Client) -> None:
    assert client.ping() < 5
    assert client.ping(is_prompt=False) < 5


def test_a_prompt_ping_overtakes_and_a_plain_one_waits(node_address: str) -> None:
    async def run() -> None:
        async with AsyncClient(node_address) as client:
            slow = asyncio.create_task(client.call(wire.method("sleep_ms"), 300))
            await asyncio.sleep(0)  # the call is sent first
            plain = asyncio.create_task(client.ping(is_prompt=False))
            await client.ping()
            assert not slow.done() and not plain.done()
            done, _ = await asyncio.wait({slow, plain}, return_when=asyncio.FIRST_COMPLETED)
            assert slow in done
            await plain

    asyncio.run(run())


def test_many_calls_at_a_time_over_one_connection(node_address: str) -> None:
    """The first one to be sent is the last one to be answered."""

    async def run() -> None:
        async with AsyncClient(node_address) as client:
            order: list[int] = []

            async def sleep(milliseconds: int) -> None:
                await client.call(wire.method("sleep_ms"), milliseconds)
                order.append(milliseconds)

            sums = [client.call(wire.method("add"), index, index) for index in range(500)]
            slow = asyncio.gather(*map(sleep, (400, 200, 0)))
            assert await asyncio.gather(*sums) == [2 * index for index in range(500)]
            await slow
            assert order == [0, 200, 400]

    asyncio.run(run())


# --- A client in C++, a server in Python --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=TRANSPORTS)
def server(request: pytest.FixtureRequest, sockets: Path) -> Iterator[Server]:
    with Server(calculator.HANDLERS, place(request.param, sockets, "python")) as serving:
        yield serving


@pytest.mark.parametrize("name, argument, result", RESULTS, ids=lambda value: str(value)[:30])
def test_served_results(nodes_of_module: Nodes, server: Server, name: str, argument: Any, result: Any) -> None:
    arguments = [] if argument is None else [json.dumps(argument)]
    assert nodes_of_module.call(server.address, wire.method(name), *arguments).result == result


@pytest.mark.parametrize("name, argument, error", APPLICATION_ERRORS, ids=str)
def test_served_errors(nodes_of_module: Nodes, server: Server, name: str, argument: Any, error: Any) -> None:
    assert nodes_of_module.call(server.address, wire.method(name), json.dumps(argument)).error == error


@pytest.mark.parametrize("index, name", enumerate(TEXTS))
def test_served_errors_of_the_framework(nodes_of_module: Nodes, server: Server, index: int, name: str) -> None:
    call = nodes_of_module.call(server.address, wire.method("fail_internal"), str(index))
    assert call.call_error == (name, "maybe")


@pytest.mark.parametrize("action, arguments, name", REFUSED, ids=lambda value: str(value)[:40])
def test_served_refusals(nodes_of_module: Nodes, server: Server, action: str, arguments: list[str], name: str) -> None:
    assert nodes_of_module.call(server.address, action, *arguments).call_error == (name, "maybe")


def test_served_actions(nodes_of_module: Nodes, server: Server) -> None:
    assert nodes_of_module.call(server.address, "1", '{"path":"/file"}').result is None
    assert nodes_of_module.call(server.address, "1", '{"path":"/no"}').error == 2
    read = nodes_of_module.call(server.address, "2", '{"len":300,"offset":-1,"inode":1}').result
    assert read == {"message": {"ret_size": 300}, "blob_bytes": 300}


@pytest.mark.parametrize("interface, payload", [("api", 100), ("stream", 100), ("stream", 1 << 20)])
def test_a_load_is_served(nodes_of_module: Nodes, server: Server, interface: str, payload: int) -> None:
    """Pipelined calls of several connections, with the pings of their clients between."""
    load: dict[str, object] = {"interface": interface, "in_flight": 8, "connections": 2, "payload": payload}
    report = nodes_of_module.load(server.address, **load, calls=200, seconds=20).report
    assert report["errors"] == {}
    assert report["ended"] == 200


def test_a_slow_handler_outlasts_pings(nodes_of_module: Nodes, server: Server) -> None:
    """The client asks for a sign of life after a second, and gets it at once."""
    assert nodes_of_module.call(server.address, wire.method("sleep_ms"), "1300").result is None


def test_a_server_that_closes_lets_handlers_end(nodes_of_module: Nodes, sockets: Path) -> None:
    async def run() -> None:
        begun = asyncio.Event()

        async def slow() -> str:
            begun.set()
            await asyncio.sleep(0.3)
            return "done"

        async def endless() -> None:
            begun.set()
            await asyncio.sleep(3600)

        for method, timeout in (("S.slow", 5.0), ("S.endless", 0.2)):
            begun.clear()
            server = AsyncServer({"S.slow": slow, "S.endless": endless}, f"unix:{sockets / method}")
            await server.start()
            call = nodes_of_module.start("call", server.address, method)
            await begun.wait()
            await server.close(timeout)
            finished = await asyncio.to_thread(call.wait)
            if method == "S.slow":
                assert finished.result == "done"
            else:
                assert finished.call_error == ("connection_lost", "maybe")

    asyncio.run(run())
