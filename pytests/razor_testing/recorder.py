"""Recorder: writes the lines of a history, each in one write, so that they survive a SIGKILL of their process."""

import contextlib
import fcntl
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from razor_testing.history_lines import FAILED, FORMAT, LINE_BYTES_MAX, MAYBE, OK, RAN_MAYBE, RAN_NO, RAN_YES, TORN_MARK


class RecordedCall:
    """One call that is under way in a `with recorder.call(…)` block."""

    def __init__(self, recorder: "Recorder", call_id: str):
        self.id = call_id
        self.is_complete = False
        self._recorder = recorder

    def ok(self, result: Any = None) -> None:
        self.is_complete = True
        self._recorder.ok(self.id, result)

    def failed(self, error: str, ran: str = RAN_NO) -> None:
        """It had no effect: it did not run, or its handler said so (`ran` is then "yes")."""
        self.is_complete = True
        self._recorder.failed(self.id, error, ran)

    def maybe(self, error: str, ran: str = RAN_MAYBE) -> None:
        """Nobody can say whether it had its effect, or will have it later."""
        self.is_complete = True
        self._recorder.maybe(self.id, error, ran)


class Recorder:
    """Appends to a file, which other processes may append to as well.

    `process` is a name that no other process of the history has while this one lives; a process that is started again
    keeps its name. Methods raise OSError where the file cannot be written, ValueError for what a line cannot hold.
    Threads: any, at the same time. The times are those of CLOCK_MONOTONIC, which is one for all processes of a machine.
    """

    def __init__(self, path: Path | str, process: str, clock_ns: Callable[[], int] = time.monotonic_ns):
        self.process = process
        self.path = Path(path)
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._end_torn_line(self._descriptor)
        started = clock_ns()
        # The same process, started again, must not give the same ids again.
        self._prefix = f"{process}.{started:x}."
        self._write({"type": "start", "process": process, "at_ns": started, "format": FORMAT})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Calls without an outcome stay open for good."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def now_ns(self) -> int:
        """The time on the clock of the lines, for faults that are shown beside calls."""
        return self._clock_ns()

    # --- At the client's end ----------------------------------------------------------------------------------------

    def invoke(
        self,
        op: str,
        args: Sequence[Any] = (),
        *,
        key: str | int | None = None,
        client: str | None = None,
        call_id: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """To be called before a byte of the call is sent. Returns the id, which the service may be given to record it too.

        `client` makes one call after the other. `timeout` in seconds from now becomes the deadline.
        """
        call_id = call_id if call_id is not None else f"{self._prefix}{next(self._numbers)}"
        line: dict[str, Any] = {"type": "invoke", "process": self.process, "client": client, "id": call_id, "op": op}
        at_ns = self._clock_ns()
        deadline_ns = None if timeout is None else at_ns + int(timeout * 1e9)
        self._write({**line, "key": key, "args": list(args), "at_ns": at_ns, "deadline_ns": deadline_ns})
        return call_id

    def ok(self, call_id: str, result: Any = None) -> None:
        self._complete(call_id, OK, RAN_YES, result, None)

    def failed(self, call_id: str, error: str, ran: str = RAN_NO) -> None:
        """As RecordedCall.failed."""
        self._complete(call_id, FAILED, ran, None, error)

    def maybe(self, call_id: str, error: str, ran: str = RAN_MAYBE) -> None:
        """As RecordedCall.maybe."""
        self._complete(call_id, MAYBE, ran, None, error)

    @contextlib.contextmanager
    def call(self, op: str, args: Sequence[Any] = (), **options: Any) -> Iterator[RecordedCall]:
        """Records a call that is made in the block, which says how it ended. `options` are those of `invoke`.

        An exception that leaves the block completes the call, and goes on: with `ran` and `code` of the exception if it has
        them (as those of razor_testing.client do), else with "maybe" and its text.
        """
        recorded = RecordedCall(self, self.invoke(op, args, **options))
        try:
            yield recorded
        except Exception as escaped:
            if not recorded.is_complete:
                ran = str(getattr(escaped, "ran", RAN_MAYBE))
                said_by_handler = bool(getattr(escaped, "is_of_application", False))
                text = str(getattr(escaped, "code", "")) or str(escaped) or type(escaped).__name__
                if said_by_handler:
                    text = str(escaped) or text
                if ran == RAN_NO or said_by_handler:
                    recorded.failed(text, ran)
                else:
                    recorded.maybe(text, ran)
            raise

    # --- At the server's end ----------------------------------------------------------------------------------------

    def ran(self, call_id: str) -> None:
        """A handler begins with the call: to be called before it does anything."""
        self._of_server("ran", call_id)

    def applied(self, call_id: str) -> None:
        """The call has changed the service's state: to be called once, by the process that decides it."""
        self._of_server("applied", call_id)

    def stored(self, call_id: str) -> None:
        """At the end of a test: this process holds what the call has written."""
        self._of_server("stored", call_id)

    def _of_server(self, kind: str, call_id: str) -> None:
        self._write({"type": kind, "process": self.process, "id": call_id, "at_ns": self._clock_ns()})

    def _complete(self, call_id: str, outcome: str, ran: str, result: Any, error: str | None) -> None:
        at_ns = self._clock_ns()
        line = {"type": "complete", "process": self.process, "id": call_id, "at_ns": at_ns, "outcome": outcome, "ran": ran}
        self._write({**line, "result": result, "error": error})

    def _write(self, said: dict[str, Any]) -> None:
        line = json.dumps(said, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > LINE_BYTES_MAX:
            raise ValueError(f"a line of {len(line)} bytes: {LINE_BYTES_MAX} are the most that a history holds")
        with self._lock:
            if self._descriptor is None:
                raise ValueError(f"the recorder of {self.path} is closed")
            written = os.write(self._descriptor, line)
        if written != len(line):
            raise OSError(f"{self.path}: only {written} of {len(line)} bytes of a line could be written")

    @staticmethod
    def _end_torn_line(descriptor: int) -> None:
        # The lock is against another process that opens the file at the same time; it ends with its process.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            length = os.fstat(descriptor).st_size
            if length and os.pread(descriptor, 1, length - 1) != b"\n":
                os.write(descriptor, TORN_MARK + b"\n")
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
