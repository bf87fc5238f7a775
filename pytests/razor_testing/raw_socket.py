"""RawSocket: sends and receives exact bytes, and knows how its peer ended the connection."""

import contextlib
import select
import socket
import struct
from types import TracebackType
from typing import Self

READ_BYTES = 1 << 16


class EndOfStream(Exception):
    """The peer closed where more was expected; `got` is what came before."""

    def __init__(self, got: bytes):
        super().__init__(f"the stream ended after {len(got)} bytes: {got[:64].hex()}")
        self.got = got


class RawSocket:
    def __init__(self, connected: socket.socket):
        self.socket = connected
        self._received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Closes so that the peer gets a reset, not an end."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def shutdown_write(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_byte_by_byte(self, data: bytes) -> None:
        for index in range(len(data)):
            self.socket.sendall(data[index : index + 1])

    def receive_exactly(self, count: int) -> bytes:
        while len(self._received) < count:
            chunk = self.socket.recv(READ_BYTES)
            if not chunk:
                raise EndOfStream(bytes(self._received))
            self._received += chunk
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def is_silent_for(self, seconds: float) -> bool:
        """Nothing comes for that long, not even the end."""
        return not self._received and not select.select([self.socket], [], [], seconds)[0]

    def receive_to_end(self) -> bytes:
        """All that comes until the peer shuts its side. Raises ConnectionResetError when it resets instead."""
        while chunk := self.socket.recv(READ_BYTES):
            self._received += chunk
        taken = bytes(self._received)
        self._received.clear()
        return taken
