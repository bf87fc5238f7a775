"""SlowProxy: carries TCP connections to a server at a limited rate, with small buffers, as a slow link does."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

CHUNK = 16 * 1024
SOCKET_BUFFER = 32 * 1024


class _Pace:
    """The bytes that one direction may carry, shared by all connections."""

    def __init__(self, bytes_per_second: float):
        self._seconds_per_byte = 1 / bytes_per_second
        self._lock = threading.Lock()
        self._free_at = 0.0
        self.carried = 0

    def carry(self, count: int) -> None:
        with self._lock:
            begin = max(self._free_at, time.monotonic())
            self._free_at = begin + count * self._seconds_per_byte
            self.carried += count
        time.sleep(max(0.0, begin - time.monotonic()))


class SlowProxy:
    """Listens on a port of its own and connects each connection to `server`, "HOST:PORT"."""

    def __init__(self, server: str, bytes_per_second: float):
        host, port = server.rsplit(":", 1)
        self._server = (host, int(port))
        self._up, self._down = _Pace(bytes_per_second), _Pace(bytes_per_second)
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def bytes_up(self) -> int:
        return self._up.carried

    @property
    def bytes_down(self) -> int:
        return self._down.carried

    def close(self) -> None:
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target, *args) -> None:  # type: ignore[no-untyped-def]
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket()
            for each in (client, server):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
            self._sockets += [client, server]
            try:
                server.connect(self._server)
            except OSError:
                client.close()
                continue
            self._start(self._pump, client, server, self._up)
            self._start(self._pump, server, client, self._down)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, pace: _Pace) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                pace.carry(len(data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def slow_proxy(server: str, bytes_per_second: float) -> Iterator[SlowProxy]:
    proxy = SlowProxy(server, bytes_per_second)
    try:
        yield proxy
    finally:
        proxy.close()
