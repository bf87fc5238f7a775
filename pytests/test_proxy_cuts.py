"""Faults of the proxy that hold bytes, lose them, change them, or end connections.

Fails when bytes are lost that healing should deliver, when lost ones come back, or when an end arrives otherwise than it was
said.
"""

import socket
import threading
import time

import pytest

from proxied import KIB, MIB, Proxied, collect, exchange, noise
from razor_testing.proxy_connection import Stage
from razor_testing.raw_server import Peer
from razor_testing.raw_socket import EndOfStream
from razor_testing.waiting import wait_until


def test_a_cut_holds_all_and_healing_delivers_it(proxied: Proxied) -> None:
    ends = threading.Event()

    def echo_and_end(peer: Peer) -> None:
        peer.send(peer.receive_exactly(5))
        ends.wait(20)

    proxy = proxied.proxy(echo_and_end)
    client = proxied.connect(proxy)
    client.send(b"12")
    wait_until("these to be there", lambda: proxy.bytes_to_server == 2)
    with proxy.cut(direction="to_server") as cut:
        client.send(b"345")
        assert client.is_silent_for(0.1)
        assert proxy.bytes_to_server == 2 and cut.acted >= 1
    assert client.receive_exactly(5) == b"12345"
    with proxy.cut():
        ends.set()  # the server closes, and the client does not hear of it
        assert client.is_silent_for(0.1)
    assert client.receive_to_end() == b""


