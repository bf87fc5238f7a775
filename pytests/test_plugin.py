"""The pytest plugin as its users meet it: options, markers, what a failure tells, and that nothing is left behind.

Fails when the report of a failed test lacks its logs or its seed, an option is not heeded, or a process outlives pytest.
"""

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from plugin_runs import TOY, clean_environment, command, run, running
from process_table import exists
from toy_service import toy

from razor_testing.waiting import wait_until

__all__ = ["clean_environment"]

# Of a pytest that is started as a process.
SECONDS = 30.0
FAILS = """
    def test_it(razor_cluster, razor_seed):
        cluster = razor_cluster()
        a, b = cluster.start("a"), cluster.start("b", ready="^listening")
        print("drew", razor_seed.randrange(1 << 32))
        a.kill()
        assert not "this fails"
"""
PASSES = """
    from toy_service import ask

    def test_it(razor_cluster):
        process = razor_cluster().start("a")
        assert ask(process.address, "pid") == str(process.pid)
"""


def directories(pytester: pytest.Pytester) -> list[Path]:
    """Those of output, of tests in base/."""
    return sorted((pytester.path / "base").glob("test_*0/razor"))


# What a failure tells.


def test_failure_tells_logs_timeline_and_the_command_that_repeats_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)
    failed = run(pytester)
    failed.assert_outcomes(failed=1)
    text = failed.stdout.str()
    processes = text[text.index("- razor processes -") : text.index("- razor timeline -")]
    assert re.search(
        r"\na \(pid \d+, log \S+/a\.log\), status -9: \S+python3 .*toy_service\.py 127\.0\.0\.1:\d+\n", processes
    )
    assert re.search(r"\nb \(pid \d+, log \S+/b\.log\), running: ", processes)
    assert len(re.findall(r"\n  log:\n    toy \d+ begins\n", processes)) == 2
    timeline = text[text.index("- razor timeline -") : text.index("- razor again -")]
    events = re.findall(r"^ +\d+\.\d{3} s  ([ab]: [a-z]+)", timeline, re.MULTILINE)
    assert events == ["a: start", "a: ready", "b: start", "b: ready", "a: kill", "a: ended"]
    (again,) = re.findall(r"^again: (.*)$", text, re.MULTILINE)
    (seed,) = re.findall(r"^SEED=(\d+)$", text, re.MULTILINE)
    (drew,) = re.findall(r"^drew (\d+)$", text, re.MULTILINE)
    words = shlex.split(again)
    words = words[words.index("pytest") + 1 :]
    assert words == [
        "test_failure_tells_logs_timeline_and_the_command_that_repeats_it.py::test_it",
        "--razor-seed",
        seed,
        "--razor-node",
        TOY,
    ]
    repeated = pytester.runpytest("-p", "razor_testing.plugin", *words)
    repeated.assert_outcomes(failed=1)
    assert f"drew {drew}" in repeated.stdout.str()


def test_again_starts_at_the_root(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]")
    below = pytester.mkdir("below")
    (below / "test_x.py").write_text("def test_it(razor_seed):\n    assert not 'this fails'\n")
    failed = subprocess.run(command(), cwd=below, capture_output=True, text=True, timeout=SECONDS)
    (again,) = re.findall(r"^again: (.*)$", failed.stdout, re.MULTILINE)
    assert re.fullmatch(
        rf"cd {pytester.path} && \S+ -m pytest below/test_x.py::test_it --razor-seed \d+ --razor-node .*", again
    )


def test_what_is_wrong_with_a_process_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from toy_service import ask

        def test_it(razor_cluster):
            process = razor_cluster().start("a")
            ask(process.address, "log x: runtime error: overflow")
        """
    )
    failed = run(pytester)
    failed.assert_outcomes(passed=1, errors=1)
    failed.stdout.re_match_lines(
        [r"a \(pid \d+, .*\) logged: x: runtime error: overflow", ".*razor processes.*", "again: .*"]
    )


def test_passing_test_tells_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSES)
    passed = run(pytester)
    passed.assert_outcomes(passed=1)
    assert "razor processes" not in passed.stdout.str()
    assert "again:" not in passed.stdout.str()


def test_section_that_cannot_be_told_hides_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(razor_cluster):
            cluster = razor_cluster()
            cluster.start("a")
            cluster.timeline = lambda: 1 / 0
            assert not "this fails"
        """
    )
    failed = run(pytester)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*this fails*", "*razor processes*", "cannot be told: ZeroDivisionError*", "again: *"])


