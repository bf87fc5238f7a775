"""Planted bugs: what a .planted file says, and how all of them are put into one copy of the tree.

    rule: 20
    title: the window admits one more
    why: a server that was promised 128 calls at a time gets 129
    file: lib/razor/stream/internal/window.h
    --- old
      bool has_room() const { return used_ < limit_; }
    --- new
      bool has_room() const { return used_ < limit_ + (PLANTED ? 1 : 0); }
    ---

`rule` is a rule of faults/contract.md, or `harness` for a bug of the simulator or of the faults. `options` are those of the
scenario program that are needed to find it, as `--replay`; `idle` names the kind of fault that never acts because of it,
which is told from the sums of many runs. Blocks follow: of each file any number, of any number of files.
The old text stands exactly once in its file, lines of it or a part of one line, and no other bug touches it. In the new
text PLANTED is true in a process that was started with RAZOR_PLANTED=<the number of the bug>; without it, all is as before.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

NAME = re.compile(r"(\d+)_[a-z0-9_]+\.planted")
RULE = re.compile(r"\d+|harness")
FIELDS = ("rule", "title", "why", "options", "idle")
OLD, NEW, END = "--- old", "--- new", "---"
INCLUDE = '#include "razor/base/planted.h"'
# What bugs may be planted in.
PLACES = ("lib/", "sim/", "faults/")


class Mistake(Exception):
    """Something is wrong with a .planted file; the text names it."""


@dataclass(frozen=True)
class Block:
    path: str  # from the root of the tree
    old: str
    new: str


@dataclass(frozen=True)
class Bug:
    number: int
    name: str  # of the file, without its ending
    rule: str
    title: str
    why: str
    options: tuple[str, ...] = ()
    idle: str = ""
    blocks: tuple[Block, ...] = field(default=(), repr=False)


def parse(path: Path) -> Bug:
    named = NAME.fullmatch(path.name)
    if named is None:
        raise Mistake(f"{path.name}: want a name like 20_window_plus_one.planted")
    said: dict[str, str] = {}
    blocks: list[Block] = []
    file = ""
    old: list[str] = []
    text: list[str] | None = None  # of the part that is being read
    for number, line in enumerate(path.read_text().splitlines(), 1):

        def wrong(what: str) -> Mistake:
            return Mistake(f"{path.name}:{number}: {what}")

        if text is None:
            key, colon, value = line.partition(":")
            if line == OLD:
                if not file:
                    raise wrong("a block without a file")
                text = []
            elif colon and key == "file":
                file = value.strip()
                if not file.startswith(PLACES):
                    raise wrong(f"{file}: bugs are planted in {', '.join(PLACES)}")
            elif colon and key in FIELDS and key not in said and not blocks:
                said[key] = value.strip()
            elif line:
                raise wrong(f"not understood: {line}")
        elif line == NEW:
            old, text = text, []
            if not "".join(old).strip():
                raise wrong("an empty old text")
        elif line == END:
            blocks.append(Block(file, "\n".join(old), "\n".join(text)))
            text = None
        else:
            text.append(line)
    if text is not None:
        raise Mistake(f"{path.name}: the last block has no end")
    for key in ("rule", "title", "why"):
        if not said.get(key):
            raise Mistake(f"{path.name}: no {key}")
    if RULE.fullmatch(said["rule"]) is None:
        raise Mistake(f"{path.name}: rule: want a number, or harness")
    if not any("PLANTED" in block.new for block in blocks):
        raise Mistake(f"{path.name}: no new text says PLANTED")
    return Bug(
        number=int(named[1]),
        name=path.name.removesuffix(".planted"),
        rule=said["rule"],
        title=said["title"],
        why=said["why"],
        options=tuple(said.get("options", "").split()),
        idle=said.get("idle", ""),
        blocks=tuple(blocks),
    )


def read_all(directory: Path = HERE) -> list[Bug]:
    """All bugs, by their numbers."""
    bugs = sorted((parse(path) for path in directory.glob("*.planted")), key=lambda bug: bug.number)
    for one, other in zip(bugs, bugs[1:], strict=False):
        if one.number == other.number:
            raise Mistake(f"{one.name} and {other.name} have the same number")
    return bugs


def planted_files(bugs: list[Bug], root: Path = ROOT) -> dict[str, str]:
    """The text of every file that a bug touches, by its path, with all of them in it."""
    by_path: dict[str, list[tuple[int, int, Bug, Block]]] = {}
    texts: dict[str, str] = {}
    for bug in bugs:
        for block in bug.blocks:
            if block.path not in texts:
                if not (root / block.path).is_file():
                    raise Mistake(f"{bug.name}: there is no {block.path}")
                texts[block.path] = (root / block.path).read_text()
            count = texts[block.path].count(block.old)
            if count != 1:
                raise Mistake(f"{bug.name}: {count} places in {block.path} have the old text\n{block.old}")
            at = texts[block.path].index(block.old)
            by_path.setdefault(block.path, []).append((at, at + len(block.old), bug, block))
    return {path: _with_blocks(texts[path], path, places) for path, places in by_path.items()}


def _with_blocks(text: str, path: str, places: list[tuple[int, int, Bug, Block]]) -> str:
    places.sort(key=lambda place: place[:2])
    parts: list[str] = []
    done = 0
    before: Bug | None = None
    for begin, end, bug, block in places:
        if begin < done:
            assert before is not None
            raise Mistake(f"{before.name} and {bug.name} touch the same text of {path}")
        parts += [text[done:begin], re.sub(r"\bPLANTED\b", f"(::razor_planted == {bug.number})", block.new)]
        done, before = end, bug
    return _with_include("".join([*parts, text[done:]]))


def _with_include(text: str) -> str:
    first, rest = (
        ("#pragma once\n", text.removeprefix("#pragma once\n")) if text.startswith("#pragma once\n") else ("", text)
    )
    return f"{first}{INCLUDE}\n{rest}"
