"""Clients that want too much: of memory, handlers, connections or descriptors. Each gets its share, and no more.

Fails when what one client asks for, or only promises, is paid by the process or by others (contract 19, 20, 23, 24, 33).
"""

import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from attacked import Attacked
from razor_testing import limits, process_stats, wire
from razor_testing.node import OK, Nodes, is_sanitized
from razor_testing.raw_client import RawClient
from razor_testing.waiting import wait_until

SLEEP = wire.method("sleep_ms")
MIB = 1 << 20


@pytest.fixture
def attacked(nodes: Nodes) -> Iterator[Attacked]:
    server = Attacked(nodes)
    yield server
    server.check()
    server.close()


def sleeps(first_seq: int, count: int, milliseconds: int) -> bytes:
    message = wire.pack(milliseconds)
    return b"".join(wire.Request(first_seq + index, SLEEP, message).encoded() for index in range(count))


def is_overloaded(answer: wire.Response) -> bool:
    return answer.flag == wire.ERROR_BYTES and answer.error_text == "rpc_overloaded"


# --- Handlers -----------------------------------------------------------------------------------------------------------


def test_requests_above_the_cap_of_a_connection_wait(attacked: Attacked) -> None:
    """A plain peer could not tell a refusal from an error of the handler: reading pauses instead. Others are served."""
    cap, excess, milliseconds = limits.HANDLERS_PER_CONNECTION, 100, 1000
    with attacked.attack() as client:
        begun = time.monotonic()
        client.send(sleeps(1, cap + excess, milliseconds))
        attacked.check_service()
        assert time.monotonic() - begun < milliseconds / 1000, "the machine is too slow to tell"
        answered = client.receive_all(cap + excess)
        assert all(answered[seq] == wire.Response(seq, msg=wire.NIL) for seq in range(1, cap + excess + 1))
        assert time.monotonic() - begun >= 2 * milliseconds / 1000, "more ran at a time than may"
        client.last_seq = 10_000
        assert client.add(1, 2) == 3


