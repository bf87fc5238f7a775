"""A TCP port that is kept for a process while that does not listen on it."""

import contextlib
import socket

from razor_testing import address


class HeldPort:
    """Binds a port without listening: connects are refused, and the system gives the port to nobody who asks for a free one.

    The process binds and listens beside it, as SO_REUSEADDR allows, which servers set to be able to restart.
    """

    def __init__(self, at: str):
        """Port 0 becomes a free one. Raises OSError when the port cannot be had, as when somebody listens on it."""
        family, place = address.family_and_place(at)
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._socket.bind(place)
        except OSError:
            self._socket.close()
            raise
        self.address = with_port(at, self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()


def is_tcp(at: str) -> bool:
    return not at.startswith(address.UNIX_PREFIX)


def port_of(at: str) -> int:
    """Raises ValueError for what is no address with a port."""
    host, colon, port = at.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"no address: {at!r} (HOST:PORT, [IPV6]:PORT or unix:PATH)")
    return int(port)


def with_port(at: str, port: int) -> str:
    return f"{at.rpartition(':')[0]}:{port}"


def try_to_hold(at: str) -> HeldPort | None:
    """None when the port cannot be had, or `at` is on another machine."""
    with contextlib.suppress(OSError):
        return HeldPort(at)
    return None
