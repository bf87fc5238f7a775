"""razor_node load: its report adds up, also when servers die, come back, or never were there.

Fails when a call is lost or counted twice (contract 1), when a load does not end in time, or when the report does not
name what went wrong.
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

from razor_testing import address, limits, wire
from razor_testing.node import FRAMEWORK_ERROR, OK, Finished, Nodes, Server
from razor_testing.raw_server import Peer, RawServer, Script

pytestmark = pytest.mark.alone

StartServer = Callable[[Script], RawServer]

KEYS = {
    "calls", "rps", "errors", "p50_us", "p99_us", "p999_us", "cpu_us_per_call", "seconds", "submitted", "ended",
    "slowest_ms", "expired_ms"
}  # fmt: skip

# What a failed call or connect is counted as.
CALL_ERROR = re.compile(r"[a-z_]+ \(ran: (no|maybe|yes)\)")
CONNECT_ERROR = re.compile(r"connect: .+")


def checked(finished: Finished) -> dict[str, Any]:
    """The report, whose numbers fit together."""
    report = finished.report
    assert report.keys() == KEYS
    assert all(CALL_ERROR.fullmatch(kind) or CONNECT_ERROR.fullmatch(kind) for kind in report["errors"]), report
    assert report["submitted"] == report["ended"], report
    assert 0 <= report["calls"] + failed_calls(report) <= report["ended"], report
    assert 0 <= report["p50_us"] <= report["p99_us"] <= report["p999_us"], report
    assert report["slowest_ms"] >= 0.99e-3 * report["p999_us"], report  # a percentile is off by up to 1 %
    assert report["rps"] == pytest.approx(report["calls"] / report["seconds"]), report
    assert finished.status == (OK if report["ended"] > failed_calls(report) else FRAMEWORK_ERROR), finished
    return report


def failed_calls(report: dict[str, Any]) -> int:
    return sum(count for kind, count in report["errors"].items() if CALL_ERROR.fullmatch(kind))


def without_connects(report: dict[str, Any]) -> dict[str, int]:
    return {kind: count for kind, count in report["errors"].items() if CALL_ERROR.fullmatch(kind)}


@pytest.mark.parametrize("interface", ["stream", "api"])
@pytest.mark.parametrize("handler", ["plain", "coroutine"])
def test_calls_succeed_and_are_measured(nodes: Nodes, interface: str, handler: str) -> None:
    server = nodes.serve()
    finished = nodes.load(server.address, interface=interface, handler=handler, in_flight=32, seconds=0.3)
    report = checked(finished)
    assert report["errors"] == {}
    assert report["calls"] > 100
    assert 0 < report["p50_us"] < 1e6
    assert 0 < report["cpu_us_per_call"] < 1e6
    assert 0.2 <= report["seconds"] <= 0.3 + limits.SLACK + limits.BUSY_MACHINE
    assert finished.err == ""


@pytest.mark.parametrize(
    "options",
    [
        {"in_flight": 64, "window": 1},
        {"in_flight": 64, "window": 7},
        {"in_flight": 1, "window": 64},
        {"in_flight": 8, "connections": 5},
        {"in_flight": 8, "payload": 0},
        {"in_flight": 4, "payload": 1024 * 1024},
        {"in_flight": 3, "connections": 3, "window": 2, "payload": 100_000},
        {"in_flight": 2000, "window": 2000},  # above what a connection may have handled at once
        {"in_flight": 2000, "window": 10},  # above what a queue holds by default
    ],
    ids=lambda options: " ".join(f"{name}={value}" for name, value in options.items()),
)
@pytest.mark.parametrize("interface", ["stream", "api"])
def test_settings_are_obeyed(nodes: Nodes, interface: str, options: dict[str, int]) -> None:
    server = nodes.serve()
    report = checked(nodes.load(server.address, interface=interface, seconds=0.15, **options))
    assert report["errors"] == {}
    assert report["calls"] > 0


def test_more_bytes_may_be_in_flight_than_a_queue_holds_by_default(nodes: Nodes) -> None:
    """Regression: calls above 64 MiB were refused, and made again at once until nothing else got its turn."""
    server = nodes.serve()
    report = checked(nodes.load(server.address, in_flight=70, payload=1024 * 1024, interface="stream", seconds=0.15))
    assert report["errors"] == {}
    assert report["ended"] >= 70


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("handler", ["plain", "coroutine"])
def test_the_payload_goes_one_way_as_a_blob(nodes: Nodes, direction: str, handler: str) -> None:
    """Above what an argument may have, too."""
    payload, calls = 20 * 1024 * 1024, 3
    server = nodes.serve(options=LOG_REQUESTS)
    settings: dict[str, object] = {"interface": "stream", "handler": handler, "direction": direction, "payload": payload}
    report = checked(nodes.load(server.address, **settings, in_flight=2, calls=calls, seconds=60))
    assert report["errors"] == {}
    assert report["ended"] == calls
    assert server.stop().status == OK
    carried = re.search(r"closed: .* (\d+) B received, (\d+) B sent", server.log)
    assert carried is not None, server.log
    large, small = (0, 1) if direction == "up" else (1, 0)
    assert calls * payload < int(carried[1 + large]) < calls * payload + 1000
    assert int(carried[1 + small]) < 1000


@pytest.mark.parametrize("interface", ["stream", "api"])
@pytest.mark.parametrize("handler", ["plain", "coroutine"])
@pytest.mark.parametrize("pool", [True, False], ids=["pool", "connections"])
def test_as_many_calls_are_made_as_are_asked_for(nodes: Nodes, interface: str, handler: str, pool: bool) -> None:
    server = nodes.serve(options=LOG_REQUESTS)
    settings: dict[str, object] = {"interface": interface, "handler": handler, "pool": pool}
    finished = nodes.load(server.address, **settings, in_flight=8, calls=100, seconds=60)
    report = finished.report
    assert report["errors"] == {}
    assert report["submitted"] == report["ended"] == report["calls"] == 100
    assert finished.seconds < limits.at_most(1)
    assert server.stop().status == OK
    assert requests_of(server) == 100


@pytest.mark.parametrize("interface", ["stream", "api"])
@pytest.mark.parametrize("handler", ["plain", "coroutine"])
def test_calls_begin_at_the_rate_that_is_asked_for(nodes: Nodes, interface: str, handler: str) -> None:
    server = nodes.serve()
    rate, seconds = 200, 0.8
    report = checked(
        nodes.load(server.address, interface=interface, handler=handler, rate=rate, in_flight=4, seconds=seconds)
    )
    assert report["errors"] == {}
    assert 0.5 * rate * seconds < report["submitted"] <= rate * seconds + 1


def test_calls_that_could_not_begin_in_time_count_from_when_they_should_have(nodes: Nodes) -> None:
    """The server stands still for a while. A load that waited for it would see one slow call, and half a second idle."""
    server = nodes.serve()
    load = nodes.start_load(server.address, rate=100, in_flight=1, seconds=2)
    time.sleep(1)
    server.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    server.send_signal(signal.SIGCONT)
    report = checked(load.wait())
    assert report["errors"] == {}
    assert report["calls"] > 100
    assert report["slowest_ms"] > 400
    # Of 150 calls that are counted, those of half a second waited, a quarter of a second on average.
    assert report["p99_us"] > 350_000, report


@pytest.mark.parametrize("interface", ["stream", "api"])
def test_never_more_than_the_window_is_unanswered(nodes: Nodes, raw_server: StartServer, interface: str) -> None:
    """Contract 20; and 8: seqs count up by one. The server answers one call at a time, the newest first."""
    window, watched_calls = 7, 30
    unanswered_peak = 0

    def script(peer: Peer) -> None:
        nonlocal unanswered_peak
        unanswered: list[wire.Request] = []
        for seq in itertools.count(1):
            unanswered.append(peer.receive())
            assert unanswered[-1].seq == seq
            unanswered_peak = max(unanswered_peak, len(unanswered))
            if seq >= watched_calls:
                while unanswered:
                    answer(peer, unanswered.pop())
            elif len(unanswered) == window:
                assert peer.is_silent_for(0.005), "a request more than the window"
                answer(peer, unanswered.pop())

    def answer(peer: Peer, request: wire.Request) -> None:
        result = wire.pack({"ret_size": len(request.blob)}) if interface == "stream" else request.msg
        peer.succeed(request.seq, result)

    server = raw_server(script)
    options = {"interface": interface, "in_flight": 3 * window, "window": window, "hello": "off"}
    report = checked(nodes.load(server.address, **options, seconds=0.4))
    server.close()
    assert unanswered_peak == window
    assert report["errors"] == {}
    assert report["ended"] > watched_calls


def test_connections_are_spread_over_the_addresses(nodes: Nodes, socket_directory: Path) -> None:
    servers = [nodes.serve(at, options=LOG_REQUESTS) for at in ("127.0.0.1:0", f"unix:{socket_directory / 'socket'}")]
    report = checked(nodes.load(*(server.address for server in servers), in_flight=4, connections=3, seconds=0.3))
    assert report["errors"] == {}
    for server in servers:
        assert server.stop().status == OK
    first, second = (requests_of(server) for server in servers)
    assert first > 0 and second > 0
    assert first + second == report["submitted"]


# `serve` counts, and says so when it closes.
LOG_REQUESTS = ("--log", "info")


def requests_of(server: Server) -> int:
    counted = re.findall(r"closed: .* (\d+) requests", server.log)
    assert len(counted) == 1, server.log
    return int(counted[0])


def test_the_table_is_for_people(nodes: Nodes) -> None:
    server = nodes.serve()
    finished = nodes.run("load", "--connect", server.address, "--in-flight", "8", "--seconds", "0.2")
    assert finished.status == OK
    assert finished.err == ""
    assert re.search(r"\d+ calls in 0\.\d+ s: \d+ a second", finished.out)
    assert re.search(r"median latency, .* p99", finished.out)
    assert re.search(r" 0 errors", finished.out)


def test_the_progress_of_a_load_is_shown_on_stderr(nodes: Nodes) -> None:
    server = nodes.serve()
    words = ["--connect", server.address, "--in-flight", "8", "--seconds", "0.6", "--progress"]
    finished = nodes.run("load", *words, "--json")
    assert "calls/s" in finished.err
    assert finished.report["calls"] > 0


def test_a_load_reports_as_often_as_it_is_told(nodes: Nodes) -> None:
    server = nodes.serve()
    finished = nodes.load(server.address, in_flight=8, seconds=0.65, report_every=0.1)
    *lines, report = map(json.loads, finished.out.splitlines())
    assert 2 <= len(lines) <= 7
    assert all(earlier["ended"] < later["ended"] for earlier, later in itertools.pairwise([*lines, report]))
    assert all(line["at"] >= (number + 1) * 0.1 for number, line in enumerate(lines))
    assert report.keys() == KEYS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=operator.attrgetter("name"))
@pytest.mark.parametrize("after", [0.2, 0.7], ids=["while it warms up", "while it counts"])
def test_a_signal_ends_a_load_with_its_report(nodes: Nodes, number: signal.Signals, after: float) -> None:
    server = nodes.serve()
    load = nodes.start_load(server.address, in_flight=16, seconds=60)
    time.sleep(after)
    load.send_signal(number)
    finished = load.wait(limits.at_most(0))
    report = checked(finished)
    assert report["errors"] == {}
    assert report["calls"] > 0


def test_a_load_without_server_says_so_and_ends_in_time(nodes: Nodes, socket_directory: Path) -> None:
    finished = nodes.load(f"unix:{socket_directory / 'nobody'}", seconds=0.4, connections=2)
    report = checked(finished)
    assert finished.status == FRAMEWORK_ERROR
    assert report["calls"] == report["submitted"] == 0
    assert report["errors"].keys() == {"connect: No such file or directory"}
    assert finished.seconds < limits.at_most(0.4)


def test_a_load_that_is_still_connecting_says_so(nodes: Nodes) -> None:
    """The backlog is full, so nobody answers. Regression: a load that never got through reported no error at all."""
    listening, place = address.listen("127.0.0.1:0", backlog=0)
    with listening, address.connect(place):
        finished = nodes.load(place, seconds=0.4, connections=2)
        report = checked(finished)
        assert finished.status == FRAMEWORK_ERROR
        assert report["errors"] == {"connect: no answer yet": 2}
        assert finished.seconds < limits.at_most(0.4)


def test_a_server_that_only_breaks_connections_is_not_asked_again_at_once(nodes: Nodes, raw_server: StartServer) -> None:
    """Regression: what was no razor server got thousands of connections a second."""
    connections, seconds, pause = 2, 0.5, 0.05
    server = raw_server(lambda peer: None)
    report = checked(nodes.load(server.address, in_flight=4, connections=connections, seconds=seconds))
    assert report["calls"] == 0
    assert connections < server.connections <= connections * (1 + seconds / pause)


IN_FLIGHT, CONNECTIONS = 20, 3


@pytest.mark.parametrize("interface", ["stream", "api"])
@pytest.mark.parametrize("handler", ["plain", "coroutine"])
def test_calls_that_a_dying_server_took_along_are_accounted_for(nodes: Nodes, interface: str, handler: str) -> None:
    server = nodes.serve()
    load = nodes.start_load(
        server.address,
        interface=interface,
        handler=handler,
        in_flight=IN_FLIGHT,
        window=IN_FLIGHT // 2,
        connections=CONNECTIONS,
        seconds=0.7,
    )
    time.sleep(0.4)
    server.kill()
    finished = load.wait()
    report = checked(finished)
    assert finished.seconds < limits.at_most(0.7)
    lost = without_connects(report)
    assert lost.keys() <= {"connection_lost (ran: maybe)", "connection_lost (ran: no)"}
    # Each caller of a connection makes one call at a time, and all of those ended with it. Half waited for the window.
    assert_whole_connections_were_lost(lost)
    assert lost["connection_lost (ran: maybe)"] <= lost["connection_lost (ran: no)"]
    # The last attempt may be under way when time is up.
    connects = report["errors"].keys() - lost.keys() - {"connect: no answer yet"}
    assert connects == {"connect: Connection refused"}


def assert_whole_connections_were_lost(lost: dict[str, int]) -> None:
    """As many as there were; or some more, since a dying process still listens while its connections are reset."""
    connections, rest = divmod(sum(lost.values()), IN_FLIGHT)
    assert rest == 0, lost
    assert CONNECTIONS <= connections <= 3 * CONNECTIONS, lost


def test_calls_succeed_again_after_a_restart(nodes: Nodes) -> None:
    first = nodes.serve(options=LOG_REQUESTS)
    load = nodes.start_load(first.address, in_flight=IN_FLIGHT, connections=CONNECTIONS, seconds=1.2)
    time.sleep(0.4)
    first.kill()
    second = nodes.serve(first.address, options=LOG_REQUESTS)
    report = checked(load.wait())
    assert_whole_connections_were_lost(without_connects(report))
    assert second.stop().status == OK
    assert requests_of(second) > IN_FLIGHT * CONNECTIONS


def test_a_server_that_closes_gracefully_costs_no_call_that_it_took(nodes: Nodes) -> None:
    """Contract 31: what was dispatched is answered; the rest may be told that it was not.

    On plain version 1: test_restart.py has clients that are asked first."""
    server = nodes.serve(options=LOG_REQUESTS)
    load = nodes.start_load(server.address, in_flight=IN_FLIGHT, connections=CONNECTIONS, seconds=0.7, hello="off")
    time.sleep(0.4)
    finished = server.stop()
    assert finished.status == OK
    report = checked(load.wait())
    answers = re.search(
        r"closed: .* (\d+) dispatched, 0 overloaded, (\d+) draining, 0 refused; (\d+) responses .* (\d+) dropped", server.log
    )
    assert answers is not None, server.log
    dispatched, draining, answered, dropped = map(int, answers.groups())
    assert dropped == 0
    assert answered == dispatched + draining
    failed = without_connects(report)
    assert failed.get("draining (ran: maybe)", 0) == draining
    assert report["ended"] - sum(failed.values()) == dispatched


def test_calls_on_a_server_that_is_stopped_end_at_their_deadline(nodes: Nodes) -> None:
    """Contract 2 and 26: its machine lives on, so nothing ends sooner. All wait at the same time, since it takes seconds."""
    server = nodes.serve()
    patient = nodes.start_load(server.address, in_flight=4, connections=2, timeout=4, seconds=0.6)
    hasty = nodes.start_load(server.address, in_flight=4, timeout=0.5, seconds=0.6)
    call = nodes.start("call", server.address, wire.method("sleep_ms"), "60000", "--timeout", "4")
    stopped_after = 0.3
    time.sleep(stopped_after)
    server.send_signal(signal.SIGSTOP)

    finished = hasty.wait()
    assert checked(finished)["errors"] == {"deadline_exceeded (ran: maybe)": 4}
    assert finished.seconds < limits.at_most(stopped_after + 0.5 + limits.TICK)

    finished = patient.wait()
    assert checked(finished)["errors"] == {"deadline_exceeded (ran: maybe)": 8}
    assert finished.seconds < limits.at_most(stopped_after + 4 + limits.TICK)
    finished = call.wait()
    assert finished.call_error == ("deadline_exceeded", "maybe")
    assert 4 <= finished.seconds < limits.at_most(4 + limits.TICK)
    server.kill()  # its handler sleeps on
