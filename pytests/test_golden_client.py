"""razor_node sends the captured requests of the reference, and understands its captured answers.

A server in Python compares the bytes of each request with the captured ones, the seq (which counts from 1 on a
connection) and the client_id (which a client chooses) aside, and answers with the captured answer.
"""

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import golden
from razor_testing import limits, wire
from razor_testing.node import APPLICATION_ERROR, FRAMEWORK_ERROR, OK, Finished, Nodes
from razor_testing.raw_server import Peer, RawServer, Script

StartServer = Callable[[Script], RawServer]
# As the reference speaks.
PLAIN = ("--hello", "off")


@dataclass(frozen=True)
class Expected:
    """How `razor_node call` ends."""

    status: int
    printed: Any


def result(value: Any) -> Expected:
    return Expected(OK, value)


def error(value: Any) -> Expected:
    return Expected(APPLICATION_ERROR, value)


def framework_error(name: str) -> Expected:
    # A handler may have sent the text itself: nobody can tell whether the call ran.
    return Expected(FRAMEWORK_ERROR, (name, "maybe"))


def printed_by(finished: Finished) -> Any:
    if finished.status == OK:
        return finished.result
    return finished.error if finished.status == APPLICATION_ERROR else finished.call_error


# What the caller makes of each captured answer.
CALLS = {
    "add_ok": result(30),
    "add_unit_err": error(None),
    "div_ok": result(5),
    "div_error_string": error("division by zero"),
    "errno_ok": result(42),
    "errno_error": error(22),
    "echo_string": result("hello"),
    "echo_bytes_vec_u8": result([1, 2, 200]),
    "noop_unit": result(None),
    "fail_i32_42": error(42),
    "fail_str_empty": error(""),
    # The text of a framework error cannot be told from the framework's own; any other text can.
    "fail_str_rpc_timeout": framework_error("deadline_exceeded"),
    "fail_str_rpc_other": error("rpc_other"),
    "custom_err_unit_variant": error("NoSuchFile"),
    "int_rpc_unreachable": framework_error("unreachable"),
    "int_rpc_io_err": framework_error("connection_lost"),
    "int_rpc_timeout": framework_error("deadline_exceeded"),
    "int_rpc_method_notfound": framework_error("method_not_found"),
    "int_rpc_service_notfound": framework_error("service_not_found"),
    "int_rpc_decode": framework_error("decode"),
    "int_rpc_internal_err": framework_error("internal"),
    "int_rpc_invalid_ver": framework_error("invalid_version"),
    "unknown_method": framework_error("method_not_found"),
    "unknown_service": framework_error("service_not_found"),
    "action_without_dot": framework_error("decode"),
    "wrong_arg_type": framework_error("decode"),
    "wrong_err_type": error("division by zero"),
    "unit_struct": result([]),
    "method_with_a_dot": framework_error("method_not_found"),
    "open_ok": result(None),
    "open_enoent": error(2),
    "open_handler_err": framework_error("decode"),
    "read_no_blob": result({"ret_size": 16}),
    "unknown_action_99": framework_error("decode"),
}
# `call` sends no blobs and no pings: these have tests of their own below.
NOT_CALLS = {"write_req_blob", "ping_0", "ping_1", "ping_with_blob"}


def golden_case(name: str, channel: str = "api") -> golden.Case:
    return next(case for case in golden.CASES if case.name == name and case.channel == channel)


def parsed(request: bytes) -> tuple[str, list[str]]:
    """The action and the JSON arguments that make `razor_node call` send this request."""
    field = int.from_bytes(request[4:8], "little")
    body = request[wire.REQUEST_HEAD.size :]
    action = str(field)
    if field & wire.NAME_BIT:
        name_bytes = field & ~wire.NAME_BIT
        action, body = body[:name_bytes].decode(), body[name_bytes:]
    arguments = wire.unpack(body)
    return action, [] if arguments is None else [json.dumps(arguments)]


