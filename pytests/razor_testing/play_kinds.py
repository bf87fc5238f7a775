"""How each kind of fault is played on processes and proxies. What cannot be is skipped, with the reason."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from razor_testing.address import UNIX_PREFIX
from razor_testing.latency_shapes import Shape
from razor_testing.link_faults import Handle, LinkFaults
from razor_testing.plan import PlannedFault
from razor_testing.play_targets import LinkPart, Targets, Undo


class Skip(Exception):
    """This fault cannot be played here; the text says why."""


@dataclass
class Step:
    """A part of a fault. Times are nanoseconds since the fault began."""

    at: int
    until: int
    begin: Callable[[Undo], None]


@dataclass
class Prepared:
    """A fault that can be played."""

    steps: list[Step]
    notes: list[str] = field(default_factory=list)  # where it differs from the fault of the plan


@dataclass
class Play:
    """What a kind works with. Hosts of `fault` are names of targets already."""

    fault: PlannedFault
    targets: Targets
    random: random.Random
    known: list[str]  # all hosts of the plan
    notes: list[str] = field(default_factory=list)

    def once(self, begin: Callable[[Undo], None]) -> list[Step]:
        return [Step(0, self.fault.lasts, begin)]

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def check_processes(self) -> None:
        for name in self.fault.where:
            if name not in self.targets.processes:
                raise Skip(f"there is no process {name}")

    def checked(self, parts: list[LinkPart]) -> list[LinkPart]:
        if not parts:
            raise Skip(
                f"no proxy is between {' and '.join(self.fault.where)}{'' if self.fault.where[1:] else ' and others'}"
            )
        for part in parts:
            if part.is_wider:
                self.note(f"hits all that connect to {part.link.server}: they share its proxy")
        return parts

    def links(self) -> list[LinkPart]:
        """Of kinds that act between one host and another, or all others."""
        first, second = self.fault.where[0], self.fault.where[1] if len(self.fault.where) > 1 else None
        return self.checked(self.targets.between(first, second, self.fault.word_of("way", "both")))

    def on_links(self, start: Callable[[LinkPart], Handle]) -> list[Step]:
        parts = self.links()

        def begin(undo: Undo) -> None:
            for part in parts:
                undo.keep(start(part))

        return self.once(begin)


def hang(proxy: LinkFaults, toxicity: float = 1.0) -> Handle:
    """A connect to a Unix socket whose backlog is full fails at once, where it shall hang."""
    is_unix = proxy.address.startswith(UNIX_PREFIX)
    return proxy.hang_connects("accepted" if is_unix or toxicity < 1 else "backlog", toxicity=toxicity)


def cut_off(parts: list[LinkPart]) -> Callable[[Undo], None]:
    def begin(undo: Undo) -> None:
        for part in parts:
            undo.keep(part.link.proxy.cut(direction=part.direction))
            undo.keep(hang(part.link.proxy))

    return begin


# --- Processes ------------------------------------------------------------------------------------------------------


def kill(play: Play) -> list[Step]:
    play.check_processes()

    def begin(undo: Undo) -> None:
        for name in play.fault.where:
            for part in play.targets.to_server(name):
                undo.keep(part.link.proxy.refuse_connects())
            put_down(play.targets, name, undo)

    return play.once(begin)


def crash(play: Play) -> list[Step]:
    """A machine that is gone sends no ends of its connections: the proxies keep them back until it is up again."""
    play.check_processes()
    if (when := play.fault.word_of("when", "now")) != "now":
        play.note(f"when={when}: now")
    parts = {name: play.targets.between(name, None, "both") for name in play.fault.where}
    for name, its_parts in parts.items():
        if not its_parts:
            play.note(f"as kill: no proxy keeps back what the system says for {name}")

    def begin(undo: Undo) -> None:
        for name in play.fault.where:
            cut_off(parts[name])(undo)
            put_down(play.targets, name, undo)

    return play.once(begin)


def put_down(targets: Targets, name: str, undo: Undo) -> None:
    undo.acted += not targets.is_down(name)
    undo.stack.callback(targets.up, name)
    targets.down(name)


def pause(play: Play) -> list[Step]:
    play.check_processes()

    def begin(undo: Undo) -> None:
        for name in play.fault.where:
            put_to_sleep(play.targets, name, undo)

    return play.once(begin)


def put_to_sleep(targets: Targets, name: str, undo: Undo) -> None:
    undo.acted += 1
    undo.stack.callback(targets.resume, name)
    targets.pause(name)


def restart_gracefully(play: Play) -> list[Step]:
    play.check_processes()

    def begin(undo: Undo) -> None:
        for name in play.fault.where:
            if play.targets.is_down(name):
                continue
            undo.acted += 1
            play.targets.processes[name].terminate()
            play.targets.processes[name].restart()

    return play.once(begin)


# --- Links ----------------------------------------------------------------------------------------------------------


def cut(play: Play) -> list[Step]:
    return play.once(cut_off(play.links()))


def partition(play: Play) -> list[Step]:
    where = play.fault.where
    first = play.fault.number_of("first", 0)
    group, others = (set(where[:first]), set(where[first:])) if first else (set(where), None)
    return play.once(cut_off(play.checked(play.targets.across(group, others, play.known))))


def swizzle(play: Play) -> list[Step]:
    """One by one in the first half of its time, back in another order in the second."""
    hosts = play.fault.where
    stalls_links = play.fault.word_of("stall", "hosts") == "links"
    if not stalls_links:
        play.check_processes()
    half = play.fault.lasts // 2
    width = half // len(hosts)
    order = play.random.sample(range(len(hosts)), len(hosts))
    steps = []
    for index, name in enumerate(hosts):
        if stalls_links:
            begin = cut_off(play.checked(play.targets.between(name, None, "both")))
        else:
            begin = stalled(play.targets, name)
        at = width * index + play.random.randint(0, width)
        until = half + width * order[index] + play.random.randint(0, width)
        steps.append(Step(at, until, begin))
    return steps


def stalled(targets: Targets, name: str) -> Callable[[Undo], None]:
    return lambda undo: put_to_sleep(targets, name, undo)


def slow_link(play: Play) -> list[Step]:
    seconds = play.fault.seconds_of("latency", 0)
    return play.on_links(lambda part: part.link.proxy.latency(seconds, direction=part.direction))


def jitter(play: Play) -> list[Step]:
    spread = play.fault.seconds_of("spread", 0)
    drawn = play.fault.word_of("shape", "uniform")
    if drawn == "uniform":
        return play.on_links(lambda part: part.link.proxy.latency(spread / 2, spread / 2, direction=part.direction))
    shape: Shape = "exponential" if drawn == "exponential" else "long_tail"
    return play.on_links(lambda part: part.link.proxy.latency(0, spread, shape=shape, direction=part.direction))


def bandwidth(play: Play) -> list[Step]:
    rate = play.fault.number_of("bytes_per_second", 1)
    return play.on_links(lambda part: part.link.proxy.bandwidth(rate, direction=part.direction))


def segmentation(play: Play) -> list[Step]:
    most = play.fault.number_of("bytes", 1)
    size, variation = (1 + most) / 2, (most - 1) / 2
    return play.on_links(lambda part: part.link.proxy.slicer(size, variation=variation, direction=part.direction))


def loss(play: Play) -> list[Step]:
    play.note("as pieces that arrive 200 ms later")
    one_in = play.fault.number_of("one_in", 1)
    return play.on_links(lambda part: part.link.proxy.retransmissions(one_in, direction=part.direction))


def corrupt(play: Play) -> list[Step]:
    one_in, count = play.fault.number_of("one_in", 1), play.fault.number_of("bytes", 1)
    overwrites = play.fault.word_of("how", "flip") == "overwrite"
    return play.on_links(
        lambda part: part.link.proxy.corrupt(
            one_in_pieces=one_in,
            count=count,
            how="overwrite" if overwrites else "flip",
            direction=part.direction,
        )
    )


def small_buffers(play: Play) -> list[Step]:
    size = play.fault.number_of("bytes", 65_536)
    if play.fault.word_of("way", "both") != "both":
        play.note("both ways")
    return play.on_links(lambda part: part.link.proxy.small_buffers(size))


def broken(play: Play) -> list[Step]:
    """reset and sever."""
    parts = play.links()
    is_reset = play.fault.what == "reset"
    is_one = play.fault.word_of("connections", "all") == "one"
    byte = play.fault.number_of("byte", 0)
    if byte and is_one and not is_reset:
        play.note("all connections, not one")

    def begin(undo: Undo) -> None:
        for part in parts:
            proxy = part.link.proxy
            if byte:
                undo.keep(proxy.reset_at(byte, once=is_one) if is_reset else proxy.black_hole(after=byte))
            else:
                undo.acted += proxy.break_connections(one=is_one, silently=not is_reset)
                if is_one and undo.acted:
                    return

    return play.once(begin)


# --- Connects -------------------------------------------------------------------------------------------------------


def connects(play: Play) -> list[Step]:
    """refuse_connects and hang_connects."""
    parts = play.checked(play.targets.to_server(play.fault.where[0], play.fault.where[1:]))
    toxicity = 1 / play.fault.number_of("one_in", 1)

    def begin(undo: Undo) -> None:
        for part in parts:
            proxy = part.link.proxy
            refuses = play.fault.what == "refuse_connects"
            undo.keep(proxy.refuse_connects(toxicity=toxicity) if refuses else hang(proxy, toxicity))

    return play.once(begin)


def slow_accept(play: Play) -> list[Step]:
    parts = play.checked(play.targets.to_server(play.fault.where[0]))
    seconds = play.fault.seconds_of("delay", 0)

    def begin(undo: Undo) -> None:
        for part in parts:
            undo.keep(part.link.proxy.slow_accept(seconds))

    return play.once(begin)


PLAYED: dict[str, Callable[[Play], list[Step]]] = {
    "kill": kill,
    "crash": crash,
    "pause": pause,
    "restart_gracefully": restart_gracefully,
    "cut": cut,
    "partition": partition,
    "swizzle": swizzle,
    "slow_link": slow_link,
    "jitter": jitter,
    "bandwidth": bandwidth,
    "segmentation": segmentation,
    "loss": loss,
    "corrupt": corrupt,
    "small_buffers": small_buffers,
    "reset": broken,
    "sever": broken,
    "refuse_connects": connects,
    "hang_connects": connects,
    "slow_accept": slow_accept,
}

NOT_PLAYED = {
    "accept_errors": "nothing makes the accept of a process fail from outside",
    "clock_drift": "processes share the machine's clock",
    "clock_step": "processes share the machine's clock",
    "handler_delay": "nothing comes between a process and its handlers from outside",
    "handler_throw": "nothing comes between a process and its handlers from outside",
    "handler_drop": "nothing comes between a process and its handlers from outside",
    "allocation_failure": "nothing refuses a process single allocations from outside",
}


def prepare(play: Play) -> Prepared:
    """Raises Skip."""
    what = play.fault.what
    if what in NOT_PLAYED:
        raise Skip(NOT_PLAYED[what])
    if what not in PLAYED:
        raise Skip(f"{what} is no kind of fault: an action of the scenario, perhaps")
    steps = PLAYED[what](play)
    return Prepared(steps, play.notes)
