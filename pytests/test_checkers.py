"""The search for linearizability: forged histories with each kind of break, and all small histories against a naive checker.

Fails when a violation is not found, when a lawful history is called broken, or when a search that was given up says "ok".
"""

import random
import time
from collections.abc import Hashable, Sequence
from typing import Any

import pytest

import all_histories
from razor_testing import linearizability
from razor_testing.calls import Call
from razor_testing.linearizability import Counter, Model, Queue, Register, Set, UnknownOperation
from razor_testing.wgl import Budget, Operation, Search

# --- Against the naive checker -------------------------------------------------------------------------

WRITES: list[all_histories.Kind] = [("write", (value,), None) for value in (0, 1)]
READS: list[all_histories.Kind] = [("read", (), value) for value in (0, 1)]
SETS: list[all_histories.Kind] = [("cas", (0, 1), True), ("cas", (1, 0), True), ("cas", (0, 1), False)]
MAYBE_SETS: list[all_histories.Kind] = [("cas", (0, 1), None), ("cas", (1, 0), None)]
NO_END = time.monotonic() + 10**6


def is_linearizable(model: Model, operations: Sequence[Operation]) -> bool:
    return Search(model, operations, Budget(10**9, NO_END)).run()


def test_the_enumeration_is_complete() -> None:
    """As many interval orders as there are (OEIS A022493), and of one kind of call each history is one of them."""
    assert [len(list(all_histories.orders(count))) for count in range(1, 7)] == [1, 2, 5, 15, 53, 217]
    assert len(list(all_histories.histories(4, READS[:1], []))) == 15


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_all_histories_of_a_register(count: int) -> None:
    """Reads and writes of two values, `maybe` writes; up to three calls also compare-and-sets."""
    ended = WRITES + READS + (SETS if count <= 3 else SETS[:1] if count == 4 else [])
    maybe = WRITES + (MAYBE_SETS if count <= 4 else [])
    model, answers = Register(0), {True: 0, False: 0}
    for operations in all_histories.histories(count, ended, maybe):
        answer = all_histories.is_linearizable(model, operations, 0)
        assert is_linearizable(model, operations) == answer, operations
        answers[answer] += 1
    print(answers)
    assert min(answers.values()) >= 3 ** (count - 1)


STEPS: dict[str, tuple[Model, list[tuple[str, tuple[Any, ...]]]]] = {
    "register": (
        Register(),
        [("write", (0,)), ("write", (1,)), ("write", (2,)), ("read", ()), ("cas", (0, 1)), ("cas", (1, 0))],
    ),
    "counter": (Counter(), [("add", (1,)), ("add", (2,)), ("add", (-1,)), ("read", ())]),
    "set": (Set(), [("add", (1,)), ("add", (2,)), ("remove", (1,)), ("read", ()), ("contains", (1,))]),
    "queue": (Queue(), [("enqueue", (1,)), ("enqueue", (2,)), ("dequeue", ())]),
}


def drawn(model: Model, steps: list[tuple[str, tuple[Any, ...]]], chance: random.Random) -> list[Operation]:
    """What a right service may have done, then often with two results exchanged, or one more effect lost."""
    state = model.initial()
    operations: list[Operation] = []
    lost = chance.randrange(20)
    maybe = chance.choice([0.0, 0.3, 0.6])
    for at in sorted(chance.sample(range(100), chance.randrange(3, 9))):
        op, args = chance.choice(steps)
        behind, result = model.apply(state, op, args)
        begin, end = at - chance.randrange(10), at + chance.randrange(10)
        is_maybe = chance.random() < maybe
        if len(operations) != lost and not (is_maybe and chance.random() < 0.5):
            state = behind
        told = None if is_maybe else tuple(result) if isinstance(result, frozenset) else result
        operations.append(Operation(begin, None if is_maybe else end, op, args, told))
    ended = [index for index, operation in enumerate(operations) if operation.end is not None]
    if len(ended) > 1 and chance.random() < 0.5:
        one, other = chance.sample(ended, 2)
        a, b = operations[one], operations[other]
        if a.op == b.op:
            operations[one] = Operation(a.begin, a.end, a.op, a.args, b.result)
            operations[other] = Operation(b.begin, b.end, b.op, b.args, a.result)
    return operations


