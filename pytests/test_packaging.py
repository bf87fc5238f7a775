"""The package as it is installed: a wheel, built and installed by what Debian has, without a network.

Fails when the wheel lacks a file, pytest does not find the plugin in it, or the guide's example does not run.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from toy_service import toy

from razor_testing.node import ROOT

GUIDE = ROOT / "pytests" / "README.md"
EXAMPLE = ROOT / "tests" / "examples" / "break_service.py"
PACKAGE = ROOT / "pytests" / "razor_testing"


def without_tree(**variables: str) -> dict[str, str]:
    """The environment, but for what leads to this tree."""
    left_out = ("PYTHONPATH", "PYTEST_ADDOPTS", "RAZOR_SEED")
    return {name: value for name, value in os.environ.items() if name not in left_out} | variables


def run(command: list[str], cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env or without_tree(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in a copy: setuptools writes beside what it packs."""
    pytest.importorskip("setuptools")
    pytest.importorskip("wheel")
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode != 0:
        pytest.skip("python3-pip is not installed")
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    shutil.copytree(PACKAGE, tree / "pytests" / "razor_testing", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(GUIDE, tree / "pytests")
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "wheel", *options, "-w", "out", "."], tree)
    (built,) = (tree / "out").glob("*.whl")
    return built


def test_wheel_holds_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    files = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*.py")}
    assert {name for name in names if name.startswith("razor_testing/")} == files | {"razor_testing/py.typed"}
    assert "\nRequires-Dist: msgpack\n" in metadata
    assert "\nRequires-Dist: pytest (>=7.2.1)\n" in metadata


def test_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (version,) = re.findall(r"^project\(razor VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert project["version"] == version


def test_installed_plugin_runs_the_example_of_the_guide(wheel: Path, tmp_path: Path) -> None:
    """In a virtual environment that sees Debian's packages. The guide's service is stood in for by another one."""
    run([sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", "venv"], tmp_path)
    python = str(tmp_path / "venv" / "bin" / "python")
    # The pip of the system, since a pip in each environment would take seconds.
    install = [sys.executable, "-m", "pip", "--python", python, "install"]
    run([*install, "--no-index", "--no-deps", "--quiet", "--disable-pip-version-check", str(wheel)], tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    in_guide = next(block for block in blocks if "def test_" in block)
    assert len([line for line in in_guide.splitlines() if line.strip()]) <= 15
    example = EXAMPLE.read_text()
    assert in_guide.strip() in example
    (tmp_path / "test_example.py").write_text(example)
    command = [python, "-m", "pytest", "-q", "--strict-markers", "--razor-node", shlex.join(toy())]
    assert "2 passed" in run(command, tmp_path, without_tree(PYTHONSAFEPATH="1"))
    where = run([python, "-c", "import razor_testing.plugin as found; print(found.__file__)"], tmp_path)
    assert where.startswith(str(tmp_path / "venv")), where


@pytest.mark.parametrize(
    "place, arguments", [(".", []), (".", ["pytests/test_packaging.py"]), ("pytests", ["test_packaging.py"])]
)
def test_tests_of_this_tree_have_its_plugin(place: str, arguments: list[str]) -> None:
    """Also where the package is not installed, and from wherever pytest is started."""
    found = run([sys.executable, "-m", "pytest", "--markers", *arguments], ROOT / place)
    assert "@pytest.mark.razor_timeout(seconds):" in found
