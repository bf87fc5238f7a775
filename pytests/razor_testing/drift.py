"""Finds what a process uses more and more of: memory, descriptors, threads."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from razor_testing.process import ProcessFailure, ServiceProcess, Usage

# Fewer say nothing.
SAMPLES_MIN = 6
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Allowance:
    """What may grow without being told: caches warm up, an allocator keeps some."""

    resident_bytes: int = 8 * MEGABYTE
    resident_share: float = 0.1
    descriptors: int = 0
    threads: int = 0


@dataclass
class _Series:
    """Samples of one run of a process."""

    pid: int
    samples: list[tuple[float, Usage]] = field(default_factory=list)


class DriftCheck:
    """Samples what processes use, and says what grew.

    Something grew when all samples of the last third are above all of the first third, by more than is allowed: a level that
    goes up and down is none. A restart begins anew. As a context manager it samples every `every` seconds in a thread:

        with DriftCheck(cluster) as drift: ...
        assert not drift.findings()
    """

    def __init__(
        self, processes: ServiceProcess | Iterable[ServiceProcess], *, every: float = 1.0, allowance: Allowance = Allowance()
    ):
        if every <= 0:
            raise ValueError(f"every is {every} seconds: must be above 0")
        self._processes = [processes] if isinstance(processes, ServiceProcess) else list(processes)
        self._every = every
        self._allowance = allowance
        self._lock = threading.Lock()
        self._series: dict[str, list[_Series]] = {process.name: [] for process in self._processes}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def sample(self) -> None:
        """Of each that runs now. Samples must come at even distances, and count from when the process is warm."""
        for process in self._processes:
            try:
                pid, usage = process.pid, process.usage()
            except ProcessFailure:
                continue
            with self._lock:
                runs = self._series[process.name]
                if not runs or runs[-1].pid != pid:
                    runs.append(_Series(pid))
                runs[-1].samples.append((time.monotonic(), usage))

    @property
    def samples(self) -> int:
        """How many were taken of all processes."""
        with self._lock:
            return sum(len(run.samples) for runs in self._series.values() for run in runs)

    def findings(self) -> list[str]:
        """A sentence for each thing of each process that grew."""
        with self._lock:
            runs = [(name, run.pid, list(run.samples)) for name, runs in self._series.items() for run in runs]
        return [finding for name, pid, samples in runs for finding in self._judge(f"{name} (pid {pid})", samples)]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._sample_on, name="razor-drift", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _sample_on(self) -> None:
        while not self._stop.wait(self._every):
            self.sample()

    def _judge(self, who: str, samples: list[tuple[float, Usage]]) -> list[str]:
        if len(samples) < SAMPLES_MIN:
            return []
        third = len(samples) // 3
        over = f"over {len(samples)} samples in {samples[-1][0] - samples[0][0]:.1f} s"
        usages = [usage for _, usage in samples]
        findings = []

        def grew(values: list[int], allowed: float) -> tuple[int, int] | None:
            before, after = max(values[:third]), min(values[-third:])
            return (before, after) if after > before + allowed else None

        resident = [usage.resident_bytes for usage in usages]
        allowed = max(self._allowance.resident_bytes, self._allowance.resident_share * max(resident[:third]))
        if found := grew(resident, allowed):
            before, after = (f"{size / MEGABYTE:.1f} MB" for size in found)
            findings.append(f"{who}: resident memory grew from {before} to {after} {over}")
        if found := grew([usage.descriptors for usage in usages], self._allowance.descriptors):
            findings.append(f"{who}: open descriptors grew from {found[0]} to {found[1]} {over}")
        if found := grew([usage.threads for usage in usages], self._allowance.threads):
            findings.append(f"{who}: threads grew from {found[0]} to {found[1]} {over}")
        return findings
