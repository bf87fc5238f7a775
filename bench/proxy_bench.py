#!/usr/bin/env python3
"""Measures what the fault proxy of pytests costs while no fault is set: calls and bytes through it, beside direct ones.

    bench/proxy_bench.py [--node build/tests/razor_node] [--runs 5] [--seconds 1] [--unix] [--json FILE]

Each run measures every load directly and then through a proxy; what is printed are the medians over the runs. Small calls
carry 64 bytes each way, large ones 1 MiB one way. All share the machine: with few cores the proxy also takes time from both
ends.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "pytests"))

from razor_testing.proxy import FaultProxy  # noqa: E402

MIB = 1024 * 1024


@dataclass(frozen=True)
class Load:
    name: str
    arguments: tuple[str, ...]
    figure: str  # of the report
    unit: str
    scale: float = 1.0


SMALL = ("--interface", "api", "--payload", "64", "--in-flight")
LARGE = ("--interface", "stream", "--payload", str(MIB), "--direction")
LOADS = (
    Load("a call at a time, median", (*SMALL, "1"), "p50_us", "us"),
    Load("a call at a time, p99", (*SMALL, "1"), "p99_us", "us"),
    Load("a call at a time", (*SMALL, "1"), "rps", "calls/s"),
    Load("64 calls in flight", (*SMALL, "64"), "rps", "calls/s"),
    Load("1024 calls in flight", (*SMALL, "1024"), "rps", "calls/s"),
    Load("1 MiB up, 4 in flight", (*LARGE, "up", "--in-flight", "4"), "rps", "MB/s", MIB / 1e6),
    Load("1 MiB down, 4 in flight", (*LARGE, "down", "--in-flight", "4"), "rps", "MB/s", MIB / 1e6),
)


@contextmanager
def serving(node: Path, listen: str) -> Iterator[str]:
    server = subprocess.Popen([str(node), "serve", "--listen", listen], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[1]
    finally:
        server.terminate()
        server.wait()


def report_of(node: Path, to: str, arguments: tuple[str, ...], seconds: float) -> dict[str, float]:
    command = [str(node), "load", "--connect", to, *arguments, "--seconds", str(seconds), "--json"]
    report: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    assert not report["errors"], report
    return report


def measure(node: Path, runs: int, seconds: float, is_unix: bool) -> list[dict[str, object]]:
    figures: dict[tuple[Load, bool], list[float]] = {(load, way): [] for load in LOADS for way in (False, True)}
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="razor-"))
        listen = [f"unix:{directory}/{name}" for name in ("server", "proxy")] if is_unix else ["127.0.0.1:0"] * 2
        direct = stack.enter_context(serving(node, listen[0]))
        proxy = stack.enter_context(FaultProxy(direct, listen=listen[1]))
        for _ in range(runs):
            for arguments in dict.fromkeys(load.arguments for load in LOADS):
                for is_proxied in (False, True):
                    report = report_of(node, proxy.address if is_proxied else direct, arguments, seconds)
                    for load in LOADS:
                        if load.arguments == arguments:
                            figures[load, is_proxied].append(report[load.figure] * load.scale)
    rows: list[dict[str, object]] = []
    for load in LOADS:
        medians = [statistics.median(figures[load, is_proxied]) for is_proxied in (False, True)]
        rows.append({"load": load.name, "unit": load.unit, "direct": medians[0], "proxied": medians[1]})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", type=Path, default=ROOT / "build/tests/razor_node")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--unix", action="store_true", help="over Unix sockets")
    parser.add_argument("--json", type=Path, help="write the medians to this file, too")
    options = parser.parse_args()
    if not options.node.is_file():
        print(f"proxy_bench.py: build first (ci/build razor_node): no {options.node}", file=sys.stderr)
        return 1
    if options.runs < 1 or not options.seconds > 0:
        print("proxy_bench.py: --runs and --seconds: want more than 0", file=sys.stderr)
        return 1
    rows = measure(options.node, options.runs, options.seconds, options.unix)
    print(f"{'':28}{'direct':>12}{'proxied':>12}")
    for row in rows:
        print(f"{row['load']:28}{row['direct']:12,.0f}{row['proxied']:12,.0f}  {row['unit']}")
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
