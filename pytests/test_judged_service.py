"""All parts together: a service in Python, clients that record their calls while it is restarted, and the judges of both.

Each planted bug is found by the judge that is there for it, and a service without one is not accused.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from razor_testing import ledger, linearizability, timeline
from razor_testing.client import CallError, Client, ClientConfig
from razor_testing.history import History, Recorder
from razor_testing.ledger import Rules
from razor_testing.linearizability import Register
from razor_testing.server import Fail, Server

CLIENTS, CALLS, KEYS, RESTARTS = 4, 60, 3, 3
RULES = Rules(is_ran_recorded=True, changes=frozenset({"write"}), exactly_once=True, copies=1)


class Registers:
    """Keeps values by key, and which calls wrote; with one bug."""

    def __init__(self, recorder: Recorder, bug: str):
        self._recorder = recorder
        self._bug = bug
        self._lock = threading.Lock()
        self._values: dict[str, Any] = {}
        self._older: dict[str, Any] = {}
        self._written: list[str] = []
        self._writes = self._reads = 0

    def write(self, key: str, value: int, call_id: str) -> None:
        with self._lock:
            self._recorder.ran(call_id)
            if value < 0:
                raise Fail("negative")
            self._writes += 1
            if self._bug == "runs a call twice" and self._writes % 10 == 0:
                self._recorder.ran(call_id)
            if self._bug == "loses an acknowledged write" and self._writes % 10 == 0:
                return
            self._older[key], self._values[key] = self._values.get(key), value
            self._written.append(call_id)
            self._recorder.applied(call_id)

    def read(self, key: str, call_id: str) -> Any:
        with self._lock:
            self._reads += 1
            self._recorder.ran(call_id)
            is_stale = self._bug == "reads what was overwritten" and self._reads % 5 == 0
            return (self._older if is_stale else self._values).get(key)

    def record_stored(self) -> None:
        for call_id in self._written:
            self._recorder.stored(call_id)


def run_clients(history: History, registers: Registers, directory: Path) -> list[tuple[int, str]]:
    """Until all have made their calls. Returns when the server was restarted."""
    recorder = history.recorder("test")
    address = f"unix:{directory / 's'}"
    handlers = {"Registers.write": registers.write, "Registers.read": registers.read}
    progress = threading.Semaphore(0)

    def run(number: int) -> None:
        with Client(address, ClientConfig(call_timeout=2.0)) as client:
            for index in range(CALLS):
                key = f"k{index % KEYS}"
                value = number * CALLS + index if index % 13 else -1
                progress.release()
                try:
                    if index % 2:
                        with recorder.call("read", key=key, client=f"{number}", timeout=2.0) as call:
                            call.ok(client.call("Registers.read", key, call.id))
                    else:
                        with recorder.call("write", [value], key=key, client=f"{number}", timeout=2.0) as call:
                            call.ok(client.call("Registers.write", key, value, call.id))
                except CallError:
                    pass  # it is recorded

    faults: list[tuple[int, str]] = []
    server = Server(handlers, address)
    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(run, number) for number in range(CLIENTS)]
        for _ in range(RESTARTS):
            for _ in range(CLIENTS * CALLS // (RESTARTS + 1)):
                progress.acquire()
            server.close(timeout=0)
            (directory / "s").unlink(missing_ok=True)
            faults.append((recorder.now_ns(), "restarted the server"))
            server = Server(handlers, address)
        for one in running:
            one.result()
    server.close()
    return faults


# With each the promises that it breaks.
BUGS = {
    "none": set(),
    "runs a call twice": {"at most once"},
    "loses an acknowledged write": {"acknowledged means stored", "exactly once"},
    "reads what was overwritten": {"linearizability"},
}
# A lost write is seen by reads only if one comes before the next write.
MAYBE_TOO = {"loses an acknowledged write": {"linearizability"}}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, tmp_path: Path, socket_directory: Path) -> None:
    with History(tmp_path / "history.jsonl") as history:
        with Recorder(history.file_for("server"), "server") as recorder:
            registers = Registers(recorder, bug)
            faults = run_clients(history, registers, socket_directory)
            registers.record_stored()
        findings = ledger.check(history, RULES)
        verdict = linearizability.check(history, Register())
        broken = {finding.rule for finding in findings} | ({"linearizability"} if verdict.outcome == "violated" else set())
        assert verdict.outcome != "unknown"
        assert (
            broken - MAYBE_TOO.get(bug, set()) == BUGS[bug]
        ), f"{ledger.describe(findings)}\n{verdict.describe()}\n{history.describe()}"
        outcomes = [call.outcome for call in history.calls]
        assert len(outcomes) == CLIENTS * CALLS and outcomes.count("ok") > CALLS
        assert outcomes.count("failed") >= 2 * CLIENTS, "negative values are refused"
        concerned = [call for finding in findings for call in finding.calls]
        concerned += [call for violation in verdict.violations for call in violation.calls]
        page = timeline.write(tmp_path / "timeline.html", concerned, history=history, faults=faults)
        assert page.read_text(encoding="utf-8").count("restarted the server") == RESTARTS
