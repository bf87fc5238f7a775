"""razor_node answers the captured requests of the reference with the captured bytes.

Fails when a byte of any answer differs, on TCP or on a Unix socket, however the requests are cut into segments.
"""

import operator
from collections.abc import Iterator

import pytest

import golden
from razor_testing.address import socket_directory
from razor_testing.node import Server, running_nodes
from razor_testing.raw_client import RawClient

CHANNELS = ("api", "stream")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all cases: answers do not depend on what else was asked."""
    with socket_directory() as sockets, running_nodes(tmp_path_factory.mktemp("golden")) as nodes:
        yield nodes.serve("127.0.0.1:0", f"unix:{sockets / 'socket'}")


@pytest.fixture(params=[0, 1], ids=["tcp", "unix"])
def address(request: pytest.FixtureRequest, server: Server) -> str:
    return str(server.addresses[request.param])


def of_channel(channel: str) -> list[golden.Case]:
    return [case for case in golden.CASES if case.channel == channel]


def receive_frames(client: RawClient, cases: list[golden.Case]) -> dict[bytes, bytes]:
    """The frames of the answers, by the bytes of their seq. Nothing may come behind them."""
    client.shutdown_write()
    received = client.receive_to_end()
    frames: dict[bytes, bytes] = {}
    lengths = {case.response[golden.SEQ]: len(case.response) for case in cases}
    while received:
        seq = received[golden.SEQ]
        assert seq in lengths and seq not in frames, received.hex()
        frames[seq], received = received[: lengths[seq]], received[lengths[seq] :]
    return frames


@pytest.mark.parametrize("case", golden.CASES, ids=operator.attrgetter("id"))
def test_a_request_alone_is_answered_byte_for_byte(address: str, case: golden.Case) -> None:
    with RawClient(address) as client:
        client.send(case.request)
        client.shutdown_write()
        assert client.receive_to_end() == case.response


@pytest.mark.parametrize("channel", CHANNELS)
def test_all_requests_in_one_segment_are_answered(address: str, channel: str) -> None:
    cases = of_channel(channel)
    with RawClient(address) as client:
        client.send(b"".join(case.request for case in cases))
        frames = receive_frames(client, cases)
    assert frames == {case.response[golden.SEQ]: case.response for case in cases}


@pytest.mark.parametrize("channel", CHANNELS)
def test_requests_that_come_byte_by_byte_are_answered(address: str, channel: str) -> None:
    cases = of_channel(channel)
    with RawClient(address) as client:
        client.send_byte_by_byte(b"".join(case.request for case in cases))
        frames = receive_frames(client, cases)
    assert frames == {case.response[golden.SEQ]: case.response for case in cases}


@pytest.mark.parametrize("channel", CHANNELS)
def test_requests_one_after_the_other_are_answered_in_turn(address: str, channel: str) -> None:
    with RawClient(address) as client:
        for case in of_channel(channel):
            client.send(case.request)
            assert client.receive_exactly(len(case.response)) == case.response, case.name
