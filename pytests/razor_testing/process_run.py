"""One run of a process, from a start to its end."""

import signal
import subprocess
import time
from dataclasses import dataclass

# Signals that a process sends itself.
CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP)


@dataclass(frozen=True)
class Finished:
    """How a process ended. A negative status is the number of the signal that ended it."""

    status: int
    out: str
    err: str
    seconds: float


class Run:
    """From one start to its end."""

    def __init__(self, popen: subprocess.Popen[bytes], out_offset: int, log_offset: int):
        self.popen = popen
        self.out_offset, self.log_offset = out_offset, log_offset
        self.started = time.monotonic()
        self.is_ready = False
        self.is_paused = False
        # Signals that the test sent.
        self.sent: set[int] = set()
        self.end_is_expected = False
        # At the end of its test.
        self.is_asked_to_end = False
        self.status: int | None = None

    def complaint(self, keeps_running: bool) -> str | None:
        """What is wrong with how it ended. What happened before it was ready is told by NotReady."""
        if self.status is None or not self.is_ready:
            return None
        if -self.status in CRASHES and -self.status not in self.sent:
            return f"crashed: {signal.Signals(-self.status).name}"
        if keeps_running and not self.end_is_expected:
            return f"ended by itself with status {self.status}"
        return None
