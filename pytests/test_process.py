"""Processes of a user's command: how they start, what is done to them, and that nothing of them is left.

Fails when a restart changes the address, a fault does not reach all of a process, or something wrong is not told.
"""

import dataclasses
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from process_table import exists
from toy_service import READY, ask, toy

from razor_testing import node, wire
from razor_testing.address import socket_directory
from razor_testing.cluster import Cluster
from razor_testing.process import Limits, NotReady, ProcessFailure, ServiceProcess, StillRunning
from razor_testing.process_log import LineReader
from razor_testing.process_settings import Announcement
from razor_testing.waiting import wait_until

MEGABYTE = 1 << 20
TOY = toy()


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster in which something may be wrong."""
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


@pytest.fixture
def cluster(broken: Cluster) -> Iterator[Cluster]:
    """A cluster in which nothing may be wrong."""
    yield broken
    assert broken.close() == []


# Readiness and addresses.


@pytest.mark.parametrize(
    "options, ready",
    [
        ([], READY),
        (["--port-only"], r"listening (\d+)"),
        (["--silent"], "connect"),
        ([], "^listening"),
        (["--silent"], lambda toy: ask(toy.address, "echo up") == "up"),
    ],
)
def test_address_is_the_same_after_a_restart(cluster: Cluster, options: list[str], ready: object) -> None:
    how = {} if ready == "connect" else {"ready": ready}
    process = cluster.start("a", toy(*options), **how)  # type: ignore[arg-type]
    first, pid = process.address, process.pid
    assert first != "127.0.0.1:0"
    assert ask(first, "pid") == str(pid)
    process.restart()
    assert process.address == first
    assert ask(first, "pid") == str(process.pid) != str(pid)


def test_unix_socket(cluster: Cluster) -> None:
    process = cluster.start("a", toy("--silent"), address="unix:")
    assert ask(process.address, "echo x") == "x"
    with socket_directory() as directory:
        at = f"unix:{directory / 's'}"
        assert cluster.start("b", TOY, address=at, ready=READY).address == at
        assert ask(at, "echo y") == "y"


def test_port_is_kept_while_the_process_is_dead(cluster: Cluster) -> None:
    process = cluster.start("a", TOY, ready=READY)
    host, _, port = process.address.rpartition(":")
    process.kill()
    with pytest.raises(ConnectionRefusedError):
        ask(process.address, "pid")
    with socket.socket() as stranger, pytest.raises(OSError):
        stranger.bind((host, int(port)))
    process.start()
    assert ask(process.address, "pid") == str(process.pid)


def test_process_that_never_gets_ready_is_killed_and_its_log_told(broken: Cluster, tmp_path: Path) -> None:
    """At its second start, so that the log has a line however slow this machine is."""
    script = f"[ -e {tmp_path}/x ] || {{ touch {tmp_path}/x; echo begins >&2; echo listening 127.0.0.1:1; }}; exec sleep 600"
    process = broken.start("a", ["sh", "-c", script], ready=READY)
    process.settings = dataclasses.replace(process.settings, ready_seconds=0.3)
    begun = time.monotonic()
    with pytest.raises(NotReady) as failure:
        process.restart()
    assert time.monotonic() - begun >= 0.3
    assert "a (pid " in str(failure.value)
    assert "was not ready after 0.3 s" in str(failure.value)
    assert f"awaited: {READY!r}" in str(failure.value)
    assert "\n    begins" in str(failure.value)
    assert process.status == -signal.SIGKILL
    assert broken.close() == [], "the failure of the start said it"


@pytest.mark.parametrize("how, status", [("exit 3", 3), ("exit 0", 0), ("abort", -signal.SIGABRT)])
def test_process_that_dies_at_start_is_told_at_once(broken: Cluster, how: str, status: int) -> None:
    with pytest.raises(NotReady, match=f"ended with status {status} before it was ready(.|\n)*toy: this is why"):
        broken.start("a", toy("--dies", how))


def test_megabytes_of_output_are_read_once(cluster: Cluster) -> None:
    process = cluster.start("a", toy("--noise", str(10 * MEGABYTE)), ready=READY)
    assert process.log_path.stat().st_size > 9 * MEGABYTE
    assert ask(process.address, "echo x") == "x"
    assert len(process.describe()) < 10_000


def test_line_printed_between_two_looks_is_not_missed(tmp_path: Path) -> None:
    """A look that misses the line, or sees a part of it, leaves it to the next one, and its address with it."""
    path = tmp_path / "out"
    path.touch()
    announcement = Announcement(READY, [LineReader(path, 0)])
    with path.open("a") as out:
        for part in ("noise\nlisten", "ing 127.0.0.1:80", "80\r\nlistening"):
            assert not announcement.has_come()
            assert announcement.group is None
            out.write(part)
            out.flush()
        assert announcement.has_come()
        out.write(" too late\n")
        out.flush()
        assert announcement.has_come()
    assert announcement.group == "127.0.0.1:8080"


@pytest.mark.parametrize(
    "printed",
    [
        "listening nowhere",
        "listening 1.2.3.4:99999",
        "listening :1",
        "listening 0",
        "listening 1.2.3.4:0",
        "listening " + "9" * 500,
    ],
)
def test_hostile_address_is_refused(broken: Cluster, printed: str) -> None:
    with pytest.raises(NotReady, match="printed no address"):
        broken.start("a", toy("--prints", printed), ready=READY)
    assert not broken["a"].is_running


def test_mistake_in_a_readiness_function_is_the_tests_own(broken: Cluster) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        broken.start("a", TOY, ready=lambda process: int("x") > 0)
    assert broken["a"].is_running
    assert broken.close() == []


def test_what_cannot_be_started_is_told(broken: Cluster) -> None:
    with pytest.raises(FileNotFoundError, match="no such program.*no-such-program"):
        broken.start("a", ["no-such-program"])
    with pytest.raises(ValueError, match="list of words"):
        broken.start("b", "sleep 1")
    with pytest.raises(ValueError, match="is no name of a process"):
        broken.start("../c", TOY)
    with pytest.raises(ValueError, match="there is a service 'd' already"):
        broken.start("d", TOY)
        broken.start("d", TOY)
    with pytest.raises(ValueError, match="no command for e: .*--razor-node"):
        broken.start("e")
    with pytest.raises(ValueError, match="no address: 'localhost'"):
        broken.start("f", TOY, address="localhost")
    with pytest.raises(ValueError, match="path of a Unix socket has 1 to 107 bytes"):
        broken.start("g", TOY, address="unix:/" + "x" * 107)
    with pytest.raises(ValueError, match="descriptors_max is 0"):
        broken.start("h", TOY, limits=Limits(descriptors_max=0))
    with pytest.raises(KeyError, match="no service 'i' in the cluster; there are: a, d"):
        broken["i"]
    with pytest.raises(ProcessFailure, match="already runs"):
        broken["d"].start()
    with pytest.raises(ProcessFailure, match="was never started"):
        broken["a"].pause()


def test_command_environment_and_directory(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_INHERITED", "inherited")
    monkeypatch.setenv("TOY_REMOVED", "there")
    (tmp_path / "place").mkdir()
    env = {"TOY_SET": "set", "TOY_REMOVED": None}
    process = cluster.start("a", TOY, env=env, cwd=tmp_path / "place")
    assert [ask(process.address, f"env TOY_{name}") for name in ("SET", "REMOVED", "INHERITED")] == [
        "set",
        "unset",
        "inherited",
    ]
    assert ask(process.address, "cwd") == str(tmp_path / "place")
    said = cluster.run("b", ["sh", "-c", 'echo "$0"; ls -d {directory}', '{"json": "{name}"}'])
    assert said.out == f'{{"json": "b"}}\n{tmp_path / "b"}\n'
    assert said.status == 0


# Faults.


def test_pause_stops_answers_not_connects(cluster: Cluster) -> None:
    process = cluster.start("a", TOY)
    process.pause()
    assert process.is_paused
    with pytest.raises(TimeoutError):
        ask(process.address, "echo x", seconds=0.2)
    process.resume()
    assert ask(process.address, "echo x") == "x"
    assert not process.is_paused


def test_kill_reaches_children(cluster: Cluster) -> None:
    process = cluster.start("a", TOY)
    child = int(ask(process.address, "child"))
    assert exists(child)
    process.kill()
    assert process.status == -signal.SIGKILL
    wait_until("the child to end", lambda: not exists(child))


def test_children_of_a_process_that_ended_itself_are_killed(cluster: Cluster) -> None:
    process = cluster.start("a", TOY, keeps_running=False)
    child = int(ask(process.address, "child"))
    with pytest.raises(ConnectionError):
        ask(process.address, "exit 5")
    assert process.wait().status == 5
    wait_until("the child to end", lambda: not exists(child))


def test_daemon_that_left_the_group_is_killed_at_the_end(cluster: Cluster) -> None:
    process = cluster.start("a", TOY)
    daemon = int(ask(process.address, "daemon"))
    process.restart()
    assert exists(daemon)
    assert cluster.close() == []
    wait_until("the daemon to end", lambda: not exists(daemon))


def test_terminate_and_a_process_that_ignores_it(broken: Cluster) -> None:
    polite = broken.start("polite", toy("--status", "7"))
    polite.pause()
    assert polite.terminate() == 7
    stubborn = broken.start("stubborn", toy("--ignores-sigterm"))
    with pytest.raises(StillRunning, match="stubborn .* still runs after 0.2 s"):
        stubborn.terminate(0.2)
    assert stubborn.is_running
    (complaint,) = broken.close(0.2)
    assert re.fullmatch(r"stubborn \(.*\) still runs after 0\.\d s and SIGTERM", complaint)
    assert stubborn.status == -signal.SIGKILL


def test_limits(cluster: Cluster) -> None:
    few = cluster.start("few", TOY, limits=Limits(descriptors_max=20))
    assert "Too many open files" in ask(few.address, "open 30")
    assert ask(few.address, "open 5") == "done"
    assert 5 <= few.usage().descriptors <= 20
    small = cluster.start("small", TOY, limits=Limits(memory_bytes_max=200 * MEGABYTE))
    assert ask(small.address, f"eat {100 * MEGABYTE}") == "done"
    assert 100 * MEGABYTE < small.usage().resident_bytes < 200 * MEGABYTE
    assert ask(small.address, f"eat {150 * MEGABYTE}") == "no memory"


def test_process_outlives_the_thread_that_started_it(cluster: Cluster) -> None:
    thread = threading.Thread(target=cluster.start, args=("a", TOY))
    thread.start()
    thread.join()
    wait_until("the thread to be gone", lambda: not Path(f"/proc/self/task/{thread.native_id}").exists())
    assert ask(cluster["a"].address, "echo x") == "x"
    assert cluster["a"].is_running


def test_threads_start_kill_and_restart_at_the_same_time(cluster: Cluster) -> None:
    with ThreadPoolExecutor(4) as threads:
        processes = list(threads.map(lambda name: cluster.start(name, TOY, ready=READY), "abcd"))
        assert len({process.address for process in processes}) == 4
        list(threads.map(ServiceProcess.restart, processes))
    assert [ask(process.address, "pid") for process in processes] == [str(process.pid) for process in processes]


def test_start_can_be_killed_by_another_thread(cluster: Cluster) -> None:
    with ThreadPoolExecutor(1) as threads:
        started = threads.submit(lambda: cluster.start("a", toy("--deaf")))
        wait_until("it to run", lambda: "a" in cluster.names and cluster["a"].is_running)
        cluster["a"].kill()
        with pytest.raises(NotReady, match="ended with status -9 before it was ready"):
            started.result()


# What is told at the end.


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("abort", r"a \(pid \d+, log .*\) crashed: SIGABRT"),
        ("exit 0", r"a \(.*\) ended by itself with status 0"),
        ("exit 4", r"a \(.*\) ended by itself with status 4"),
        ("log x.cc:1: runtime error: overflow", r"a \(.*\) logged: x.cc:1: runtime error: overflow"),
        ("log ==1==ERROR: AddressSanitizer: heap-use-after-free", r"a \(.*\) logged: ==1==ERROR: AddressSanitizer: .*"),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_what_is_wrong_with_a_process_is_told(broken: Cluster, line: str, complaint: str, restarted: bool) -> None:
    process = broken.start("a", TOY)
    try:
        assert ask(process.address, line) == "done"
    except ConnectionError:
        wait_until("it to end", lambda: not process.is_running)
    if restarted:
        process.restart()
    (told,) = broken.close()
    assert re.fullmatch(complaint, told), told
    assert broken.close() == [], "it is told once"


def test_what_a_test_does_is_not_complained_about(cluster: Cluster) -> None:
    killed, aborted, waited, paused = (cluster.start(name, TOY) for name in ("killed", "aborted", "waited", "paused"))
    killed.kill()
    aborted.signal(signal.SIGABRT)
    assert aborted.wait().status == -signal.SIGABRT
    with pytest.raises(ConnectionError):
        ask(waited.address, "exit 9")
    assert waited.wait().status == 9
    paused.pause()
    tolerated = cluster.start("tolerated", TOY, ignored_alarms=["known .* error"])
    assert ask(tolerated.address, "log known runtime error: x") == "done"


def test_status_after_sigterm_is_judged(broken: Cluster) -> None:
    broken.start("a", toy("--status", "1"))
    (told,) = broken.close()
    assert re.fullmatch(r"a \(.*\) ended with status 1 after SIGTERM", told)


def test_program_that_ends_is_no_complaint(cluster: Cluster) -> None:
    finished = cluster.run("a", ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (finished.status, finished.out, finished.err) == (3, "out\n", "err\n")
    with pytest.raises(StillRunning):
        cluster.run("b", ["sleep", "60"], seconds=0.1)


def test_closed_cluster_starts_nothing(cluster: Cluster) -> None:
    process = cluster.start("a", TOY)
    cluster.close()
    with pytest.raises(ProcessFailure, match="its test is over"):
        process.restart()
    with pytest.raises(ProcessFailure, match="the cluster is closed"):
        cluster.start("b", TOY)


def test_timeline_has_what_happened_in_order(cluster: Cluster) -> None:
    process = cluster.start("a", TOY)
    process.pause()
    process.resume()
    process.kill()
    cluster.note("test", "something of its own")
    process.start()
    what = [re.sub(r"\d+(\.\d+)?", "N", f"{event.name}: {event.what}") for event in cluster.events]
    again = ["a: restart, pid N", "a: ready after N s"]
    begun = ["a: start, pid N", "a: ready after N s", "a: pause", "a: resume", "a: kill", "a: ended with status -N"]
    assert what == [*begun, "test: something of its own", *again]
    seconds = [event.seconds for event in cluster.events]
    assert seconds == sorted(seconds)
    assert all(re.match(r" +\d+\.\d{3} s  (a|test): ", line) for line in cluster.timeline())


# Clusters.


def test_many_are_killed_and_restarted_together(cluster: Cluster) -> None:
    nodes = cluster.start_many(3, TOY, ready=READY)
    addresses = cluster.addresses
    assert [process.name for process in nodes] == ["node1", "node2", "node3"] == cluster.names
    assert [process.address for process in nodes] == addresses == list(dict.fromkeys(addresses))
    assert cluster.run("client", ["true"]).status == 0
    cluster.kill_all()
    assert not any(process.is_running for process in cluster)
    assert [event.what for event in cluster.events if event.name == "node3"][-2:] == ["kill", "ended with status -9"]
    cluster.restart_all()
    assert not cluster["client"].is_running, "it ends by itself"
    assert cluster.addresses == addresses
    assert [ask(at, "echo x") for at in addresses] == ["x"] * 3


def test_service_of_somebody_else_has_an_address_only(cluster: Cluster) -> None:
    cluster.external("database", "10.0.0.7:5432")
    assert cluster.address("database") == "10.0.0.7:5432"
    assert cluster.addresses == ["10.0.0.7:5432"]
    with pytest.raises(ProcessFailure, match="database at 10.0.0.7:5432 is run by somebody else"):
        cluster["database"].kill()


def test_razor_node_is_one_service_of_many(cluster: Cluster) -> None:
    command = [str(node.binary()), "serve", "--listen", "{address}"]
    servers = cluster.start_many(3, command, name="razor", ready=READY)
    caller = [str(node.binary()), "call", servers[0].address, wire.method("add"), "[2, 3]"]
    assert cluster.run("first", caller).status == 0
    servers[0].kill()
    assert cluster.run("second", caller).status != 0
    servers[0].start()
    assert cluster.run("third", caller).status == 0
    assert [server.terminate() for server in servers] == [0, 0, 0]


def test_nothing_of_the_environment_is_left(cluster: Cluster) -> None:
    """What finds descendants again is in their environment alone."""
    before = dict(os.environ)
    cluster.start("a", TOY)
    assert dict(os.environ) == before
