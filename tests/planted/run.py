#!/usr/bin/env python3
"""Plants bugs, and tells how many seeds the oracles of a scenario program need to find each.

    ci/explore --planted [NAMES...] [--base-seeds 5] [--seeds 1000] [--json FILE]

All bugs (catalogue.py says what they look like) are put into one copy of the tree and built once; the environment variable
RAZOR_PLANTED then chooses one. NAMES are numbers, or parts of names; without any, all are planted. First the program runs
without a bug, which must not fail. A bug counts as found by a broken rule, a crash, a run that does not end, with --replay
by a second run that differs, and by a kind of fault that never acts. Status 1: a bug was not found, or the program failed
without one.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import catalogue
from catalogue import HERE, ROOT, Bug, Mistake

PROGRAM = "swarm_scenarios"
# What the program is made of.
COPIED = ("CMakeLists.txt", "lib", "sim", "faults", "tests")
NOT_COPIED = ("planted",)
# Base seeds are so far apart that no two runs share a seed.
BASE_SEED_STEP = 1_000_000
# A bug may ask for memory without end.
MEMORY_BYTES_MAX = 6 << 30
RULE = re.compile(r"\brule ([\w-]+): (.*)")
# A kind of fault that began so often, and never changed anything, never will. So many seeds show that.
IDLE_LEAST = 20
IDLE_SEEDS = 200


# --- The copy ----------------------------------------------------------------------------------------------------------


def files_of(root: Path) -> Iterator[str]:
    """What is copied, by paths from the root."""
    for name in COPIED:
        if (root / name).is_file():
            yield name
        for folder, folders, files in os.walk(root / name):
            folders[:] = sorted(one for one in folders if one not in NOT_COPIED and one != "__pycache__")
            yield from (str((Path(folder) / file).relative_to(root)) for file in sorted(files))


def write_if_changed(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def copy_tree(bugs: list[Bug], to: Path) -> None:
    """Touches only what has changed since the last time, so that only that is built anew."""
    planted = catalogue.planted_files(bugs)
    wanted = {path: planted[path].encode() if path in planted else (ROOT / path).read_bytes() for path in files_of(ROOT)}
    for name in ("planted.h", "planted.cc"):
        wanted[f"lib/razor/base/{name}"] = (HERE / name).read_bytes()
    for path, content in wanted.items():
        write_if_changed(to / path, content)
    for folder, _, files in os.walk(to):
        for file in files:
            if str((Path(folder) / file).relative_to(to)) not in wanted:
                (Path(folder) / file).unlink()


def build(directory: Path, program: str, jobs: int) -> Path:
    """Ends this process when it cannot be built, with what the compiler says."""
    source = directory / "source"
    configure = ["cmake", "-S", str(HERE), "-B", str(directory / "build"), "-G", "Ninja", f"-DRAZOR_PLANTED_SOURCE={source}"]
    if (ROOT / ".deps/msgpack").exists():
        configure.append(f"-DRAZOR_MSGPACK_ROOT={ROOT / '.deps/msgpack'}")
    if shutil.which("ccache"):
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    make = ["cmake", "--build", str(directory / "build"), "-j", str(jobs), "--target", program]
    for command in (configure, make):
        shows_progress = command is make and sys.stdout.isatty()
        done = subprocess.run(
            command, stdout=None if shows_progress else subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{done.stdout or ''}\nthe copy with the planted bugs cannot be built ({' '.join(command)})")
    return directory / "build" / program


# --- Running -----------------------------------------------------------------------------------------------------------


@dataclass
class Detection:
    """One search for one bug."""

    base_seed: int
    found: bool
    seeds: int  # that it took, the failing one included
    seconds: float
    by: str  # "rule 12", "crash", "hang", "replay"; or why it was not found
    says: str = ""
    again: str = ""


@dataclass
class Searched:
    bug: Bug
    detections: list[Detection] = field(default_factory=list)

    @property
    def found(self) -> bool:
        return bool(self.detections) and all(one.found for one in self.detections)

    def by(self) -> str:
        """What found it, the most frequent first."""
        names = [one.by for one in self.detections if one.found]
        return ", ".join(sorted(set(names), key=lambda name: (-names.count(name), name)))

    def seeds(self) -> list[int]:
        return [one.seeds for one in self.detections if one.found]


def by_and_says(failure: dict[str, Any]) -> tuple[str, str]:
    message = str(failure["message"])
    rule = RULE.search(message)
    if rule is not None:
        return (f"rule {rule[1]}" if rule[1].isdigit() else rule[1]), rule[2]
    names = {"time_limit": "hang", "divergence": "replay"}
    lines = message.strip().splitlines() or [""]
    checks = [line for line in lines if "check failed" in line or "called" in line]
    return names.get(failure["kind"], str(failure["kind"])), (checks or lines)[0].strip()


def always_idle(summary: dict[str, Any]) -> list[str]:
    """Kinds of faults that changed nothing in any run."""
    counts: dict[str, int] = summary.get("counts", {})
    return [
        name.removeprefix("idle/")
        for name, count in counts.items()
        if name.startswith("idle/") and count >= IDLE_LEAST and counts.get(name.replace("idle/", "acted/"), 0) == 0
    ]


class Runner:
    def __init__(self, program: Path, jobs: int, seed_seconds: float, search_seconds: float, scratch: Path):
        self._program = program
        self._jobs = jobs
        self._seed_seconds = seed_seconds
        self._search_seconds = search_seconds
        self._json = scratch / "run.json"
        self.idle: list[str] = []  # kinds that did nothing in the last search

    def find(self, bug: Bug, base_seed: int, seeds: int) -> Detection:
        if bug.idle:
            return self._find_idle(bug, base_seed, min(seeds, IDLE_SEEDS))
        return self.search(bug.number, base_seed, seeds, bug.options)

    def search(self, number: int, base_seed: int, seeds: int, options: tuple[str, ...] = ()) -> Detection:
        """Runs seeds until one fails that does not fail without the bug. `number` 0: without a bug."""
        began = time.monotonic()
        first = base_seed
        while True:
            found = self._run_seeds(number, first, base_seed + seeds - first, ("--until-failure", *options))
            found.seeds += first - base_seed
            found.base_seed = base_seed
            failing = base_seed + found.seeds - 1
            is_another = number > 0 and found.found and self._run_seeds(0, failing, 1, options).found
            found.seconds = time.monotonic() - began
            if not is_another:
                return found
            first = failing + 1
            if first >= base_seed + seeds:
                return Detection(base_seed, False, seeds, found.seconds, "nothing")

    def _find_idle(self, bug: Bug, base_seed: int, seeds: int) -> Detection:
        ran = self._run_seeds(bug.number, base_seed, seeds, bug.options)
        if bug.idle not in self.idle:
            return Detection(base_seed, False, seeds, ran.seconds, "nothing")
        return Detection(base_seed, True, seeds, ran.seconds, "idle", f"in {seeds} runs no {bug.idle} did anything")

    def _run_seeds(self, number: int, base_seed: int, seeds: int, options: tuple[str, ...]) -> Detection:
        self._json.unlink(missing_ok=True)
        command = [str(self._program), "--base-seed", str(base_seed), "--seeds", str(seeds), "--jobs", str(self._jobs)]
        command += ["--time-limit", str(self._seed_seconds), "--json", str(self._json), *options]
        environment = {name: value for name, value in os.environ.items() if name != "RAZOR_PLANTED"}
        if number > 0:
            environment["RAZOR_PLANTED"] = str(number)
        began = time.monotonic()
        status, out, late = self._run(command, environment)
        seconds = time.monotonic() - began
        summary = json.loads(self._json.read_text()) if self._json.exists() else {}
        self.idle = always_idle(summary)
        failures = sorted(summary.get("failures", []), key=lambda failure: int(failure["seed"]))
        if failures:
            by, says = by_and_says(failures[0])
            took = int(failures[0]["seed"]) - base_seed + 1
            return Detection(base_seed, True, took, seconds, by, says, str(failures[0].get("again", "")))
        ran = int(summary.get("seeds", 0))
        if late:
            return Detection(base_seed, False, ran, seconds, f"nothing in {self._search_seconds:.0f} s")
        if status not in (0, 1) or not summary:
            # Not a run of the program, but all of it.
            return Detection(base_seed, True, max(ran, 1), seconds, f"status {status}", out.strip()[-200:])
        return Detection(base_seed, False, ran, seconds, "nothing")

    def _run(self, command: list[str], environment: dict[str, str]) -> tuple[int, str, bool]:
        def limit_memory() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))

        # A group of its own, so that its workers end with it, and Ctrl-C is ours alone.
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
            preexec_fn=limit_memory,
        )
        try:
            out, _ = process.communicate(timeout=self._search_seconds)
            return process.returncode, out, False
        except subprocess.TimeoutExpired:
            # As Ctrl-C: it still says how far it has come.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                pass
            return 1, "", True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


# --- Telling -----------------------------------------------------------------------------------------------------------


def in_row(cells: list[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def table(searched: list[Searched]) -> str:
    rows = [["bug", "rule", "found by", "seeds: mean", "max", "seconds"]]
    for one in searched:
        seeds = one.seeds()
        found_by = one.by() if one.found else f"NOT FOUND ({len(seeds)} of {len(one.detections)})"
        mean, most = (f"{statistics.mean(seeds):.1f}", str(max(seeds))) if seeds else ("-", "-")
        rows.append([one.bug.name, one.bug.rule, found_by, mean, most, f"{sum(d.seconds for d in one.detections):.1f}"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(in_row(row, widths) for row in rows)


def summary_of(searched: list[Searched]) -> str:
    found = [one for one in searched if one.found]
    text = f"found {len(found)} of {len(searched)}"
    if found:
        means = [statistics.mean(one.seeds()) for one in found]
        worst = max(found, key=lambda one: max(one.seeds()))
        text += f"; seeds: median of the means {statistics.median(means):.1f}"
        text += f", at most {max(worst.seeds())} ({worst.bug.name})"
    missed = [one.bug.name for one in searched if not one.found]
    return text + (f"; NOT FOUND: {', '.join(missed)}" if missed else "")


def report(searched: list[Searched], interrupted: bool) -> dict[str, Any]:
    return {
        "interrupted": interrupted,
        "found": sum(one.found for one in searched),
        "bugs": [
            {
                "number": one.bug.number,
                "name": one.bug.name,
                "rule": one.bug.rule,
                "title": one.bug.title,
                "found": one.found,
                "by": one.by(),
                "detections": [asdict(detection) for detection in one.detections],
            }
            for one in searched
        ],
    }


class Progress:
    """A line that is written over on a terminal, and nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def show(self, text: str) -> None:
        if self._shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        self.show("")


