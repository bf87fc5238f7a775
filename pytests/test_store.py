"""A user's own service under faults: the replicated store of tests/examples/store, three processes of it.

Without a bug it passes; each bug that can be planted is found by the judge that is there for it, by the plan by which the
simulator finds it, too (tests/examples/store/failover.plan).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import store
from razor_testing.client import ApplicationError, Client
from razor_testing.cluster import Cluster
from razor_testing.history import History
from razor_testing.plan import Plan
from razor_testing.play import play
from razor_testing.plugin import MakeCluster, MakeProxy
from razor_testing.report import Seed
from razor_testing.waiting import wait_until
from store import BINARY, NAMES, READY, Clients, StoreClient, ask, command

PLAN = Path(__file__).parent.parent / "tests/examples/store/failover.plan"
CLIENTS = ("c0", "c1", "c2")
ROUNDS_MAX = 5

pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY} is not built: ci/build example_store")


# [quote:store]
def test_the_store_keeps_what_it_promises(
    razor_cluster: MakeCluster, razor_history: History, razor_chaos: Callable[..., Any], razor_seed: Seed
) -> None:
    cluster = razor_cluster()
    for name in NAMES:
        words = command("--history", str(razor_history.file_for(name)))
        cluster.start(name, words, ready=READY, proxied=True)
    for name in NAMES:
        ask(cluster[name].address, "join", [cluster.address(other) for other in NAMES if other != name])
    addresses = {name: cluster.address(name) for name in NAMES}
    clients = Clients([StoreClient(razor_history, client, addresses) for client in CLIENTS], razor_seed.number)
    kinds = ("kill", "pause", "cut", "slow_link", "reset")
    with clients, razor_chaos(
        razor_seed.number, processes=cluster, proxies=cluster.proxies, kinds=kinds, every=1.0
    ) as chaos:
        wait_until("some faults to be over", lambda: len(chaos.result.played) >= 4)
    for name in NAMES:
        ask(cluster[name].address, "record_stored")
    assert not store.findings(razor_history)
    # [/quote]


# With each what the judges say of it.
BUGS = {
    "none": "",
    "acknowledge_early": "acknowledged means stored",
    "stale_read": "not linearizable",
    "run_twice": "at most once",
}


def found_by_the_plan(bug: str, cluster: Cluster, make_proxy: MakeProxy, history: History) -> str:
    """What the judges say of the calls of some clients while it is played."""
    for name in NAMES:
        cluster.start(name, command("--history", str(history.file_for(name)), "--bug", bug), ready=READY)
    # One for each who talks to another.
    links = {
        (one, other): make_proxy(cluster[other].address) for one in (*NAMES, *CLIENTS) for other in NAMES if one != other
    }
    for name in NAMES:
        ask(cluster[name].address, "join", [links[name, other].address for other in NAMES if other != name])
    # The simulated one begins so, too: the plan knows whom it hits.
    wait_until("s1 to be the primary", lambda: bool(ask(cluster["s1"].address, "promote", next_epoch(cluster))))
    clients = [StoreClient(history, client, {name: links[client, name].address for name in NAMES}) for client in CLIENTS]
    with Clients(clients, seed=1), play(Plan.load(PLAN), processes=cluster, proxies=links) as player:
        result = player.wait(60)
    assert not result.skipped and not result.failed, result
    for name in NAMES:
        ask(cluster[name].address, "record_stored")
    return "\n".join(store.findings(history))


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, razor_cluster: MakeCluster, razor_proxy: MakeProxy, tmp_path: Path) -> None:
    # A busy machine can make another one the primary before the plan hits s1.
    for number in range(1 if bug == "none" else ROUNDS_MAX):
        cluster = razor_cluster()
        with History(tmp_path / f"round{number}.jsonl") as history:
            found = found_by_the_plan(bug, cluster, razor_proxy, history)
        cluster.kill_all()
        if BUGS[bug] in found:
            break
    assert (BUGS[bug] in found) if bug != "none" else not found, found


def test_what_was_acknowledged_survives_the_kill_of_all(
    razor_cluster: MakeCluster, razor_client: Callable[[str], Client], razor_history: History
) -> None:
    cluster = razor_cluster()
    for name in NAMES:
        cluster.start(name, command("--takeover", "0", "--history", str(razor_history.file_for(name))), ready=READY)
    for name in NAMES:
        ask(cluster[name].address, "join", [cluster.address(other) for other in NAMES if other != name])
    assert ask(cluster["s1"].address, "promote", 1)
    recorder = razor_history.recorder("test")
    # As ids go, a hard one: the service's recorder writes it, too.
    call_id = recorder.invoke("write", [7], key="x", call_id='\u00e9"\\\n\U0001f600')
    recorder.ok(call_id, razor_client(cluster["s1"].address).call("Store.write", call_id, "x", 7))
    cluster.kill_all()
    cluster.restart_all()
    # Its old epoch is no longer its own, and an old one is not given again.
    with pytest.raises(ApplicationError):
        razor_client(cluster["s1"].address).call("Store.read", "before", "x")
    assert not ask(cluster["s2"].address, "promote", 1)
    wait_until("s2 to be the primary", lambda: bool(ask(cluster["s2"].address, "promote", next_epoch(cluster))))
    assert razor_client(cluster["s2"].address).call("Store.read", "after", "x") == 7
    holders = sum(ask(cluster[name].address, "record_stored") for name in NAMES)
    recorded = razor_history.read()
    assert [line.process for line in recorded.applied if line.id == call_id] == ["s1"]
    assert holders >= 2 and {line.id for line in recorded.stored} == {call_id}


def next_epoch(cluster: Cluster) -> int:
    return 1 + max(int(ask(cluster[name].address, "status")["promised"]) for name in NAMES)
