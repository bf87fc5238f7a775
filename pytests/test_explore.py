"""ci/explore runs several programs of scenarios as one: one summary, one JSON file, one exit status, and one Ctrl-C.

Fails when the time is not shared out, when what one program found is lost among the others, or when Ctrl-C leaves a program
behind or its results unsaid.
"""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from razor_testing import node
from razor_testing.waiting import wait_until
from scenario_program import INTERRUPTED, OK, USAGE_ERROR

EXPLORE = Path(__file__).resolve().parent.parent / "ci" / "explore"
TWO_PROGRAMS = ["--program", "pool_scenarios", "--program", "load_scenarios"]


@dataclass
class Explored:
    status: int
    out: str
    err: str
    json: Any


def start(json_file: Path, *arguments: str) -> subprocess.Popen[str]:
    # What is built is what the other tests run, with the sanitizers that they run with.
    built = ["--no-build", "--dir", str(node.binary().parent.parent)]
    return subprocess.Popen(
        [str(EXPLORE), *built, "--json", str(json_file), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait(process: subprocess.Popen[str], json_file: Path) -> Explored:
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    text = json_file.read_text() if json_file.exists() else ""
    return Explored(process.returncode, out, err, json.loads(text) if text else None)


def explore(tmp_path: Path, *arguments: str) -> Explored:
    json_file = tmp_path / "explored.json"
    return wait(start(json_file, *arguments), json_file)


def test_merges_what_programs_found(tmp_path: Path) -> None:
    wanted = ["--scenario", "windows_are_kept", "--scenario", "nobody_leads", "--seeds", "3", "--replay-one-in", "2"]
    explored = explore(tmp_path, *TWO_PROGRAMS, *wanted)
    assert explored.status == OK, explored
    assert (explored.json["seeds"], explored.json["failed"], explored.json["interrupted"]) == (6, 0, False)
    assert [program["program"] for program in explored.json["programs"]] == ["pool_scenarios", "load_scenarios"]
    names = [scenario["name"] for program in explored.json["programs"] for scenario in program["scenarios"]]
    assert names == ["nobody_leads", "windows_are_kept"]
    assert explored.json["failures"] == explored.json["causes"] == []
    assert "6 seeds, 0 failed" in explored.out.splitlines()[-1]


def test_a_pattern_leaves_programs_out(tmp_path: Path) -> None:
    explored = explore(tmp_path, *TWO_PROGRAMS, "--scenario", "windows_*", "--seeds", "1")
    assert [program["program"] for program in explored.json["programs"]] == ["load_scenarios"]


def test_programs_share_the_time(tmp_path: Path) -> None:
    wanted = ["--scenario", "windows_are_kept", "--scenario", "nobody_leads", "--minutes", "0.04"]
    explored = explore(tmp_path, *TWO_PROGRAMS, *wanted)
    assert explored.status == OK, explored
    for program in explored.json["programs"]:
        assert 1.2 <= program["real_seconds"] < 20
        assert program["seeds"] > 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_ctrl_c_ends_it_with_a_summary(tmp_path: Path, how: signal.Signals) -> None:
    json_file = tmp_path / "explored.json"
    process = start(json_file, *TWO_PROGRAMS, "--minutes", "5", "--jobs", "2")
    workers: list[int] = []

    def has_workers() -> bool:
        workers[:] = [worker for child in children_of(process.pid) for worker in children_of(child)]
        return len(workers) == 2

    wait_until("the workers of its first program", has_workers)
    time.sleep(0.5)
    os.killpg(process.pid, how)
    explored = wait(process, json_file)
    assert explored.status == INTERRUPTED, explored
    assert explored.out.splitlines()[-1].startswith("interrupted: ")
    assert explored.json["interrupted"] is True
    (program,) = explored.json["programs"]
    assert program["interrupted"] is True
    wait_until("the workers to be gone", lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


WRONG: list[tuple[list[str], str]] = [
    (["--bogus"], "--bogus"),
    (["bogus"], "bogus"),
    (["--min", "3"], "--min"),
    (["--minutes"], "--minutes"),
    *((["--minutes", text], "--minutes") for text in ("0", "-1", "", "x", "nan")),
    *((["--seeds", text], "--seeds") for text in ("0", "-1", "1.5", "")),
    *((["--shard", text], "--shard") for text in ("1", "2/2", "a/b")),
    (["--jobs", "0"], "--jobs"),
    (["--replay", "--replay-one-in", "2"], "--replay-one-in"),
    (["--program", "nope"], "--program"),
    ([*TWO_PROGRAMS, "--scenario", "nope*"], "no scenario is called nope*"),
]


@pytest.mark.parametrize("arguments, named", WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_wrong_usage_is_explained(tmp_path: Path, arguments: list[str], named: str) -> None:
    explored = explore(tmp_path, *arguments)
    assert (explored.status, explored.out) == (USAGE_ERROR, "")
    assert named in explored.err