# --- The command -------------------------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ci/explore --planted", description=(__doc__ or "").split("\n", 1)[0], allow_abbrev=False
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="bugs, by number or a part of the name (default: all)")
    parser.add_argument("--list", action="store_true", help="print the bugs, and do nothing")
    parser.add_argument("--check", action="store_true", help="see whether all bugs fit the tree, and do nothing")
    parser.add_argument("--base-seeds", type=int, default=5, help="how often each bug is searched (default: 5)")
    parser.add_argument("--seeds", type=int, default=1000, help="in which it must be found (default: 1000)")
    parser.add_argument("--control-seeds", type=int, default=100, help="without a bug, first; 0: none (default: 100)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed-seconds", type=float, default=60, help="after which a run is one that hangs (default: 60)")
    parser.add_argument("--search-seconds", type=float, default=900, help="for each search of a bug (default: 900)")
    parser.add_argument(
        "--program", default=PROGRAM, help=f"a scenario program of tests/CMakeLists.txt (default: {PROGRAM})"
    )
    parser.add_argument(
        "--dir", type=Path, default=ROOT / "build-planted", help="where it is built (default: build-planted)"
    )
    parser.add_argument("--json", type=Path, help="write what came of it to this file")
    return parser.parse_args()


def chosen(bugs: list[Bug], names: list[str]) -> list[Bug]:
    picked: set[int] = set()
    for name in names:
        fitting = {bug.number for bug in bugs if (int(name) == bug.number if name.isdigit() else name in bug.name)}
        if not fitting:
            sys.exit(f"ci/explore --planted: no bug is called {name}; --list shows them")
        picked |= fitting
    return [bug for bug in bugs if bug.number in picked or not names]


