"""Every row of the catalogue of hostile peers, on TCP and on a Unix socket, against razor_node and the peers in Python.

All rows of a transport share one server, beside a healthy load which must not notice. Fails when an attack ends otherwise
than its row says, costs more than it may, or is felt by anybody else.
"""

import itertools
import json
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import calculator
from razor_testing import hostile, limits, node, process_log, process_stats, wire
from razor_testing.address import HANG_SECONDS, socket_directory
from razor_testing.client import ApplicationError, CallError, Client, ClientConfig
from razor_testing.healthy_load import HealthyLoad
from razor_testing.hostile import ClientRow, Outcome, ServerRow, Target
from razor_testing.hostile_client_rows import BROKEN_FRAMES
from razor_testing.raw_server import Peer, RawServer
from razor_testing.server import Server

TRANSPORTS = ["tcp", "unix"]
ECHO = wire.method("echo")
TEXT = "x" * 20
MIB = 1 << 20


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    with socket_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def is_sanitized() -> bool:
    return node.is_sanitized(node.binary())


def place(transport: str, sockets: Path, name: str) -> str:
    return "127.0.0.1:0" if transport == "tcp" else f"unix:{sockets / name}"


def test_the_catalogue_is_large_and_its_names_differ() -> None:
    rows = [*map(str, hostile.SERVER_ROWS), *map(str, hostile.CLIENT_ROWS)]
    print(len(hostile.SERVER_ROWS), len(hostile.CLIENT_ROWS))
    assert len(hostile.SERVER_ROWS) >= 80 and len(hostile.CLIENT_ROWS) >= 80
    assert len(set(rows)) == len(rows)


# --- Against a server ---------------------------------------------------------------------------------------------------


@dataclass
class Attacked:
    target: Target
    healthy: HealthyLoad


@pytest.fixture(scope="module", params=TRANSPORTS)
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sockets: Path, is_sanitized: bool
) -> Iterator[Attacked]:
    with node.running_nodes(tmp_path_factory.mktemp("hostile")) as nodes:
        server = nodes.serve(place(request.param, sockets, "attacked"))
        with HealthyLoad(server.address, ECHO, TEXT, result=TEXT) as healthy:
            healthy.check(limits.PROMPT)
            yield Attacked(
                Target(server.address, ECHO, wire.pack(TEXT), wire.pack(TEXT), server.pid, not is_sanitized), healthy
            )


@pytest.mark.parametrize("row", (*hostile.SERVER_ROWS, *hostile.EXTENDED_SERVER_ROWS), ids=str)
def test_a_hostile_client_of_razor_node(attacked: Attacked, row: ServerRow) -> None:
    row.check(attacked.target)
    attacked.healthy.check(limits.PROMPT)


@pytest.fixture(scope="module")
def python_target() -> Iterator[Target]:
    with Server(calculator.HANDLERS) as server:
        yield Target(server.address, ECHO, wire.pack(TEXT), wire.pack(TEXT))


@pytest.mark.parametrize("row", hostile.SERVER_ROWS, ids=str)
def test_a_hostile_client_of_the_server_in_python(python_target: Target, row: ServerRow) -> None:
    row.check(python_target)


# --- Against a client ---------------------------------------------------------------------------------------------------

# What razor_node calls for each word of a row.
CALLS: dict[str, list[str]] = {
    "number": [wire.method("add"), "[1,2]"],
    "text": [ECHO, '"x"'],
    "bytes": [wire.method("echo_bytes"), "[1]"],
    "unit": [wire.method("noop")],
    "unknown": ["Other.method"],
    "action": ["1", '{"path":"x"}'],
    "unit error": [wire.method("add"), "[1,2]"],
    "text error": [wire.method("fail_str"), '"x"'],
    "number error": [wire.method("fail_i32"), "1"],
    "variant error": [wire.method("fail_custom"), "0"],
}


@dataclass(frozen=True)
class Ended:
    outcome: Outcome
    cpu_seconds: float
    log: str


