#!/usr/bin/env python3
"""Writes lib/razor/wire/for_each_expansions.h, or says whether it is what would be written.

    for_each_expansions.py [--check]
"""

import sys
from pathlib import Path

HEADER = Path(__file__).resolve().parent.parent / "lib/razor/wire/for_each_expansions.h"
ARGUMENTS_MAX = 256
WRITTEN_OUT = "abcdefghijklmnop"  # the names of the first arguments; the rest are __VA_ARGS__
INNER_ARGUMENTS_MAX = 64

HEAD = """\
#pragma once
#pragma GCC system_header  // compilers do not print the steps of its macros below an error in their arguments
// What RAZOR_FOR_EACH_ expands to for each number of arguments: up to 16 written out, above that the first 16 and the rest.
// Written by ci/for_each_expansions.py.

"""


def listed(names: list[str]) -> str:
    return ", ".join(names)


def count() -> list[str]:
    places = [f"a{place}" for place in range(1, ARGUMENTS_MAX + 1)]
    numbers = [str(number) for number in range(ARGUMENTS_MAX, 0, -1)]
    argument = f"RAZOR_ARGUMENT_{ARGUMENTS_MAX + 1}_"
    return [
        f"#define RAZOR_COUNT_(...) {argument}(__VA_ARGS__, {listed(numbers)})",
        f"#define {argument}({listed(places)}, count, ...) count",
    ]


def expansions(name: str, arguments_max: int) -> list[str]:
    lines = []
    most = len(WRITTEN_OUT)
    for arguments in range(1, arguments_max + 1):
        names = list(WRITTEN_OUT[:arguments])
        if arguments <= most:
            each = " ".join(f"M({argument})" for argument in names)
            lines.append(f"#define {name}{arguments}(M, {listed(names)}) {each}")
        else:
            first = f"{name}{most}(M, {listed(names)})"
            lines.append(
                f"#define {name}{arguments}(M, {listed(names)}, ...) {first} {name}{arguments - most}(M, __VA_ARGS__)"
            )
    return lines


def header() -> str:
    inner = [
        f"// Inside of another one: up to {INNER_ARGUMENTS_MAX}.",
        *expansions("RAZOR_FOR_EACH_INNER_", INNER_ARGUMENTS_MAX),
    ]
    parts = [count(), expansions("RAZOR_FOR_EACH_", ARGUMENTS_MAX), inner]
    return HEAD + "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        if HEADER.read_text(encoding="utf-8") == header():
            return 0
        print(f"{HEADER.name} is not what {Path(__file__).name} writes", file=sys.stderr)
        return 1
    if len(sys.argv) > 1:
        print(__doc__, file=sys.stderr)
        return 64
    HEADER.write_text(header(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
