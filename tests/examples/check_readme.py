#!/usr/bin/env python3
"""README.md shows the programs of tests/examples, word for word: so what it shows compiles and runs."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = sorted((ROOT / "tests/examples").glob("*.cc"))
    missing = [path.name for path in examples if f"```cpp\n{path.read_text(encoding='utf-8')}```" not in readme]
    for name in missing:
        print(f"README.md does not show tests/examples/{name} as it is", file=sys.stderr)
    return 1 if missing or not examples else 0


if __name__ == "__main__":
    sys.exit(main())
