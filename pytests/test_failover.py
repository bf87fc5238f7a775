"""razor_node load --pool: servers are killed, stopped and restarted under one FailoverPool, in real time.

Fails when a call is lost, or sent twice that may not be; when a server that is gone is given calls for longer than
promised; or when one that is back is not.
"""

import itertools
import json
import operator
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from load_reports import LoadReports
from razor_testing import address, limits
from razor_testing.node import FRAMEWORK_ERROR, OK, Finished, Nodes, Process, Server
from razor_testing.waiting import wait_until

# --- What is promised, in seconds. limits.at_most() adds what real processes on a busy machine may be late by.

# A server that falls silent is found out by pings, then the calls that it took are sent again.
AVOIDED_AFTER = 3.5
# One that listens again is in use.
IN_USE_AFTER = 1.5
# When all were away, calls succeed.
SUCCESS_AFTER = 2.0
# SIGINT ends a load, whatever its servers do.
INTERRUPTED_AFTER = 1.0
# A call that a killed server took along: found out at once, sent again after a back-off of milliseconds. Far less than what
# a call that waits in vain would take, on a busy machine too.
PROMPT = 1.0

IN_FLIGHT, WINDOW = 16, 5
# How often a load says where it is. What is measured by that is late by as much.
REPORT_EVERY = 0.05
# Longer than any test: it ends its load.
SECONDS = 120.0
# How long a busy server's handler holds its thread, and what each load on it does meanwhile: enough to fill its window,
# and not to keep the processors busy.
BUSY = 10.0
BUSY_RATE = 200
# A short one, and what a load may measure too little: it reads the clock once for all that happens in a turn.
DEADLINE = 0.05
CLOCK_STEP_MS = 1.0

TOTALS = {"attempts", "retries", "moves", "redirects", "hedges", "connects", "connects_failed", "ejections"}
WAYS = [(interface, handler) for interface in ("api", "stream") for handler in ("plain", "coroutine")]


class PoolLoad(LoadReports):
    """A load on servers, and what it said last."""

    def __init__(self, nodes: Nodes, *servers: Server, **options: object):
        settings: dict[str, object] = {
            "in_flight": IN_FLIGHT,
            "window": WINDOW,
            "seconds": SECONDS,
            "report_every": REPORT_EVERY,
            **options,
        }
        self.addresses = [server.address for server in servers]
        self.process: Process = nodes.start_load(*self.addresses, pool=True, **settings)
        super().__init__(self.process.out_path)

    def of(self, server: Server) -> dict[str, Any]:
        """What it says of a server's address."""
        return next(one for one in self.now["pool"]["addresses"] if one["address"] == server.address)

    def until(self, what: str, is_true: Callable[[], bool], seconds: float = address.HANG_SECONDS) -> float:
        """Waits, and gives the seconds that it took."""
        begun = time.monotonic()
        wait_until(what, is_true, seconds)
        return time.monotonic() - begun

    def until_used(self, *servers: Server, seconds: float = address.HANG_SECONDS) -> float:
        """Each gets calls, from now on."""
        before = {server.address: self.of(server)["attempts"] for server in servers}
        return self.until(
            f"calls to {', '.join(before)}",
            lambda: all(self.of(server)["attempts"] > before[server.address] for server in servers),
            seconds,
        )

    def until_avoided(self, *servers: Server, seconds: float = address.HANG_SECONDS) -> float:
        """None gets calls any more."""
        return self.until(
            f"no calls to {', '.join(server.address for server in servers)}",
            lambda: all(self.of(server)["health"] != "healthy" for server in servers),
            seconds,
        )

    def until_full(self, server: Server) -> float:
        """As many calls as fit are on their way to it."""
        return self.until("a full window", lambda: bool(self.of(server)["in_flight"] == WINDOW))

    def until_calls(self, count: int, seconds: float = address.HANG_SECONDS) -> float:
        """So many more succeed."""
        before = self.now["calls"]
        return self.until(f"{count} more calls", lambda: bool(self.now["calls"] >= before + count), seconds)

    def end(self) -> dict[str, Any]:
        """Ctrl-C, and its report."""
        self.process.send_signal(signal.SIGINT)
        return checked(self.process.wait(limits.at_most(INTERRUPTED_AFTER)))


def checked(finished: Finished) -> dict[str, Any]:
    """The report, whose numbers fit together."""
    report: dict[str, Any] = json.loads(finished.out.splitlines()[-1])
    assert report["submitted"] == report["ended"], report
    assert report["pool"].keys() >= {"addresses", "totals"}
    totals = report["pool"]["totals"]
    assert totals.keys() == TOTALS, report
    assert totals["connects_failed"] <= totals["connects"], report
    assert finished.status == (OK if report["ended"] > sum(report["errors"].values()) else FRAMEWORK_ERROR), finished
    return report


