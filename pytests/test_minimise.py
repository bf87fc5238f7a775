"""The minimiser as its user sees it: from a seed that failed to a plan that shows what matters, a command that repeats it,
and a page about it. toy_scenarios has the bugs.

Fails when what comes out does not fail by itself, or is larger than it has to be; when a crash, a hang or Ctrl-C takes the
search with it; when a plan that cannot be played is played all the same.
"""

import os
import re
import shlex
import signal
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

from razor_testing import node
from razor_testing.plan import Plan
from scenario_program import FAILED, OK, USAGE_ERROR

# Well above what the searches here take, also with a sanitizer.
SECONDS_MAX = 100

FAULT = re.compile(r"^#\d+ at ", re.MULTILINE)


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str


class Toys:
    """Runs in a directory of its own, where plans are written to."""

    def __init__(self, directory: Path):
        self.path = node.binary().parent / "toy_scenarios"
        assert self.path.is_file(), "build it with `ci/build toy_scenarios`"
        self.directory = directory

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.path), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            start_new_session=True,
        )

    def wait(self, process: subprocess.Popen[str]) -> Finished:
        try:
            out, err = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Finished(process.returncode, out, err)

    def run(self, *arguments: str) -> Finished:
        return self.wait(self.start(*arguments))

    def failing_seed(self, scenario: str) -> int:
        """The first one from 1 on."""
        found = self.run("--scenario", scenario, "--until-failure", "--jobs", "1", "--time-limit", "2")
        assert found.status == FAILED, found
        match = re.search(r"again: .* --seed (\d+)", found.out)
        assert match is not None, found.out
        return int(match[1])

    def minimise(self, scenario: str, *arguments: str) -> Finished:
        seed = self.failing_seed(scenario)
        return self.run("minimise", "--scenario", scenario, "--seed", str(seed), *arguments)


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)


def plan_in(finished: Finished) -> str:
    """What it printed, from the line `scenario` to the empty line."""
    match = re.search(r"^scenario .*?(?=\n\n)", finished.out, re.MULTILINE | re.DOTALL)
    assert match is not None, finished
    return match[0]


def again(toys: Toys, finished: Finished) -> Finished:
    command = next(line for line in finished.out.splitlines() if line.startswith("again: "))
    words = shlex.split(command.removeprefix("again: "))
    assert words[0] == str(toys.path)
    return toys.run(*words[1:])


# The scenario, the most faults that are needed, and what its message says.
BUGS: list[tuple[str, int, str]] = [
    ("pays_twice", 1, ": call 0 ran "),
    ("loses_its_majority", 2, "1 of 3 replicas are up"),
    ("checks_when_restarted", 1, "check failed: held == 1"),
    ("fails_without_faults", 0, "there are 7 <coins> & more"),
]


@pytest.mark.parametrize("scenario, faults_most, message", BUGS, ids=[bug[0] for bug in BUGS])
def test_what_is_left_is_small_and_fails(toys: Toys, scenario: str, faults_most: int, message: str) -> None:
    finished = toys.minimise(scenario)
    assert finished.status == OK, finished
    plan = plan_in(finished)
    assert len(FAULT.findall(plan)) <= faults_most, plan
    assert message in finished.out.split(plan)[1]
    repeated = again(toys, finished)
    assert repeated.status == FAILED, repeated
    assert message in repeated.out + repeated.err


def test_tells_how_to_play_its_plan_on_processes(toys: Toys) -> None:
    """The plan has to be one for the Python that plays it, too."""
    finished = toys.minimise("pays_twice", "--plan-out", "with a space.plan")
    assert finished.status == OK, finished
    lines = finished.out.splitlines()
    told = lines.index("on processes: pytest --razor-plan 'with a space.plan' ...")
    assert lines[told - 1].startswith("again: ")
    assert str(Plan.load(toys.directory / "with a space.plan")) == plan_in(finished) + "\n"


def test_settings_become_simple(toys: Toys) -> None:
    plan = plan_in(toys.minimise("pays_twice"))
    for setting in ("set servers 2", "set callers 1", "set pause 10ms"):
        assert setting in plan.splitlines()


def test_shows_how_far_it_is(toys: Toys) -> None:
    finished = toys.minimise("pays_twice")
    assert re.search(r"^\d+ faults, \d+ runs, \d+\.\d s$", finished.err, re.MULTILINE), finished.err
    assert re.search(r"^1 fault, \d+ runs, \d+\.\d s$", finished.err, re.MULTILINE), finished.err


