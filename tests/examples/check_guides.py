#!/usr/bin/env python3
"""What the guides show is compiled and run.

README.md shows the programs of tests/examples, word for word. Every C++ block of another guide is a piece of that guide's
program: lines of it, one after the other, however deep they are indented there.
"""

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Guide: where its blocks come from.
GUIDES = {
    "lib/razor/wire/types.md": ["tests/examples/types.cc"],
    "lib/razor/wire/changing_types.md": ["tests/examples/changing_types.cc"],
}


def blocks(guide: Path) -> list[str]:
    return re.findall(r"^```cpp\n(.*?)^```$", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def is_piece(block: str, program: str) -> bool:
    lines = program.splitlines()
    count = len(block.splitlines())
    return any(
        textwrap.dedent("\n".join(lines[at : at + count])) == block.rstrip("\n") for at in range(len(lines) - count + 1)
    )


def wrong_guides() -> list[str]:
    of_guides = {name for sources in GUIDES.values() for name in sources}
    programs = [path for path in sorted(ROOT.glob("tests/examples/*.cc")) if str(path.relative_to(ROOT)) not in of_guides]
    shown = blocks(ROOT / "README.md")
    wrong = [f"README.md does not show {path.name} as it is" for path in programs if path.read_text("utf-8") not in shown]
    if len(shown) != len(programs):
        wrong.append("README.md shows C++ that is no program of tests/examples")
    for guide, sources in GUIDES.items():
        texts = [(ROOT / source).read_text(encoding="utf-8") for source in sources]
        pieces = blocks(ROOT / guide)
        if not pieces:
            wrong.append(f"{guide} shows no C++")
        for block in pieces:
            if not any(is_piece(block, text) for text in texts):
                wrong.append(f"{guide} shows what {' or '.join(sources)} does not have:\n{block}")
    return wrong


if __name__ == "__main__":
    wrong = wrong_guides()
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)
