"""The process that carries the packets of all emulated links of a network (link_emulator.py), as the network sees it."""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from razor_testing.address import UNIX_PREFIX, connect, socket_directory
from razor_testing.process import ProcessFailure, ServiceProcess, Settings

TUN = "/dev/net/tun"
DEVICE = "razor-emulator"

# The addresses of a sender and a receiver.
Pair = tuple[str, str]


def why_no_emulator() -> str | None:
    """What emulated links lack here."""
    try:
        os.close(os.open(TUN, os.O_RDWR))
    except OSError as error:
        return f"emulated links need {TUN}: {error.strerror}"
    return None


class EmulatorProcess:
    """Runs from its construction until it is closed. Any thread may call any method."""

    def __init__(self, inside: Sequence[str], directory: Path):
        """`inside`: the words before a command that run it in the namespace of the hub; `directory` gets its output.
        Raises NotReady."""
        self._lock = threading.Lock()
        with contextlib.ExitStack() as opening:
            path = str(opening.enter_context(socket_directory()) / "emulator")
            command = [sys.executable, "-P", "-S", "-m", "razor_testing.link_emulator", path, DEVICE]
            package = {"PYTHONPATH": str(Path(__file__).parent.parent)}
            settings = Settings(address=f"{UNIX_PREFIX}{path}", ready="^ready$", env=package)
            self.process = ServiceProcess("network-emulator", [*inside, *command], directory, settings)
            self.process.start()
            self._connection = opening.enter_context(connect(settings.address))
            self._answers = opening.enter_context(self._connection.makefile(encoding="ascii"))
            self._opened = opening.pop_all()

    def ask(self, do: str, pairs: Sequence[Pair] = (), **values: object) -> Any:
        """Its answer. Raises ProcessFailure when it does not live, or hangs."""
        request = json.dumps({"do": do, "ways": list(pairs), **values}) + "\n"
        with self._lock:
            try:
                self._connection.sendall(request.encode())
                if answer := self._answers.readline():
                    return json.loads(answer)
                problem = "it has ended"
            except (OSError, ValueError) as error:
                problem = str(error)
            # What it answers later would be taken for the answer to another request.
            self._connection.close()
        raise ProcessFailure(f"no answer from {self.process}: {problem}\n{self.process.describe()}")

    def close(self) -> None:
        """Closes the connection to it. Whoever made it ends its process."""
        self._opened.close()