def as_sent(captured: bytes, sent: bytes, seq: int) -> bytes:
    """The captured request with what a client chooses."""
    client_id = int.from_bytes(sent[golden.CLIENT_ID], "little")
    return golden.with_client_id(golden.with_seq(captured, seq), client_id)


def test_every_case_is_covered() -> None:
    assert {case.name for case in golden.CASES} == CALLS.keys() | NOT_CALLS


@pytest.mark.parametrize("case", [case for case in golden.CASES if case.name in CALLS], ids=operator.attrgetter("id"))
def test_a_call_sends_and_understands_the_captured_bytes(nodes: Nodes, raw_server: StartServer, case: golden.Case) -> None:
    requests: list[bytes] = []

    def script(peer: Peer) -> None:
        requests.append(peer.receive_exactly(len(case.request)))
        peer.send(golden.with_seq(case.response, seq=1))
        requests.append(peer.receive_to_end())

    server = raw_server(script)
    action, arguments = parsed(case.request)
    finished = nodes.call(server.address, action, *arguments, *PLAIN)
    expected = CALLS[case.name]
    assert (finished.status, printed_by(finished)) == (expected.status, expected.printed)
    server.close()
    assert requests == [as_sent(case.request, requests[0], seq=1), b""]


def test_the_ping_of_a_waiting_client_is_the_captured_one(nodes: Nodes, raw_server: StartServer) -> None:
    call, ping = golden_case("add_ok"), golden_case("ping_0")
    sent: list[bytes] = []

    def script(peer: Peer) -> None:
        sent.append(peer.receive_exactly(len(call.request)))
        sent.append(peer.receive_exactly(len(ping.request)))  # the answer is owed, and nothing has come for a while
        peer.send(golden.with_seq(ping.response, seq=2))
        peer.send(golden.with_seq(call.response, seq=1))
        peer.wait_for_end()

    server = raw_server(script)
    finished = nodes.call(server.address, *parsed_command(call), *PLAIN)
    assert finished.result == 30
    assert limits.PING_INTERVAL <= finished.seconds < limits.at_most(limits.PING_INTERVAL)
    # The reference ignores the format of a request; ours asks by it for an answer ahead of others (protocol.md).
    prompt = bytearray(as_sent(ping.request, sent[1], seq=2))
    prompt[3] = 0x85
    assert sent == [as_sent(call.request, sent[0], seq=1), bytes(prompt)]
    assert sent[0][golden.CLIENT_ID] == sent[1][golden.CLIENT_ID]


def parsed_command(case: golden.Case) -> list[str]:
    action, arguments = parsed(case.request)
    return [action, *arguments]


def test_a_request_with_a_blob_is_laid_out_as_the_captured_one(nodes: Nodes, raw_server: StartServer) -> None:
    """`load --interface stream` writes; other inode, offset and bytes than the captured write, in the same places."""
    captured = golden_case("write_req_blob", "stream")
    sent: list[tuple[bytes, wire.Request]] = []

    def script(peer: Peer) -> None:
        while True:
            request = peer.receive()
            sent.append((request.encoded(), request))
            peer.succeed(request.seq, wire.pack({"ret_size": len(request.blob)}))

    server = raw_server(script)
    blob_bytes = len(b"hello blob!\n")
    finished = nodes.load(server.address, interface="stream", in_flight=1, payload=blob_bytes, seconds=0.2, hello="off")
    assert finished.status == OK
    assert finished.report["errors"] == {}
    assert finished.report["calls"] > 0
    server.close()
    for seq, (frame, request) in enumerate(sent, start=1):
        assert request == wire.Request(
            seq, wire.WRITE, wire.io_message(1, 0, blob_bytes), b"x" * blob_bytes, request.client_id
        )
        # The same but for the offset, which is small here and takes 9 bytes there.
        assert frame[:4] == captured.request[:4]
        assert wire.unpack(request.msg).keys() == wire.unpack(captured.request[32:-blob_bytes]).keys()