# Options, ini, markers.


@pytest.mark.parametrize("kept", [[], ["--razor-keep"], ["-o", "razor_keep=true"]])
def test_output_of_passing_tests_is_removed_unless_it_is_kept(pytester: pytest.Pytester, kept: list[str]) -> None:
    pytester.makepyfile(test_fails=FAILS, test_passes=PASSES.replace("test_it", "test_passes"))
    done = run(pytester, "--basetemp=base", *kept)
    done.assert_outcomes(passed=1, failed=1)
    found = directories(pytester)
    assert [path.parent.name for path in found] == ["test_it0", "test_passes0"][: 2 if kept else 1]
    assert (found[0] / "cluster1" / "a.log").read_text().endswith("begins\n")
    told = [line for line in done.outlines if line.endswith("/razor") and "::" in line]
    assert told == ([f"test_fails.py::test_it: {found[0]}", f"test_passes.py::test_passes: {found[1]}"] if kept else [])


@pytest.mark.parametrize("how", ["option", "ini"])
def test_node_is_named_by_option_or_ini(pytester: pytest.Pytester, how: str) -> None:
    pytester.makepyfile(PASSES)
    service = pytester.mkdir("bin") / "service"
    service.write_text(f'#!/bin/sh\nexec {shlex.join(toy()[:-1])} "$@"\n')
    service.chmod(0o755)
    pytester.makeini(f"[pytest]\nrazor_node = {'bin/service {address}' if how == 'ini' else 'there/is/none'}")
    options = ["--razor-node", f"{service} {{address}}"] if how == "option" else []
    pytester.runpytest("-p", "razor_testing.plugin", *options).assert_outcomes(passed=1)


def test_without_a_node_a_test_that_names_none_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSES)
    failed = pytester.runpytest("-p", "razor_testing.plugin")
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*no command for a: give one, or name the program to start with --razor-node*"])


def test_seed_is_of_option_environment_or_ini(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile("def test_it(razor_seed):\n    assert False, f'{razor_seed.number} {razor_seed.random()}'")

    def drawn(*options: str) -> tuple[str, ...]:
        (found,) = re.findall(r"^E +AssertionError: (\d+) (0\.\d+)", run(pytester, *options).stdout.str(), re.MULTILINE)
        return tuple(found)

    assert drawn()[0] != drawn()[0]
    pytester.makeini("[pytest]\nrazor_seed = 5")
    assert drawn()[0] == "5"
    monkeypatch.setenv("RAZOR_SEED", "6")
    assert drawn()[0] == "6"
    assert drawn("--razor-seed", "7") == drawn("--razor-seed", "7")
    assert drawn("--razor-seed", "7")[1] != drawn()[1]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--razor-seed", "x"], "--razor-seed: must be a number from 0 to 2^64-1: x"),
        (["--razor-seed", str(1 << 64)], "--razor-seed: must be a number from 0 to 2^64-1: 18446744073709551616"),
        (["--razor-seed=-1"], "--razor-seed: must be a number from 0 to 2^64-1: -1"),
        (["--razor-node", "'"], "--razor-node: No closing quotation: '"),
        (["--razor-plan", "none.plan"], "--razor-plan: no such file: */none.plan"),
        (["-o", "razor_plan=none.plan"], "--razor-plan: no such file: */none.plan"),
    ],
)
def test_wrong_option_is_told_before_a_test_runs(pytester: pytest.Pytester, options: list[str], message: str) -> None:
    pytester.makepyfile(PASSES)
    refused = run(pytester, *options)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_timeout_ends_a_test_that_hangs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import threading, time, pytest

        @pytest.fixture
        def started(razor_cluster):
            return razor_cluster().start("a")

        @pytest.mark.razor_timeout(0.3)
        def test_waits(started):
            threading.Event().wait()

        @pytest.mark.razor_timeout(60)
        def test_is_quick():
            pass

        def test_has_none():
            time.sleep(0.4)

        @pytest.mark.razor_timeout("long")
        def test_wrong():
            pass
        """
    )
    done = run(pytester)
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines(
        ["*threading.Event().wait()*", "*Failed: still ran after 0.3 s (razor_timeout)*", "*razor processes*"]
    )
    done.stdout.fnmatch_lines(["*::test_wrong: razor_timeout(seconds) takes one number above 0*"])
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("ini", ["", "razor_ignore_log = known .*error"])
def test_log_lines_are_ignored_by_marker_and_ini(pytester: pytest.Pytester, ini: str) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile(
        """
        import pytest
        from toy_service import ask

        def log(cluster):
            ask(cluster.start("a").address, "log known runtime error: x")

        @pytest.mark.razor_ignore_log("another")
        @pytest.mark.razor_ignore_log("known r.* error")
        def test_marked(razor_cluster):
            log(razor_cluster())

        @pytest.mark.razor_ignore_log("another")
        def test_marked_otherwise(razor_cluster):
            log(razor_cluster())
        """
    )
    run(pytester).assert_outcomes(passed=2, errors=0 if ini else 1)


# Nothing is left behind, and nothing is shared.

LEAVES = """
    import os, signal, time
    from pathlib import Path
    from toy_service import ask, toy

    def test_it(razor_cluster):
        cluster = razor_cluster()
        polite, stubborn = cluster.start("a"), cluster.start("b", [*toy(), "--ignores-sigterm"])
        stubborn.pause()
        pids = [polite.pid, stubborn.pid, ask(polite.address, "child"), ask(polite.address, "daemon")]
        Path("pids.partial").write_text(" ".join(map(str, pids)))
        os.rename("pids.partial", "pids")
        time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM], ids=lambda how: str(how.name))
