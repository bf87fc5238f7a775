"""Values as plans write them: "250ms", "1.25s", "17". Times are whole nanoseconds. What is printed reads back the same."""

import re

NANOSECONDS_MAX = (1 << 63) - 1
UNITS = {"h": 3_600_000_000_000, "min": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
SECOND = UNITS["s"]
DURATION = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,9}))?(h|min|s|ms|us|ns)")
NUMBER = re.compile(r"-?[0-9]{1,19}")


def parse_duration(text: str) -> int | None:
    """Nanoseconds, cut off; None unless all of `text` is a number, of at most nine decimals, and a unit, and fits."""
    match = DURATION.fullmatch(text)
    if match is None:
        return None
    whole, decimals, unit = match[1], match[2] or "", UNITS[match[3]]
    if int(whole) >= 1 << 64:
        return None
    nanoseconds = int(whole) * unit + (int(decimals) * unit // 10 ** len(decimals) if decimals else 0)
    return nanoseconds if nanoseconds <= NANOSECONDS_MAX else None


def duration_text(nanoseconds: int) -> str:
    """In the largest unit that needs no more than three decimals; minutes and hours only where they are whole."""
    if nanoseconds == 0:
        return "0s"
    for name, unit in UNITS.items():
        has_decimals = name in ("s", "ms", "us")
        step = unit // 1000 if has_decimals else unit
        if nanoseconds < unit or nanoseconds % step != 0:
            continue
        rest = nanoseconds % unit // step
        return f"{nanoseconds // unit}" + (f".{rest:03}".rstrip("0") if rest else "") + name
    return f"{nanoseconds}ns"


def parse_number(text: str) -> int | None:
    """None unless all of `text` is a whole number of 64 bits."""
    if NUMBER.fullmatch(text) is None or not -(1 << 63) <= int(text) < 1 << 63:
        return None
    return int(text)
