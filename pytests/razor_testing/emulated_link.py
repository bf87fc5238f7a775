"""EmulatedLink: a link between two hosts of a network that delays, loses, reorders and duplicates IP packets.

    with razor_network.emulated_link("a", "b") as link:
        link.delay(0.01, jitter=0.002)                  # both ways, each on its own
        with link.loss(0.02, sender="a"):               # only what a sends
            ...
        assert link.counts("a").lost > 0

Every method of a fault starts it and returns its handle: `handle.clear()` ends it, and so does leaving a with block. Faults
add up, and may be set and cleared from any thread while packets flow. `sender`: one of the two hosts; None: both ways.
Shares are 0 .. 1, times are seconds, sizes are bytes. A value out of its range raises ValueError.

The packets are the kernel's own, so TCP of the hosts meets what it would on a bad link, where a FaultProxy ends TCP itself.
What is drawn follows from the seed of the link, the number of the fault and that of the packet in its way. How TCP cuts a
stream into packets, and which it sends again, depends on the machine.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from razor_testing.emulator_process import EmulatorProcess, Pair
from razor_testing.latency_shapes import Shape, latency_draw
from razor_testing.number_limits import check_number
from razor_testing.packet_fates import LinkCounts

SECONDS_MAX = 86_400.0
BYTES_MAX = 1 << 50
QUEUE_BYTES = 256 * 1024


class PacketFaultHandle:
    """A fault that was set. It is used from any thread."""

    def __init__(self, link: "EmulatedLink", number: int, text: str, pairs: list[Pair]):
        self._link = link
        self.number = number
        self.text = text
        self.pairs = pairs

    def clear(self) -> None:
        """Ends the fault. Behind delays, rates and reordering what is under way arrives at once, in the order in which it
        would have. Again: nothing happens."""
        self._link.clear(self)

    @property
    def acted(self) -> int:
        """How many packets it delayed or removed, held back or copied, also when it is over."""
        return self._link.acted(self)

    def __str__(self) -> str:
        return self.text

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()


class EmulatedLink:
    """Two hosts whose packets to each other go through the emulator, until it is closed. Networks make them."""

    def __init__(
        self,
        emulator: EmulatorProcess,
        ends: tuple[str, str],
        addresses: tuple[str, str],
        seed: int,
        note: Callable[[str], None],
        on_close: Callable[["EmulatedLink"], None],
    ):
        self._emulator = emulator
        self.ends = ends
        self.seed = seed
        there, back = addresses, (addresses[1], addresses[0])
        # By the sender.
        self._pairs: dict[str, Pair] = {ends[0]: there, ends[1]: back}
        self._note = note
        self._on_close = on_close
        self._lock = threading.RLock()
        self._set: dict[int, PacketFaultHandle] = {}
        self._acted: dict[int, int] = {}
        self._final: dict[str, LinkCounts] | None = None
        emulator.ask("open", list(self._pairs.values()))
        self._note(f"{self}: emulated, seed {seed}")

    def __str__(self) -> str:
        return f"link {self.ends[0]} - {self.ends[1]}"

    # --- Faults -----------------------------------------------------------------------------------------------------

    def delay(
        self, seconds: float, jitter: float = 0.0, *, shape: Shape = "uniform", sender: str | None = None
    ) -> PacketFaultHandle:
        """Each packet arrives so much later, none before one that was sent earlier. `jitter` is drawn for each: uniform is
        +- jitter; exponential adds one of that mean; long_tail adds 0 .. jitter, and for one in a hundred up to 30 times
        that."""
        check_number("delay", seconds, 0, SECONDS_MAX)
        check_number("jitter", jitter, 0, SECONDS_MAX)
        latency_draw(seconds, jitter, shape)
        kind = "" if shape == "uniform" else f" shape={shape}"
        text = f"delay {seconds:g}s" + (f" jitter={jitter:g}s{kind}" if jitter else "")
        return self._start(text, sender, "delay", seconds=seconds, jitter=jitter, shape=shape)

    def loss(self, share: float, *, sender: str | None = None) -> PacketFaultHandle:
        """About this share of the packets is lost, each drawn on its own. 1: all."""
        check_number("loss", share, 0, 1)
        return self._start(f"loss {share:g}", sender, "loss", share=share)

    def reorder(self, share: float, seconds: float = 0.002, *, sender: str | None = None) -> PacketFaultHandle:
        """About this share of the packets is held for so long on top of other delays; those that are sent meanwhile overtake
        it. `LinkCounts.reordered` says how many were overtaken, `acted` how many were held."""
        check_number("reorder", share, 0, 1)
        check_number("seconds", seconds, 0, SECONDS_MAX)
        return self._start(f"reorder {share:g} {seconds:g}s", sender, "reorder", share=share, seconds=seconds)

    def duplicate(self, share: float, *, sender: str | None = None) -> PacketFaultHandle:
        """About this share of the packets arrives twice, one behind the other."""
        check_number("duplicate", share, 0, 1)
        return self._start(f"duplicate {share:g}", sender, "duplicate", share=share)

    def rate(
        self, bytes_per_second: float, *, queue_bytes: int = QUEUE_BYTES, sender: str | None = None
    ) -> PacketFaultHandle:
        """Packets leave one after the other, at so many bytes a second, IP headers included. What comes while more than
        `queue_bytes` wait is dropped (`LinkCounts.overflowed`), as by a router."""
        check_number("rate", bytes_per_second, 1, BYTES_MAX)
        check_number("queue_bytes", queue_bytes, 0, BYTES_MAX)
        text = f"rate {bytes_per_second:g} bytes/s"
        return self._start(text, sender, "rate", bytes_per_second=bytes_per_second, queue_bytes=queue_bytes)

    def faults(self) -> list[str]:
        """Those at work."""
        with self._lock:
            return [f"#{handle.number} {handle}" for handle in self._set.values()]

    def clear_all(self) -> None:
        """Ends all faults; packets still go through the emulator."""
        with self._lock:
            for handle in list(self._set.values()):
                self.clear(handle)

    def clear(self, handle: PacketFaultHandle) -> None:
        """As the handle's `clear`."""
        with self._lock:
            if handle.number in self._set:
                acted = self._emulator.ask("clear", handle.pairs, number=handle.number)
                del self._set[handle.number]
                self._acted[handle.number] = acted
                self._note(f"{self}: #{handle.number} {handle} cleared, acted on {acted} packets")

    def acted(self, handle: PacketFaultHandle) -> int:
        """As the handle's `acted`."""
        with self._lock:
            if handle.number in self._acted:
                return self._acted[handle.number]
            return int(self._emulator.ask("acted", handle.pairs, number=handle.number))

    # --- What happened ----------------------------------------------------------------------------------------------

    def counts(self, sender: str) -> LinkCounts:
        """Of the packets that this one of the two hosts sent, since the link was made."""
        pairs = self._pairs_of(sender)
        with self._lock:
            if self._final is not None:
                return self._final[sender]
            return LinkCounts(**self._emulator.ask("count", pairs)[0])

    def describe(self) -> list[str]:
        """A line for each way, with its counts."""
        return [f"{a} -> {b}: {self.counts(a)}" for a, b in (self.ends, self.ends[::-1])]

    def close(self) -> None:
        """What is under way arrives at once; packets do not go through the emulator any more. Its counts stay."""
        with self._lock:
            if self._final is not None:
                return
            self._on_close(self)
            self.clear_all()
            counts = self._emulator.ask("close", list(self._pairs.values()))
            self._final = {sender: LinkCounts(**each) for sender, each in zip(self._pairs, counts, strict=True)}
            self._note(f"{self}: closed; {'; '.join(self.describe())}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # --- How it works -----------------------------------------------------------------------------------------------

    def _pairs_of(self, sender: str | None) -> list[Pair]:
        if sender is None:
            return list(self._pairs.values())
        if sender not in self._pairs:
            raise ValueError(f"sender: {self} has the ends {' and '.join(self.ends)}, not {sender!r}")
        return [self._pairs[sender]]

    def _start(self, text: str, sender: str | None, kind: str, **values: float | str) -> PacketFaultHandle:
        pairs = self._pairs_of(sender)
        with self._lock:
            if self._final is not None:
                raise ValueError(f"{self} is closed")
            number = len(self._set) + len(self._acted) + 1
            handle = PacketFaultHandle(self, number, text + (f" from {sender}" if sender else ""), pairs)
            seeds = [f"{self.seed}/{number}/{list(self._pairs.values()).index(pair)}" for pair in pairs]
            self._emulator.ask("set", pairs, number=number, seeds=seeds, kind=kind, values=values)
            self._set[number] = handle
            self._note(f"{self}: #{number} {handle}")
            return handle