def serve_two(nodes: Nodes) -> tuple[Server, Server]:
    return nodes.serve(), nodes.serve()


def dispatched(server: Server) -> int:
    """How many requests came to a handler, by a server that closes now and says so (--log info)."""
    assert server.stop().status == OK
    counted = re.findall(r"closed: .* (\d+) dispatched", server.log)
    assert len(counted) == 1, server.log
    return int(counted[0])


# --- Killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interface, handler", WAYS)
def test_no_idempotent_call_is_lost_with_a_killed_server(nodes: Nodes, interface: str, handler: str) -> None:
    killed, other = serve_two(nodes)
    load = PoolLoad(nodes, killed, other, interface=interface, handler=handler, idempotent=True)
    load.until_used(killed, other)
    killed.kill()
    load.until_avoided(killed)
    load.until_used(other)
    report = load.end()
    assert report["errors"] == {}
    totals = report["pool"]["totals"]
    assert totals["ejections"] == 1
    assert totals["retries"] <= WINDOW
    assert totals["attempts"] == report["submitted"] + totals["retries"]


@pytest.mark.parametrize("balance", ["round_robin", "leader", "least_in_flight"])
def test_every_balance_fails_over(nodes: Nodes, balance: str) -> None:
    killed, other = serve_two(nodes)
    load = PoolLoad(nodes, killed, other, balance=balance, idempotent=True, in_flight=2 * WINDOW)
    if balance == "leader":
        load.until_used(killed)
        assert load.of(other)["attempts"] == 0, "the first leads"
    else:
        load.until_used(killed, other)
    killed.kill()
    load.until_avoided(killed)
    load.until_used(other)
    attempts = load.of(killed)["attempts"]
    # Those who lost no call fill the window of the other, and call again as soon as they are answered. Regression: calls
    # that were to be sent again got no turn as long as that went on.
    ends_at = load.now["at"] + PROMPT + 0.5
    load.until("a while", lambda: bool(load.now["at"] > ends_at))
    assert load.of(killed)["attempts"] == attempts
    report = load.end()
    assert report["errors"] == {}
    assert report["slowest_ms"] < 1000 * PROMPT


@pytest.mark.parametrize("interface, handler", WAYS)
def test_what_a_killed_server_took_and_may_not_be_repeated_fails(nodes: Nodes, interface: str, handler: str) -> None:
    """Contract 12: only what was under way there, and it may have run. What waited for its window goes elsewhere."""
    killed, other = serve_two(nodes)
    load = PoolLoad(nodes, killed, other, interface=interface, handler=handler)
    load.until_used(killed, other)
    killed.kill()
    load.until_avoided(killed)
    load.until_used(other)
    report = load.end()
    assert report["errors"].keys() <= {"connection_lost (ran: maybe)"}
    assert sum(report["errors"].values()) <= WINDOW
    assert report["pool"]["totals"]["retries"] == 0


@pytest.mark.parametrize("idempotent", [True, False], ids=["idempotent", "once"])
def test_a_whole_window_that_is_lost_is_sent_again_or_fails(nodes: Nodes, idempotent: bool) -> None:
    """The server is stopped first, so that it surely has all that it can be given."""
    killed, other = serve_two(nodes)
    load = PoolLoad(nodes, killed, other, idempotent=idempotent)
    load.until_used(killed, other)
    killed.send_signal(signal.SIGSTOP)
    load.until_full(killed)
    load.until_used(other)
    killed.kill()
    load.until_avoided(killed)
    load.until_used(other)
    report = load.end()
    assert report["errors"] == ({} if idempotent else {"connection_lost (ran: maybe)": WINDOW})
    assert report["pool"]["totals"]["retries"] == (WINDOW if idempotent else 0)


# --- Stopped ---------------------------------------------------------------------------------------------------------


