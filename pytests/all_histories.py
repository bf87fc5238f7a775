"""All histories of a few calls, once each, and a checker that is too simple to be wrong.

Only which call ended before which one began matters to a checker. That is an interval order, and each has one form in which
begins and ends are at 1 .. m, and at each of these points a call begins and one ends [Greenough 1976]: so a history is a
multiset of (begin, end, operation) with that property. A `maybe` call never ends: it has the last point.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, groupby, product
from typing import Any

from razor_testing.models import Model
from razor_testing.wgl import Operation

Interval = tuple[int, int]
Kind = tuple[str, tuple[Any, ...], Any]  # op, args, result


def orders(count: int) -> Iterator[tuple[Interval, ...]]:
    """Every interval order of `count` calls."""
    for points in range(1, count + 1):
        intervals = [(begin, end) for begin in range(1, points + 1) for end in range(begin, points + 1)]
        for chosen in combinations_with_replacement(intervals, count):
            if len({begin for begin, _ in chosen}) == len({end for _, end in chosen}) == points:
                yield chosen


def histories(count: int, ended: Sequence[Kind], maybe: Sequence[Kind]) -> Iterator[list[Operation]]:
    """Every history of `count` calls of these kinds, of which `maybe` ones do not end."""
    for order in orders(count):
        last = max(end for _, end in order)
        choices: list[list[list[Operation]]] = []
        for (begin, end), group in groupby(order):
            kinds = [_operation(begin, end, kind) for kind in ended]
            if end == last:
                kinds += [_operation(begin, None, kind) for kind in maybe]
            choices.append([list(some) for some in combinations_with_replacement(kinds, len(list(group)))])
        for chosen in product(*choices):
            yield [operation for group in chosen for operation in group]


def _operation(begin: int, end: int | None, kind: Kind) -> Operation:
    # A begin and an end at the same point overlap.
    return Operation(2 * begin, None if end is None else 2 * end + 1, kind[0], kind[1], kind[2] if end is not None else None)


def is_linearizable(model: Model, operations: Sequence[Operation], state: Any) -> bool:
    """By definition: some operation comes first that did not begin after another one ended."""
    ends = [operation.end for operation in operations if operation.end is not None]
    if not ends:
        return True
    for at, operation in enumerate(operations):
        if operation.begin > min(ends):
            continue
        behind, result = model.apply(state, operation.op, operation.args)
        if operation.end is None or model.matches(operation.op, result, operation.result):
            if is_linearizable(model, [*operations[:at], *operations[at + 1 :]], behind):
                return True
    return False
