"""Networks of namespaces: partitions and links that are down, between real processes. Skipped where they cannot be made.

Fails when a cut lets something through, cuts others as well, or is not taken back.
"""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_runs import clean_environment, run
from toy_service import READY, toy

from razor_testing.cluster import Cluster
from razor_testing.namespaces import Network, NoNetwork
from razor_testing.process import ServiceProcess

__all__ = ["clean_environment"]

# How long it is tried to reach a host that is cut.
CUT_SECONDS = 0.2
SECONDS = 10.0
NAMES = ("a", "b", "c")


class Hosts:
    """A toy service in each of three hosts."""

    def __init__(self, network: Network, cluster: Cluster):
        self.network = network
        self.services: dict[str, ServiceProcess] = {}
        for name in NAMES:
            host = network.add(name)
            self.services[name] = cluster.start(name, host.command(toy()), address=f"{host.address}:7000", ready=READY)

    def ask(self, sender: str, receiver: str, seconds: float = SECONDS) -> str:
        with self.network[sender].connect(f"{self.network[receiver].address}:7000", seconds) as connection:
            connection.sendall(b"pid\n")
            return connection.makefile().readline().strip()

    def check(self, reached: set[str]) -> None:
        """That the first host of these pairs reaches the second, and that of no other pair it does."""
        for sender in NAMES:
            for receiver in NAMES:
                if sender + receiver in reached:
                    assert self.ask(sender, receiver) == str(self.services[receiver].pid)
                else:
                    with pytest.raises(OSError):  # no answer, or no route
                        self.ask(sender, receiver, CUT_SECONDS)


ALL = {sender + receiver for sender in NAMES for receiver in NAMES}


@pytest.fixture(scope="module", params=["nftables", "ip rule"])
def hosts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    directory = tmp_path_factory.mktemp("network")
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "ip rule":
            which = shutil.which
            patched.setattr("shutil.which", lambda tool, **of: None if tool == "nft" else which(tool, **of))
        try:
            network = Network(directory)
        except NoNetwork as reason:
            pytest.skip(str(reason))
    if network.cut_by != request.param:
        network.close()
        pytest.skip("nftables is not installed, or not in this kernel")
    cluster = Cluster(directory)
    with network:
        try:
            yield Hosts(network, cluster)
        finally:
            assert cluster.close() == []


@pytest.fixture(autouse=True)
def healed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "hosts" in request.fixturenames:
        request.getfixturevalue("hosts").network.heal()


def test_hosts_reach_each_other_and_not_this_machine(hosts: Hosts) -> None:
    hosts.check(ALL)
    address = hosts.network["a"].address
    assert address == "10.77.1.2"
    # In each host, the machine itself is another one.
    with pytest.raises(ConnectionRefusedError):
        hosts.network["a"].connect("127.0.0.1:7000", SECONDS)


def test_cut_is_between_two_hosts_until_it_is_healed(hosts: Hosts) -> None:
    hosts.network.cut("a", "b")
    hosts.check(ALL - {"ab", "ba"})
    hosts.network.cut("b", "a")
    hosts.network.heal()
    hosts.check(ALL)


def test_partition_cuts_groups_from_each_other(hosts: Hosts) -> None:
    before = hosts.network.dropped()
    hosts.network.partition(["a"], ["b", "c"])
    hosts.network.partition(["a", "b"], ["c"])
    hosts.network.heal()
    hosts.network.heal()
    hosts.network.partition(["a"], ["b", "c"])
    hosts.check({"aa", "bb", "cc", "bc", "cb"})
    dropped = hosts.network.dropped()
    if hosts.network.cut_by == "nftables":
        assert before is not None and dropped is not None and dropped >= before + 4, "a connect each"
    else:
        assert dropped is None


def test_cut_stops_connections_that_are_open(hosts: Hosts) -> None:
    with hosts.network["a"].connect(f"{hosts.network['b'].address}:7000", SECONDS) as connection:
        lines = connection.makefile()
        connection.sendall(b"echo before\n")
        assert lines.readline() == "before\n"
        hosts.network.cut("a", "b")
        connection.sendall(b"echo during\n")
        connection.settimeout(CUT_SECONDS)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        hosts.network.heal()
        connection.settimeout(SECONDS)
        assert connection.recv(100) == b"during\n", "TCP sends it again"


def test_one_way_cut_lets_the_other_way_through(hosts: Hosts) -> None:
    """Seen by datagrams, since a connection needs both ways."""
    a, b = hosts.network["a"], hosts.network["b"]
    sockets = {host.name: host.do(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for host in (a, b)}
    with sockets["a"], sockets["b"]:
        for host in (a, b):
            sockets[host.name].bind((host.address, 7001))
            sockets[host.name].settimeout(SECONDS)
        hosts.network.cut_one_way("a", "b")
        sockets["b"].sendto(b"b to a", (a.address, 7001))
        assert sockets["a"].recv(100) == b"b to a"
        sockets["a"].sendto(b"a to b", (b.address, 7001))
        sockets["b"].settimeout(CUT_SECONDS)
        with pytest.raises(TimeoutError):
            sockets["b"].recv(100)


def test_host_whose_link_is_down_reaches_itself_alone(hosts: Hosts) -> None:
    hosts.network.link_down("c")
    try:
        hosts.check({"aa", "bb", "cc", "ab", "ba"})
    finally:
        hosts.network.link_up("c")
    hosts.check(ALL)


def test_restart_keeps_the_address(hosts: Hosts) -> None:
    hosts.services["a"].restart()
    assert hosts.ask("b", "a") == str(hosts.services["a"].pid)


def test_what_is_wrong_is_told(hosts: Hosts) -> None:
    with pytest.raises(ValueError, match="there is a host 'a' already"):
        hosts.network.add("a")
    with pytest.raises(KeyError, match="no host 'x'; there are: a, b, c"):
        hosts.network.cut("a", "x")


def test_two_networks_do_not_meet(hosts: Hosts, tmp_path: Path) -> None:
    with Network(tmp_path) as other:
        other.add("a")
        other.add("b")
        with pytest.raises(ConnectionRefusedError):
            other["a"].connect(f"{other['b'].address}:7000", SECONDS)
        assert [line.split("s  ")[1] for line in other.timeline()] == ["host a at 10.77.1.2", "host b at 10.77.2.2"]


def test_who_is_not_root_gets_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NoNetwork, match="need root"):
        Network(tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == "ip" else tool)
    with pytest.raises(NoNetwork, match="need ip "):
        Network(tmp_path)


def test_fixture_makes_one_or_skips(pytester: pytest.Pytester, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(
        """
        def test_it(razor_network):
            razor_network.add("a")
            razor_network.link_down("a")
            assert not "this fails"
        """
    )
    failed = run(pytester)
    failed.assert_outcomes(failed=1)
    failed.stdout.re_match_lines(
        [r".*- razor network -.*", r" +\d\.\d{3} s  host a at 10\.77\.1\.2", r".* s  link of a down"]
    )
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    skipped = run(pytester, "-rs")
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(["SKIPPED*network namespaces need root"])
