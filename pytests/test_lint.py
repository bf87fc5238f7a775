"""ci/lint, in a tree of a few files: what it finds, what it repairs, and what it says.

Fails when a file that is not formatted, a header that does not compile alone, or a mistake of types passes.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from razor_testing.node import ROOT

TOOLS = ("git", "clang-format-19", "clang-tidy-19", "clang++-19", "black", "flake8", "mypy")
COPIED = (
    "ci/command_line.py",
    "ci/lint",
    "ci/check_layers.py",
    "ci/check_co_await.py",
    ".clang-format",
    ".clang-tidy",
    ".flake8",
    "pyproject.toml",
)
USAGE_ERROR = 64

pytestmark = pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason="ci/setup installs the tools")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in COPIED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    return tmp_path


def git(tree: Path, *arguments: str) -> None:
    names = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", *arguments], cwd=tree, check=True, env={**os.environ, **names})


def lint(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ci/lint", *arguments], cwd=tree, capture_output=True, text=True)


def write(tree: Path, name: str, text: str) -> str:
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text(text)
    return name


def test_formatting_is_found_and_repaired(tree: Path) -> None:
    names = [write(tree, "lib/x.h", "#pragma once\nint   f( int a );\n"), write(tree, "ci/x.py", "x = [ 1,2 ]\n")]
    found = lint(tree, *names)
    assert found.returncode == 1
    assert "lib/x.h: not formatted" in found.stderr
    assert "would reformat" in found.stderr
    assert found.stdout.endswith("FAILED: black, flake8, clang-format; `ci/lint --fix` repairs black and clang-format\n")
    repaired = lint(tree, "--fix", *names)
    assert repaired.returncode == 0, repaired
    assert repaired.stdout.endswith("all is well\n")
    assert (tree / "lib/x.h").read_text() == "#pragma once\nint f(int a);\n"


BAD = """\
#pragma once
class bad_name {};
inline char narrow(int a) { return a; }
struct Base {
  virtual void f();
};
"""


def test_headers_that_changed_are_compiled_alone(tree: Path) -> None:
    for name in ("lib/alone.h", "lib/bad.h", "lib/same.h"):
        write(tree, name, "#pragma once\n")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "before")
    git(tree, "switch", "--quiet", "--create", "branch")
    write(tree, "lib/alone.h", "#pragma once\nstd::size_t f();\n")
    write(tree, "lib/bad.h", BAD)
    git(tree, "commit", "--quiet", "--all", "--message", "after")
    found = lint(tree)
    assert found.returncode == 1
    assert "2 compiled (changed since " in found.stdout
    assert found.stdout.endswith("FAILED: headers alone\n")
    assert "use of undeclared identifier 'std'" in found.stderr
    assert "invalid case style for class 'bad_name'" in found.stderr
    assert "implicit conversion loses integer precision" in found.stderr
    assert "non-virtual destructor" in found.stderr


def test_types_of_python_are_checked(tree: Path) -> None:
    found = lint(tree, write(tree, "ci/x.py", "def f(a):\n    return a\n"))
    assert found.returncode == 1
    assert "Function is missing a type annotation" in found.stderr
    assert found.stdout.endswith("FAILED: mypy --strict\n")


def test_what_is_no_file_of_the_tree_is_refused(tree: Path) -> None:
    refused = lint(tree, "gone.cc")
    assert refused.returncode == USAGE_ERROR
    assert refused.stderr == "ci/lint: some of these are no files of the tree\n"
