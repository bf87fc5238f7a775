"""Hosts of a network of their own, on this machine: what is cut there is cut for every process, without a proxy. Needs root.

A host is a network namespace with one link, to a hub, which routes between all of them:

    a 10.77.1.2 ---- hub ---- 10.77.2.2 b

A partition is a rule of the hub that drops packets; a link that is down is one of the hub's devices. Namespaces have no
names, which could stay: a process holds each, and it ends with pytest, however that ends.

Divergence: packets are not delayed, and lost only where something is cut. Hosts share this machine's clock and files.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from razor_testing.process import ServiceProcess, Settings, close_all

TOOLS = ("ip", "nsenter", "unshare")
NETWORK = "10.77"
HOSTS_MAX = 250
COMMAND_SECONDS = 10.0
CLONE_NEWNET = 0x40000000

Result = TypeVar("Result")


class NoNetwork(Exception):
    """Namespaces cannot be made here; the text says why."""


def why_not() -> str | None:
    """What namespaces lack here, as far as that can be told without making one."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"network namespaces need {' and '.join(missing)} (iproute2, util-linux)" if missing else None


@dataclass(frozen=True)
class Host:
    """A place for processes, with an address of its own. `127.0.0.1` is another one in each host."""

    name: str
    address: str
    # Of the process that holds its namespace.
    pid: int

    def command(self, words: Sequence[str]) -> list[str]:
        """The command that runs another one in this host, for Cluster.start()."""
        return [*_inside(self.pid), *words]

    def do(self, action: Callable[[], Result]) -> Result:
        """Calls it in a thread of this host: sockets that it makes stay here. Raises what it raises."""
        done: Future[Result] = Future()

        def enter_and_do() -> None:
            try:
                _enter(self.pid)
                done.set_result(action())
            except BaseException as error:  # it belongs to the caller
                done.set_exception(error)

        thread = threading.Thread(target=enter_and_do, name=f"razor-{self.name}", daemon=True)
        thread.start()
        return done.result()

    def connect(self, to: str, seconds: float) -> socket.socket:
        """A connection from this host to HOST:PORT. Raises OSError when there is none in time; later operations, too."""
        host, _, port = to.rpartition(":")
        return self.do(lambda: socket.create_connection((host, int(port)), timeout=seconds))


class Network:
    """Hosts, and what is cut between them. Close it when the processes in it have ended. Any thread may call any method."""

    def __init__(self, directory: Path):
        """`directory` gets the output of the processes that hold the namespaces. Raises NoNetwork."""
        if (reason := why_not()) is not None:
            raise NoNetwork(reason)
        self._directory = directory
        self._began = time.monotonic()
        self._lock = threading.RLock()
        self._holders: list[ServiceProcess] = []
        self._hosts: dict[str, Host] = {}
        self._cut: set[tuple[str, str]] = set()
        self._lines: list[str] = []
        try:
            self._hub = self._hold("network-hub")
            _run([*_inside(self._hub), "tee", "/proc/sys/net/ipv4/ip_forward"], "1\n")
        except (NoNetwork, AssertionError) as error:
            self.close()
            raise NoNetwork(f"network namespaces cannot be made here: {error}") from error

    def add(self, name: str) -> Host:
        """A new host, which reaches all others."""
        with self._lock:
            if name in self._hosts:
                raise ValueError(f"there is a host {name!r} already")
            number = len(self._hosts) + 1
            if number > HOSTS_MAX:
                raise ValueError(f"a network has at most {HOSTS_MAX} hosts")
            pid = self._hold(f"network-{name}")
            host = Host(name, f"{NETWORK}.{number}.2", pid)
            gateway = f"{NETWORK}.{number}.1"
            link = self._link(number)
            self._ip(self._hub, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
            for at, device, address in ((self._hub, link, gateway), (pid, "eth0", host.address)):
                self._ip(at, "address", "add", f"{address}/24", "dev", device)
                self._ip(at, "link", "set", device, "up")
            self._ip(pid, "link", "set", "lo", "up")
            self._ip(pid, "route", "add", "default", "via", gateway)
            self._hosts[name] = host
            self._note(f"host {name} at {host.address}")
            return host

    def __getitem__(self, name: str) -> Host:
        with self._lock:
            if name not in self._hosts:
                raise KeyError(f"no host {name!r}; there are: {', '.join(self._hosts) or 'none'}")
            return self._hosts[name]

    # Faults.

    def cut(self, a: str, b: str) -> None:
        """Packets between the two are dropped, both ways; neither is told."""
        self.cut_one_way(a, b)
        self.cut_one_way(b, a)

    def cut_one_way(self, sender: str, receiver: str) -> None:
        """Packets from one to the other are dropped; those of the other direction arrive."""
        with self._lock:
            if (sender, receiver) not in self._cut:
                self._rule("add", sender, receiver)
                self._cut.add((sender, receiver))
                self._note(f"cut {sender} -> {receiver}")

    def partition(self, *groups: Sequence[str]) -> None:
        """Cuts each host from those of other groups; within a group nothing changes."""
        for at, group in enumerate(groups):
            for others in groups[at + 1 :]:
                for a, b in ((a, b) for a in group for b in others):
                    self.cut(a, b)

    def heal(self) -> None:
        """Takes back all cuts. Links that are down stay down."""
        with self._lock:
            for sender, receiver in sorted(self._cut):
                self._rule("delete", sender, receiver)
            self._cut.clear()
            self._note("heal")

    def link_down(self, name: str) -> None:
        """As a cable that is pulled: nothing reaches the host, nothing leaves it."""
        self._set_link(name, "down")

    def link_up(self, name: str) -> None:
        self._set_link(name, "up")

    # What happened.

    def timeline(self) -> list[str]:
        """A line for each change."""
        with self._lock:
            return list(self._lines)

    def close(self) -> None:
        """The namespaces are gone when the processes in them have ended."""
        close_all(self._holders)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Host]:
        with self._lock:
            return iter(list(self._hosts.values()))

    # How it works.

    def _hold(self, name: str) -> int:
        """Starts the process that holds a new namespace. Returns its pid."""
        own = os.readlink("/proc/self/ns/net")
        settings = Settings(ready=lambda holder: os.readlink(f"/proc/{holder.pid}/ns/net") != own)
        holder = ServiceProcess(name, ["unshare", "--net", "sleep", "infinity"], self._directory, settings)
        self._holders.append(holder)
        holder.start()
        return holder.pid

    def _ip(self, pid: int, *words: str) -> None:
        _run([*_inside(pid), "ip", *words])

    def _rule(self, what: str, sender: str, receiver: str) -> None:
        self._ip(self._hub, "rule", what, "from", self[sender].address, "to", self[receiver].address, "blackhole")

    def _set_link(self, name: str, state: str) -> None:
        with self._lock:
            number = list(self._hosts).index(self[name].name) + 1
            self._ip(self._hub, "link", "set", self._link(number), state)
            self._note(f"link of {name} {state}")

    @staticmethod
    def _link(number: int) -> str:
        return f"to{number}"

    def _note(self, what: str) -> None:
        self._lines.append(f"{time.monotonic() - self._began:9.3f} s  {what}")


def _inside(pid: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]


def _run(command: list[str], given: str = "") -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    if done.returncode != 0:
        raise NoNetwork(f"{' '.join(command[3:])}: {done.stderr.strip() or done.returncode}")


def _enter(pid: int) -> None:
    """Takes this thread, and no other, into the namespace. Python has os.setns() from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(namespace)
