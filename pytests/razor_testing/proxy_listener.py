"""Listener: accepts the connections of a proxy, or refuses them, lets them hang, or takes its time."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Hashable

from razor_testing import address

BACKLOG = 1024
ACCEPTS_MAX = 64  # before others have their turn
# After an accept that failed, as it does when there are too many open files: trying again at once would spin.
REST_SECONDS = 0.1
# Connections to itself that fill an empty backlog: the first is queued, and what comes behind it hears nothing.
FILLERS = 3

Accept = Callable[[socket.socket], None]


class Listener:
    """Belongs to one event loop. Its address stays its own while it refuses."""

    def __init__(self, listen: str, loop: asyncio.AbstractEventLoop, accept: Accept, say: Callable[[str], None]):
        self.refusals: dict[Hashable, None] = {}
        self.hangs: dict[Hashable, None] = {}
        self.delays: dict[Hashable, float] = {}  # seconds
        self._loop = loop
        self._accept = accept
        self._say = say
        self._family, self._place = address.family_and_place(listen)
        self._listening: socket.socket | None = None
        self._holder: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._names_of_fillers: set[object] = set()
        self._reads = False
        self._rest: asyncio.TimerHandle | None = None
        self._is_resting = False
        self._has_path = False  # of a Unix socket, which we made
        if self._family == socket.AF_UNIX:
            self.address = listen
        else:
            self._hold_port()
        try:
            self._open()
        except OSError:
            if self._holder is not None:
                self._holder.close()
            raise

    def start(self) -> None:
        """On the loop's thread, as all that follows."""
        self.changed()

    def changed(self) -> None:
        """Faults came or went."""
        if self.refusals:
            self._stop_reading()
            self._drop_fillers()
            if self._listening is not None:
                self._listening.close()
                self._listening = None
            return
        if self._listening is None:
            try:
                self._open()
            except OSError as wrong:
                self._say(f"listen: {wrong.strerror}; again in {REST_SECONDS} s")
                self._take_a_rest(REST_SECONDS, self._listen_again)
                return
        if self.hangs:
            self._stop_reading()
            if not self._fillers:
                self._fill_backlog()
            return
        self._drop_fillers()
        if not self.delays and self._rest is not None:
            self._rested()
        self._start_reading()

    def close(self) -> None:
        self._stop_reading()
        self._drop_fillers()
        if self._rest is not None:
            self._rest.cancel()
        for each in (self._listening, self._holder):
            if each is not None:
                each.close()
        if self._family == socket.AF_UNIX:
            with contextlib.suppress(OSError):
                os.unlink(str(self._place))
        self._listening = self._holder = None

    # --- Listening --------------------------------------------------------------------------------------------------

    def _hold_port(self) -> None:
        """A second socket keeps the port while nobody listens, so that no other process gets it."""
        self._holder = self._socket()
        try:
            self._holder.bind(self._place)
        except OSError:
            self._holder.close()
            raise
        host, port = self._holder.getsockname()[:2]
        self._place = (host, port)
        self.address = f"[{host}]:{port}" if self._family == socket.AF_INET6 else f"{host}:{port}"

    def _socket(self) -> socket.socket:
        made = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if self._family != socket.AF_UNIX:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return made

    def _open(self) -> None:
        listening = self._socket()
        try:
            if self._family == socket.AF_UNIX and self._is_ours():
                os.unlink(str(self._place))
            listening.bind(self._place)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
        self._listening = listening
        self._has_path = True

    def _is_ours(self) -> bool:
        """The path of a Unix socket stays when the socket closes."""
        return self._has_path and os.path.exists(str(self._place))

    def _listen_again(self) -> None:
        self._rested(starts=False)
        self.changed()

    def _fill_backlog(self) -> None:
        assert self._listening is not None
        self._listening.listen(0)
        for _ in range(FILLERS):
            filler = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._fillers.append(filler)
            if self._family == socket.AF_UNIX:
                filler.bind("")  # a name by which it is known again
            filler.connect_ex(self._place)
            self._names_of_fillers.add(filler.getsockname())

    def _drop_fillers(self) -> None:
        if not self._fillers:
            return
        for filler in self._fillers:
            filler.close()
        self._fillers = []
        if self._listening is not None and not self.refusals:
            self._listening.listen(BACKLOG)
            # Those that were queued are told apart by their names, which others get again once they are closed.
            while self._accept_one():
                pass
        self._names_of_fillers.clear()

    # --- Accepting --------------------------------------------------------------------------------------------------

    def _start_reading(self) -> None:
        if not self._reads and not self._is_resting and self._listening is not None:
            self._reads = True
            self._loop.add_reader(self._listening, self._on_readable)

    def _stop_reading(self) -> None:
        if self._reads and self._listening is not None:
            self._reads = False
            self._loop.remove_reader(self._listening)

    def _on_readable(self) -> None:
        if self.delays:
            self._take_a_rest(sum(self.delays.values()), self._accept_late)
            return
        for _ in range(ACCEPTS_MAX):
            if self._listening is None or not self._reads or not self._accept_one():
                return

    def _accept_one(self) -> bool:
        """False when there is none, or it could not be accepted."""
        assert self._listening is not None
        try:
            client, peer = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as wrong:
            self._say(f"accept: {wrong.strerror}; again in {REST_SECONDS} s")
            self._take_a_rest(REST_SECONDS, self._rested)
            return False
        if peer in self._names_of_fillers:
            self._names_of_fillers.discard(peer)
            client.close()
            return True
        self._accept(client)
        return True

    def _accept_late(self) -> None:
        self._rested(starts=False)
        if self._listening is not None and not self.hangs:
            self._accept_one()
            self._start_reading()

    def _take_a_rest(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_reading()
        self._is_resting = True
        self._rest = self._loop.call_later(seconds, then)

    def _rested(self, starts: bool = True) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        self._is_resting = False
        if starts and not self.refusals and not self.hangs:
            self._start_reading()
