"""Rules for single frames: a callback sees the head of each, and says what becomes of it.

Heads are parsed as protocol.md says. A stream that is not of the protocol goes through as it is, and is not looked at
any more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from razor_testing import wire
from razor_testing.proxy_pipe import End, Filter, Pipe

# A frame that is delayed or sent twice is held whole: larger ones go through as they are.
HELD_BYTES_MAX = 1024 * 1024
# All frames of one direction of a connection that are delayed at a time: what is more goes through as it is.
DELAYED_BYTES_MAX = 16 * 1024 * 1024
# The end of a stream comes so much later than the last frame that is delayed.
BEHIND_SECONDS = 0.001


@dataclass(frozen=True)
class Frame:
    """The head of a request or a response. Sizes are bytes."""

    kind: Literal["request", "response"]
    connection: int  # its number
    number: int  # from 1: of the frames that this direction of the connection has carried since the rule was set
    seq: int
    msg_bytes: int
    blob_bytes: int
    action: int | str = 0  # of requests
    flag: int = 0  # of responses: 0 success, 1 error number, 2 error bytes

    @property
    def is_ping(self) -> bool:
        return self.kind == "request" and self.action == wire.PING and self.msg_bytes == 0


@dataclass(frozen=True)
class Verdict:
    """What becomes of a frame: see PASS, DROP, RESET, delayed, duplicated."""

    copies: int = 1
    seconds: float = 0.0
    is_reset: bool = False


PASS = Verdict()
DROP = Verdict(copies=0)
RESET = Verdict(is_reset=True)  # the connection is reset in place of the frame


def delayed(seconds: float) -> Verdict:
    """So much later; frames behind it overtake it. (To delay all of them: `FaultProxy.latency`.)"""
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"delayed: want seconds from 0, not {seconds}")
    return Verdict(seconds=seconds)


def duplicated(times: int = 2) -> Verdict:
    """So many times in a row."""
    if not 0 <= times <= 1000:
        raise ValueError(f"duplicated: want 0 .. 1000 times, not {times}")
    return Verdict(copies=times)


Rule = Callable[[Frame], Verdict | None]


class NotTheProtocol(Exception):
    """The text says which field is wrong."""


def parse_head(kind: Literal["request", "response"], data: bytes | bytearray) -> tuple[int, int, int, int, int | str, int]:
    """Bytes of the head with the name, then seq, msg_bytes, blob_bytes, action, flag. Where the first is more than `data`
    has, more has to come."""
    form = wire.REQUEST_HEAD if kind == "request" else wire.RESPONSE_HEAD
    if len(data) < form.size:
        return form.size, 0, 0, 0, 0, 0
    if kind == "response":
        magic, version, flag, msg_bytes, seq, blob_bytes = form.unpack_from(data)
        action: int | str = 0
        head_bytes = form.size
        msg_bytes = 0 if flag == wire.ERROR_NUMBER else msg_bytes
    else:
        magic, version, flag, field, seq, _, msg_bytes, blob_bytes = form.unpack_from(data)
        action = field
        head_bytes = form.size + (field & ~wire.NAME_BIT if field & wire.NAME_BIT else 0)
    if (magic, version) != (wire.MAGIC, wire.VERSION):
        raise NotTheProtocol(f"magic {magic}, version {version}")
    if head_bytes - form.size > wire.ACTION_BYTES_MAX:
        raise NotTheProtocol(f"a name of {head_bytes - form.size} bytes")
    if msg_bytes > wire.MSG_BYTES_MAX or not 0 <= blob_bytes <= wire.BLOB_BYTES_MAX:
        raise NotTheProtocol(f"a message of {msg_bytes} bytes, a blob of {blob_bytes}")
    if head_bytes > form.size and len(data) >= head_bytes:
        action = bytes(data[form.size : head_bytes]).decode(errors="replace")
    return head_bytes, seq, msg_bytes, blob_bytes, action, flag if kind == "response" else 0


class FrameFilter(Filter):
    """Cuts one direction of a connection into frames, and asks the rule about each."""

    def __init__(self, pipe: Pipe, rule: Rule, connection: int, say: Callable[[str], None], act: Callable[[], None]):
        self._kind: Literal["request", "response"] = "request" if pipe.way == "to_server" else "response"
        self._pipe = pipe
        self._rule = rule
        self._connection = connection
        self._say = say
        self._act = act
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._begun = bytearray()  # of a head, or of a frame that is held until it is whole
        self._body_left = 0
        self._verdict: Verdict | None = None  # of the frame whose body comes; None: its head is not whole
        self._ready: list[bytes] = []  # delayed frames whose time has come, in the middle of another
        self._delayed_bytes = 0
        self._last_due = 0.0
        self._is_blind = False
        self._is_cut_off = False

    def take(self, data: bytes) -> bytes:
        if self._is_cut_off:
            return b""
        if self._is_blind:
            return data
        out = bytearray()
        rest = memoryview(data)
        while len(rest) > 0 and not self._is_blind and not self._is_cut_off:
            rest = self._take_head(rest, out) if self._verdict is None else self._take_body(rest, out)
            if self._verdict is None and self._ready:
                out += b"".join(self._ready)
                self._ready.clear()
        if self._is_blind:
            out += rest
        return bytes(out)

    def take_end(self) -> float:
        # A head that is not whole is no frame: what there is of it goes out. So does what is delayed, before the end.
        if self._begun and self._verdict is None:
            begun, self._begun = bytes(self._begun), bytearray()
            self._pipe.inject(self, begun)
        return max(0.0, self._last_due - self._loop.time()) + BEHIND_SECONDS if self._delayed_bytes else 0.0

    def retire(self) -> None:
        """The rule is asked no more; what it decided is carried out."""
        self._rule = lambda frame: PASS
        if self._verdict is None and not self._begun and self._delayed_bytes == 0:
            for fault, each in list(self._pipe.filters.items()):
                if each is self:
                    del self._pipe.filters[fault]

    def _take_head(self, rest: memoryview, out: bytearray) -> memoryview:
        while True:
            try:
                head_bytes, seq, msg_bytes, blob_bytes, action, flag = parse_head(self._kind, self._begun)
            except NotTheProtocol as wrong:
                self._go_blind(f"not a {self._kind}: {wrong}", out)
                return rest
            missing = head_bytes - len(self._begun)
            if missing <= 0:
                break
            if len(rest) == 0:
                return rest
            self._begun += rest[:missing]
            rest = rest[missing:]
        self._count += 1
        frame = Frame(self._kind, self._connection, self._count, seq, msg_bytes, blob_bytes, action, flag)
        self._body_left = msg_bytes + blob_bytes
        self._verdict = self._judge(frame)
        if self._verdict == PASS:
            out += self._begun
            self._begun.clear()
        self._end_frame_if_whole(out)
        return rest

    def _judge(self, frame: Frame) -> Verdict:
        verdict = self._rule(frame) or PASS
        if verdict == PASS:
            return PASS
        size = len(self._begun) + self._body_left
        is_held = verdict.copies > 1 or (verdict.seconds > 0 and verdict.copies > 0)
        if is_held and (size > HELD_BYTES_MAX or self._delayed_bytes + size > DELAYED_BYTES_MAX):
            self._say(f"connection {self._connection}: {self._kind} {frame.seq} of {size} bytes is too large to be held")
            return PASS
        self._act()
        return verdict

    def _take_body(self, rest: memoryview, out: bytearray) -> memoryview:
        verdict = self._verdict
        assert verdict is not None
        taken = rest[: self._body_left]
        self._body_left -= len(taken)
        if verdict == PASS:
            out += taken
        elif verdict.copies > 0:
            self._begun += taken
        self._end_frame_if_whole(out)
        return rest[len(taken) :]

    def _end_frame_if_whole(self, out: bytearray) -> None:
        verdict = self._verdict
        assert verdict is not None
        if verdict.is_reset:
            self._is_cut_off = True
            self._pipe.end_with(End.RESET)
        if self._body_left > 0 and not verdict.is_reset:
            return
        whole = bytes(self._begun) * verdict.copies
        self._begun.clear()
        self._verdict = None
        if verdict == PASS or verdict.is_reset:
            return
        if verdict.seconds > 0 and verdict.copies > 0:
            self._delayed_bytes += len(whole)
            due = self._loop.time() + verdict.seconds
            self._last_due = max(self._last_due, due)
            self._loop.call_at(due, self._due, whole)
        else:
            out += whole

    def _due(self, whole: bytes) -> None:
        self._delayed_bytes -= len(whole)
        # Of a head that is not whole, and of a frame that is held, nothing has gone out.
        if self._verdict == PASS:
            self._ready.append(whole)
        else:
            self._pipe.inject(self, whole)

    def _go_blind(self, why: str, out: bytearray) -> None:
        self._say(f"connection {self._connection}: {why}; its frames are not looked at any more")
        self._is_blind = True
        out += self._begun
        self._begun.clear()
