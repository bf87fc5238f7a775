"""Servers that lie, stall, flood and vanish: a call ends in time, once, and its error says whether it ran.

Each server is a script that runs for every connection. Fails when `razor_node call` prints a value that the server did
not properly send, prints no error, hangs, or crashes.
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
from razor_testing.node import FRAMEWORK_ERROR, OK, Finished, Nodes
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
    finished = nodes.call(server.address, *(command or ADD_CALL), "--timeout", str(timeout))
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


# --- Frames that break the protocol ------------------------------------------------------------------------------------

BROKEN = {
    "magic": wire.response_head(seq=1, magic=0x4D26),
    "version 0": wire.response_head(seq=1, version=0),
    "version 2": wire.response_head(seq=1, version=2),
    "flag 3": wire.response_head(seq=1, flag=3),
    "flag 255": wire.response_head(seq=1, flag=255, msg_bytes_or_number=1) + RESULT,
    "another protocol": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "a seq that comes next": wire.Response(2, msg=RESULT).encoded(),
    "a seq far ahead": wire.Response(2**63, msg=RESULT).encoded(),
    "the last seq": wire.Response(2**64 - 1, msg=RESULT).encoded(),
    "a message above the limit": wire.response_head(seq=1, msg_bytes_or_number=wire.MSG_BYTES_MAX + 1),
    "a message of 4 GiB": wire.response_head(seq=1, msg_bytes_or_number=2**32 - 1),
    "a blob above the limit": wire.response_head(seq=1, blob_bytes=wire.BLOB_BYTES_MAX + 1),
    "a blob of 2 GiB": wire.response_head(seq=1, blob_bytes=2**31 - 1),
    "a negative blob": wire.response_head(seq=1, msg_bytes_or_number=1, blob_bytes=-1) + RESULT,
    "the most negative blob": wire.response_head(seq=1, msg_bytes_or_number=1, blob_bytes=-(2**31)) + RESULT,
    "an error above the limit": wire.response_head(seq=1, flag=2, blob_bytes=wire.BLOB_BYTES_MAX + 1),
    "a negative error": wire.response_head(seq=1, flag=2, blob_bytes=-1),
    "a number with a negative blob": wire.response_head(seq=1, flag=1, msg_bytes_or_number=5, blob_bytes=-1),
    "an unknown flag of a call that is not there": wire.response_head(seq=0, flag=9),
}


@pytest.mark.parametrize("frame", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_ends_the_connection(nodes: Nodes, raw_server: StartServer, frame: bytes) -> None:
    finished = call(nodes, raw_server(answering(frame)))
    assert finished.call_error == ("bad_frame", "maybe")
    assert finished.seconds < limits.at_most(0)


# --- Answers that are not what the method declares ----------------------------------------------------------------------


def success(msg: bytes) -> bytes:
    return wire.Response(1, msg=msg).encoded()


def failure(error: bytes) -> bytes:
    return wire.Response(1, wire.ERROR_BYTES, blob=error).encoded()


def number(value: int) -> bytes:
    return wire.Response(1, wire.ERROR_NUMBER, number=value).encoded()


DEEP = b"\x91" * 1_000_000

UNDECLARED: list[tuple[str, tuple[str, ...], bytes]] = [
    ("no result", ADD_CALL, success(b"")),
    ("no unit", (wire.method("noop"),), success(b"")),
    ("no result of an unknown method", ("Other.method",), success(b"")),
    ("nil for a number", ADD_CALL, success(wire.NIL)),
    ("bytes left over", ADD_CALL, success(RESULT + b"\x00")),
    ("a second result", ADD_CALL, success(RESULT + RESULT)),
    ("bytes behind a unit", (wire.method("noop"),), success(wire.NIL + b"\xc0")),
    ("a value for a unit", (wire.method("noop"),), success(wire.pack(0))),
    ("a text for a number", ADD_CALL, success(wire.pack("3"))),
    ("a fraction for a number", ADD_CALL, success(wire.pack(3.5))),
    ("a list for a number", ADD_CALL, success(wire.pack([3]))),
    ("a number out of range", ADD_CALL, success(wire.pack(2**31))),
    ("half a number", ADD_CALL, success(b"\xce\x00\x00")),
    ("no msgpack", ADD_CALL, success(b"\xc1")),
    ("a number for a text", (wire.method("echo"), '"x"'), success(wire.pack(3))),
    ("a text of 4 GiB", (wire.method("echo"), '"x"'), success(b"\xdb\xff\xff\xff\xffx")),
    ("a list of 4 billion", (wire.method("echo_bytes"), "[1]"), success(b"\xdd\xff\xff\xff\xff\x01")),
    ("a byte out of range", (wire.method("echo_bytes"), "[1]"), success(wire.pack([256]))),
    ("a million levels", ADD_CALL, success(DEEP)),
    ("a million levels of an unknown method", ("Other.method",), success(DEEP)),
    ("a million levels of a stream action", ("1", '{"path":"x"}'), success(DEEP)),
    ("4 billion elements of an unknown method", ("Other.method",), success(b"\xdd\xff\xff\xff\xff\x01")),
    ("bytes left over of an unknown method", ("Other.method",), success(b"\x01\x01")),
    ("half a map of a stream action", ("2", '{"inode":0,"offset":0,"len":1}'), success(b"\x82\xa1a\x01")),
    ("an error where none is declared", (wire.method("echo"), '"x"'), number(5)),
    ("an error text where none is declared", (wire.method("noop"),), failure(b"oops")),
    ("a text for the unit error", ADD_CALL, failure(b"overflow")),
    ("a number other than 0 for the unit error", ADD_CALL, number(1)),
    ("a number for a text error", (wire.method("div"), "[1,1]"), number(7)),
    ("a text for a number error", (wire.method("fail_i32"), "1"), failure(b"text")),
    ("a text for a variant error", (wire.method("fail_custom"), "0"), failure(b"text")),
    ("an unknown variant", (wire.method("fail_custom"), "0"), failure(wire.pack("NoSuchVariant"))),
    ("a variant without content", (wire.method("fail_custom"), "0"), failure(wire.pack({"TooMany": None}))),
    ("a million levels of a variant", (wire.method("fail_custom"), "0"), failure(DEEP)),
]


@pytest.mark.parametrize("command, frame", [case[1:] for case in UNDECLARED], ids=[case[0] for case in UNDECLARED])
def test_an_answer_that_is_not_as_declared_is_an_error(
    nodes: Nodes, raw_server: StartServer, command: tuple[str, ...], frame: bytes
) -> None:
    """Contract 11: never a default value."""
    finished = call(nodes, raw_server(answering(frame)), *command)
    assert finished.call_error == ("decode", "yes")


@pytest.mark.parametrize("text, name", wire.FRAMEWORK_ERRORS.items())
def test_a_framework_text_is_an_error_of_the_framework(nodes: Nodes, raw_server: StartServer, text: str, name: str) -> None:
    """Whatever the method declares: here a text, there nothing."""
    server = raw_server(answering(failure(text.encode())))
    assert call(nodes, server, wire.method("fail_str"), '"x"').call_error == (name, "maybe")
    assert call(nodes, server, wire.method("noop")).call_error == (name, "maybe")


def test_a_text_that_only_looks_like_one_is_the_applications(nodes: Nodes, raw_server: StartServer) -> None:
    for text in ("rpc_", "rpc_time", "rpc_timeout ", "rpc_timeout\0", "RPC_TIMEOUT", "xrpc_timeout"):
        server = raw_server(answering(failure(text.encode())))
        assert call(nodes, server, wire.method("fail_str"), '"x"').error == text


# --- Odd, but allowed ---------------------------------------------------------------------------------------------------

ODD: dict[str, tuple[bytes, ...]] = {
    "a second answer": (ANSWER, wire.Response(1, msg=wire.pack(4)).encoded()),
    "a control frame before": (wire.Response(0, wire.ERROR_BYTES, blob=b"rpc_draining:0").encoded(), ANSWER),
    "many control frames before": (wire.Response(0, msg=b"future", blob=b"frame").encoded() * 1000, ANSWER),
    "a blob with the result": (wire.Response(1, msg=RESULT, blob=b"blob").encoded(),),
    "another form of the number": (success(b"\xd3\x00\x00\x00\x00\x00\x00\x00\x03"),),
    "an answer byte by byte": tuple(ANSWER[index : index + 1] for index in range(len(ANSWER))),
    "garbage behind the answer": (ANSWER + b"garbage" * 100,),
}


@pytest.mark.parametrize("frames", ODD.values(), ids=ODD.keys())
def test_odd_answers_are_understood(nodes: Nodes, raw_server: StartServer, frames: tuple[bytes, ...]) -> None:
    finished = call(nodes, raw_server(answering(*frames)))
    assert finished.status == OK, finished
    assert finished.out.startswith("{" if b"blob" in frames[0] and len(frames) == 1 else "3"), finished


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


def test_closing_right_behind_a_whole_answer_does_not_take_it_back(nodes: Nodes, raw_server: StartServer) -> None:
    large = wire.pack("x" * (1 << 20))
    assert call(nodes, raw_server(closing_after(ANSWER))).result == 3
    server = raw_server(closing_after(success(large)))
    assert len(call(nodes, server, wire.method("echo"), '"x"').result) == 1 << 20


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
        return nodes.call(raw_server(wait.script).address, *ADD_CALL, "--timeout", str(wait.timeout))

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
