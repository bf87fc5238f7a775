"""What tests of the fault proxy share: a raw server, a proxy in front of it, and clients, over TCP or Unix sockets."""

import itertools
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from razor_testing import address
from razor_testing.proxy import FaultProxy
from razor_testing.raw_server import Peer, RawServer, Script
from razor_testing.raw_socket import READ_BYTES, RawSocket


KIB = 1024
MIB = 1024 * KIB


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def echo(peer: Peer) -> None:
    """Sends back what comes, until the client ends its side."""
    while data := peer.socket.recv(READ_BYTES):
        peer.send(data)


def collect(into: list[bytes]) -> Script:
    """Keeps what each connection brought until its end."""

    def script(peer: Peer) -> None:
        into.append(peer.receive_to_end())

    return script


class Proxied:
    """Ends with the test."""

    def __init__(self, stack: ExitStack, is_unix: bool, directory: Path):
        self._stack = stack
        self._is_unix = is_unix
        self._directory = directory
        self._numbers = itertools.count()

    def free_address(self) -> str:
        return f"unix:{self._directory}/{next(self._numbers)}" if self._is_unix else "127.0.0.1:0"

    def server(self, script: Script = echo) -> RawServer:
        server = RawServer(script, self.free_address())
        self._stack.callback(server.close)
        return server

    def proxy(self, script: Script = echo, **options: Any) -> FaultProxy:
        """In front of a server that does this."""
        return self.proxy_to(self.server(script).address, **options)

    def proxy_to(self, to: str, **options: Any) -> FaultProxy:
        return self._stack.enter_context(FaultProxy(to, listen=self.free_address(), **options))

    def connect(self, proxy: FaultProxy) -> RawSocket:
        return self._stack.enter_context(RawSocket(address.connect(proxy.address)))


def exchange(client: RawSocket, data: bytes) -> bytes:
    """Sends to an echo, and returns what came back: as much."""
    client.send(data)
    return client.receive_exactly(len(data))


def seconds_of(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun
