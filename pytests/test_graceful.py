"""Contract 31: a server that is told to close answers what it has begun, says of the rest that it did not run, and is
gone within its limit.

Fails when an answer is lost, when a peer gets a reset before it has read, or when somebody who never closes keeps the
process alive.
"""

import contextlib
import itertools
import operator
import signal
import time
from pathlib import Path

import pytest

from razor_testing import limits, wire
from razor_testing.node import OK, Nodes, Server
from razor_testing.raw_client import RawClient
from razor_testing.raw_socket import EndOfStream
from razor_testing.waiting import wait_until

SLEEP = wire.method("sleep_ms")
ADD = wire.method("add")

SLOW_MS = 500


@pytest.fixture(params=["tcp", "unix"])
def server(request: pytest.FixtureRequest, nodes: Nodes, socket_directory: Path) -> Server:
    listen = "127.0.0.1:0" if request.param == "tcp" else f"unix:{socket_directory / 'socket'}"
    return nodes.serve(listen, options=("--log", "info"))


@pytest.fixture
def both(nodes: Nodes, socket_directory: Path) -> Server:
    """Serves on either transport: for tests that take a second."""
    return nodes.serve("127.0.0.1:0", f"unix:{socket_directory / 'socket'}", options=("--log", "info"))


def dispatched(client: RawClient) -> None:
    """What was sent before is being handled when the pong has come."""
    seq = client.send_prompt_ping()
    assert client.receive() == wire.Response(seq)


def tell(server: Server, number: signal.Signals = signal.SIGTERM) -> float:
    """Tells it to close. Returns when, once it no longer listens."""
    server.send_signal(number)
    told = time.monotonic()
    wait_until("the server to close", lambda: "closing: " in server.log)
    return told


def assert_ends(server: Server, told: float, within: float) -> None:
    finished = server.wait()
    assert finished.status == OK
    assert time.monotonic() - told < limits.at_most(within)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=operator.attrgetter("name"))
def test_calls_that_run_get_their_answers(server: Server, number: signal.Signals) -> None:
    with RawClient(server.address) as client:
        seqs = [client.send_request(SLEEP, wire.pack(SLOW_MS - 50 * index)) for index in range(5)]
        dispatched(client)
        told = tell(server, number)
        answers = client.receive_all(len(seqs))
        assert [answers[seq] for seq in seqs] == [wire.Response(seq, msg=wire.NIL) for seq in seqs]
        assert client.receive_to_end() == b""  # an end, not a reset
    assert_ends(server, told, SLOW_MS / 1000)


def test_later_requests_are_told_that_they_did_not_run(server: Server) -> None:
    with RawClient(server.address) as client:
        slow = client.send_request(SLEEP, wire.pack(SLOW_MS))
        dispatched(client)
        told = tell(server)
        actions: tuple[int | str, ...] = (ADD, SLEEP, "No.thing", wire.READ)
        late = [client.send_request(action, wire.pack([1, 2])) for action in actions]
        ping = client.send_ping()
        answers = client.receive_all(len(late) + 2)
        assert answers[slow] == wire.Response(slow, msg=wire.NIL)
        assert answers[ping] == wire.Response(ping)
        assert all(answers[seq].error_text == "rpc_draining" for seq in late)
        assert client.receive_to_end() == b""
    assert_ends(server, told, SLOW_MS / 1000)


def test_calls_of_razor_node_are_told_too(nodes: Nodes, server: Server) -> None:
    slow = nodes.start("call", server.address, SLEEP, str(SLOW_MS))
    time.sleep(0.2)
    told = tell(server)
    assert nodes.call(server.address, ADD, "[1,2]").call_error == ("unreachable", "no")
    assert slow.wait().result is None
    assert_ends(server, told, SLOW_MS / 1000)


def test_every_request_that_was_sent_before_is_answered_once(server: Server) -> None:
    """With its result, or with rpc_draining; whatever had been read when the signal came."""
    count = 10_000
    slow = wire.Request(count + 1, SLEEP, wire.pack(200)).encoded()
    frames = [slow, *(wire.Request(seq, ADD, wire.pack([seq, 1])).encoded() for seq in range(1, count + 1))]
    with RawClient(server.address) as client:
        client.socket.setblocking(False)
        sent = client.socket.send(b"".join(frames))
        server.send_signal(signal.SIGTERM)
        client.socket.settimeout(limits.at_most(limits.CLOSE_LIMIT))
        client.shutdown_write()
        whole = sum(end <= sent for end in itertools.accumulate(map(len, frames)))
        answers = client.receive_all(whole)
        assert client.receive_to_end() == b""
    assert server.wait().status == OK
    print(f"{whole} requests of {sent} bytes: {server.log}")
    assert whole > 100
    assert answers.keys() == {count + 1, *range(1, whole)}
    assert answers[count + 1] == wire.Response(count + 1, msg=wire.NIL)
    for seq in range(1, whole):
        if answers[seq].flag == wire.SUCCESS:
            assert answers[seq].value == seq + 1
        else:
            assert answers[seq].error_text == "rpc_draining"


def test_a_peer_that_has_closed_its_side_is_not_waited_for(server: Server) -> None:
    """It has said that it sends nothing more: when it has its answers, nothing is left to wait for."""
    with RawClient(server.address) as client:
        slow = client.send_request(SLEEP, wire.pack(SLOW_MS))
        dispatched(client)
        told = tell(server)
        client.shutdown_write()
        assert client.receive() == wire.Response(slow, msg=wire.NIL)
        assert client.receive_to_end() == b""
        closed = time.monotonic()
        assert closed - told < limits.LINGER
        assert server.wait().status == OK
        assert time.monotonic() - closed < limits.LINGER / 2


