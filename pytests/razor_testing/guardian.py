"""Kills what a pytest process leaves behind when it is killed itself: a script; spawning.py starts one for each pytest.

Its stdin is a pipe from pytest: "+PID" names a process group that was started, "-PID" one that has ended. The pipe closes
when pytest ends in any way, also by SIGKILL; a child that pytest forked may keep it open, so the parent is watched, too.
Then all groups are killed, and every process whose environment has the mark of this pytest, such as a daemon that left its
group.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator

MARK_VARIABLE = "RAZOR_TESTING_MARK"
PARENT_CHECK_MS = 500
# A process that forks while it is killed is found in a later pass.
PASSES = 20
PASS_SECONDS = 0.01


def marked_processes(mark: str) -> Iterator[int]:
    """Processes with a mark that begins so in their environment: those that were started with it, and their descendants."""
    wanted = b"\0" + f"{MARK_VARIABLE}={mark}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        # Gone meanwhile, or of another user.
        with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as environment:
            if wanted in b"\0" + environment.read():
                yield int(entry)


def kill_marked(mark: str) -> None:
    """Ends them with SIGKILL, and those that they fork meanwhile."""
    for _ in range(PASSES):
        found = False
        for pid in marked_processes(mark):
            if pid != os.getpid():
                found = True
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(PASS_SECONDS)


def main() -> None:
    mark = sys.argv[1]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()
    groups: set[int] = set()
    pending = b""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    while os.getppid() == parent:
        if not poll.poll(PARENT_CHECK_MS):
            continue
        received = os.read(0, 65536)
        if not received:
            break
        *lines, pending = (pending + received).split(b"\n")
        for line in lines:
            (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    kill_marked(mark)


if __name__ == "__main__":
    main()
