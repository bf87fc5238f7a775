"""The fault proxy where clients connect: refused, hanging, slow; servers that are down; a thousand connections; no
descriptors.

Fails when a connect is answered otherwise than the fault says, or the proxy does not accept any more behind it, or when it
spins where it cannot accept.
"""

import errno
import os
import resource
import selectors
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from proxied import Proxied, exchange
from razor_testing import address
from razor_testing.node import Nodes
from razor_testing.proxy import FaultProxy
from razor_testing.proxy_connection import Stage
from razor_testing.proxy_listener import REST_SECONDS
from razor_testing.raw_client import RawClient
from razor_testing.waiting import wait_until


def unconnected(to: str) -> tuple[socket.socket, str | tuple[str, int]]:
    family, place = address.family_and_place(to)
    return socket.socket(family, socket.SOCK_STREAM), place


def test_refused_and_then_not(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    old = proxied.connect(proxy)
    exchange(old, b"warm")
    at = proxy.address
    with proxy.refuse_connects():
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                proxied.connect(proxy)
        assert exchange(old, b"goes on") == b"goes on"
        if at.startswith("127"):  # nobody else gets the port meanwhile
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(address.family_and_place(at)[1])
                other.listen()
    assert proxy.address == at
    assert exchange(proxied.connect(proxy), b"new") == b"new"


def test_refusals_that_overlap(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    with proxy.refuse_connects():
        with proxy.down(), proxy.hang_connects():
            pass
        with pytest.raises(ConnectionRefusedError):
            proxied.connect(proxy)
    assert exchange(proxied.connect(proxy), b"new") == b"new"


def test_some_connects_are_refused(tcp: Proxied) -> None:
    proxy = tcp.proxy(seed=5)
    answers = []
    with proxy.refuse_connects(toxicity=0.5) as refuse:
        for _ in range(20):
            try:
                answers.append(exchange(tcp.connect(proxy), b"x"))
            except ConnectionError:
                answers.append(b"")
    assert 0 < answers.count(b"") < 20
    assert answers.count(b"") == refuse.acted


def test_down(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    client = proxied.connect(proxy)
    exchange(client, b"warm")
    with proxy.down():
        assert client.receive_to_end() == b""
        with pytest.raises(ConnectionRefusedError):
            proxied.connect(proxy)
    assert exchange(proxied.connect(proxy), b"up") == b"up"


def test_connects_that_hang_in_the_backlog(tcp: Proxied) -> None:
    server = tcp.server()
    proxy = tcp.proxy_to(server.address)
    hanging, place = unconnected(proxy.address)
    with hanging:
        hanging.settimeout(0.2)
        with proxy.hang_connects():
            with pytest.raises(TimeoutError):
                hanging.connect(place)
        # The system tries again in the second second.
        with selectors.DefaultSelector() as selector:
            selector.register(hanging, selectors.EVENT_WRITE)
            assert selector.select(address.HANG_SECONDS)
        assert hanging.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        hanging.settimeout(address.HANG_SECONDS)
        hanging.sendall(b"late")
        assert hanging.recv(4) == b"late"
    assert server.connections == 1  # what filled the backlog is not carried


def test_unix_connects_that_hang_in_the_backlog(unix: Proxied) -> None:
    proxy = unix.proxy()
    hanging, place = unconnected(proxy.address)
    with hanging:
        hanging.setblocking(False)
        with proxy.hang_connects():
            assert hanging.connect_ex(place) == errno.EAGAIN
        wait_until("the backlog to be open again", lambda: hanging.connect_ex(place) in (0, errno.EISCONN))
    assert exchange(unix.connect(proxy), b"new") == b"new"


def test_connects_that_hang_accepted(proxied: Proxied) -> None:
    server = proxied.server()
    proxy = proxied.proxy_to(server.address)
    with proxy.hang_connects("accepted"):
        client = proxied.connect(proxy)
        client.send(b"hello")
        assert client.is_silent_for(0.1)
        assert [each.stage for each in proxy.connections()] == [Stage.HANGING] and server.connections == 0
    assert client.receive_exactly(5) == b"hello"


def test_slow_accepts(proxied: Proxied) -> None:
    proxy = proxied.proxy()
    begun = time.monotonic()
    with proxy.slow_accept(0.05):
        clients = [proxied.connect(proxy) for _ in range(3)]
        for client in clients:
            exchange(client, b"x")
        assert time.monotonic() - begun >= 3 * 0.05
        slow = proxied.connect(proxy)
        proxy.slow_accept(1000)
        later = proxied.connect(proxy)
        proxy.clear_all()
    assert exchange(slow, b"x") == exchange(later, b"x") == b"x"


def test_a_server_that_is_down_and_another(proxied: Proxied) -> None:
    server = proxied.server()
    server.close()
    proxy = proxied.proxy_to(server.address)
    try:
        assert proxied.connect(proxy).receive_to_end() == b""  # Unix sockets know no reset
    except ConnectionResetError:
        pass
    refused = ("ECONNREFUSED", "ENOENT")
    wait_until("it to be told", lambda: any(word in "".join(proxy.timeline()) for word in refused))
    proxy.to = proxied.server().address
    assert exchange(proxied.connect(proxy), b"other") == b"other"


def test_from_tcp_to_unix(unix: Proxied) -> None:
    server = unix.server()
    listening = ["127.0.0.1:0", "[::1]:0"] if address.has_ipv6() else ["127.0.0.1:0"]
    for listen in listening:
        with FaultProxy(server.address, listen=listen) as proxy:
            assert exchange(unix.connect(proxy), b"mixed") == b"mixed"
            with proxy.refuse_connects(), pytest.raises(ConnectionRefusedError):
                unix.connect(proxy)
            assert exchange(unix.connect(proxy), b"again") == b"again"


def test_an_address_that_is_taken_or_is_none(tcp: Proxied) -> None:
    taken, at = address.listen("127.0.0.1:0")
    with taken:
        with pytest.raises(OSError, match="in use"):
            FaultProxy("127.0.0.1:1", listen=at)
    with pytest.raises(OSError):
        FaultProxy("127.0.0.1:1", listen="unix:/nonexistent/path")
    with pytest.raises(ValueError):
        FaultProxy("no-port")
    too_long = tcp.proxy_to("unix:/" + "x" * 200)
    with pytest.raises(ConnectionResetError):
        tcp.connect(too_long).receive_to_end()


def test_a_thousand_connections(nodes: Nodes) -> None:
    server = nodes.serve()
    with FaultProxy(server.address) as proxy, ExitStack() as stack:
        clients = [stack.enter_context(RawClient(proxy.address)) for _ in range(1000)]
        for client in clients:
            client.send_ping()
        for client in clients:
            client.receive()
        assert len(proxy.connections()) == 1000
        with proxy.cut():
            for client in clients:
                client.send_ping()
        for client in clients:
            client.receive()


def test_without_descriptors_it_waits_and_does_not_spin(tcp: Proxied) -> None:
    proxy = tcp.proxy()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == f"proxy {proxy.address}"]
    assert thread.ident is not None
    clock = time.pthread_getcpuclockid(thread.ident)
    waiting = [unconnected(proxy.address) for _ in range(5)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    begun, computed = time.monotonic(), time.clock_gettime(clock)
    spare = os.dup(0)  # the lowest that is free; none is below the limit
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, limits[1]))
        for each, place in waiting:
            each.connect(place)
        wait_until("it to try again", lambda: "".join(proxy.timeline()).count("accept: Too many open files") >= 4)
        seconds = time.monotonic() - begun
        assert seconds >= 3 * REST_SECONDS
        assert time.clock_gettime(clock) - computed < 0.5 * seconds
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        os.close(spare)
    for each, _ in waiting:
        with each:
            each.settimeout(address.HANG_SECONDS)
            each.sendall(b"served")
            assert each.recv(6) == b"served"