def test_handlers_above_the_cap_of_the_server_are_refused(nodes: Nodes) -> None:
    """Graceful closing then cancels 65,536 handlers at its limit."""
    cap, per_connection = limits.HANDLERS, limits.HANDLERS_PER_CONNECTION
    server = nodes.serve(options=("--close-limit", "0.2", "--log", "info"))
    flood = sleeps(1, per_connection, 60_000)
    with contextlib.ExitStack() as connections:
        for _ in range(cap // per_connection):
            client = connections.enter_context(RawClient(server.address))
            client.send(flood)
            client.send(wire.Request(9999, format_bits=wire.PROMPT_PING_FORMAT).encoded())
            assert client.receive() == wire.Response(9999)  # all before it are being handled
        late = connections.enter_context(RawClient(server.address))
        late.send(sleeps(1, 3, 0))
        assert all(map(is_overloaded, late.receive_all(3).values()))
        late.send(wire.Request(4).encoded())
        assert late.receive() == wire.Response(4)
        assert server.stop(limits.at_most(0.2)).status == OK
    assert f"{cap} handlers (peak {cap})" in server.log


# --- Memory -------------------------------------------------------------------------------------------------------------


def test_what_heads_promise_costs_nothing(attacked: Attacked, nodes: Nodes) -> None:
    """200 heads promise 15 GiB. With each come 10,000 bytes, and 64 KiB are allowed on top."""
    count, sent = 200, 10_000
    head = wire.request_head(seq=1, name_bytes=10, msg_bytes=wire.MSG_BYTES_MAX, blob_bytes=wire.BLOB_BYTES_MAX)
    with contextlib.ExitStack() as connections:
        clients = [connections.enter_context(attacked.attack()) for _ in range(count)]
        for client in clients:
            client.send(head + bytes(sent))
        attacked.check_service()
        time.sleep(0.1)
        if not is_sanitized(nodes.binary):
            assert attacked.resident_growth() < count * (sent + 64 * 1024 + 8 * 1024)


def unread_bytes(server_address: str) -> int:
    """What the system holds, at either end of connections to the server, that its process has not read.

    The ends are looked at one after the other: bytes may pass from one to the other unseen. Whoever sends nothing more may
    rely on the second of two zeros.
    """
    port = f":{int(server_address.rpartition(':')[2]):04X}"
    unread = 0
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, _, queues = line.split()[:5]
        to_send, to_read = (int(count, 16) for count in queues.split(":"))
        if remote.endswith(port):
            unread += to_send
        if local.endswith(port):
            unread += to_read
    return unread


def test_memory_of_connections_that_end_is_given_back(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 25: rounds of the same attack do not add up.

    What the C library keeps of the blocks that it was given back depends on which small one lies behind them. So here it
    takes all larger ones from the system, and gives them back there.
    """
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", str(16 * 1024))
    growth: list[int] = []
    with contextlib.closing(Attacked(nodes)) as attacked:
        for _ in range(6):
            with contextlib.ExitStack() as connections:
                clients = [connections.enter_context(attacked.attack()) for _ in range(100)]
                for client in clients:
                    client.send(wire.request_head(seq=1, action=wire.WRITE, blob_bytes=MIB) + bytes(100_000))
                # Else the process may hold less than it was sent when the first of them end.
                wait_until("all to be read", lambda: not any(unread_bytes(attacked.address) for _ in range(2)))
                for client in clients[::2]:
                    client.reset()
            attacked.check()
            growth.append(attacked.resident_growth())
    print(f"growth by {growth}")
    if not is_sanitized(nodes.binary):
        assert growth[-1] - growth[1] < MIB // 2


def test_large_messages_of_many_clients_are_served(attacked: Attacked) -> None:
    text = wire.pack("x" * (4 * MIB))
    with contextlib.ExitStack() as connections:
        clients = [connections.enter_context(attacked.attack()) for _ in range(8)]
        seqs = [client.send_request(wire.method("echo"), text) for client in clients]
        attacked.check_service()
        for client, seq in zip(clients, seqs, strict=True):
            assert client.receive() == wire.Response(seq, msg=text)


# --- Connections --------------------------------------------------------------------------------------------------------


def test_a_thousand_connections_that_say_nothing_hold_nobody_up(attacked: Attacked, nodes: Nodes) -> None:
    count = 1000
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft > count + 100, f"this test takes {count} descriptors; the limit is {soft}"
    with contextlib.ExitStack() as connections:
        clients = [connections.enter_context(attacked.attack()) for _ in range(count)]
        wait_until("all to be accepted", lambda: process_stats.descriptors(attacked.pid) > count)
        attacked.check_service()
        if not is_sanitized(nodes.binary):
            assert attacked.resident_growth() < count * 16 * 1024
        assert clients[-1].add(1, 2) == 3
        assert clients[0].add(1, 2) == 3


@contextlib.contextmanager
def descriptor_limit(limit: int) -> Iterator[None]:
    """For processes that are started in the block."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_connections_above_the_cap_wait_until_others_close(nodes: Nodes) -> None:
    """The cap leaves 64 descriptors of those that the process may have."""
    cap = 30
    with descriptor_limit(cap + 64):
        server = nodes.serve()
    with contextlib.ExitStack() as connections:
        clients = [connections.enter_context(RawClient(server.address)) for _ in range(cap)]
        assert [client.add(1, 2) for client in clients] == [3] * cap
        waiting = [connections.enter_context(RawClient(server.address)) for _ in range(5)]
        for client in waiting:
            client.send_ping()
        assert all(client.is_silent_for(0.05) for client in waiting)
        assert clients[0].add(1, 2) == 3
        for client in clients[:5]:
            client.close()
        assert [client.receive() for client in waiting] == [wire.Response(1)] * 5


def test_the_listener_survives_when_no_descriptors_are_left(nodes: Nodes) -> None:
    """Contract 33: it neither dies nor spins."""
    server = nodes.serve()
    with RawClient(server.address) as client:
        assert client.add(1, 2) == 3
        limit = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (process_stats.descriptors(server.pid), limit[1]))
        with RawClient(server.address) as waiting:
            waiting.send_ping()
            wait_until("an accept that fails", lambda: "accept on" in server.log)
            used = process_stats.cpu_seconds(server.pid)
            assert waiting.is_silent_for(0.5)
            assert client.add(1, 2) == 3
            assert process_stats.cpu_seconds(server.pid) - used < 0.1, "it spins"
            assert server.log.count("accept on") < 20, "it floods its log"
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limit)
            assert waiting.receive() == wire.Response(1)
            waiting.ping()


def test_connections_that_come_and_go_leave_nothing(attacked: Attacked) -> None:
    for _ in range(1000):
        with attacked.attack():
            pass
    for _ in range(300):
        attacked.attack().reset()