def run_call(command: list[str], memory_max: int | None) -> Ended:
    """One `razor_node call` on plain version 1, to its end: the rows answer the first frame.

    With `memory_max` it cannot take more: a call that tries ends otherwise."""
    call = subprocess.Popen(
        [str(node.binary()), "call", *command, "--timeout", str(HANG_SECONDS), "--hello", "off"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if memory_max is not None:
        resource.prlimit(call.pid, resource.RLIMIT_DATA, (memory_max, memory_max))
    assert call.stdout is not None and call.stderr is not None
    hung = threading.Timer(2 * HANG_SECONDS, call.kill)
    hung.start()
    with call.stdout as stdout, call.stderr as stderr:
        out, log = stdout.read().decode(), stderr.read().decode()
        _, status, usage = os.wait4(call.pid, 0)
    hung.cancel()
    call.returncode = os.waitstatus_to_exitcode(status)
    if call.returncode == node.OK:
        outcome = Outcome("ok", value=json.loads(out))
    elif call.returncode == node.APPLICATION_ERROR:
        outcome = Outcome("error", value=json.loads(log)["error"])
    else:
        assert call.returncode == node.FRAMEWORK_ERROR, (call.returncode, log)
        outcome = Outcome(json.loads(log)["call_error"], json.loads(log)["ran"])
    return Ended(outcome, usage.ru_utime + usage.ru_stime, log)


NUMBERS = itertools.count()  # of sockets


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("row", hostile.CLIENT_ROWS, ids=str)
def test_a_hostile_server_of_razor_node(row: ClientRow, transport: str, sockets: Path, is_sanitized: bool) -> None:
    server = row.serve(place(transport, sockets, f"hostile-{next(NUMBERS)}"))
    begun = time.monotonic()
    ended = run_call([server.address, *CALLS[row.calls]], None if is_sanitized else row.bounds.resident_growth)
    took = time.monotonic() - begun
    server.close()
    assert ended.outcome == row.outcome, ended.log
    assert process_log.ALARMS.search(ended.log) is None, ended.log
    assert took <= limits.at_most(row.bounds.seconds)
    assert is_sanitized or ended.cpu_seconds <= row.bounds.cpu_seconds


# What the client in Python, which knows no types of methods, cannot tell from what is right.
UNTYPED = "not as declared"


@pytest.mark.parametrize("row", [row for row in hostile.CLIENT_ROWS if UNTYPED not in row.name], ids=str)
def test_a_hostile_server_of_the_client_in_python(row: ClientRow) -> None:
    server = row.serve()
    with Client(server.address, ClientConfig(wants_details=False)) as client:
        try:
            outcome = Outcome("ok", value=client.call("S.m"))
        except ApplicationError as error:
            outcome = Outcome("error", value=error.text)
        except CallError as error:
            outcome = Outcome(error.code, error.ran)
    server.close()
    assert outcome == row.outcome


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_calls_to_a_healthy_server_do_not_notice_a_hostile_one(
    tmp_path: Path, transport: str, sockets: Path, is_sanitized: bool
) -> None:
    """One process calls both, through a pool: what the hostile one breaks is called again at the other one."""
    broken = itertools.cycle(BROKEN_FRAMES.values())

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(next(broken))
        peer.wait_for_end()

    with node.running_nodes(tmp_path) as nodes:
        healthy = nodes.serve(place(transport, sockets, "healthy"))
        server = RawServer(script, place(transport, sockets, "breaking"))
        load: dict[str, object] = {
            "pool": True,
            "idempotent": True,
            "in_flight": 8,
            "rate": 500,
            "seconds": 1.5,
            "hello": "off",
        }
        process = nodes.start_load(healthy.address, server.address, **load)
        resident_most = descriptors_most = 0
        while process.is_running:
            try:
                resident_most = max(resident_most, process_stats.resident_bytes(process.pid))
                descriptors_most = max(descriptors_most, process_stats.descriptors(process.pid))
            except (LookupError, OSError):
                break  # it has ended
            time.sleep(0.02)
        report = process.wait().report
        assert report["errors"] == {}
        assert report["calls"] > 300
        assert server.connections > 1
        server.close()
    print(f"{server.connections} broken connections, {resident_most / MIB:.1f} MiB, {descriptors_most} descriptors")
    assert descriptors_most < 40
    assert is_sanitized or resident_most < 64 * MIB
