"""Plays a plan on processes and on the proxies between them, in the background.

    proxies = {"server0": proxy0, ("client0", "server1"): proxy01}
    with play(Plan.load("failed.plan"), processes=cluster, proxies=proxies) as run:
        ...
    print(run.result)

What cannot be played is reported as skipped, with the reason; where a fault is played in another way than the simulator
would, its notes say so. At the end all is healed: faults are cleared, processes resumed and restarted.
"""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Literal, Self

from razor_testing.plan import Plan, PlannedFault
from razor_testing.plan_kinds import what_is_wrong
from razor_testing.plan_values import SECOND
from razor_testing.play_kinds import Play, Skip, Step, prepare
from razor_testing.play_targets import Processes, Proxies, Targets, Undo

ENDS, BEGINS = 0, 1  # at the same time, in this order


@dataclass
class Outcome:
    """What became of one fault."""

    fault: PlannedFault
    status: Literal["waiting", "at work", "played", "skipped", "failed"] = "waiting"
    notes: list[str] = field(default_factory=list)  # why it was skipped, what failed, what was different
    began: float | None = None  # seconds since the player started
    ended: float | None = None
    acted: int = 0  # how often it changed something; 0: all went as it would have without it

    def __str__(self) -> str:
        when = "" if self.began is None else f" at {self.began:.3f} s"
        acted = f", acted {self.acted} times" if self.status == "played" else ""
        notes = "".join(f"; {note}" for note in self.notes)
        return f"{self.fault}: {self.status}{when}{acted}{notes}"


@dataclass
class PlayResult:
    """Of a player that is done, or of what it has done so far."""

    outcomes: list[Outcome]

    @property
    def played(self) -> list[Outcome]:
        return self._of("played")

    @property
    def skipped(self) -> list[Outcome]:
        return self._of("skipped")

    @property
    def failed(self) -> list[Outcome]:
        """Those that could not be begun or healed though their targets are there: a process that did not restart."""
        return self._of("failed")

    def _of(self, status: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status == status]

    def __str__(self) -> str:
        counts = f"{len(self.played)} faults played, {len(self.skipped)} skipped, {len(self.failed)} failed"
        return "\n".join([counts, *(f"  {outcome}" for outcome in self.outcomes)])


