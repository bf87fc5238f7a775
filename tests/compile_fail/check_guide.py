#!/usr/bin/env python3
"""lib/razor/api/compile_errors.md has a row for every file here, and quotes what that file expects the compiler to say."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
GUIDE = HERE.parent.parent / "lib/razor/api/compile_errors.md"
# | `what the compiler says` | [the mistake](.../FILE.cc) ... |
ROW = re.compile(r"^\| `([^`]+)` \| .*?/tests/compile_fail/(\w+)\.cc\)", re.MULTILINE)


def main() -> int:
    expected = {
        source.stem: re.findall(r"^// says: (.*)$", source.read_text(encoding="utf-8"), re.MULTILINE)
        for source in sorted(HERE.glob("*.cc"))
    }
    guide = GUIDE.read_text(encoding="utf-8")
    rows = ROW.findall(guide)
    wrong = [f"{name}.cc does not expect `{text}`" for text, name in rows if text not in expected.get(name, [])]
    shown = {name for _, name in rows}
    wrong += [f"no row shows {name}.cc" for name, texts in expected.items() if texts and name not in shown]
    linked = set(re.findall(r"/tests/compile_fail/(\w+)\.cc", guide))
    wrong += [f"the row of {name}.cc cannot be read" for name in sorted(linked - shown)]
    for line in wrong:
        print(f"{GUIDE.name}: {line}", file=sys.stderr)
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
