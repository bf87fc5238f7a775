"""A program of scenarios tells its user which seed failed, how, and the command that repeats it, whatever the scenario did.

Fails when a crash or a hang takes other seeds with it, or is laid at the door of another one; when a shard leaves a seed
out; when a wrong command line runs something else than was asked for.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from razor_testing import node
from razor_testing.waiting import wait_until
from scenario_program import FAILED, INTERRUPTED, OK, USAGE_ERROR, ScenarioProgram

# In troubled_scenarios the seed 3 is the bad one.
BAD_SEED = 3


@pytest.fixture
def troubled(tmp_path: Path) -> ScenarioProgram:
    return ScenarioProgram("troubled_scenarios", tmp_path)


@pytest.fixture
def golden(tmp_path: Path) -> ScenarioProgram:
    return ScenarioProgram("golden_scenarios", tmp_path)


def test_lists_its_scenarios(golden: ScenarioProgram) -> None:
    assert golden.run("--list").out.splitlines() == ["calls", "clocks", "echo_under_faults"]
    assert golden.run("--list", "--scenario", "c*").out.splitlines() == ["calls", "clocks"]


def test_runs_everything_by_default(golden: ScenarioProgram) -> None:
    finished = golden.run()
    assert finished.status == OK, finished
    assert finished.json["seeds"] == 30
    assert [scenario["seeds"] for scenario in finished.json["scenarios"]] == [10, 10, 10]
    assert finished.json["events"] > 0 and finished.json["virtual_seconds"] > 0
    assert "30 seeds, 0 failed" in finished.out.splitlines()[-1]


# The scenario, what kind of failure it is, and what its message has to say.
BAD: list[tuple[str, str, str]] = [
    ("expects", "expectation", "first, seed 3"),
    ("expects_often", "expectation", "and 990 failures more"),
    ("requires_it", "requirement", "it must be so"),
    ("requires_it_in_a_coroutine", "requirement", "in a coroutine"),
    ("throws", "exception", 'thrown "here"'),
    ("checks", "crash", "check failed: world.seed() != kBadSeed: a bug"),
    ("crashes", "crash", "crashed: "),
    ("exits", "crash", "ended the process with status 5"),
]


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("scenario, kind, message", BAD, ids=[scenario for scenario, _, _ in BAD])
def test_a_failure_is_its_seeds_own(troubled: ScenarioProgram, scenario: str, kind: str, message: str, jobs: int) -> None:
    finished = troubled.run("--scenario", scenario, "--seeds", "8", "--jobs", str(jobs))
    assert finished.status == FAILED
    assert finished.json["seeds"] == 8
    assert finished.json["failed"] == 1
    failures = finished.failures(scenario)
    assert {failure["seed"] for failure in failures} == {BAD_SEED}
    assert {failure["kind"] for failure in failures} == {kind}
    if scenario == "crashes" and node.is_sanitized(troubled.path):
        message = "ended the process with status"  # by a sanitizer, behind its report
    assert message in " ".join(failure["message"] for failure in failures)
    assert message in finished.out
    assert "not reached" not in finished.out


def test_the_line_that_repeats_a_failure_does(troubled: ScenarioProgram) -> None:
    out = troubled.run("--scenario", "expects", "--seeds", "5").out
    line = next(line for line in out.splitlines() if "again: " in line).partition("again: ")[2]
    again = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False)
    assert again.returncode == FAILED
    assert "1 seeds, 1 failed" in again.stdout
    assert "first, seed 3" in again.stdout
    assert "troubled_scenarios.cc:" in again.stdout and "at 2.000000000 s" in again.stdout


def test_a_crash_tells_where_it_was(troubled: ScenarioProgram) -> None:
    (crash,) = troubled.run("--scenario", "checks", "--seeds", "5").failures("checks")
    assert crash["virtual_seconds"] == 5
    assert "the last words" in crash["message"]


def test_a_hang_is_ended_by_the_time_limit(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "hangs", "--scenario", "passes", "--seeds", "6", "--time-limit", "0.5")
    assert finished.status == FAILED
    assert finished.json["seeds"] == 12
    (hang,) = finished.json["failures"]
    assert (hang["scenario"], hang["seed"], hang["kind"]) == ("hangs", BAD_SEED, "time_limit")
    # ThreadSanitizer keeps the signal that asks for it from a loop without calls.
    if not node.is_sanitized(troubled.path):
        assert hang["virtual_seconds"] == 7
    assert hang["again"].endswith("--scenario hangs --seed 3 --time-limit 0.5")


def test_what_takes_long_in_virtual_time_hangs_too(troubled: ScenarioProgram) -> None:
    (hang,) = troubled.run("--scenario", "never_ends", "--seed", "1", "--time-limit", "0.3").json["failures"]
    assert hang["kind"] == "time_limit"
    assert "still running after 0.3 s" in hang["message"]


def test_until_failure_stops_there(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "checks", "--until-failure", "--jobs", "1")
    assert finished.status == FAILED
    assert finished.json["failed"] == 1
    assert finished.json["seeds"] == BAD_SEED


def seeds_run(program: ScenarioProgram, *arguments: str, environment: dict[str, str] | None = None) -> Counter[str]:
    finished = program.run(*arguments, "--digests", environment=environment)
    assert finished.status == OK, finished
    lines = finished.out.splitlines()
    assert len(lines) == finished.json["seeds"] == len(finished.json["digests"])
    return Counter(lines)


@pytest.mark.parametrize("by_environment", [False, True], ids=["option", "environment"])
def test_shards_share_out_all_seeds(golden: ScenarioProgram, tmp_path: Path, by_environment: bool) -> None:
    wanted = ["--seeds", "7", "--base-seed", "100", "--scenario", "c*"]
    everything = seeds_run(golden, *wanted)
    assert len(everything) == 14
    together: Counter[str] = Counter()
    for shard in range(5):
        if by_environment:
            status_file = tmp_path / f"status{shard}"
            variables = {"GTEST_TOTAL_SHARDS": "5", "GTEST_SHARD_INDEX": str(shard)}
            together += seeds_run(golden, *wanted, environment={**variables, "GTEST_SHARD_STATUS_FILE": str(status_file)})
            assert status_file.exists()
        else:
            together += seeds_run(golden, *wanted, "--shard", f"{shard}/5")
    assert together == everything


def test_any_number_of_jobs_does_the_same(golden: ScenarioProgram) -> None:
    one = seeds_run(golden, "--seeds", "20", "--jobs", "1")
    assert len(one) == 60
    assert seeds_run(golden, "--seeds", "20", "--jobs", "7") == one
    assert seeds_run(golden, "--seeds", "20", "--in-process") == one


def test_memory_lies_elsewhere_in_each_process_and_digests_do_not_care(golden: ScenarioProgram) -> None:
    assert seeds_run(golden, "--seeds", "3") == seeds_run(golden, "--seeds", "3")


@pytest.mark.parametrize(
    "scenario, what",
    [
        ("counts_its_runs", "counter, runtime 1: timer"),
        ("notes_an_address", "the scenario: noted"),
        ("does_less", "had ended"),
    ],
)
def test_replay_names_what_differs(troubled: ScenarioProgram, scenario: str, what: str) -> None:
    assert troubled.run("--scenario", scenario, "--seed", "1").status == OK
    finished = troubled.run("--scenario", scenario, "--seed", "1", "--replay")
    assert finished.status == FAILED
    (divergence,) = finished.json["failures"]
    assert divergence["kind"] == "divergence"
    assert what in divergence["message"]
    assert divergence["again"].endswith(f"--scenario {scenario} --seed 1 --replay")


def test_nothing_carries_over_to_the_next_seed(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "counts_its_runs_quietly", "--seeds", "20", "--jobs", "2")
    assert finished.status == OK, finished


def test_what_carries_over_in_a_process_of_several_seeds_is_told(troubled: ScenarioProgram) -> None:
    wanted = ["--scenario", "counts_its_runs_quietly", "--seeds", "20", "--jobs", "1", "--seeds-per-process", "5"]
    finished = troubled.run(*wanted)
    assert finished.json["failed"] == 16
    told = [failure for failure in finished.json["failures"] if failure["fails_alone"] is not None]
    assert {failure["fails_alone"] for failure in told} == {False}
    assert "what the seeds before it left behind in its process" in finished.out


def test_replay_compares_outcomes_too(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "counts_its_runs_quietly", "--seeds", "3", "--replay")
    assert finished.json["failed"] == 3
    for divergence in finished.json["failures"]:
        assert divergence["kind"] == "divergence"
        assert "end differently" in divergence["message"]
        assert "first   passes" in divergence["message"] and "run 2" in divergence["message"]
        assert divergence["fails_alone"] is True


def test_in_one_process_seeds_are_not_alone_and_that_is_told(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "counts_its_runs_quietly", "--seeds", "2", "--in-process")
    assert finished.json["failed"] == 1
    assert "not tried alone: with --in-process" in finished.out


@pytest.mark.parametrize("scenario", ["draws_from_rand", "depends_on_addresses"])
def test_what_fails_in_a_sweep_fails_alone(troubled: ScenarioProgram, scenario: str) -> None:
    sweeps = [
        troubled.run("--scenario", scenario, "--seeds", "24", "--jobs", jobs).failures(scenario) for jobs in ("1", "2", "3")
    ]
    failed = [{failure["seed"] for failure in failures} for failures in sweeps]
    assert 0 < len(failed[0]) < 24
    assert failed[0] == failed[1] == failed[2]
    assert {failure["fails_alone"] for failures in sweeps for failure in failures} <= {True, None}
    for failure in sweeps[0]:
        again = subprocess.run(shlex.split(failure["again"]), capture_output=True, text=True, check=False)
        assert again.returncode == FAILED, failure["again"]


def test_what_passes_alone_is_told(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "fails_in_company", "--seeds", "2")
    assert finished.json["failed"] == 2
    for failure in finished.json["failures"]:
        assert failure["fails_alone"] is False
        assert troubled.run(*shlex.split(failure["again"])[1:]).status == OK
    assert finished.out.count("but that passes: the outcome depends on more than the seed") == 2


@pytest.mark.parametrize(
    "scenario, host, function",
    [
        ("turns_without_end", "spinner", "turn_without_end"),
        ("computes_without_end", "computer", "compute_without_end"),
    ],
)
def test_a_run_that_does_not_end_names_who_turns(troubled: ScenarioProgram, scenario: str, host: str, function: str) -> None:
    if node.is_sanitized(troubled.path):
        pytest.skip("a sanitizer keeps signals from a loop without calls, and frames of its own on the stack")
    (hang,) = troubled.run("--scenario", scenario, "--seed", "1", "--time-limit", "0.5").json["failures"]
    assert hang["kind"] == "time_limit"
    assert f"the host '{host}' turns, in\n" in hang["message"]
    assert f"{function}(" in hang["message"]


def test_strict_clocks_name_who_reads_them(troubled: ScenarioProgram) -> None:
    assert troubled.run("--scenario", "reads_a_clock", "--seed", "1").status == OK
    if node.is_sanitized(troubled.path):
        pytest.skip("a sanitizer stands in the guard's place")
    (crash,) = troubled.run("--scenario", "reads_a_clock", "--seeds", "1", "--strict-clocks").json["failures"]
    assert crash["kind"] == "crash"
    assert crash["again"].endswith("--seed 1 --strict-clocks")


def test_replay_finds_an_address_with_every_seed(troubled: ScenarioProgram) -> None:
    # An allocator likes to hand out what it just got back.
    finished = troubled.run("--scenario", "notes_an_address", "--seeds", "50", "--replay", "--jobs", "1")
    assert finished.json["failed"] == 50


def test_replay_finds_nothing_where_nothing_differs(golden: ScenarioProgram) -> None:
    assert golden.run("--replay", "--seeds", "5").status == OK


@pytest.mark.parametrize("to_all", [True, False], ids=["of a terminal", "to the program only"])
def test_ctrl_c_stops_with_a_summary(troubled: ScenarioProgram, to_all: bool) -> None:
    process = troubled.start("--scenario", "never_ends", "--scenario", "passes", "--seeds", "1000", "--jobs", "2")
    wait_until("its workers", lambda: len(children_of(process.pid)) == 2)
    workers = children_of(process.pid)
    time.sleep(0.2)
    if to_all:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    finished = troubled.wait(process)
    assert finished.status == INTERRUPTED
    assert finished.out.splitlines()[-1].startswith("interrupted: ")
    assert finished.json["interrupted"] is True
    wait_until("its workers to be gone", lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_workers_do_not_outlive_the_program(troubled: ScenarioProgram) -> None:
    process = troubled.start("--scenario", "never_ends", "--jobs", "2")
    wait_until("its workers", lambda: len(children_of(process.pid)) == 2)
    workers = children_of(process.pid)
    process.kill()
    troubled.wait(process)
    wait_until("its workers to be gone", lambda: not any(is_alive(worker) for worker in workers))


def test_the_trace_of_a_crash_has_what_came_before_it(troubled: ScenarioProgram, tmp_path: Path) -> None:
    trace = tmp_path / "run.txt"
    assert troubled.run("--scenario", "checks", "--seed", "3", "--trace", str(trace)).status == FAILED
    assert "about to check" in trace.read_text()


def test_sums_what_runs_report(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "reports", "--scenario", "passes", "--seeds", "10")
    assert finished.status == OK, finished
    reports = next(scenario for scenario in finished.json["scenarios"] if scenario["name"] == "reports")
    assert reports["counts"] == {
        "calls": {"sum": 10_000_055, "min": 1_000_001, "runs_without": 0},
        "acted/cut": {"sum": 15, "min": 0, "runs_without": 5},
        "acted/crash": {"sum": 0, "min": 0, "runs_without": 10},
        "sometimes/a bad seed": {"sum": 1, "min": 0, "runs_without": 9},
    }
    assert finished.json["counts"] == {name: count["sum"] for name, count in reports["counts"].items()}
    shown = finished.out.splitlines()
    assert shown[-5:-1] == [
        "reports: calls 10.0 M",
        "acted: crash 0, cut 15",
        "sometimes: a bad seed 1",
        "never reached in 20 runs: never in these tests",
    ]


@pytest.mark.parametrize("how", [["--jobs", "3"], ["--in-process"], ["--replay"]], ids=["jobs", "in process", "replay"])
def test_reports_do_not_depend_on_how_it_runs(troubled: ScenarioProgram, how: list[str]) -> None:
    wanted = troubled.run("--scenario", "reports", "--seeds", "10", "--jobs", "1").json["scenarios"]
    assert troubled.run("--scenario", "reports", "--seeds", "10", *how).json["scenarios"] == wanted


def test_what_is_never_reached_fails_only_where_it_must_be(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "reports", "--seeds", "2")
    assert (finished.status, finished.json["never_reached"]) == (OK, ["a bad seed", "never in these tests"])
    finished = troubled.run("--scenario", "reports", "--seeds", "5", "--require-sometimes")
    assert (finished.status, finished.json["never_reached"]) == (FAILED, ["never in these tests"])
    assert "never reached in 5 runs: never in these tests" in finished.out
    # One run that is repeated reaches what it reaches.
    assert "never reached" not in troubled.run("--scenario", "reports", "--seed", "1").out


def test_the_plan_of_a_crashed_run_is_shown(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "crashes_with_a_plan", "--seeds", "5", "--trouble", "a b")
    assert finished.status == FAILED
    (crash,) = finished.failures("crashes_with_a_plan")
    assert crash["texts"]["plan"].splitlines() == [f"line {line} a b" for line in range(1, 61)]
    shown = finished.out.splitlines()
    begin = shown.index("    line 1 a b")
    assert shown[begin + 39] == "    line 40 a b"
    assert "20 lines more" in shown[begin + 40] and "summary.json" in shown[begin + 40]
    # What the program's own options say is part of how it is repeated.
    assert crash["again"].endswith("--scenario crashes_with_a_plan --seed 3 --trouble 'a b'")
    assert f"  again: {crash['again']}" in shown
    # Other texts are not shown; long ones are cut.
    assert "sss" not in finished.out
    assert crash["texts"]["story"].count("s" * 1024) == 256
    assert crash["texts"]["story"].endswith("(45056 bytes more were cut off)")
    # Nobody knows what a crashed run counted.
    (scenario,) = finished.json["scenarios"]
    assert scenario["counts"]["calls"] == {"sum": 4, "min": 1, "runs_without": 0}


def test_the_plan_of_a_run_that_passes_is_not(troubled: ScenarioProgram) -> None:
    assert "plan" not in troubled.run("--scenario", "reports", "--seeds", "5").out


def test_the_reports_of_a_replay_are_those_of_its_first_run(troubled: ScenarioProgram) -> None:
    (crash,) = troubled.run("--scenario", "crashes_the_second_time", "--seed", "1", "--replay").json["failures"]
    assert crash["texts"] == {"plan": "of run 1"}
    assert crash["again"].endswith("--seed 1 --replay")


@pytest.mark.parametrize("jobs", [1, 3])
def test_failures_are_told_apart_by_cause(troubled: ScenarioProgram, jobs: int) -> None:
    finished = troubled.run("--scenario", "breaks_rules", "--scenario", "crashes", "--seeds", "400", "--jobs", str(jobs))
    causes = finished.json["causes"]
    assert [(cause["runs"], cause["seed"]) for cause in causes] == [(300, 1), (50, 4), (50, 8), (1, BAD_SEED)]
    names = [cause["cause"] for cause in causes]
    assert names[:2] == [
        "breaks_rules, expectation: rule 12: call # ran twice",
        "breaks_rules, expectation: rule money: # are left",
    ]
    assert re.fullmatch(r"breaks_rules, requirement: troubled_scenarios\.cc:\d+: false: seed #", names[2])
    assert names[3].startswith("crashes, crash: ")
    assert {failure["cause"] for failure in finished.json["failures"]} == set(names)
    for failure in finished.failures("breaks_rules"):
        assert failure["texts"] == {"plan": f"seed {failure['seed']}"}
    # In the summary too, where most of the failures are not shown.
    summary = finished.out[finished.out.index("401 runs failed, of 4 causes") :]
    for cause in causes:
        assert f"{cause['cause']}; first seed {cause['seed']}" in summary
        assert f"again: {cause['again']}" in summary
    assert finished.out.count("rule 12: call") < 10
    assert len(finished.out.splitlines()) < 350


def test_what_one_check_says_often_is_shown_once(troubled: ScenarioProgram) -> None:
    out = troubled.run("--scenario", "breaks_a_rule_often", "--seed", "1").out
    assert out.count("rule 7: call") == 1
    assert "  and 9 more of rule 7\n" in out
    # Though it comes behind a hundred others.
    assert out.count("rule 8: it is late") == 1
    assert "  and 90 failures more\n" in out


def test_checks_of_one_rule_are_causes_of_their_own(troubled: ScenarioProgram) -> None:
    causes = troubled.run("--scenario", "breaks_one_rule_in_many_ways", "--seeds", "100").json["causes"]
    assert len(causes) == 10
    assert {cause["runs"] for cause in causes} == {10}


def test_few_failures_need_no_causes(troubled: ScenarioProgram) -> None:
    assert "causes" not in troubled.run("--scenario", "expects", "--seeds", "5").out


def test_runs_for_some_minutes(golden: ScenarioProgram) -> None:
    begun = time.monotonic()
    finished = golden.run("--minutes", "0.02")
    assert finished.status == OK
    assert time.monotonic() - begun > 1.2
    assert finished.json["seeds"] > 30
    assert 1.2 <= finished.json["real_seconds"] < 10
    assert golden.run("--minutes", "0.02", "--in-process").json["seeds"] > 30
    # Unless there are fewer seeds.
    assert golden.run("--minutes", "10", "--seeds", "4").json["seeds"] == 12


def test_a_run_that_hangs_when_the_time_is_up_has_failed(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--scenario", "hangs", "--minutes", "0.005", "--time-limit", "1")
    assert finished.status == FAILED
    (hang,) = finished.json["failures"]
    assert (hang["seed"], hang["kind"]) == (BAD_SEED, "time_limit")


def test_replays_one_in_n_of_each_scenario(troubled: ScenarioProgram) -> None:
    finished = troubled.run(
        "--scenario", "notes_an_address", "--scenario", "passes", "--seeds", "40", "--replay-one-in", "4"
    )
    assert finished.json["failed"] == 10
    assert {failure["kind"] for failure in finished.json["failures"]} == {"divergence"}
    all_of_them = troubled.run("--scenario", "notes_an_address", "--seeds", "10", "--replay-one-in", "1")
    assert all_of_them.json["failed"] == 10


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_alive(pid: int) -> bool:
    """And no zombie, which nobody may be there to bury."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("scenario, status", [("calls", OK), ("requires_it_in_a_coroutine", FAILED)])
