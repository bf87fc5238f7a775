"""Servers that attack a client: see hostile.py. A call ends once, in time, and never with a value that was not sent."""

from collections.abc import Iterator

from razor_testing import wire
from razor_testing.hostile_row import (
    ACTION,
    BYTES,
    NUMBER,
    NUMBER_ERROR,
    TEXT,
    TEXT_ERROR,
    UNIT,
    UNIT_ERROR,
    UNKNOWN,
    VARIANT_ERROR,
    ClientRow,
    Outcome,
)

RESULT = wire.pack(3)
ANSWER = wire.Response(1, msg=RESULT).encoded()
DEEP = b"\x91" * 1_000_000

BAD_FRAME = Outcome("bad_frame", "maybe")
LOST = Outcome("connection_lost", "maybe")
NOT_AS_DECLARED = Outcome("decode", "yes")
THREE = Outcome("ok", value=3)


def success(msg: bytes) -> bytes:
    return wire.Response(1, msg=msg).encoded()


def failure(error: bytes) -> bytes:
    return wire.Response(1, wire.ERROR_BYTES, blob=error).encoded()


def number(value: int) -> bytes:
    return wire.Response(1, wire.ERROR_NUMBER, number=value).encoded()


BROKEN_FRAMES = {
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

# The call, and a response that is whole but not what the method declares.
UNDECLARED: dict[str, tuple[str, bytes]] = {
    "no result": (NUMBER, success(b"")),
    "no unit": (UNIT, success(b"")),
    "no result of an unknown method": (UNKNOWN, success(b"")),
    "nil for a number": (NUMBER, success(wire.NIL)),
    "bytes left over": (NUMBER, success(RESULT + b"\x00")),
    "a second result": (NUMBER, success(RESULT + RESULT)),
    "bytes behind a unit": (UNIT, success(wire.NIL + b"\xc0")),
    "a value for a unit": (UNIT, success(wire.pack(0))),
    "a text for a number": (NUMBER, success(wire.pack("3"))),
    "a fraction for a number": (NUMBER, success(wire.pack(3.5))),
    "a list for a number": (NUMBER, success(wire.pack([3]))),
    "a number out of range": (NUMBER, success(wire.pack(2**31))),
    "half a number": (NUMBER, success(b"\xce\x00\x00")),
    "no msgpack": (NUMBER, success(b"\xc1")),
    "a number for a text": (TEXT, success(wire.pack(3))),
    "a text of 4 GiB": (TEXT, success(b"\xdb\xff\xff\xff\xffx")),
    "a list of 4 billion": (BYTES, success(b"\xdd\xff\xff\xff\xff\x01")),
    "a byte out of range": (BYTES, success(wire.pack([256]))),
    "a million levels": (NUMBER, success(DEEP)),
    "a million levels of an unknown method": (UNKNOWN, success(DEEP)),
    "a million levels of an action": (ACTION, success(DEEP)),
    "4 billion elements of an unknown method": (UNKNOWN, success(b"\xdd\xff\xff\xff\xff\x01")),
    "bytes left over of an unknown method": (UNKNOWN, success(b"\x01\x01")),
    "half a map of an action": (ACTION, success(b"\x82\xa1a\x01")),
    "an error where none is declared": (TEXT, number(5)),
    "an error text where none is declared": (UNIT, failure(b"oops")),
    "a text for the unit error": (UNIT_ERROR, failure(b"overflow")),
    "a number other than 0 for the unit error": (UNIT_ERROR, number(1)),
    "a number for a text error": (TEXT_ERROR, number(7)),
    "a text for a number error": (NUMBER_ERROR, failure(b"text")),
    "a text for a variant error": (VARIANT_ERROR, failure(b"text")),
    "an unknown variant": (VARIANT_ERROR, failure(wire.pack("NoSuchVariant"))),
    "a variant without content": (VARIANT_ERROR, failure(wire.pack({"TooMany": None}))),
    "a million levels of a variant": (VARIANT_ERROR, failure(DEEP)),
}

ODD: dict[str, tuple[bytes, ...]] = {
    "a second response": (ANSWER, wire.Response(1, msg=wire.pack(4)).encoded()),
    "a control frame before": (wire.Response(0, wire.ERROR_BYTES, blob=b"rpc_draining:0").encoded(), ANSWER),
    "many control frames before": (wire.Response(0, msg=b"future", blob=b"frame").encoded() * 1000, ANSWER),
    "another form of the number": (success(b"\xd3\x00\x00\x00\x00\x00\x00\x00\x03"),),
    "a response byte by byte": tuple(ANSWER[index : index + 1] for index in range(len(ANSWER))),
    "garbage behind the response": (ANSWER + b"garbage" * 100,),
}


def details() -> Iterator[ClientRow]:
    """A detail says whether the call ran; what is none, or not of its form, says nothing."""
    broken = {
        "ran 3": wire.pack([3, "x"]),
        "ran -1": wire.pack([-1, "x"]),
        "no array": wire.pack("no"),
        "no msgpack": b"\xc1",
        "half an array": b"\x92\x00",
        "a million levels": DEEP,
    }
    for name, message in broken.items():
        frame = wire.Response(1, wire.ERROR_BYTES, msg=message, blob=b"rpc_decode").encoded()
        yield ClientRow(f"a detail that is broken: {name}", NUMBER, (frame,), Outcome("decode", "maybe"))
    for number_of_ran, ran in enumerate(("no", "maybe", "yes")):
        message = wire.pack([number_of_ran, "x" * 1024])
        frame = wire.Response(1, wire.ERROR_BYTES, msg=message, blob=b"rpc_decode").encoded()
        yield ClientRow(f"a detail that says ran: {ran}", NUMBER, (frame,), Outcome("decode", ran))


def texts() -> Iterator[ClientRow]:
    for text, code in wire.FRAMEWORK_ERRORS.items():
        yield ClientRow(f"{text} where a text is declared", TEXT_ERROR, (failure(text.encode()),), Outcome(code, "maybe"))
        yield ClientRow(f"{text} where no error is declared", UNIT, (failure(text.encode()),), Outcome(code, "maybe"))
    for text in ("rpc_", "rpc_time", "rpc_timeout ", "rpc_timeout\0", "RPC_TIMEOUT", "xrpc_timeout"):
        yield ClientRow(
            f"{text!r}, which is the application's", TEXT_ERROR, (failure(text.encode()),), Outcome("error", value=text)
        )


CLIENT_ROWS: tuple[ClientRow, ...] = (
    *(ClientRow(f"a broken frame: {name}", NUMBER, (frame,), BAD_FRAME) for name, frame in BROKEN_FRAMES.items()),
    *(
        ClientRow(f"not as declared: {name}", calls, (frame,), NOT_AS_DECLARED)
        for name, (calls, frame) in UNDECLARED.items()
    ),
    *(ClientRow(f"odd, but allowed: {name}", NUMBER, frames, THREE) for name, frames in ODD.items()),
    *(ClientRow(f"a response cut after {at} bytes", NUMBER, (ANSWER[:at],), LOST, closes=True) for at in (0, 1, 10, 19, 20)),
    ClientRow("closed right behind the response", NUMBER, (ANSWER,), THREE, closes=True),
    ClientRow(
        "closed right behind a large response",
        TEXT,
        (success(wire.pack("x" * (1 << 20))),),
        Outcome("ok", value="x" * (1 << 20)),
        closes=True,
    ),
    *details(),
    *texts(),
)
