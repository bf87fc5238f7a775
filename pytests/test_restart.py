"""razor_node serve --restart-on SIGHUP: a server is replaced by a new process, without a lost call.

Fails when a call or a connection is lost with a restart, or when a successor that never serves does harm.
"""

import contextlib
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import service_manager
from load_reports import LoadReports
from razor_testing import limits, node, process, wire
from razor_testing.address import UNIX_PREFIX
from razor_testing.node import Nodes
from razor_testing.raw_client import RawClient
from razor_testing.raw_socket import EndOfStream
from razor_testing.waiting import wait_until

SLEEP, ADD = wire.method("sleep_ms"), wire.method("add")
SLOW_MS = 400
# Which calls survive every restart: how their pool speaks, and whether they may run twice. With plain version 1 a server
# cannot say that it closes before it stops answering: calls that are on their way then may be lost, and say "maybe".
SURVIVING = [("off", True), ("auto", False)]
ROUNDS, LONG_ROUNDS = 2, 20
READY_TIMEOUT = 0.5
NO_SUCCESSORS = {
    "ends": ("#!/bin/sh\nexit 3\n", "ended with status 3"),
    "hangs": ("#!/bin/sh\nexec sleep 1000\n", "was not ready in time, and was killed"),
    "is_missing": (None, "cannot be started: No such file or directory"),
}


class Service:
    """A razor_node and its successors, under a service manager. Its program can be replaced, as a new version is."""

    def __init__(self, directory: Path, name: str, listen: list[str], manager: tuple[str, ...], env: dict[str, str]):
        self.program = directory / f"{name}-program"
        self.install_node()
        words = [word for at in listen for word in ("--listen", at)]
        restart = ["--restart-on", "SIGHUP", "--restart-ready-timeout", str(READY_TIMEOUT), "--log", "info"]
        command = [sys.executable, "-I", "-S", service_manager.__file__, *manager]
        settings = process.Settings(
            ready=lambda service: service.out.count("\n") >= len(listen), env=env, final_statuses=frozenset({0})
        )
        self.process = process.ServiceProcess(
            name, [*command, str(self.program), "serve", *words, *restart], directory, settings
        )
        self.process.start()
        lines = self.process.out.splitlines()
        self.addresses = [line.removeprefix("listening ") for line in lines]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self._first = int(children.read_text(encoding="ascii"))

    @property
    def address(self) -> str:
        return self.addresses[0]

    def install_node(self) -> None:
        self.program.unlink(missing_ok=True)
        self.program.symlink_to(node.binary())

    def install(self, script: str | None) -> None:
        """A program that serves nothing; None: none."""
        self.program.unlink()
        if script is not None:
            self.program.write_text(script, encoding="ascii")
            self.program.chmod(0o755)

    @property
    def pid(self) -> int:
        """Of the process that serves."""
        ready = re.findall(r"successor, process (\d+), is ready", self.process.log)
        return int(ready[-1]) if ready else self._first

    def ask(self) -> None:
        os.kill(self.pid, signal.SIGHUP)

    def has_logged(self, text: str) -> bool:
        return text in self.process.log

    def restart(self) -> int:
        """Returns the number of the process before, which may still close, once the next one serves."""
        before = self.pid
        self.ask()
        wait_until("a successor", lambda: self.pid != before)
        return before

    def until_gone(self, pid: int) -> None:
        wait_until("the end of the process before", lambda: self.has_logged(f"process {pid} ended with status 0"))

    def stop(self) -> None:
        assert self.process.terminate(limits.at_most(limits.CLOSE_LIMIT)) == 0, self.process.log


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    services: list[Service] = []

    def start_one(*listen: str, manager: tuple[str, ...] = (), env: dict[str, str] | None = None) -> Service:
        name = f"service{len(services) + 1}"
        services.append(Service(tmp_path, name, list(listen) or ["127.0.0.1:0"], manager, env or {}))
        return services[-1]

    yield start_one
    complaints = process.close_all([service.process for service in services], limits.at_most(limits.CLOSE_LIMIT))
    assert not complaints, "\n".join(complaints)


