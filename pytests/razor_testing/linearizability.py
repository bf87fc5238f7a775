"""Whether the calls of a history could have taken effect one after the other, each between its invocation and its return.

    verdict = linearizability.check(history, Register())
    assert verdict.is_ok, verdict.describe()

Each key is judged by itself (P-compositionality): a history is linearizable where all its keys are. A `maybe` and an open
call may take effect at any later time, or never. The search can take very long, so it has a budget: "unknown" is not "ok".
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from razor_testing.calls import Call
from razor_testing.history import History
from razor_testing.history_lines import FAILED
from razor_testing.models import Counter, Model, Queue, Register, Set, UnknownOperation
from razor_testing.wgl import Budget, Operation, OutOfBudget, Search

__all__ = ["Counter", "Model", "Queue", "Register", "Set", "UnknownOperation", "Verdict", "KeyVerdict", "check"]

IS_OK, VIOLATED, UNKNOWN = "ok", "violated", "unknown"
STEPS_MAX = 2_000_000
SECONDS_MAX = 20.0
SHOWN_MAX = 12

Key = str | int | None


@dataclass(frozen=True)
class KeyVerdict:
    """What the search says of one key."""

    key: Key
    outcome: str
    # Of a violation: the calls up to the first return by which they fit no order any more. If "unknown" none.
    calls: tuple[Call, ...] = ()
    # A longest order of effects that the search found, of those calls, the state of the model behind it, and the call that
    # returned next and does not fit there.
    order: tuple[Call, ...] = ()
    state: Any = None
    misfit: Call | None = None

    def __str__(self) -> str:
        of_key = "" if self.key is None else f"key {self.key}: "
        if self.outcome != VIOLATED:
            return f"{of_key}{self.outcome}"
        lines = [f"{of_key}not linearizable: {self.misfit} does not fit behind these, where the state is {self.state!r}"]
        if len(self.order) > SHOWN_MAX:
            lines.append(f"    {len(self.order) - SHOWN_MAX} calls before")
        lines += [f"    {call}" for call in self.order[-SHOWN_MAX:]]
        rest = [call for call in self.calls if call not in self.order and call != self.misfit]
        lines += [f"    not placed: {call}" for call in rest[:SHOWN_MAX]]
        if self.misfit is not None:
            lines += [f"    {line}" for line in self.misfit.lines]
        return "\n".join(lines)


@dataclass(frozen=True)
class Verdict:
    """What the search says of all keys."""

    keys: tuple[KeyVerdict, ...]
    steps: int  # of the budget

    @property
    def outcome(self) -> str:
        """ "violated" if a key is, else "unknown" if a key is, else "ok"."""
        outcomes = {of_key.outcome for of_key in self.keys}
        return VIOLATED if VIOLATED in outcomes else UNKNOWN if UNKNOWN in outcomes else IS_OK

    @property
    def is_ok(self) -> bool:
        return self.outcome == IS_OK

    @property
    def violations(self) -> list[KeyVerdict]:
        return [of_key for of_key in self.keys if of_key.outcome == VIOLATED]

    def describe(self) -> str:
        told = [str(of_key) for of_key in self.keys if of_key.outcome != IS_OK]
        return "\n".join([f"{self.outcome}: {len(self.keys)} keys, {self.steps} steps", *told[:SHOWN_MAX]])


def check(
    history: History | Iterable[Call],
    model: Model,
    *,
    names: Mapping[str, str | None] | None = None,
    steps_max: int = STEPS_MAX,
    seconds_max: float = SECONDS_MAX,
) -> Verdict:
    """Judges all keys, with one budget of `steps_max` calls of the model and `seconds_max` for the whole.

    `names` gives what the model calls an operation ("Kv.put": "write"), or None for those that are not judged. A call that
    `failed` had no effect and is left out. Raises UnknownOperation, HistoryError.
    """
    calls = history.calls if isinstance(history, History) else history
    by_key: dict[Key, list[Call]] = {}
    renamed = names or {}
    for call in calls:
        if call.outcome != FAILED and renamed.get(call.op, call.op) is not None:
            by_key.setdefault(call.key, []).append(call)
    budget = Budget(steps_max, time.monotonic() + seconds_max)
    # The short ones first: where one key takes all of the budget, the others are judged.
    ordered = sorted(by_key, key=lambda key: len(by_key[key]))
    verdicts = {key: _check_key(key, by_key[key], model, renamed, budget) for key in ordered}
    return Verdict(tuple(verdicts[key] for key in by_key), budget.spent)


def _check_key(key: Key, calls: Sequence[Call], model: Model, names: Mapping[str, str | None], budget: Budget) -> KeyVerdict:
    operations = [_operation(call, names.get(call.op) or call.op) for call in calls]
    # Reads that tell nothing need no place.
    judged = [at for at, one in enumerate(operations) if one.end is not None or not model.is_read(one.op)]
    calls, operations = [calls[at] for at in judged], [operations[at] for at in judged]
    try:
        if Search(model, operations, budget).run():
            return KeyVerdict(key, IS_OK)
    except OutOfBudget:
        return KeyVerdict(key, UNKNOWN)
    return _explained(key, calls, operations, model, budget)


def _explained(key: Key, calls: Sequence[Call], operations: Sequence[Operation], model: Model, budget: Budget) -> KeyVerdict:
    """Finds the first return by which no order is left: what is linearizable stays so when its end is cut off."""
    ends = sorted(operation.end for operation in operations if operation.end is not None)
    fits, fails = 0, len(ends)  # so many returns
    shortest = _cut(operations, ends[-1])
    search = Search(model, [operations[at] for at in shortest], budget)
    try:
        search.run()
        while fails - fits > 1:
            middle = (fits + fails) // 2
            kept = _cut(operations, ends[middle - 1])
            tried = Search(model, [_cut_off(operations[at], ends[middle - 1]) for at in kept], budget)
            if tried.run():
                fits = middle
            else:
                fails, shortest, search = middle, kept, tried
    except OutOfBudget:
        pass  # it is a violation all the same, told with more calls than need be
    told = [calls[at] for at in shortest]
    misfit = None if search.misfit is None else told[search.misfit]
    order = tuple(told[at] for at in search.longest)
    return KeyVerdict(key, VIOLATED, tuple(told), order, search.state, misfit)


def _cut(operations: Sequence[Operation], end: int) -> list[int]:
    return [at for at, operation in enumerate(operations) if operation.begin <= end]


def _cut_off(operation: Operation, end: int) -> Operation:
    if operation.end is None or operation.end <= end:
        return operation
    return Operation(operation.begin, None, operation.op, operation.args)


def _operation(call: Call, op: str) -> Operation:
    end = None if call.may_still_run else call.completed_ns
    return Operation(call.invoked_ns, end, op, frozen(call.args), frozen(call.result))


def frozen(value: Any) -> Any:
    """A JSON value that can be hashed: tuples for lists, and sorted pairs for objects."""
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, dict):
        return tuple(sorted((name, frozen(one)) for name, one in value.items()))
    return value
