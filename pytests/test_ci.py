"""The scripts of ci/ tell their user what is wrong with a command line.

Fails when a forgotten value shows a line of the shell's own, or a message leaves out what it is about.
"""

import subprocess

import pytest

from razor_testing import node

USAGE_ERROR = 64

WRONG: list[tuple[list[str], int, str]] = [
    (["ci/test", "--compiler"], USAGE_ERROR, "usage: ci/test"),
    (["ci/test", "--dir"], USAGE_ERROR, "usage: ci/test"),
    (["ci/test", "bogus"], USAGE_ERROR, "usage: ci/test"),
    (["ci/build", "--compiler"], USAGE_ERROR, "usage: ci/build"),
    (["ci/build", "--sanitize"], USAGE_ERROR, "usage: ci/build"),
    (["ci/build", "--dir"], USAGE_ERROR, "usage: ci/build"),
    (["ci/build", "--bogus"], USAGE_ERROR, "usage: ci/build"),
    (["ci/build", "--compiler", "no-such-compiler"], 1, "ci/build: no such compiler: no-such-compiler"),
    (["ci/demo", "bogus"], USAGE_ERROR, "usage: ci/demo"),
    (["ci/lint", "--bogus"], USAGE_ERROR, "usage: ci/lint"),
    (["ci/lint", "--since", "no-such-revision"], USAGE_ERROR, "ci/lint: no such revision: no-such-revision"),
    (["ci/lint", "no_such_file.cc"], USAGE_ERROR, "ci/lint: some of these are no files of the tree"),
    (["ci/setup", "--bogus"], USAGE_ERROR, "usage: ci/setup"),
    (["ci/sanitize", "bogus"], USAGE_ERROR, "usage: ci/sanitize"),
]


@pytest.mark.parametrize(
    "command, status, said", WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_wrong_usage_is_explained(command: list[str], status: int, said: str) -> None:
    finished = subprocess.run(command, cwd=node.ROOT, capture_output=True, text=True)
    assert finished.returncode == status, finished
    assert finished.stdout == ""
    assert finished.stderr.startswith(said)
    assert finished.stderr.count("\n") == 1
