"""Plan: the faults of one run, as text: the language of `faults/`, so that a plan that failed in simulation can be played on
processes (play.py).

    scenario cluster
    seed 17
    set servers 3
    #1 at 1.25s cut caller0 server1 for 3s way=there
    #2 at 4s crash server0 for 500ms

A line of a fault: its number, when it begins, its kind, hosts, how long it lasts, parameters. Lines may come in any order;
empty ones and "# ..." are comments. `str(plan)` is what the programs of `faults/` print.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from razor_testing.plan_values import SECOND, duration_text, parse_duration, parse_number

SEED_MAX = (1 << 64) - 1
FAULT_NUMBER_MAX = (1 << 32) - 1
WORD = re.compile(r"[^ \t\r]+")
DIGITS = re.compile(r"[0-9]{1,20}")


class PlanError(ValueError):
    """A text that is no plan. Lines and columns count from 1."""

    def __init__(self, line: int, column: int, message: str):
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column
        self.message = message


@dataclass
class PlannedFault:
    """A line of a plan. Times are nanoseconds."""

    what: str  # a kind (plan_kinds.py), or an action of the scenario
    where: list[str] = field(default_factory=list)  # hosts; what their order means, the kind says
    at: int = 0  # since the faults began
    lasts: int = 0  # 0: it is over at once
    parameters: dict[str, str] = field(default_factory=dict)
    number: int = 0  # from 1; one of its own within a plan

    def seconds_of(self, parameter: str, otherwise: float) -> float:
        text = self.parameters.get(parameter)
        nanoseconds = None if text is None else parse_duration(text)
        return otherwise if nanoseconds is None else nanoseconds / SECOND

    def number_of(self, parameter: str, otherwise: int) -> int:
        text = self.parameters.get(parameter)
        number = None if text is None else parse_number(text)
        return otherwise if number is None else number

    def word_of(self, parameter: str, otherwise: str) -> str:
        return self.parameters.get(parameter, otherwise)

    def __str__(self) -> str:
        words = [f"#{self.number} at {duration_text(self.at)} {self.what}", *self.where]
        if self.lasts > 0:
            words.append(f"for {duration_text(self.lasts)}")
        words += [f"{name}={value}" for name, value in sorted(self.parameters.items())]
        return " ".join(words)


@dataclass
class Plan:
    """Faults by their time, and by number at the same time."""

    scenario: str = ""  # empty: any
    seed: int | None = None
    settings: dict[str, str] = field(default_factory=dict)  # what the scenario drew beside its faults
    faults: list[PlannedFault] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> "Plan":
        """Raises PlanError."""
        return _Parser(text).read(cls())

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Raises PlanError, and OSError where it cannot be read."""
        data = Path(path).read_bytes()
        try:
            text = data.decode()
        except UnicodeDecodeError as wrong:
            before = data[: wrong.start]
            column = wrong.start - (before.rfind(b"\n") + 1) + 1
            raise PlanError(before.count(b"\n") + 1, column, f"byte {data[wrong.start]:#04x}: want UTF-8") from None
        return cls.parse(text)

    @property
    def hosts(self) -> list[str]:
        """All that its faults name, each once."""
        return list(dict.fromkeys(host for fault in self.faults for host in fault.where))

    def without_idle(self, seconds: float = 1.0) -> "Plan":
        """A copy in which no more time than this passes while no fault is at work, also before the first."""
        longest = round(seconds * SECOND)
        shift = busy_until = 0
        moved = []
        for fault in sorted(self.faults, key=lambda fault: (fault.at, fault.number)):
            shift += max(0, fault.at - busy_until - longest)
            busy_until = max(busy_until, fault.at + fault.lasts, fault.at)
            moved.append(replace(fault, at=fault.at - shift))
        return Plan(self.scenario, self.seed, dict(self.settings), moved)

    def sort(self) -> None:
        self.faults.sort(key=lambda fault: (fault.at, fault.number))

    def __str__(self) -> str:
        lines = [f"scenario {self.scenario}"] if self.scenario else []
        lines += [f"seed {self.seed}"] if self.seed is not None else []
        lines += [f"set {name} {value}" for name, value in sorted(self.settings.items())]
        lines += [str(fault) for fault in self.faults]
        return "".join(f"{line}\n" for line in lines)


