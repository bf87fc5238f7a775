"""Programs of scenarios, run as a user runs them. They lie beside razor_node."""

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from razor_testing import address, node

OK, FAILED, USAGE_ERROR, INTERRUPTED = 0, 1, 64, 130


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str
    json: Any  # None when it did not come to that

    def failures(self, scenario: str) -> list[Any]:
        return [failure for failure in self.json["failures"] if failure["scenario"] == scenario]


class ScenarioProgram:
    """Every run gets a JSON file of its own, in `directory`."""

    def __init__(self, name: str, directory: Path):
        self.path = node.binary().parent / name
        assert self.path.is_file(), f"build it with `ci/build {name}`"
        self._json = directory / "summary.json"

    def start(self, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        self._json.unlink(missing_ok=True)
        # In a group of its own, as a shell would: Ctrl-C reaches the workers too.
        return subprocess.Popen(
            [str(self.path), "--json", str(self._json), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )

    def wait(self, process: subprocess.Popen[str], seconds: float = address.HANG_SECONDS) -> Finished:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        summary = self._json.read_text() if self._json.exists() else ""
        return Finished(process.returncode, out, err, json.loads(summary) if summary else None)

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> Finished:
        return self.wait(self.start(*arguments, environment=environment))
