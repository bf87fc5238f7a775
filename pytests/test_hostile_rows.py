"""The rows of the catalogue of hostile peers find what is wrong: here servers are, each in its way.

Fails when a row is content with a server that it should complain of.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from razor_testing import hostile, wire
from razor_testing.healthy_load import HealthyLoad
from razor_testing.hostile import Bounds, Target
from razor_testing.hostile_row import MIB, Costs
from razor_testing.raw_server import Peer, RawServer, Script
from razor_testing.server import Server

StartServer = Callable[[Script], RawServer]
ROWS = {row.name: row for row in hostile.SERVER_ROWS}


def target_of(address: str, pid: int | None = None) -> Target:
    return Target(address, "S.m", wire.NIL, wire.NIL, pid)


def answers_all(peer: Peer) -> None:
    """Whatever comes."""
    head = peer.receive_exactly(wire.REQUEST_HEAD.size)
    peer.send(wire.Response(int.from_bytes(head[8:16], "little"), msg=wire.NIL).encoded())
    peer.wait_for_end()


def closes(peer: Peer) -> None:
    peer.receive_exactly(wire.REQUEST_HEAD.size)


@pytest.mark.parametrize(
    "script, name",
    [
        (answers_all, "magic 0xffff"),
        (answers_all, "version 2"),
        (answers_all, "msg_bytes of 4294967295"),
        (answers_all, "a message: no msgpack"),
        (closes, "version 2"),
        (closes, "a ping with seq 0"),
        (closes, "a message: no msgpack"),
    ],
)
def test_a_server_that_ends_it_otherwise_is_found(raw_server: StartServer, script: Script, name: str) -> None:
    row = replace(ROWS[name], bounds=Bounds(seconds=-1.0))  # none is waited for longer than that and what tests allow
    with pytest.raises(AssertionError):
        row.check(target_of(raw_server(script).address))


HERE = target_of("127.0.0.1:1", os.getpid())


def test_memory_above_the_bound_is_found() -> None:
    costs = Costs(HERE, Bounds(resident_growth=8 * MIB))
    costs.check_while_open()
    taken = bytearray(os.urandom(32 * MIB))
    with pytest.raises(AssertionError, match="grew by"):
        costs.check_while_open()
    assert len(taken) == 32 * MIB


def test_a_descriptor_that_is_left_is_found(tmp_path: Path) -> None:
    costs = Costs(HERE, Bounds(seconds=-1.0))
    with (tmp_path / "left").open("wb"), pytest.raises(AssertionError, match="the connections to be gone"):
        costs.check()


def test_a_process_that_computes_too_much_is_found() -> None:
    costs = Costs(HERE, Bounds(cpu_seconds=0.05))
    begun = time.process_time()
    while time.process_time() - begun < 0.15:
        pass
    with pytest.raises(AssertionError, match="computed for"):
        costs.check()


def test_a_healthy_load_notices_errors_and_delays() -> None:
    delays = [0.0]

    def method() -> str:
        time.sleep(delays[0])
        return "right"

    with Server({"S.m": method}) as server:
        with HealthyLoad(server.address, "S.m", result="right") as healthy:
            healthy.check(slowest=2.0)
            delays[0] = 0.2
            with pytest.raises(AssertionError, match="a healthy call took"):
                healthy.check(slowest=0.1)
        with HealthyLoad(server.address, "S.m", result="wrong") as healthy:
            with pytest.raises(AssertionError, match="'right' instead of 'wrong'"):
                healthy.check(slowest=2.0)
        with HealthyLoad(server.address, "S.other", result="right") as healthy:
            with pytest.raises(AssertionError, match="method_not_found"):
                healthy.check(slowest=2.0)
