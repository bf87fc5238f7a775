#!/usr/bin/env python3
"""README.md shows tests/examples/calculator.cc, word for word: so what it shows compiles and runs."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    example = (ROOT / "tests/examples/calculator.cc").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if f"```cpp\n{example}```" in readme:
        return 0
    print("README.md does not show tests/examples/calculator.cc as it is", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