def test_large_answers_reach_peers_that_read_slowly(both: Server) -> None:
    blob_bytes = 16 << 20
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(at)) for at in both.addresses]
        for client in clients:
            client.send_request(wire.READ, wire.io_message(1, 0, blob_bytes))
            client.receive_exactly(wire.RESPONSE_HEAD.size)
        told = tell(both)
        received = 0
        while time.monotonic() - told < limits.LINGER + 0.4:  # longer than it waits for a peer that has all
            for client in clients:
                client.receive_exactly(1 << 17)
            received += 1 << 17
            time.sleep(0.05)
        for client in clients:
            assert received + len(client.receive_to_end()) == blob_bytes + len(wire.pack({"ret_size": blob_bytes}))
    assert_ends(both, told, limits.LINGER + 1)


def until_answered(client: RawClient) -> None:
    wait_until("the first answers", lambda: not client.is_silent_for(0))


def test_answers_can_be_read_long_after_the_server_has_gone(both: Server) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(at)) for at in both.addresses]
        for client in clients:
            for seq in range(1, 101):
                client.send_request(ADD, wire.pack([seq, 1]))
            client.send_request(SLEEP, wire.pack(100))
            until_answered(client)
        told = tell(both)
        assert_ends(both, told, 0.1 + limits.LINGER)  # without waiting for these peers to close
        for client in clients:
            answers = client.receive_all(101)
            assert [answers[seq].value for seq in range(1, 101)] == list(range(2, 102))
            assert answers[101] == wire.Response(101, msg=wire.NIL)
            assert client.receive_to_end() == b""


def test_peers_that_never_close_do_not_keep_it(both: Server) -> None:
    """Some have spoken, some have not, some stopped in the middle of a request, and one goes on asking."""
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(RawClient(at)) for at in both.addresses for _ in range(10)]
        for client in silent[::2]:
            dispatched(client)
        for client in silent[::3]:
            client.send(wire.request_head(seq=1)[:20])
        asking = stack.enter_context(RawClient(both.address))
        dispatched(asking)
        told = tell(both)
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - told < limits.at_most(limits.LINGER) and both.is_running:
                asking.send_request(ADD, wire.pack([1, 2]))
                time.sleep(0.001)
        assert_ends(both, told, limits.LINGER)
        assert all(client.receive_to_end() == b"" for client in silent)


def test_handlers_that_never_end_are_given_up_at_the_limit(nodes: Nodes) -> None:
    limit = 0.6
    server = nodes.serve(options=("--close-limit", str(limit), "--log", "info"))
    with RawClient(server.address) as client, RawClient(server.address) as other:
        client.send_request(SLEEP, wire.pack(60_000))
        dispatched(client)
        answered = other.send_request(SLEEP, wire.pack(300))
        dispatched(other)
        told = tell(server)
        assert other.receive() == wire.Response(answered, msg=wire.NIL)
        assert_ends(server, told, limit)
        assert time.monotonic() - told >= limit
        assert client.receive_to_end() == b""


def test_a_peer_that_reads_nothing_is_given_up_at_the_limit(nodes: Nodes) -> None:
    limit = 0.6
    server = nodes.serve(options=("--close-limit", str(limit), "--log", "info"))
    with RawClient(server.address) as client:
        client.send_request(wire.READ, wire.io_message(1, 0, wire.BLOB_BYTES_MAX))
        wait_until("the answer to begin", lambda: not client.is_silent_for(0))
        told = tell(server)
        assert_ends(server, told, limit)


def test_new_connections_are_refused_while_calls_still_run(server: Server) -> None:
    with RawClient(server.address) as client:
        slow = client.send_request(SLEEP, wire.pack(SLOW_MS))
        dispatched(client)
        told = tell(server)
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            RawClient(server.address)
        assert client.receive() == wire.Response(slow, msg=wire.NIL)
    assert_ends(server, told, SLOW_MS / 1000)


def test_the_address_is_free_while_calls_still_run(nodes: Nodes, server: Server) -> None:
    """A successor can take over at once."""
    with RawClient(server.address) as client:
        slow = client.send_request(SLEEP, wire.pack(SLOW_MS))
        dispatched(client)
        told = tell(server)
        successor = nodes.serve(server.address)
        assert successor.address == server.address
        with RawClient(server.address) as newcomer:
            assert newcomer.add(1, 2) == 3
        assert server.is_running
        assert client.receive() == wire.Response(slow, msg=wire.NIL)
    assert_ends(server, told, SLOW_MS / 1000)
    with RawClient(successor.address) as newcomer:
        assert newcomer.add(1, 2) == 3  # also on a Unix socket: the file is the successor's now


def test_connections_that_wait_to_be_accepted_are_not_left_hanging(server: Server) -> None:
    """They are answered, closed or reset: a caller learns at once what became of its call."""
    server.send_signal(signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(RawClient(server.address)) for _ in range(10)]
        for client in waiting:
            client.send_request(ADD, wire.pack([1, 2]))
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGCONT)
        for client in waiting:
            with contextlib.suppress(EndOfStream, ConnectionResetError):
                answer = client.receive()
                assert answer.value == 3 if answer.flag == wire.SUCCESS else answer.error_text == "rpc_draining"
    assert server.wait(limits.at_most(limits.LINGER)).status == OK
