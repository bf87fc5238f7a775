"""Servers that lie, stall, flood and vanish: a call ends in time, once, and its error says whether it ran.

Each server is a script that runs for every connection; single responses that are broken or odd are rows of the catalogue
(test_hostile_catalogue.py). Fails when `razor_node call` prints a value that the server did not properly send, prints no
error, hangs, or crashes.
"""

import contextlib
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import golden
from razor_testing import limits, wire
from razor_testing.node import FRAMEWORK_ERROR, Finished, Nodes
from razor_testing.raw_server import Peer, RawServer, Script

StartServer = Callable[[Script], RawServer]

ADD = wire.method("add")
ADD_CALL = (ADD, "[1,2]")
RESULT = wire.pack(3)
ANSWER = wire.Response(1, msg=RESULT).encoded()

SENT_OR_NOT = ("no", "maybe")


def name_of(script: Script) -> str:
    return script.__name__.replace("_", " ")


def call(nodes: Nodes, server: RawServer, *command: str, timeout: float = 10.0) -> Finished:
    """The default is a call of add, with a timeout that it must not need."""
    finished = nodes.call(server.address, *(command or ADD_CALL), "--timeout", str(timeout), "--hello", "off")
    assert finished.seconds < limits.at_most(timeout)
    return finished


def answering(*frames: bytes) -> Script:
    """Answers the first request with these bytes, whatever they are, then waits for the client to close."""

    def script(peer: Peer) -> None:
        peer.receive()
        for frame in frames:
            peer.send(frame)
        peer.wait_for_end()

    return script


