"""A history in EDN, as Jepsen, Knossos and Elle read it: one map a line.

Jepsen's processes are numbers, and one whose operation ended in :info is never used again: its client gets a new number.
"""

import json
from collections.abc import Iterable
from typing import Any

from razor_testing import history_lines
from razor_testing.calls import Call

_TYPES = {history_lines.OK: "ok", history_lines.FAILED: "fail", history_lines.MAYBE: "info"}


def exported(calls: Iterable[Call]) -> str:
    """Lines in the order of time. A call without completion has its :invoke only."""
    numbers: dict[tuple[str, str], int] = {}
    count = 0
    events: list[tuple[int, int, str]] = []
    for call in calls:
        client = (call.process, call.client) if call.client is not None else None
        process = numbers.get(client) if client is not None else None
        if process is None:
            process, count = count, count + 1
        if client is not None:
            numbers[client] = process
            if call.may_still_run:
                del numbers[client]
        keyed = [call.key, _single(call.args)] if call.key is not None else _single(call.args)
        events.append((call.invoked_ns, 0, _fields("invoke", call, process, keyed, call.invoked_ns)))
        if call.completed_ns is not None:
            value = _single(call.args) if call.result is None else call.result
            keyed = [call.key, value] if call.key is not None else value
            told = _fields(_TYPES[call.outcome], call, process, keyed, call.completed_ns)
            events.append((call.completed_ns, 1, told))
    events.sort(key=lambda event: event[:2])
    return "".join(f"{{:index {index}, {told}}}\n" for index, (_, _, told) in enumerate(events))


def _single(args: tuple[Any, ...]) -> Any:
    return None if not args else args[0] if len(args) == 1 else list(args)


def _fields(kind: str, call: Call, process: int, value: Any, at_ns: int) -> str:
    error = "" if call.error is None or kind == "invoke" else f", :error {encoded(call.error)}"
    return f":type :{kind}, :f {_keyword(call.op)}, :value {encoded(value)}, :process {process}, :time {at_ns}{error}"


def _keyword(op: str) -> str:
    """What a keyword may not hold becomes a hyphen."""
    return ":" + "".join(character if character.isalnum() or character in "-_.?!*+" else "-" for character in op)


def encoded(value: Any) -> str:
    """A JSON value as EDN."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return "[" + " ".join(map(encoded, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{encoded(name)} {encoded(one)}" for name, one in value.items()) + "}"
        case str():
            return _text(value)
        case _:
            return json.dumps(value)


def _text(value: str) -> str:
    """EDN's texts know fewer escapes than those of JSON: all else stands as it is."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(character, character) for character in value) + '"'
