"""LinkFaults: the vocabulary of faults on links, as Toxiproxy's users know it, and more.

Every method starts a fault and returns its handle: `handle.clear()` ends it, and so does leaving the block
`with proxy.latency(0.1):`.
Faults add up, may be set and cleared while connections run, and from any thread; when a method returns, it is done.

`direction`: "to_server" (Toxiproxy's upstream), "to_client" (downstream), or "both". `toxicity`: the share of connections,
0 .. 1, that a fault concerns, drawn from the proxy's seed. Times are seconds, sizes are bytes. A value out of its range
raises ValueError.
"""

import math
import random
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Literal, Protocol, Self

from razor_testing.latency_shapes import Shape, latency_draw
from razor_testing.number_limits import check_number
from razor_testing.proxy_connect_faults import Down, HangAccepted, HangBacklog, Refuse, SlowAccept
from razor_testing.proxy_corruption import corrupt_at, corrupt_one_in_bytes, corrupt_one_in_pieces
from razor_testing.proxy_faults import (
    Bandwidth,
    BlackHole,
    Change,
    Corrupt,
    Cut,
    Direction,
    EndAfter,
    Fault,
    Frames,
    Latency,
    PauseReading,
    ResetPeer,
    Slicer,
    SlowClose,
    SmallBuffers,
    Timeout,
)
from razor_testing.proxy_frames import Rule
from razor_testing.proxy_pipe import End

SECONDS_MAX = 86_400.0
BYTES_MAX = 1 << 50


class Clears(Protocol):
    """A proxy, as the handles of its faults see it."""

    def clear(self, fault: Fault) -> None:
        ...


class Handle:
    """A fault that was set. It is used from any thread."""

    def __init__(self, fault: Fault, proxy: Clears):
        self._fault = fault
        self._proxy = proxy

    def clear(self) -> None:
        """Ends the fault; what it held goes on its way. Again: nothing happens."""
        self._proxy.clear(self._fault)

    @property
    def acted(self) -> int:
        """How often it changed, delayed or removed something. 0: all went as it would have without it."""
        return self._fault.acted

    @property
    def connections(self) -> int:
        """How many connections it has concerned."""
        return len(self._fault.connections)

    def __str__(self) -> str:
        return self._fault.text

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()


