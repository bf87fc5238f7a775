"""razor_node serve: where it listens, what it leaves behind, and how a signal ends it.

Graceful closing under load has a file of its own, test_graceful.py.
"""

import operator
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from razor_testing import address, limits, wire
from razor_testing.node import FRAMEWORK_ERROR, OK, Nodes
from razor_testing.raw_client import RawClient
from razor_testing.waiting import wait_until


def adds(server_address: str) -> bool:
    with RawClient(server_address) as client:
        return client.add(1, 2) == 3


def test_port_zero_is_resolved(nodes: Nodes) -> None:
    server = nodes.serve("127.0.0.1:0")
    host, _, port = server.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert adds(server.address)


def test_localhost_is_this_machine(nodes: Nodes) -> None:
    server = nodes.serve("localhost:0")
    assert server.address.startswith("127.0.0.1:")
    assert adds(server.address)


def test_all_addresses_are_served(nodes: Nodes, socket_directory: Path) -> None:
    listen = ["127.0.0.1:0", f"unix:{socket_directory / 'a'}", "127.0.0.1:0", f"unix:{socket_directory / 'b'}"]
    if address.has_ipv6():
        listen.append("[::1]:0")
    server = nodes.serve(*listen)
    assert len(set(server.addresses)) == len(listen)
    assert [at for at in server.addresses if not adds(at)] == []
    for at in server.addresses:
        assert nodes.call(at, wire.method("add"), "[1,2]").result == 3
    for asked, at in zip(listen, server.addresses, strict=True):
        assert at == asked if asked.startswith("unix:") else at.rpartition(":")[0] == asked.rpartition(":")[0]


def test_a_busy_port_is_reported(nodes: Nodes) -> None:
    first = nodes.serve()
    second = nodes.run("serve", "--listen", first.address)
    assert second.status == FRAMEWORK_ERROR
    assert second.out == ""
    assert f"listen on {first.address}: Address already in use" in second.err
    assert adds(first.address)


def test_a_busy_unix_socket_is_reported_and_stays(nodes: Nodes, socket_directory: Path) -> None:
    first = nodes.serve(f"unix:{socket_directory / 'socket'}")
    second = nodes.run("serve", "--listen", first.address)
    assert second.status == FRAMEWORK_ERROR
    assert "Address already in use" in second.err
    assert adds(first.address)


@pytest.mark.parametrize("bad", ["unix:/nowhere/to/be/found", "192.0.2.1:0", "unix:/"], ids=str)
def test_an_address_that_cannot_be_served_is_reported(nodes: Nodes, bad: str) -> None:
    finished = nodes.run("serve", "--listen", bad)
    assert finished.status == FRAMEWORK_ERROR
    assert finished.out == ""
    assert f"listen on {bad}: " in finished.err
    assert finished.err.count("\n") == 1


def test_a_name_to_listen_on_is_refused_in_words(nodes: Nodes) -> None:
    finished = nodes.run("serve", "--listen", "no-such-host.invalid:0")
    assert finished.status == FRAMEWORK_ERROR
    assert finished.err == (
        "razor_node: listen on no-such-host.invalid:0: listening takes a numeric address, or localhost\n"
    )


def test_a_path_that_is_no_socket_is_left_alone(nodes: Nodes, socket_directory: Path) -> None:
    file = socket_directory / "precious"
    file.write_text("data", encoding="ascii")
    finished = nodes.run("serve", "--listen", f"unix:{file}")
    assert finished.status == FRAMEWORK_ERROR
    assert file.read_text(encoding="ascii") == "data"


def test_what_was_opened_before_a_bad_address_is_removed(nodes: Nodes, socket_directory: Path) -> None:
    file = socket_directory / "socket"
    finished = nodes.run("serve", "--listen", f"unix:{file}", "--listen", "unix:/nowhere/to/be/found")
    assert finished.status == FRAMEWORK_ERROR
    assert not file.exists()


def test_a_socket_left_behind_by_a_killed_server_is_replaced(nodes: Nodes, socket_directory: Path) -> None:
    file = socket_directory / "socket"
    nodes.serve(f"unix:{file}").kill()
    assert stat.S_ISSOCK(file.stat().st_mode)
    with pytest.raises(ConnectionRefusedError):
        RawClient(f"unix:{file}")
    server = nodes.serve(f"unix:{file}")
    assert adds(server.address)
    assert server.stop().status == OK
    assert not file.exists()


def test_a_socket_that_others_put_in_its_place_is_left_alone(nodes: Nodes, socket_directory: Path) -> None:
    file = socket_directory / "socket"
    server = nodes.serve(f"unix:{file}")
    file.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(file))
        assert server.stop().status == OK
        assert file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=operator.attrgetter("name"))
def test_a_signal_ends_an_idle_server_at_once(nodes: Nodes, socket_directory: Path, number: signal.Signals) -> None:
    file = socket_directory / "socket"
    server = nodes.serve("127.0.0.1:0", f"unix:{file}")
    assert adds(server.address)
    server.send_signal(number)
    asked = time.monotonic()
    finished = server.wait()
    assert finished.status == OK
    assert time.monotonic() - asked < limits.at_most(0)
    assert not file.exists()
    with pytest.raises(ConnectionRefusedError):
        RawClient(server.address)


def test_a_signal_that_comes_while_it_opens_its_addresses_closes_it_gracefully(nodes: Nodes, socket_directory: Path) -> None:
    files = [socket_directory / str(number) for number in range(100)]
    words = [word for file in files for word in ("--listen", f"unix:{file}")]
    server = nodes.start("serve", *words)
    wait_until("the first address", lambda: "listening" in server.out)
    server.send_signal(signal.SIGTERM)
    finished = server.wait()
    assert finished.status == OK
    assert finished.out.count("listening") == len(files)
    assert [file for file in files if file.exists()] == []


def test_a_server_can_listen_where_another_one_just_served(nodes: Nodes) -> None:
    """Connections of the first still linger in the system when the second binds the port."""
    first = nodes.serve()
    clients = [RawClient(first.address) for _ in range(5)]
    assert [client.add(1, 2) for client in clients] == [3] * 5
    first.kill()
    second = nodes.serve(first.address)
    assert second.address == first.address
    assert adds(second.address)
    for client in clients:
        client.close()