def test_a_stopped_server_is_avoided_and_gets_calls_again_when_it_goes_on(nodes: Nodes) -> None:
    """Contract 26, 27 and 29. Two loads at the same time, since it takes seconds. The first has a window that holds all
    its calls, so all of them get stuck there: it shows the longest that a call may take."""
    stopped, other = serve_two(nodes)
    stuck = PoolLoad(nodes, stopped, other, window=IN_FLIGHT, idempotent=True)
    once = PoolLoad(nodes, stopped, other)
    loads = (stuck, once)
    for load in loads:
        load.until_used(stopped, other)

    stopped_at = time.monotonic()
    stopped.send_signal(signal.SIGSTOP)
    for load in loads:
        load.until_avoided(stopped)
        assert time.monotonic() - stopped_at < limits.at_most(AVOIDED_AFTER)
        print(f"avoided {time.monotonic() - stopped_at:.3f} s after it stopped")
        load.until_used(other)
    assert time.monotonic() - stopped_at > limits.PING_TIMEOUT, "nobody can tell so soon"
    attempts = [load.of(stopped)["attempts"] for load in loads]
    # Meanwhile it is probed: connecting succeeds, by the backlog of its listener.
    stuck.until("6 seconds to pass", lambda: time.monotonic() - stopped_at > 6.0)
    for load, before in zip(loads, attempts, strict=True):
        assert load.of(stopped)["health"] != "healthy"
        assert load.of(stopped)["attempts"] == before

    stopped.send_signal(signal.SIGCONT)
    for load in loads:
        seconds = load.until_used(stopped, seconds=limits.at_most(IN_USE_AFTER))
        print(f"in use {seconds:.3f} s after it goes on")
    report = stuck.end()
    print(f"the slowest call took {report['slowest_ms']:.0f} ms")
    assert report["errors"] == {}
    assert 1000 * limits.PING_TIMEOUT < report["slowest_ms"] < 1000 * limits.at_most(AVOIDED_AFTER)
    assert once.end()["errors"] == {}, "what was sent to a process that goes on is answered"


# --- Busy ------------------------------------------------------------------------------------------------------------


def test_a_busy_server_loses_no_call_and_runs_none_twice(nodes: Nodes) -> None:
    """Contract 12 and 26: a handler holds its thread for 10 s. What was sent there waits for it, and is run once; idempotent
    calls are answered by the other server meanwhile. Two loads at the same time, since it takes seconds: every call of
    theirs that came to a handler is accounted for."""
    busy, other = (nodes.serve(options=("--log", "info")) for _ in range(2))
    once = PoolLoad(nodes, busy, other, rate=BUSY_RATE, timeout=20)
    often = PoolLoad(nodes, busy, other, rate=BUSY_RATE, timeout=20, idempotent=True)
    loads = (once, often)
    for load in loads:
        load.until_used(busy, other)

    held_at = time.monotonic()
    holding = nodes.start("call", busy.address, "CalculatorService.hold_ms", str(int(1000 * BUSY)), "--timeout", "30")
    for name, load in (("once", once), ("often", often)):
        load.until_full(busy)
        load.until_avoided(busy, seconds=limits.at_most(AVOIDED_AFTER))
        print(f"{name}: avoided {time.monotonic() - held_at:.3f} s after it began to compute")
        load.until_used(other)
    attempts = [load.of(busy)["attempts"] for load in loads]
    once.until("8 seconds to pass", lambda: time.monotonic() - held_at > 0.8 * BUSY, BUSY)
    for load, before in zip(loads, attempts, strict=True):
        assert load.of(busy)["attempts"] == before
        assert load.of(busy)["health"] != "healthy"

    assert holding.wait(limits.at_most(BUSY)).result is None
    for name, load in (("once", once), ("often", often)):
        seconds = load.until_used(busy, seconds=limits.at_most(IN_USE_AFTER))
        print(f"{name}: in use {seconds:.3f} s after it was free")
    reports = [load.end() for load in loads]
    for name, report in zip(("once", "often"), reports, strict=True):
        print(f"{name}: {report['ended']} calls, the slowest {report['slowest_ms']:.0f} ms, {report['pool']['totals']}")
        assert report["errors"] == {}
    of_once, of_often = (report["pool"]["totals"] for report in reports)
    # They waited for all of it, and nobody sent them a second time.
    assert 1000 * (BUSY - 1) < reports[0]["slowest_ms"] < 1000 * limits.at_most(BUSY)
    assert of_once["attempts"] == reports[0]["submitted"]
    assert of_once["retries"] == of_once["hedges"] == 0
    assert 1000 * limits.PING_TIMEOUT < reports[1]["slowest_ms"] < 1000 * limits.at_most(AVOIDED_AFTER)
    assert of_often["hedges"] == WINDOW, "each that was stuck is tried elsewhere once"
    assert of_often["attempts"] == reports[1]["submitted"] + WINDOW
    runs = dispatched(busy) + dispatched(other)
    assert runs == of_once["attempts"] + of_often["attempts"] + 1


