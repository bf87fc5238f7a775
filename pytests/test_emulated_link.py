"""Emulated links between namespaces: real packets are delayed, lost, reordered and doubled. Skipped where there is no TUN.

Fails when packets meet another fate than was asked, when TCP loses bytes over a bad link, or something is left behind.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plugin_runs import clean_environment, run, running
from process_table import exists

from razor_testing import ledger, node
from razor_testing.cluster import Cluster
from razor_testing.emulated_link import EmulatedLink, PacketFaultHandle
from razor_testing.history import History
from razor_testing.ledger import Rules
from razor_testing.namespaces import Network
from razor_testing.packet_fates import Way
from razor_testing.process import ProcessFailure
from razor_testing.waiting import wait_until

__all__ = ["clean_environment"]

PORT = 7000
SECONDS = 30.0
SEED = 7
# Packets that are sent at once: more than that, a busy kernel may drop before the link.
AT_ONCE = 50
UDP_AND_IP_BYTES = 28
# Python has no name for it. Root may have larger buffers than the system lets others have.
SO_RCVBUFFORCE = 33
# A time that no test has.
LONG = 600.0


class Ends:
    """Datagrams between two hosts, a and b."""

    def __init__(self, network: Network):
        self.network = network
        self.sockets: dict[str, socket.socket] = {}
        for name in "ab":
            host = network.add(name)
            self.sockets[name] = host.do(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            self.sockets[name].bind((host.address, PORT))
            self.sockets[name].setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
            self.sockets[name].settimeout(SECONDS)
        # Later packets need not wait for addresses of the links to be found out.
        self.send("a", b"known")
        assert self.receive("b") == b"known"
        self.send("b", b"known")
        assert self.receive("a") == b"known"

    def send(self, sender: str, data: bytes) -> None:
        self.sockets[sender].sendto(data, (self.network["b" if sender == "a" else "a"].address, PORT))

    def receive(self, receiver: str) -> bytes:
        return self.sockets[receiver].recv(100)

    def send_numbers(self, link: EmulatedLink, sender: str, count: int) -> None:
        """Numbered datagrams, which have all come to the link when this returns."""
        before = link.counts(sender).arrived
        for number in range(count):
            self.send(sender, b"%d" % number)
            if number % AT_ONCE == AT_ONCE - 1 or number == count - 1:
                come = before + number + 1
                wait_until("the datagrams to come to the link", lambda: link.counts(sender).arrived == come)

    def receive_numbers(self, link: EmulatedLink, receiver: str) -> list[int]:
        """All that are still to come."""
        sender = "b" if receiver == "a" else "a"
        wait_until("no datagram to be under way", lambda: link.counts(sender).under_way == 0)
        # Behind all of the others: it does not go through the emulator.
        link.close()
        self.send(sender, b"end")
        return [int(data) for data in iter(lambda: self.receive(receiver), b"end")]

    def is_silent(self, receiver: str) -> bool:
        self.sockets[receiver].setblocking(False)
        try:
            self.receive(receiver)
        except BlockingIOError:
            return True
        finally:
            self.sockets[receiver].settimeout(SECONDS)
        return False

    def close(self) -> None:
        for one in self.sockets.values():
            one.close()


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    with Network(tmp_path_factory.mktemp("network"), on_missing=pytest.skip) as network:
        ends = Ends(network)
        yield ends
        ends.close()


@pytest.fixture
def link(ends: Ends) -> Iterator[EmulatedLink]:
    with ends.network.emulated_link("a", "b", seed=SEED) as link:
        yield link
    ends.network.heal()


# Packets.


def test_a_link_without_faults_carries_all_in_order(ends: Ends, link: EmulatedLink) -> None:
    ends.send_numbers(link, "a", 200)
    assert ends.receive_numbers(link, "b") == list(range(200))
    assert str(link.counts("a")) == "200 packets, 200 carried"
    assert link.counts("b").arrived == 0 and ends.network.missed() == 0


def test_the_seed_says_which_packets_are_lost(ends: Ends, link: EmulatedLink) -> None:
    lossy = link.loss(0.1, sender="b")
    ends.send_numbers(link, "b", 1000)
    model = Way()
    model.set(1, f"{SEED}/1/1", "loss", {"share": 0.1})
    assert ends.receive_numbers(link, "a") == [number for number in range(1000) if model.arrivals(0.0, 1)]
    counts = link.counts("b")
    assert counts.lost == lossy.acted == model.counts.lost
    assert 50 < counts.lost < 150 and counts.carried == 1000 - counts.lost


def test_delays_are_what_was_asked(ends: Ends, link: EmulatedLink) -> None:
    there, back = link.delay(0.02, 0.01, sender="a"), link.delay(0.05, sender="b")
    ends.send_numbers(link, "a", 300)
    ends.send_numbers(link, "b", 20)
    wait_until("all to arrive", lambda: link.counts("a").under_way == link.counts("b").under_way == 0)
    # Counted, not measured; those that came at once wait for the one before, so that the longest of them counts.
    assert 0.02 * 300 < link.counts("a").delay_seconds < 0.03 * 300
    assert link.counts("b").delay_seconds == pytest.approx(0.05 * 20)
    assert (there.acted, back.acted) == (300, 20)
    assert ends.receive_numbers(link, "b") == list(range(300)), "in order"
    assert [ends.receive("a") for _ in range(20)] == [b"%d" % number for number in range(20)]


def test_copies_arrive_beside_the_original_and_what_is_held_is_overtaken(ends: Ends, link: EmulatedLink) -> None:
    link.duplicate(0.1, sender="a")
    # Until it is cleared.
    held = link.reorder(0.1, LONG, sender="a")
    ends.send_numbers(link, "a", 500)
    wait_until("the others to arrive", lambda: link.counts("a").carried > 400 and link.counts("a").under_way < 100)
    held.clear()
    numbers = ends.receive_numbers(link, "b")
    counts = link.counts("a")
    assert sorted(set(numbers)) == list(range(500)) and len(numbers) == 500 + counts.duplicated
    assert 25 < counts.duplicated < 75 and 25 < held.acted < 75
    # Only the very last could be held without being overtaken; copies of what is held are late, too.
    assert held.acted - 1 <= counts.reordered <= held.acted + counts.duplicated
    assert numbers != sorted(numbers)


def test_a_rate_drops_what_its_queue_does_not_hold(ends: Ends, link: EmulatedLink) -> None:
    link.rate(1, queue_bytes=0, sender="a")
    ends.send_numbers(link, "a", 10)
    assert (link.counts("a").overflowed, link.counts("a").under_way) == (9, 1)
    link.clear_all()
    assert ends.receive_numbers(link, "b") == [0]
    assert link.counts("a").bytes_carried == UDP_AND_IP_BYTES + 1


def test_faults_are_set_and_cleared_while_packets_flow(ends: Ends, link: EmulatedLink) -> None:
    with link.loss(1, sender="a") as all_lost:
        assert link.faults() == ["#1 loss 1 from a"]
        ends.send_numbers(link, "a", 5)
        ends.send("b", b"the other way")
        assert ends.receive("a") == b"the other way"
    late = link.delay(LONG)
    ends.send_numbers(link, "a", 5)
    assert (link.counts("a").under_way, link.counts("a").lost) == (5, 5)
    late.clear()
    late.clear()
    assert ends.receive_numbers(link, "b") == list(range(5)), "what was under way arrived, in order"
    assert (all_lost.acted, late.acted) == (5, 5)
    told = [line.split(" s  ")[1] for line in ends.network.timeline()]
    assert told[-6:] == [
        "link a - b: emulated, seed 7",
        "link a - b: #1 loss 1 from a",
        "link a - b: #1 loss 1 from a cleared, acted on 5 packets",
        "link a - b: #2 delay 600s",
        "link a - b: #2 delay 600s cleared, acted on 5 packets",
        "link a - b: closed; a -> b: 10 packets, 5 carried, 5 lost; b -> a: 1 packets, 1 carried",
    ]


def test_a_cut_also_drops_what_is_under_way(ends: Ends, link: EmulatedLink) -> None:
    late = link.delay(LONG)
    ends.send_numbers(link, "a", 3)
    before = ends.network.dropped()
    ends.network.cut_one_way("a", "b")
    late.clear()
    wait_until("all to be given back", lambda: link.counts("a").under_way == 0)
    ends.send("b", b"the other way")
    assert ends.receive("a") == b"the other way"
    assert ends.is_silent("b")
    if before is not None:
        assert ends.network.dropped() == before + 3


# TCP and calls.


def test_tcp_arrives_whole_over_a_bad_link(ends: Ends, link: EmulatedLink) -> None:
    link.delay(0.001, jitter=0.0005)
    link.loss(0.02)
    link.reorder(0.05, 0.002)
    link.duplicate(0.05)
    sent = os.urandom(1 << 20)
    b = ends.network["b"]
    with b.do(lambda: socket.create_server((b.address, PORT))) as listener:
        client = ends.network["a"].connect(f"{b.address}:{PORT}", SECONDS)
        server, _ = listener.accept()
    with client, server:
        server.settimeout(SECONDS)

        def send() -> None:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = b"".join(iter(lambda: server.recv(65536), b""))
        sender.join()
    assert received == sent
    counts = link.counts("a")
    # A megabyte is 700 packets and more, of which the seed loses, holds and doubles some.
    assert counts.arrived > 700 and counts.lost > 5 and counts.duplicated > 10 and counts.reordered > 10, counts


def test_no_call_is_lost_over_a_bad_link(ends: Ends, link: EmulatedLink, tmp_path: Path) -> None:
    link.delay(0.0005, jitter=0.0002)
    link.loss(0.02)
    link.reorder(0.05, 0.002)
    a, b = ends.network["a"], ends.network["b"]
    razor_node = str(node.binary())
    cluster = Cluster(tmp_path)
    with History(tmp_path / "history.jsonl") as history:
        try:
            words = [razor_node, "serve", "--listen", "{address}", "--history", str(history.file_for("server"))]
            server = cluster.start("server", b.command(words), address=f"{b.address}:{PORT}", ready=r"^listening (\S+)$")
            words = [razor_node, "load", "--connect", server.address, "--pool", "--json", "--history"]
            words += [str(history.file_for("load")), "--calls", "3000", "--in-flight", "16", "--timeout", "15"]
            load = node.Finished(**vars(cluster.run("load", a.command(words))))
        finally:
            complaints = cluster.close()
        assert complaints == [] and load.status == 0, load
        report = load.report
        assert (report["ended"], report["errors"]) == (3000, {}), report
        findings = ledger.check(history, Rules(is_ran_recorded=True, is_all_complete=True))
        assert not findings, ledger.describe(findings)
        assert len(history.read().ran) == 3000
        assert [call.outcome for call in history.calls] == ["ok"] * 3000
    counts = [link.counts(name) for name in "ab"]
    assert all(each.arrived > 300 and each.lost > 2 for each in counts), counts


# Ends and errors.


def test_without_its_link_packets_go_straight_and_counts_stay(ends: Ends, link: EmulatedLink) -> None:
    lossy = link.loss(1)
    ends.send_numbers(link, "a", 3)
    link.close()
    link.close()
    ends.send("a", b"straight")
    assert ends.receive("b") == b"straight"
    assert link.counts("a").lost == lossy.acted == 3 and link.faults() == []
    with pytest.raises(ValueError, match="link a - b is closed"):
        link.loss(1)
    with ends.network.emulated_link("b", "a") as again:
        assert again.counts("a").arrived == 0


def test_what_is_wrong_is_told(ends: Ends, link: EmulatedLink) -> None:
    wrongs: list[Callable[[], PacketFaultHandle]] = [
        lambda: link.loss(1.01),
        lambda: link.loss(float("nan")),
        lambda: link.duplicate(-0.1),
        lambda: link.reorder(2),
        lambda: link.reorder(0.1, -1),
        lambda: link.delay(-1),
        lambda: link.delay(1e6),
        lambda: link.delay(1, float("inf")),
        lambda: link.rate(0),
        lambda: link.rate(1, queue_bytes=-1),
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"want \S+ \.\. \S+, not"):
            wrong()
    with pytest.raises(ValueError, match="want uniform, exponential or long_tail, not 'normal'"):
        link.delay(1, 1, shape="normal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has the ends a and b, not 'c'"):
        link.loss(1, sender="c")
    with pytest.raises(ValueError, match="between 'b' and 'a' is emulated already"):
        ends.network.emulated_link("b", "a")
    with pytest.raises(ValueError, match="between two hosts, not 'a' and itself"):
        ends.network.emulated_link("a", "a")
    with pytest.raises(KeyError, match="no host 'x'"):
        ends.network.emulated_link("a", "x")
    assert link.faults() == []


def test_an_emulator_that_dies_is_told_and_packets_go_straight(ends: Ends, tmp_path: Path) -> None:
    network = Network(tmp_path)
    other = Ends(network)
    link = network.emulated_link("a", "b")
    lossy = link.loss(1)
    other.send_numbers(link, "a", 1)
    (pid,) = (process.pid for process in network.processes if process.name == "network-emulator")
    os.kill(pid, signal.SIGKILL)
    wait_until("it to end", lambda: not exists(pid))
    with pytest.raises(ProcessFailure, match="no answer from network-emulator"):
        lossy.clear()
    other.send("a", b"straight")
    assert other.receive("b") == b"straight"
    other.close()
    assert network.close() == [
        f"network-emulator (pid {pid}, log {tmp_path}/network-emulator.log) ended by itself with status -9"
    ]


LEAVES = """
    import os, time
    from pathlib import Path

    def test_it(razor_network):
        razor_network.add("a")
        razor_network.add("b")
        with razor_network.emulated_link("a", "b") as link:
            link.loss(0.5)
            Path("pids.partial").write_text(" ".join(str(process.pid) for process in razor_network.processes))
            os.rename("pids.partial", "pids")
            time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda how: str(how.name))
