"""The fault proxy as a whole: what it carries while nothing is wrong, what it holds at most, its seeds, timeline and
threads.

Fails when bytes are lost or change without a fault that says so, or when the proxy holds more than it may.
"""

import os
import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from proxied import KIB, MIB, Proxied, collect, echo, exchange, noise
from razor_testing.link_faults import Handle
from razor_testing.proxy import BUFFER_BYTES, FaultProxy
from razor_testing.proxy_connection import Stage
from razor_testing.proxy_pipe import READ_BYTES
from razor_testing.raw_server import Peer
from razor_testing.raw_socket import RawSocket
from razor_testing.waiting import wait_until


def test_carries_both_ways_at_once(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    data = noise(4 * MIB)
    client = proxied.connect(proxy)
    sending = threading.Thread(target=client.send, args=(data,))
    sending.start()
    assert client.receive_exactly(len(data)) == data
    sending.join()
    assert (proxy.bytes_to_server, proxy.bytes_to_client) == (len(data), len(data))
    (state,) = proxy.connections()
    assert (state.number, state.stage, state.bytes_to_server, state.held_to_client) == (1, Stage.OPEN, len(data), 0)


def test_half_closed_connections_go_on(proxied: Proxied) -> None:
    def answer_at_the_end(peer: Peer) -> None:
        asked = peer.receive_to_end()
        assert asked == b"?" * 1000
        peer.send(b"!" * 200_000)

    proxy = proxied.proxy(answer_at_the_end)
    client = proxied.connect(proxy)
    client.send(b"?" * 1000)
    client.shutdown_write()
    assert client.receive_to_end() == b"!" * 200_000
    wait_until("the connection to be gone", lambda: proxy.connections() == [])


@pytest.mark.parametrize("side", ["client", "server"])
def test_resets_are_carried(tcp: Proxied, side: str) -> None:
    seen: list[type[Exception]] = []

    def script(peer: Peer) -> None:
        peer.receive_exactly(1)
        if side == "server":
            peer.reset()
            return
        try:
            peer.receive_to_end()
        except OSError as error:
            seen.append(type(error))

    proxy = tcp.proxy(script)
    client = tcp.connect(proxy)
    client.send(b"x")
    if side == "server":
        with pytest.raises(ConnectionResetError):
            client.receive_to_end()
    else:
        wait_until("the byte to be there", lambda: proxy.bytes_to_server == 1)
        client.reset()
        wait_until("the server to see it", lambda: seen == [ConnectionResetError])


def test_a_server_that_resets_while_it_is_sent_to(tcp: Proxied) -> None:
    """The proxy may find out by writing or by reading: the client has to hear of a reset, not of an end."""

    def read_some_and_reset(peer: Peer) -> None:
        peer.receive_exactly(100_000)
        peer.reset()

    proxy = tcp.proxy(read_some_and_reset)
    for _ in range(10):
        client = tcp.connect(proxy)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while True:
                client.send(bytes(50_000))
        wait_until("the connection to be gone", lambda: proxy.connections() == [])


def test_a_server_that_is_gone_resets_what_comes_late(tcp: Proxied) -> None:
    """It closed, and the client goes on sending."""
    proxy = tcp.proxy(lambda peer: peer.send(b"bye"))
    client = tcp.connect(proxy)
    assert client.receive_to_end() == b"bye"
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        while True:
            client.send(b"more")
    wait_until("the connection to be gone", lambda: proxy.connections() == [])


def test_a_peer_that_never_reads_is_felt(proxied: Proxied) -> None:
    goes_on = threading.Event()
    got: list[bytes] = []

    def read_late(peer: Peer) -> None:
        goes_on.wait(20)
        collect(got)(peer)

    proxy = proxied.proxy(read_late, socket_buffer_bytes=64 * KIB)
    client = proxied.connect(proxy)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * KIB)
    data = noise(16 * MIB)
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.send(data)
    (state,) = proxy.connections()
    assert BUFFER_BYTES <= state.held_to_server <= BUFFER_BYTES + READ_BYTES
    client.close()
    goes_on.set()
    wait_until("the server to have read", lambda: len(got) == 1)
    assert got[0] == data[: len(got[0])] and len(got[0]) > BUFFER_BYTES


def test_many_tiny_segments(proxied: Proxied) -> None:
    """Each could become a piece that costs a hundred times its size."""
    got: list[bytes] = []
    proxy = proxied.proxy(collect(got))
    client = proxied.connect(proxy)
    data = noise(100_000)
    with proxy.latency(0.001), proxy.slicer(1):
        client.send_byte_by_byte(data)
        client.shutdown_write()
        wait_until("all to be there", lambda: len(got) == 1)
    assert got[0] == data


def hit_by(proxied: Proxied, seed: int) -> list[bool]:
    """Which of many connections a fault concerns."""
    proxy = proxied.proxy(seed=seed)
    clients = []
    for _ in range(40):
        clients.append(proxied.connect(proxy))
        exchange(clients[-1], b"warm")
    with proxy.cut(toxicity=0.5):
        for client in clients:
            client.send(b"x")
        wait_until(
            "each to be held or carried",
            lambda: all(each.held_to_server == 1 or each.bytes_to_server == 5 for each in proxy.connections()),
        )
        states = proxy.connections()
    return [each.held_to_server == 1 for each in states]


