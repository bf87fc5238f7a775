"""Large messages over a slow link: nothing is lost because a transfer takes longer than the limits of silence and closing.

A message takes 3.5 s here, where a connection whose server sends nothing for 3 s used to be given up, and one that a server
closes used to be reset 1 s after its last byte was written. With --long also the largest that there may be, which take 45 s.
"""

import contextlib
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from razor_testing import limits
from razor_testing.node import OK, Nodes, Process, Server
from razor_testing.proxy import FaultProxy
from razor_testing.waiting import wait_until

pytestmark = pytest.mark.alone

MIB = 1024 * 1024
RATE = 1_500_000  # bytes a second
# What the link holds each way, and each of its sockets: a large message waits at its sender, not within the link.
LINK_BYTES = 16 * 1024
SOCKET_BYTES = 32 * 1024
SMALL_RATE = 100  # calls a second
# They share the link with the large message, and wait for a few chunks of it at most. Behind all of it: for seconds.
SMALL_P99 = 0.5
SIZES = [pytest.param(5 * MIB, id="5 MiB"), pytest.param(64 * MIB, id="64 MiB", marks=pytest.mark.long)]
BESIDE = [pytest.param(True, id="beside small calls"), pytest.param(False, id="alone", marks=pytest.mark.long)]
LOG_REQUESTS = ("--log", "info")


@contextlib.contextmanager
def slow_link(server: str) -> Iterator[FaultProxy]:
    """To the server, at RATE for all connections each way."""
    with FaultProxy(server, buffer_bytes=LINK_BYTES, socket_buffer_bytes=SOCKET_BYTES) as proxy:
        proxy.bandwidth(RATE)
        yield proxy


@dataclass(frozen=True)
class Transfer:
    """One large message, which goes up or down."""

    direction: str
    size: int
    hello: str = "auto"

    @property
    def seconds(self) -> float:
        """At least: the link carries no more."""
        return self.size / RATE

    @property
    def seconds_at_most(self) -> float:
        """With what small calls take of the link, and what real processes may be late by."""
        return limits.at_most(1.2 * self.seconds)

    def start(self, nodes: Nodes, *to: str, **options: object) -> Process:
        """Calls once, through a pool. Without more addresses than one, only there."""
        settings: dict[str, object] = {"timeout": 4 * self.seconds, "seconds": 10 * self.seconds, **options}
        return nodes.start_load(
            *to,
            pool=True,
            interface="stream",
            direction=self.direction,
            payload=self.size,
            calls=1,
            in_flight=1,
            balance="leader",
            hello=self.hello,
            **settings,
        )

    def wait_until_under_way(self, proxy: FaultProxy) -> None:
        def carried() -> int:
            return proxy.bytes_to_server if self.direction == "up" else proxy.bytes_to_client

        before = carried()
        wait_until("the transfer to be under way", lambda: carried() > before + self.size / 10, self.seconds_at_most)

    def wait(self, load: Process, seconds: float | None = None) -> dict[str, Any]:
        """Its report, once the message has arrived whole."""
        report = load.wait(seconds or self.seconds_at_most).report
        assert report["errors"] == {}, report
        assert report["submitted"] == report["ended"] == 1, report
        return report


def start_small_calls(nodes: Nodes, *to: str) -> Process:
    """100 a second, until they are told to end."""
    return nodes.start_load(*to, pool=True, rate=SMALL_RATE, idempotent=True, timeout=20, seconds=1000)


def start_both(
    nodes: Nodes, transfer: Transfer, is_beside: bool, proxy: FaultProxy, *to: str
) -> tuple[Process, Process | None]:
    """Returns while the transfer is under way, also once the small calls have begun, if there are any."""
    large = transfer.start(nodes, proxy.address, *to)
    transfer.wait_until_under_way(proxy)
    if not is_beside:
        return large, None
    small = start_small_calls(nodes, proxy.address, *to)
    transfer.wait_until_under_way(proxy)
    return large, small


def end_small_calls(small: Process, at_least_seconds: float) -> None:
    """None is lost, and none waited for the large message."""
    small.send_signal(signal.SIGINT)
    report = small.wait().report
    print(f"{report['calls']} small calls: p50 {report['p50_us'] / 1000:.0f} ms, p99 {report['p99_us'] / 1000:.0f} ms, "
          f"the slowest {report['slowest_ms']:.0f} ms")  # fmt: skip
    assert report["errors"] == {}
    assert report["submitted"] == report["ended"] > 0.8 * SMALL_RATE * at_least_seconds
    assert report["p99_us"] / 1e6 < SMALL_P99


def dispatched(server: Server) -> int:
    """By a server that has closed: how many requests came to a handler."""
    counted = re.findall(r"closed: .* (\d+) dispatched", server.log)
    assert len(counted) == 1, server.log
    return int(counted[0])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("is_beside", BESIDE)