# --- Deadlines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_held", [False, True], ids=["stopped", "busy"])
def test_short_deadlines_are_kept(nodes: Nodes, is_held: bool) -> None:
    """Contract 2 and 3: a call ends at most max(10 ms, d/8) late, and never early. The server answers nothing; a pool that
    has noticed lets calls wait, and ends them no later. All loads at the same time, since it takes seconds."""
    server = nodes.serve()
    loads: dict[str, Process] = {}
    for (interface, handler), pool in itertools.product(WAYS, (True, False)):
        loads[f"{interface}, {handler}, {'pool' if pool else 'connection'}"] = nodes.start_load(
            server.address, interface=interface, handler=handler, pool=pool, timeout=DEADLINE, in_flight=4, seconds=2,
            report_every=REPORT_EVERY,
        )  # fmt: skip
    for name, load in loads.items():
        until_succeeds(name, load)
    if is_held:
        holding = nodes.start("call", server.address, "CalculatorService.hold_ms", "2500")
    else:
        server.send_signal(signal.SIGSTOP)
    for name, load in loads.items():
        load.wait()
        report = lines_of(load)[-1]
        late = {which: ms - 1000 * DEADLINE for which, ms in report["expired_ms"].items()}
        print(f"{name}: {sum(report['errors'].values())} calls of 50 ms: p50 {late['p50']:.1f} ms late, "
              f"p99 {late['p99']:.1f}, from {late['least']:.1f} to {late['most']:.1f}")  # fmt: skip
        assert report["submitted"] == report["ended"]
        assert report["errors"].keys() <= {"deadline_exceeded (ran: maybe)", "deadline_exceeded (ran: no)"}
        tick = max(0.010, DEADLINE / 8)
        assert late["least"] > -CLOCK_STEP_MS
        assert late["p99"] <= 1000 * (tick + limits.SLACK)
        assert late["most"] <= 1000 * limits.at_most(tick)
        assert sum(report["errors"].values()) >= 4 * 5
    if is_held:
        assert holding.wait().result is None


def until_succeeds(name: str, load: Process) -> None:
    wait_until(f"calls of {name} to succeed", lambda: any(line["calls"] > 0 for line in lines_of(load)))


def lines_of(load: Process) -> list[dict[str, Any]]:
    """What a load has reported so far."""
    return [json.loads(line) for line in load.out.split("\n")[:-1]]


# --- Restarted -------------------------------------------------------------------------------------------------------


def test_a_restarted_server_is_in_use_again_soon(nodes: Nodes) -> None:
    """Contract 27, when it was away for long enough that the back-off has grown to its most."""
    killed, other = serve_two(nodes)
    load = PoolLoad(nodes, killed, other, idempotent=True)
    load.until_used(killed, other)
    killed.kill()
    load.until_avoided(killed)
    before = load.of(killed)["connects"]
    load.until("a few attempts to connect", lambda: bool(load.of(killed)["connects"] >= before + 7))
    assert load.of(killed)["why"] == "connect: Connection refused"
    nodes.serve(killed.address)
    seconds = load.until_used(killed, seconds=limits.at_most(IN_USE_AFTER))
    print(f"in use {seconds:.3f} s after it listens")
    assert load.of(killed)["share"] < 100, "it comes back gently"
    assert load.end()["errors"] == {}


def test_calls_wait_while_all_servers_are_dead(nodes: Nodes) -> None:
    servers = serve_two(nodes)
    load = PoolLoad(nodes, *servers, idempotent=True, timeout=20)
    load.until_used(*servers)
    killed_at = time.monotonic()
    for server in servers:
        server.kill()
    load.until_avoided(*servers)
    load.until("all calls to wait", lambda: bool(load.now["pool"]["waiting"] == IN_FLIGHT))
    calls = load.now["calls"]
    load.until("3 seconds to pass", lambda: time.monotonic() - killed_at > 3.0)
    assert load.now["calls"] == calls

    for server in servers:
        nodes.serve(server.address)
    seconds = load.until_calls(1, seconds=limits.at_most(SUCCESS_AFTER))
    print(f"a call succeeds {seconds:.3f} s after the last server listens")
    load.until_used(*servers, seconds=limits.at_most(SUCCESS_AFTER))
    report = load.end()
    assert report["errors"] == {}
    assert report["slowest_ms"] > 2900


