"""Hosts of a network of their own, on this machine: what is cut there is cut for every process, without a proxy. Needs root.

A host is a network namespace with one link, to a hub, which routes between all of them:

    a 10.77.1.2 ---- hub ---- 10.77.2.2 b

A partition drops packets in the hub (network_cuts.py); a link that is down is one of the hub's devices; an emulated link
takes a detour through a process (emulated_link.py). Namespaces have no names, which could stay: a process holds each, and it
ends with pytest, however that ends.

Divergence: packets are delayed and lost only where a link is emulated or cut. Hosts share this machine's clock and files.
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

from razor_testing.emulated_link import EmulatedLink
from razor_testing.emulator_process import DEVICE, EmulatorProcess, why_no_emulator
from razor_testing.network_cuts import NoNetwork as NoNetwork
from razor_testing.network_cuts import make_cuts
from razor_testing.process import ProcessFailure, ServiceProcess, Settings, close_all

TOOLS = ("ip", "nsenter", "unshare")
NETWORK = "10.77"
HOSTS_MAX = 250
COMMAND_SECONDS = 10.0
CLONE_NEWNET = 0x40000000
# Where the hub sends packets of emulated links, when they come from a host. Behind the rules of cuts.
EMULATED_TABLE, EMULATED_PRIORITY = "77", "200"
# So many packets wait for the emulator.
EMULATED_QUEUE = "5000"

Result = TypeVar("Result")


def _refuse(reason: str) -> None:
    raise NoNetwork(reason)


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

    def __init__(
        self,
        directory: Path,
        *,
        draw_seed: Callable[[], int] = lambda: 0,
        on_missing: Callable[[str], object] = _refuse,
    ):
        """`directory` gets the output of the processes that hold the namespaces; emulated links draw their seeds. Raises
        NoNetwork, or what `on_missing` raises when it is told what is missing here."""
        if (reason := why_not()) is not None:
            on_missing(reason)
        self._directory = directory
        self._draw_seed = draw_seed
        self._on_missing = on_missing
        self._began = time.monotonic()
        self._lock = threading.RLock()
        self._holders: list[ServiceProcess] = []
        self._hosts: dict[str, Host] = {}
        self._cut: set[tuple[str, str]] = set()
        self._emulator: EmulatorProcess | None = None
        self._links: list[EmulatedLink] = []
        self._lines: list[str] = []
        try:
            self._hub = self._hold("network-hub")
            _run([*_inside(self._hub), "tee", "/proc/sys/net/ipv4/ip_forward"], "1\n")
            # What comes back from the emulator does not come from where its sender is, which some systems refuse.
            checks = [f"/proc/sys/net/ipv4/conf/{which}/rp_filter" for which in ("all", "default")]
            _run([*_inside(self._hub), "tee", *checks], "0\n")
            self._cuts = make_cuts(lambda words, given: _run([*_inside(self._hub), *words], given))
        except (NoNetwork, AssertionError) as error:
            self.close()
            on_missing(f"network namespaces cannot be made here: {error}")
            raise

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
        self._add_cuts([(a, b), (b, a)])

    def cut_one_way(self, sender: str, receiver: str) -> None:
        """Packets from one to the other are dropped; those of the other direction arrive."""
        self._add_cuts([(sender, receiver)])

    def partition(self, *groups: Sequence[str]) -> None:
        """Cuts each host from those of other groups, all at once; within a group nothing changes."""
        self._add_cuts(
            [(a, b) for group in groups for others in groups if others is not group for a in group for b in others]
        )

    def heal(self) -> None:
        """Takes back all cuts. Links that are down stay down, and emulated links go on."""
        with self._lock:
            if self._cut:
                self._cuts.remove(self._addresses(sorted(self._cut)))
            self._cut.clear()
            dropped = self._cuts.dropped()
            self._note("heal" if dropped is None else f"heal, {dropped} packets dropped so far")

    @property
    def cut_by(self) -> str:
        """What drops packets here: "nftables" or "ip rule"."""
        return self._cuts.kind

    def dropped(self) -> int | None:
        """Packets that cuts have dropped so far; None where only nftables could count them."""
        with self._lock:
            return self._cuts.dropped()

    def link_down(self, name: str) -> None:
        """As a cable that is pulled: nothing reaches the host, nothing leaves it."""
        self._set_link(name, "down")

    def link_up(self, name: str) -> None:
        self._set_link(name, "up")

    def emulated_link(self, a: str, b: str, *, seed: int | None = None) -> EmulatedLink:
        """Leads packets between the two, both ways, through an emulator, which delays and loses some as it is told. A seed
        that is not given is drawn. Raises NoNetwork without /dev/net/tun."""
        with self._lock:
            hosts = (self[a], self[b])
            if a == b:
                raise ValueError(f"a link is between two hosts, not {a!r} and itself")
            if any({a, b} == set(link.ends) for link in self._links):
                raise ValueError(f"the link between {a!r} and {b!r} is emulated already")
            emulator = self._emulator or self._start_emulator()
            addresses = (hosts[0].address, hosts[1].address)
            number = self._draw_seed() if seed is None else seed
            link = EmulatedLink(emulator, (a, b), addresses, number, self._note, self._forget_link)
            self._links.append(link)
            self._detour("add", link)
            return link

    # What happened.

    def timeline(self) -> list[str]:
        """A line for each change, and what emulated links have carried by now."""
        with self._lock:
            lines, links = list(self._lines), list(self._links)
        for link in links:
            try:
                lines += [f"{self._now()}  {line}" for line in link.describe()]
            except ProcessFailure as failure:
                lines.append(f"{self._now()}  {link}: {failure}")
        return lines

    @property
    def processes(self) -> list[ServiceProcess]:
        """Those that hold the namespaces, and the emulator if there is one."""
        with self._lock:
            return list(self._holders)

    def missed(self) -> int:
        """Packets of emulated links that were lost because the emulator was too slow: 0, unless some ten thousand come in a
        second."""
        with self._lock:
            return 0 if self._emulator is None else int(self._emulator.ask("missed"))

    def close(self) -> list[str]:
        """Closes emulated links. The namespaces are gone when the processes in them have ended. Returns what was wrong with
        processes of the network."""
        with self._lock:
            links = list(self._links)
        for link in links:
            try:
                link.close()
            except (ProcessFailure, NoNetwork) as failure:  # why it ended is told below
                self._note(f"{link}: {failure}")
        complaints = close_all(self._holders)
        if self._emulator is not None:
            self._emulator.close()
        return complaints

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        complaints = self.close()
        if complaints and error is None:
            raise ProcessFailure("\n".join(complaints))

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

    def _addresses(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(self[sender].address, self[receiver].address) for sender, receiver in pairs]

    def _add_cuts(self, pairs: Sequence[tuple[str, str]]) -> None:
        with self._lock:
            new = [pair for pair in pairs if pair not in self._cut]
            if new:
                self._cuts.add(self._addresses(new))
                self._cut.update(new)
                for sender, receiver in new:
                    self._note(f"cut {sender} -> {receiver}")

    def _start_emulator(self) -> EmulatorProcess:
        if (reason := why_no_emulator()) is not None:
            self._on_missing(reason)
        self._emulator = EmulatorProcess(_inside(self._hub), self._directory)
        self._holders.append(self._emulator.process)
        self._ip(self._hub, "link", "set", DEVICE, "txqueuelen", EMULATED_QUEUE, "up")
        self._ip(self._hub, "route", "add", "default", "dev", DEVICE, "table", EMULATED_TABLE)
        return self._emulator

    def _forget_link(self, link: EmulatedLink) -> None:
        with self._lock:
            self._links.remove(link)
            self._detour("delete", link)

    def _detour(self, what: str, link: EmulatedLink) -> None:
        """Only packets that come from the host: those that come back from the emulator go on to the other host."""
        for sender, receiver in (link.ends, link.ends[::-1]):
            [(source, target)] = self._addresses([(sender, receiver)])
            rule = ["from", source, "to", target, "iif", self._link(self._number(sender)), "priority", EMULATED_PRIORITY]
            self._ip(self._hub, "rule", what, *rule, "lookup", EMULATED_TABLE)

    def _number(self, name: str) -> int:
        return list(self._hosts).index(self[name].name) + 1

    def _set_link(self, name: str, state: str) -> None:
        with self._lock:
            self._ip(self._hub, "link", "set", self._link(self._number(name)), state)
            self._note(f"link of {name} {state}")

    @staticmethod
    def _link(number: int) -> str:
        return f"to{number}"

    def _note(self, what: str) -> None:
        self._lines.append(f"{self._now()}  {what}")

    def _now(self) -> str:
        return f"{time.monotonic() - self._began:9.3f} s"


def _inside(pid: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]


def _run(command: list[str], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    if done.returncode != 0:
        raise NoNetwork(f"{' '.join(command[3:])}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _enter(pid: int) -> None:
    """Takes this thread, and no other, into the namespace. Python has os.setns() from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(namespace)
