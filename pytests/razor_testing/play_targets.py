"""What a plan is played on: processes by their names, and the proxies between them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from razor_testing.link_faults import Handle, LinkFaults
from razor_testing.proxy_faults import Direction


class PlayedProcess(Protocol):
    """A process, as a player needs it. Each method returns when it is done."""

    @property
    def name(self) -> str:
        ...

    def kill(self) -> object:
        """SIGKILL."""

    def terminate(self) -> object:
        """SIGTERM, and until it has ended."""

    def pause(self) -> object:
        """SIGSTOP."""

    def resume(self) -> object:
        ...

    def restart(self) -> object:
        """A process that has ended, at the same address; until it is ready."""


# Stands for the clients of a proxy that anybody uses, where a fault has to name one.
ANYBODY = "anybody"

# "server0": all that connect to it do so through this proxy. ("client0", "server0"): this one alone does.
LinkKey = str | tuple[str, str]


Processes = Mapping[str, PlayedProcess] | Iterable[PlayedProcess]
# By LinkKey. Mappings do not bend in their keys: one whose keys are all str would be none of LinkKey.
Proxies = Mapping[Any, LinkFaults]


@dataclass(frozen=True)
class Link:
    """A proxy, and who uses it."""

    client: str | None  # None: anybody
    server: str
    proxy: LinkFaults

    def __str__(self) -> str:
        return f"{self.client or 'all'} to {self.server}"


@dataclass(frozen=True)
class LinkPart:
    """What a fault concerns of a link."""

    link: Link
    direction: Direction
    is_wider: bool = False  # others use the proxy, too, and are hit with it


class Targets:
    """Processes and proxies; faults that overlap do not heal each other: a process that two faults hold down is restarted
    behind the last of them. Used by the player's thread alone."""

    def __init__(
        self,
        processes: "Processes",
        proxies: "Proxies",
    ):
        named = processes if isinstance(processes, Mapping) else {process.name: process for process in processes}
        self.processes: dict[str, PlayedProcess] = dict(named)
        self.links: list[Link] = []
        for key, proxy in proxies.items():
            client, server = (None, key) if isinstance(key, str) else key
            self.links.append(Link(client, server, proxy))
        self._downs: dict[str, int] = {}
        self._pauses: dict[str, int] = {}

    # --- Processes --------------------------------------------------------------------------------------------------------

    def down(self, name: str) -> None:
        self._downs[name] = self._downs.get(name, 0) + 1
        if self._downs[name] == 1:
            self.processes[name].kill()

    def up(self, name: str) -> None:
        self._downs[name] -= 1
        if self._downs[name] == 0:
            self.processes[name].restart()
            if self._pauses.get(name, 0) > 0:
                self.processes[name].pause()

    def pause(self, name: str) -> None:
        self._pauses[name] = self._pauses.get(name, 0) + 1
        if self._pauses[name] == 1 and self._downs.get(name, 0) == 0:
            self.processes[name].pause()

    def resume(self, name: str) -> None:
        self._pauses[name] -= 1
        if self._pauses[name] == 0 and self._downs.get(name, 0) == 0:
            self.processes[name].resume()

    def is_down(self, name: str) -> bool:
        return self._downs.get(name, 0) > 0

    # --- Links ------------------------------------------------------------------------------------------------------------

    def to_server(self, name: str, clients: Iterable[str] = ()) -> list[LinkPart]:
        """Links to it; of these clients alone, if there are any."""
        wanted = set(clients)
        exact = [link for link in self.links if link.server == name and link.client is not None]
        shared = [link for link in self.links if link.server == name and link.client is None]
        if not wanted:
            return [LinkPart(link, "both") for link in (*exact, *shared)]
        parts = [LinkPart(link, "both") for link in exact if link.client in wanted]
        if wanted - {link.client for link in exact}:
            parts += [LinkPart(link, "both", is_wider=wanted != {ANYBODY}) for link in shared]
        return parts

    def between(self, first: str, second: str | None, way: str) -> list[LinkPart]:
        """`second` None: all others. `way`: both; there, from the first one; back, to it."""
        parts = [*self._exact(first, second, way)]
        for link in self.links:
            if link.client is not None:
                continue
            if second is None:
                if link.server == first:
                    parts.append(LinkPart(link, direction(way, "to_client")))
                continue
            server, client = (first, second) if link.server == first else (second, first)
            # A server among the clients: the others are not cut off for its sake.
            is_client = not any(other.server == client for other in self.links)
            has_own = any(other.client == client and other.server == server for other in self.links)
            if link.server == server and is_client and not has_own:
                there: Direction = "to_client" if server == first else "to_server"
                parts.append(LinkPart(link, direction(way, there), is_wider=client != ANYBODY))
        return parts

    def across(self, group: set[str], others: set[str] | None, known: Iterable[str]) -> list[LinkPart]:
        """Links between a group and the others; None: all that are not in it. `known`: hosts, of which those that are no
        servers are taken for the clients of proxies that anybody uses."""
        clients = [name for name in known if not any(link.server == name for link in self.links)]

        def are_apart(one: str, other: str) -> bool:
            if others is None:
                return (one in group) != (other in group)
            return (one in group and other in others) or (one in others and other in group)

        parts = []
        for link in self.links:
            if link.client is not None:
                if are_apart(link.client, link.server):
                    parts.append(LinkPart(link, "both"))
                continue
            apart = [are_apart(client, link.server) for client in clients]
            if any(apart) or (not clients and link.server in group):
                parts.append(LinkPart(link, "both", is_wider=not all(apart)))
        return parts

    def _exact(self, first: str, second: str | None, way: str) -> Iterator[LinkPart]:
        for link in self.links:
            if link.client == first and second in (None, link.server):
                yield LinkPart(link, direction(way, "to_server"))
            elif link.client is not None and link.server == first and second in (None, link.client):
                yield LinkPart(link, direction(way, "to_client"))


def direction(way: str, there: Direction) -> Direction:
    if way == "both":
        return "both"
    if way == "there":
        return there
    return "to_client" if there == "to_server" else "to_server"


class Undo:
    """What ends a fault that has begun: all of it is tried, whatever fails."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.handles: list[Handle] = []
        self.acted = 0  # beside what handles count

    def keep(self, handle: Handle) -> None:
        self.handles.append(handle)
        self.stack.callback(handle.clear)

    def close(self) -> None:
        self.stack.close()

    @property
    def all_acted(self) -> int:
        return self.acted + sum(handle.acted for handle in self.handles)
