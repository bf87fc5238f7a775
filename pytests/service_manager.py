"""A small service manager: runs a command, and the successors that it starts, until none is left.

    service_manager.py [--listen HOST:PORT|PATH] COMMAND...

It takes orphans in, as init does, hands SIGTERM on to its children, and ends with the first status that is not 0. With
--listen the command gets a listening socket as systemd hands it on (LISTEN_FDS). A script, which test_restart.py starts.
"""

import ctypes
import os
import signal
import socket
import sys
from types import FrameType

PR_SET_CHILD_SUBREAPER = 36
FIRST_DESCRIPTOR = 3


def children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


def hand_on(number: int, _: FrameType | None) -> None:
    for pid in children():
        os.kill(pid, number)


def listen(at: str) -> int:
    """A descriptor of a socket that listens there; whoever connects before the command runs waits."""
    if at.startswith("/"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(at)
    else:
        host, port = at.rsplit(":", 1)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
    listener.listen()
    return listener.detach()


def run(command: list[str], descriptor: int | None) -> None:
    """In the child. Does not return."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if descriptor is not None:
        if descriptor == FIRST_DESCRIPTOR:
            os.set_inheritable(descriptor, True)
        else:
            os.dup2(descriptor, FIRST_DESCRIPTOR)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="calculator")
    os.execv(command[0], command)


def main() -> int:
    command = sys.argv[1:]
    descriptor = None
    if command[0] == "--listen":
        descriptor = listen(command[1])
        command = command[2:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, hand_on)
    if os.fork() == 0:
        run(command, descriptor)
    worst = 0
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return worst
        exit_status = os.waitstatus_to_exitcode(status)
        print(f"service manager: process {pid} ended with status {exit_status}", file=sys.stderr, flush=True)
        worst = worst or (exit_status & 0xFF)


if __name__ == "__main__":
    sys.exit(main())