@pytest.mark.parametrize("name", STEPS)
def test_random_histories_of_each_model(name: str) -> None:
    model, steps = STEPS[name]
    chance = random.Random(14)
    answers = {True: 0, False: 0}
    for _ in range(5_000):
        operations = drawn(model, steps, chance)
        answer = all_histories.is_linearizable(model, operations, model.initial())
        assert is_linearizable(model, operations) == answer, operations
        answers[answer] += 1
    print(answers)
    assert min(answers.values()) > 100


# --- Forged histories ----------------------------------------------------------------------------------


def call(op: str, *args: Any, at: tuple[int, int | None], result: Any = None, outcome: str = "ok", key: Any = "x") -> Call:
    ran = {"ok": "yes", "maybe": "maybe", "open": "maybe", "failed": "no"}[outcome]
    return Call(f"{op}@{at[0]}", "c", None, op, key, args, at[0], None, at[1], outcome, ran, result)


W1 = call("write", 1, at=(0, 10))
VIOLATIONS: list[tuple[str, Model, list[Call]]] = [
    ("a stale read", Register(), [W1, call("write", 2, at=(20, 30)), call("read", at=(40, 50), result=1)]),
    ("a read of what was never written", Register(), [W1, call("read", at=(20, 30), result=5)]),
    ("a lost write", Register(), [W1, call("read", at=(20, 30), result=None)]),
    (
        "a read that goes back",
        Register(),
        [W1, call("write", 2, at=(20, 90)), call("read", at=(30, 40), result=2), call("read", at=(50, 60), result=1)],
    ),
    (
        "a refused write that is read",
        Register(),
        [call("write", 1, at=(0, 10), outcome="failed"), call("read", at=(20, 30), result=1)],
    ),
    (
        "a read before its maybe began",
        Register(),
        [call("read", at=(0, 5), result=1), call("write", 1, at=(10, 20), outcome="maybe")],
    ),
    (
        "a maybe that comes and goes",
        Register(0),
        [
            call("write", 1, at=(0, 10), outcome="maybe"),
            call("read", at=(20, 30), result=1),
            call("read", at=(40, 50), result=0),
        ],
    ),
    (
        "a compare-and-set that both won",
        Register(0),
        [call("cas", 0, 1, at=(0, 10), result=True), call("cas", 0, 2, at=(5, 15), result=True)],
    ),
    ("a compare-and-set that should have won", Register(0), [call("cas", 0, 1, at=(0, 10), result=False)]),
    ("a compare-and-set that says nothing", Register(0), [call("cas", 0, 1, at=(0, 10), result=None)]),
    ("a lost add", Counter(), [call("add", 1, at=(0, 10)), call("add", 1, at=(5, 15)), call("read", at=(20, 30), result=1)]),
    ("an add run twice", Counter(), [call("add", 1, at=(0, 10)), call("read", at=(20, 30), result=2)]),
    ("two adds that saw the same", Counter(), [call("add", 1, at=(0, 10), result=1), call("add", 1, at=(0, 10), result=1)]),
    ("a lost element", Set(), [call("add", 1, at=(0, 10)), call("read", at=(20, 30), result=[])]),
    (
        "an element that came back",
        Set(),
        [call("add", 1, at=(0, 10)), call("remove", 1, at=(20, 30)), call("contains", 1, at=(40, 50), result=True)],
    ),
    ("an element twice", Set(), [call("add", 1, at=(0, 10)), call("read", at=(20, 30), result=[1, 1])]),
    (
        "an element that both added",
        Set(),
        [call("add", 1, at=(0, 10), result=True), call("add", 1, at=(0, 10), result=True)],
    ),
    (
        "an element delivered twice",
        Queue(),
        [call("enqueue", 1, at=(0, 10)), call("dequeue", at=(20, 30), result=1), call("dequeue", at=(20, 30), result=1)],
    ),
    (
        "elements out of order",
        Queue(),
        [call("enqueue", 1, at=(0, 10)), call("enqueue", 2, at=(20, 30)), call("dequeue", at=(40, 50), result=2)],
    ),
    ("an element lost", Queue(), [call("enqueue", 1, at=(0, 10)), call("dequeue", at=(20, 30), result=None)]),
]


