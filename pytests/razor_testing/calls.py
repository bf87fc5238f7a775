"""Calls, put together from the lines of a history in the order of time."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from razor_testing import history_lines
from razor_testing.history_lines import MAYBE, OK, Line

OPEN = "open"  # of a call without a `complete`


@dataclass(frozen=True)
class Call:
    """One call, from its `invoke` to its `complete`, which tells `outcome`, `ran`, `result` and `error`."""

    id: str
    process: str
    client: str | None
    op: str
    key: str | int | None
    args: tuple[Any, ...]
    invoked_ns: int
    deadline_ns: int | None = None
    completed_ns: int | None = None
    outcome: str = OPEN
    ran: str = history_lines.RAN_MAYBE
    result: Any = None
    error: str | None = None
    # Its process was started again while it was open: it never completes.
    is_abandoned: bool = False
    lines: tuple[Line, ...] = field(default=(), compare=False)

    @property
    def may_still_run(self) -> bool:
        """Its effect may come at any time after its `invoke`, or never."""
        return self.outcome in (MAYBE, OPEN)

    def __str__(self) -> str:
        arguments = ", ".join(json.dumps(argument) for argument in self.args)
        of_key = "" if self.key is None else f" of {self.key}"
        end = {OK: json.dumps(self.result), OPEN: OPEN}.get(self.outcome, f"{self.outcome}: {self.error} (ran: {self.ran})")
        return f"{self.id}: {self.op}({arguments}){of_key} = {end}"


@dataclass(frozen=True)
class Recorded:
    """What all files of a history say, in the order of time."""

    calls: tuple[Call, ...] = ()
    ran: tuple[Line, ...] = ()
    applied: tuple[Line, ...] = ()
    stored: tuple[Line, ...] = ()
    # A `complete` of a call that was completed before, or never invoked.
    stray_completions: tuple[Line, ...] = ()
    starts: tuple[Line, ...] = ()
    torn_lines: int = 0
    # The time of the last line of each process.
    last_ns: Mapping[str, int] = field(default_factory=dict)


def parse(text: str, name: str = "history") -> Recorded:
    """A history that is a text, not a file."""
    return read([(name, text.encode())])


def read(files: Iterable[tuple[str, bytes]]) -> Recorded:
    """Names and contents of files. Raises HistoryError."""
    lines: list[Line] = []
    torn = 0
    for name, content in files:
        of_file, torn_here = history_lines.lines_of(name, content)
        lines += of_file
        torn += torn_here
    lines.sort(key=lambda line: line.at_ns)
    return _Joined(lines).recorded(torn)


class _Joined:
    """Puts lines, in the order of time, together to calls."""

    def __init__(self, lines: list[Line]):
        self._invokes: dict[str, Line] = {}
        self._completes: dict[str, Line] = {}
        self._abandoned: set[str] = set()
        self._open_of_client: dict[tuple[str, str], str] = {}
        self._open_of_process: dict[str, set[str]] = {}
        self._of_kind: dict[str, list[Line]] = {"ran": [], "applied": [], "stored": [], "start": []}
        self._strays: list[Line] = []
        self._last_ns = {line.process: line.at_ns for line in lines}
        for line in lines:
            if line.kind != "start" and line.process not in self._open_of_process:
                raise line.error(f"process {line.process} has no `start` before this line")
            match line.kind:
                case "start":
                    self._start(line)
                case "invoke":
                    self._invoke(line)
                case "complete":
                    self._complete(line)
            if line.kind in self._of_kind:
                self._of_kind[line.kind].append(line)

    def recorded(self, torn_lines: int) -> Recorded:
        return Recorded(
            tuple(self._call(line) for line in self._invokes.values()),
            tuple(self._of_kind["ran"]),
            tuple(self._of_kind["applied"]),
            tuple(self._of_kind["stored"]),
            tuple(self._strays),
            tuple(self._of_kind["start"]),
            torn_lines,
            self._last_ns,
        )

    def _start(self, line: Line) -> None:
        still_open = self._open_of_process.get(line.process, set())
        self._abandoned |= still_open
        self._open_of_client = {
            client: call_id for client, call_id in self._open_of_client.items() if call_id not in still_open
        }
        self._open_of_process[line.process] = set()

    def _invoke(self, line: Line) -> None:
        if line.id in self._invokes:
            raise line.error(f"the id {line.id} was invoked before, at {_place(self._invokes[line.id])}")
        client = line.said.get("client")
        if client is not None:
            earlier = self._open_of_client.get((line.process, client))
            if earlier is not None:
                raise line.error(f"client {client} has another call open, {earlier} of {_place(self._invokes[earlier])}")
            self._open_of_client[line.process, client] = line.id
        self._invokes[line.id] = line
        self._open_of_process[line.process].add(line.id)

    def _complete(self, line: Line) -> None:
        invoke = self._invokes.get(line.id)
        if invoke is None or line.id in self._completes:
            self._strays.append(line)
            return
        if invoke.process != line.process:
            raise line.error(f"{line.process} completes {line.id}, which {invoke.process} invoked at {_place(invoke)}")
        if line.id in self._abandoned:
            raise line.error(f"{line.id} is completed though its process was started again after {_place(invoke)}")
        self._completes[line.id] = line
        self._open_of_process[line.process].discard(line.id)
        client = invoke.said.get("client")
        if client is not None:
            self._open_of_client.pop((line.process, client), None)

    def _call(self, invoke: Line) -> Call:
        said = invoke.said
        call = Call(
            invoke.id,
            invoke.process,
            said.get("client"),
            said["op"],
            said.get("key"),
            tuple(said.get("args", ())),
            invoke.at_ns,
            said.get("deadline_ns"),
            is_abandoned=invoke.id in self._abandoned,
            lines=(invoke,),
        )
        complete = self._completes.get(invoke.id)
        if complete is None:
            return call
        end = complete.said
        return replace(
            call,
            completed_ns=complete.at_ns,
            outcome=end["outcome"],
            ran=end["ran"],
            result=end.get("result"),
            error=end.get("error"),
            lines=(invoke, complete),
        )


def _place(line: Line) -> str:
    return f"{line.file}:{line.number}"
