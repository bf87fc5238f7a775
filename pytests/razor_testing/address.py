"""Addresses as razor_node spells them: HOST:PORT, [IPV6]:PORT, unix:PATH."""

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

UNIX_PREFIX = "unix:"

# Long enough for any machine: what takes longer hangs.
HANG_SECONDS = 20.0


def family_and_place(address: str) -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    """What socket() and connect() or bind() want."""
    if address.startswith(UNIX_PREFIX):
        return socket.AF_UNIX, address.removeprefix(UNIX_PREFIX)
    host, _, port = address.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, (host.strip("[]"), int(port))
    return socket.AF_INET, (host, int(port))


def connect(address: str, receive_buffer: int | None = None) -> socket.socket:
    """A connected socket. Its operations raise TimeoutError when they hang."""
    family, place = family_and_place(address)
    connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        connected.settimeout(HANG_SECONDS)
        if receive_buffer is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connected.connect(place)
        if family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        connected.close()
        raise
    return connected


def listen(address: str, backlog: int = 128) -> tuple[socket.socket, str]:
    """A listening socket, and its address with the port that port 0 became."""
    family, place = family_and_place(address)
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.bind(place)
    listening.listen(backlog)
    if family == socket.AF_UNIX:
        return listening, address
    host, port = listening.getsockname()[:2]
    return listening, f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def socket_directory() -> Iterator[Path]:
    """A directory for Unix sockets, whose paths may have 107 bytes: pytest's own directories can be longer."""
    with tempfile.TemporaryDirectory(prefix="razor-") as directory:
        yield Path(directory)
