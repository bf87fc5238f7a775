"""Runs scenarios for a while, each with its share of the time, and sums up."""

import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cluster_chaos.scenarios import Scenario
from cluster_chaos.trial import Result, Trial

SHOWN_BROKEN = 3


@dataclass
class Row:
    """A scenario, and what came of it."""

    scenario: Scenario
    seed: int
    rounds: int = 0
    seconds: float = 0.0
    result: Result = field(default_factory=Result)
    # What went wrong besides broken rules: a wait that took too long.
    error: str = ""

    @property
    def is_well(self) -> bool:
        return not self.result.broken and not self.error

    def again(self, seconds: float) -> str:
        return f"ci/chaos {self.scenario.name} --seed {self.seed} --minutes {seconds / 60:.3g}"


def run_scenario(
    scenario: Scenario, node: Path, directory: Path, seed: int, seconds: float, tell: Callable[[Row, Trial], None]
) -> Row:
    """As many rounds as begin within `seconds`, at least one. `tell` is called after each."""
    row = Row(scenario, seed)
    begun = time.monotonic()
    trial = Trial(directory, node, seed=seed, **scenario.options)
    row.result = trial.result
    try:
        with trial:
            while True:
                scenario.round(trial)
                row.rounds += 1
                tell(row, trial)
                if time.monotonic() - begun >= seconds:
                    break
    except (AssertionError, OSError) as wrong:
        row.error = f"{type(wrong).__name__}: {wrong}"
    row.seconds = time.monotonic() - begun
    if row.is_well:
        shutil.rmtree(directory, ignore_errors=True)  # a history is large
    return row


def recovery_text(recovered: list[tuple[float, float]]) -> str:
    """The median and the longest time, and the promise."""
    if not recovered:
        return "-"
    times = [took for took, _ in recovered]
    return f"{statistics.median(times):.2f} / {max(times):.2f} s ({max(within for _, within in recovered):.1f})"


def table(rows: list[Row]) -> str:
    lines = [("scenario", "rounds", "calls", "failed", "slowest", "recovered: median / most (promised)", "")]
    for row in rows:
        result = row.result
        lines.append(
            (
                row.scenario.name,
                str(row.rounds),
                f"{result.calls:,}",
                f"{sum(result.failed.values()):,}",
                f"{result.slowest_ms / 1000:.2f} s",
                recovery_text(result.recovered),
                "ok" if row.is_well else "BROKEN",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def troubles(rows: list[Row], seconds: float, directory: Path) -> str:
    """Of each scenario that is not well: what is broken, where its logs are, and what repeats it."""
    texts = []
    for row in rows:
        if row.is_well:
            continue
        broken = row.result.broken[:SHOWN_BROKEN]
        more = len(row.result.broken) - len(broken)
        lines = [f"{row.scenario.name}: {row.scenario.what}", *([row.error] if row.error else []), *broken]
        lines += [f"and {more} more"] if more > 0 else []
        lines += [f"logs and histories: {directory / row.scenario.name}", f"again: {row.again(seconds)}"]
        texts.append("\n    ".join(lines))
    return "\n\n".join(texts)


class Progress:
    """On a terminal one line that is written over; elsewhere a line for each scenario."""

    def __init__(self, count: int):
        self._count = count
        self._is_live = sys.stderr.isatty()

    def show(self, number: int, row: Row, trial: Trial) -> None:
        if not self._is_live:
            return
        now = trial.load.now
        bad = [one["address"] for one in now["pool"]["addresses"] if one["health"] != "healthy"]
        text = f"[{number} of {self._count}] {row.scenario.name}: round {row.rounds}, {now['calls']:,} calls"
        text += f", away: {', '.join(bad)}" if bad else ", all servers in use"
        print(f"\r\033[K{text[:118]}", end="", file=sys.stderr, flush=True)

    def done(self, number: int, row: Row) -> None:
        if self._is_live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        state = "ok" if row.is_well else "BROKEN"
        print(
            f"[{number} of {self._count}] {row.scenario.name}: {row.result.calls:,} calls, {row.rounds} rounds in "
            f"{row.seconds:.0f} s, recovered {recovery_text(row.result.recovered)}: {state}",
            flush=True,
        )
