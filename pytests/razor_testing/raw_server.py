"""RawServer: a server of protocol version 1 whose every connection does what the test's script tells it."""

import contextlib
import socket
import threading
from collections.abc import Callable

from razor_testing import address, wire
from razor_testing.raw_socket import EndOfStream, RawSocket


class Peer(RawSocket):
    """One accepted connection, in the hands of a script."""

    def receive(self) -> wire.Request:
        """The next request, which is checked to be well formed. Raises EndOfStream when the client closed."""
        head = self.receive_exactly(wire.REQUEST_HEAD.size)
        magic, version, format_bits, field, seq, client_id, msg_bytes, blob_bytes = wire.REQUEST_HEAD.unpack(head)
        assert (magic, version) == (wire.MAGIC, wire.VERSION), head.hex()
        assert seq > 0, head.hex()
        action: int | str = field
        if field & wire.NAME_BIT:
            action = self.receive_exactly(field & ~wire.NAME_BIT).decode()
        msg = self.receive_exactly(msg_bytes)
        blob = self.receive_exactly(blob_bytes)
        return wire.Request(seq, action, msg, blob, client_id, format_bits)

    def succeed(self, seq: int, msg: bytes = b"", blob: bytes = b"") -> None:
        self.send(wire.Response(seq, msg=msg, blob=blob).encoded())

    def fail_text(self, seq: int, text: str | bytes) -> None:
        error = text.encode() if isinstance(text, str) else text
        self.send(wire.Response(seq, wire.ERROR_BYTES, blob=error).encoded())

    def fail_number(self, seq: int, number: int) -> None:
        self.send(wire.Response(seq, wire.ERROR_NUMBER, number=number).encoded())

    def wait_for_end(self) -> None:
        """Drops what comes until the client has closed."""
        with contextlib.suppress(ConnectionError):
            self.receive_to_end()


Script = Callable[[Peer], None]


class RawServer:
    """Accepts until it is closed, and runs `script` on a thread for each connection, which is closed behind it.

    What escapes a script is raised by `close`, unless it only says that the client went away.
    """

    def __init__(self, script: Script, listen: str = "127.0.0.1:0"):
        self._script = script
        self._listening, self.address = address.listen(listen)
        self._lock = threading.Lock()
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._escaped: list[Exception] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def connections(self) -> int:
        """How many were accepted so far."""
        with self._lock:
            return len(self._peers)

    def close(self) -> None:
        # Closing alone does not wake a thread that is in accept().
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join(address.HANG_SECONDS)
        with self._lock:
            peers, threads = list(self._peers), list(self._threads)
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(address.HANG_SECONDS)
            assert not thread.is_alive(), "a script hangs"
        if self._escaped:
            raise AssertionError(f"a script failed: {self._escaped[0]!r}") from self._escaped[0]

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            connected.settimeout(address.HANG_SECONDS)
            if connected.family != socket.AF_UNIX:
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(connected)
            thread = threading.Thread(target=self._run, args=(peer,), daemon=True)
            with self._lock:
                self._peers.append(peer)
                self._threads.append(thread)
            thread.start()

    def _run(self, peer: Peer) -> None:
        try:
            self._script(peer)
        except (EndOfStream, ConnectionError):
            pass
        except Exception as escaped:  # assertions too: the test raises it
            self._escaped.append(escaped)
        finally:
            peer.close()
