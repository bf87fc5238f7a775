#!/usr/bin/env python3
"""What ci/demo shows once everything is built: a server process, callers, load, and a server that dies under it.

    demo.py RAZOR_NODE
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 5
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
        self.process = subprocess.Popen([str(self.node), "serve", *options], stdout=subprocess.PIPE, text=True)
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


def load(node: Path, address: str, seconds: float, *options: str) -> dict:
    command = [str(node), "load", "--connect", address, "--seconds", str(seconds), "--json", *PROGRESS, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def show_load(name: str, report: dict) -> list[str]:
    failed = sum(report["errors"].values())
    return [name, f"{report['rps']:,.0f}", f"{report['p50_us']:,.0f}", f"{report['p99_us']:,.0f}",
            f"{report['cpu_us_per_call']:.2f}", f"{failed}"]


def table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    line = "   ".join
    print("   " + BOLD + line(f"{cell:<{widths[i]}}" if i == 0 else f"{cell:>{widths[i]}}" for i, cell in enumerate(head)) + PLAIN)
    for row in rows:
        print("   " + line(f"{cell:<{widths[i]}}" if i == 0 else f"{cell:>{widths[i]}}" for i, cell in enumerate(row)))


def kill_under_load(node: Path, server: Server) -> tuple[dict, Server]:
    """SIGKILLs the server in the middle of a load, and starts it again on the same port."""
    address = server.addresses[0]
    command = [str(node), "load", "--connect", address, "--seconds", "3", "--in-flight", "64", "--json", *PROGRESS]
    loading = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(1.0)
    server.stop(signal.SIGKILL)
    time.sleep(0.7)
    again = Server(node, [address]).start()
    out, _ = loading.communicate(timeout=30)
    return json.loads(out), again


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: demo.py RAZOR_NODE", file=sys.stderr)
        return 64
    node = Path(sys.argv[1])
    sys.stdout.reconfigure(line_buffering=True)  # also where it goes to a file that somebody follows
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

            title("6. The server is killed in mid-load, and comes back")
            report, server = kill_under_load(node, server)
            cut_off = sum(count for kind, count in report["errors"].items() if not kind.startswith("connect:"))
            for kind, count in report["errors"].items():
                print(f"   {count:>9,}  {kind}")
            print(f"   {report['ended'] - cut_off:>9,}  answered")
            print(f"   {report['submitted']:>9,}  submitted, of which {report['ended']:,} ended")

            title("7. SIGTERM: the server answers what it has begun, then goes")
            slow = subprocess.Popen([str(node), "call", server.addresses[0], "CalculatorService.sleep_ms", "400"],
                                    stdout=subprocess.PIPE, text=True)
            time.sleep(0.2)
            status = server.stop()
            answer = (slow.communicate(timeout=10)[0] or "").strip()
            print(f"   the call that ran got its answer: {answer or 'none'}; the server's exit status is {status}")
        finally:
            server.stop(signal.SIGKILL)

    title("Summary")
    table(["one connection", "calls/s", "p50 us", "p99 us", "CPU us/call", "errors"], rows)
    print()
    table(["what was shown", "outcome"], [
        ["calls and errors as expected", f"{right} of {len(CALLS)}"],
        ["calls cut off by SIGKILL, each told whether it may have run", f"{cut_off:,}"],
        ["calls lost or left waiting", f"{report['submitted'] - report['ended']:,}"],
        ["graceful close", "clean" if status == 0 and answer == "null" else "NOT CLEAN"],
        ["seconds", f"{time.monotonic() - begun:.1f}"],
    ])
    fine = right == len(CALLS) and report["submitted"] == report["ended"] and status == 0 and answer == "null"
    return 0 if fine else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
