"""The faults of a proxy: what each does to connections and their pipes. FaultProxy has a method for each, which explains it.

A fault concerns a share of the connections, its toxicity. What it draws depends on the proxy's seed, its own number and the
number of the connection, and on nothing else: neither on other faults nor on the time.
"""

import random
from collections.abc import Callable
from typing import Literal

from razor_testing.number_limits import check_number
from razor_testing.proxy_connection import Connection
from razor_testing.proxy_frames import Frame, FrameFilter, Rule, Verdict
from razor_testing.proxy_listener import Listener
from razor_testing.proxy_pace import Pace
from razor_testing.proxy_pipe import End, Filter, Pipe, Slices, Way

Direction = Literal["to_server", "to_client", "both"]
WAYS: tuple[Way, Way] = ("to_server", "to_client")


class Fault:
    """One fault of one proxy. All but the constructor runs on the proxy's loop."""

    # Set by the proxy before it begins.
    number = 0
    seed = 0
    say: Callable[[str], None]
    escaped: Callable[[Exception], None]

    def __init__(self, text: str, direction: Direction = "both", toxicity: float = 1.0):
        if direction not in (*WAYS, "both"):
            raise ValueError(f"direction: want to_server, to_client or both, not {direction!r}")
        check_number("toxicity", toxicity, 0, 1)
        self.text = text + ("" if direction == "both" else f" {direction}")
        self.text += "" if toxicity == 1 else f" toxicity={toxicity:g}"
        self.direction = direction
        self.toxicity = toxicity
        self.acted = 0
        self.connections: set[int] = set()  # that it concerned

    def random(self, *of: object) -> random.Random:
        return random.Random("/".join(str(each) for each in (self.seed, self.number, *of)))

    def concerns(self, connection: Connection) -> bool:
        return self.toxicity == 1 or self.random(connection.number, "toxicity").random() < self.toxicity

    def act(self) -> None:
        """It changed, delayed or removed something."""
        self.acted += 1

    def begin(self, listener: Listener) -> None:
        ...

    def end(self, listener: Listener) -> None:
        ...

    def holds_connect(self, connection: Connection) -> bool:
        return False

    def join(self, connection: Connection) -> None:
        """A connection is open, or was when the fault began."""
        self.connections.add(connection.number)
        for way in WAYS:
            if self.direction in (way, "both"):
                self.attach(connection, connection.pipes[way])
        for pipe in connection.pipes.values():
            pipe.changed()

    def meet(self, connection: Connection) -> None:
        """A connection was there when the fault began, and not open yet: it will join when it is."""

    def leave(self, connection: Connection) -> None:
        if (timer := connection.timers.pop(self, None)) is not None:
            timer.cancel()
        for way in WAYS:
            if self.direction in (way, "both") and way in connection.pipes:
                self.detach(connection, connection.pipes[way])
        for pipe in connection.pipes.values():
            pipe.changed()

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        ...

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        ...


# --- Time -----------------------------------------------------------------------------------------------------------


