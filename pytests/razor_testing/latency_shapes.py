"""How much later each piece or packet arrives: a time, and how it varies."""

import random
from collections.abc import Callable
from typing import Literal, get_args

Shape = Literal["uniform", "exponential", "long_tail"]


def latency_draw(seconds: float, jitter: float, shape: Shape) -> Callable[[random.Random], float]:
    """Draws a delay in seconds. uniform: seconds +- jitter; exponential: one of the mean `jitter` is added; long_tail: 0 ..
    jitter is added, and for one in a hundred up to 30 times jitter. Raises ValueError for another shape."""
    if shape not in get_args(Shape):
        raise ValueError(f"shape: want uniform, exponential or long_tail, not {shape!r}")

    def draw(chance: random.Random) -> float:
        if jitter == 0:
            return seconds
        if shape == "exponential":
            return seconds + min(chance.expovariate(1 / jitter), 20 * jitter)
        if shape == "long_tail":
            return seconds + jitter * (chance.randint(1, 30) if chance.randrange(100) == 0 else chance.random())
        return max(0.0, seconds + chance.uniform(-jitter, jitter))

    return draw
