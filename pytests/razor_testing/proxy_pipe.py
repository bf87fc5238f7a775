"""Pipe: one direction of a proxied connection. What one socket gives goes to the other, as the faults at work say.

The way of a byte: filters, which may change, drop or cut off what arrives; then a queue of pieces, each due at its time;
then what writing waits for: holds, rates, slices. The queue is bounded: when it is full nothing is read, so that the sender
feels it. A pipe belongs to its connection, and to the thread of the event loop.
"""

import asyncio
import enum
import random
import socket
from collections import deque
from collections.abc import Callable, Hashable
from typing import Literal, Protocol

from razor_testing.proxy_pace import Pace

Way = Literal["to_server", "to_client"]

READ_BYTES = 64 * 1024
# Pieces cost memory, too, however small they are: a peer may send single bytes.
PIECES_MAX = 4096
# Writes of one pipe before others have their turn.
WRITES_MAX = 64


class End(enum.Enum):
    """How a pipe's stream ends."""

    SHUT = "shut"  # this direction only, as by shutdown(SHUT_WR)
    CLOSED = "closed"  # both
    RESET = "reset"  # both, at once


class Filter:
    """Sees all bytes of a pipe in order."""

    def take(self, data: bytes) -> bytes:
        """What becomes of them."""
        raise NotImplementedError

    def take_end(self) -> float | None:
        """The stream ended: so many seconds its end has to wait. None: nobody hears of it."""
        return 0.0


class Slices:
    """Sizes of what is written at a time, and seconds between two of them."""

    def __init__(self, least: int, most: int, gap: float, chance: random.Random, act: Callable[[], None]):
        self.gap = gap
        self._least, self._most = least, most
        self._random = chance
        self._act = act

    def next_size(self) -> int:
        self._act()
        return self._random.randint(self._least, self._most)


class Piece:
    """Bytes that travel together, or the end behind all of them."""

    __slots__ = ("data", "end", "due", "delays")

    def __init__(self, data: memoryview, due: float, delays: dict[Hashable, float], end: End | None = None):
        self.data = data
        self.due = due
        self.delays = delays
        self.end = end

    def forget(self, fault: Hashable) -> None:
        self.due -= self.delays.pop(fault, 0.0)


class Meter:
    """Bytes written, of all pipes of one direction of a proxy."""

    def __init__(self) -> None:
        self.bytes = 0


class Owner(Protocol):
    """The connection, as its pipes see it."""

    loop: asyncio.AbstractEventLoop
    read_buffer: memoryview

    def close(self, is_reset: bool = False) -> None:
        ...

    def pipe_finished(self) -> None:
        ...


