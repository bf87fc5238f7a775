#!/usr/bin/env python3
"""Compiles one file that must not compile, and compares what the compiler says.

    run.py FILE COMPILER [OPTION ...]

Each comment `// says: TEXT` in FILE is a text that must appear in the compiler's output, which has at most LINES_MAX
lines, or as many as `// lines: N` says (N for g++, N for clang++): behind one mistake nobody reads more. Which header
includes which is not counted: with precompiled headers it says where they came first. `// only: g++`
(or clang++) says that the other compiler is not asked. A file without `// says:` must compile: it shows that the others
fail for their reason, and not for another.
"""

import re
import subprocess
import sys
from pathlib import Path

FAMILIES = ("g++", "clang++")
LINES_MAX = 25


def main() -> int:
    source, compiler, *options = sys.argv[1:]
    text = Path(source).read_text(encoding="utf-8")
    expected = re.findall(r"^// says: (.*)$", text, re.MULTILINE)
    only = re.search(r"^// only: (.*)$", text, re.MULTILINE)
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    family = "clang++" if "clang" in version else "g++"
    if only and only.group(1) != family:
        print(f"{family} is not asked")
        return 0
    result = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", *options, source], capture_output=True, text=True)
    if not expected:
        print(result.stderr)
        return result.returncode
    if result.returncode == 0:
        print(f"{source} compiles, but should not")
        return 1
    # Compilers quote in their own ways.
    said = result.stderr.replace("‘", "'").replace("’", "'")
    missing = [line for line in expected if line not in said]
    lines_max = re.search(r"^// lines: (.*)$", text, re.MULTILINE)
    limit = int(lines_max.group(1).split()[FAMILIES.index(family)]) if lines_max else LINES_MAX
    count = len([line for line in said.splitlines() if not re.match(r"(In file included| +)from .*[:,]$", line)])
    if count > limit:
        print(f"the compiler says {count} lines, {limit} are the most:\n{said}")
        return 1
    for line in missing:
        print(f"the compiler does not say: {line}")
    if missing:
        print("it says:\n" + said)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
