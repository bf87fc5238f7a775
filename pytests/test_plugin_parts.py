"""The fixtures that hand out other parts of the package: proxies, clients, histories, plans, chaos.

The parts are stood in for here. Fails when one is not closed, has no seed, or is not told of when its test fails.
"""

from pathlib import Path

import pytest
from plugin_runs import clean_environment, run

__all__ = ["clean_environment"]

STAND_INS = """
    import contextlib, sys, types
    from pathlib import Path

    told = Path("told")
    told.touch()

    def tell(what):
        told.write_text(told.read_text() + what + chr(10))

    class Closing:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            tell(f"closed {type(self).__name__}")

    class FaultProxy(Closing):
        def __init__(self, to, *, seed):
            self.to, self.seed, self.address = to, seed, f"proxy-of-{to}"
            tell(f"seed {seed}")

        def timeline(self):
            return [f"1.000 s  cut {self.to}"]

    class Client(Closing):
        def __init__(self, address, **options):
            self.address, self.options = address, options

    class AsyncClient(Client):
        pass

    class History(Closing):
        def __init__(self, path):
            assert path.parent.is_dir()
            self.path = path

        def describe(self):
            return "3 calls, 1 failed"

    class Plan:
        @staticmethod
        def load(path):
            return "plan: " + Path(path).read_text()

    def razor_chaos(seed):
        return f"chaos {seed}"

    for name in ("proxy", "client", "history", "plan", "chaos"):
        parts = (FaultProxy, Client, AsyncClient, History, Plan, razor_chaos)
        sys.modules[f"razor_testing.{name}"] = types.SimpleNamespace(**{part.__name__: part for part in parts})
"""


@pytest.fixture(autouse=True)
def stand_ins(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(STAND_INS)


def told(pytester: pytest.Pytester) -> list[str]:
    return (pytester.path / "told").read_text().splitlines()


def test_proxies_have_seeds_and_are_closed_and_told_of(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(razor_proxy, razor_cluster):
            assert razor_proxy("a:1").address == "proxy-of-a:1"
            assert razor_proxy("a:1", seed=77).seed == 77
            cluster = razor_cluster()
            process = cluster.start("b", proxied=True)
            assert cluster.proxy("b").to == process.address
            assert cluster.address("b") == f"proxy-of-{process.address}"
            cluster.external("c", "1.2.3.4:5", proxied=True)
            assert cluster.addresses == [f"proxy-of-{process.address}", "proxy-of-1.2.3.4:5"]
            assert list(cluster.proxies) == ["b", "c"]
            cluster.start("d")
            try:
                cluster.proxy("d")
            except KeyError as error:
                assert "no proxy before 'd'" in str(error)
                assert not "this fails"
        """
    )
    seeds = []
    for _ in range(2):
        failed = run(pytester, "--razor-seed", "5")
        failed.assert_outcomes(failed=1)
        failed.stdout.fnmatch_lines(["*this fails*", "*- razor proxy before b -*", "1.000 s  cut 127.0.0.1:*"])
        failed.stdout.fnmatch_lines(["*- razor proxy before c -*", "1.000 s  cut 1.2.3.4:5"])
        failed.stdout.fnmatch_lines(["*- razor proxy at proxy-of-a:1 -*", "1.000 s  cut a:1", "*again: *"])
        seeds.append([line for line in told(pytester) if line.startswith("seed")])
        assert told(pytester).count("closed FaultProxy") == 4
        (pytester.path / "told").unlink()
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 4, "each proxy has its own"


def test_clients_are_closed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(razor_client):
            assert razor_client("a:1", timeout=2).options == {"timeout": 2}
            assert razor_client("b:1").address == "b:1"
            client = razor_client.asynchronous("c:1")
            assert (type(client).__name__, client.address) == ("AsyncClient", "c:1")
        """
    )
    run(pytester).assert_outcomes(passed=1)
    assert told(pytester) == ["closed Client"] * 2


def test_history_is_told_of_and_closed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(razor_history):\n    assert razor_history.path.name != 'history.jsonl'")
    failed = run(pytester)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*- razor history -*", "3 calls, 1 failed"])
    assert told(pytester) == ["closed History"]


@pytest.mark.parametrize("how", ["option", "ini", "none"])
def test_plan_is_loaded(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The option's file is where pytest was started, that of the ini file where the root directory is."""
    below = pytester.mkdir("below")
    Path(below, "option.plan").write_text("option")
    pytester.path.joinpath("ini.plan").write_text("ini")
    pytester.makeini(f"[pytest]\n{'' if how == 'none' else 'razor_plan = ini.plan'}")
    expected = None if how == "none" else f"plan: {how}"
    pytester.makepyfile(f"def test_it(razor_plan):\n    assert razor_plan == {expected!r}")
    monkeypatch.chdir(below)
    run(pytester, "..", *(["--razor-plan", "option.plan"] if how == "option" else [])).assert_outcomes(passed=1)


def test_chaos_is_handed_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(razor_chaos, razor_seed):\n    assert razor_chaos(razor_seed.number) == 'chaos 9'")
    run(pytester, "--razor-seed", "9").assert_outcomes(passed=1)
