"""The planted bugs fit the tree: each is understood, and its old text stands where it says.

Nothing is built here; ci/explore --planted builds them and has the oracles find them. Fails when the tree has moved on and a
planted bug was left behind, or when a rule of the contract has no bug any more.
"""

import operator
import sys
from pathlib import Path

import pytest

from razor_testing import node

PLANTED = node.ROOT / "tests/planted"
sys.path.insert(0, str(PLANTED))

import catalogue  # noqa: E402  # lies with the bugs

BUGS_LEAST = 48
# Those of faults/contract.md that hold of the library in simulation; the others are about real processes.
RULES = [*range(1, 31), *range(34, 39)]

FILES = sorted(PLANTED.glob("*.planted"))

BUG = """\
rule: 20
title: the window admits one more
why: a server gets more calls than it was promised
file: lib/window.h
--- old
  return used_ < limit_;
--- new
  return used_ < limit_ + (PLANTED ? 1 : 0);
---
"""


@pytest.mark.parametrize("path", FILES, ids=operator.attrgetter("stem"))
def test_bug_fits_the_tree(path: Path) -> None:
    bug = catalogue.parse(path)
    for block in bug.blocks:
        assert block.old != block.new
    planted = catalogue.planted_files([bug])
    assert planted.keys() == {block.path for block in bug.blocks}
    assert any(f"(::razor_planted == {bug.number})" in text for text in planted.values())


def test_all_bugs_fit_beside_each_other() -> None:
    catalogue.planted_files(catalogue.read_all())


def test_there_are_enough_and_every_rule_has_one() -> None:
    bugs = catalogue.read_all()
    assert len(bugs) >= BUGS_LEAST
    covered = {bug.rule for bug in bugs}
    assert [rule for rule in RULES if str(rule) not in covered] == []
    assert "harness" in covered


# --- Mistakes are told with the file and the block -------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/window.h").write_text("#pragma once\nbool room() {\n  return used_ < limit_;\n}\n")
    return tmp_path


def bug_of(tree: Path, name: str, text: str) -> catalogue.Bug:
    (tree / name).write_text(text)
    return catalogue.parse(tree / name)


def test_new_text_replaces_the_old_one(tree: Path) -> None:
    bug = bug_of(tree, "20_window.planted", BUG)
    assert catalogue.planted_files([bug], tree) == {
        "lib/window.h": '#pragma once\n#include "razor/base/planted.h"\nbool room() {\n'
        "  return used_ < limit_ + ((::razor_planted == 20) ? 1 : 0);\n}\n"
    }


@pytest.mark.parametrize(
    "name, old, new, said",
    [
        ("window.planted", "", "", "want a name like"),
        ("20_window.planted", "rule: 20", "rule: twenty", "rule: want a number"),
        ("20_window.planted", "why: a", "because: a", "20_window.planted:3: not understood"),
        ("20_window.planted", "title: the window admits one more\n", "", "no title"),
        ("20_window.planted", "file: lib/window.h\n", "", "a block without a file"),
        ("20_window.planted", "file: lib/", "file: tests/", "bugs are planted in"),
        ("20_window.planted", "PLANTED ? 1 : 0", "1", "no new text says PLANTED"),
        ("20_window.planted", "0);\n---\n", "0);\n", "the last block has no end"),
    ],
)
def test_a_wrong_file_is_explained(tree: Path, name: str, old: str, new: str, said: str) -> None:
    with pytest.raises(catalogue.Mistake, match=said):
        bug_of(tree, name, BUG.replace(old, new))


@pytest.mark.parametrize("count", [0, 2])
def test_an_old_text_that_is_not_there_once_is_explained(tree: Path, count: int) -> None:
    (tree / "lib/window.h").write_text("  return used_ < limit_;\n" * count)
    with pytest.raises(catalogue.Mistake, match=f"20_window: {count} places in lib/window.h"):
        catalogue.planted_files([bug_of(tree, "20_window.planted", BUG)], tree)


def test_two_bugs_in_one_place_are_explained(tree: Path) -> None:
    bugs = [bug_of(tree, "20_window.planted", BUG), bug_of(tree, "21_window.planted", BUG)]
    with pytest.raises(catalogue.Mistake, match="20_window and 21_window touch the same text"):
        catalogue.planted_files(bugs, tree)


def test_numbers_are_unique(tree: Path) -> None:
    (tree / "20_window.planted").write_text(BUG)
    (tree / "20_other.planted").write_text(BUG)
    with pytest.raises(catalogue.Mistake, match="the same number"):
        catalogue.read_all(tree)