class _Parser:
    """Reads one text. Errors name the word where it went wrong."""

    def __init__(self, text: str):
        self._text = text
        self._line = 0
        self._words: list[re.Match[str]] = []
        self._lines_of: dict[int, int] = {}  # of faults that have a number, by it

    def read(self, plan: Plan) -> Plan:
        for self._line, line in enumerate(self._text.split("\n"), 1):
            self._words = list(WORD.finditer(line))
            if self._words:
                self._read_line([match[0] for match in self._words], plan)
        following = 1
        for fault in plan.faults:
            if fault.number == 0:
                while following in self._lines_of:
                    following += 1
                fault.number = following
                following += 1
        plan.sort()
        return plan

    def _wrong(self, word: int, message: str) -> PlanError:
        """`word`: its index; behind the last one: the end of the line."""
        column = self._words[word].start() + 1 if word < len(self._words) else self._words[-1].end() + 1
        return PlanError(self._line, column, message)

    def _read_line(self, words: list[str], plan: Plan) -> None:
        first = words[0]
        is_numbered = len(first) > 1 and first[0] == "#" and len(words) > 1 and words[1] == "at"
        if first == "at" or is_numbered:
            plan.faults.append(self._read_fault(words))
        elif first[0] == "#":
            return
        elif first == "scenario" and len(words) == 2:
            plan.scenario = words[1]
        elif first == "seed" and len(words) == 2:
            if DIGITS.fullmatch(words[1]) is None or int(words[1]) > SEED_MAX:
                raise self._wrong(1, f"seed {words[1]}: want a whole number")
            plan.seed = int(words[1])
        elif first == "set" and len(words) == 3:
            plan.settings[words[1]] = words[2]
        else:
            wanted = "want 'scenario NAME', 'seed NUMBER', 'set NAME VALUE' or '[#NUMBER] at TIME WHAT ...'"
            raise self._wrong(0, f"{first}: {wanted}")

    def _read_fault(self, words: list[str]) -> PlannedFault:
        index = 0
        number = 0
        if words[0][0] == "#":
            digits = words[0][1:]
            number = int(digits) if DIGITS.fullmatch(digits) else 0
            if not 0 < number <= FAULT_NUMBER_MAX:
                raise self._wrong(0, f"{words[0]}: want a number from 1")
            if number in self._lines_of:
                raise self._wrong(0, f"two faults are called #{number}, the other one in line {self._lines_of[number]}")
            self._lines_of[number] = self._line
            index = 1
        if len(words) - index < 3:
            raise self._wrong(len(words), "want: [#NUMBER] at TIME WHAT [HOST ...] [for TIME] [NAME=VALUE ...]")
        at = parse_duration(words[index + 1])
        if at is None:
            raise self._wrong(index + 1, f"at {words[index + 1]}: want a time, as 1.25s")
        fault = PlannedFault(words[index + 2], at=at, number=number)
        self._read_details(words, index + 3, fault)
        return fault

    def _read_details(self, words: list[str], index: int, fault: PlannedFault) -> None:
        while index < len(words):
            word = words[index]
            name, equals, value = word.partition("=")
            if word == "for":
                index += 1
                lasts = parse_duration(words[index]) if index < len(words) else None
                if lasts is None:
                    raise self._wrong(index, "for: want a time, as 250ms")
                fault.lasts = lasts
            elif equals:
                if not name or not value:
                    raise self._wrong(index, f"{word}: want NAME=VALUE")
                fault.parameters[name] = value
            else:
                fault.where.append(word)
            index += 1
