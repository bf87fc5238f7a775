"""Pace: so many bytes a second for all pipes that share it, each in its turn."""

import asyncio
from collections import deque
from typing import Protocol

# Timers of an event loop are exact to a millisecond or two: what fits into this time may go at once.
BURST_SECONDS = 0.01


class Waiter(Protocol):
    def flush(self) -> None:
        """Goes on with what waited, and may wait again."""


class Pace:
    """Belongs to one event loop, on whose thread it is used."""

    def __init__(self, bytes_per_second: float, loop: asyncio.AbstractEventLoop):
        self._rate = bytes_per_second
        self._loop = loop
        self._burst = max(1.0, bytes_per_second * BURST_SECONDS)
        self._free_at = 0.0
        # First come, first served, so that one busy connection does not keep the others out.
        self._waiting: deque[Waiter] = deque()
        self._served: Waiter | None = None
        self._timer: asyncio.TimerHandle | None = None

    def offer(self, waiter: Waiter, count: int) -> int:
        """How many of `count` bytes may go now. With 0 the waiter is flushed when some may."""
        available = self._available()
        enough = min(count, max(1, int(self._burst / 2)))
        if available >= enough and (not self._waiting or self._served is waiter):
            return min(count, int(available))
        if waiter not in self._waiting:
            self._waiting.append(waiter)
        self._schedule()
        return 0

    def spend(self, count: int) -> None:
        self._free_at = max(self._free_at, self._loop.time()) + count / self._rate

    def _available(self) -> float:
        return self._burst - max(0.0, self._free_at - self._loop.time()) * self._rate

    def _schedule(self) -> None:
        if self._timer is None:
            missing = max(1.0, self._burst / 2) - self._available()
            self._timer = self._loop.call_later(max(0.0, missing / self._rate), self._serve)

    def _serve(self) -> None:
        self._timer = None
        for _ in range(len(self._waiting)):
            if self._available() < max(1.0, self._burst / 2):
                break
            self._served = self._waiting.popleft()
            self._served.flush()
            self._served = None
        if self._waiting:
            self._schedule()
