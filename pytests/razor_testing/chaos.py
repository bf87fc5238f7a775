"""razor_chaos: faults in the background of a test, drawn from a seed.

    with razor_chaos(seed, processes=cluster, proxies={"server0": proxy}, kinds=("kill", "cut"), every=2.0) as chaos:
        ...  # the clients go on meanwhile
    print(chaos.plan)

On leaving all is healed, what was killed is restarted, and the plan is printed. The same seed draws the same faults, as
long as the names of processes and proxies, the kinds and the numbers are the same; the plan replays them also where
those changed.
"""

import random
from collections.abc import Callable, Iterator
from types import MappingProxyType, TracebackType
from typing import Self

from razor_testing.link_faults import LinkFaults
from razor_testing.plan import Plan, PlannedFault
from razor_testing.plan_kinds import what_is_wrong
from razor_testing.plan_values import UNITS, duration_text
from razor_testing.play import Player, PlayResult
from razor_testing.play_kinds import PLAYED
from razor_testing.play_targets import ANYBODY, Processes, Proxies, Targets

KINDS = ("kill", "pause", "cut", "slow_link", "jitter", "bandwidth", "segmentation", "reset", "refuse_connects")

# Of what is drawn; times are milliseconds.
LATENCY = (5, 500)
SPREAD = (5, 200)
ACCEPT_DELAY = (5, 500)
RATES = (10_000, 30_000, 100_000, 300_000, 1_000_000)  # bytes a second
PIECES = (1, 16, 256, 4096)  # bytes
NO_PROXIES: Proxies = MappingProxyType[str, LinkFaults]({})
OVER_AT_ONCE = ("reset", "sever", "restart_gracefully")


class Draw:
    """Draws single faults for some processes and links."""

    def __init__(self, chance: random.Random, processes: list[str], links: list[list[str]]):
        self.random = chance
        self.processes = processes
        self.links = links

    def fault(self, kind: str) -> PlannedFault:
        fault = PlannedFault(kind)
        DRAWS[kind](self, fault)
        return fault

    def can(self, kind: str) -> bool:
        if kind in ("kill", "crash", "pause", "restart_gracefully"):
            return bool(self.processes)
        if kind == "swizzle":
            return len(self.processes) > 1
        return bool(self.links)

    def process(self, fault: PlannedFault) -> None:
        fault.where = [self.random.choice(self.processes)]

    def link(self, fault: PlannedFault) -> None:
        fault.where = list(self.random.choice(self.links))
        if len(fault.where) == 2 and self.random.randrange(3) == 0:
            fault.parameters["way"] = self.random.choice(["there", "back"])

    def server(self, fault: PlannedFault) -> None:
        """Of a link; it comes first, and its client behind it."""
        fault.where = list(reversed(self.random.choice(self.links)))

    def time(self, fault: PlannedFault, name: str, span: tuple[int, int]) -> None:
        fault.parameters[name] = duration_text(self.random.randint(*span) * UNITS["ms"])


def _slow_link(draw: Draw, fault: PlannedFault) -> None:
    draw.link(fault)
    draw.time(fault, "latency", LATENCY)


def _jitter(draw: Draw, fault: PlannedFault) -> None:
    draw.link(fault)
    draw.time(fault, "spread", SPREAD)
    fault.parameters["shape"] = draw.random.choice(["uniform", "exponential", "long_tail"])


def _bandwidth(draw: Draw, fault: PlannedFault) -> None:
    draw.link(fault)
    fault.parameters["bytes_per_second"] = str(draw.random.choice(RATES))


def _segmentation(draw: Draw, fault: PlannedFault) -> None:
    draw.link(fault)
    fault.parameters["bytes"] = str(draw.random.choice(PIECES))


def _loss(draw: Draw, fault: PlannedFault) -> None:
    draw.link(fault)
    fault.parameters["one_in"] = str(draw.random.choice([1, 4, 16, 64]))


def _corrupt(draw: Draw, fault: PlannedFault) -> None:
    _loss(draw, fault)
    fault.parameters["how"] = draw.random.choice(["flip", "overwrite"])


def _small_buffers(draw: Draw, fault: PlannedFault) -> None:
    draw.link(fault)
    fault.parameters.pop("way", None)
    fault.parameters["bytes"] = str(draw.random.choice([4096, 16_384, 65_536]))


def _broken(draw: Draw, fault: PlannedFault) -> None:
    draw.link(fault)
    fault.parameters = {"connections": draw.random.choice(["all", "one"])}
    if len(fault.where) == 1:
        # These kinds want two hosts: whoever connects to it.
        fault.where.insert(0, ANYBODY)


def _slow_accept(draw: Draw, fault: PlannedFault) -> None:
    draw.server(fault)
    del fault.where[1:]
    draw.time(fault, "delay", ACCEPT_DELAY)


def _partition(draw: Draw, fault: PlannedFault) -> None:
    fault.where = [draw.random.choice(draw.links)[-1]]


def _swizzle(draw: Draw, fault: PlannedFault) -> None:
    count = draw.random.randint(2, len(draw.processes))
    fault.where = draw.random.sample(draw.processes, count)