class Latency(Fault):
    """`draw` gives seconds from chance."""

    def __init__(self, text: str, draw: Callable[[random.Random], float], direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._draw = draw

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        chance = self.random(connection.number, pipe.way)

        def draw() -> float:
            seconds = self._draw(chance)
            if seconds > 0:
                self.act()
            return seconds

        pipe.delays[self] = draw

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.forget_delay(self)


class SlowClose(Fault):
    def __init__(self, text: str, seconds: float, direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._seconds = seconds

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.end_delays[self] = self._seconds

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.forget_delay(self)


class Bandwidth(Fault):
    def __init__(self, text: str, bytes_per_second: float, is_shared: bool, direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._rate = bytes_per_second
        self._is_shared = is_shared
        self._shared: dict[Way, Pace] = {}

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        if self._is_shared:
            pace = self._shared.setdefault(pipe.way, Pace(self._rate, connection.loop))
        else:
            pace = Pace(self._rate, connection.loop)
        self.act()
        pipe.paces[self] = pace

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.paces.pop(self, None)


class Slicer(Fault):
    def __init__(self, text: str, least: int, most: int, gap: float, direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._least, self._most, self._gap = least, most, gap

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        chance = self.random(connection.number, pipe.way)
        pipe.slices[self] = Slices(self._least, self._most, self._gap, chance, self.act)

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.slices.pop(self, None)


class SmallBuffers(Fault):
    def __init__(self, text: str, size: int, toxicity: float):
        super().__init__(text, toxicity=toxicity)
        self._size = size

    def holds_connect(self, connection: Connection) -> bool:
        """Asked before the connection is made: the sizes have to be set by then."""
        if self.concerns(connection):
            self.act()
            connection.socket_buffer_bytes = connection.buffer_bytes = self._size
        return False


# --- Cuts -----------------------------------------------------------------------------------------------------------


class Cut(Fault):
    def attach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.holds[self] = self.act

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.holds.pop(self, None)

    def holds_connect(self, connection: Connection) -> bool:
        is_held = self.concerns(connection)
        self.acted += is_held
        return is_held


class PauseReading(Fault):
    def attach(self, connection: Connection, pipe: Pipe) -> None:
        self.act()
        pipe.read_holds[self] = None

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.read_holds.pop(self, None)


class Dropping(Filter):
    """Drops what comes behind `after` bytes."""

    def __init__(self, after: int, act: Callable[[], None]):
        self._left = after
        self._act = act
        self.has_dropped = False

    def take(self, data: bytes) -> bytes:
        passed = data[: self._left]
        self._left -= len(passed)
        if len(passed) < len(data):
            self.has_dropped = True
            self._act()
        return passed

    def take_end(self) -> float | None:
        if self._left > 0:
            return 0.0
        self.has_dropped = True
        self._act()
        return None


class BlackHole(Fault):
    """What lost bytes gets none any more, also behind the fault's end: no stream has gaps."""

    def __init__(self, text: str, after: int, direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._after = after

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.filters[self] = Dropping(self._after, self.act)

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        dropping = pipe.filters.get(self)
        if isinstance(dropping, Dropping) and not dropping.has_dropped:
            del pipe.filters[self]


class Timeout(Fault):
    def __init__(self, text: str, seconds: float, direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._seconds = seconds

    def join(self, connection: Connection) -> None:
        super().join(connection)
        if self._seconds > 0:
            connection.timers[self] = connection.loop.call_later(self._seconds, connection.close)

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.filters[self] = Dropping(0, self.act)

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        dropping = pipe.filters.pop(self, None)
        if isinstance(dropping, Dropping) and dropping.has_dropped:
            connection.close()


# --- Ends -----------------------------------------------------------------------------------------------------------


class ResetPeer(Fault):
    def __init__(self, text: str, seconds: float, toxicity: float):
        super().__init__(text, toxicity=toxicity)
        self._seconds = seconds

    def join(self, connection: Connection) -> None:
        self.connections.add(connection.number)
        connection.timers[self] = connection.loop.call_later(self._seconds, self._reset, connection)

    def _reset(self, connection: Connection) -> None:
        self.act()
        connection.close(is_reset=True)


class Limit(Filter):
    """Passes so many bytes; behind them the stream ends."""

    def __init__(self, count: int, end: End, pipe: Pipe, fault: Fault):
        self._left = count
        self._end = end
        self._pipe = pipe
        self._fault = fault

    def take(self, data: bytes) -> bytes:
        passed = data[: self._left]
        self._left -= len(passed)
        if self._left == 0:
            self._fault.act()
            self._pipe.end_with(self._end)
        return passed


class Once(Limit):
    """Lets all pass where another one has ended its connection."""

    def take(self, data: bytes) -> bytes:
        return data if self._fault.acted > 0 else super().take(data)


class EndAfter(Fault):
    """`is_one`: it is over with the first connection that it ends."""

    def __init__(self, text: str, count: int, end: End, is_one: bool, direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._count = count
        self._end = end
        self._is_one = is_one

    def concerns(self, connection: Connection) -> bool:
        return not (self._is_one and self.acted > 0) and super().concerns(connection)

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        kind = Once if self._is_one else Limit
        pipe.filters[self] = kind(self._count, self._end, pipe, self)

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.filters.pop(self, None)


# --- Contents -------------------------------------------------------------------------------------------------------

# Changes some bytes of a piece that arrived, whose first has this position in the stream. True when it did.
Change = Callable[[bytearray, int], bool]


class Changing(Filter):
    def __init__(self, change: Change, act: Callable[[], None]):
        self._change = change
        self._act = act
        self._position = 0

    def take(self, data: bytes) -> bytes:
        changed = bytearray(data)
        if self._change(changed, self._position):
            self._act()
        self._position += len(data)
        return bytes(changed)


class Corrupt(Fault):
    def __init__(self, text: str, make_change: Callable[[random.Random], Change], direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._make_change = make_change

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.filters[self] = Changing(self._make_change(self.random(connection.number, pipe.way)), self.act)

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.filters.pop(self, None)


class Frames(Fault):
    def __init__(self, text: str, rule: Rule, direction: Direction, toxicity: float):
        super().__init__(text, direction, toxicity)
        self._rule = rule

    def attach(self, connection: Connection, pipe: Pipe) -> None:
        pipe.filters[self] = FrameFilter(pipe, self._guarded, connection.number, self.say, self.act)

    def detach(self, connection: Connection, pipe: Pipe) -> None:
        frames = pipe.filters.get(self)
        if isinstance(frames, FrameFilter):
            frames.retire()

    def _guarded(self, frame: Frame) -> Verdict | None:
        try:
            return self._rule(frame)
        except Exception as wrong:  # the proxy's close() raises it
            self.escaped(wrong)
            return None
