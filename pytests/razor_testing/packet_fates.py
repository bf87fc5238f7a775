"""What an emulated link does to the packets of one way: which are lost, and when the others arrive. No clock, no sockets.

Each fault draws from a random stream of its own, once for each packet that reaches it. So the fate of the n-th packet
follows from the seed and the faults, not from the time; only the rate limit depends on when packets come.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from razor_testing.latency_shapes import Shape, latency_draw


@dataclass
class LinkCounts:
    """Packets of one way of a link, since it was made."""

    # What the sender sent into the link.
    arrived: int = 0
    # What was given to the receiver's side, copies included.
    carried: int = 0
    bytes_carried: int = 0
    lost: int = 0
    # Dropped at the full queue of a rate limit, or of the emulator.
    overflowed: int = 0
    # Given to the receiver's side behind a packet that was sent later.
    reordered: int = 0
    # Copies that were made.
    duplicated: int = 0
    # The system did not take them back.
    refused: int = 0
    # The sum of the delays that packets were given, lost ones left out.
    delay_seconds: float = 0.0
    # How much later than that a packet was, at most: how busy the machine was.
    late_seconds_max: float = 0.0

    @property
    def under_way(self) -> int:
        return self.arrived + self.duplicated - self.carried - self.lost - self.overflowed - self.refused

    def __str__(self) -> str:
        told = f"{self.arrived} packets, {self.carried} carried"
        for name in ("lost", "overflowed", "reordered", "duplicated", "refused", "under_way"):
            if count := getattr(self, name):
                told += f", {count} {name.replace('_', ' ')}"
        return told


class PacketFault:
    """One fault of one way. `releases`: when it is cleared, what is under way arrives at once."""

    releases = False

    def __init__(self) -> None:
        # Packets that it changed, delayed or removed.
        self.acted = 0


class _Share(PacketFault):
    """Concerns a share of the packets."""

    def __init__(self, chance: random.Random, share: float):
        super().__init__()
        self._draw = chance.random
        self._share = share

    def hits(self) -> bool:
        if self._draw() < self._share:
            self.acted += 1
            return True
        return False


class Loss(_Share):
    """A packet that it hits is lost."""


class Duplicate(_Share):
    """A packet that it hits arrives twice."""


class Reorder(_Share):
    """A packet that it hits is so much later, and those behind it do not wait."""

    releases = True

    def __init__(self, chance: random.Random, share: float, seconds: float):
        super().__init__(chance, share)
        self.seconds = seconds


class Delay(PacketFault):
    """All packets are later, and stay in order."""

    releases = True

    def __init__(self, chance: random.Random, seconds: float, jitter: float, shape: Shape):
        super().__init__()
        self._chance = chance
        self._draw = latency_draw(seconds, jitter, shape)

    def seconds(self) -> float:
        self.acted += 1
        return self._draw(self._chance)


class Rate(PacketFault):
    """Packets leave one after the other, at so many bytes a second; so many bytes may wait for it."""

    releases = True

    def __init__(self, chance: random.Random, bytes_per_second: float, queue_bytes: int):
        super().__init__()
        self._rate = bytes_per_second
        self._queue_seconds = queue_bytes / bytes_per_second
        self._free_at = 0.0

    def leaves_at(self, now: float, size: int) -> float | None:
        """None: the queue is full."""
        begins = max(now, self._free_at)
        if begins - now > self._queue_seconds:
            self.acted += 1
            return None
        self.acted += begins > now
        self._free_at = begins + size / self._rate
        return self._free_at


KINDS: dict[str, Callable[..., PacketFault]] = {
    "loss": Loss,
    "duplicate": Duplicate,
    "reorder": Reorder,
    "delay": Delay,
    "rate": Rate,
}


class Way:
    """One way of a link, and what happens to its packets."""

    def __init__(self) -> None:
        self.counts = LinkCounts()
        self._faults: dict[int, PacketFault] = {}
        self._losses: list[Loss] = []
        self._rates: list[Rate] = []
        self._delays: list[Delay] = []
        self._reorders: list[Reorder] = []
        self._duplicates: list[Duplicate] = []
        # When the last packet arrives that is in order.
        self._last_due = 0.0
        self._newest = 0

    def set(self, number: int, seed: str, kind: str, values: dict[str, float | str]) -> None:
        """Adds a fault, which draws from this seed."""
        self._faults[number] = KINDS[kind](random.Random(seed), **values)
        self._sort()

    def clear(self, number: int) -> tuple[int, bool]:
        """Removes a fault. How often it acted, and whether what is under way is to arrive at once."""
        fault = self._faults.pop(number)
        self._sort()
        return fault.acted, fault.releases

    def acted(self, number: int) -> int:
        return self._faults[number].acted

    def arrivals(self, now: float, size: int) -> list[float]:
        """A packet of so many bytes came. When it arrives: never, once, or several times."""
        counts = self.counts
        counts.arrived += 1
        for loss in self._losses:
            if loss.hits():
                counts.lost += 1
                return []
        due = now
        for rate in self._rates:
            left_at = rate.leaves_at(due, size)
            if left_at is None:
                counts.overflowed += 1
                return []
            due = left_at
        for delay in self._delays:
            due += delay.seconds()
        if due < self._last_due:
            due = self._last_due
        self._last_due = due
        for reorder in self._reorders:
            if reorder.hits():
                due += reorder.seconds
        counts.delay_seconds += due - now
        dues = [due]
        for duplicate in self._duplicates:
            if duplicate.hits():
                counts.duplicated += 1
                dues.append(due)
        return dues

    def delivered(self, number: int, size: int, late: float) -> None:
        """The packet that came as the one of this number, from 1, was given to the receiver's side."""
        counts = self.counts
        counts.carried += 1
        counts.bytes_carried += size
        if number < self._newest:
            counts.reordered += 1
        else:
            self._newest = number
        if late > counts.late_seconds_max:
            counts.late_seconds_max = late

    def released(self) -> None:
        """What was under way has arrived: those that come now need not wait for it."""
        self._last_due = 0.0

    def _sort(self) -> None:
        faults = self._faults.values()
        self._losses = [fault for fault in faults if isinstance(fault, Loss)]
        self._rates = [fault for fault in faults if isinstance(fault, Rate)]
        self._delays = [fault for fault in faults if isinstance(fault, Delay)]
        self._reorders = [fault for fault in faults if isinstance(fault, Reorder)]
        self._duplicates = [fault for fault in faults if isinstance(fault, Duplicate)]