def control(runner: Runner, seeds: int, progress: Progress) -> bool:
    """The program without a bug. False when it fails: then nothing that it finds would mean anything."""
    if seeds == 0:
        return True
    progress.show(f"without a bug, {seeds} seeds")
    without = runner.search(0, 1, seeds)
    progress.clear()
    if without.found:
        print(f"fails without a planted bug, at seed {without.seeds}: {without.by}: {without.says}\n  {without.again}")
        return False
    idle = f"; faults that never did anything: {', '.join(runner.idle)}" if runner.idle else ""
    print(f"without a bug: {without.seeds} runs passed in {without.seconds:.0f} s{idle}", flush=True)
    return True


def search_all(
    runner: Runner, bugs: list[Bug], given: argparse.Namespace, searched: list[Searched], progress: Progress
) -> None:
    """Fills `searched`, so that it is there when this is interrupted."""
    for index, bug in enumerate(bugs, 1):
        one = Searched(bug)
        for turn in range(given.base_seeds):
            progress.show(f"[{index} of {len(bugs)}] {bug.name}, search {turn + 1} of {given.base_seeds}")
            one.detections.append(runner.find(bug, 1 + turn * BASE_SEED_STEP, given.seeds))
            if len(searched) < index:
                searched.append(one)
        progress.clear()
        first = next((detection for detection in one.detections if detection.found), one.detections[0])
        told = f"{first.by}: {first.says}" if first.found else first.by
        took = ", ".join(str(detection.seeds) if detection.found else "not found" for detection in one.detections)
        print(f"[{index} of {len(bugs)}] {bug.name} (rule {bug.rule}): {took}\n    {told[:160]}", flush=True)


