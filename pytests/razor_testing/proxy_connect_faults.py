"""The faults of a proxy that clients meet when they connect."""

from razor_testing.proxy_connection import Connection
from razor_testing.proxy_faults import Fault
from razor_testing.proxy_listener import Listener


class Refuse(Fault):
    """With a toxicity below 1 connections are accepted and reset: the system refuses all or none."""

    def begin(self, listener: Listener) -> None:
        if self.toxicity == 1:
            listener.refusals[self] = None
            self.act()

    def end(self, listener: Listener) -> None:
        listener.refusals.pop(self, None)

    def holds_connect(self, connection: Connection) -> bool:
        if not self.concerns(connection):
            return False
        self.act()
        connection.close(is_reset=True)
        return True


class Down(Refuse):
    def join(self, connection: Connection) -> None:
        self.connections.add(connection.number)
        connection.close()

    def meet(self, connection: Connection) -> None:
        connection.close()


class HangBacklog(Fault):
    def begin(self, listener: Listener) -> None:
        self.act()
        listener.hangs[self] = None

    def end(self, listener: Listener) -> None:
        listener.hangs.pop(self, None)


class HangAccepted(Fault):
    def holds_connect(self, connection: Connection) -> bool:
        is_held = self.concerns(connection)
        self.acted += is_held
        return is_held


class SlowAccept(Fault):
    def __init__(self, text: str, seconds: float):
        super().__init__(text)
        self._seconds = seconds

    def begin(self, listener: Listener) -> None:
        self.act()
        listener.delays[self] = self._seconds

    def end(self, listener: Listener) -> None:
        listener.delays.pop(self, None)
