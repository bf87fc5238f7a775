"""Waiting for something to become true."""

import time
from collections.abc import Callable

from razor_testing import address

STEP_SECONDS = 0.002


def wait_until(what: str, is_true: Callable[[], bool], seconds: float = address.HANG_SECONDS) -> None:
    """Returns as soon as `is_true()`; fails, naming `what`, when that takes longer than `seconds`."""
    give_up = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < give_up, f"waited {seconds} s for: {what}"
        time.sleep(STEP_SECONDS)
