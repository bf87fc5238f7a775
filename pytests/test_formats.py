"""Messages in JSON: what a script without msgpack can say to a server, byte by byte.

The C++ clients are in tests/api/formats_test.cc.
"""

import json

import pytest

from razor_testing import wire
from razor_testing.node import Nodes
from razor_testing.raw_client import RawClient
from razor_testing.raw_socket import RawSocket

JSON_FORMAT = 1


@pytest.fixture(name="client")
def fixture_client(nodes: Nodes) -> RawClient:
    return RawClient(nodes.serve("127.0.0.1:0").address)


def call(client: RawClient, method: str, message: bytes, format_bits: int = JSON_FORMAT) -> tuple[int, bytes, bytes]:
    """The flag, message and blob of the answer; unlike RawClient.receive, with the details that only razor peers get."""
    seq = client.next_seq()
    client.send(wire.Request(seq, wire.method(method), message, format_bits=format_bits).encoded())
    return receive(client, seq)


def receive(client: RawSocket, seq: int) -> tuple[int, bytes, bytes]:
    head = client.receive_exactly(wire.RESPONSE_HEAD.size)
    magic, version, flag, msg_bytes_or_number, answered, blob_bytes = wire.RESPONSE_HEAD.unpack(head)
    assert (magic, version, answered) == (wire.MAGIC, wire.VERSION, seq)
    if flag == wire.ERROR_NUMBER:
        return flag, str(msg_bytes_or_number).encode(), b""
    return flag, client.receive_exactly(msg_bytes_or_number), client.receive_exactly(blob_bytes)


def test_results_and_errors(client: RawClient) -> None:
    with client:
        assert call(client, "add", b"[1,2]") == (wire.SUCCESS, b"3", b"")
        assert call(client, "add", b" [ 18 , -20 ] \n") == (wire.SUCCESS, b"-2", b"")
        text = '\u00fc "quoted" \n'
        flag, message, _ = call(client, "echo", json.dumps(text).encode())
        assert (flag, json.loads(message)) == (wire.SUCCESS, text)
        assert call(client, "noop", b"") == (wire.SUCCESS, b"null", b"")
        assert call(client, "div", b"[1,0]") == (wire.ERROR_BYTES, b"", b"division by zero")


def test_both_formats_share_a_connection(client: RawClient) -> None:
    with client:
        assert call(client, "add", b"[1,2]") == (wire.SUCCESS, b"3", b"")
        assert client.add(3, 4) == 7
        assert call(client, "add", b"[1,3]") == (wire.SUCCESS, b"4", b"")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"[1,", "not JSON: parse error at line 1, column 4"),
        (b'[1,"2"]', "expected an integer, found a string"),
        (b"[1,2", "not JSON"),
        (b"[1,2,3]", "wrong number of elements"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "nested deeper than 64 levels"),
    ],
)
def test_what_does_not_decode_is_said(client: RawClient, message: bytes, why: str) -> None:
    with client:
        flag, detail, text = call(client, "add", message)
        assert (flag, text) == (wire.ERROR_BYTES, b"rpc_decode")
        ran, said = wire.unpack(detail)
        assert ran == 0  # no
        assert why in said
        assert call(client, "add", b"[1,2]") == (wire.SUCCESS, b"3", b"")


def test_a_format_that_nobody_knows(client: RawClient) -> None:
    with client:
        flag, detail, text = call(client, "add", wire.pack([1, 2]), format_bits=17)
        assert (flag, text) == (wire.ERROR_BYTES, b"rpc_decode")
        assert wire.unpack(detail) == [0, "the message is written in format 17, and this server reads 0 (msgpack), 1 (json)"]
        assert client.add(1, 2) == 3
