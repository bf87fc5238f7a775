"""The scenarios: each breaks something while a load goes on, heals it, and says by when all must be well. One round takes a
few seconds; a scenario is repeated as often as there is time for.

A scenario that is given no failures that calls may end with, may lose none.
"""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cluster_chaos.trial import IN_FLIGHT, WINDOW, Trial, fault
from razor_testing import limits
from razor_testing.address import family_and_place
from razor_testing.process import ServiceProcess
from razor_testing.proxy_faults import Direction
from razor_testing.spawning import Limits

# Contract 27, in seconds: a server that listens again is in use; a connection that was lost without a word is noticed; the
# same when all were away.
IN_USE = 1.5
SILENCE = limits.PING_INTERVAL + limits.PING_TIMEOUT + 0.5
# After which a pool gives up a connection that it cannot make another one beside (connect_policy.h), and how long it asks.
SILENT_MAX, PROBE = 15.0, 1.0
LOST = frozenset({"connection_lost (ran: maybe)"})


@dataclass(frozen=True)
class Scenario:
    """`round` is called again and again; it ends with all healed. `options` are those of Trial."""

    name: str
    what: str
    round: Callable[[Trial], None]
    options: dict[str, Any] = field(default_factory=dict)


SCENARIOS: dict[str, Scenario] = {}


def scenario(what: str, **options: Any) -> Callable[[Callable[[Trial], None]], Callable[[Trial], None]]:
    def add(round_of: Callable[[Trial], None]) -> Callable[[Trial], None]:
        SCENARIOS[round_of.__name__] = Scenario(round_of.__name__, what, round_of, options)
        return round_of

    return add


# --- Processes ---------------------------------------------------------------------------------------------------------


def kill_and_restart(trial: Trial) -> None:
    server = trial.draw_server()
    server.kill()
    trial.while_calls_go_on(trial.chance.uniform(0.1, 0.8))
    server.restart()
    trial.recovers(IN_USE)


@scenario("a server is killed (SIGKILL) and started again; calls may be repeated")
def killed(trial: Trial) -> None:
    kill_and_restart(trial)


@scenario("the same, and calls may not be repeated: what was under way there may be lost", idempotent=False, allowed=LOST)
def killed_once(trial: Trial) -> None:
    kill_and_restart(trial)


@scenario("a server stands still (SIGSTOP) for some seconds, and goes on")
def stopped(trial: Trial) -> None:
    server = trial.draw_server()
    with fault(server.pause, server.resume):
        trial.while_calls_go_on(trial.chance.choice([0.3, 1.0, SILENCE + 0.5]))
    trial.recovers(IN_USE)


@scenario("a server is asked to end (SIGTERM), drains, and is started again")
def drained(trial: Trial) -> None:
    server = trial.draw_server()
    server.terminate(limits.at_most(limits.CLOSE_LIMIT))
    trial.calls_go_on()
    server.restart()
    trial.recovers(IN_USE)


@scenario("all servers are restarted, one after the other")
def rolling_restart(trial: Trial) -> None:
    for server in trial.servers:
        server.terminate(limits.at_most(limits.CLOSE_LIMIT))
        server.restart()
        trial.recovers(IN_USE)


@scenario("all servers are killed, and come back after a while: calls wait")
def all_down(trial: Trial) -> None:
    for server in trial.servers:
        server.kill()
    trial.passes(trial.chance.uniform(0.2, 1.5))
    for server in trial.servers:
        server.restart()
    trial.recovers(IN_USE + 1.0)


@scenario("the load is ended (SIGINT) at a random moment: each of its calls has ended")
def closed_at_random(trial: Trial) -> None:
    trial.passes(trial.chance.uniform(0.0, 0.6))
    if trial.chance.random() < 0.5:
        kill_later = trial.draw_server()
        kill_later.kill()
        trial.end_load()
        kill_later.restart()
    else:
        trial.end_load()
    trial.start_load()
    trial.calls_go_on()


# --- Links -------------------------------------------------------------------------------------------------------------


def on_one_link(trial: Trial, begin: str, *arguments: Any, seconds: float, within: float, **options: Any) -> None:
    proxy = trial.proxy_of(trial.draw_server())
    with getattr(proxy, begin)(*arguments, **options):
        trial.while_calls_go_on(seconds)
    trial.recovers(within)


@scenario("a link drops all bytes, and says nothing (black hole)", proxied=True)
def black_hole(trial: Trial) -> None:
    proxy = trial.proxy_of(trial.draw_server())
    with proxy.black_hole():
        trial.while_calls_go_on(SILENCE + 0.5)
    # What lost bytes is of no use any more: as a host that comes back resets what it does not know.
    proxy.break_connections()
    trial.recovers(IN_USE)


def forget_connections(trial: Trial, within: float) -> None:
    trial.proxy_of(trial.draw_server()).break_connections(silently=True)
    trial.while_calls_go_on(0.5)
    trial.recovers(within)


# So many that all calls under way fill the windows of half of them: the pool may always make another one. With two, both may
# be silent at once, and then it is at its cap.
UNDER_THE_CAP = 2 * IN_FLIGHT // WINDOW


