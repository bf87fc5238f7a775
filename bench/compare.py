#!/usr/bin/env python3
"""Measures `razor_node load` against a bare epoll echo of the same frames, interleaved, one core a side.

    bench/compare.py [--build build] [--in-flight 1,16,128,1024] [--runs 5] [--seconds 1] [--payload 64]
                     [--ways api:plain,api:coroutine,stream:plain,stream:coroutine] [--spin-us 0] [--echo-read-bytes 32768]
                     [--json FILE]

Each run measures the echo and then every way to call, one after the other; a ratio is that of a way to the echo of its own
frame sizes in the same run, and what is printed is the median over the runs. Rates are calls a second, latencies are
microseconds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Frames:
    """What travels for one call: enough to imitate it."""

    action_bytes: int
    msg_bytes: int
    blob_bytes: int
    answer_bytes: int | None  # None: the message comes back


def text_bytes(length: int) -> int:
    """A msgpack string of this length."""
    return length + (1 if length < 32 else 2 if length < 256 else 3 if length < 65536 else 5)


def frames_of(interface: str, handler: str, payload: int) -> Frames:
    if interface == "api":
        action = "CalculatorService.echo" if handler == "plain" else "CalculatorService.echo_coroutine"
        return Frames(len(action), text_bytes(payload), 0, None)
    number = 1 if payload < 128 else 2 if payload < 256 else 3 if payload < 65536 else 5
    return Frames(0, len("\x83\xa5inode\x01\xa6offset\x00\xa3len") + number, payload, len("\x81\xa8ret_size") + number)


class Server:
    """A server process on the first core."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[1]

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def load(command: list[str]) -> dict[str, float]:
    """A load process on the second core."""
    done = subprocess.run(["taskset", "-c", "1", *command], stdout=subprocess.PIPE, text=True, check=True)
    report: dict[str, float] = json.loads(done.stdout)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path(__file__).resolve().parent.parent / "build")
    parser.add_argument("--in-flight", default="1,16,128,1024")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--payload", type=int, default=64)
    parser.add_argument("--ways", default="api:plain,api:coroutine,stream:plain,stream:coroutine")
    parser.add_argument("--spin-us", type=int, default=0)
    parser.add_argument(
        "--echo-read-bytes", type=int, default=32 << 10, help="as ReadBufferSizes::kMax of wire/frame_reader.h"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        print("compare.py: two cores are needed, one a side", file=sys.stderr)
        return 1
    node, echo = str(options.build / "tests/razor_node"), str(options.build / "bench/epoll_echo")
    if missing := [program for program in (node, echo) if not Path(program).exists()]:
        print(f"compare.py: build first (ci/build razor_node epoll_echo): no {missing[0]}", file=sys.stderr)
        return 1
    ways = [tuple(way.split(":")) for way in options.ways.split(",")]
    spin = ["--spin-us", str(options.spin_us)]
    buffers = ["--read-bytes", str(options.echo_read_bytes)]
    results = []
    with ExitStack() as stack:
        node_server = stack.enter_context(Server([node, "serve", "--listen", "127.0.0.1:0", *spin]))
        frames = {way: frames_of(way[0], way[1], options.payload) for way in ways}
        echo_servers = {
            answer: stack.enter_context(
                Server(
                    [echo, "serve", "--listen", "127.0.0.1:0", *buffers, *spin]
                    + (["--answer-bytes", str(answer)] if answer is not None else [])
                )
            )
            for answer in sorted({f.answer_bytes for f in frames.values()}, key=str)
        }

        def echo_load(sizes: Frames, in_flight: int) -> dict[str, float]:
            return load(
                [
                    echo,
                    "load",
                    "--connect",
                    echo_servers[sizes.answer_bytes].address,
                    "--in-flight",
                    str(in_flight),
                    "--payload",
                    str(sizes.msg_bytes),
                    "--action-bytes",
                    str(sizes.action_bytes),
                    "--blob-bytes",
                    str(sizes.blob_bytes),
                    "--seconds",
                    str(options.seconds),
                    "--json",
                    *buffers,
                    *spin,
                ]
            )

        def node_load(way: tuple[str, ...], in_flight: int) -> dict[str, float]:
            return load(
                [
                    node,
                    "load",
                    "--connect",
                    node_server.address,
                    "--interface",
                    way[0],
                    "--handler",
                    way[1],
                    "--in-flight",
                    str(in_flight),
                    "--payload",
                    str(options.payload),
                    "--seconds",
                    str(options.seconds),
                    "--json",
                    *spin,
                ]
            )

        print(
            f"{'in flight':>9}  {'way':<18} {'calls/s':>12} {'echo/s':>12} {'ratio':>6} {'p50':>8} {'of echo':>8} "
            f"{'CPU/call':>9} {'echo':>7}"
        )
        for in_flight in [int(text) for text in options.in_flight.split(",")]:
            runs: dict[tuple[str, ...], list[tuple[dict[str, float], dict[str, float]]]] = {way: [] for way in ways}
            for _ in range(options.runs):
                measured = {sizes: echo_load(sizes, in_flight) for sizes in dict.fromkeys(frames.values())}
                for way in ways:
                    runs[way].append((node_load(way, in_flight), measured[frames[way]]))
            for way, pairs in runs.items():

                def middle(key: str, side: int) -> float:
                    return statistics.median(pair[side][key] for pair in pairs)

                ratio = statistics.median(ours["rps"] / theirs["rps"] for ours, theirs in pairs)
                latency = statistics.median(ours["p50_us"] / theirs["p50_us"] for ours, theirs in pairs)
                print(
                    f"{in_flight:>9}  {':'.join(way):<18} {middle('rps', 0):>12,.0f} {middle('rps', 1):>12,.0f} "
                    f"{ratio:>6.2f} "
                    f"{middle('p50_us', 0):>8.1f} {latency:>8.2f} {middle('cpu_us_per_call', 0):>9.3f} "
                    f"{middle('cpu_us_per_call', 1):>7.3f}",
                    flush=True,
                )
                results.append(
                    {
                        "in_flight": in_flight,
                        "way": ":".join(way),
                        "ratio": ratio,
                        "latency_ratio": latency,
                        "runs": [{"ours": ours, "echo": theirs} for ours, theirs in pairs],
                    }
                )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
