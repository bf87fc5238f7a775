"""Bytes that break the protocol end their own connection, in the way that is specified, and nothing else.

After every attack the process lives, honest clients are served without delay, and no descriptor is left. Slow attackers
are in test_slow_client.py, those who want too much in test_greedy_client.py.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import golden
from attacked import Attacked
from razor_testing import wire
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


@pytest.mark.parametrize("magic", [0, 0x4D26, 0x264D, 0x4D24, 0xFFFF, int.from_bytes(b"GE", "little")], ids=hex)
def test_a_wrong_magic_is_closed_without_a_word(attacked: Attacked, magic: int) -> None:
    with attacked.attack() as client:
        client.send(wire.request_head(seq=1, magic=magic, name_bytes=len(ADD)) + ADD.encode())
        assert client.receive_to_end() == b""


def test_other_protocols_are_closed_without_a_word(attacked: Attacked) -> None:
    for hello in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50)):
        with attacked.attack() as client:
            client.send(hello)
            assert client.receive_to_end() == b""


@pytest.mark.parametrize("version", [0, 2, 3, 127, 255])
def test_a_wrong_version_is_told_so_and_closed(attacked: Attacked, version: int) -> None:
    with attacked.attack() as client:
        client.send(wire.request_head(seq=77, version=version) + b"whatever that version sends")
        assert client.receive_to_end() == error_bytes(77, "rpc_invalid_ver")


def test_what_came_before_a_broken_head_is_answered(attacked: Attacked) -> None:
    for broken, last_words in (
        (wire.request_head(seq=2, magic=0), b""),
        (wire.request_head(seq=2, version=9), error_bytes(2, "rpc_invalid_ver")),
        (wire.request_head(seq=2, blob_bytes=wire.BLOB_BYTES_MAX + 1), error_bytes(2, "rpc_too_large")),
    ):
        with attacked.attack() as client:
            client.send(ADD_REQUEST + broken + ADD_REQUEST)
            assert client.receive_to_end() == ADD_ANSWER.encoded() + last_words


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


TOO_LARGE = {
    "action": [wire.ACTION_BYTES_MAX + 1, 2**16, 2**30, 2**31 - 1],
    "msg": [wire.MSG_BYTES_MAX + 1, 2**31 - 1, 2**31, 2**32 - 1],
    "blob": [wire.BLOB_BYTES_MAX + 1, 2**31 - 1, 2**31, 2**32 - 1],
}


@pytest.mark.parametrize("field, length", [(field, length) for field in TOO_LARGE for length in TOO_LARGE[field]])
def test_a_length_above_its_limit_is_told_so_and_closed(attacked: Attacked, field: str, length: int) -> None:
    """It is not read: the answer comes though nothing of the length was sent."""
    lengths = {"action": "name_bytes", "msg": "msg_bytes", "blob": "blob_bytes"}
    with attacked.attack() as client:
        client.send(wire.request_head(seq=5, **{lengths[field]: length}))
        assert client.receive_to_end() == error_bytes(5, "rpc_too_large")


def test_all_lengths_at_their_largest_do_not_add_up_to_something_small(attacked: Attacked) -> None:
    with attacked.attack() as client:
        client.send(wire.request_head(seq=5, name_bytes=2**31 - 1, msg_bytes=2**32 - 1, blob_bytes=2**32 - 1))
        assert client.receive_to_end() == error_bytes(5, "rpc_too_large")


def test_a_peer_that_goes_on_sending_after_its_refusal_still_reads_it(attacked: Attacked) -> None:
    with attacked.attack() as client:
        client.send(wire.request_head(seq=5, msg_bytes=2**32 - 1) + bytes(1 << 20))
        assert client.receive_exactly(len(error_bytes(5, "rpc_too_large"))) == error_bytes(5, "rpc_too_large")


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


def test_action_0_with_a_message_is_an_action_that_nobody_handles(attacked: Attacked) -> None:
    with attacked.attack() as client:
        assert client.call(wire.PING, msg=wire.NIL).error_text == "rpc_decode"
        assert client.call(wire.PING, msg=wire.NIL, blob=b"x").error_text == "rpc_decode"
        client.ping()


def test_a_blob_of_a_ping_is_dropped(attacked: Attacked) -> None:
    with attacked.attack() as client:
        assert client.call(wire.PING, blob=b"x" * 100_000) == wire.Response(1)
        client.ping()


def test_seqs_and_client_ids_are_the_clients_business(attacked: Attacked) -> None:
    """Repeated, falling and extreme seqs are answered as they come."""
    with attacked.attack() as client:
        for seq, client_id in ((1, 0), (1, 2**64 - 1), (2**64 - 1, 1), (0, 0), (5, 5), (4, 5)):
            client.send(wire.Request(seq, ADD, wire.pack([1, 2]), client_id=client_id).encoded())
            assert client.receive() == wire.Response(seq, msg=wire.pack(3))


def test_numeric_actions_that_nobody_handles_are_answered(attacked: Attacked) -> None:
    with attacked.attack() as client:
        for action in (4, 255, 2**16, 2**31 - 1):
            assert client.call(action, wire.NIL, b"blob").error_text == "rpc_decode"


def test_action_strings_may_hold_any_bytes(attacked: Attacked) -> None:
    names = [b"\0", b"\xff\xfe.\xfd", b".", b"..", b"CalculatorService.add\0", b"CalculatorService.\xc3\x28", b"\n" * 256]
    with attacked.attack() as client:
        for seq, name in enumerate(names, start=1):
            client.send(wire.request_head(seq=seq, name_bytes=len(name), msg_bytes=1) + name + wire.NIL)
            answer = client.receive()
            assert answer.seq == seq
            assert answer.error_text in ("rpc_decode", "rpc_service_notfound", "rpc_method_notfound")


# --- Messages that do not decode ----------------------------------------------------------------------------------------

WITH_UNKNOWN_FIELD = b"\x82\xa4path\xa1x\xa5other"

BROKEN_MESSAGES = [
    b"",
    b"\xc1",  # no msgpack
    b"\x92\x01",  # a value is missing
    b"\x92\x01\x02\x03",  # one is too many
    b"\xdd\xff\xff\xff\xff",  # 2^32 - 1 elements
    b"\xdd\xff\xff\xff\xff" + b"\x01" * 1000,
    b"\xdf\xff\xff\xff\xff\x01",
    b"\xdb\xff\xff\xff\xff" + b"x" * 100,
    b"\xc6\xff\xff\xff\xff" + b"x" * 100,
    b"\xc9\xff\xff\xff\xff\x01",
    b"\x91" * 65 + b"\x01",  # nested one level too deep
    b"\x91" * 1_000_000,
    b"\x81" * 1_000_000,
]
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
