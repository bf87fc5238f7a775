"""What a `razor_node load --json --report-every` says while it runs, one line of JSON after the other."""

import json
from pathlib import Path
from typing import Any

from razor_testing.process_log import LineReader
from razor_testing.waiting import wait_until


class LoadReports:
    def __init__(self, out: Path):
        """`out`: its stdout."""
        self._reader = LineReader(out, 0)
        self._latest: dict[str, Any] | None = None

    @property
    def now(self) -> dict[str, Any]:
        """The latest report. Waits for the first."""
        wait_until("a report of the load", lambda: self._read() is not None)
        assert self._latest is not None
        return self._latest

    def _read(self) -> dict[str, Any] | None:
        lines = list(self._reader.lines())
        if lines:
            self._latest = json.loads(lines[-1])
        return self._latest
