"""Protocol version 1, written a second time: nothing here comes from the library that is tested.

A request is a head of 32 bytes, an action string (if any), a message and a blob; an answer is a head of 20 bytes, a
message and a blob. All integers are little endian. Hostile tests build heads that lie: every field can be given.
"""

import struct
from dataclasses import dataclass
from typing import Any

import msgpack

MAGIC = 19749
VERSION = 1

REQUEST_HEAD = struct.Struct("<HBBIQQII")
RESPONSE_HEAD = struct.Struct("<HBBIQi")

NAME_BIT = 0x8000_0000
PING = 0
PROMPT_PING_FORMAT = 0x85  # such a ping is answered at once, not after the requests before it

# Flags of an answer.
SUCCESS, ERROR_NUMBER, ERROR_BYTES = 0, 1, 2

# Limits of what a peer may send.
ACTION_BYTES_MAX = 256
MSG_BYTES_MAX = 16 * 1024 * 1024
BLOB_BYTES_MAX = 64 * 1024 * 1024

NIL = b"\xc0"

# The framework's error texts: those of the reference in its order, then ours. With each, what razor_node calls it.
FRAMEWORK_ERRORS = {
    "rpc_unreachable": "unreachable",
    "rpc_io_err": "connection_lost",
    "rpc_timeout": "deadline_exceeded",
    "rpc_method_notfound": "method_not_found",
    "rpc_service_notfound": "service_not_found",
    "rpc_encode": "encode",
    "rpc_decode": "decode",
    "rpc_internal_err": "internal",
    "rpc_invalid_ver": "invalid_version",
    "rpc_overloaded": "overloaded",
    "rpc_draining": "draining",
    "rpc_too_large": "too_large",
}


def pack(value: Any) -> bytes:
    return bytes(msgpack.packb(value))


def unpack(message: bytes) -> Any:
    """The one value that `message` is, to its end."""
    return msgpack.unpackb(message, strict_map_key=False)


def request_head(
    *,
    seq: int,
    action: int = PING,
    name_bytes: int | None = None,
    msg_bytes: int = 0,
    blob_bytes: int = 0,
    magic: int = MAGIC,
    version: int = VERSION,
    format_bits: int = 0,
    client_id: int = 0,
) -> bytes:
    """A head as it is told to be; with `name_bytes` the action is a string of that length."""
    field = action if name_bytes is None else NAME_BIT | name_bytes
    return REQUEST_HEAD.pack(magic, version, format_bits, field, seq, client_id, msg_bytes, blob_bytes)


def response_head(
    *,
    seq: int,
    flag: int = SUCCESS,
    msg_bytes_or_number: int = 0,
    blob_bytes: int = 0,
    magic: int = MAGIC,
    version: int = VERSION,
) -> bytes:
    return RESPONSE_HEAD.pack(magic, version, flag, msg_bytes_or_number, seq, blob_bytes)


@dataclass(frozen=True)
class Request:
    seq: int
    action: int | str = PING
    msg: bytes = b""
    blob: bytes = b""
    client_id: int = 0
    format_bits: int = 0

    def encoded(self) -> bytes:
        name = self.action.encode(errors="surrogateescape") if isinstance(self.action, str) else b""
        head = request_head(
            seq=self.seq,
            action=self.action if isinstance(self.action, int) else 0,
            name_bytes=len(name) if isinstance(self.action, str) else None,
            msg_bytes=len(self.msg),
            blob_bytes=len(self.blob),
            format_bits=self.format_bits,
            client_id=self.client_id,
        )
        return head + name + self.msg + self.blob

    @property
    def is_ping(self) -> bool:
        return self.action == PING and not self.msg


@dataclass(frozen=True)
class Response:
    seq: int
    flag: int = SUCCESS
    number: int = 0  # with ERROR_NUMBER
    msg: bytes = b""
    blob: bytes = b""  # with ERROR_BYTES the error's bytes

    def encoded(self) -> bytes:
        head = response_head(
            seq=self.seq,
            flag=self.flag,
            msg_bytes_or_number=self.number if self.flag == ERROR_NUMBER else len(self.msg),
            blob_bytes=len(self.blob),
        )
        return head + self.msg + self.blob

    @property
    def value(self) -> Any:
        """The result of a call that succeeded."""
        assert self.flag == SUCCESS, self
        return unpack(self.msg)

    @property
    def error_text(self) -> str:
        assert self.flag == ERROR_BYTES, self
        return self.blob.decode()


def method(name: str) -> str:
    """The action string of a method that razor_node serves."""
    return f"CalculatorService.{name}"


# Numeric actions that razor_node serves.
OPEN, READ, WRITE = 1, 2, 3


def io_message(inode: int, offset: int, length: int) -> bytes:
    return pack({"inode": inode, "offset": offset, "len": length})