@scenario("connections are gone at the server's end only (half-open)", proxied=True, load={"connections": UNDER_THE_CAP})
def half_open(trial: Trial) -> None:
    forget_connections(trial, SILENCE + IN_USE)


@scenario("the same, and the pool may have no other connection to that server", proxied=True)
def half_open_at_the_cap(trial: Trial) -> None:
    forget_connections(trial, SILENT_MAX + PROBE + IN_USE)


@scenario("a link is cut, both ways or one, and comes back", proxied=True)
def cut(trial: Trial) -> None:
    way = trial.chance.choice(["both", "to_server", "to_client"])
    seconds = trial.chance.choice([0.5, SILENCE + 0.5])
    on_one_link(trial, "cut", direction=way, seconds=seconds, within=SILENCE + IN_USE)


@scenario("bytes come in pieces of a few", proxied=True)
def sliced(trial: Trial) -> None:
    on_one_link(trial, "slicer", trial.chance.choice([1, 7, 100]), seconds=1.0, within=SILENCE)


@scenario("a link is slow to answer, and not steadily so", proxied=True)
def late(trial: Trial) -> None:
    on_one_link(trial, "latency", trial.chance.choice([0.01, 0.2]), 0.05, seconds=1.5, within=SILENCE)


@scenario("a link carries little", proxied=True)
def narrow(trial: Trial) -> None:
    on_one_link(trial, "bandwidth", trial.chance.choice([20_000, 200_000]), seconds=1.5, within=SILENCE)


@scenario("connections are reset after some bytes", proxied=True)
def reset(trial: Trial) -> None:
    proxy = trial.proxy_of(trial.draw_server())
    ways: tuple[Direction, ...] = ("to_server", "to_client")
    way = trial.chance.choice(ways)
    with proxy.reset_at(trial.chance.randrange(1, 20_000), once=True, direction=way):
        trial.while_calls_go_on(0.4)
    proxy.break_connections()
    trial.recovers(IN_USE)


@scenario("a server is not to be reached: connects are refused, or hang, and connections break", proxied=True)
def unreachable(trial: Trial) -> None:
    proxy = trial.proxy_of(trial.draw_server())
    hangs = trial.chance.random() < 0.5
    with proxy.hang_connects() if hangs else proxy.refuse_connects():
        proxy.break_connections()
        trial.while_calls_go_on(1.0)
    # A connect that hangs is tried again by the system after 1 s and 2 s.
    trial.recovers(IN_USE + (3.0 if hangs else 0.0))


# --- Addresses and resources -------------------------------------------------------------------------------------------


@scenario("the pool is told of other addresses, and then of all again, with calls under way")
def addresses_change(trial: Trial) -> None:
    servers = [server.address for server in trial.servers]
    fewer = trial.chance.sample(servers, trial.chance.randrange(1, len(servers)))
    trial.write_addresses(fewer)
    trial.load.process.signal(signal.SIGHUP)
    trial.calls_go_on()
    trial.write_addresses(servers)
    trial.load.process.signal(signal.SIGHUP)
    trial.calls_go_on()
    trial.recovers(IN_USE)


@contextlib.contextmanager
def idle_connections(server: ServiceProcess, count: int) -> Iterator[None]:
    """So many connections to it, or as many as it takes."""
    family, place = family_and_place(server.address)
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            one = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            one.setblocking(False)
            one.connect_ex(place)
        yield


@scenario("a server has no descriptors left, for as long as strangers hold them", server_limits=Limits(descriptors_max=48))
def no_descriptors_at_the_server(trial: Trial) -> None:
    server = trial.draw_server()
    with idle_connections(server, 80):
        trial.while_calls_go_on(1.0)
    trial.recovers(IN_USE)


@scenario(
    "the client has too few descriptors for all connections that it may have",
    load_limits=Limits(descriptors_max=20),
    load={"connections": 16, "in_flight": 256, "rate": 8000},
)
def no_descriptors_at_the_client(trial: Trial) -> None:
    trial.while_calls_go_on(1.0)
    server = trial.draw_server()
    server.kill()
    trial.while_calls_go_on(0.3)
    server.restart()
    trial.recovers(IN_USE)


@scenario(
    "servers have little memory, and are asked for more than fits: they refuse what they cannot hold, and live",
    server_limits=Limits(memory_bytes_max=96 << 20),
    load={"payload": 1 << 20, "in_flight": 64, "window": 64, "rate": 200},
    allowed=frozenset({"overloaded (ran: no)", "connection_lost (ran: maybe)", "connection_lost (ran: no)"}),
)
def little_memory(trial: Trial) -> None:
    trial.while_calls_go_on(1.0)
    trial.recovers(IN_USE)


@scenario("others take all processors")
def busy_machine(trial: Trial) -> None:
    spin = [sys.executable, "-c", "while True: pass"]
    with contextlib.ExitStack() as hogs:
        for _ in range(4):
            hog = hogs.enter_context(subprocess.Popen(spin))
            hogs.callback(hog.kill)
        trial.while_calls_go_on(1.5)
    trial.recovers(IN_USE)
