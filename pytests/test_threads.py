"""razor_node serve --threads: one server on several threads of a process.

Fails when a thread gets no connection, when one gets more than its part, or when closing loses a call of any thread.
"""

import contextlib
import signal
from pathlib import Path

import pytest

from razor_testing import wire
from razor_testing.node import OK, Nodes, Server
from razor_testing.raw_client import RawClient

SLEEP = wire.method("sleep_ms")
THREADS = 4


@pytest.fixture(params=["tcp", "unix"])
def server(request: pytest.FixtureRequest, nodes: Nodes, socket_directory: Path) -> Server:
    listen = "127.0.0.1:0" if request.param == "tcp" else f"unix:{socket_directory / 'socket'}"
    return nodes.serve(listen, options=("--log", "info", "--threads", str(THREADS)))


def turns_by_thread(server: Server) -> list[int]:
    """How often each thread of the process has slept: one that serves sleeps between two calls."""
    tasks = sorted(Path(f"/proc/{server.pid}/task").iterdir(), key=lambda task: int(task.name))
    fields = [dict(line.split(":", 1) for line in (task / "status").read_text().splitlines()) for task in tasks]
    return [int(each["voluntary_ctxt_switches"]) for each in fields]


def test_each_thread_serves_its_part_of_the_connections(server: Server) -> None:
    calls = 50
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(RawClient(server.address)) for _ in range(2 * THREADS)]
        for client in clients:
            client.send_ping()
            client.receive()
        before = turns_by_thread(server)
        for _ in range(calls):
            for client in clients:
                client.send_ping()
                client.receive()
        slept = [after - first for first, after in zip(before, turns_by_thread(server), strict=True)]
        serving = [count for count in slept if count >= calls]
        assert len(serving) == THREADS, slept
        assert max(serving) <= 1.5 * min(serving), slept


def test_closing_answers_what_every_thread_has_begun(server: Server) -> None:
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(RawClient(server.address)) for _ in range(2 * THREADS)]
        seqs = [client.send_request(SLEEP, wire.pack(300)) for client in clients]
        for client in clients:
            seq = client.send_prompt_ping()
            assert client.receive() == wire.Response(seq)
        server.send_signal(signal.SIGTERM)
        for client, seq in zip(clients, seqs, strict=True):
            assert client.receive() == wire.Response(seq, msg=wire.NIL)
            assert client.receive_to_end() == b""
    finished = server.wait()
    assert finished.status == OK


def test_a_load_over_many_connections_is_answered(nodes: Nodes, server: Server) -> None:
    report = nodes.load(server.address, in_flight=16, connections=12, seconds=0.5).report
    assert report["errors"] == {}
    assert report["calls"] > 100
