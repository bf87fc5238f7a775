"""Which bytes of a stream change, and how. flip: one bit of each; overwrite: into any other byte."""

import math
import random
from collections.abc import Iterable
from typing import Literal

from razor_testing.proxy_faults import Change

How = Literal["flip", "overwrite"]


def corrupt_at(at: int, how: How, chance: random.Random) -> Change:
    """The byte of this number, from 0."""

    def change(data: bytearray, position: int) -> bool:
        is_here = position <= at < position + len(data)
        if is_here:
            change_bytes(data, [at - position], how, chance)
        return is_here

    return change


def corrupt_one_in_bytes(one_in: int, how: How, chance: random.Random) -> Change:
    """Which ones depends on chance alone, and not on the pieces in which they come."""

    def gap() -> int:
        return 1 if one_in == 1 else 1 + int(math.log(1.0 - chance.random()) / math.log(1.0 - 1.0 / one_in))

    upcoming = gap() - 1

    def change(data: bytearray, position: int) -> bool:
        nonlocal upcoming
        has_changed = False
        while upcoming < position + len(data):
            change_bytes(data, [upcoming - position], how, chance)
            upcoming += gap()
            has_changed = True
        return has_changed

    return change


def corrupt_one_in_pieces(one_in: int, count: int, how: How, chance: random.Random) -> Change:
    """`count` bytes of a piece: anywhere where they flip, side by side where they are overwritten."""

    def change(data: bytearray, position: int) -> bool:
        if chance.randrange(one_in) != 0:
            return False
        width = min(count, len(data))
        if how == "flip":
            places = sorted(chance.sample(range(len(data)), width))
        else:
            first = chance.randrange(len(data) - width + 1)
            places = list(range(first, first + width))
        change_bytes(data, places, how, chance)
        return True

    return change


def change_bytes(data: bytearray, places: Iterable[int], how: How, chance: random.Random) -> None:
    """None stays as it is."""
    for place in places:
        data[place] ^= 1 << chance.randrange(8) if how == "flip" else chance.randrange(1, 256)
