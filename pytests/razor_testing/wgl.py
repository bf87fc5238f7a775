"""The search for a linearization of the calls of one key: Wing and Gong's, with Lowe's memo of what was tried.

A state of the search is the set of calls that have taken effect, and the model's state behind them. From there each call may
be next that was invoked before any other open call returned. `maybe` calls never return, and need not take effect.

What is left out changes no answer, since the same order of effects is reached in another way:
- A read that fits now is taken at once, and nothing else is tried.
- A `maybe` call takes effect right before one that needs it: not where the next call would lead to the same state without
  it, nor where both could change places.
- Of `maybe` calls that are the same, the one invoked first goes first.
"""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from razor_testing.models import Model

CLOCK_EVERY = 256


class OutOfBudget(Exception):
    """The search was ended without an answer."""


@dataclass
class Budget:
    """What searches may cost together: calls of `apply`, and seconds until `give_up`."""

    steps: int
    give_up: float
    spent: int = 0

    def spend(self) -> None:
        self.spent += 1
        if self.spent > self.steps or (self.spent % CLOCK_EVERY == 0 and time.monotonic() > self.give_up):
            raise OutOfBudget


@dataclass(frozen=True)
class Operation:
    """A call as a model sees it. `end` is None for a `maybe`: it has no result."""

    begin: int
    end: int | None
    op: str
    args: tuple[Any, ...]
    result: Any = None


@dataclass
class _Frame:
    """One state of the search, and what can be tried from it."""

    state: Hashable
    done: int  # bits of operations
    candidates: list[int]
    # Operations before these places in the orders of begins and of ends are done.
    begin_place: int
    end_place: int
    # The operation that led here, and the state before it.
    chosen: int | None = None
    before: Hashable = None
    tried: int = 0  # of the candidates


class Search:
    """Whether `operations` are linearizable. Used once."""

    def __init__(self, model: Model, operations: Sequence[Operation], budget: Budget):
        self._model = model
        self._operations = operations
        self._budget = budget
        numbers = range(len(operations))
        self._begins = sorted((at for at in numbers if not self._is_maybe(at)), key=lambda at: operations[at].begin)
        # Of a `maybe` there is no end, and none is asked for.
        self._ends = sorted(self._begins, key=lambda at: operations[at].end or 0)
        self._maybes = sorted((at for at in numbers if self._is_maybe(at)), key=lambda at: operations[at].begin)
        self._rank = {at: rank for rank, at in enumerate(self._maybes)}
        self._same_before = self._find_same()
        # An order in which operations can have taken effect: of all that returned, or as far as the search came.
        self.longest: list[int] = []
        self.state: Hashable = model.initial()  # behind `longest`
        # The operation that returns first of those that do not fit behind `longest`.
        self.misfit: int | None = None

    def run(self) -> bool:
        """Raises OutOfBudget."""
        tried: set[tuple[int, Hashable, Hashable, int | None]] = set()
        stack = [self._frame(self._model.initial(), 0, 0, 0)]
        while stack:
            frame = stack[-1]
            if frame.end_place == len(self._ends):
                self._note(stack)
                return True
            if frame.tried == len(frame.candidates):
                if len(stack) > len(self.longest) + 1 or self.misfit is None:
                    self._note(stack)
                stack.pop()
                continue
            at = frame.candidates[frame.tried]
            frame.tried += 1
            self._budget.spend()
            behind = self._behind(frame, at)
            if behind is None:
                continue
            done = frame.done | 1 << at
            # What may be left out behind a `maybe` depends on the state before it: so that is part of what was tried.
            known = (done, behind[0], frame.state, at) if self._is_maybe(at) else (done, behind[0], None, None)
            if known in tried:
                continue
            tried.add(known)
            reached = self._frame(behind[0], done, frame.begin_place, frame.end_place)
            reached.chosen, reached.before = at, frame.state
            stack.append(reached)
        return False

    def _note(self, stack: list[_Frame]) -> None:
        self.longest = [frame.chosen for frame in stack if frame.chosen is not None]
        self.state = stack[-1].state
        end_place = stack[-1].end_place
        self.misfit = self._ends[end_place] if end_place < len(self._ends) else None

    def _is_maybe(self, at: int) -> bool:
        return self._operations[at].end is None

    def _find_same(self) -> dict[int, int]:
        """For each `maybe` the one before it that is the same."""
        last: dict[tuple[str, tuple[Any, ...]], int] = {}
        same_before: dict[int, int] = {}
        for at in self._maybes:
            what = (self._operations[at].op, self._operations[at].args)
            if what in last:
                same_before[at] = last[what]
            last[what] = at
        return same_before

    def _frame(self, state: Hashable, done: int, begin_place: int, end_place: int) -> _Frame:
        while begin_place < len(self._begins) and done >> self._begins[begin_place] & 1:
            begin_place += 1
        while end_place < len(self._ends) and done >> self._ends[end_place] & 1:
            end_place += 1
        frame = _Frame(state, done, [], begin_place, end_place)
        if end_place == len(self._ends):
            return frame
        first_end = self._operations[self._ends[end_place]].end or 0
        for at in self._until(self._begins, begin_place, first_end):
            if done >> at & 1:
                continue
            operation = self._operations[at]
            if self._model.is_read(operation.op) and self._fits(operation, state) is not None:
                frame.candidates = [at]
                return frame
            frame.candidates.append(at)
        for at in self._until(self._maybes, 0, first_end):
            same = self._same_before.get(at)
            if not done >> at & 1 and (same is None or done >> same & 1):
                frame.candidates.append(at)
        return frame

    def _until(self, order: list[int], place: int, first_end: int) -> Iterator[int]:
        """Those of the order that begin before anything that is not done has ended."""
        while place < len(order) and self._operations[order[place]].begin <= first_end:
            yield order[place]
            place += 1

    def _fits(self, operation: Operation, state: Hashable) -> tuple[Hashable] | None:
        """The state behind the operation, in a tuple since states may be None; None where its result is another."""
        behind, result = self._model.apply(state, operation.op, operation.args)
        if operation.end is not None and not self._model.matches(operation.op, result, operation.result):
            return None
        return (behind,)

    def _behind(self, frame: _Frame, at: int) -> tuple[Hashable] | None:
        """As _fits; None also where the same is reached in another way."""
        operation = self._operations[at]
        behind = self._fits(operation, frame.state)
        if behind is None or (self._is_maybe(at) and behind[0] == frame.state):
            return None
        if frame.chosen is None or not self._is_maybe(frame.chosen):
            return behind
        without = self._fits(operation, frame.before)
        if without is None:
            return behind
        if without == behind:
            return None
        if self._is_maybe(at) and self._rank[at] > self._rank[frame.chosen]:
            return behind
        return None if self._fits(self._operations[frame.chosen], without[0]) == behind else behind
