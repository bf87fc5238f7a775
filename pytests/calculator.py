"""What razor_node serves, served in Python."""

import time
from typing import Any

from razor_testing import wire
from razor_testing.server import BadArguments, Fail, Handler, Refuse, Reply

INT_MAX, INT_MIN = 2**31 - 1, -(2**31)
UINT_MAX = 2**32 - 1


def whole(value: Any, least: int, most: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise BadArguments(f"{value!r} is no number from {least} to {most}")


def i32(value: Any) -> int:
    return whole(value, INT_MIN, INT_MAX)


def u32(value: Any) -> int:
    return whole(value, 0, UINT_MAX)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadArguments(f"{value!r} is no text")
    return value


def add(a: Any, b: Any) -> int:
    total = i32(a) + i32(b)
    if not INT_MIN <= total <= INT_MAX:
        raise Fail()
    return total


def div(a: Any, b: Any) -> int:
    if i32(b) == 0:
        raise Fail("division by zero")
    quotient = abs(i32(a)) // abs(i32(b)) * (-1 if (a < 0) != (b < 0) else 1)
    if quotient > INT_MAX:
        raise Fail("overflow")
    return quotient


def might_fail_with_errno(value: Any) -> int:
    if i32(value) < 0:
        raise Fail(22)
    return int(value) * 2


def echo_bytes(value: Any) -> list[int]:
    if not isinstance(value, list | bytes):
        raise BadArguments("no bytes")
    return [whole(byte, 0, 255) for byte in value]


def fail_with(kind: Any) -> Handler:
    def handler(value: Any) -> None:
        raise Fail(kind(value))

    return handler


def fail_custom(count: Any) -> None:
    raise Fail(value={"TooMany": count} if u32(count) else "NoSuchFile")


def fail_internal(index: Any) -> None:
    raise Refuse(list(wire.FRAMEWORK_ERRORS)[u32(index)])


def sleep_ms(milliseconds: Any) -> None:
    time.sleep(u32(milliseconds) / 1000)


def noop() -> None:
    pass


def open_file(message: Any, blob: bytes) -> None:
    del blob
    match message:
        case {"path": "/no"}:
            raise Fail(2)
        case {"path": "/err"}:
            raise Refuse("rpc_decode")
        case {"path": str()}:
            return
    raise BadArguments("no path")


def read_file(message: Any, blob: bytes) -> Reply:
    del blob
    match message:
        case {"inode": inode, "offset": int(), "len": int(count)}:
            return Reply({"ret_size": count}, bytes(index % 256 for index in range(count)) if inode == 1 else b"")
    raise BadArguments("no inode, offset and len")


def write_file(message: Any, blob: bytes) -> dict[str, int]:
    del message
    return {"ret_size": len(blob)}


METHODS: dict[str, Handler] = {
    "add": add,
    "div": div,
    "might_fail_with_errno": might_fail_with_errno,
    "echo": text,
    "echo_coroutine": text,
    "echo_bytes": echo_bytes,
    "noop": noop,
    "fail_i32": fail_with(i32),
    "fail_u32": fail_with(u32),
    "fail_str": fail_with(text),
    "fail_custom": fail_custom,
    "fail_internal": fail_internal,
    "sleep_ms": sleep_ms,
}
HANDLERS: dict[str | int, Handler] = {
    **{wire.method(name): handler for name, handler in METHODS.items()},
    wire.OPEN: open_file,
    wire.READ: read_file,
    wire.WRITE: write_file,
}
