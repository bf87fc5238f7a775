"""Faults of the proxy that take time: latency, rates, small pieces. Measured.

Times are bounded from below: a busy machine only makes them longer. Fails when a fault does nothing, or goes on behind
its end.
"""

import socket
import threading
import time
from contextlib import ExitStack

import pytest

from proxied import KIB, MIB, Proxied, exchange, noise, seconds_of
from razor_testing.proxy_connection import Stage
from razor_testing.proxy_pipe import READ_BYTES
from razor_testing.raw_server import Peer
from razor_testing.waiting import wait_until


@pytest.mark.parametrize("direction", ["to_server", "to_client", "both"])
def test_latency(proxied: Proxied, direction: str) -> None:
    arrived: list[float] = []

    def script(peer: Peer) -> None:
        while data := peer.socket.recv(READ_BYTES):
            arrived.append(time.monotonic())
            peer.send(data)

    proxy = proxied.proxy(script)
    client = proxied.connect(proxy)
    exchange(client, b"warm")
    with proxy.latency(0.1, direction=direction) as latency:  # type: ignore[arg-type]
        sent = time.monotonic()
        exchange(client, b"late")
        back = time.monotonic()
    there = arrived[-1] - sent
    assert (there >= 0.1) or direction == "to_client"
    assert (back - arrived[-1] >= 0.1) or direction == "to_server"
    assert latency.acted == (2 if direction == "both" else 1) and latency.connections == 1


def test_what_latency_holds_arrives_when_it_is_cleared(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    latency = proxy.latency(1000)
    client.send(b"late")
    wait_until("it to be held", lambda: proxy.connections()[0].held_to_server == 4)
    assert client.is_silent_for(0.05)
    latency.clear()
    assert client.receive_exactly(4) == b"late"


def test_jitter_does_not_overtake(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    data = noise(20_000)
    shapes = ("uniform", "exponential", "long_tail")

    def send_in_pieces() -> None:
        for at in range(0, len(data), 100):
            client.send(data[at : at + 100])

    with ExitStack() as faults:
        for shape in shapes:
            faults.enter_context(proxy.latency(0.002, 0.002, shape=shape))  # type: ignore[arg-type]
        sending = threading.Thread(target=send_in_pieces)
        sending.start()
        assert client.receive_exactly(len(data)) == data
        sending.join()


def test_bandwidth(proxied: Proxied) -> None:
    """Shared by all connections, as a link is: two of them take as long as one that carries as much."""
    proxy = proxied.proxy()
    clients = [proxied.connect(proxy) for _ in range(2)]
    data = noise(200 * KIB)

    def exchange_all() -> None:
        threads = [threading.Thread(target=exchange, args=(client, data)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    undisturbed = seconds_of(exchange_all)
    rate = 2 * len(data) / 0.4
    with proxy.bandwidth(rate, direction="to_client"):
        limited = seconds_of(exchange_all)
    assert 0.9 * 0.4 <= limited
    assert limited <= 2 * 0.4 + 10 * undisturbed + 2
    assert seconds_of(exchange_all) <= 10 * undisturbed + 2


def test_a_slow_link_is_fair(tcp: Proxied) -> None:
    """Small messages do not wait for the whole of a large one on another connection."""
    proxy = tcp.proxy(buffer_bytes=16 * KIB, socket_buffer_bytes=16 * KIB)
    large, small = tcp.connect(proxy), tcp.connect(proxy)
    with proxy.bandwidth(500_000):
        sending = threading.Thread(target=exchange, args=(large, noise(2_000_000)))
        sending.start()
        wait_until("it to be under way", lambda: proxy.bytes_to_client > 20_000)
        for _ in range(5):
            exchange(small, b"small")
        assert sending.is_alive()
    sending.join()


def test_slices_with_gaps(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    data = noise(500)
    with proxy.slicer(10, 0.005, direction="to_server") as slicer:
        assert seconds_of(lambda: exchange(client, data)) >= 49 * 0.005
    assert slicer.acted >= 50


def test_a_gap_ends_with_its_fault(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    with proxy.slicer(1, 1000, direction="to_server"):
        client.send(b"abc")
        assert client.receive_exactly(1) == b"a"
        assert client.is_silent_for(0.05)
    assert client.receive_exactly(2) == b"bc"


def test_a_trickle_ends_with_its_fault(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    with proxy.bandwidth(1, direction="to_server"), proxy.bandwidth(1, shared=False, direction="to_server"):
        client.send(b"abc")
        assert client.receive_exactly(1) == b"a"
        assert client.is_silent_for(0.05)
    assert client.receive_exactly(2) == b"bc"


def test_retransmissions_hold_up_what_is_behind(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    with proxy.retransmissions(1, 0.1, direction="to_client") as lost:
        assert seconds_of(lambda: exchange(client, b"x")) >= 0.1
    assert lost.acted == 1


def test_small_buffers(proxied: Proxied) -> None:
    proxy = proxied.proxy(lambda peer: peer.wait_for_end())
    with proxy.small_buffers(4 * KIB):
        small = proxied.connect(proxy)
        wait_until("the connection to be open", lambda: [each.stage for each in proxy.connections()] == [Stage.OPEN])
    small.send(b"x")
    proxy.pause_reading()
    small.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * KIB)
    small.socket.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while sent < MIB:
            sent += small.socket.send(bytes(KIB))
    assert sent < 256 * KIB
