"""A service as a user may have one, for the tests of the plugin: it answers lines, and misbehaves as it is told.

    toy_service.py ADDRESS [--silent] [--port-only] [--prints TEXT] [--noise BYTES] [--deaf] [--ignores-sigterm] [--dies HOW]

A line is a command and its argument; the answer is a line. As a module it has the client's side.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PATH = Path(__file__).resolve()
# What a test waits for an answer.
SECONDS = 20.0
READY = r"^listening (\S+)$"

kept: list[object] = []


def toy(*options: str, address: str = "{address}") -> list[str]:
    """The command of a toy service. Without site packages Python starts sooner."""
    return [sys.executable, "-I", "-S", str(PATH), address, *options]


def place_of(address: str) -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    if address.startswith("unix:"):
        return socket.AF_UNIX, address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    return socket.AF_INET, (host, int(port))


def ask(address: str, line: str, seconds: float = SECONDS) -> str:
    """Sends the line on a connection of its own. Returns the answer; raises OSError when none comes."""
    family, place = place_of(address)
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(place)
        connection.sendall(f"{line}\n".encode())
        answer = connection.makefile().readline()
    if not answer:
        raise ConnectionError(f"{address} closed without an answer to {line!r}")
    return answer.rstrip("\n")


def sleeper(session: bool) -> int:
    """A child that writes what it is, and sleeps."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=session)
    kept.append(child)
    return child.pid


def answer_to(command: str, argument: str) -> str:
    match command:
        case "echo":
            return argument
        case "pid":
            return str(os.getpid())
        case "env":
            return os.environ.get(argument, "unset")
        case "cwd":
            return os.getcwd()
        case "log":
            print(argument, file=sys.stderr, flush=True)
        case "open":
            opened: list[int] = []
            try:
                while len(opened) < int(argument):
                    opened.append(os.open("/dev/null", os.O_RDONLY))
            except OSError as error:
                for descriptor in opened:  # accept() needs one
                    os.close(descriptor)
                return str(error)
        case "eat":
            try:
                kept.append(b"x" * int(argument))
            except MemoryError:
                return "no memory"
        case "thread":
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        case "child":
            return str(sleeper(session=False))
        case "daemon":
            return str(sleeper(session=True))
        case "abort":
            os.abort()
        case "exit":
            os._exit(int(argument))
        case _:
            return f"unknown: {command}"
    return "done"


def serve(connection: socket.socket) -> None:
    with connection, connection.makefile("rw") as lines:
        for line in lines:
            command, _, argument = line.rstrip("\n").partition(" ")
            lines.write(answer_to(command, argument) + "\n")
            lines.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--port-only", action="store_true")
    parser.add_argument("--prints")
    parser.add_argument("--noise", type=int, default=0)
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("--ignores-sigterm", action="store_true")
    parser.add_argument("--status", type=int)
    parser.add_argument("--dies")
    options = parser.parse_args()
    print(f"toy {os.getpid()} begins", file=sys.stderr, flush=True)
    if options.ignores_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif options.status is not None:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(options.status))
    if options.dies:
        print("toy: this is why", file=sys.stderr, flush=True)
        answer_to(*options.dies.split(" ") if " " in options.dies else (options.dies, ""))
    if options.deaf:
        signal.pause()
    family, place = place_of(options.address)
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_UNIX:
        Path(options.address.removeprefix("unix:")).unlink(missing_ok=True)
    listener.bind(place)
    listener.listen()
    for _ in range(options.noise // 100):
        print("noise " * 16, file=sys.stderr)
    port = "" if family == socket.AF_UNIX else listener.getsockname()[1]
    if options.prints is not None:
        print(options.prints, flush=True)
    elif not options.silent:
        whole = options.address if family == socket.AF_UNIX else f"{options.address.rpartition(':')[0]}:{port}"
        print(f"listening {port if options.port_only else whole}", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
