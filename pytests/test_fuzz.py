"""ci/fuzz: its targets and its command line. What it finds is looked for by those who run it.

Fails when a target is left out, or when a wrong argument begins hours of something else.
"""

import subprocess

import pytest

from razor_testing.node import OK, ROOT, USAGE_ERROR

FUZZ = ROOT / "ci/fuzz"
SOURCES = ROOT / "tests/fuzz"

# The arguments, and what the message has to name.
WRONG = [
    (["bogus"], "'bogus'"),
    (["plan", "fuzz_bogus"], "'bogus'"),
    (["--bogus"], "--bogus"),
    (["--minutes"], "--minutes"),
    *((["--minutes", number], "--minutes") for number in ("0", "-1", "nan", "inf", "1e7", "soon", "")),
    (["--dir"], "--dir"),
    (["--mini", "1"], "--mini"),
]


def fuzz(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(FUZZ), *arguments], capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize(("arguments", "named"), WRONG)
def test_wrong_arguments_are_refused_in_one_line(arguments: list[str], named: str) -> None:
    refused = fuzz(*arguments)
    assert (refused.returncode, refused.stdout) == (USAGE_ERROR, "")
    assert refused.stderr.startswith("ci/fuzz: ") and refused.stderr.count("\n") == 1
    assert named in refused.stderr


def test_every_target_of_the_tree_is_listed_and_has_a_corpus() -> None:
    listed = fuzz("--list")
    assert (listed.returncode, listed.stderr) == (OK, "")
    names = listed.stdout.split()
    assert names == sorted(
        path.stem.removeprefix("fuzz_") for path in SOURCES.glob("fuzz_*.cc") if path.stem != "fuzz_target"
    )
    assert names == sorted(path.stem for path in (SOURCES / "corpus").glob("*.txt"))
    for build_file in (SOURCES / "CMakeLists.txt", SOURCES.parent / "CMakeLists.txt"):
        text = build_file.read_text()
        assert all(name in text for name in names), build_file


def test_help_says_what_it_does() -> None:
    said = fuzz("--help")
    assert said.returncode == OK and "--minutes" in said.stdout and "TARGET" in said.stdout