def test_toxicity_is_drawn_from_the_seed(tcp: Proxied) -> None:
    first, again, other = hit_by(tcp, 1), hit_by(tcp, 1), hit_by(tcp, 2)
    assert first == again != other
    assert 5 < sum(first) < 35


WRONG: list[Callable[[FaultProxy], Handle]] = [
    lambda proxy: proxy.latency(-1),
    lambda proxy: proxy.latency(float("nan")),
    lambda proxy: proxy.latency(float("inf")),
    lambda proxy: proxy.latency(1, jitter=-1),
    lambda proxy: proxy.latency(1, 1, shape="square"),  # type: ignore[arg-type]
    lambda proxy: proxy.latency(1, toxicity=1.1),
    lambda proxy: proxy.latency(1, direction="up"),  # type: ignore[arg-type]
    lambda proxy: proxy.bandwidth(0),
    lambda proxy: proxy.slicer(0),
    lambda proxy: proxy.slicer(5, variation=5),
    lambda proxy: proxy.reset_at(-1),
    lambda proxy: proxy.black_hole(after=-1),
    lambda proxy: proxy.corrupt(),
    lambda proxy: proxy.corrupt(at=1, one_in_bytes=1),
    lambda proxy: proxy.corrupt(one_in_bytes=0),
    lambda proxy: proxy.hang_connects("somewhere"),  # type: ignore[arg-type]
    lambda proxy: proxy.hang_connects("backlog", toxicity=0.5),
    lambda proxy: proxy.retransmissions(0),
]


def test_wrong_numbers_are_told(tcp: Proxied) -> None:
    proxy = tcp.proxy()
    for wrong in WRONG:
        with pytest.raises(ValueError, match="want|toxicity"):
            wrong(proxy)
    assert proxy.faults() == []
    with pytest.raises(ValueError):
        FaultProxy("127.0.0.1:1", buffer_bytes=0)


def test_the_timeline_tells_what_was_done(tcp: Proxied) -> None:
    proxy = tcp.proxy()
    client = tcp.connect(proxy)
    with proxy.latency(0.01, 0.01, direction="to_client"):
        assert proxy.faults() == ["#1 latency 0.01s jitter=0.01s to_client"]
        exchange(client, b"12345")
    told = "\n".join(proxy.timeline())
    assert f"{proxy.address} to {proxy.to}" in told
    assert "#1 latency 0.01s jitter=0.01s to_client: set, 1 connections" in told or "set, 0 connections" in told
    assert "concerned 1 connections, acted 1 times; 5 bytes went to the server meanwhile, 5 to clients" in told
    proxy.close()
    assert "closed: 1 connections, 5 bytes to the server, 5 to clients" in proxy.timeline()[-1]


def test_faults_may_be_set_and_cleared_from_any_thread(tcp: Proxied) -> None:
    """While bytes flow, none of which may be lost."""
    proxy = tcp.proxy()
    clients = [tcp.connect(proxy) for _ in range(4)]
    data = noise(300 * KIB)
    has_ended = threading.Event()

    def disturb(seed: int) -> None:
        chance = random.Random(seed)
        while not has_ended.is_set():
            faults: list[Callable[[], Handle]] = [
                lambda: proxy.latency(0.002, 0.001),
                lambda: proxy.bandwidth(20_000_000),
                lambda: proxy.slicer(1000),
                proxy.cut,
                proxy.pause_reading,
                lambda: proxy.retransmissions(4, 0.002),
            ]
            with chance.choice(faults)():
                has_ended.wait(0.003)

    def send_all(client: RawSocket) -> None:
        for _ in range(3):
            assert exchange(client, data) == data

    disturbing = [threading.Thread(target=disturb, args=(seed,)) for seed in range(3)]
    exchanging = [threading.Thread(target=send_all, args=(client,)) for client in clients]
    for thread in (*disturbing, *exchanging):
        thread.start()
    for thread in exchanging:
        thread.join()
    has_ended.set()
    for thread in disturbing:
        thread.join()
    assert proxy.bytes_to_client == 12 * len(data)
    assert proxy.faults() == []


def test_nothing_is_left_behind(proxied: Proxied) -> None:
    server = proxied.server(echo)
    listening = proxied.free_address()
    descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    with FaultProxy(server.address, listen=listening) as proxy:
        for _ in range(20):
            with RawSocket(proxied.connect(proxy).socket) as client:
                exchange(client, b"x")
        hang = proxy.hang_connects()
        proxy.refuse_connects()
    proxy.clear_all()
    hang.clear()
    proxy.close()
    with pytest.raises(RuntimeError, match="closed"):
        proxy.latency(1)
    wait_until("all descriptors to be closed", lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
    wait_until("all threads to have ended", lambda: threading.active_count() <= threads)
    if listening.startswith("unix:"):
        assert not Path(listening.removeprefix("unix:")).exists()