@pytest.mark.parametrize("ending, begins", [("txt", b""), ("json", b"{"), ("pcap", b"")])
def test_traces_a_run(
    golden: ScenarioProgram,
    troubled: ScenarioProgram,
    tmp_path: Path,
    ending: str,
    begins: bytes,
    scenario: str,
    status: int,
) -> None:
    trace = tmp_path / f"run.{ending}"
    program = golden if status == OK else troubled
    assert program.run("--scenario", scenario, "--seed", "3", "--trace", str(trace)).status == status
    written = trace.read_bytes()
    assert len(written) > 0 or scenario != "calls"  # the other one only sleeps
    assert written.startswith(begins)
    if ending == "json":
        json.loads(written)  # whole, although the scenario was stopped in the middle


def test_says_nothing_on_stderr_when_it_is_quick_and_all_is_well(troubled: ScenarioProgram) -> None:
    assert troubled.run("--scenario", "passes").err == ""


def shown_on_a_terminal(program: ScenarioProgram, *arguments: str) -> str:
    """What it shows while a seed hangs, until that is noticed."""
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen([str(program.path), *arguments], stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        assert process.wait(20) == FAILED
        return terminal.read(65536).decode()


def test_shows_progress_on_a_terminal(troubled: ScenarioProgram) -> None:
    wanted = ["--scenario", "passes", "--scenario", "never_ends", "--seed", "1", "--time-limit", "1"]
    shown = shown_on_a_terminal(troubled, *wanted)
    assert "\r" in shown
    assert "1 of 2 seeds, 0 failed" in shown
    assert "virtual in" in shown
    assert "left" not in shown


def test_shows_the_time_that_is_left(troubled: ScenarioProgram) -> None:
    wanted = ["--scenario", "never_ends", "--minutes", "3", "--until-failure", "--time-limit", "1"]
    assert "3.0 min left" in shown_on_a_terminal(troubled, *wanted)


WRONG: list[tuple[list[str], str]] = [
    (["--bogus"], "--bogus"),
    (["bogus"], "bogus"),
    (["--scenario", "nope"], "no scenario is called nope"),
    (["--scenario", "passes", "--scenario", "nope*"], "no scenario is called nope*"),
    (["--scenario"], "--scenario"),
    *(([option, text], option) for option in ("--seed", "--seeds", "--base-seed") for text in ("-1", "1.5", "", "x", "1e3")),
    (["--seed", "18446744073709551616"], "--seed"),
    (["--seeds", "0"], "--seeds"),
    (["--seed", "1", "--seeds", "2"], "--seed"),
    (["--seed", "1", "--base-seed", "2"], "--seed"),
    (["--seed", "1", "--until-failure"], "--until-failure"),
    (["--seed", "1", "--minutes", "1"], "--minutes"),
    *((["--minutes", text], "--minutes") for text in ("0", "-1", "", "soon", "nan", "inf", "1e7")),
    *((["--replay-one-in", text], "--replay-one-in") for text in ("0", "-1", "", "x")),
    (["--replay", "--replay-one-in", "2"], "--replay-one-in"),
    *((["--seeds-per-process", text], "--seeds-per-process") for text in ("0", "-1", "", "x")),
    *((["--jobs", text], "--jobs") for text in ("0", "-1", "", "many", "1025")),
    *((["--shard", text], "--shard") for text in ("", "1", "2/2", "-1/2", "a/b", "1/", "/2", "0/0", "1/2/3")),
    *((["--time-limit", text], "--time-limit") for text in ("-1", "", "soon", "nan", "inf", "1e10")),
    (["--trace", "x.txt"], "--trace"),
    (["--trace", "x.unknown", "--scenario", "passes", "--seed", "1"], "--trace"),
    (["--trace", "x.txt", "--scenario", "passes", "--seed", "1", "--replay"], "--trace"),
]


@pytest.mark.parametrize("arguments, named", WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_wrong_usage_is_explained(troubled: ScenarioProgram, arguments: list[str], named: str) -> None:
    finished = troubled.run(*arguments)
    assert finished.status == USAGE_ERROR, finished
    assert finished.out == ""
    assert named in finished.err


def test_wrong_shards_in_the_environment_are_explained(troubled: ScenarioProgram) -> None:
    finished = troubled.run(environment={"GTEST_TOTAL_SHARDS": "2", "GTEST_SHARD_INDEX": "2"})
    assert finished.status == USAGE_ERROR
    assert "GTEST_SHARD_INDEX" in finished.err


def test_help_is_no_error(troubled: ScenarioProgram) -> None:
    finished = troubled.run("--help")
    assert finished.status == OK
    for option in ("--list", "--scenario", "--seed", "--seeds", "--base-seed", "--jobs", "--shard", "--until-failure"):
        assert option in finished.out
    for option in ("--time-limit", "--trace", "--json", "--replay", "--digests", "--minutes", "--replay-one-in"):
        assert option in finished.out
    assert "--require-sometimes" in finished.out and "--strict-clocks" in finished.out
    assert "--trouble WORD" in finished.out  # what the program adds


def test_a_file_that_cannot_be_written_is_told_at_once(troubled: ScenarioProgram, tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such.json"
    finished = subprocess.run(
        [str(troubled.path), "--scenario", "passes", "--json", str(missing)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == os.EX_CANTCREAT
    assert str(missing) in finished.stderr