class LinkFaults:
    """What a proxy can do to what it carries."""

    address: str

    def break_connections(self, *, one: bool = False, silently: bool = False) -> int:
        """Resets those that are open now, or one of them that the seed draws; `silently`: nothing arrives on them any more,
        and nobody is told. How many."""
        raise NotImplementedError

    def start(self, fault: Fault) -> Handle:
        raise NotImplementedError

    # --- Time -------------------------------------------------------------------------------------------------------

    def latency(
        self,
        seconds: float,
        jitter: float = 0.0,
        *,
        shape: Shape = "uniform",
        direction: Direction = "both",
        toxicity: float = 1.0,
    ) -> Handle:
        """Bytes arrive so much later, never overtaking each other. `jitter` is drawn for each piece that is read: uniform is
        +- jitter; exponential adds one of that mean; long_tail adds 0 .. jitter, and for one in a hundred up to 30 times
        that.

        What is under way when it is cleared arrives at once. A client's connect is not delayed: the system answers it. No
        more is under way than the proxy's `buffer_bytes`, so a long latency limits what fits through."""
        check_number("latency", seconds, 0, SECONDS_MAX)
        check_number("jitter", jitter, 0, SECONDS_MAX)

        draw = latency_draw(seconds, jitter, shape)
        kind = "" if shape == "uniform" else f" shape={shape}"
        text = f"latency {seconds:g}s" + (f" jitter={jitter:g}s{kind}" if jitter else "")
        return self.start(Latency(text, draw, direction, toxicity))

    def retransmissions(
        self, one_in: int, seconds: float = 0.2, *, direction: Direction = "both", toxicity: float = 1.0
    ) -> Handle:
        """One in so many pieces arrives later, and all behind it wait, as when a packet is lost and sent again."""
        check_number("one_in", one_in, 1, BYTES_MAX)
        check_number("retransmissions", seconds, 0, SECONDS_MAX)

        def draw(chance: random.Random) -> float:
            return seconds if chance.randrange(one_in) == 0 else 0.0

        return self.start(Latency(f"retransmissions one_in={one_in} {seconds:g}s", draw, direction, toxicity))

    def bandwidth(
        self, bytes_per_second: float, *, shared: bool = True, direction: Direction = "both", toxicity: float = 1.0
    ) -> Handle:
        """No more fits through, each way; `shared` by all connections as a link is, or else for each of them as in
        Toxiproxy. Up to 10 ms worth of bytes may go at once."""
        check_number("bandwidth", bytes_per_second, 1, BYTES_MAX)
        text = f"bandwidth {bytes_per_second:g} bytes/s" + ("" if shared else " each")
        return self.start(Bandwidth(text, bytes_per_second, shared, direction, toxicity))

    def slicer(
        self, size: float, delay: float = 0.0, *, variation: float = 0, direction: Direction = "both", toxicity: float = 1.0
    ) -> Handle:
        """Writes pieces of size - variation .. size + variation bytes, with `delay` seconds between two of them."""
        check_number("size", size, 1, BYTES_MAX)
        check_number("variation", variation, 0, size - 1)
        check_number("delay", delay, 0, SECONDS_MAX)
        least, most = math.ceil(size - variation), math.floor(size + variation)
        pieces = f"{least}" if least == most else f"{least} .. {most}"
        text = f"slicer {pieces}" + (f" delay={delay:g}s" if delay else "")
        return self.start(Slicer(text, min(least, most), most, delay, direction, toxicity))

    def small_buffers(self, size: int, *, toxicity: float = 1.0) -> Handle:
        """Connections made meanwhile hold so few bytes in the proxy and in each of its sockets, for as long as they live.
        The system rounds up to some KiB."""
        check_number("small_buffers", size, 1, 1 << 30)
        return self.start(SmallBuffers(f"small_buffers {size}", size, toxicity))

    # --- Cuts -------------------------------------------------------------------------------------------------------

    def cut(self, *, direction: Direction = "both", toxicity: float = 1.0) -> Handle:
        """Nothing gets through, not even the end or the reset of a connection, until it is cleared; then all is delivered,
        as TCP does when a link comes back. New connections are accepted by the system, and get no further; with
        `hang_connects("backlog")` beside it they are not even that. One way: what goes the other way still does, where TCP
        itself would stop some time without acknowledgements."""
        return self.start(Cut("cut", direction, toxicity))

    def pause_reading(self, *, direction: Direction = "both", toxicity: float = 1.0) -> Handle:
        """The proxy reads nothing: the sender's system fills up, and the sender is held up."""
        return self.start(PauseReading("pause_reading", direction, toxicity))

    def black_hole(self, *, after: int = 0, direction: Direction = "both", toxicity: float = 1.0) -> Handle:
        """What comes behind the next `after` bytes is read and dropped, ends of connections, too. A direction that lost
        bytes carries none ever again, also when this is cleared."""
        check_number("after", after, 0, BYTES_MAX)
        text = "black_hole" + (f" after={after}" if after else "")
        return self.start(BlackHole(text, after, direction, toxicity))

    def timeout(self, seconds: float = 0.0, *, direction: Direction = "both", toxicity: float = 1.0) -> Handle:
        """Drops all bytes, and closes each connection after so long; with 0, only those that lost bytes, when it is
        cleared."""
        check_number("timeout", seconds, 0, SECONDS_MAX)
        return self.start(Timeout(f"timeout {seconds:g}s", seconds, direction, toxicity))

    # --- Ends -------------------------------------------------------------------------------------------------------

    def slow_close(self, seconds: float, *, direction: Direction = "both", toxicity: float = 1.0) -> Handle:
        """The end of a stream, or its reset, arrives so much later than its last byte."""
        check_number("slow_close", seconds, 0, SECONDS_MAX)
        return self.start(SlowClose(f"slow_close {seconds:g}s", seconds, direction, toxicity))

    def reset_peer(self, seconds: float = 0.0, *, toxicity: float = 1.0) -> Handle:
        """Both ends of each connection, old and new, see a reset after so long. Unix sockets see an end."""
        check_number("reset_peer", seconds, 0, SECONDS_MAX)
        return self.start(ResetPeer(f"reset_peer {seconds:g}s", seconds, toxicity))

    def reset_at(self, byte: int, *, once: bool = False, direction: Direction = "both", toxicity: float = 1.0) -> Handle:
        """The next `byte` bytes of a direction arrive, then both ends see a reset. `once`: of one connection only."""
        check_number("reset_at", byte, 0, BYTES_MAX)
        text = f"reset_at {byte}" + (" once" if once else "")
        return self.start(EndAfter(text, byte, End.RESET, once, direction, toxicity))

    def limit_data(self, count: int, *, direction: Direction = "both", toxicity: float = 1.0) -> Handle:
        """The next `count` bytes of a direction arrive, then the connection is closed."""
        check_number("limit_data", count, 0, BYTES_MAX)
        return self.start(EndAfter(f"limit_data {count}", count, End.CLOSED, False, direction, toxicity))

    # --- Contents ---------------------------------------------------------------------------------------------------

    def corrupt(
        self,
        *,
        at: int | None = None,
        one_in_bytes: int | None = None,
        one_in_pieces: int | None = None,
        count: int = 1,
        how: Literal["flip", "overwrite"] = "flip",
        direction: Direction = "both",
        toxicity: float = 1.0,
    ) -> Handle:
        """Changes bytes. `at`: the one of this number, from 0, of those that come from now on. `one_in_bytes`: about one of
        so many. `one_in_pieces`: in one of so many pieces that are read, `count` bytes. flip: one bit of each; overwrite:
        bytes side by side become others."""
        given = [each for each in (at, one_in_bytes, one_in_pieces) if each is not None]
        if len(given) != 1:
            raise ValueError("corrupt: want one of at, one_in_bytes and one_in_pieces")
        if how not in ("flip", "overwrite"):
            raise ValueError(f"how: want flip or overwrite, not {how!r}")
        check_number("corrupt", given[0], 0 if at is not None else 1, BYTES_MAX)
        check_number("count", count, 1, 65_536)
        name = "at" if at is not None else "one_in_bytes" if one_in_bytes is not None else "one_in_pieces"

        if at is not None:
            make: Callable[[random.Random], Change] = partial(corrupt_at, at, how)
        elif one_in_bytes is not None:
            make = partial(corrupt_one_in_bytes, one_in_bytes, how)
        else:
            make = partial(corrupt_one_in_pieces, one_in_pieces or 1, count, how)
        return self.start(Corrupt(f"corrupt {name}={given[0]} how={how}", make, direction, toxicity))

    def frames(self, rule: Rule, *, direction: Direction = "both", toxicity: float = 1.0) -> Handle:
        """Asks `rule(frame)` about each frame of razor's protocol (proxy_frames.py) as soon as its head is there; it answers
        PASS or None, DROP, RESET, delayed(seconds) or duplicated(times). It runs on the proxy's thread, which stands still
        meanwhile; what it raises, `FaultProxy.close` raises, and the frame passes. A connection that is in the middle of a
        frame when this is set is left alone."""
        return self.start(Frames("frames", rule, direction, toxicity))

    # --- Connects ---------------------------------------------------------------------------------------------------

    def down(self) -> Handle:
        """Connections are closed, and new ones refused."""
        return self.start(Down("down"))

    def refuse_connects(self, *, toxicity: float = 1.0) -> Handle:
        """Nobody listens; connections that are there go on. With a toxicity below 1 connections are accepted and reset: the
        system refuses all or none."""
        return self.start(Refuse("refuse_connects", toxicity=toxicity))

    def hang_connects(self, where: Literal["backlog", "accepted"] = "backlog", *, toxicity: float = 1.0) -> Handle:
        """backlog: connects hear nothing, since the listen backlog is full, and the system tries again after 1 s, 2 s, 4 s;
        on a Unix socket a connect waits, or fails with EAGAIN where the socket does not block. accepted: connects succeed,
        and nothing is forwarded until this is cleared; only this can have a toxicity below 1."""
        if where not in ("backlog", "accepted"):
            raise ValueError(f"where: want backlog or accepted, not {where!r}")
        if where == "accepted":
            return self.start(HangAccepted("hang_connects accepted", toxicity=toxicity))
        if toxicity != 1:
            raise ValueError('hang_connects: a backlog holds up all connects; a toxicity needs where="accepted"')
        return self.start(HangBacklog("hang_connects backlog"))

    def slow_accept(self, seconds: float) -> Handle:
        """Connections are accepted one after the other, each after so long. The system answers their connects meanwhile."""
        check_number("slow_accept", seconds, 0, SECONDS_MAX)
        return self.start(SlowAccept(f"slow_accept {seconds:g}s", seconds))