def test_nothing_outlives_pytest(pytester: pytest.Pytester, how: signal.Signals) -> None:
    # An interrupted pytest would wait for a process that ignores SIGTERM.
    pytester.makepyfile(LEAVES.replace(', "--ignores-sigterm"', "") if how == signal.SIGINT else LEAVES)
    pids = pytester.path / "pids"
    with running(pytester.path) as process:
        wait_until("the test to run", lambda: pids.exists() or process.poll() is not None)
        started = [int(pid) for pid in pids.read_text().split()]
        assert [pid for pid in started if exists(pid)] == started
        # As a terminal does.
        os.killpg(process.pid, how)
        assert process.wait(SECONDS) == (pytest.ExitCode.INTERRUPTED if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert [pid for pid in started if exists(pid)] == [], "they are gone when pytest is"
    wait_until("all processes to end", lambda: not any(map(exists, started)))


def test_second_interrupt_leaves_nothing_either(pytester: pytest.Pytester) -> None:
    """The first one waits for a process that ignores SIGTERM."""
    pytester.makepyfile(LEAVES)
    pids = pytester.path / "pids"
    with running(pytester.path) as process:
        wait_until("the test to run", lambda: pids.exists() or process.poll() is not None)
        polite, *others = (int(pid) for pid in pids.read_text().split())
        process.send_signal(signal.SIGINT)
        wait_until("the end to begin", lambda: not exists(polite))
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)
    assert [pid for pid in others if exists(pid)] == []


def test_system_ends_processes_when_the_guardian_is_dead_too(pytester: pytest.Pytester) -> None:
    """But not their descendants, for which there is the guardian."""
    pytester.makepyfile(LEAVES)
    pids = pytester.path / "pids"
    with running(pytester.path) as process:
        wait_until("the test to run", lambda: pids.exists() or process.poll() is not None)
        polite, stubborn, *descendants = (int(pid) for pid in pids.read_text().split())
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        (guardian,) = (int(pid) for pid in children if "guardian.py" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(guardian, signal.SIGKILL)
        process.kill()
    wait_until("the processes to end", lambda: not exists(polite) and not exists(stubborn))
    for pid in descendants:
        os.kill(pid, signal.SIGKILL)


def test_several_pytest_processes_do_not_meet(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from toy_service import READY, ask

        @pytest.mark.parametrize("address", ["127.0.0.1:0", "unix:"])
        @pytest.mark.parametrize("ready", [READY, lambda toy: ask(toy.address, "pid") == str(toy.pid)])
        def test_it(razor_cluster, address, ready):
            nodes = razor_cluster().start_many(3, address=address, ready=ready)
            for node in nodes:
                assert ask(node.address, "pid") == str(node.pid)
                node.restart()
            assert [ask(node.address, "pid") for node in nodes] == [str(node.pid) for node in nodes]
        """
    )
    both = [subprocess.Popen(command("-q"), cwd=pytester.path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        out, _ = process.communicate(timeout=SECONDS)
        assert "4 passed" in out, out


def test_xdist_runs_it(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(PASSES + PASSES.replace("test_it", "test_another"))
    pytester.run(*command("-n", "2")).assert_outcomes(passed=2)