@pytest.mark.parametrize("model, calls", [row[1:] for row in VIOLATIONS], ids=[row[0] for row in VIOLATIONS])
def test_a_violation_is_found_and_told(model: Model, calls: list[Call]) -> None:
    verdict = linearizability.check(calls, model)
    assert verdict.outcome == "violated" and not verdict.is_ok
    (violation,) = verdict.violations
    assert violation.key == "x" and violation.misfit in calls
    assert "does not fit" in verdict.describe() and violation.misfit.id in verdict.describe()


LAWFUL: list[tuple[str, Model, list[Call]]] = [
    ("nothing", Register(), []),
    (
        "a maybe that came late",
        Register(0),
        [
            call("write", 1, at=(0, 10), outcome="maybe"),
            call("read", at=(20, 30), result=0),
            call("read", at=(40, 50), result=1),
        ],
    ),
    (
        "a maybe that never came",
        Register(0),
        [call("write", 1, at=(0, 10), outcome="maybe"), call("read", at=(20, 30), result=0)],
    ),
    ("an open call", Register(0), [call("write", 1, at=(0, None), outcome="open"), call("read", at=(20, 30), result=1)]),
    ("a read that nobody was told of", Register(0), [call("read", at=(0, 10), outcome="maybe")]),
    ("a failed call", Register(0), [call("write", 1, at=(0, 10), outcome="failed"), call("read", at=(20, 30), result=0)]),
    (
        "other keys",
        Register(0),
        [call("write", 1, at=(0, 10), key="y"), call("read", at=(20, 30), result=0), call("write", 2, at=(0, 10), key=1)],
    ),
    (
        "no key",
        Register(0),
        [call("write", [1, {"a": [2]}], at=(0, 10), key=None), call("read", at=(20, 30), key=None, result=[1, {"a": [2]}])],
    ),
    ("equal times overlap", Register(0), [call("write", 1, at=(0, 10)), call("read", at=(10, 20), result=0)]),
    (
        "a set read in any order",
        Set(),
        [call("add", 2, at=(0, 10)), call("add", 1, at=(0, 10), result=True), call("read", at=(20, 30), result=[2, 1])],
    ),
    ("an empty queue", Queue(), [call("dequeue", at=(0, 10), result=None), call("enqueue", 1, at=(20, 30), result="id")]),
]


@pytest.mark.parametrize("model, calls", [row[1:] for row in LAWFUL], ids=[row[0] for row in LAWFUL])
def test_a_lawful_history_is_ok(model: Model, calls: list[Call]) -> None:
    verdict = linearizability.check(calls, model)
    assert verdict.is_ok, verdict.describe()


def test_only_the_broken_key_is_told_with_the_calls_before_its_break() -> None:
    calls = [call("write", at, at=(at, at + 5), key=key) for key in ("a", "b") for at in range(0, 1000, 10)]
    calls.append(call("read", at=(501, 509), key="b", result=7))
    verdict = linearizability.check(calls, Register())
    (violation,) = verdict.violations
    assert (violation.key, violation.misfit) == ("b", calls[-1])
    assert max(one.invoked_ns for one in violation.calls) <= 509, "later ones do not matter"
    assert violation.state == 500 and violation.order[-1].args == (500,)
    assert len(verdict.describe().splitlines()) < 20


class Stack(Model):
    """As a user writes one."""

    def initial(self) -> Hashable:
        return ()

    def apply(self, state: Any, op: str, args: tuple[Any, ...]) -> tuple[Hashable, Any]:
        match op, args:
            case "push", (value,):
                return (*state, value), None
            case "pop", ():
                return (state[:-1], state[-1]) if state else (state, None)
        raise UnknownOperation(op, args)


