"""The process of an emulated network: takes packets from a TUN device, and gives them back when they are due.

    python -m razor_testing.link_emulator SOCKET DEVICE

It runs in the namespace of the network's hub, which routes the packets of emulated links to the device (namespaces.py).
What it gives back comes out of the device, as if from a wire, and is routed to its receiver. It is told what to do on the
Unix socket SOCKET, one line of JSON for each request and its answer; emulator_process.py is the other end. It is a process
of its own, so that what a test does does not delay packets.
"""

import contextlib
import dataclasses
import fcntl
import gc
import heapq
import json
import os
import select
import socket
import struct
import sys
import time
from typing import Any

from razor_testing.packet_fates import Way

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES_MAX = 2048  # above the device's MTU of 1500
# Read at once, before what is due by then is given back.
PACKETS_AT_ONCE = 64
# Under way on all links.
HELD_PACKETS_MAX = 200_000

# Due at, in the order of coming, the way, the packet's number in it, and its bytes.
Held = tuple[float, int, Way, int, bytes]


def open_tun(name: str) -> int:
    """A TUN device of this name, which lives as long as its descriptor. Raises OSError."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class Emulator:
    def __init__(self, device: str, listener: socket.socket):
        self._device = device
        self._tun = open_tun(device)
        self._listener = listener
        self._connections: dict[socket.socket, bytes] = {}
        # By the addresses of sender and receiver, as they are in a packet.
        self._ways: dict[bytes, Way] = {}
        self._held: list[Held] = []
        self._sequence = 0

    def run(self) -> None:
        while True:
            timeout = max(0.0, self._held[0][0] - time.monotonic()) if self._held else None
            # Unlike epoll, it waits for microseconds, not for milliseconds.
            readable, _, _ = select.select([self._tun, self._listener, *self._connections], [], [], timeout)
            for source in readable:
                if source is self._tun:
                    self._take()
                elif source is self._listener:
                    connection, _ = self._listener.accept()
                    self._connections[connection] = b""
                else:
                    self._hear(source)
            self._give()

    # Packets.

    def _take(self) -> None:
        tun, ways, held = self._tun, self._ways, self._held
        for _ in range(PACKETS_AT_ONCE):
            try:
                packet = os.read(tun, PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            way = ways.get(packet[12:20])
            if way is None or packet[0] >> 4 != 4:
                # Of a link that is gone meanwhile; or what the system says on every device it has.
                continue
            if len(held) >= HELD_PACKETS_MAX:
                way.counts.arrived += 1
                way.counts.overflowed += 1
                continue
            for due in way.arrivals(time.monotonic(), len(packet)):
                self._sequence += 1
                heapq.heappush(held, (due, self._sequence, way, way.counts.arrived, packet))

    def _give(self) -> None:
        held, now = self._held, time.monotonic()
        while held and held[0][0] <= now:
            due, _, way, number, packet = heapq.heappop(held)
            try:
                os.write(self._tun, packet)
            except OSError:
                way.counts.refused += 1
            else:
                way.delivered(number, len(packet), now - due)

    def _release(self, ways: list[Way]) -> None:
        """What is under way there is due, in the order in which it would have been."""
        concerned, now = {id(way) for way in ways}, time.monotonic()
        released: list[Held] = []
        for place, (due, _, way, number, packet) in enumerate(sorted(self._held)):
            released.append((min(due, now) if id(way) in concerned else due, place, way, number, packet))
        # A sorted list is a heap.
        self._held[:] = sorted(released)
        for way in ways:
            way.released()

    # Requests.

    def _hear(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(65536)
        except OSError:
            received = b""
        if not received:
            del self._connections[connection]
            connection.close()
            return
        *lines, self._connections[connection] = (self._connections[connection] + received).split(b"\n")
        for line in lines:
            answer = json.dumps(self._answer(json.loads(line))) + "\n"
            with contextlib.suppress(OSError):
                connection.sendall(answer.encode())

    def _answer(self, request: dict[str, Any]) -> Any:
        """`ways`: of each the addresses of sender and receiver."""
        keys = [socket.inet_aton(sender) + socket.inet_aton(receiver) for sender, receiver in request["ways"]]
        if request["do"] == "open":
            for key in keys:
                self._ways[key] = Way()
            return None
        ways = [self._ways[key] for key in keys]
        match request["do"]:
            case "set":
                for way, seed in zip(ways, request["seeds"], strict=True):
                    way.set(request["number"], seed, request["kind"], request["values"])
            case "clear":
                cleared = [way.clear(request["number"]) for way in ways]
                if any(releases for _, releases in cleared):
                    self._release(ways)
                return sum(acted for acted, _ in cleared)
            case "acted":
                return sum(way.acted(request["number"]) for way in ways)
            case "count":
                return [dataclasses.asdict(way.counts) for way in ways]
            case "missed":
                return self._missed()
            case "close":
                self._release(ways)
                self._give()
                for key in keys:
                    del self._ways[key]
                return [dataclasses.asdict(way.counts) for way in ways]
        return None

    def _missed(self) -> int:
        """Packets of all links that the device dropped, since this process did not read them in time."""
        with open("/proc/net/dev", encoding="ascii") as devices:
            for line in devices:
                name, _, numbers = line.partition(":")
                if name.strip() == self._device:
                    return int(numbers.split()[11])
        return 0


def main() -> None:
    path, device = sys.argv[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        emulator = Emulator(device, listener)
        # Nothing here makes cycles, and a collection delays packets.
        gc.disable()
        print("ready", flush=True)
        emulator.run()


if __name__ == "__main__":
    main()