class Load:
    """Calls all the time, through one pool."""

    def __init__(self, nodes: Nodes, *to: str, calls_in_flight: int = 16, **options: object):
        self.process = nodes.start_load(*to, pool=True, in_flight=calls_in_flight, seconds=120, report_every=0.02, **options)
        self.reports = LoadReports(self.process.out_path)
        self.until_calls(100)

    def until_calls(self, count: int) -> None:
        before = self.reports.now["calls"]
        wait_until(f"{count} more calls", lambda: bool(self.reports.now["calls"] >= before + count))

    def end(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGINT)
        finished = self.process.wait()
        report: dict[str, Any] = LoadReports(self.process.out_path).now
        assert finished.status == node.OK, finished
        assert report["submitted"] == report["ended"], report
        return report


def dispatched(client: RawClient) -> None:
    """What was sent before is being handled when the pong has come."""
    seq = client.send_prompt_ping()
    assert client.receive() == wire.Response(seq)


# --- Without a lost call ---------------------------------------------------------------------------------------------


def restart_in_turn(services: list[Service], load: Load, rounds: int) -> None:
    for _ in range(rounds):
        for service in services:
            before = service.restart()
            load.until_calls(100)
            service.until_gone(before)


@pytest.mark.parametrize("hello, idempotent", SURVIVING)
@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(LONG_ROUNDS, marks=pytest.mark.long)])
def test_rolling_restarts_lose_no_call(
    nodes: Nodes, start: Callable[..., Service], socket_directory: Path, rounds: int, hello: str, idempotent: bool
) -> None:
    services = [start(), start(), start(f"unix:{socket_directory / 'socket'}")]
    load = Load(nodes, *(service.address for service in services), hello=hello, idempotent=idempotent)
    restart_in_turn(services, load, rounds)
    report = load.end()
    assert report["errors"] == {}
    for service in services:
        assert set(service.process.out.splitlines()) == {f"listening {service.address}"}
        assert service.process.out.count("\n") == rounds + 1, "each process says where it listens"
        service.stop()
    assert not (socket_directory / "socket").exists(), "the last process removes the path"


@pytest.mark.parametrize("hello, idempotent", SURVIVING)
def test_a_single_server_is_replaced_again_and_again(
    nodes: Nodes, start: Callable[..., Service], hello: str, idempotent: bool
) -> None:
    service = start()
    load = Load(nodes, service.address, hello=hello, idempotent=idempotent)
    restart_in_turn([service], load, 3)
    assert load.end()["errors"] == {}


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(LONG_ROUNDS, marks=pytest.mark.long)])
def test_one_of_two_servers_ends_without_a_lost_call(nodes: Nodes, socket_directory: Path, rounds: int) -> None:
    addresses = [f"unix:{socket_directory / name}" for name in ("one", "two")]
    servers = [nodes.serve(address) for address in addresses]
    load = Load(nodes, *addresses, hello="auto", calls_in_flight=64)
    for _ in range(rounds):
        for i, address in enumerate(addresses):
            servers[i].stop()
            load.until_calls(100)
            servers[i] = nodes.serve(address)
            load.until_calls(2000)
    assert load.end()["errors"] == {}


def test_no_connect_is_refused_and_calls_that_run_are_answered(
    start: Callable[..., Service], socket_directory: Path
) -> None:
    service = start("127.0.0.1:0", f"unix:{socket_directory / 'socket'}")
    ends = threading.Event()
    connects, refused = [0], []

    def connect_all_the_time(to: str) -> None:
        while not ends.is_set():
            try:
                with RawClient(to) as client, contextlib.suppress(EndOfStream, ConnectionResetError, BrokenPipeError):
                    connects[0] += 1
                    answer = client.call(ADD, wire.pack([1, 2]))
                    assert answer.value == 3 if answer.flag == wire.SUCCESS else answer.error_text == "rpc_draining"
            except OSError as error:
                refused.append(error)

    threads = [threading.Thread(target=connect_all_the_time, args=(at,)) for at in service.addresses]
    for thread in threads:
        thread.start()
    try:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(RawClient(at)) for at in service.addresses]
            seqs = [client.send_request(SLEEP, wire.pack(SLOW_MS)) for client in clients]
            for client in clients:
                dispatched(client)
            before = service.restart()
            for client, seq in zip(clients, seqs):
                assert client.receive() == wire.Response(seq, msg=wire.NIL)
                assert client.receive_to_end() == b""
        service.until_gone(before)
        service.until_gone(service.restart())
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert refused == []
    assert connects[0] > 0