DRAWS: dict[str, Callable[[Draw, PlannedFault], None]] = {
    "kill": Draw.process,
    "crash": Draw.process,
    "pause": Draw.process,
    "restart_gracefully": Draw.process,
    "swizzle": _swizzle,
    "cut": Draw.link,
    "partition": _partition,
    "slow_link": _slow_link,
    "jitter": _jitter,
    "bandwidth": _bandwidth,
    "segmentation": _segmentation,
    "loss": _loss,
    "corrupt": _corrupt,
    "small_buffers": _small_buffers,
    "reset": _broken,
    "sever": _broken,
    "refuse_connects": Draw.server,
    "hang_connects": Draw.server,
    "slow_accept": _slow_accept,
}
assert set(DRAWS) == set(PLAYED)


def draw_faults(
    seed: int, targets: Targets, kinds: tuple[str, ...], every: float, at_most: int, lasts: tuple[float, float]
) -> Iterator[PlannedFault]:
    """Without end, by their times. Times are seconds, cut off to milliseconds."""
    chance = random.Random(f"chaos/{seed}")
    links = sorted([link.server] if link.client is None else [link.client, link.server] for link in targets.links)
    draw = Draw(chance, sorted(targets.processes), links)
    possible = [kind for kind in kinds if draw.can(kind)]
    if not possible:
        raise ValueError(f"razor_chaos: no processes or proxies for {', '.join(kinds)}")
    at = number = 0
    ends: list[int] = []
    while True:
        at += milliseconds(every * chance.uniform(0.5, 1.5))
        fault = draw.fault(chance.choice(possible))
        if fault.what not in OVER_AT_ONCE:
            fault.lasts = milliseconds(chance.uniform(*lasts))
        ends = sorted(end for end in ends if end > at)
        if len(ends) >= at_most:
            at = ends[len(ends) - at_most]
            ends = [end for end in ends if end > at]
        ends.append(at + fault.lasts)
        number += 1
        fault.at, fault.number = at, number
        yield fault


def milliseconds(seconds: float) -> int:
    """Whole ones, at least one, in nanoseconds."""
    return max(1, int(seconds * 1000)) * UNITS["ms"]


class Chaos:
    """A block in which faults happen; see razor_chaos."""

    def __init__(self, player: Player, seed: int, kinds: tuple[str, ...]):
        self._player = player
        self._seed = seed
        self._kinds = kinds

    @property
    def plan(self) -> Plan:
        """The faults that have begun so far, or were skipped."""
        faults = [outcome.fault for outcome in self.result.outcomes if outcome.status != "waiting"]
        plan = Plan(seed=self._seed, faults=faults)
        plan.sort()
        return plan

    @property
    def result(self) -> PlayResult:
        """What became of each."""
        return self._player.result

    def stop(self) -> PlayResult:
        """Heals all, before the block ends."""
        return self._player.stop()

    def __enter__(self) -> Self:
        self._player.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        result = self._player.stop()
        print(f"# razor_chaos: seed {self._seed}, kinds {' '.join(self._kinds)}\n{self.plan}", end="")
        for outcome in (*result.skipped, *result.failed):
            print(f"# {outcome}")
        if value is None and result.failed:
            raise AssertionError(f"razor_chaos: {result.failed[0]}")


def razor_chaos(
    seed: int,
    *,
    processes: Processes = (),
    proxies: Proxies = NO_PROXIES,
    kinds: tuple[str, ...] = KINDS,
    every: float = 2.0,
    at_most: int = 1,
    lasts: tuple[float, float] = (0.1, 2.0),
    plan: Plan | None = None,
) -> Chaos:
    """A context manager in whose block a fault of one of `kinds` begins about `every` so many seconds, and lasts so long;
    no more than `at_most` are at work at a time. Kinds that nothing here can have are not drawn. `processes`, `proxies`:
    as of play.py. With a `plan` that one is played instead, as it is.

    Raises ValueError where there is nothing to draw from; AssertionError on leaving, when something was not healed.
    """
    for kind in kinds:
        if kind not in DRAWS:
            raise ValueError(f"razor_chaos: no kind is called {kind}; there are {', '.join(sorted(DRAWS))}")
    if not (0 < every < 1e6 and at_most >= 1 and 0 < lasts[0] <= lasts[1] < 1e6):
        raise ValueError(
            f"razor_chaos: every={every}, at_most={at_most}, lasts={lasts}: want times above 0, and one or more"
        )
    targets = Targets(processes, proxies)
    known = [ANYBODY, *sorted(targets.processes)]
    if plan is not None:
        for fault in plan.faults:
            if wrong := what_is_wrong(fault):
                raise ValueError(f"{fault}: {wrong}")
        ordered = sorted(plan.faults, key=lambda fault: (fault.at, fault.number))
        seed = seed if plan.seed is None else plan.seed
        return Chaos(Player(ordered, targets, seed=seed, known=[*known, *plan.hosts]), seed, kinds)
    drawn = draw_faults(seed, targets, kinds, every, at_most, lasts)
    first = next(drawn)  # says at once where nothing can be drawn
    return Chaos(Player(_with_first(first, drawn), targets, seed=seed, known=known), seed, kinds)


def _with_first(first: PlannedFault, rest: Iterator[PlannedFault]) -> Iterator[PlannedFault]:
    yield first
    yield from rest
