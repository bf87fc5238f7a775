"""History: the calls of a test, as the processes that made and served them wrote them down (pytests/history.md).

    with History(tmp_path / "history.jsonl") as history:
        recorder = history.recorder("test")
        with recorder.call("write", [1], key="x", client="a", timeout=2) as call:
            call.ok(client.call("Kv.put", "x", 1, call.id))
        ...
        findings = ledger.check(history)

Processes of the service write files of their own (`history.file_for("s1")`), which are read along.
"""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from razor_testing import edn
from razor_testing.calls import OPEN, Call, Recorded, read
from razor_testing.history_lines import FAILED, MAYBE, OK, HistoryError, Line
from razor_testing.recorder import RecordedCall, Recorder

__all__ = [
    "FAILED",
    "MAYBE",
    "OK",
    "OPEN",
    "Call",
    "History",
    "HistoryError",
    "Line",
    "Recorded",
    "RecordedCall",
    "Recorder",
]

DESCRIBED_MAX = 20


class History:
    """Files of recorded calls. What they say is read when it is asked for, and again when they have grown.

    Errors:  HistoryError where a file is not as it must be, OSError where one cannot be read.
    Life:    as a context manager it closes its recorders; the files stay.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._more: list[Path] = []
        self._recorders: dict[str, Recorder] = {}
        self._known: tuple[tuple[tuple[Path, int], ...], Recorded] | None = None

    @classmethod
    def load(cls, paths: Iterable[Path | str]) -> "History":
        """All that was written before, checked now. A file that is not there is an error."""
        files = [Path(path) for path in paths]
        if not files:
            raise ValueError("a history needs a file")
        for file in files:
            file.stat()
        history = cls(files[0])
        history._more = files[1:]
        history.read()
        return history

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for recorder in self._recorders.values():
            recorder.close()
        self._recorders.clear()

    def recorder(self, process: str) -> Recorder:
        """The one recorder of this name, which the history closes."""
        if process not in self._recorders:
            self._recorders[process] = Recorder(self.path, process)
        return self._recorders[process]

    def file_for(self, process: str) -> Path:
        """A file beside this one, for a process that records itself: give it the path."""
        file = self.path.with_name(f"{self.path.stem}.{process}{self.path.suffix}")
        self.add(file)
        return file

    def add(self, file: Path | str) -> None:
        """Another file to read; it need not be there yet."""
        if Path(file) not in self.paths:
            self._more.append(Path(file))

    @property
    def paths(self) -> list[Path]:
        return [self.path, *self._more]

    def read(self) -> Recorded:
        """All that the files say by now."""
        sizes = tuple((path, path.stat().st_size) for path in self.paths if path.exists())
        if self._known is None or self._known[0] != sizes:
            self._known = sizes, read((str(path), path.read_bytes()) for path, _ in sizes)
        return self._known[1]

    @property
    def calls(self) -> tuple[Call, ...]:
        """In the order in which they were invoked."""
        return self.read().calls

    def describe(self) -> str:
        """For the report of a failed test: how many calls ended how, and the last ones. Raises nothing."""
        try:
            recorded = self.read()
        except (HistoryError, OSError) as wrong:
            return f"the history cannot be read: {wrong}"
        outcomes = [call.outcome for call in recorded.calls]
        counts = ", ".join(f"{outcomes.count(name)} {name}" for name in (OK, FAILED, MAYBE, OPEN))
        lines = [f"{len(outcomes)} calls: {counts}; {recorded.torn_lines} torn lines; in " + ", ".join(map(str, self.paths))]
        lines += [f"    {call}" for call in recorded.calls[-DESCRIBED_MAX:]]
        return "\n".join(lines)

    def to_edn(self) -> str:
        """The history as Jepsen's tools read it: see history.md for what becomes of each field."""
        return edn.exported(self.calls)