# --- Successors that never serve -------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", NO_SUCCESSORS)
def test_a_successor_that_never_serves_does_no_harm(nodes: Nodes, start: Callable[..., Service], which: str) -> None:
    script, said = NO_SUCCESSORS[which]
    service = start()
    load = Load(nodes, service.address)
    before = service.pid
    service.install(script)
    service.ask()
    wait_until("the failure in the log", lambda: service.has_logged(f"{said}; this process goes on serving"))
    load.until_calls(100)
    assert service.pid == before
    report = load.end()
    assert report["errors"] == {}
    assert report["pool"]["totals"]["connects"] == report["pool"]["addresses"][0]["connects"] == 1, "nobody noticed"
    service.install_node()
    service.until_gone(service.restart())
    with RawClient(service.address) as client:
        assert client.add(1, 2) == 3


def test_a_signal_while_a_successor_starts_changes_nothing(start: Callable[..., Service]) -> None:
    service = start()
    service.install(NO_SUCCESSORS["hangs"][0])
    service.ask()
    wait_until("a child", lambda: service.has_logged("restart: started"))
    service.ask()
    wait_until("its answer", lambda: service.has_logged("the signal changes nothing"))
    wait_until("the time limit", lambda: service.has_logged("was not ready in time"))
    assert service.process.log.count("restart: started") == 1
    with RawClient(service.address) as client:
        assert client.add(1, 2) == 3


def test_who_is_told_to_end_while_a_successor_starts_kills_it(start: Callable[..., Service]) -> None:
    service = start()
    service.install(NO_SUCCESSORS["hangs"][0])
    service.ask()
    wait_until("a child", lambda: service.has_logged("restart: started"))
    child = int(re.findall(r"as process (\d+)", service.process.log)[0])
    os.kill(service.pid, signal.SIGTERM)
    service.until_gone(service.pid)
    assert not Path(f"/proc/{child}").exists()
    assert service.process.wait(limits.at_most(1)).status == 0


def test_a_signal_to_who_closes_already_costs_no_call(start: Callable[..., Service]) -> None:
    service = start()
    with RawClient(service.address) as client:
        seq = client.send_request(SLEEP, wire.pack(SLOW_MS))
        dispatched(client)
        before = service.restart()
        os.kill(before, signal.SIGHUP)
        assert client.receive() == wire.Response(seq, msg=wire.NIL)
    service.until_gone(before)
    assert service.process.log.count("restart: started") == 1


# --- systemd ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_sockets_of_systemd_are_served_and_handed_on(
    start: Callable[..., Service], socket_directory: Path, family: str
) -> None:
    path = str(socket_directory / "socket")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = path if family == "unix" else f"127.0.0.1:{free.getsockname()[1]}"
    address = UNIX_PREFIX + at if family == "unix" else at
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(limits.at_most(limits.CLOSE_LIMIT))
        manager.bind(str(socket_directory / "notify"))
        service = start(address, manager=("--listen", at), env={"NOTIFY_SOCKET": str(socket_directory / "notify")})
        assert manager.recv(100) == b"READY=1"
        for _ in range(2):
            with RawClient(address) as client:
                assert client.add(1, 2) == 3
            service.until_gone(service.restart())
            assert manager.recv(100) == f"MAINPID={service.pid}\nREADY=1".encode()
    service.stop()
    assert Path(path).exists() == (family == "unix"), "the path is systemd's to remove"
