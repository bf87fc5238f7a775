"""The kinds of faults that plans may have: which hosts and parameters each takes, as `--list-kinds` of a program of
`faults/` explains them."""

from collections.abc import Callable
from dataclasses import dataclass

from razor_testing.plan import PlannedFault
from razor_testing.plan_values import UNITS, duration_text, parse_duration, parse_number

MANY = 1 << 30
TEN_MINUTES = 10 * UNITS["min"]
TRILLION = 10**12

# Says what is wrong with a value, in the words "want ..."; empty: nothing.
Values = Callable[[str], str]


def whole(least: int, most: int) -> Values:
    def check(text: str) -> str:
        number = parse_number(text)
        return "" if number is not None and least <= number <= most else f"want a whole number, {least} .. {most}"

    return check


def time(least: int, most: int) -> Values:
    def check(text: str) -> str:
        span = parse_duration(text)
        is_fine = span is not None and least <= span <= most
        return "" if is_fine else f"want a time, {duration_text(least)} .. {duration_text(most)}"

    return check


def one_of(*words: str) -> Values:
    return lambda text: "" if text in words else f"want one of {', '.join(words)}"


@dataclass(frozen=True)
class Kind:
    """What a line of this kind has to look like."""

    hosts_least: int
    hosts_most: int
    parameters: dict[str, Values]
    required: tuple[str, ...] = ()
    lasts: bool | None = True  # None: it may


WAY = {"way": one_of("both", "there", "back")}
ONE_IN = {"one_in": whole(1, 10**9)}
ACCEPT_ERRORS = (
    "too_many_files_open",
    "too_many_files_open_in_system",
    "no_buffer_space",
    "not_enough_memory",
    "connection_aborted",
    "protocol_error",
)
BROKEN = Kind(2, 2, {"byte": whole(1, TRILLION), "connections": one_of("all", "one")}, lasts=None)

KINDS: dict[str, Kind] = {
    "cut": Kind(1, 2, WAY),
    "partition": Kind(1, MANY, {"first": whole(1, MANY)}),
    "swizzle": Kind(2, MANY, {"stall": one_of("hosts", "links")}),
    "slow_link": Kind(1, 2, {"latency": time(1, TEN_MINUTES), **WAY}, ("latency",)),
    "jitter": Kind(
        1,
        2,
        {"spread": time(1, UNITS["min"]), "shape": one_of("uniform", "exponential", "long_tail"), **WAY},
        ("spread",),
    ),
    "bandwidth": Kind(1, 2, {"bytes_per_second": whole(1, TRILLION), **WAY}, ("bytes_per_second",)),
    "segmentation": Kind(1, 2, {"bytes": whole(1, 65_536), **WAY}),
    "loss": Kind(1, 2, {**ONE_IN, **WAY}),
    "reset": BROKEN,
    "sever": BROKEN,
    "corrupt": Kind(1, 2, {**ONE_IN, "bytes": whole(1, 65_536), "how": one_of("flip", "overwrite"), **WAY}),
    "small_buffers": Kind(1, 2, {"bytes": whole(1, 10**9), **WAY}, ("bytes",)),
    "refuse_connects": Kind(1, MANY, ONE_IN),
    "hang_connects": Kind(1, MANY, ONE_IN),
    "accept_errors": Kind(1, 1, {"error": one_of(*ACCEPT_ERRORS), **ONE_IN}),
    "slow_accept": Kind(1, 1, {"delay": time(1, TEN_MINUTES)}, ("delay",)),
    "crash": Kind(1, MANY, {"when": one_of("now", "handshake", "mid_write")}),
    "kill": Kind(1, MANY, {}),
    "pause": Kind(1, MANY, {}),
    "clock_drift": Kind(1, 1, {"ppm": whole(-499_999, 499_999)}, ("ppm",)),
    "clock_step": Kind(1, 1, {"by": time(1, 240_000 * UNITS["h"]), "way": one_of("forward", "back")}, ("by",)),
    "handler_delay": Kind(1, 1, {**ONE_IN, "delay": time(1, 24 * UNITS["h"])}, ("delay",)),
    "handler_throw": Kind(1, 1, ONE_IN),
    "handler_drop": Kind(1, 1, ONE_IN),
    "allocation_failure": Kind(1, 1, {"nth": whole(1, TRILLION), "bytes": whole(1, TRILLION), "count": whole(1, TRILLION)}),
}


def what_is_wrong(fault: PlannedFault) -> str:
    """Empty when the fault can be played, as far as its line says, or is of no kind that is known here."""
    kind = KINDS.get(fault.what)
    if kind is None:
        return ""
    most = kind.hosts_most
    if fault.what == "crash" and fault.word_of("when", "now") != "now":
        most = 1
    if not kind.hosts_least <= len(fault.where) <= most:
        span = f"{kind.hosts_least} or more" if most == MANY else f"{kind.hosts_least} .. {most}"
        return f"want hosts: {span if kind.hosts_least != most else most}, not {len(fault.where)}"
    for host in fault.where:
        if fault.where.count(host) > 1:
            return f"host {host} is named twice"
    wants_time = "byte" in fault.parameters if kind.lasts is None else kind.lasts
    if wants_time and fault.lasts == 0:
        return "want how long it lasts: for TIME"
    if not wants_time and fault.lasts > 0:
        return "is over at once: want no `for`"
    for name in kind.required:
        if name not in fault.parameters:
            return f"want {name}=..."
    for name, text in fault.parameters.items():
        if name not in kind.parameters:
            return f"{fault.what} has no parameter {name}"
        if wrong := kind.parameters[name](text):
            return f"{name}={text}: {wrong}"
    first = fault.number_of("first", 1)
    if fault.what == "partition" and first > max(1, len(fault.where) - 1):
        return f"first={first}: want a whole number, 1 .. {max(1, len(fault.where) - 1)}"
    return ""
