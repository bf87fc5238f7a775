"""Bytes that break the protocol end their own connection, in the way that is specified, and nothing else.

After every attack the process lives, honest clients are served without delay, and no descriptor is left. Single attacks
are rows of the catalogue (test_hostile_catalogue.py); slow attackers are in test_slow_client.py, those who want too much in
test_greedy_client.py.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import golden
from attacked import Attacked
from razor_testing import hostile_server_rows, wire
from razor_testing.node import Nodes
from razor_testing.raw_client import RawClient
from razor_testing.raw_socket import EndOfStream

ADD = wire.method("add")
ADD_REQUEST = wire.Request(1, ADD, wire.pack([1, 2])).encoded()
ADD_ANSWER = wire.Response(1, msg=wire.pack(3))


@pytest.fixture(params=["tcp", "unix"])
def attacked(request: pytest.FixtureRequest, nodes: Nodes, socket_directory: Path) -> Iterator[Attacked]:
    listen = "127.0.0.1:0" if request.param == "tcp" else f"unix:{socket_directory / 'socket'}"
    server = Attacked(nodes, listen)
    yield server
    server.check()
    server.close()


def error_bytes(seq: int, text: str) -> bytes:
    return wire.Response(seq, wire.ERROR_BYTES, blob=text.encode()).encoded()


# --- Broken heads -------------------------------------------------------------------------------------------------------


def test_answers_that_are_due_reach_a_peer_that_breaks_the_protocol_and_closes_its_side(attacked: Attacked) -> None:
    blob_bytes = 3 << 20  # more than the system takes at once on a Unix socket
    with attacked.attack() as client:
        request = wire.Request(1, wire.READ, wire.io_message(1, 0, blob_bytes)).encoded()
        client.send(request + wire.request_head(seq=2, version=9))
        client.shutdown_write()
        time.sleep(0.05)
        assert len(client.receive().blob) == blob_bytes
        assert client.receive_to_end() == error_bytes(2, "rpc_invalid_ver")


def test_handlers_of_a_connection_that_is_refused_still_answer(attacked: Attacked) -> None:
    with attacked.attack() as client:
        slow = wire.Request(1, wire.method("sleep_ms"), wire.pack(300)).encoded()
        client.send(slow + wire.request_head(seq=2, version=9))
        assert client.receive_to_end() == error_bytes(2, "rpc_invalid_ver") + wire.Response(1, msg=wire.pack(None)).encoded()


def test_the_smallest_and_the_largest_lengths_are_served(attacked: Attacked) -> None:
    longest_name = "S." + "m" * (wire.ACTION_BYTES_MAX - len("S."))
    longest_text = wire.pack("x" * (wire.MSG_BYTES_MAX - 5))
    assert len(longest_text) == wire.MSG_BYTES_MAX
    with attacked.attack() as client:
        assert client.call("", wire.NIL).error_text == "rpc_decode"  # an action string of no bytes has no dot
        assert client.call(longest_name, wire.NIL).error_text == "rpc_service_notfound"
        assert client.call(longest_name.replace(".", "m"), wire.NIL).error_text == "rpc_decode"
        assert client.call(ADD).error_text == "rpc_decode"  # a message of no bytes
        assert client.call(wire.method("echo"), longest_text).msg == longest_text
        assert client.call(wire.WRITE, wire.io_message(1, 0, 0)).value == {"ret_size": 0}
        blob = bytes(wire.BLOB_BYTES_MAX)
        assert client.call(wire.WRITE, wire.io_message(1, 0, 0), blob).value == {"ret_size": len(blob)}
        read = client.call(wire.READ, wire.io_message(1, 0, wire.BLOB_BYTES_MAX))
        assert len(read.blob) == wire.BLOB_BYTES_MAX
        assert read.blob[:1024] == read.blob[-1024:] == bytes(range(256)) * 4


def test_an_answer_above_the_limit_fails_alone(attacked: Attacked) -> None:
    """Contract 35. Bytes above 127 take two in an answer and, as binary, one in the request."""
    with attacked.attack() as client:
        answer = client.call(wire.method("echo_bytes"), wire.pack(b"\xff" * (wire.MSG_BYTES_MAX - 10)))
        assert answer.error_text == "rpc_too_large"
        assert client.add(1, 2) == 3


# --- Heads that are odd, but not broken ---------------------------------------------------------------------------------


def test_format_bits(attacked: Attacked) -> None:
    """Bits 0 to 5 name what the message is written in, unless bit 7 is set; of these the server knows 0 (msgpack) and 1."""
    with attacked.attack() as client:
        client.takes_details = True
        for format_bits in range(256):
            seq = 1 + format_bits
            client.send(wire.Request(seq, ADD, wire.pack([format_bits, 1]), format_bits=format_bits).encoded())
            answer = client.receive()
            if format_bits & 0x80 or format_bits & 0x3F == 0:
                assert answer == wire.Response(seq, msg=wire.pack(format_bits + 1))
                continue
            assert (answer.seq, answer.error_text) == (seq, "rpc_decode")
            ran, why = wire.unpack(answer.msg)
            assert ran == 0
            assert ("not JSON" if format_bits & 0x3F == 1 else f"format {format_bits & 0x3F}") in why


def test_pings_are_answered_whatever_their_format_and_seq(attacked: Attacked) -> None:
    with attacked.attack() as client:
        seqs = [0, 1, 2**63, 2**64 - 1, *range(1000, 1256)]
        pings = [wire.Request(seq, wire.PING, format_bits=seq % 256).encoded() for seq in seqs]
        client.send(b"".join(pings))
        pongs = [client.receive() for _ in seqs]
    # Prompt pings may be answered in front of others.
    prompt = {seq for seq in seqs if seq % 256 == wire.PROMPT_PING_FORMAT}
    assert [pong for pong in pongs if pong.seq not in prompt] == [wire.Response(seq) for seq in seqs if seq not in prompt]
    assert [pong for pong in pongs if pong.seq in prompt] == [wire.Response(seq) for seq in seqs if seq in prompt]


def test_seqs_and_client_ids_are_the_clients_business(attacked: Attacked) -> None:
    """Repeated, falling and extreme seqs are answered as they come."""
    with attacked.attack() as client:
        for seq, client_id in ((1, 0), (1, 2**64 - 1), (2**64 - 1, 1), (0, 0), (5, 5), (4, 5)):
            client.send(wire.Request(seq, ADD, wire.pack([1, 2]), client_id=client_id).encoded())
            assert client.receive() == wire.Response(seq, msg=wire.pack(3))


# --- Messages that do not decode ----------------------------------------------------------------------------------------

WITH_UNKNOWN_FIELD = b"\x82\xa4path\xa1x\xa5other"

BROKEN_MESSAGES = list(hostile_server_rows.BROKEN_MESSAGES.values())
# Whole values, but of no type that is asked for.
WRONG_MESSAGES = [
    b"\x91" * 60 + b"\x01",
    b"\x92\xcb\x7f\xf8\0\0\0\0\0\0\x01",  # not a number
    b"\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xd4\x01\x00",  # an extension
    b"\x80",
]


def test_messages_that_do_not_decode_are_answered_and_do_no_harm(attacked: Attacked) -> None:
    methods = ["add", "echo", "echo_coroutine", "echo_bytes", "noop", "fail_str", "fail_custom", "sleep_ms"]
    actions: list[int | str] = [*map(wire.method, methods), wire.OPEN, wire.READ, wire.WRITE]
    with attacked.attack() as client:
        for action in actions:
            for message in BROKEN_MESSAGES + WRONG_MESSAGES:
                assert client.call(action, message).error_text == "rpc_decode", (action, message[:20])


def test_unknown_fields_are_skipped_unless_they_are_broken(attacked: Attacked) -> None:
    with attacked.attack() as client:
        for message in WRONG_MESSAGES:
            assert client.call(wire.OPEN, WITH_UNKNOWN_FIELD + message) == wire.Response(client.last_seq)
        for message in BROKEN_MESSAGES:
            assert client.call(wire.OPEN, WITH_UNKNOWN_FIELD + message).error_text == "rpc_decode", message[:20]


# --- Connections that end early -----------------------------------------------------------------------------------------


def test_a_request_cut_at_any_byte_is_dropped(attacked: Attacked) -> None:
    for length in range(len(ADD_REQUEST)):
        with attacked.attack() as client:
            client.send(ADD_REQUEST[:length])
            client.shutdown_write()
            assert client.receive_to_end() == b"", length


def test_the_answer_arrives_after_a_half_close(attacked: Attacked) -> None:
    with attacked.attack() as client:
        seqs = [client.send_request(wire.method("sleep_ms"), wire.pack(ms)) for ms in (200, 0, 100)]
        client.shutdown_write()
        answers = client.receive_all(3)
        assert [answers[seq] for seq in seqs] == [wire.Response(seq, msg=wire.NIL) for seq in seqs]
        assert client.receive_to_end() == b""


def test_resets_at_any_byte_are_survived(attacked: Attacked) -> None:
    for length in range(len(ADD_REQUEST) + 1):
        client = attacked.attack()
        client.send(ADD_REQUEST[:length])
        client.reset()


def test_resets_while_handlers_run_are_survived(attacked: Attacked) -> None:
    for _ in range(20):
        client = attacked.attack()
        for ms in (0, 10, 50):
            client.send_request(wire.method("sleep_ms"), wire.pack(ms))
        client.send_request(wire.READ, wire.io_message(1, 0, 1 << 20))
        client.reset()


def test_resets_while_an_answer_is_on_its_way_are_survived(attacked: Attacked) -> None:
    for _ in range(5):
        client = attacked.attack()
        client.send_request(wire.READ, wire.io_message(1, 0, wire.BLOB_BYTES_MAX))
        client.receive_exactly(100_000)
        client.reset()


# --- Chance -------------------------------------------------------------------------------------------------------------


def frames_until_the_end(client: RawClient) -> int:
    """Reads what the server says until it closes. RawClient checks that each answer is well formed."""
    client.shutdown_write()
    frames = 0
    while True:
        try:
            client.receive()
        except EndOfStream as end:
            assert end.got == b"", "the server cut an answer"
            return frames
        frames += 1


def test_garbage_does_no_harm(attacked: Attacked, seeded: random.Random) -> None:
    for _ in range(60):
        garbage = seeded.randbytes(seeded.randrange(1, 5000))
        if seeded.random() < 0.5:  # a head that gets past the first checks
            garbage = wire.request_head(seq=1)[:4] + garbage
        with attacked.attack() as client:
            client.send(garbage)
            frames_until_the_end(client)


def mutated(request: bytes, chance: random.Random) -> bytes:
    frame = bytearray(request)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(frame))
        match chance.randrange(6):
            case 0:
                frame[at] ^= 1 << chance.randrange(8)
            case 1:
                frame[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
            case 2:
                del frame[at:]
                frame += request[at + 1 :]
            case 3:
                frame[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 4:
                other = chance.choice(golden.CASES).request
                frame[at:] = other[chance.randrange(len(other)) :]
            case 5:
                field = chance.choice([4, 24, 28])  # a length, or the action
                frame[field : field + 4] = chance.choice([0, 1, 255, 2**24, 2**31, 2**32 - 1]).to_bytes(4, "little")
        if not frame:
            break
    return bytes(frame)


def mutated_body(request: bytes, chance: random.Random) -> bytes:
    """The head still tells the truth: the message reaches the handler's decoder."""
    field = int.from_bytes(request[4:8], "little")
    begin = wire.REQUEST_HEAD.size + (field & ~wire.NAME_BIT if field & wire.NAME_BIT else 0)
    if begin == len(request):
        return request
    body = bytearray(request[begin:])
    for _ in range(chance.randrange(1, 4)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return request[:begin] + bytes(body)


def test_mutated_golden_requests_do_no_harm(attacked: Attacked, seeded: random.Random) -> None:
    for _ in range(300):
        with attacked.attack() as client:
            client.takes_details = True  # a mutation may name a format
            for _ in range(seeded.randrange(1, 4)):
                client.send(mutated(seeded.choice(golden.CASES).request, seeded))
            frames_until_the_end(client)


def test_mutated_messages_are_all_answered(attacked: Attacked, seeded: random.Random) -> None:
    with attacked.attack() as client:
        requests = [mutated_body(seeded.choice(golden.CASES).request, seeded) for _ in range(2000)]
        for request in requests:
            client.send(request)
            assert client.receive().seq == int.from_bytes(request[golden.SEQ], "little")
