"""The lines of a history of calls: what each may hold (pytests/history.md), read strictly.

A file comes from processes that were killed while they wrote, or from somebody else's recorder: a line that is not as it
must be raises HistoryError, which names file and line. Only a torn line, which a killed writer leaves, is skipped.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FORMAT = 1
LINE_BYTES_MAX = 1 << 20
NAME_BYTES_MAX = 256
NS_MAX = (1 << 63) - 1
# A writer that finds a torn last line when it opens the file ends it with this.
TORN_MARK = b"#torn"

OK, FAILED, MAYBE = "ok", "failed", "maybe"
RAN_NO, RAN_MAYBE, RAN_YES = "no", "maybe", "yes"
# What an outcome may say of `ran`: a call with a result ran; a failed one had no effect, for it did not run or its handler
# says so.
RAN_OF_OUTCOME = {OK: (RAN_YES,), FAILED: (RAN_NO, RAN_YES), MAYBE: (RAN_MAYBE, RAN_YES)}


class HistoryError(Exception):
    """A history is not as history.md says; the text names file and line."""


@dataclass(frozen=True)
class Line:
    """One line as it stands in its file, and what it says."""

    file: str
    number: int
    text: str
    said: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.said["type"])

    @property
    def process(self) -> str:
        return str(self.said["process"])

    @property
    def id(self) -> str:
        """The call's; not of a `start`."""
        return str(self.said["id"])

    @property
    def at_ns(self) -> int:
        return int(self.said["at_ns"])

    def __str__(self) -> str:
        return f"{self.file}:{self.number}: {self.text}"

    def error(self, what: str) -> HistoryError:
        return HistoryError(f"{self.file}:{self.number}: {what}")


def _is_name(value: Any) -> bool:
    try:
        return isinstance(value, str) and 0 < len(value.encode()) <= NAME_BYTES_MAX
    except UnicodeEncodeError:  # half a pair of surrogates, which JSON can spell
        return False


def _is_ns(value: Any) -> bool:
    return type(value) is int and 0 <= value <= NS_MAX


def _is_key(value: Any) -> bool:
    return value is None or isinstance(value, str) or type(value) is int


def _one_of(*words: str) -> tuple[Callable[[Any], bool], str]:
    return lambda value: isinstance(value, str) and value in words, "one of " + ", ".join(words)


_NAME = (_is_name, f"a text of 1 to {NAME_BYTES_MAX} bytes")
_NS = (_is_ns, f"a whole number from 0 to {NS_MAX}")
_FORMAT = (lambda value: type(value) is int and value == FORMAT, f"the format {FORMAT}")
_KEY = (_is_key, "a text, a whole number or null")
_NAME_OR_NULL = (lambda value: value is None or _is_name(value), f"null or {_NAME[1]}")
_NS_OR_NULL = (lambda value: value is None or _is_ns(value), f"null or {_NS[1]}")
_ARGS = (lambda value: isinstance(value, list), "a list")
_ERROR = (lambda value: value is None or isinstance(value, str), "a text or null")
_ANYTHING = (lambda value: True, "anything")

_Check = tuple[Callable[[Any], bool], str]
_OF_SERVER: dict[str, _Check] = {"process": _NAME, "id": _NAME, "at_ns": _NS}
_REQUIRED: dict[str, dict[str, _Check]] = {
    "start": {"process": _NAME, "at_ns": _NS, "format": _FORMAT},
    "invoke": {"process": _NAME, "id": _NAME, "op": _NAME, "at_ns": _NS},
    "complete": {
        "process": _NAME,
        "id": _NAME,
        "at_ns": _NS,
        "outcome": _one_of(OK, FAILED, MAYBE),
        "ran": _one_of(RAN_NO, RAN_MAYBE, RAN_YES),
    },
    "ran": _OF_SERVER,
    "applied": _OF_SERVER,
    "stored": _OF_SERVER,
}
_OPTIONAL: dict[str, dict[str, _Check]] = {
    "invoke": {"client": _NAME_OR_NULL, "key": _KEY, "args": _ARGS, "deadline_ns": _NS_OR_NULL},
    "complete": {"result": _ANYTHING, "error": _ERROR},
}


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise ValueError("a field comes twice")
    return said


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def parsed(file: str, number: int, raw: bytes) -> Line:
    """One whole line without its end. Raises HistoryError."""
    line = Line(file, number, raw.decode(errors="replace"), {})
    if len(raw) > LINE_BYTES_MAX:
        raise line.error(f"a line has {len(raw)} bytes, and may have {LINE_BYTES_MAX}")
    try:
        said = json.loads(raw, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except (ValueError, RecursionError) as wrong:
        raise line.error(f"not JSON: {wrong or 'nested too deep'}") from None
    if not isinstance(said, dict):
        raise line.error("not an object")
    kind = said.get("type")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise line.error(f"`type` is {kind!r}, and must be one of {', '.join(_REQUIRED)}")
    required, optional = _REQUIRED[kind], _OPTIONAL.get(kind, {})
    for name, value in said.items():
        check = required.get(name) or optional.get(name)
        if check is None and name != "type":
            raise line.error(f"`{name}` is no field of `{kind}`")
        if check is not None and not check[0](value):
            raise line.error(f"`{name}` is {str(value)[:60]!r}, and must be {check[1]}")
    missing = [name for name in required if name not in said]
    if missing:
        raise line.error(f"`{kind}` lacks {', '.join(missing)}")
    if kind == "complete":
        _check_outcome(line, said)
    return Line(file, number, line.text, said)


def _check_outcome(line: Line, said: dict[str, Any]) -> None:
    outcome, ran = said["outcome"], said["ran"]
    if ran not in RAN_OF_OUTCOME[outcome]:
        raise line.error(f"outcome {outcome} with ran {ran}: it must be {' or '.join(RAN_OF_OUTCOME[outcome])}")
    if outcome == OK and said.get("error") is not None:
        raise line.error("outcome ok with an error")
    if outcome != OK and said.get("error") is None:
        raise line.error(f"outcome {outcome} without an error")


def lines_of(file: str, content: bytes) -> tuple[list[Line], int]:
    """All lines of a file, and how many were torn. Raises HistoryError."""
    *whole, rest = content.split(b"\n")
    torn = 1 if rest else 0
    lines: list[Line] = []
    for number, raw in enumerate(whole, start=1):
        if raw.endswith(TORN_MARK):
            torn += 1
        else:
            lines.append(parsed(file, number, raw))
    return lines, torn
