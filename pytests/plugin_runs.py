"""Runs pytest with the plugin of this tree, for tests of the plugin, whose service is the toy."""

import contextlib
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_service import toy

from razor_testing.node import ROOT

TOY = shlex.join(toy())
PYTESTS = ROOT / "pytests"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAZOR_SEED", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(PYTESTS))


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Pytest within this process."""
    return pytester.runpytest("-p", "razor_testing.plugin", "--strict-markers", "--razor-node", TOY, *options)


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "razor_testing.plugin", "--razor-node", TOY, *options]


@contextlib.contextmanager
def running(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Pytest as a process, in a session of its own, that runs the tests of `directory`."""
    with subprocess.Popen(command("-q"), cwd=directory, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()  # where a test has failed, and it goes on