def closing_after(answer: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(answer)

    return script


def test_a_result_with_a_blob_is_printed_with_its_length(nodes: Nodes, raw_server: StartServer) -> None:
    frame = wire.Response(1, msg=RESULT, blob=b"blob").encoded()
    assert call(nodes, raw_server(answering(frame))).result == {"message": 3, "blob_bytes": 4}


# --- Connections that end -----------------------------------------------------------------------------------------------


def test_an_answer_cut_at_any_byte_is_a_lost_connection(nodes: Nodes, raw_server: StartServer) -> None:
    lengths = list(range(len(ANSWER)))
    todo = iter(lengths)
    server = raw_server(lambda peer: closing_after(ANSWER[: next(todo)])(peer))
    for _ in lengths:
        finished = call(nodes, server)
        assert finished.call_error == ("connection_lost", "maybe")
        assert finished.seconds < limits.at_most(0)
    assert server.connections == len(lengths)


def closes_at_once(peer: Peer) -> None:
    del peer


def resets_at_once(peer: Peer) -> None:
    peer.reset()


def shuts_its_side_at_once(peer: Peer) -> None:
    peer.shutdown_write()
    peer.wait_for_end()


def resets_after_a_request(peer: Peer) -> None:
    peer.receive()
    peer.reset()


def answers_before_it_is_asked_and_closes(peer: Peer) -> None:
    peer.send(wire.response_head(seq=1, flag=7))


@pytest.mark.parametrize(
    "script",
    [closes_at_once, resets_at_once, shuts_its_side_at_once, resets_after_a_request, answers_before_it_is_asked_and_closes],
    ids=name_of,
)
def test_a_connection_that_ends_fails_the_call_at_once(nodes: Nodes, raw_server: StartServer, script: Script) -> None:
    for _ in range(5):  # who is first differs
        finished = call(nodes, raw_server(script))
        name, ran = finished.call_error
        assert name in ("connection_lost", "bad_frame", "unreachable"), finished
        assert ran in SENT_OR_NOT, finished
        assert finished.seconds < limits.at_most(0)


# --- Servers that keep a caller waiting ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wait:
    """What a script does, and how a call with this timeout ends."""

    script: Script
    timeout: float
    call_error: tuple[str, str]
    ends_after: float
    tick: float = limits.CALL_TICK


def accepts_and_is_silent(peer: Peer) -> None:
    peer.receive()
    begun = time.monotonic()
    assert peer.receive().is_ping
    # A caller that is late is late with its ping too.
    assert limits.PING_INTERVAL - limits.SLACK <= time.monotonic() - begun < limits.at_most(limits.PING_INTERVAL)
    peer.wait_for_end()


def reads_nothing(peer: Peer) -> None:
    time.sleep(limits.PING_INTERVAL + limits.PING_TIMEOUT + 0.5)
    peer.wait_for_end()


def stops_in_the_middle_of_a_body(peer: Peer) -> None:
    peer.receive()
    peer.send(wire.response_head(seq=1, msg_bytes_or_number=1000) + bytes(10))
    peer.wait_for_end()


def only_answers_pings(peer: Peer) -> None:
    while True:
        request = peer.receive()
        if request.is_ping:
            peer.succeed(request.seq)


def trickles_a_body(peer: Peer) -> None:
    peer.receive()
    peer.send(wire.response_head(seq=1, msg_bytes_or_number=1000))
    while True:
        peer.send(b"\0")
        time.sleep(0.3)


def floods_with_control_frames(peer: Peer) -> None:
    peer.receive()
    frames = wire.Response(0, msg=b"x" * 100).encoded() * 500
    while True:
        peer.send(frames)


def floods_with_late_pongs(peer: Peer) -> None:
    """Answers to a ping that was answered: each a sign of life, none of use."""
    peer.receive()
    ping = peer.receive()
    frames = wire.Response(ping.seq).encoded() * 3000
    while True:
        peer.send(frames)


DEAD = limits.PING_INTERVAL + limits.PING_TIMEOUT
LATE = ("deadline_exceeded", "maybe")

WAITS = [
    # Their machine is alive, and what it took may still be answered.
    Wait(accepts_and_is_silent, DEAD + 1, LATE, DEAD + 1),
    Wait(accepts_and_is_silent, 1.8, LATE, 1.8),
    Wait(reads_nothing, DEAD + 1, LATE, DEAD + 1),
    Wait(stops_in_the_middle_of_a_body, DEAD + 1, LATE, DEAD + 1),
    Wait(stops_in_the_middle_of_a_body, 0.6, LATE, 0.6),
    Wait(only_answers_pings, DEAD + 1, LATE, DEAD + 1),
    Wait(trickles_a_body, DEAD + 1, LATE, DEAD + 1),
    Wait(floods_with_control_frames, 1.0, LATE, 1.0),
    Wait(floods_with_late_pongs, 2.0, LATE, 2.0),
]


def test_a_call_ends_in_time_however_the_server_stalls(nodes: Nodes, raw_server: StartServer) -> None:
    """Contract 2 and 26. All at once, since each takes seconds."""

    def run(wait: Wait) -> Finished:
        return nodes.call(raw_server(wait.script).address, *ADD_CALL, "--timeout", str(wait.timeout), "--hello", "off")

    with ThreadPoolExecutor(max_workers=len(WAITS)) as threads:
        ended = list(threads.map(run, WAITS))
    for wait, finished in zip(WAITS, ended, strict=True):
        assert finished.call_error == wait.call_error, wait
        assert wait.ends_after <= finished.seconds < limits.at_most(wait.ends_after + wait.tick), wait


# --- Loads --------------------------------------------------------------------------------------------------------------


def load_report(finished: Finished) -> dict[str, int]:
    """Nothing succeeded, every call has ended, and the errors say how."""
    report = finished.report
    assert finished.status == FRAMEWORK_ERROR, finished
    assert report["calls"] == 0
    assert report["submitted"] == report["ended"] > 0, report
    calls = {kind: count for kind, count in report["errors"].items() if not kind.startswith("connect: ")}
    assert sum(calls.values()) == report["ended"], report
    return calls


def sends_garbage(peer: Peer) -> None:
    peer.send(b"garbage!" * 100)
    peer.wait_for_end()


@pytest.mark.parametrize("interface", ["stream", "api"])
@pytest.mark.parametrize(
    "script, kinds",
    [
        (closes_at_once, {"connection_lost (ran: maybe)", "connection_lost (ran: no)"}),
        (resets_after_a_request, {"connection_lost (ran: maybe)", "connection_lost (ran: no)"}),
        (sends_garbage, {"bad_frame (ran: maybe)", "bad_frame (ran: no)", "connection_lost (ran: no)"}),
    ],
    ids=["closes", "resets", "garbage"],
)
def test_a_load_on_a_server_that_breaks_connections_ends_in_time(
    nodes: Nodes, raw_server: StartServer, interface: str, script: Script, kinds: set[str]
) -> None:
    server = raw_server(script)
    load = {"interface": interface, "in_flight": 10, "window": 4, "connections": 2, "seconds": 0.3}
    finished = nodes.load(server.address, **load)
    assert load_report(finished).keys() <= kinds
    assert finished.seconds < limits.at_most(0.3)


def test_a_load_on_a_server_that_is_overloaded_names_it(nodes: Nodes, raw_server: StartServer) -> None:
    def script(peer: Peer) -> None:
        while True:
            peer.fail_text(peer.receive().seq, "rpc_overloaded")

    assert load_report(nodes.load(raw_server(script).address, in_flight=4, seconds=0.2)).keys() == {
        "overloaded (ran: maybe)"
    }


def test_a_load_on_a_server_that_reads_nothing_ends_by_its_deadlines(nodes: Nodes, raw_server: StartServer) -> None:
    """With small calls, and with more bytes than the transport takes."""
    to = raw_server(reads_nothing).address
    load = {"in_flight": 40, "window": 30, "seconds": 0.2, "timeout": DEAD + 1}
    for process in [nodes.start_load(to, payload=payload, **load) for payload in (10, 1 << 20)]:
        finished = process.wait()
        kinds = load_report(finished)
        assert kinds.keys() == {"deadline_exceeded (ran: maybe)", "deadline_exceeded (ran: no)"}
        assert sum(kinds.values()) == 40
        assert DEAD + 1 <= finished.seconds < limits.at_most(DEAD + 1 + limits.CALL_TICK)


# --- Chance -------------------------------------------------------------------------------------------------------------


def test_mutated_golden_answers_end_the_call_in_time(nodes: Nodes, raw_server: StartServer, seeded: random.Random) -> None:
    frames: list[bytes] = []
    for _ in range(40):
        mutated = bytearray(golden.with_seq(seeded.choice(golden.CASES).response, seq=1))
        for _ in range(seeded.randrange(1, 4)):
            mutated[seeded.randrange(len(mutated))] = seeded.randrange(256)
        frames.append(bytes(mutated))
    todo = iter(frames)
    server = raw_server(lambda peer: closing_after(next(todo))(peer))
    for frame in frames:
        finished = call(nodes, server)
        assert finished.status in (0, 1, 2), frame.hex()
        if finished.status == FRAMEWORK_ERROR:
            assert finished.call_error, frame.hex()
        assert finished.seconds < limits.at_most(0), frame.hex()


def test_random_answers_end_the_call_in_time(nodes: Nodes, raw_server: StartServer, seeded: random.Random) -> None:
    garbage = [seeded.randbytes(seeded.randrange(1, 3000)) for _ in range(15)]
    todo = iter(garbage)

    def script(peer: Peer) -> None:
        with contextlib.suppress(ConnectionError):
            closing_after(next(todo))(peer)

    server = raw_server(script)
    for _ in garbage:
        name, ran = call(nodes, server).call_error
        assert name in ("bad_frame", "connection_lost")
        assert ran == "maybe"