def test_memory_and_time_have_limits(toys: Toys) -> None:
    if not node.is_sanitized(toys.path):
        # Without a limit it fails nowhere, so no seed can be looked for.
        (toys.directory / "eats.plan").write_text(
            "scenario eats_memory_when_restarted\nseed 9\nat 3s crash server0 for 1s\n"
        )
        eaten = toys.run("minimise", "--plan", "eats.plan")
        assert eaten.status == OK, eaten
        assert "needs more memory than it may have" in eaten.out
    hung = toys.minimise("hangs_when_restarted", "--time-limit", "0.3", "--minutes", "0.1")
    assert hung.status == OK, hung
    assert "still running after 0.3 s" in hung.out
    assert FAULT.search(plan_in(hung))


def test_luck_may_come_from_other_seeds(toys: Toys) -> None:
    finished = toys.minimise("fails_by_luck_when_restarted", "--seeds-per-try", "20")
    assert finished.status == OK, finished
    assert len(FAULT.findall(plan_in(finished))) == 1
    assert again(toys, finished).status == FAILED


def test_ctrl_c_ends_with_the_smallest_so_far(toys: Toys) -> None:
    seed = toys.failing_seed("hangs_when_restarted")
    process = toys.start(
        "minimise", "--scenario", "hangs_when_restarted", "--seed", str(seed), "--time-limit", "1", "--minutes", "5"
    )
    assert process.stderr is not None
    process.stderr.readline()  # the search has begun
    os.killpg(process.pid, signal.SIGINT)
    finished = toys.wait(process)
    assert finished.status == OK, finished
    assert "so far" in finished.out and "interrupted" in finished.out
    assert plan_in(finished)


def test_time_that_is_up_ends_it_too(toys: Toys) -> None:
    finished = toys.minimise("pays_twice", "--minutes", "0")
    assert finished.status == OK, finished
    assert "the time is up" in finished.out


def test_starts_from_a_given_plan(toys: Toys) -> None:
    plan = toys.directory / "my.plan"
    plan.write_text(
        "# mine\nscenario checks_when_restarted\nseed 9\n\nat 3s crash server0 for 1s\nat 9s pause caller0 for 1s\n"
    )
    played = toys.run("--plan", str(plan))
    assert played.status == FAILED, played
    assert "checks_when_restarted, seed 9" in played.out
    assert f"--plan {plan}" in played.out
    finished = toys.run("minimise", "--plan", str(plan), "--plan-out", "out.plan")
    assert finished.status == OK, finished
    assert (
        toys.directory / "out.plan"
    ).read_text() == "scenario checks_when_restarted\nseed 9\n#1 at 0s crash server0 for 1ms\n"


def test_other_scenarios_and_seeds_may_be_named(toys: Toys) -> None:
    plan = toys.directory / "my.plan"
    plan.write_text("scenario checks_when_restarted\nseed 9\nat 3s crash server0 for 1s\n")
    played = toys.run("--plan", str(plan), "--seeds", "3", "--scenario", "passes")
    assert played.status == OK, played
    assert "passes  3 seeds, 0 failed" in played.out


def test_prints_the_plan_of_a_seed(toys: Toys) -> None:
    printed = toys.run("--print-plan", "--scenario", "hangs_when_restarted", "--seed", "4")
    assert printed.status == OK, printed
    assert printed.out.startswith("scenario hangs_when_restarted\nseed 4\n")
    (toys.directory / "x.plan").write_text(printed.out)
    assert toys.run("--print-plan", "--plan", "x.plan").out == printed.out


def test_what_does_not_fail_is_left_alone(toys: Toys) -> None:
    finished = toys.run("minimise", "--scenario", "passes", "--seed", "1")
    assert finished.status == FAILED
    assert "does not fail" in finished.out
    assert list(toys.directory.iterdir()) == []


def test_a_scenario_without_a_plan_gets_its_page(toys: Toys) -> None:
    finished = toys.run("minimise", "--scenario", "has_no_plan", "--seed", "3", "--page", "x.html")
    assert finished.status == OK, finished
    assert "no fault at all" in (toys.directory / "x.html").read_text()


def test_a_file_that_cannot_be_written_is_told_at_once(toys: Toys) -> None:
    for option in ("--page", "--plan-out"):
        finished = toys.run("minimise", "--scenario", "fails_without_faults", "--seed", "2", option, "no/such.file")
        assert finished.status == os.EX_CANTCREAT, finished
        assert "no/such.file: No such file or directory" in finished.err
        assert finished.out == ""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.started.append(tag)
        self.outside += [f"{name}={value}" for name, value in attrs if name in ("src", "href")]