def test_large_messages_arrive(nodes: Nodes, size: int, direction: str, is_beside: bool) -> None:
    """And small calls beside them go on."""
    transfer = Transfer(direction, size)
    server = nodes.serve()
    with slow_link(server.address) as proxy:
        large = transfer.start(nodes, proxy.address)
        transfer.wait_until_under_way(proxy)
        small = start_small_calls(nodes, proxy.address) if is_beside else None
        report = transfer.wait(large)
        print(f"{size} bytes {direction} took {report['slowest_ms'] / 1000:.1f} s, at least {transfer.seconds:.1f} s")
        assert report["slowest_ms"] / 1000 > 0.9 * transfer.seconds, "the link was not slow"
        assert report["pool"]["totals"]["retries"] == 0
        if small is not None:
            end_small_calls(small, 0.8 * transfer.seconds)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_beside", BESIDE)
def test_a_server_that_closes_sends_its_answer_to_the_end(nodes: Nodes, size: int, is_beside: bool) -> None:
    """Contract 31: what was dispatched is answered. Small calls go on at another server."""
    transfer = Transfer("down", size)
    closing = nodes.serve(options=("--close-limit", str(2 * transfer.seconds), *LOG_REQUESTS))
    other = nodes.serve()
    with slow_link(closing.address) as proxy, slow_link(other.address) as other_proxy:
        large, small = start_both(nodes, transfer, is_beside, proxy, other_proxy.address)
        closing.send_signal(signal.SIGTERM)
        report = transfer.wait(large)
        assert report["pool"]["totals"]["retries"] == 0
        assert report["slowest_ms"] / 1000 > 0.9 * transfer.seconds, "the link was not slow"
        if small is not None:
            end_small_calls(small, 0.5 * transfer.seconds)
        assert closing.wait(limits.at_most(limits.LINGER)).status == OK
    assert dispatched(closing) >= 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_beside", BESIDE)
def test_an_upload_to_a_server_that_closes_goes_to_another(nodes: Nodes, size: int, is_beside: bool) -> None:
    """Contract 31: what was not dispatched did not run, so it may be sent again, though it is not idempotent. Regression: a
    part of it had left, and that it may have run was said of it, and the call was lost."""
    transfer = Transfer("up", size, hello="off")
    closing, other = nodes.serve(options=LOG_REQUESTS), nodes.serve(options=LOG_REQUESTS)
    with slow_link(closing.address) as proxy, slow_link(other.address) as other_proxy:
        large, small = start_both(nodes, transfer, is_beside, proxy, other_proxy.address)
        closing.send_signal(signal.SIGTERM)
        assert closing.wait(limits.at_most(limits.CLOSE_LIMIT)).status == OK
        report = transfer.wait(large, 2 * transfer.seconds_at_most)
        totals = report["pool"]["totals"]
        assert (totals["moves"], totals["retries"], totals["attempts"]) == (1, 0, 2), report
        if small is not None:
            end_small_calls(small, 0.8 * transfer.seconds)
    assert other.stop().status == OK
    if small is None:
        assert (dispatched(closing), dispatched(other)) == (0, 1)
    else:
        assert dispatched(closing) > 0


def test_a_server_that_closes_takes_the_upload_that_has_begun(nodes: Nodes) -> None:
    """Between two of ours: what would have to be sent again is waited for, within the limit for closing."""
    transfer = Transfer("up", 5 * MIB)
    closing, other = nodes.serve(options=LOG_REQUESTS), nodes.serve(options=LOG_REQUESTS)
    with slow_link(closing.address) as proxy, slow_link(other.address) as other_proxy:
        large, _ = start_both(nodes, transfer, False, proxy, other_proxy.address)
        closing.send_signal(signal.SIGTERM)
        report = transfer.wait(large)
        assert closing.wait(limits.at_most(limits.CLOSE_LIMIT)).status == OK
        totals = report["pool"]["totals"]
        assert (totals["moves"], totals["retries"], totals["attempts"]) == (0, 0, 1), report
    assert other.stop().status == OK
    assert (dispatched(closing), dispatched(other)) == (1, 0)


def test_an_upload_that_no_server_takes_did_not_run(nodes: Nodes) -> None:
    """The same without another server: it waits for one until its deadline, and says that it did not run."""
    transfer = Transfer("up", 5 * MIB, hello="off")
    server = nodes.serve(options=LOG_REQUESTS)
    with slow_link(server.address) as proxy:
        large = transfer.start(nodes, proxy.address, timeout=3)
        transfer.wait_until_under_way(proxy)
        assert server.stop().status == OK
        report = large.wait(limits.at_most(3 + limits.TICK)).report
    assert report["errors"] == {"deadline_exceeded (ran: no)": 1}
    assert dispatched(server) == 0