class Player:
    """Has a thread of its own from `start` to its end. Its methods may be called from any other thread."""

    def __init__(
        self,
        faults: Iterable[PlannedFault],
        targets: Targets,
        *,
        seed: int = 0,
        time_scale: float = 1.0,
        hosts: Mapping[str, str] | None = None,
        known: Iterable[str] = (),
    ):
        """`faults`: by their times. Of a list, what has to be skipped is known at once; others are asked for when the time
        of the one before has come, and may be without end. `known`: all their hosts."""
        if not 0 < time_scale < float("inf"):
            raise ValueError(f"time_scale: want more than 0, not {time_scale}")
        self._targets = targets
        self._seed = seed
        self._scale = time_scale
        self._hosts = dict(hosts or {})
        self._known = [self._hosts.get(name, name) for name in known]
        self._outcomes: list[Outcome] = []
        self._events: list[tuple[int, int, int, int, Outcome, Step, Undo]] = []
        self._sequence = itertools.count()
        self._at_work: dict[int, tuple[Outcome, Undo]] = {}  # steps, by their sequence, in the order of their beginnings
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._began = 0.0
        self._thread = threading.Thread(target=self._run, name="player of a plan", daemon=True)
        if isinstance(faults, list):
            for fault in faults:
                self._prepare(fault)
            faults = ()
        self._faults: Iterator[PlannedFault] = iter(faults)

    def start(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def stop(self) -> PlayResult:
        """Heals what is at work, and begins no more."""
        self._stopping.set()
        return self.wait()

    def wait(self, seconds: float | None = None) -> PlayResult:
        """Until all is played and healed. TimeoutError when that takes longer; then it goes on."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"the plan is still being played after {seconds} s")
        return self.result

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    @property
    def result(self) -> PlayResult:
        with self._lock:
            return PlayResult([replace(outcome, notes=list(outcome.notes)) for outcome in self._outcomes])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # --- On its thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        upcoming = next(self._faults, None)
        try:
            while not self._stopping.is_set():
                if upcoming is not None and (not self._events or upcoming.at <= self._events[0][0]):
                    if self._is_stopped_before(upcoming.at):
                        return
                    self._prepare(upcoming)
                    upcoming = next(self._faults, None)
                    continue
                if not self._events or self._is_stopped_before(self._events[0][0]):
                    return
                _, does, _, key, outcome, step, undo = heapq.heappop(self._events)
                if does == BEGINS:
                    self._begin(outcome, step, undo, key)
                else:
                    self._end(key)
        finally:
            for key in reversed(list(self._at_work)):
                self._end(key)

    def _is_stopped_before(self, at: int) -> bool:
        """Waits for this time of the plan."""
        wait = at / SECOND * self._scale - self._elapsed()
        return wait > 0 and self._stopping.wait(wait)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _prepare(self, fault: PlannedFault) -> None:
        outcome = Outcome(fault)
        with self._lock:
            self._outcomes.append(outcome)
        mapped = replace(fault, where=[self._hosts.get(name, name) for name in fault.where])
        chance = random.Random(f"{self._seed}/{fault.number}")
        try:
            prepared = prepare(Play(mapped, self._targets, chance, self._known))
        except Skip as skip:
            self._note(outcome, "skipped", str(skip))
            return
        with self._lock:
            outcome.notes += prepared.notes
        for step in prepared.steps:
            key = next(self._sequence)
            begins_at = fault.at + step.at
            heapq.heappush(self._events, (begins_at, BEGINS, fault.number, key, outcome, step, Undo()))

    def _begin(self, outcome: Outcome, step: Step, undo: Undo, key: int) -> None:
        with self._lock:
            outcome.began = self._elapsed() if outcome.began is None else outcome.began
            if outcome.status == "waiting":
                outcome.status = "at work"
        self._at_work[key] = (outcome, undo)
        try:
            step.begin(undo)
        except Exception as wrong:  # of a target, which is the user's: the others are played all the same
            self._note(outcome, "failed", f"it did not begin: {wrong!r}")
            self._end(key)
            return
        ends_at = outcome.fault.at + step.until
        if step.until <= step.at:
            self._end(key)
        else:
            heapq.heappush(self._events, (ends_at, ENDS, outcome.fault.number, key, outcome, step, undo))

    def _end(self, key: int) -> None:
        outcome, undo = self._at_work.pop(key)
        wrong: Exception | None = None
        try:
            undo.close()
        except Exception as raised:
            wrong = raised
        with self._lock:
            outcome.acted += undo.all_acted
            outcome.ended = self._elapsed()
            if outcome.status == "at work":
                is_over = not any(other is outcome for other, _ in self._at_work.values())
                outcome.status = "played" if is_over and not self._is_to_come(outcome) else "at work"
        if wrong is not None:
            self._note(outcome, "failed", f"it was not healed: {wrong!r}")

    def _is_to_come(self, outcome: Outcome) -> bool:
        return not self._stopping.is_set() and any(event[1] == BEGINS and event[4] is outcome for event in self._events)

    def _note(self, outcome: Outcome, status: Literal["skipped", "failed"], text: str) -> None:
        with self._lock:
            outcome.status = status
            outcome.notes.append(text)


def play(
    plan: Plan,
    processes: Processes,
    proxies: Proxies,
    time_scale: float = 1.0,
    *,
    hosts: Mapping[str, str] | None = None,
) -> Player:
    """Starts to play, and returns at once: leave its block, or call `stop` or `wait`.

    `proxies`: by the server that all reach through it, or by (client, server) for one link. `hosts`: names of processes by
    hosts of the plan, where they differ. `time_scale`: 0.1 plays ten times as fast; parameters, as latencies, stay as they
    are. See also `Plan.without_idle`. Raises ValueError for a fault of a known kind that is wrong in itself.
    """
    for fault in plan.faults:
        if wrong := what_is_wrong(fault):
            raise ValueError(f"{fault}: {wrong}")
    ordered = sorted(plan.faults, key=lambda fault: (fault.at, fault.number))
    targets = Targets(processes, proxies)
    return Player(ordered, targets, seed=plan.seed or 0, time_scale=time_scale, hosts=hosts, known=plan.hosts).start()
