"""razor_node call: JSON in, JSON out, and an exit status that a script can use.

Fails when a result or an error of any kind is printed otherwise, when a failure is not reported as one, or when a call
outlives its timeout.
"""

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from razor_testing import address, limits, wire
from razor_testing.node import FRAMEWORK_ERROR, Nodes, Server, running_nodes
from razor_testing.raw_client import RawClient

ADD = wire.method("add")
INT_MAX, INT_MIN = 2**31 - 1, -(2**31)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all that leaves no trace in it."""
    with running_nodes(tmp_path_factory.mktemp("call")) as nodes:
        yield nodes.serve("127.0.0.1:0")


# The action, its argument (none for None), and the result.
RESULTS: list[tuple[str, Any, Any]] = [
    ("add", [1, 2], 3),
    ("add", [-5, 3], -2),
    ("add", [INT_MAX, INT_MIN], -1),
    ("div", [7, 2], 3),
    ("div", [-7, 2], -3),
    ("might_fail_with_errno", 21, 42),
    ("might_fail_with_errno", 0, 0),
    ("echo", "hello", "hello"),
    ("echo", "", ""),
    ("echo", 'quotes " and \\ and \n and \0', 'quotes " and \\ and \n and \0'),
    ("echo", "größer 漢字 🎉", "größer 漢字 🎉"),
    ("echo", "x" * 100_000, "x" * 100_000),
    ("echo_coroutine", "hello", "hello"),
    ("echo_bytes", [], []),
    ("echo_bytes", [0, 127, 128, 255], [0, 127, 128, 255]),
    ("noop", None, None),
    ("sleep_ms", 0, None),
    ("sleep_ms", 50, None),
]


@pytest.mark.parametrize("name, argument, result", RESULTS, ids=lambda value: str(value)[:30])
def test_a_result_is_printed(nodes: Nodes, server: Server, name: str, argument: Any, result: Any) -> None:
    arguments = [] if argument is None else [json.dumps(argument)]
    assert nodes.call(server.address, wire.method(name), *arguments).result == result


APPLICATION_ERRORS: list[tuple[str, Any, Any]] = [
    ("add", [INT_MAX, 1], None),
    ("add", [INT_MIN, -1], None),
    ("div", [1, 0], "division by zero"),
    ("div", [INT_MIN, -1], "overflow"),
    ("might_fail_with_errno", -1, 22),
    ("fail_i32", 42, 42),
    ("fail_i32", -1, -1),
    ("fail_i32", INT_MIN, INT_MIN),
    ("fail_u32", 2**32 - 1, 2**32 - 1),
    ("fail_u32", 0, 0),
    ("fail_str", "", ""),
    ("fail_str", "no such thing", "no such thing"),
    ("fail_str", "rpc_other", "rpc_other"),
    ("fail_custom", 0, "NoSuchFile"),
    ("fail_custom", 1, {"TooMany": 1}),
    ("fail_custom", 2**32 - 1, {"TooMany": 2**32 - 1}),
]


@pytest.mark.parametrize("name, argument, error", APPLICATION_ERRORS, ids=str)
def test_an_error_of_the_application_is_printed(nodes: Nodes, server: Server, name: str, argument: Any, error: Any) -> None:
    assert nodes.call(server.address, wire.method(name), json.dumps(argument)).error == error


@pytest.mark.parametrize("index, name", enumerate(wire.FRAMEWORK_ERRORS.values()))
def test_an_error_of_the_framework_is_printed(nodes: Nodes, server: Server, index: int, name: str) -> None:
    # Those that are no answer of a server have no code between two of ours: they are told by their texts.
    ran = "maybe" if name in ("unreachable", "connection_lost", "invalid_version") else "yes"
    assert nodes.call(server.address, wire.method("fail_internal"), str(index)).call_error == (name, ran)


REFUSED: list[tuple[str, list[str], str]] = [
    ("CalculatorService.nothing", [], "method_not_found"),
    ("CalculatorService.", [], "method_not_found"),
    ("CalculatorService.Add", ["[1,2]"], "method_not_found"),
    ("NoService.add", ["[1,2]"], "service_not_found"),
    (".add", ["[1,2]"], "service_not_found"),
    ("add", ["[1,2]"], "decode"),
    # Arguments that do not decode
    (ADD, [], "decode"),
    (ADD, ["[1]"], "decode"),
    (ADD, ["[1,2,3]"], "decode"),
    (ADD, ["3"], "decode"),
    (ADD, ["[1,2.5]"], "decode"),
    (ADD, ["[1,2147483648]"], "decode"),
    (ADD, ["[1,-2147483649]"], "decode"),
    (ADD, ["[1,1e300]"], "decode"),
    (ADD, ["[1,123456789012345678901234567890]"], "decode"),
    (ADD, ['{"a":1,"b":2}'], "decode"),
    (ADD, ['"[1,2]"'], "decode"),
    (wire.method("fail_u32"), ["-1"], "decode"),
    (wire.method("fail_u32"), ["4294967296"], "decode"),
    (wire.method("echo"), ["5"], "decode"),
    (wire.method("echo"), ["null"], "decode"),
    (wire.method("echo_bytes"), ["[256]"], "decode"),
    (wire.method("echo_bytes"), ["[-1]"], "decode"),
    (wire.method("noop"), ["1"], "decode"),
    # Nested deeper than anyone may
    (wire.method("echo"), ["[" * 5_000 + "]" * 5_000], "decode"),
    ("4", [], "decode"),
    ("1", ["[]"], "decode"),
    ("2", ['{"inode":1,"offset":0}'], "decode"),
]


@pytest.mark.parametrize("action, arguments, name", REFUSED, ids=lambda value: str(value)[:40])
def test_what_the_server_does_not_understand_did_not_run(
    nodes: Nodes, server: Server, action: str, arguments: list[str], name: str
) -> None:
    assert nodes.call(server.address, action, *arguments).call_error == (name, "no")


def test_an_action_that_is_too_long_is_not_sent(nodes: Nodes, server: Server) -> None:
    longest = "S." + "m" * (wire.ACTION_BYTES_MAX - len("S."))
    assert nodes.call(server.address, longest).call_error == ("service_not_found", "no")
    assert nodes.call(server.address, longest + "m").call_error == ("too_large", "no")


def test_stream_actions_are_called_by_number(nodes: Nodes, server: Server) -> None:
    assert nodes.call(server.address, "1", '{"path":"/file"}').result is None
    assert nodes.call(server.address, "1", '{"path":"/no"}').error == 2  # ENOENT
    assert nodes.call(server.address, "1", '{"path":"/err"}').call_error == ("decode", "no")
    assert nodes.call(server.address, "2", '{"inode":0,"offset":5,"len":7}').result == {"ret_size": 7}
    read = nodes.call(server.address, "2", '{"len":300,"offset":-1,"inode":1}').result
    assert read == {"message": {"ret_size": 300}, "blob_bytes": 300}
    assert nodes.call(server.address, "3", '{"inode":1,"offset":0,"len":9}').result == {"ret_size": 0}


def test_blobs_travel_untouched(server: Server) -> None:
    with RawClient(server.address) as client:
        read = client.call(wire.READ, wire.io_message(1, 0, 1000))
        assert read.value == {"ret_size": 1000}
        assert read.blob == bytes(index % 256 for index in range(1000))
        assert client.call(wire.WRITE, wire.io_message(1, 0, 5), bytes(range(256))).value == {"ret_size": 256}


# --- No server, or none that answers ------------------------------------------------------------------------------------


def test_a_refused_connection_did_not_run(nodes: Nodes) -> None:
    with socket.socket() as bound:  # so that nobody else listens there
        bound.bind(("127.0.0.1", 0))
        finished = nodes.call(f"127.0.0.1:{bound.getsockname()[1]}", ADD, "[1,2]")
    assert finished.call_error == ("unreachable", "no")
    assert "refused" in finished.err
    assert finished.seconds < limits.at_most(0)


def test_a_unix_socket_that_is_not_there_did_not_run(nodes: Nodes, socket_directory: Path) -> None:
    place = f"unix:{socket_directory / 'nobody'}"
    finished = nodes.call(place, ADD, "[1,2]")
    assert finished.call_error == ("unreachable", "no")
    assert place in finished.err


def test_a_name_without_address_is_explained(nodes: Nodes) -> None:
    finished = nodes.call("no-such-host.invalid:80", ADD, "[1,2]")
    assert finished.call_error == ("unreachable", "no")
    assert json.loads(finished.err)["detail"] == 'connect no-such-host.invalid:80: "no-such-host.invalid": no such name'


def test_a_host_is_called_by_name(nodes: Nodes, server: Server) -> None:
    port = server.address.rpartition(":")[2]
    assert nodes.call(f"localhost:{port}", ADD, "[1,2]").result == 3


def test_the_timeout_of_a_call_without_answer_is_honoured(nodes: Nodes) -> None:
    listening, to = address.listen("127.0.0.1:0")  # the system accepts, and nobody ever looks
    with listening:
        finished = nodes.call(to, ADD, "[1,2]", "--timeout", "0.7")
    assert finished.call_error == ("deadline_exceeded", "maybe")
    assert 0.7 <= finished.seconds < limits.at_most(0.7 + limits.CALL_TICK)


def test_the_timeout_covers_connecting(nodes: Nodes) -> None:
    listening, to = address.listen("127.0.0.1:0", backlog=0)
    with listening:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # the backlog is full: the system drops who knocks
            filler.setblocking(False)
            filler.connect_ex(address.family_and_place(to)[1])
        time.sleep(0.05)
        finished = nodes.call(to, ADD, "[1,2]", "--timeout", "0.5")
        for filler in fillers:
            filler.close()
    assert finished.call_error == ("unreachable", "no")
    assert 0.5 <= finished.seconds < limits.at_most(0.5)


def test_a_slow_handler_outlasts_pings_but_not_the_timeout(nodes: Nodes, server: Server) -> None:
    slow = nodes.start("call", server.address, wire.method("sleep_ms"), "1300")
    finished = nodes.call(server.address, wire.method("sleep_ms"), "2000", "--timeout", "1.2")
    assert finished.call_error == ("deadline_exceeded", "maybe")
    assert 1.2 <= finished.seconds < limits.at_most(1.2 + limits.CALL_TICK)
    finished = slow.wait()
    assert finished.result is None
    assert finished.seconds >= 1.3


def test_an_answer_that_came_while_the_caller_was_stopped_is_no_timeout(nodes: Nodes, server: Server) -> None:
    """Contract 3: what can be read is handled before deadlines are looked at."""
    call = nodes.start("call", server.address, wire.method("sleep_ms"), "400", "--timeout", "1")
    time.sleep(0.2)
    call.send_signal(signal.SIGSTOP)
    time.sleep(1.2)  # the answer comes, then the deadline passes
    call.send_signal(signal.SIGCONT)
    assert call.wait().result is None


def test_a_server_that_is_killed_is_noticed_at_once(nodes: Nodes) -> None:
    server = nodes.serve()
    call = nodes.start("call", server.address, wire.method("sleep_ms"), "60000")
    time.sleep(0.3)
    server.kill()
    finished = call.wait()
    assert finished.status == FRAMEWORK_ERROR
    assert finished.call_error == ("connection_lost", "maybe")
    assert finished.seconds < limits.at_most(0.3)
