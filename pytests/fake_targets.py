"""Processes and proxies that only write down what is done to them."""

from razor_testing.link_faults import Handle, LinkFaults
from razor_testing.proxy_faults import Fault


class Log:
    """What was done, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        self.lines.append(line)


class FakeProcess:
    def __init__(self, name: str, log: Log, fails_at: str = ""):
        self.name = name
        self._log = log
        self._fails_at = fails_at

    def kill(self) -> None:
        self._do("kill")

    def terminate(self) -> None:
        self._do("terminate")

    def pause(self) -> None:
        self._do("pause")

    def resume(self) -> None:
        self._do("resume")

    def restart(self) -> None:
        self._do("restart")

    def _do(self, what: str) -> None:
        self._log.add(f"{what} {self.name}")
        if what == self._fails_at:
            raise OSError(f"{self.name} does not {what}")


class FakeProxy(LinkFaults):
    def __init__(self, name: str, log: Log, address: str = "127.0.0.1:1"):
        self.name = name
        self.address = address
        self._log = log

    def start(self, fault: Fault) -> Handle:
        self._log.add(f"{self.name}: {fault.text}")
        return Handle(fault, self)

    def clear(self, fault: Fault) -> None:
        self._log.add(f"{self.name}: no {fault.text}")

    def break_connections(self, *, one: bool = False, silently: bool = False) -> int:
        self._log.add(f"{self.name}: break{' one' if one else ''}{' silently' if silently else ''}")
        return 1
