"""ci/chaos: a round of some of its scenarios (of all with --long), and that a broken rule does not go unseen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster_chaos import session
from cluster_chaos.scenarios import SCENARIOS, Scenario
from cluster_chaos.trial import Trial
from razor_testing import node

# One of each kind: a process, a link, a resource.
SAMPLED = ("killed_once", "rolling_restart", "addresses_change", "closed_at_random", "reset", "no_descriptors_at_the_server")
CHAOS = node.ROOT / "ci" / "chaos"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SAMPLED else pytest.mark.long) for name in SCENARIOS]
)
def test_no_call_is_lost_or_runs_twice(name: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("RAZOR_SEED") or 1)
    row = session.run_scenario(SCENARIOS[name], node.binary(), tmp_path / name, seed, 0.0, lambda *_: None)
    assert row.is_well, "\n".join([row.error, *row.result.broken, *row.result.timeline])
    assert row.rounds == 1
    assert row.result.calls > 100


def test_calls_that_fail_though_they_may_not_are_told(tmp_path: Path) -> None:
    """All servers are killed, and none comes back: what is under way fails."""

    def kill_all(trial: Trial) -> None:
        for server in trial.servers:
            server.kill()
        trial.passes(0.5)
        for server in trial.servers:
            server.restart()

    fragile = Scenario("fragile", "every server is killed", kill_all, {"idempotent": False, "load": {"timeout": 0.3}})
    row = session.run_scenario(fragile, node.binary(), tmp_path / "fragile", 1, 0.0, lambda *_: None)
    assert not row.is_well
    assert any("calls failed: " in broken for broken in row.result.broken), row.result.broken
    told = session.troubles([row], 1.0, tmp_path)
    assert "again: ci/chaos fragile --seed 1" in told
    assert (tmp_path / "fragile").is_dir(), "its logs are kept"


def run_chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(CHAOS), *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_its_scenarios_are_listed() -> None:
    listed = run_chaos("--list")
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(SCENARIOS)


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["nothing"], "no scenario is called 'nothing'"),
        (["--minutes", "0"], "must be a number above 0"),
        (["--minutes", "nan"], "must be a number above 0"),
        (["--seed", "-1"], "must be a whole number"),
        (["--seed", str(2**64)], "must be a whole number"),
        (["--what"], "unrecognized arguments: --what"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], says: str) -> None:
    refused = run_chaos(*arguments)
    assert refused.returncode == os.EX_USAGE
    assert refused.stdout == ""
    assert says in refused.stderr.splitlines()[-1]
