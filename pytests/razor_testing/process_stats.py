"""What the system knows of a running process."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """What a process uses at one moment."""

    resident_bytes: int
    descriptors: int
    threads: int
    cpu_seconds: float


def usage(pid: int) -> Usage:
    """Raises OSError or LookupError when there is no such process any more."""
    return Usage(resident_bytes(pid), descriptors(pid), threads(pid), cpu_seconds(pid))


def resident_bytes(pid: int) -> int:
    """Memory that the process holds."""
    return _status_number(pid, "VmRSS") * 1024


def threads(pid: int) -> int:
    return _status_number(pid, "Threads")


def descriptors(pid: int) -> int:
    """How many files and sockets the process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid: int) -> float:
    """Time that the process has computed for."""
    fields = _stat_fields(Path(f"/proc/{pid}/stat"))
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has reached all of its threads."""
    try:
        return all(_stat_fields(task / "stat")[0] in "TtZX" for task in Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:  # a thread ended meanwhile
        return False


def _status_number(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"no {name} of {pid}")


def _stat_fields(path: Path) -> list[str]:
    """Those behind the process's name, which may hold anything."""
    return path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
