"""Frames out of a stream of bytes, for a client and a server that are to get along with whatever comes (protocol.md).

Parsers do no I/O. Every length is compared with its limit before anything of it is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from razor_testing import wire


class BadFrame(Exception):
    """The peer broke the protocol: its connection ends."""


@dataclass(frozen=True)
class Refused:
    """A head that a server answers with `error`, before it closes."""

    seq: int
    error: str


class _Buffer:
    def __init__(self) -> None:
        self._bytes = bytearray()
        self._begin = 0

    def append(self, data: bytes) -> None:
        if self._begin == len(self._bytes):
            self._bytes.clear()
            self._begin = 0
        elif self._begin > 1 << 16 and self._begin * 2 > len(self._bytes):
            del self._bytes[: self._begin]
            self._begin = 0
        self._bytes += data

    def __len__(self) -> int:
        return len(self._bytes) - self._begin

    def peek(self, count: int) -> bytes:
        return bytes(memoryview(self._bytes)[self._begin : self._begin + count])

    def take(self, count: int) -> bytes:
        taken = self.peek(count)
        self._begin += count
        return taken


class ResponseParser:
    """What a client reads."""

    def __init__(self) -> None:
        self._buffer = _Buffer()

    def feed(self, data: bytes) -> Iterator[wire.Response]:
        """The responses that are whole by now. Raises BadFrame; nothing may be fed behind that."""
        self._buffer.append(data)
        while len(self._buffer) >= wire.RESPONSE_HEAD.size:
            head = self._buffer.peek(wire.RESPONSE_HEAD.size)
            magic, version, flag, msg_bytes_or_number, seq, blob_bytes = wire.RESPONSE_HEAD.unpack(head)
            if magic != wire.MAGIC or version != wire.VERSION:
                raise BadFrame(f"a response with magic {magic} and version {version}")
            if flag not in (wire.SUCCESS, wire.ERROR_NUMBER, wire.ERROR_BYTES):
                raise BadFrame(f"a response with flag {flag}")
            is_number = flag == wire.ERROR_NUMBER
            msg_bytes = 0 if is_number else msg_bytes_or_number
            if msg_bytes > wire.MSG_BYTES_MAX or not 0 <= blob_bytes <= wire.BLOB_BYTES_MAX:
                raise BadFrame(f"a response of {msg_bytes} and {blob_bytes} bytes")
            if len(self._buffer) < len(head) + msg_bytes + blob_bytes:
                return
            self._buffer.take(len(head))
            msg = self._buffer.take(msg_bytes)
            blob = self._buffer.take(blob_bytes)
            yield wire.Response(seq, flag, msg_bytes_or_number if is_number else 0, msg, blob)


class RequestParser:
    """What a server reads."""

    def __init__(self) -> None:
        self._buffer = _Buffer()

    def feed(self, data: bytes) -> Iterator[wire.Request | Refused]:
        """The requests that are whole by now. A Refused is the last. Raises BadFrame; nothing may be fed behind either."""
        self._buffer.append(data)
        while len(self._buffer) >= wire.REQUEST_HEAD.size:
            head = self._buffer.peek(wire.REQUEST_HEAD.size)
            magic, version, format_bits, field, seq, client_id, msg_bytes, blob_bytes = wire.REQUEST_HEAD.unpack(head)
            if magic != wire.MAGIC:
                raise BadFrame(f"a request with magic {magic}")
            if version != wire.VERSION:
                yield Refused(seq, "rpc_invalid_ver")
                return
            name_bytes = field & ~wire.NAME_BIT if field & wire.NAME_BIT else 0
            is_too_large = msg_bytes > wire.MSG_BYTES_MAX or blob_bytes > wire.BLOB_BYTES_MAX
            if is_too_large or name_bytes > wire.ACTION_BYTES_MAX:
                yield Refused(seq, "rpc_too_large")
                return
            if len(self._buffer) < len(head) + name_bytes + msg_bytes + blob_bytes:
                return
            self._buffer.take(len(head))
            name = self._buffer.take(name_bytes).decode(errors="surrogateescape")
            action: int | str = name if field & wire.NAME_BIT else field
            msg = self._buffer.take(msg_bytes)
            blob = self._buffer.take(blob_bytes)
            yield wire.Request(seq, action, msg, blob, client_id, format_bits)