def test_one_way_cuts_let_the_other_way_through(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    exchange(client, b"warm")
    with proxy.cut(direction="to_client"):
        client.send(b"there")
        wait_until("it to reach the server, and its answer the proxy", lambda: proxy.connections()[0].held_to_client == 5)
        assert client.is_silent_for(0.05)
    assert client.receive_exactly(5) == b"there"


def test_new_connections_hang_while_cut(proxied: Proxied) -> None:
    server = proxied.server()
    proxy = proxied.proxy_to(server.address)
    with proxy.cut():
        client = proxied.connect(proxy)
        client.send(b"hello")
        assert client.is_silent_for(0.1)
        assert (proxy.connections()[0].stage, server.connections) == (Stage.HANGING, 0)
    assert client.receive_exactly(5) == b"hello"


def test_cuts_that_overlap_do_not_heal_each_other(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    exchange(client, b"warm")
    first, second = proxy.cut(), proxy.cut(direction="to_client")
    client.send(b"x")
    first.clear()
    first.clear()
    assert client.is_silent_for(0.1)
    second.clear()
    assert client.receive_exactly(1) == b"x"


def test_a_pause_of_reading_is_felt(proxied: Proxied) -> None:
    proxy = proxied.proxy(socket_buffer_bytes=32 * KIB)
    client = proxied.connect(proxy)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * KIB)
    exchange(client, b"warm")
    data = noise(4 * MIB)
    with proxy.pause_reading(direction="to_server"):
        sending = threading.Thread(target=client.send, args=(data,))
        sending.start()
        assert client.is_silent_for(0.1)
        assert sending.is_alive() and proxy.connections()[0].held_to_server == 0
    assert client.receive_exactly(len(data)) == data
    sending.join()


def test_a_black_hole_is_for_good_where_bytes_were_lost(proxied: Proxied) -> None:
    got: list[bytes] = []
    proxy = proxied.proxy(collect(got))
    hit, spared = proxied.connect(proxy), proxied.connect(proxy)
    hit.send(b"1")
    spared.send(b"1")
    wait_until("both to be there", lambda: proxy.bytes_to_server == 2)
    with proxy.black_hole(after=2) as hole:
        hit.send(b"23456")
        wait_until("it to be dropped", lambda: hole.acted == 1)
    hit.send(b"7")
    hit.close()
    spared.send(b"8")
    spared.close()
    wait_until("one to end", lambda: len(got) == 1)
    assert got == [b"18"]
    proxy.close()
    wait_until("the other one to end", lambda: len(got) == 2)
    assert got[1] == b"123"


def test_severed_connections_are_silent(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    exchange(client, b"warm")
    assert proxy.break_connections(silently=True) == 1
    client.send(b"x")
    assert client.is_silent_for(0.1)
    assert exchange(proxied.connect(proxy), b"new") == b"new"


@pytest.mark.parametrize("seconds", [0.15, 0.0])
def test_timeout(proxied: Proxied, seconds: float) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    exchange(client, b"warm")
    begun = time.monotonic()
    with proxy.timeout(seconds):
        client.send(b"x")
        if seconds:
            assert client.receive_to_end() == b""
            assert time.monotonic() - begun >= seconds
        else:
            assert client.is_silent_for(0.1)
    if not seconds:
        assert client.receive_to_end() == b""


def test_slow_close(proxied: Proxied) -> None:
    proxy = proxied.proxy(lambda peer: peer.send(b"bye"))
    begun = time.monotonic()
    with proxy.slow_close(0.15, direction="to_client"):
        client = proxied.connect(proxy)
        assert client.receive_exactly(3) == b"bye"
        assert client.receive_to_end() == b""
    assert time.monotonic() - begun >= 0.15


def test_reset_peer(tcp: Proxied) -> None:
    proxy = tcp.proxy()
    old = tcp.connect(proxy)
    exchange(old, b"warm")
    begun = time.monotonic()
    with proxy.reset_peer(0.1) as reset:
        new = tcp.connect(proxy)
        for client in (old, new):
            with pytest.raises(ConnectionResetError):
                client.receive_to_end()
    assert time.monotonic() - begun >= 0.1 and reset.acted == 2
    assert exchange(tcp.connect(proxy), b"healed") == b"healed"


def test_reset_at_a_byte(tcp: Proxied) -> None:
    proxy = tcp.proxy()
    first, second = tcp.connect(proxy), tcp.connect(proxy)
    for client in (first, second):
        exchange(client, b"warm")
    with proxy.reset_at(1000, once=True, direction="to_client"):
        first.send(noise(5000))
        assert first.receive_exactly(1000) == noise(5000)[:1000]
        with pytest.raises(ConnectionResetError):
            first.receive_to_end()
        assert exchange(second, noise(5000)) == noise(5000)


def test_limit_data(proxied: Proxied) -> None:
    got: list[bytes] = []
    proxy = proxied.proxy(collect(got))
    client = proxied.connect(proxy)
    with proxy.limit_data(1000, direction="to_server"):
        client.send(noise(1000))
        with pytest.raises(EndOfStream):
            client.receive_exactly(1)
    wait_until("the server to see the end", lambda: got == [noise(1000)])


def test_connections_that_are_broken_now(tcp: Proxied) -> None:
    proxy = tcp.proxy(seed=3)
    clients = [tcp.connect(proxy) for _ in range(4)]
    for client in clients:
        exchange(client, b"warm")
    assert proxy.break_connections(one=True) == 1
    wait_until("one to be gone", lambda: len(proxy.connections()) == 3)
    assert proxy.break_connections() == 3
    for client in clients:
        with pytest.raises(ConnectionResetError):
            client.receive_to_end()


def test_corrupts_the_byte_that_is_named(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    data = noise(5000)
    exchange(client, data)
    with proxy.corrupt(at=4321, direction="to_server") as corrupt:
        changed = exchange(client, data)
    different = [at for at in range(len(data)) if data[at] != changed[at]]
    assert different == [4321] and corrupt.acted == 1
    assert (data[4321] ^ changed[4321]).bit_count() == 1
    assert exchange(client, data) == data


@pytest.mark.parametrize("how", ["flip", "overwrite"])
def test_corruption_at_a_rate_repeats_with_its_seed(tcp: Proxied, how: str) -> None:
    data = noise(200_000)

    def corrupted(seed: int) -> bytes:
        proxy = tcp.proxy(seed=seed)
        client = tcp.connect(proxy)
        with proxy.corrupt(one_in_bytes=100, how=how, direction="to_client"):  # type: ignore[arg-type]
            sending = threading.Thread(target=client.send, args=(data,))
            sending.start()
            changed = client.receive_exactly(len(data))
            sending.join()
        return changed

    first, again, other = corrupted(7), corrupted(7), corrupted(8)
    assert first == again != other
    assert 1500 < sum(one != two for one, two in zip(data, first)) < 2500  # 2000, +- 11 standard deviations


def test_corrupts_some_pieces(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    data = bytes(1000)
    with proxy.corrupt(one_in_pieces=1, count=5, how="overwrite", direction="to_server"):
        changed = exchange(client, data)
    places = [at for at, byte in enumerate(changed) if byte]
    assert len(places) >= 5 and places[4] - places[0] == 4
