"""Clients that attack a server: see hostile.py."""

import random
from collections.abc import Callable, Iterator

from razor_testing import wire
from razor_testing.hostile_row import MIB, Ends, Error, Expected, ServerRow, Target

HEAD_BYTES = wire.REQUEST_HEAD.size
GARBAGE_SEED = 14

Sent = Callable[[Target], bytes]


def always(data: bytes) -> Sent:
    return lambda target: data


def responses(*expected: Expected) -> Callable[[Target], tuple[Expected, ...]]:
    return lambda target: expected


def refused(name: str, sent: bytes, seq: int, text: str) -> ServerRow:
    return ServerRow(name, always(sent), Ends.CLOSED, responses(Error(seq, text)))


# --- Heads that are broken ----------------------------------------------------------------------------------------------


def broken_heads() -> Iterator[ServerRow]:
    for magic in (0, 0x4D26, 0x264D, 0x4D24, 0xFFFF):
        yield ServerRow(f"magic {magic:#06x}", always(wire.request_head(seq=1, magic=magic, name_bytes=9)), Ends.CLOSED)
    others = {
        "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
        "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
        "Redis": b"*1\r\n$4\r\nPING\r\n" * 3,
        "zeros": bytes(100),
    }
    for name, hello in others.items():
        yield ServerRow(f"another protocol: {name}", always(hello), Ends.CLOSED)
    for version in (0, 2, 3, 127, 255):
        sent = wire.request_head(seq=77, version=version) + b"whatever that version sends"
        yield refused(f"version {version}", sent, 77, "rpc_invalid_ver")
    lengths = {
        "name_bytes": [wire.ACTION_BYTES_MAX + 1, 2**16, 2**30, 2**31 - 1],
        "msg_bytes": [wire.MSG_BYTES_MAX + 1, 2**31 - 1, 2**31, 2**32 - 1],
        "blob_bytes": [wire.BLOB_BYTES_MAX + 1, 2**31 - 1, 2**31, 2**32 - 1],
    }
    for field, values in lengths.items():
        for value in values:
            head = wire.request_head(seq=5, **{field: value})  # nothing of the length is sent
            yield refused(f"{field} of {value}", head, 5, "rpc_too_large")
    largest = wire.request_head(seq=5, name_bytes=2**31 - 1, msg_bytes=2**32 - 1, blob_bytes=2**32 - 1)
    yield refused("all lengths at their largest", largest, 5, "rpc_too_large")
    yield refused("a ping with a blob above the limit", wire.request_head(seq=5, blob_bytes=2**31), 5, "rpc_too_large")
    much = wire.request_head(seq=5, msg_bytes=2**32 - 1) + bytes(MIB // 2)
    yield refused("a length above the limit, and half a MiB behind it", much, 5, "rpc_too_large")


def around(head: bytes) -> Sent:
    return lambda target: target.request(1) + head + target.request(3)


def result_and(more: tuple[Expected, ...]) -> Callable[[Target], tuple[Expected, ...]]:
    return lambda target: (target.response(1), *more)


def broken_behind_a_request() -> Iterator[ServerRow]:
    """What was asked before is answered."""
    heads: dict[str, tuple[bytes, tuple[Expected, ...]]] = {
        "a wrong magic": (wire.request_head(seq=2, magic=0), ()),
        "a wrong version": (wire.request_head(seq=2, version=9), (Error(2, "rpc_invalid_ver"),)),
        "a length too large": (wire.request_head(seq=2, blob_bytes=2**31), (Error(2, "rpc_too_large"),)),
    }
    for name, (head, last) in heads.items():
        yield ServerRow(
            f"{name} behind a request",
            around(head),
            Ends.CLOSED,
            result_and(last),
            in_any_order=True,
        )


# --- Heads that are odd -------------------------------------------------------------------------------------------------


def request_of(seq: int) -> Sent:
    return lambda target: target.request(seq)


def result_of(seq: int) -> Callable[[Target], tuple[Expected, ...]]:
    return lambda target: (target.response(seq),)


def in_format(bits: int) -> Sent:
    return lambda target: wire.Request(1, target.method, target.message, format_bits=bits).encoded()


def misspelt(suffix: str) -> Sent:
    return lambda target: wire.Request(1, target.method[:-1] + suffix, target.message).encoded()


def with_message(message: bytes) -> Sent:
    return lambda target: wire.Request(1, target.method, message).encoded()


def served(name: str, sent: bytes, *expected: Expected) -> ServerRow:
    return ServerRow(name, always(sent), Ends.SERVES, responses(*expected))


def odd_heads() -> Iterator[ServerRow]:
    for seq in (0, 1, 2**63, 2**64 - 1):
        yield ServerRow(
            f"a request with seq {seq}",
            request_of(seq),
            Ends.SERVES,
            result_of(seq),
        )
        yield served(f"a ping with seq {seq}", wire.Request(seq).encoded(), wire.Response(seq))
    yield ServerRow(
        "the same seq twice",
        lambda target: target.request(1) + target.request(1),
        Ends.SERVES,
        lambda target: (target.response(1), target.response(1)),
    )
    largest_id = wire.Request(1, client_id=2**64 - 1).encoded()
    yield served("the largest client_id", largest_id, wire.Response(1))
    for bits in (0x01, 0x3F, 0x40, 0x80, 0x85, 0xFF):
        ping = wire.Request(3, format_bits=bits).encoded()
        yield served(f"a ping with format {bits:#04x}", ping, wire.Response(3))
    yield ServerRow(
        "a ping with a blob",
        always(wire.Request(1, blob=bytes(100_000)).encoded()),
        Ends.SERVES,
        responses(wire.Response(1)),
    )
    pings = b"".join(wire.Request(seq).encoded() for seq in range(1, 5_001))
    pongs = tuple(wire.Response(seq) for seq in range(1, 5_001))
    yield served("5,000 pings at once", pings, *pongs)
    mixed = b"".join(wire.Request(seq, format_bits=wire.PROMPT_PING_FORMAT).encoded() for seq in range(1, 5_001))
    yield served("5,000 prompt pings at once", mixed, *pongs)
    for message in (wire.NIL, b"\xc1"):
        request = wire.Request(1, wire.PING, message).encoded()
        yield served(f"action 0 with the message {message.hex()}", request, Error(1, "rpc_decode"))
    for action in (255, 2**16, 2**30, 2**31 - 1):
        request = wire.Request(1, action, wire.NIL, b"blob").encoded()
        yield served(f"the action {action}", request, Error(1, "rpc_decode"))
    for bits in (0x02, 0x11, 0x3E):
        yield ServerRow(
            f"a message in format {bits}",
            in_format(bits),
            Ends.SERVES,
            responses(Error(1, "rpc_decode", ran=0)),
        )


def odd_names() -> Iterator[ServerRow]:
    names = {
        b"": "rpc_decode",
        b"\0": "rpc_decode",
        b"nodot": "rpc_decode",
        b"\n" * wire.ACTION_BYTES_MAX: "rpc_decode",
        b".": "rpc_service_notfound",
        b"..": "rpc_service_notfound",
        b"\xff\xfe.\xfd": "rpc_service_notfound",
        b"NoSuchService.m": "rpc_service_notfound",
        b"S." + b"m" * (wire.ACTION_BYTES_MAX - 2): "rpc_service_notfound",
    }
    for name, text in names.items():
        request = wire.request_head(seq=1, name_bytes=len(name), msg_bytes=1) + name + wire.NIL
        yield served(f"the name {name[:16]!r} of {len(name)} bytes", request, Error(1, text))
    for suffix in ("", "\0", ".a"):
        yield ServerRow(
            f"a method and {suffix!r} instead of its last letter",
            misspelt(suffix),
            Ends.SERVES,
            responses(Error(1, "rpc_method_notfound")),
        )


# --- Messages that do not decode ----------------------------------------------------------------------------------------

BROKEN_MESSAGES = {
    "no bytes": b"",
    "no msgpack": b"\xc1",
    "half an array": b"\x92\x01",
    "bytes behind an array": b"\x92\x01\x02\x03",
    "2^32 - 1 elements": b"\xdd\xff\xff\xff\xff",
    "2^32 - 1 elements, of which 1,000 come": b"\xdd\xff\xff\xff\xff" + b"\x01" * 1000,
    "2^32 - 1 pairs": b"\xdf\xff\xff\xff\xff\x01",
    "a text of 4 GiB": b"\xdb\xff\xff\xff\xff" + b"x" * 100,
    "bytes of 4 GiB": b"\xc6\xff\xff\xff\xff" + b"x" * 100,
    "an extension of 4 GiB": b"\xc9\xff\xff\xff\xff\x01",
    "one level too deep": b"\x91" * 65 + b"\x01",
    "a million arrays, each in the one before": b"\x91" * 1_000_000,
    "a million maps, each in the one before": b"\x81" * 1_000_000,
    "half a number": b"\xce\x00\x00",
}


def broken_messages() -> Iterator[ServerRow]:
    for name, message in BROKEN_MESSAGES.items():
        yield ServerRow(
            f"a message: {name}",
            with_message(message),
            Ends.SERVES,
            responses(Error(1, "rpc_decode")),
        )


# --- Connections that end early, or come in pieces ----------------------------------------------------------------------


def cut_requests() -> Iterator[ServerRow]:
    def cut(length: int) -> Sent:
        """Negative: so many bytes less than all."""
        return lambda target: target.request(1)[:length]

    for length in (0, 1, 16, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 5, -1):
        at = f"after {length} bytes" if length >= 0 else "before its last byte"
        yield ServerRow(f"a request cut {at}", cut(length), Ends.HALF_CLOSED)
        yield ServerRow(f"a reset {at} of a request", cut(length), Ends.RESET)
    yield ServerRow("a reset behind a request", lambda target: target.request(1), Ends.RESET)
    yield ServerRow("resets behind 100 requests each", lambda target: target.request(1) * 100, Ends.RESET, connections=20)
    yield ServerRow(
        "a request byte by byte",
        lambda target: target.request(1),
        Ends.HALF_CLOSED,
        lambda target: (target.response(1),),
        pieces=1,
    )
    yield ServerRow(
        "100 requests in pieces of 7 bytes",
        lambda target: b"".join(map(target.request, range(1, 101))),
        Ends.HALF_CLOSED,
        None,
        pieces=7,
    )


def greedy() -> Iterator[ServerRow]:
    """What is promised costs nothing: memory grows with what has come."""
    head = wire.request_head(seq=1, name_bytes=10, msg_bytes=wire.MSG_BYTES_MAX, blob_bytes=wire.BLOB_BYTES_MAX)
    yield ServerRow("50 heads that promise 4 GiB", always(head + bytes(10_000)), Ends.HALF_CLOSED, connections=50)
    yield ServerRow("200 connections that say nothing", always(b""), Ends.HALF_CLOSED, connections=200)
    pings = wire.Request(1).encoded() * 2_000
    yield ServerRow("40,000 pings of which no pong is read", always(pings), Ends.RESET, connections=20)


def garbage() -> Iterator[ServerRow]:
    chance = random.Random(GARBAGE_SEED)
    for index in range(6):
        data = chance.randbytes(chance.randrange(1, 5000))
        yield ServerRow(f"garbage {index}", always(data), Ends.HALF_CLOSED, None)
    for index in range(6):
        data = wire.request_head(seq=1)[:4] + chance.randbytes(chance.randrange(40, 5000))
        yield ServerRow(f"garbage {index} behind a right magic", always(data), Ends.HALF_CLOSED, None)


SERVER_ROWS: tuple[ServerRow, ...] = (
    *broken_heads(),
    *broken_behind_a_request(),
    *odd_heads(),
    *odd_names(),
    *broken_messages(),
    *cut_requests(),
    *greedy(),
    *garbage(),
)
