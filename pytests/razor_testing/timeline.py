"""Timeline: calls and faults as one HTML page, which needs nothing else and runs no scripts.

    timeline.write(tmp_path / "t.html", verdict.violations[0].calls, history=history, faults=[(at_ns, "killed s1")])

Each client has a row, in which a call is a bar from its invocation to its return; an open one reaches to the right edge.
Servers have rows with marks where they ran, applied and stored a call. A fault is a line across all rows.
"""

import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from razor_testing.calls import OPEN, Call, Recorded
from razor_testing.history import History
from razor_testing.history_lines import Line

# What a page shows at most; it says how many more there were.
CALLS_MAX, FAULTS_MAX, LINES_MAX = 500, 200, 2000
TEXT_MAX = 300

# Nothing is loaded, and nothing runs, even if a text should get past the escaping.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body { font: 13px sans-serif; margin: 1em; color: #222 }
.row { display: flex; border-top: 1px solid #ddd; min-height: 22px }
.over { position: absolute; inset: 0; border: 0; pointer-events: none }
.name { flex: 0 0 11em; overflow: hidden; white-space: nowrap; padding-top: 3px }
.lanes { flex: 1; position: relative }
.bar { position: absolute; height: 16px; min-width: 2px; overflow: hidden; white-space: nowrap; font-size: 11px;
       border-radius: 2px; padding: 0; box-sizing: border-box; border-left: 2px solid rgba(0, 0, 0, .4) }
.ok { background: #a6d8a8 } .failed { background: #d0d0d0 } .maybe { background: #ffd27a }
.open { background: #f5b5b5; border-right: 3px dashed #a33 }
.ran, .applied, .stored { position: absolute; top: 3px; width: 5px; height: 14px; margin-left: -2px; border-radius: 2px }
.ran { background: #5b8def } .applied { background: #8a4fbf } .stored { background: #2c7a4b }
.fault { position: absolute; top: 0; bottom: 0; width: 0; border-left: 2px solid #d22 }
.fault span { position: absolute; top: 0; left: 2px; color: #d22; font-size: 11px; white-space: nowrap }
.legend span { padding: 1px 6px; margin-right: 4px; position: static; display: inline-block; width: auto; color: #222 }
table { border-collapse: collapse; margin-top: 1em } td, th { text-align: left; padding: 1px 8px; vertical-align: top }
"""


def write(
    path: Path | str,
    calls: Iterable[Call],
    *,
    history: History | Recorded | None = None,
    faults: Iterable[tuple[int, str]] = (),
    title: str = "Calls",
) -> Path:
    """Writes the page of these calls, with what servers of `history` say of them. Raises OSError, HistoryError."""
    shown = list(calls)
    lines: list[Line] = []
    if history is not None:
        recorded = history.read() if isinstance(history, History) else history
        ids = {call.id for call in shown}
        lines = [line for line in (*recorded.ran, *recorded.applied, *recorded.stored) if line.id in ids]
    Path(path).write_text(page(shown, lines=lines, faults=faults, title=title), encoding="utf-8", errors="backslashreplace")
    return Path(path)


def page(
    calls: Iterable[Call], *, lines: Iterable[Line] = (), faults: Iterable[tuple[int, str]] = (), title: str = "Calls"
) -> str:
    """The page. `lines` are those of servers; the times of `faults` are of the clock of the calls (time.monotonic_ns)."""
    return _Page(list(calls), list(lines), sorted(faults), title).text()


class _Page:
    def __init__(self, calls: list[Call], lines: list[Line], faults: list[tuple[int, str]], title: str):
        calls.sort(key=lambda call: (call.invoked_ns, call.id))
        self._left_out = {
            "calls": max(len(calls) - CALLS_MAX, 0),
            "lines of servers": max(len(lines) - LINES_MAX, 0),
            "faults": max(len(faults) - FAULTS_MAX, 0),
        }
        self._calls, self._lines, self._faults = calls[:CALLS_MAX], lines[:LINES_MAX], faults[:FAULTS_MAX]
        self._title = title
        times = [call.invoked_ns for call in self._calls]
        times += [call.completed_ns for call in self._calls if call.completed_ns is not None]
        times += [line.at_ns for line in self._lines] + [at_ns for at_ns, _ in self._faults]
        self._begin = min(times, default=0)
        self._span = max(max(times, default=0) - self._begin, 1) * 1.05

    def text(self) -> str:
        left_out = ", ".join(f"{count} more {what}" for what, count in self._left_out.items() if count)
        scale = f"{self._span / 1.05 / 1e6:.3f} ms from {self._begin} ns."
        legend = ("ok", "failed", "maybe", "open", "ran", "applied", "stored")
        parts = [
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{_escaped(self._title)}</title>',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{_STYLE}</style></head><body>',
            f"<h1>{_escaped(self._title)}</h1>",
            f"<p>{scale} {left_out and f'Not shown: {left_out}.'}</p>",
            '<p class="legend">',
            *(f'<span class="{name}">{name}</span>' for name in legend),
            '</p><div style="position: relative">',
            *self._client_rows(),
            *self._server_rows(),
            '<div class="row over"><div class="name"></div><div class="lanes">',
            *(self._fault(number, at_ns) for number, (at_ns, _) in enumerate(self._faults, start=1)),
            "</div></div></div>",
            *self._fault_list(),
            *self._table(),
            "</body></html>\n",
        ]
        return "\n".join(parts)

    def _at(self, at_ns: int) -> str:
        return f"{100 * (at_ns - self._begin) / self._span:.4f}%"

    def _client_rows(self) -> list[str]:
        by_client: dict[str, list[Call]] = {}
        for call in self._calls:
            by_client.setdefault(call.process if call.client is None else f"{call.process}: {call.client}", []).append(call)
        return [self._row(name, *self._bars(by_client[name])) for name in sorted(by_client)]

    def _bars(self, calls: Sequence[Call]) -> tuple[list[str], int]:
        """Calls that overlap are below each other. Returns the number of lanes, too."""
        ends: list[float] = []
        bars: list[str] = []
        for call in calls:
            end: float = self._begin + self._span if call.completed_ns is None else call.completed_ns
            lane = next((lane for lane, taken in enumerate(ends) if taken <= call.invoked_ns), len(ends))
            ends[lane : lane + 1] = [end]
            width = f"{100 * (end - call.invoked_ns) / self._span:.4f}%"
            place = f"left: {self._at(call.invoked_ns)}; width: {width}; top: {3 + 19 * lane}px"
            label = f"{call.op}({', '.join(map(json.dumps, call.args))})"
            kind, told = _escaped(call.outcome), _escaped(str(call))
            bars.append(f'<div class="bar {kind}" style="{place}" title="{told}">{_escaped(label)}</div>')
        return bars, len(ends)

    def _server_rows(self) -> list[str]:
        by_process: dict[str, list[str]] = {}
        for line in self._lines:
            told = _escaped(f"{line.kind} {line.id}")
            mark = f'<div class="{_escaped(line.kind)}" style="left: {self._at(line.at_ns)}" title="{told}"></div>'
            by_process.setdefault(line.process, []).append(mark)
        return [self._row(name, by_process[name], 1) for name in sorted(by_process)]

    @staticmethod
    def _row(name: str, marks: list[str], lanes: int) -> str:
        inner = "\n".join(marks)
        return (
            f'<div class="row" style="height: {4 + 19 * lanes}px"><div class="name">{_escaped(name)}</div>'
            f'<div class="lanes">{inner}</div></div>'
        )

    def _fault(self, number: int, at_ns: int) -> str:
        return f'<div class="fault" style="left: {self._at(at_ns)}"><span>{number}</span></div>'

    def _fault_list(self) -> list[str]:
        if not self._faults:
            return []
        return [
            "<h2>Faults</h2><ol>",
            *(f"<li>{(at_ns - self._begin) / 1e6:.3f} ms: {_escaped(text)}</li>" for at_ns, text in self._faults),
            "</ol>",
        ]

    def _table(self) -> list[str]:
        head = "<table><tr><th>from ms</th><th>to ms</th><th>client</th><th>call</th></tr>"
        return [head, *map(self._table_row, self._calls), "</table>"]

    def _table_row(self, call: Call) -> str:
        begin = f"{(call.invoked_ns - self._begin) / 1e6:.3f}"
        end = OPEN if call.completed_ns is None else f"{(call.completed_ns - self._begin) / 1e6:.3f}"
        client = _escaped(call.client or call.process)
        return f"<tr><td>{begin}</td><td>{end}</td><td>{client}</td><td>{_escaped(str(call))}</td></tr>"


def _escaped(text: str) -> str:
    return html.escape(text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]} …", quote=True)
