#!/usr/bin/env python3
"""What ci/demo shows once everything is built: a server process, callers, load, and a cluster that loses a server under it.

    demo.py RAZOR_NODE
"""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOLD, DIM, GREEN, RED, PLAIN = (
    ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 5
)
# Live progress of a load, for a terminal; in a file it would be one endless line.
PROGRESS = ["--progress"] if sys.stderr.isatty() else []


@dataclass
class Server:
    """A razor_node process that serves until it is stopped."""

    node: Path
    listen: list[str]
    process: subprocess.Popen[str] = field(init=False)
    addresses: list[str] = field(init=False)

    def start(self) -> "Server":
        options = [option for address in self.listen for option in ("--listen", address)]
        # What a server warns of is what the demo does to it on purpose, and says so itself.
        command = [str(self.node), "serve", "--log", "error", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in self.listen]
        if not all(line.startswith("listening ") for line in lines):
            raise SystemExit(f"the server did not start: {lines}")
        self.addresses = [line.split()[1] for line in lines]
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=10)


def title(text: str) -> None:
    print(f"\n{BOLD}{text}{PLAIN}")


def show_call(node: Path, address: str, action: str, arguments: str | None, wanted_status: int) -> bool:
    command = [str(node), "call", address, action] + ([arguments] if arguments is not None else []) + ["--timeout", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = (done.stdout or done.stderr).strip()
    if len(said) > 76:
        said = said[:73] + "..."
    kind = {0: "result", 1: "application error", 2: "framework error"}.get(done.returncode, "?")
    right = done.returncode == wanted_status
    colour = GREEN if right else RED
    name = f"{action.removeprefix('CalculatorService.')}({arguments or ''})"
    print(f"   {name:<46} {colour}{kind:<18}{PLAIN} {DIM}{said}{PLAIN}")
    return right


CALLS: list[tuple[str, str | None, int]] = [
    ("CalculatorService.add", "[1,2]", 0),
    ("CalculatorService.add", "[2147483647,1]", 1),
    ("CalculatorService.div", "[1,0]", 1),
    ("CalculatorService.might_fail_with_errno", "-1", 1),
    ("CalculatorService.echo", '"a plain function"', 0),
    ("CalculatorService.echo_coroutine", '"a coroutine"', 0),
    ("CalculatorService.echo_bytes", "[1,2,200]", 0),
    ("CalculatorService.noop", None, 0),
    ("CalculatorService.fail_i32", "-42", 1),
    ("CalculatorService.fail_str", '"any text"', 1),
    ("CalculatorService.fail_custom", "0", 1),
    ("CalculatorService.fail_custom", "3", 1),
    ("CalculatorService.fail_internal", "0", 2),
    ("CalculatorService.sleep_ms", "50", 0),
    ("CalculatorService.nope", "[1,2]", 2),
    ("NoSuchService.add", "[1,2]", 2),
    ("CalculatorService.add", '"wrong"', 2),
    ("1", '{"path":"/etc/hosts"}', 0),
    ("1", '{"path":"/nofile"}', 1),
    ("2", '{"inode":1,"offset":0,"len":4096}', 0),
    ("99", '{"path":"/"}', 2),
]


def load(node: Path, address: str, seconds: float, *options: str) -> dict[str, Any]:
    command = [str(node), "load", "--connect", address, "--seconds", str(seconds), "--json", *PROGRESS, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def show_load(name: str, report: dict[str, Any]) -> list[str]:
    failed = sum(report["errors"].values())
    return [
        name,
        f"{report['rps']:,.0f}",
        f"{report['p50_us']:,.0f}",
        f"{report['p99_us']:,.0f}",
        f"{report['cpu_us_per_call']:.2f}",
        f"{failed}",
    ]


def table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    line = "   ".join
    print(
        "   "
        + BOLD
        + line(f"{cell:<{widths[i]}}" if i == 0 else f"{cell:>{widths[i]}}" for i, cell in enumerate(head))
        + PLAIN
    )
    for row in rows:
        print("   " + line(f"{cell:<{widths[i]}}" if i == 0 else f"{cell:>{widths[i]}}" for i, cell in enumerate(row)))


# One of three servers is killed under load, and comes back. In seconds of the load.
KILLED_AT, BACK_AT, ENDED_AT = 1.5, 3.5, 6.0
CALLS_IN_FLIGHT = 96
SAMPLE_EVERY = 0.1


@dataclass
class Cluster:
    """Three servers, a pooled load over them, and what it said while one of them was away."""

    node: Path
    servers: list[Server] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    avoided_at: float | None = None
    used_at: float | None = None

    def run(self) -> "Cluster":
        loading = None
        try:
            for _ in range(3):
                self.servers.append(Server(self.node, ["127.0.0.1:0"]).start())
            loading = self.start_load()
            assert loading.stdout is not None
            for line in loading.stdout:
                said = json.loads(line)
                if "at" in said:
                    self.on_sample(said)
                else:
                    self.report = said
            if loading.wait() != 0 or not self.report:
                raise SystemExit(f"the load ended with status {loading.returncode}")
        finally:
            if loading is not None and loading.poll() is None:
                loading.terminate()
                loading.wait(timeout=10)
            for server in self.servers:
                server.stop(signal.SIGKILL)
        if PROGRESS:
            print("\n".join(self.timeline))
        return self

    def start_load(self) -> subprocess.Popen[str]:
        connect = [word for server in self.servers for word in ("--connect", server.addresses[0])]
        command = [
            str(self.node),
            "load",
            *connect,
            "--pool",
            "--idempotent",
            "--in-flight",
            str(CALLS_IN_FLIGHT),
            "--seconds",
            str(ENDED_AT),
            "--json",
            "--report-every",
            str(SAMPLE_EVERY),
            *PROGRESS,
        ]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @property
    def victim(self) -> Server:
        return self.servers[0]

    def tell(self, at: float, what: str) -> None:
        """At once, unless a live progress is in the way."""
        self.timeline.append(f"   {at:4.1f} s  {what}")
        if not PROGRESS:
            print(self.timeline[-1])

    def on_sample(self, sample: dict[str, Any]) -> None:
        at, before = sample["at"], self.samples[-1] if self.samples else None
        self.samples.append(sample)
        address = self.victim.addresses[0]
        is_killed = self.victim.process.poll() is not None
        if before is None:
            self.tell(
                at,
                f"{CALLS_IN_FLIGHT} calls in flight, in turn to "
                + ", ".join(server.addresses[0] for server in self.servers),
            )
        elif self.avoided_at is None:
            if is_killed and sample["pool"]["addresses"][0]["health"] != "healthy":
                self.avoided_at = at
                self.tell(at, f"the pool avoids it; calls sent again, elsewhere: {sample['pool']['totals']['retries']}")
            elif not is_killed and at >= KILLED_AT:
                self.tell(at, f"{RED}SIGKILL{PLAIN} to the server on {address}")
                self.victim.stop(signal.SIGKILL)
        elif is_killed and at >= BACK_AT:
            self.servers[0] = Server(self.node, [address]).start()
            self.tell(at, f"{GREEN}a server listens{PLAIN} on {address} again")
        elif self.used_at is None and self.attempts(sample)[0] > self.attempts(before)[0]:
            self.used_at = at
            self.tell(at, "the pool has found it, and gives it calls: gently, all of its share after 5 s")

    @staticmethod
    def attempts(sample: dict[str, Any]) -> list[int]:
        return [one["attempts"] for one in sample["pool"]["addresses"]]

    def rate(self, begin: float, end: float) -> str:
        """Calls a second."""
        within = [sample for sample in self.samples if begin <= sample["at"] <= end]
        if len(within) < 2:
            return "?"
        return f"{(within[-1]['calls'] - within[0]['calls']) / (within[-1]['at'] - within[0]['at']):,.0f}"

    def shares_at_the_end(self) -> list[int]:
        """Of the calls of the last second, in percent."""
        first = next(sample for sample in self.samples if sample["at"] >= self.samples[-1]["at"] - 1.0)
        counts = [last - early for early, last in zip(self.attempts(first), self.attempts(self.samples[-1]), strict=True)]
        return [round(100 * count / max(1, sum(counts))) for count in counts]

    def curve(self) -> str:
        """A column for each sample: how many calls a second."""
        calls = [0] + [sample["calls"] for sample in self.samples]
        counts = [later - earlier for earlier, later in zip(calls, calls[1:], strict=False)]
        return "".join(" ▁▂▃▄▅▆▇█"[round(8 * count / max(1, *counts))] for count in counts)

    def show(self) -> None:
        print(f"\n   {self.curve()}  calls/s")
        # Each mark under the column of its sample.
        marks = {"killed": KILLED_AT, "back": BACK_AT}
        line = ""
        for name, at in marks.items():
            line += " " * (round(at / SAMPLE_EVERY) - 1 - len(line)) + f"^ {name}"
        print(f"   {DIM}{line}{PLAIN}")
        table(
            ["", "before", "while it was away", "after"],
            [
                [
                    "calls/s",
                    self.rate(0.3, KILLED_AT),
                    self.rate(self.avoided_at or KILLED_AT, BACK_AT),
                    self.rate(self.used_at or BACK_AT, ENDED_AT),
                ]
            ],
        )
        cores = os.cpu_count() or 1
        if cores < len(self.servers) + 1:
            print(f"   {DIM}{len(self.servers) + 1} busy processes share {cores} cores: with one less, all do more{PLAIN}")
        shares = self.shares_at_the_end()
        print()
        table(
            ["address", "share at the end", "attempts", "connects"],
            [
                [one["address"], f"{share} %", f"{one['attempts']:,}", f"{one['connects']}"]
                for one, share in zip(self.report["pool"]["addresses"], shares, strict=True)
            ],
        )
        print(
            f"\n   {self.report['submitted']:,} calls submitted, {self.report['ended']:,} ended, {self.failed} failed; "
            f"{self.retries} sent again; the slowest took {self.report['slowest_ms']:.0f} ms"
        )

    @property
    def retries(self) -> int:
        return int(self.report["pool"]["totals"]["retries"])

    @property
    def failed(self) -> int:
        return sum(self.report["errors"].values())

    @property
    def lost(self) -> int:
        return int(self.report["submitted"]) - int(self.report["ended"])

    @property
    def is_fine(self) -> bool:
        return self.failed == self.lost == 0 and self.avoided_at is not None and self.used_at is not None


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: demo.py RAZOR_NODE", file=sys.stderr)
        return 64
    node = Path(sys.argv[1])
    # Line by line, also where it goes to a file that somebody follows; and whatever the terminal can show.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True, errors="replace")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(node, ["127.0.0.1:0", f"unix:{scratch}/razor.sock"]).start()
        try:
            title("3. A server process")
            print(f"   razor_node serve, process {server.process.pid}, on {' and '.join(server.addresses)}")

            title("4. Every kind of call and error, each from a process of its own")
            right = sum(show_call(node, server.addresses[i % 2], *call) for i, call in enumerate(CALLS))

            title("5. Throughput: one connection, one core a side, 64 bytes a call")
            rows = []
            for name, options in {
                "coroutines, 1 in flight": ("--handler", "coroutine", "--in-flight", "1"),
                "coroutines, 128 in flight": ("--handler", "coroutine", "--in-flight", "128"),
                "coroutines, 1,024 in flight": ("--handler", "coroutine", "--in-flight", "1024"),
                "plain functions, 1,024 in flight": ("--handler", "plain", "--in-flight", "1024"),
                "stream tasks, 1,024 in flight": ("--interface", "stream", "--in-flight", "1024"),
            }.items():
                rows.append(show_load(name, load(node, server.addresses[0], 1.5, *options)))
                print(f"   {name}: {rows[-1][1]} calls a second")

            title("6. Three servers behind one pool; one is killed in mid-load, and comes back")
            cluster = Cluster(node).run()
            cluster.show()

            title("7. SIGTERM: the server answers what it has begun, then goes")
            slow = subprocess.Popen(
                [str(node), "call", server.addresses[0], "CalculatorService.sleep_ms", "400"],
                stdout=subprocess.PIPE,
                text=True,
            )
            time.sleep(0.2)
            status = server.stop()
            answer = (slow.communicate(timeout=10)[0] or "").strip()
            print(f"   the call that ran got its answer: {answer or 'none'}; the server's exit status is {status}")
        finally:
            server.stop(signal.SIGKILL)

    title("Summary")
    table(["one connection", "calls/s", "p50 us", "p99 us", "CPU us/call", "errors"], rows)
    print()
    table(
        ["what was shown", "outcome"],
        [
            ["calls and errors as expected", f"{right} of {len(CALLS)}"],
            ["calls through the cluster that lost a server", f"{cluster.report['ended']:,}"],
            ["calls that it took along, sent again elsewhere", f"{cluster.retries:,}"],
            ["calls lost, or failed", f"{cluster.lost + cluster.failed:,}"],
            ["graceful close", "clean" if status == 0 and answer == "null" else "NOT CLEAN"],
            ["seconds", f"{time.monotonic() - begun:.1f}"],
        ],
    )
    fine = right == len(CALLS) and cluster.is_fine and status == 0 and answer == "null"
    return 0 if fine else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