def test_no_emulator_outlives_pytest(pytester: pytest.Pytester, ends: Ends, how: signal.Signals) -> None:
    pytester.makepyfile(LEAVES)
    pids = pytester.path / "pids"
    with running(pytester.path) as process:
        wait_until("the test to run", lambda: pids.exists() or process.poll() is not None)
        started = [int(pid) for pid in pids.read_text().split()]
        assert len(started) == 4 and all(map(exists, started))
        os.killpg(process.pid, how)
        process.wait(SECONDS)
    wait_until("all processes to end", lambda: not any(map(exists, started)))


def test_a_failure_tells_the_counts_and_no_tun_skips(
    pytester: pytest.Pytester, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(
        """
        def test_it(razor_network):
            razor_network.add("a")
            razor_network.add("b")
            link = razor_network.emulated_link("a", "b")
            link.delay(0.01, jitter=0.001, sender="b")
            assert not "this fails"
        """
    )
    failed = run(pytester, "--razor-seed", "5")
    failed.assert_outcomes(failed=1)
    failed.stdout.re_match_lines(
        [
            r".*- razor network -.*",
            r".* s  link a - b: emulated, seed \d+",
            r".* s  link a - b: #1 delay 0\.01s jitter=0\.001s from b",
            r".* s  a -> b: 0 packets, 0 carried",
        ]
    )
    monkeypatch.setattr("razor_testing.emulator_process.TUN", "/dev/net/none")
    skipped = run(pytester, "-rs")
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(["SKIPPED*emulated links need /dev/net/none: No such file or directory"])
