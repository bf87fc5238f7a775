"""Clients that begin with a hello, and then attack what only such connections have: see hostile.py.

A server that knows no hello takes all of this for pings: it serves on where an extended one closes.
"""

from collections.abc import Callable, Iterator

from razor_testing import wire
from razor_testing.hostile_row import Bounds, Ends, ServerRow, Target

HELLO_FORMAT, CANCEL_FORMAT, DRAINED_FORMAT = 0x80, 0x81, 0x84
HELLO_BYTES_MAX = 1024
MANY = 100_000


def hello(seq: int = 1, blob: bytes | None = None) -> bytes:
    """Of a client that takes part in all there is."""
    said = wire.pack({"v": 1, "features": 2**64 - 1}) if blob is None else blob
    return wire.Request(seq, blob=said, format_bits=HELLO_FORMAT).encoded()


def cancel(seq: int) -> bytes:
    return wire.Request(seq, format_bits=CANCEL_FORMAT).encoded()


def always(data: bytes) -> Callable[[Target], bytes]:
    return lambda target: data


def closes(name: str, behind: bytes) -> ServerRow:
    return ServerRow(f"hello, {name}", always(hello() + behind), Ends.CLOSED, None)


def is_borne(name: str, behind: bytes, bounds: Bounds = Bounds()) -> ServerRow:
    return ServerRow(f"hello, {name}", always(hello() + behind), Ends.HALF_CLOSED, None, bounds=bounds)


def extended_connections() -> Iterator[ServerRow]:
    ping = wire.Request(2).encoded()
    yield closes("the end of a call that was never asked", cancel(2))
    yield closes("the end of a call far ahead", cancel(2**64 - 1))
    yield closes("a seq that comes again", ping + ping)
    yield closes("a seq that falls", wire.Request(9).encoded() + wire.Request(8).encoded())
    yield closes("seq 0", wire.Request(0).encoded())
    yield is_borne("ends of calls that are over", ping + cancel(1) + cancel(2) + cancel(0))
    yield is_borne("many ends of one call", ping + cancel(2) * MANY, Bounds(cpu_seconds=1.0))
    later = b"".join(wire.Request(2, format_bits=0x80 | kind).encoded() for kind in (2, 3, 6, 63, 127))
    yield is_borne("control frames of later versions", later)
    yield is_borne("a second hello", hello(2))
    drained = wire.Request(0, client_id=2**64 - 1, format_bits=DRAINED_FORMAT).encoded()
    yield is_borne("drained, twice, and a request behind it", drained + drained + ping)
    yield is_borne("half an extension block", wire.Request(2, "No.such", client_id=0xFFFF << 48, format_bits=0x40).encoded())
    yield ServerRow(
        "requests that are ended at once", asked_and_ended, Ends.HALF_CLOSED, None, bounds=Bounds(cpu_seconds=2.0)
    )
    for name, blob in {
        "above its limit": wire.pack({"v": 1, "name": "x" * HELLO_BYTES_MAX}),
        "that is no map": wire.pack([1, 2, 3]),
        "without a version": wire.pack({"features": 3}),
        "of a thousand levels": b"\x81\xa1v" + b"\x91" * 1000 + b"\x01",
        "with a key of 4 GiB": b"\x81\xdb\xff\xff\xff\xff",
        "of 4 billion pairs": b"\xdf\xff\xff\xff\xff\xa1v\x01",
        "with bytes behind it": wire.pack({"v": 1}) + b"\x00",
    }.items():
        yield ServerRow(f"a hello {name}", always(hello(1, blob)), Ends.SERVES, lambda target: (wire.Response(1),))


def asked_and_ended(target: Target) -> bytes:
    return hello() + b"".join(target.request(seq) + cancel(seq) for seq in range(2, 20_000))


EXTENDED_SERVER_ROWS: tuple[ServerRow, ...] = tuple(extended_connections())