def test_writes_a_page(toys: Toys) -> None:
    finished = toys.minimise("pays_twice", "--page", "x.html")
    assert finished.status == OK, finished
    assert "page: x.html" in finished.out
    page = (toys.directory / "x.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.outside == []
    assert "svg" in tags.started
    assert re.search(r"<h1>Rule 1\d is broken</h1>", page)
    assert "step by step" in page and "bank0" in page and "entered its handler" in page
    assert "--plan pays_twice-" in page


WRONG: list[tuple[list[str], str]] = [
    (["minimise"], "--scenario"),
    (["minimise", "--scenario", "passes"], "--seed"),
    (["minimise", "--scenario", "nope", "--seed", "1"], "no scenario is called nope"),
    (["minimise", "--scenario", "passes", "--seed", "-1"], "--seed"),
    (["minimise", "--scenario", "passes", "--seed", "1", "--jobs", "0"], "--jobs"),
    (["minimise", "--plan", "nope.plan"], "nope.plan: No such file or directory"),
    (["minimise", "--plan", "bad.plan"], "bad.plan:3: at x: want a time"),
    (["--plan", "bad.plan"], "bad.plan:3: at x: want a time"),
    (["--plan=bad.plan"], "bad.plan:3"),
    (["--plan"], "--plan"),
    (["--plan", "."], ".: Is a directory"),
    (["--plan", "twice.plan"], "twice.plan: two faults are called #1"),
    (["--plan", "good.plan", "--bogus"], "--bogus"),
    (["--print-plan"], "--print-plan"),
    (["--print-plan", "--scenario", "passes"], "--seed"),
    (["--print-plan", "--scenario", "passes", "--seed", "x"], "--seed"),
    (["--print-plan", "--scenario", "passes", "--seed", "1", "--jobs", "2"], "--jobs"),
]


@pytest.mark.parametrize("arguments, named", WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_wrong_usage_is_explained(toys: Toys, arguments: list[str], named: str) -> None:
    (toys.directory / "bad.plan").write_text("scenario passes\nseed 3\nat x cut a b\n")
    (toys.directory / "twice.plan").write_text("#1 at 1s cut a\n#1 at 2s cut a\n")
    (toys.directory / "good.plan").write_text("scenario passes\nseed 3\n")
    finished = toys.run(*arguments)
    assert finished.status == USAGE_ERROR, finished
    assert finished.out == ""
    assert named in finished.err


def test_a_fault_that_cannot_be_played_fails_the_run(toys: Toys) -> None:
    (toys.directory / "odd.plan").write_text("scenario passes\nseed 3\n#4 at 1s cut nobody for 1s\n")
    finished = toys.run("--plan", "odd.plan")
    assert finished.status == FAILED
    assert "#4 at 1s cut nobody for 1s: there is no host nobody" in finished.out


def test_help_tells_of_it(toys: Toys) -> None:
    shown = toys.run("--help").out
    for option in ("--plan", "--print-plan", "--list-kinds", "minimise"):
        assert option in shown
    shown = toys.run("minimise", "--help").out
    for option in ("--scenario", "--seed", "--plan", "--page", "--plan-out", "--minutes", "--jobs", "--seeds-per-try"):
        assert option in shown


def test_kinds_of_faults_are_explained(toys: Toys) -> None:
    listed = toys.run("--list-kinds")
    assert listed.status == OK
    entries: dict[str, list[str]] = {}
    for line in listed.out.splitlines():
        if line.startswith("    "):
            entries[list(entries)[-1]].append(line.strip())
        else:
            entries[line] = []
    by_name = {head.split()[0]: lines for head, lines in entries.items()}
    assert len(by_name) == 25
    for name, lines in by_name.items():
        assert len(lines[0]) > 20, name  # a sentence
        assert lines[1].startswith("hosts: "), name
        for line in lines[2:]:
            if "whole number" in line:
                assert re.search(r": a whole number, -?\d+ \.\. \d+: \w+", line), f"{name}: no unit: {line}"
    assert "delay: a time, 1ns .. 24h; must be given" in by_name["handler_delay"]
    assert "bytes_per_second: a whole number, 1 .. 1000000000000: bytes per second; must be given" in by_name["bandwidth"]
    assert "way: one of both, there, back" in by_name["cut"]
    assert "drawn where the scenario has programs that read the time of day" in by_name["clock_step"]
