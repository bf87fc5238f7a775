"""A server under attack, which an honest client watches from another connection."""

import time

from razor_testing import limits, process_stats
from razor_testing.node import Nodes, Server
from razor_testing.raw_client import RawClient
from razor_testing.waiting import wait_until


class Attacked:
    """Damage ends at the connection that did it (contract 34): `check` it after each attack."""

    def __init__(self, nodes: Nodes, *listen: str, options: tuple[str, ...] = ()):
        self.server: Server = nodes.serve(*listen, options=options)
        self._honest = RawClient(self.server.address)
        self.check_service()
        self._descriptors = process_stats.descriptors(self.server.pid)
        self._resident = process_stats.resident_bytes(self.server.pid)

    @property
    def address(self) -> str:
        return self.server.address

    @property
    def pid(self) -> int:
        return self.server.pid

    def attack(self) -> RawClient:
        """A connection for the attacker."""
        return RawClient(self.address)

    def resident_growth(self) -> int:
        """Bytes of memory that the process has taken since the start."""
        return process_stats.resident_bytes(self.pid) - self._resident

    def check_service(self) -> None:
        """The process lives, and the honest client is served without delay, as is a new one."""
        assert self.server.is_running, self.server.log
        begun = time.monotonic()
        assert self._honest.add(20, 22) == 42
        with RawClient(self.address) as newcomer:
            assert newcomer.add(20, 22) == 42
        waited = time.monotonic() - begun
        assert waited < limits.PROMPT, f"an honest client waited {waited:.3f} s"

    def check(self) -> None:
        """And nothing is left of the attackers, who have closed their connections."""
        self.check_service()
        wait_until(
            "the attackers' connections to be gone",
            lambda: process_stats.descriptors(self.pid) <= self._descriptors,
            limits.at_most(limits.LINGER),
        )

    def close(self) -> None:
        self._honest.close()
