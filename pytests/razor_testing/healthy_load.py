"""HealthyLoad: an honest client that calls all the while, beside attacks and faults, and says what it noticed of them."""

import threading
import time
from types import TracebackType
from typing import Any, Self

from razor_testing.address import HANG_SECONDS
from razor_testing.client import CallError, Client, ClientConfig
from razor_testing.waiting import wait_until

ERRORS_KEPT = 20


class HealthyLoad:
    """Calls `method` again and again from a thread of its own, `interval` seconds apart, until it is closed."""

    def __init__(
        self, address: str, method: str, *arguments: Any, result: Any, interval: float = 0.004, timeout: float = 5.0
    ):
        self._client = Client(address, ClientConfig(call_timeout=timeout))
        self._method, self._arguments, self._result = method, arguments, result
        self._interval = interval
        self._ended = threading.Event()
        self.calls = 0
        self.slowest = 0.0  # seconds
        self.errors: list[str] = []
        self._thread = threading.Thread(target=self._run, name="healthy load", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(HANG_SECONDS)
        self._client.close()

    def check(self, slowest: float) -> None:
        """It goes on without an error, and no call since the last check took longer than `slowest` seconds."""
        before = self.calls
        wait_until("the healthy load to go on", lambda: self.calls > before + 1 or bool(self.errors))
        assert not self.errors, f"healthy calls failed: {self.errors}"
        took, self.slowest = self.slowest, 0.0
        assert took <= slowest, f"a healthy call took {took:.3f} s"

    def _run(self) -> None:
        while not self._ended.wait(self._interval):
            begun = time.monotonic()
            error = self._error()
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.calls += 1
            if error and len(self.errors) < ERRORS_KEPT:
                self.errors.append(error)

    def _error(self) -> str:
        try:
            got = self._client.call(self._method, *self._arguments)
        except CallError as failed:
            return str(failed)
        return "" if got == self._result else f"{got!r} instead of {self._result!r}"
