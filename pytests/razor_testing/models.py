"""Models: what a service does with one call after the other, for linearizability.py. Users write their own.

    class Stack(Model):
        def initial(self) -> Hashable:
            return ()

        def apply(self, state, op, args):
            match op, args, state:
                case "push", [value], _:
                    return (*state, value), None
                case "pop", [], ():
                    return (), None
                case "pop", [], _:
                    return state[:-1], state[-1]
            raise UnknownOperation(op, args)
"""

from collections.abc import Hashable
from typing import Any, Protocol


class UnknownOperation(Exception):
    """A model has no such operation, or not with these arguments."""

    def __init__(self, op: str, args: tuple[Any, ...]):
        super().__init__(f"the model knows no {op}{args}")


class Model(Protocol):
    """A sequential specification, of one key. Subclasses inherit the two defaults.

    Values are those of JSON, with tuples for lists; they are equal as Python says, so 1, 1.0 and true are the same.
    """

    def initial(self) -> Hashable:
        """The state before all calls."""

    def apply(self, state: Any, op: str, args: tuple[Any, ...]) -> tuple[Hashable, Any]:
        """The state behind a call, and its result. Every operation is possible in every state: one that "fails" has a result
        that says so, and leaves the state. Raises UnknownOperation."""

    def matches(self, op: str, expected: Any, recorded: Any) -> bool:
        """Whether the recorded result is the one of `apply`. By default a recorded null says nothing, where a value is not
        what the call is for: that is where `is_read` is false."""
        return bool(expected == recorded) or (recorded is None and not self.is_read(op))

    def is_read(self, op: str) -> bool:
        """Never changes a state, whatever its arguments. The search is much faster for operations that say so."""
        return False


class Register(Model):
    """`write(value)`, `read() -> value`, `compare_and_set(old, new) -> bool` (also `cas`)."""

    def __init__(self, initial: Hashable = None):
        self._initial = initial

    def initial(self) -> Hashable:
        return self._initial

    def apply(self, state: Any, op: str, args: tuple[Any, ...]) -> tuple[Hashable, Any]:
        match op, args:
            case "read", ():
                return state, state
            case "write", (value,):
                return value, None
            case "compare_and_set" | "cas", (old, new):
                return (new, True) if state == old else (state, False)
        raise UnknownOperation(op, args)

    def matches(self, op: str, expected: Any, recorded: Any) -> bool:
        # What a service returns from a write is its own affair. Of a compare-and-set null cannot tell which way it went.
        return op == "write" or bool(expected == recorded)

    def is_read(self, op: str) -> bool:
        return op == "read"


class Counter(Model):
    """`add(amount)`, which may return the value behind it or null, and `read() -> value`."""

    def initial(self) -> Hashable:
        return 0

    def apply(self, state: Any, op: str, args: tuple[Any, ...]) -> tuple[Hashable, Any]:
        match op, args:
            case "read", ():
                return state, state
            case "add", (amount,):
                return state + amount, state + amount
        raise UnknownOperation(op, args)

    def is_read(self, op: str) -> bool:
        return op == "read"


class Set(Model):
    """`add(value)` and `remove(value)`, which may return whether that changed the set, or null; `contains(value) -> bool`,
    `read() -> list` in any order."""

    def initial(self) -> Hashable:
        return frozenset()

    def apply(self, state: Any, op: str, args: tuple[Any, ...]) -> tuple[Hashable, Any]:
        match op, args:
            case "read", ():
                return state, state
            case "contains", (value,):
                return state, value in state
            case "add", (value,):
                return state | {value}, value not in state
            case "remove", (value,):
                return state - {value}, value in state
        raise UnknownOperation(op, args)

    def matches(self, op: str, expected: Any, recorded: Any) -> bool:
        if op == "read":
            return isinstance(recorded, tuple) and len(recorded) == len(expected) and frozenset(recorded) == expected
        return super().matches(op, expected, recorded)

    def is_read(self, op: str) -> bool:
        return op in ("read", "contains")


class Queue(Model):
    """`enqueue(value)`, `dequeue() -> value`, which is null from an empty queue."""

    def initial(self) -> Hashable:
        return ()

    def apply(self, state: Any, op: str, args: tuple[Any, ...]) -> tuple[Hashable, Any]:
        match op, args:
            case "enqueue", (value,):
                return (*state, value), None
            case "dequeue", ():
                return (state[1:], state[0]) if state else (state, None)
        raise UnknownOperation(op, args)

    def matches(self, op: str, expected: Any, recorded: Any) -> bool:
        return op == "enqueue" or bool(expected == recorded)
