"""Reads the files that processes write, which may be large and may grow meanwhile."""

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# What no log may hold: findings of sanitizers, of failed checks, of exceptions that nobody caught.
ALARMS = re.compile(
    r"\b(?:HW)?(?:Address|Leak|Memory|Thread|UndefinedBehavior)Sanitizer\b|runtime error: |check failed|terminate called"
)
CHUNK_BYTES = 1 << 16
# The rest of a longer line is taken for another line.
LINE_BYTES_MAX = 1 << 20
TAIL_BYTES = 1 << 14
TAIL_COLUMNS = 300


class LineReader:
    """The complete lines that are appended to a file, from an offset on. Not for several threads at a time."""

    def __init__(self, path: Path, offset: int):
        self._path = path
        self._offset = offset
        self._partial = b""

    def lines(self) -> Iterator[str]:
        """Those that were appended since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while chunk := file.read(CHUNK_BYTES):
                self._offset += len(chunk)
                *complete, self._partial = (self._partial + chunk).split(b"\n")
                if len(self._partial) > LINE_BYTES_MAX:
                    complete.append(self._partial)
                    self._partial = b""
                yield from (_text(line) for line in complete)

    def incomplete_line(self) -> str:
        """What was appended behind the last complete line."""
        return _text(self._partial)


def text_from(path: Path, offset: int) -> str:
    """What the file holds behind the offset; nothing when there is no such file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().decode("utf-8", "replace")


def tail(path: Path, lines: int) -> list[str]:
    """How the file ends."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    return [line[:TAIL_COLUMNS] for line in text.splitlines()[-lines:]]


def first_alarm(path: Path, ignored: Iterable[str] = ()) -> str | None:
    """The first line with an alarm that none of the regular expressions finds something in."""
    patterns = [re.compile(pattern) for pattern in ignored]
    reader = LineReader(path, 0)
    for line in itertools.chain(reader.lines(), (reader.incomplete_line() for _ in range(1))):
        if ALARMS.search(line) and not any(pattern.search(line) for pattern in patterns):
            return line[:TAIL_COLUMNS]
    return None


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