def test_models_and_names_of_users() -> None:
    calls = [call("Stack.push", 1, at=(0, 10)), call("Stack.push", 2, at=(20, 30)), call("Stack.ping", at=(0, 1))]
    names = {"Stack.push": "push", "Stack.pop": "pop", "Stack.ping": None}
    assert linearizability.check([*calls, call("Stack.pop", at=(40, 50), result=2)], Stack(), names=names).is_ok
    assert not linearizability.check([*calls, call("Stack.pop", at=(40, 50), result=1)], Stack(), names=names).is_ok
    with pytest.raises(UnknownOperation, match="push"):
        linearizability.check(calls, Register())


# --- What it costs -------------------------------------------------------------------------------------


def service_history(count: int, keys: int, clients: int, maybe: float, lie: float, seed: int) -> list[Call]:
    """Calls of clients that wait between 1 and 2,000 ns for each; some effects of `maybe` calls come, some do not."""
    chance = random.Random(seed)
    free = [chance.randrange(100) for _ in range(clients)]
    spans: list[tuple[int, int, int]] = []
    for _ in range(count):
        client = min(range(clients), key=free.__getitem__)
        begin = free[client]
        end = begin + chance.randrange(1, 2000)
        free[client] = end + chance.randrange(1, 100)
        spans.append((chance.randrange(begin, end + 1), begin, end))
    states: dict[int, int | None] = {}
    calls: list[Call] = []
    for index, (_, begin, end) in enumerate(sorted(spans)):
        key = chance.randrange(keys)
        state = states.get(key)
        outcome = "maybe" if chance.random() < maybe else "ok"
        match chance.choice(["read", "read", "write", "write", "cas"]):
            case "read":
                result = -1 if chance.random() < lie else state
                calls.append(call("read", at=(begin, end), result=result, outcome=outcome, key=key))
                continue
            case "write":
                calls.append(call("write", index, at=(begin, end), outcome=outcome, key=key))
                behind: int | None = index
            case _:
                expected = state if chance.random() < 0.7 else -2
                won = expected == state
                calls.append(call("cas", expected, index, at=(begin, end), result=won, outcome=outcome, key=key))
                behind = index if won else state
        if outcome == "ok" or chance.random() < 0.5:
            states[key] = behind
    return calls


@pytest.mark.parametrize("maybe, lie, outcome", [(0.0, 0.0, "ok"), (0.1, 0.0, "ok"), (0.05, 0.001, "violated")])
def test_ten_thousand_calls_are_judged_in_time(maybe: float, lie: float, outcome: str) -> None:
    calls = service_history(10_000, 50, 20, maybe, lie, seed=3)
    begun = time.monotonic()
    verdict = linearizability.check(calls, Register())
    assert verdict.outcome == outcome, verdict.describe()
    assert time.monotonic() - begun < 20


def hard() -> list[Call]:
    """No order exists, and each of 20! must be looked at: all overlap, and each sum is another state."""
    calls = [call("add", 1 << index, at=(0, 1000)) for index in range(20)]
    return [*calls, call("read", at=(2000, 3000), result=-1)]


def test_a_search_that_is_given_up_is_unknown() -> None:
    easy = [call("add", 1, at=(0, 10), key="easy"), call("read", at=(20, 30), key="easy", result=1)]
    verdict = linearizability.check([*hard(), *easy], Counter(), steps_max=20_000)
    assert (verdict.outcome, verdict.is_ok, verdict.steps) == ("unknown", False, 20_001)
    assert [one.outcome for one in verdict.keys] == ["unknown", "ok"]
    assert "unknown" in verdict.describe()
    begun = time.monotonic()
    assert linearizability.check(hard(), Counter(), seconds_max=0.1).outcome == "unknown"
    assert time.monotonic() - begun < 5
    wrong = [call("read", at=(20, 30), key="wrong", result=1)]
    assert linearizability.check([*hard(), *wrong], Counter(), steps_max=20_000).outcome == "violated"