# --- Given up --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=operator.attrgetter("name"))
def test_a_signal_ends_a_load_in_mid_outage_with_its_report(nodes: Nodes, how: signal.Signals) -> None:
    """Contract 4: every call that waits, or is under way, ends with the pool, each once."""
    servers = serve_two(nodes)
    load = PoolLoad(nodes, *servers, idempotent=True)
    load.until_used(*servers)
    for server in servers:
        server.send_signal(how)

    def under_way() -> int:
        return sum(load.of(server)["in_flight"] for server in servers)

    if how == signal.SIGKILL:
        load.until("all calls to wait", lambda: bool(load.now["pool"]["waiting"] == IN_FLIGHT))
    else:
        load.until("full windows", lambda: under_way() == 2 * WINDOW)
    report = load.end()
    assert report["errors"].keys() <= {"closed (ran: no)", "closed (ran: maybe)"}
    assert sum(report["errors"].values()) == IN_FLIGHT


def test_a_pool_without_server_says_who_was_tried_and_why_it_failed(nodes: Nodes, socket_directory: Path) -> None:
    nobody = f"unix:{socket_directory / 'nobody'}"
    refusing, place = address.listen("127.0.0.1:0")
    refusing.close()
    seconds, timeout = 0.4, 0.2
    reasons = {place: "connect: Connection refused", nobody: "connect: No such file or directory"}

    finished = nodes.load(place, nobody, pool=True, in_flight=IN_FLIGHT, seconds=seconds, timeout=timeout)
    report = checked(finished)
    assert finished.status == FRAMEWORK_ERROR
    assert finished.seconds < limits.at_most(seconds + timeout + limits.TICK)
    assert report["calls"] == 0
    assert report["errors"] == {"deadline_exceeded (ran: no)": report["submitted"]}
    assert report["pool"]["totals"]["attempts"] == 0
    assert {one["address"]: one["why"] for one in report["pool"]["addresses"]} == reasons
    assert finished.err.startswith("razor_node: no call succeeded: ")
    for at, why in reasons.items():
        assert re.search(rf"{re.escape(at)} is (down|probing): {why}", finished.err)


# --- Told ------------------------------------------------------------------------------------------------------------


def test_the_load_is_told_by_address(nodes: Nodes) -> None:
    servers = serve_two(nodes)
    finished = nodes.load(*(server.address for server in servers), pool=True, in_flight=8, connections=2, seconds=0.5)
    report = checked(finished)
    assert finished.err == ""
    assert report["errors"] == {}
    addresses = report["pool"]["addresses"]
    assert [one["address"] for one in addresses] == [server.address for server in servers]
    attempts = [one["attempts"] for one in addresses]
    assert sum(attempts) == report["pool"]["totals"]["attempts"] == report["submitted"]
    assert min(attempts) > 0.25 * sum(attempts), "each in turn, once both are connected"
    for one in addresses:
        assert (one["health"], one["why"], one["share"]) == ("healthy", "", 100)
        assert 1 <= one["connections"] <= 2
        assert one["connects"] == one["connections"]


def test_the_load_is_told_for_people(nodes: Nodes) -> None:
    servers = serve_two(nodes)
    connect = [word for server in servers for word in ("--connect", server.address)]
    finished = nodes.run("load", *connect, "--pool", "--in-flight", "8", "--seconds", "0.6", "--progress")
    assert finished.status == OK
    assert re.search(r" 0 errors", finished.out)
    assert re.search(r"\d+ attempts: 0 retries, 0 moves, .* 2 connects, 0 failed; 0 ejections", finished.out)
    assert "calls/s" in finished.err
    for server in servers:
        assert re.search(rf"\d+ of them to {server.address}: healthy, 1 connection\n", finished.out)
        assert re.search(rf"{server.address} +healthy +1 connection +\d+ in flight", finished.err)


@pytest.mark.parametrize(
    "options",
    [
        {"in_flight": 64, "window": 1},
        {"in_flight": 2000, "window": 10},  # more calls wait than a pool holds by default
        {"in_flight": 70, "payload": 1024 * 1024},  # and more bytes
        {"in_flight": 64, "window": 4, "connections": 5},
        {"in_flight": 1, "payload": 0},
    ],
    ids=lambda options: " ".join(f"{name}={value}" for name, value in options.items()),
)
@pytest.mark.parametrize("interface", ["stream", "api"])
def test_settings_are_obeyed(nodes: Nodes, interface: str, options: dict[str, int]) -> None:
    servers = serve_two(nodes)
    load = nodes.load(*(server.address for server in servers), pool=True, interface=interface, seconds=0.15, **options)
    report = checked(load)
    assert report["errors"] == {}
    assert report["ended"] >= options["in_flight"]
    assert all(one["connections"] <= options.get("connections", 1) for one in report["pool"]["addresses"])
