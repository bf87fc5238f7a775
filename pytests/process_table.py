"""Whether processes exist, for tests that must leave none."""

from pathlib import Path


def exists(pid: int) -> bool:
    """A process that waits for its parent to notice its end does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
