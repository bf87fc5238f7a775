"""Servers that a plan may kill and start again, and clients that call them all the time."""

import signal
import threading
from dataclasses import dataclass

from razor_testing import wire
from razor_testing.node import Nodes, Server
from razor_testing.raw_client import RawClient
from razor_testing.raw_socket import EndOfStream


class RestartableNode:
    """A razor_node, as the player of plans wants a process."""

    def __init__(self, name: str, nodes: Nodes):
        self.name = name
        self._nodes = nodes
        self.server: Server = nodes.serve()
        self.starts = 1

    def kill(self) -> None:
        self.server.kill()

    def terminate(self) -> None:
        self.server.stop()

    def pause(self) -> None:
        self.server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.server.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """At the same address."""
        self.server = self._nodes.serve(self.server.address)
        self.starts += 1


@dataclass
class Counts:
    """Of calls, by all who share it."""

    answered: int = 0
    lost: int = 0


def call_all_the_time(to: str, has_ended: threading.Event, counts: Counts, timeout: float = 0.5) -> None:
    """One call after the other, over a new connection behind each that is lost, or that a server which closes did not
    take. A wrong result is raised."""
    while not has_ended.is_set():
        try:
            with RawClient(to) as client:
                client.socket.settimeout(timeout)
                while not has_ended.is_set():
                    answer = client.call(wire.method("add"), wire.pack([1, 2]))
                    if answer.flag == wire.ERROR_BYTES and answer.error_text == "rpc_draining":
                        counts.lost += 1
                        break
                    assert answer.value == 3
                    counts.answered += 1
        except (OSError, EndOfStream):
            counts.lost += 1
        has_ended.wait(0.01)
