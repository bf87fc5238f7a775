"""Starts processes that do not outlive this one, however it ends.

Three nets, since each has a hole: the owner ends its processes; the system sends each of them SIGKILL when this process is
gone (PR_SET_PDEATHSIG, which descendants lose); and a guardian, a process of its own, kills their groups and descendants
then. `setpriv` of util-linux sets the signal between fork and exec: Python code there could meet locks that another thread
held. It is sent when the *thread* that forked ends, so one thread, which lives as long as this process, forks all.
"""

import atexit
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from razor_testing import guardian

GUARDIAN_END_SECONDS = 5.0


@dataclass(frozen=True)
class Limits:
    """What the system lets a process have; None leaves what pytest has."""

    descriptors_max: int | None = None
    # Of writable private memory: heap, stacks (RLIMIT_DATA). Not for programs with sanitizers, which reserve terabytes.
    memory_bytes_max: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}: a limit is a positive number")


class _Spawner:
    """Of one pytest process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.mark = secrets.token_hex(8)
        self._thread = ThreadPoolExecutor(1, "razor-spawner")
        command = [sys.executable, "-I", "-S", guardian.__file__, self.mark]
        # Without the environment: that may hold the mark of another pytest, which runs this one.
        nothing: dict[str, str] = {}
        self._guardian = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            # Whoever reads what pytest prints must not wait for it.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=nothing,
            start_new_session=True,
        )
        atexit.register(self._close)

    def spawn(
        self, command: list[str], environment: dict[str, str], directory: Path | None, out: Path, log: Path
    ) -> subprocess.Popen[bytes]:
        return self._thread.submit(self._fork, command, environment, directory, out, log).result()

    def _fork(
        self, command: list[str], environment: dict[str, str], directory: Path | None, out: Path, log: Path
    ) -> subprocess.Popen[bytes]:
        with out.open("ab") as out_file, log.open("ab") as log_file:
            started = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=log_file,
                env=environment,
                cwd=directory,
                start_new_session=True,
            )
        self.tell_guardian("+", started.pid)
        return started

    def tell_guardian(self, what: str, pid: int) -> None:
        assert self._guardian.stdin is not None
        # One write, below the size up to which writes of several threads do not mix. Somebody may have ended the guardian.
        with contextlib.suppress(OSError):
            os.write(self._guardian.stdin.fileno(), f"{what}{pid}\n".encode())

    def _close(self) -> None:
        """What still runs when Python ends is killed, and is gone when pytest is."""
        if os.getpid() != self.pid or self._guardian.stdin is None:
            return
        self._guardian.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guardian.wait(GUARDIAN_END_SECONDS)


_lock = threading.Lock()
_spawner: _Spawner | None = None


def _spawner_of_this_process() -> _Spawner:
    """A fork of pytest has another process id, and no thread of the spawner that it copied."""
    global _spawner
    with _lock:
        if _spawner is None or _spawner.pid != os.getpid():
            _spawner = _Spawner()
        return _spawner


def spawn(
    command: Sequence[str],
    *,
    mark: str,
    environment: Mapping[str, str],
    directory: Path | None,
    out: Path,
    log: Path,
    limits: Limits,
) -> subprocess.Popen[bytes]:
    """Starts the command in a session and process group of its own; its output is appended to the files.

    `mark` finds it, and all of its descendants, again: see kill_descendants(). Raises FileNotFoundError without such a
    command. Any thread.
    """
    program = _find(command[0], environment, directory)
    wrapped = [program, *command[1:]]
    if limits != Limits() and shutil.which("prlimit") is None:
        raise FileNotFoundError("limits of a process need `prlimit` of util-linux")
    options = []
    if limits.descriptors_max is not None:
        options.append(f"--nofile={limits.descriptors_max}:{limits.descriptors_max}")
    if limits.memory_bytes_max is not None:
        options.append(f"--data={limits.memory_bytes_max}:{limits.memory_bytes_max}")
    if options:
        wrapped = ["prlimit", *options, "--", *wrapped]
    if shutil.which("setpriv") is not None:
        wrapped = ["setpriv", "--pdeathsig", "KILL", "--", *wrapped]
    spawner = _spawner_of_this_process()
    marked = {**environment, guardian.MARK_VARIABLE: f"{spawner.mark}/{mark}/"}
    return spawner.spawn(wrapped, marked, directory, out, log)


def forget(pid: int) -> None:
    """The process has ended and its group was killed: its number may come to mean another one."""
    _spawner_of_this_process().tell_guardian("-", pid)


def kill_descendants(mark: str) -> None:
    """Kills what was started with the mark, and descendants of it, also daemons that left the group."""
    guardian.kill_marked(f"{_spawner_of_this_process().mark}/{mark}/")


def _find(program: str, environment: Mapping[str, str], directory: Path | None) -> str:
    """The program's path: setpriv would run, and only its exit status would say that there is no such program."""
    if "/" in program and not program.startswith("/") and directory is not None:
        program = str((directory / program).absolute())
    found = shutil.which(program, path=environment.get("PATH"))
    if found is None:
        raise FileNotFoundError(f"no such program, or it may not be run: {program}")
    return found
