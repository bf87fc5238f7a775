"""Command lines of scripts of ci: values with limits, and steps that end the script where they fail."""

import argparse
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
FAILED = 1


class Parser(argparse.ArgumentParser):
    """Says what is wrong in a line behind the usage, which names the script."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(os.EX_USAGE)


def whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text) or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"must be a whole number below 2^64: {text!r}")
    return int(text)


def minutes_up_to(most: float) -> Callable[[str], float]:
    def minutes(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"must be a number above 0, up to 1e{math.log10(most):.0f}: {text!r}")
        return value

    return minutes


def must_run(*command: str) -> None:
    """Ends the script when the command fails, with its status."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode if done.returncode > 0 else FAILED)
