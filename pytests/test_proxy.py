"""The fault proxy: what each fault does to bytes on their way, measured, and that nothing of it is left when it is cleared.

Fails when a fault does nothing, or too much, or goes on behind its end; when bytes are lost or change without a fault that
says so; when the proxy holds more than it may. Times are bounded from below: a busy machine only makes them longer.
"""

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from proxied import Proxied, collect, echo, exchange, seconds_of
from razor_testing.link_faults import Handle
from razor_testing.proxy import BUFFER_BYTES, FaultProxy
from razor_testing.proxy_connection import Stage
from razor_testing.proxy_pipe import READ_BYTES
from razor_testing.raw_server import Peer
from razor_testing.raw_socket import EndOfStream, RawSocket
from razor_testing.waiting import wait_until

KIB = 1024
MIB = 1024 * KIB


@pytest.fixture(params=["tcp", "unix"])
def proxied(request: pytest.FixtureRequest, socket_directory: Path) -> Iterator[Proxied]:
    with ExitStack() as stack:
        yield Proxied(stack, request.param == "unix", socket_directory)


@pytest.fixture
def tcp(socket_directory: Path) -> Iterator[Proxied]:
    with ExitStack() as stack:
        yield Proxied(stack, False, socket_directory)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


# --- Without faults ---------------------------------------------------------------------------------------------------


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


# --- Time -------------------------------------------------------------------------------------------------------------


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


# --- Cuts -------------------------------------------------------------------------------------------------------------


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


# --- Ends -------------------------------------------------------------------------------------------------------------


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


# --- Contents ---------------------------------------------------------------------------------------------------------


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


# --- Toxicity, and the rest -------------------------------------------------------------------------------------------


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