def main() -> int:
    given = arguments()
    try:
        bugs = catalogue.read_all()
        if given.list or given.check:
            catalogue.planted_files(bugs)
            if given.list:
                print("\n".join(f"{bug.number:>3}  {bug.rule:>7}  {bug.name}: {bug.title}" for bug in bugs))
            return 0
        picked = chosen(bugs, given.names)
        copy_tree(bugs, given.dir / "source")
    except Mistake as mistake:
        sys.exit(f"planted bugs: {mistake}")
    began = time.monotonic()
    program = build(given.dir, given.program, given.jobs)
    print(f"built {program.name} with {len(bugs)} bugs in {time.monotonic() - began:.0f} s", flush=True)
    progress = Progress()
    runner = Runner(program, given.jobs, given.seed_seconds, given.search_seconds, given.dir)
    searched: list[Searched] = []
    interrupted = False
    try:
        if not control(runner, given.control_seeds, progress):
            return 1
        search_all(runner, picked, given, searched, progress)
    except KeyboardInterrupt:
        interrupted = True
        progress.clear()
        print("stopped; so far:")
    if searched:
        print(f"\n{table(searched)}\n\n{summary_of(searched)}")
    if given.json is not None:
        given.json.write_text(json.dumps(report(searched, interrupted), indent=1) + "\n")
    if interrupted:
        return 130
    return 0 if all(one.found for one in searched) else 1


if __name__ == "__main__":
    sys.exit(main())
