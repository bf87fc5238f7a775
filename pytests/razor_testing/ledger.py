"""Ledger: judges each call of a history by itself, against what servers say they did. Takes time in proportion to the lines.

    findings = ledger.check(history, Rules(changes=frozenset({"put"}), exactly_once=True, copies=2))
    assert not findings, ledger.describe(findings)

It is blind to the order of calls: that is linearizability.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from razor_testing import limits
from razor_testing.calls import Call, Recorded
from razor_testing.history import History
from razor_testing.history_lines import FAILED, OK, RAN_NO, RAN_YES, Line

DESCRIBED_MAX = 10
LINES_DESCRIBED_MAX = 12


@dataclass(frozen=True)
class Rules:
    """What is promised. Rules that need lines of servers are off until they are asked for."""

    # How often the handler of one call may run; None where a pool may send an idempotent call again.
    runs_max: int | None = 1
    # Servers write `ran` for every call: then one that says it ran must have such a line.
    is_ran_recorded: bool = False
    # The operations that change something; those below apply to them.
    changes: frozenset[str] = frozenset()
    # Servers write `applied` before they answer: an acknowledged change has exactly one such line, from before its end.
    exactly_once: bool = False
    # Servers wrote `stored` at the end: so many processes must hold an acknowledged change.
    copies: int = 0
    # How late a completion may be, in seconds, on a busy machine.
    deadline_slack: float = limits.SLACK + limits.BUSY_MACHINE
    # What a call that ran out of time ends with: not before its deadline.
    deadline_errors: frozenset[str] = frozenset({"deadline_exceeded"})
    # Every call of a process that was not started again has completed.
    is_all_complete: bool = False


@dataclass(frozen=True)
class Finding:
    """One broken promise."""

    rule: str
    text: str
    calls: tuple[Call, ...] = ()
    # Of the servers, and completions that belong to no call.
    lines: tuple[Line, ...] = ()

    def __str__(self) -> str:
        lines = [line for call in self.calls for line in call.lines] + list(self.lines)
        lines.sort(key=lambda line: line.at_ns)
        shown = [f"    {line}" for line in lines[:LINES_DESCRIBED_MAX]]
        if len(lines) > LINES_DESCRIBED_MAX:
            shown.append(f"    and {len(lines) - LINES_DESCRIBED_MAX} lines more")
        return "\n".join([f"{self.rule}: {self.text}", *shown])


def describe(findings: Iterable[Finding]) -> str:
    """The findings, each with the lines that show it."""
    told = list(findings)
    shown = [str(finding) for finding in told[:DESCRIBED_MAX]]
    if len(told) > DESCRIBED_MAX:
        shown.append(f"and {len(told) - DESCRIBED_MAX} findings more")
    return "\n".join(shown)


def check(history: History | Recorded, rules: Rules = Rules()) -> list[Finding]:
    """All broken promises, those of calls in the order of their invocation. Raises HistoryError for what is no history."""
    recorded = history.read() if isinstance(history, History) else history
    return list(_Ledger(recorded, rules).findings())


def _by_id(lines: Iterable[Line]) -> dict[str, list[Line]]:
    sorted_by_id: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        sorted_by_id[line.id].append(line)
    return dict(sorted_by_id)


class _Ledger:
    def __init__(self, recorded: Recorded, rules: Rules):
        self._recorded = recorded
        self._rules = rules
        self._ran = _by_id(recorded.ran)
        self._applied = _by_id(recorded.applied)
        self._stored = _by_id(recorded.stored)
        self._slack_ns = int(rules.deadline_slack * 1e9)

    def findings(self) -> Iterator[Finding]:
        calls = {call.id: call for call in self._recorded.calls}
        for line in self._recorded.stray_completions:
            known = calls.get(line.id)
            why = "is completed twice" if known is not None else "is completed and was never invoked"
            yield Finding("one completion", f"{line.id} {why}", () if known is None else (known,), (line,))
        for what, lines_by_id in (("ran", self._ran), ("applied", self._applied), ("stored", self._stored)):
            for call_id, lines in lines_by_id.items():
                if call_id not in calls:
                    yield Finding(
                        "a cause for everything", f"a server {what} {call_id}, which nobody called", (), tuple(lines)
                    )
        for call in self._recorded.calls:
            yield from self._of_runs(call)
            yield from self._of_state(call)
            yield from self._of_times(call)

    def _of_runs(self, call: Call) -> Iterator[Finding]:
        ran = self._ran.get(call.id, [])
        most = self._rules.runs_max
        if most is not None and len(ran) > most:
            yield Finding("at most once", f"{call.id} ran {len(ran)} times, and may run {most}", (call,), tuple(ran))
        if call.completed_ns is not None and call.ran == RAN_NO and ran:
            yield Finding("ran is truthful", f"{call.id} ran, and its caller was told that it did not", (call,), tuple(ran))
        if call.completed_ns is not None and call.ran == RAN_YES and not ran and self._rules.is_ran_recorded:
            yield Finding("ran is truthful", f"{call.id} did not run, and its caller was told that it did", (call,))
        early = [line for line in ran if line.at_ns < call.invoked_ns]
        if early:
            yield Finding("a cause for everything", f"{call.id} ran before it was called", (call,), tuple(early))

    def _of_state(self, call: Call) -> Iterator[Finding]:
        applied, stored = self._applied.get(call.id, []), self._stored.get(call.id, [])
        if len(applied) > 1:
            yield Finding("at most once", f"{call.id} was applied {len(applied)} times", (call,), tuple(applied))
        holders = {line.process for line in stored}
        if len(holders) < len(stored):
            yield Finding("at most once", f"{call.id} is stored more than once in a process", (call,), tuple(stored))
        if call.outcome == FAILED and (applied or stored):
            why = "did not run" if call.ran == RAN_NO else "had no effect"
            told = f"{call.id} changed the service, and its caller was told that it {why}"
            yield Finding("failed means no effect", told, (call,), tuple(applied + stored))
        if call.outcome != OK or call.op not in self._rules.changes:
            return
        if self._rules.exactly_once and not applied:
            yield Finding("exactly once", f"{call.id} was acknowledged, and never applied", (call,), tuple(stored))
        late = [line for line in applied if call.completed_ns is not None and line.at_ns > call.completed_ns]
        if self._rules.exactly_once and len(late) == len(applied) > 0:
            yield Finding(
                "acknowledged means done", f"{call.id} was acknowledged before it was applied", (call,), tuple(late)
            )
        if len(holders) < self._rules.copies:
            told = f"{call.id} was acknowledged, and is stored in {len(holders)} processes of {self._rules.copies}"
            yield Finding("acknowledged means stored", told, (call,), tuple(stored))

    def _of_times(self, call: Call) -> Iterator[Finding]:
        deadline = call.deadline_ns
        if call.completed_ns is None:
            yield from self._of_open_call(call)
            return
        if deadline is not None and call.completed_ns > deadline + self._slack_ns:
            late = (call.completed_ns - deadline) / 1e9
            told = f"{call.id} completed {late:.3f} s after its deadline; {self._rules.deadline_slack} s are allowed"
            yield Finding("deadlines", told, (call,))
        if deadline is not None and call.error in self._rules.deadline_errors and call.completed_ns < deadline:
            early = (deadline - call.completed_ns) / 1e9
            yield Finding("deadlines", f"{call.id} ran out of time {early:.3f} s before its deadline", (call,))

    def _of_open_call(self, call: Call) -> Iterator[Finding]:
        """A process that was killed completes nothing more; one that goes on for longer than the deadline must."""
        if call.is_abandoned:
            return
        last_ns = self._recorded.last_ns.get(call.process, call.invoked_ns)
        if call.deadline_ns is not None and last_ns > call.deadline_ns + self._slack_ns:
            alive = (last_ns - call.deadline_ns) / 1e9
            told = f"{call.id} never completed, though its process lived on for {alive:.3f} s after its deadline"
            yield Finding("one completion", told, (call,))
        elif self._rules.is_all_complete:
            yield Finding("one completion", f"{call.id} never completed", (call,))