class Pipe:
    """Faults set its dictionaries, each under its own key, and then call `changed`."""

    opposite: "Pipe"

    def __init__(self, way: Way, source: socket.socket, target: socket.socket, owner: Owner, meter: Meter, bytes_max: int):
        self.way = way
        self.filters: dict[Hashable, Filter] = {}
        self.delays: dict[Hashable, Callable[[], float]] = {}
        self.end_delays: dict[Hashable, float] = {}
        self.holds: dict[Hashable, Callable[[], None]] = {}  # called with each piece that is held
        self.read_holds: dict[Hashable, None] = {}
        self.paces: dict[Hashable, Pace] = {}
        self.slices: dict[Hashable, Slices] = {}
        self.bytes_max = bytes_max
        self.received = 0
        self.carried = 0
        self.pending_bytes = 0
        self.is_finished = False  # nothing comes any more, and nothing waits
        self._source, self._target = source, target
        self._owner = owner
        self._loop = owner.loop
        self._meter = meter
        self._pending: deque[Piece] = deque()
        self._ending: End | None = None  # asked for by a filter
        self._has_ended = False  # the source said so, or a filter
        self._ends_with_reset = False
        self._is_silent = False  # the target is never told of the end
        self._discards = False
        self._is_open = False
        self._reads = self._writes = False
        self._is_plain = True
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # --- Used by connections and faults -----------------------------------------------------------------------------

    def open(self) -> None:
        """Both sockets are connected."""
        self._is_open = True
        self.changed()

    def close(self) -> None:
        """Lets go of the sockets, which others close."""
        self._is_open = False
        self._pending.clear()
        self.pending_bytes = 0
        self._set_timer(None)
        self._update_reading()
        self._update_writing(False)

    def changed(self) -> None:
        """Faults came or went."""
        if not self.slices:
            self._not_before = 0.0
        self._is_plain = not (self.filters or self.delays or self.holds or self.paces or self.slices)
        self.flush()
        self._update_reading()

    def forget_delay(self, fault: Hashable) -> None:
        """What waits because of this fault goes now, unless others hold it, too."""
        self.delays.pop(fault, None)
        self.end_delays.pop(fault, None)
        for piece in self._pending:
            piece.forget(fault)

    def end_with(self, end: End) -> None:
        """For a filter: what it returns is the last."""
        self._ending = self._ending or end

    def inject(self, behind: Filter, data: bytes) -> None:
        """For a filter: sends what it held back."""
        if self._is_open and not self._discards:
            self._take(data, behind)
            self.flush()

    def discard(self) -> None:
        """Nobody is there any more to receive."""
        self._discards = True
        self._pending.clear()
        self.pending_bytes = 0
        self._update_writing(False)
        if self._has_ended:
            self._finish()

    # --- Reading ----------------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        buffer = self._owner.read_buffer
        try:
            count = self._source.recv_into(buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._source_failed()
            return
        if count == 0:
            self._source_ended(End.RESET if self._ends_with_reset else End.SHUT)
            return
        self.received += count
        if self._discards:
            return
        if self._is_plain and not self._pending:
            count -= (sent := self._send(buffer[:count]))
            if count == 0 or self._discards or not self._is_open:
                return
            self._append(bytes(buffer[sent : sent + count]))
            self._update_writing(True)
        else:
            self._take(bytes(buffer[:count]), None)
            self.flush()
        self._update_reading()

    def _take(self, data: bytes, behind: Filter | None) -> None:
        is_behind = behind is None
        for each in list(self.filters.values()):
            if is_behind and data:
                data = each.take(data)
            is_behind = is_behind or each is behind
        if data:
            self._append(data)
        if self._ending is not None and not self._has_ended:
            self._has_ended = True
            self._append_end(self._ending, 0.0)

    def _append(self, data: bytes) -> None:
        delays = {fault: draw() for fault, draw in self.delays.items()}
        for act in self.holds.values():
            act()
        piece = Piece(memoryview(data), self._loop.time() + sum(delays.values()), delays)
        self.pending_bytes += len(data)
        if self._pending and self._pending[-1].end is not None:
            self._pending.insert(len(self._pending) - 1, piece)  # held back until now: the end has waited for it
        else:
            self._pending.append(piece)

    def _append_end(self, end: End, wait: float) -> None:
        delays: dict[Hashable, float] = {fault: draw() for fault, draw in self.delays.items()}
        for fault, seconds in self.end_delays.items():
            delays[fault] = delays.get(fault, 0.0) + seconds
        due = self._loop.time() + wait + sum(delays.values())
        self._pending.append(Piece(memoryview(b""), due, delays, end))

    def _source_ended(self, end: End) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        if self._discards:
            self._finish()
            return
        wait = 0.0
        for each in list(self.filters.values()):
            more = each.take_end()
            if more is None:
                self._is_silent = True
                self._finish()
                return
            wait = max(wait, more)
        self._append_end(end, wait)
        self.flush()
        self._update_reading()

    def _source_failed(self) -> None:
        self.opposite.discard()
        self._source_ended(End.RESET)

    def _update_reading(self) -> None:
        is_full = self.pending_bytes >= self.bytes_max or len(self._pending) >= PIECES_MAX
        wanted = self._is_open and not self._has_ended and not self.read_holds and not is_full
        if wanted == self._reads:
            return
        self._reads = wanted
        if wanted:
            self._loop.add_reader(self._source, self._on_readable)
        else:
            self._loop.remove_reader(self._source)

    # --- Writing ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Writes what may be written now, and sees to it that the rest is when it may."""
        if not self._is_open:
            return
        self._set_timer(None)
        is_blocked = False
        for _ in range(WRITES_MAX):
            if not self._pending or self.holds:
                break
            piece = self._pending[0]
            wait = max(piece.due, self._not_before) - self._loop.time()
            if wait > 0:
                self._set_timer(wait)
                break
            if piece.end is not None:
                self._deliver_end(piece.end)
                return
            count = self._allowed(len(piece.data))
            if count == 0:
                break
            sent = self._send(piece.data[:count])
            if self._discards or not self._is_open:
                return
            if sent == 0:
                is_blocked = True
                break
            self._sent(piece, sent)
        else:
            self._set_timer(0.0)
        self._update_writing(is_blocked)
        self._update_reading()

    def _allowed(self, count: int) -> int:
        for slices in self.slices.values():
            count = min(count, slices.next_size())
        for pace in self.paces.values():
            count = min(count, pace.offer(self, count))
            if count == 0:
                break
        return count

    def _sent(self, piece: Piece, count: int) -> None:
        for pace in self.paces.values():
            pace.spend(count)
        if self.slices:
            self._not_before = self._loop.time() + max(slices.gap for slices in self.slices.values())
        self.pending_bytes -= count
        if count == len(piece.data):
            self._pending.popleft()
        else:
            piece.data = piece.data[count:]

    def _send(self, data: memoryview) -> int:
        try:
            sent = self._target.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._target_failed()
            return 0
        self.carried += sent
        self._meter.bytes += sent
        return sent

    def _target_failed(self) -> None:
        """The other direction reads what the target still had to say, and then says that it is gone."""
        self.opposite._ends_with_reset = True
        if self.opposite._has_ended and not self.opposite.is_finished:
            self.opposite._replace_end(End.RESET)
        elif self.opposite.is_finished and not self.opposite._is_silent:
            self._owner.close(is_reset=True)
            return
        self.discard()

    def _replace_end(self, end: End) -> None:
        if self._pending and self._pending[-1].end is not None:
            self._pending[-1].end = end

    def _deliver_end(self, end: End) -> None:
        if end is not End.SHUT:
            self._owner.close(is_reset=end is End.RESET)
            return
        self._pending.clear()
        try:
            self._target.shutdown(socket.SHUT_WR)
        except OSError:
            self.opposite._ends_with_reset = True
        self._finish()

    def _finish(self) -> None:
        self._update_reading()
        if not self.is_finished:
            self.is_finished = True
            self._owner.pipe_finished()

    def _update_writing(self, wanted: bool) -> None:
        if wanted == self._writes:
            return
        self._writes = wanted
        if wanted:
            self._loop.add_writer(self._target, self.flush)
        else:
            self._loop.remove_writer(self._target)

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self.flush)
