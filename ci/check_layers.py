#!/usr/bin/env python3
"""Checks that each folder of the tree includes only what its layer may, and that no FIXME is left.

A layer may include itself, what stands left of it or above it in this table, and nothing else:

    base  <-  wire                               pure bytes: no clock, no coroutine
      ^         ^
    runtime  <- stream  <-  pool  <-  api

A header in a folder called internal is included by its own layer (and by tests) only. runtime/asio is the only folder of
lib, sim and faults that includes <boost/asio...>; sim knows base and runtime only.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Folder -> the folders whose headers it may include, itself aside. Folders that are not listed (tests, bench) may include
# anything.
ALLOWED: dict[str, set[str]] = {
    "razor/base": set(),
    "razor/wire": {"razor/base"},
    "razor/json": {"razor/base", "razor/wire"},
    "razor/history": {"razor/base", "razor/runtime", "razor/stream"},
    "razor/runtime": {"razor/base"},
    "razor/runtime/asio": {"razor/base", "razor/runtime"},
    "razor/stream": {"razor/base", "razor/wire", "razor/runtime"},
    "razor/pool": {"razor/base", "razor/wire", "razor/runtime", "razor/stream"},
    "razor/api": {"razor/base", "razor/wire", "razor/runtime", "razor/stream", "razor/pool"},
    "sim": {"razor/base", "razor/runtime"},
    "sim/main": {"razor/base", "razor/runtime", "sim"},
    "faults": {"razor/base", "razor/runtime", "sim"},
    "faults/main": {"razor/base", "razor/runtime", "sim", "sim/main", "faults"},
}
# Files that stand above all layers.
FRONT_DOOR = {"razor/razor.h", "razor/service.h", "razor/asio.h"}
# Those that stand in front of what reaches past the seam, to catch it.
GUARD = {"sim/guard.h", "sim/guard.cc"}

# What reaches past the seam: only runtime/asio may.
PAST_THE_SEAM = re.compile(
    r"#include\s*<(boost/|asio|sys/socket|netinet/|sys/epoll|thread>)"
    r"|std::(?:chrono::)?(?:steady_clock|system_clock|high_resolution_clock)::now"
    r"|std::random_device|this_thread::sleep"
)

# fmt is for sim, faults, tests and bench: users of lib may have any version of it, or none (base/format.h).
FMT = re.compile(r"#include\s*<fmt/|\bfmt::\w+\(")

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def folder_of(path: str) -> str | None:
    """The layer that a file, named from its include root, belongs to."""
    folders = [folder for folder in ALLOWED if path.startswith(folder + "/")]
    return max(folders, key=len) if folders else None


def errors_in(path: Path, include_name: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    place = path.relative_to(ROOT)
    errors = []
    if "FIXME" in text:
        errors.append(f"{place}: FIXME is for your own branch")
    layer = folder_of(include_name)
    if layer is None or include_name in FRONT_DOOR:
        return errors
    for included in INCLUDE.findall(text):
        target = folder_of(included)
        if target is None:
            errors.append(f'{place}: includes "{included}", which is in no layer')
        elif target != layer and "/internal/" in included:
            errors.append(f'{place}: "{included}" is private to {target}')
        elif target != layer and target not in ALLOWED[layer]:
            errors.append(f'{place}: {layer} may not include "{included}" of {target}')
    if layer != "razor/runtime/asio" and place.as_posix() not in GUARD and (found := PAST_THE_SEAM.search(text)):
        errors.append(f"{place}: '{found.group(0)}' reaches past the seam; only runtime/asio may")
    if layer.startswith("razor/") and (found := FMT.search(text)):
        errors.append(f"{place}: '{found.group(0)}' in lib, which does without fmt: use base/format.h")
    return errors


def main() -> int:
    roots = {
        ROOT / "lib": ROOT / "lib",
        ROOT / "sim": ROOT,
        ROOT / "faults": ROOT,
        ROOT / "tests": ROOT,
        ROOT / "bench": ROOT,
    }
    errors = []
    files = 0
    for folder, include_root in roots.items():
        for path in sorted([*folder.rglob("*.h"), *folder.rglob("*.cc")]):
            files += 1
            errors += errors_in(path, path.relative_to(include_root).as_posix())
    for error in errors:
        print(error, file=sys.stderr)
    print(f"check_layers: {files} files, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
