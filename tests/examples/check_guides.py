#!/usr/bin/env python3
"""What the guides show is compiled and run: every block of code in a document is quoted from a file of the tree.

A comment in front of a block says from where:

    <!-- quote: tests/examples/calculator.cc -->         lines of this file, one after the other, however deep
                                                         they are indented there
    <!-- quote: tests/examples/calculator.cc#service --> exactly what stands there between the lines
                                                         `// [quote:service]` and `// [/quote]` (or `#`)
In a guide that has a program of its own (PROGRAMS) blocks without a comment are lines of that program.

    check_guides.py          says what differs
    check_guides.py --fix    writes into the guides what stands between markers
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = {
    "lib/razor/wire/types.md": "tests/examples/types.cc",
    "lib/razor/wire/changing_types.md": "tests/examples/changing_types.cc",
}
# Folders with files that are not the tree's.
FOREIGN = re.compile(r"\.deps|\.git|build.*")

FENCE = re.compile(r"^```(\w*)$")
QUOTE = re.compile(r"^<!-- quote: (\S+?)(?:#(\w+))? -->$")
BEGIN, END = re.compile(r"^\s*(?://|#) \[quote:(\w+)\]$"), re.compile(r"^\s*(?://|#) \[/quote\]$")
QUOTED_LANGUAGES = ("cpp", "cmake", "python")


@dataclass
class Block:
    line: int  # of its fence, from 1
    language: str
    text: str
    source: str | None  # as its comment says
    region: str | None


def documents(root: Path = ROOT) -> list[Path]:
    folders = [path for path in root.iterdir() if path.is_dir() and not FOREIGN.fullmatch(path.name)]
    return sorted([*root.glob("*.md"), *(path for folder in folders for path in folder.rglob("*.md"))])


def blocks(document: str) -> Iterator[Block]:
    lines = document.splitlines()
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        end = next((i for i in range(at + 1, len(lines)) if lines[i] == "```"), len(lines))
        before = next((line for line in reversed(lines[:at]) if line), "")
        quote = QUOTE.match(before)
        text = "\n".join(lines[at + 1 : end])
        yield Block(at + 1, fence[1], text, quote[1] if quote else None, quote[2] if quote else None)
        at = end + 1


def regions(program: str) -> dict[str, str]:
    """What stands between markers, without the markers of regions inside."""
    found: dict[str, list[str]] = {}
    open_regions: list[str] = []
    for line in program.splitlines():
        if begin := BEGIN.match(line):
            open_regions.append(begin[1])
            found[begin[1]] = []
        elif END.match(line):
            open_regions.pop()
        else:
            for name in open_regions:
                found[name].append(line)
    return {name: textwrap.dedent("\n".join(lines)).strip("\n") for name, lines in found.items()}


def is_piece(block: str, program: str) -> bool:
    lines = [line for line in program.splitlines() if not BEGIN.match(line) and not END.match(line)]
    count = len(block.splitlines())
    return any(textwrap.dedent("\n".join(lines[at : at + count])) == block for at in range(len(lines) - count + 1))


def wrong_with(block: Block, program_of_guide: str | None, root: Path = ROOT) -> str | None:
    """Why the block is not what it should be, if it is not."""
    source = block.source or program_of_guide
    if source is None:
        return f"code that is quoted from no file: put <!-- quote: FILE --> in front of it:\n{block.text}"
    if not (root / source).is_file():
        return f"quotes {source}, which is not there"
    program = (root / source).read_text(encoding="utf-8")
    if block.region is None:
        return None if is_piece(block.text, program) else f"shows what {source} does not have:\n{block.text}"
    region = regions(program).get(block.region)
    if region is None:
        return f"quotes {source}, which has no line `// [quote:{block.region}]`"
    return None if region == block.text else f"is not what {source} has as [quote:{block.region}]:\n{region}"


def wrong_guides(root: Path = ROOT) -> list[str]:
    wrong = []
    shown: set[str] = set()
    for path in documents(root):
        name = path.relative_to(root).as_posix()
        of_guide = PROGRAMS.get(name)
        quoted = [block for block in blocks(path.read_text(encoding="utf-8")) if block.language in QUOTED_LANGUAGES]
        if of_guide is not None and not quoted:
            wrong.append(f"{name} shows no C++")
        for block in quoted:
            shown.add(block.source or of_guide or "")
            if why := wrong_with(block, of_guide, root):
                wrong.append(f"{name}:{block.line}: {why}")
    for program in sorted((root / "tests/examples").glob("*.cc")):
        if program.relative_to(root).as_posix() not in shown:
            wrong.append(f"tests/examples/{program.name} is shown by no document")
    return wrong


def fix(path: Path, root: Path = ROOT) -> bool:
    """Quotes anew what is quoted by a marker. True if that changed something."""
    document = path.read_text(encoding="utf-8")
    lines = document.splitlines()
    for block in reversed(list(blocks(document))):
        if block.source is None or block.region is None or not (root / block.source).is_file():
            continue
        region = regions((root / block.source).read_text(encoding="utf-8")).get(block.region)
        if region is not None:
            lines[block.line : block.line + len(block.text.splitlines())] = region.splitlines()
    fixed = "\n".join(lines) + "\n"
    if fixed == document:
        return False
    path.write_text(fixed, encoding="utf-8")
    return True


if __name__ == "__main__":
    if sys.argv[1:] == ["--fix"]:
        for guide in documents():
            if fix(guide):
                print(f"quoted anew in {guide.relative_to(ROOT)}")
    found = wrong_guides()
    for complaint in found:
        print(complaint, file=sys.stderr)
    sys.exit(1 if found else 0)
