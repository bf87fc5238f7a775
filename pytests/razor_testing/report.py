"""What the plugin knows of one test: what it started, and what is told when it fails."""

import random
import shlex
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from razor_testing.cluster import Cluster
from razor_testing.namespaces import Network

if TYPE_CHECKING:
    from razor_testing.proxy import FaultProxy

DIRECTORY = "razor"
DIRECTORY_PROPERTY = "razor_directory"
TIMELINE_LINES_MAX = 200


class Seed(random.Random):
    """Chance that can be repeated: a random.Random that knows the number which it began with."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


class Record:
    """Of one test. Fixtures fill it; the report of a failed test reads it."""

    def __init__(self, item: pytest.Item, seed: Callable[[], int]):
        self._item = item
        self._choose_seed = seed
        self._seed: Seed | None = None
        self._proxies_seeded = 0
        self._directory: Path | None = None
        self.clusters: list[Cluster] = []
        self.proxies: list[FaultProxy] = []
        self.histories: list[Any] = []
        self.network: Network | None = None
        self.failed = False
        self.told = False

    @property
    def seed(self) -> Seed:
        """The test's: the first use draws it, if it is not given, and prints it."""
        if self._seed is None:
            self._seed = Seed(self._choose_seed())
            print(f"SEED={self._seed.number}")
        return self._seed

    def draw_proxy_seed(self) -> int:
        """A proxy's: it follows from the test's seed and the number of proxies before, not from what the test drew."""
        self._proxies_seeded += 1
        return random.Random(f"{self.seed.number}/proxy/{self._proxies_seeded}").randrange(1 << 32)

    def directory(self, tmp_path: Path) -> Path:
        """For the output of processes and histories, within the test's."""
        if self._directory is None:
            self._directory = tmp_path / DIRECTORY
            self._directory.mkdir()
            if self._item.config.getoption("razor_keep"):
                self._item.user_properties.append((DIRECTORY_PROPERTY, str(self._directory)))
        return self._directory

    def sections(self) -> list[tuple[str, str]]:
        """Titles and texts for the report of a failure, of what there is."""
        found: list[tuple[str, str]] = []

        def add(title: str, text: Callable[[], str]) -> None:
            try:
                told = text()
            except Exception as error:  # a report that fails would hide the failure that it is about
                told = f"cannot be told: {error!r}"
            if told:
                found.append((title, told))

        for number, cluster in enumerate(self.clusters, 1):
            which = f" of cluster {number}" if len(self.clusters) > 1 else ""
            add(f"razor processes{which}", cluster.describe)
            add(f"razor timeline{which}", partial(_timeline, cluster))
            for name, proxy in cluster.proxies.items():
                add(f"razor proxy before {name}", partial(_timeline, proxy))
        for proxy in self.proxies:
            add(f"razor proxy at {proxy.address}", partial(_timeline, proxy))
        if self.network is not None:
            add("razor network", partial(_timeline, self.network))
        for history in self.histories:
            add("razor history", history.describe)
        if self._directory is not None or self._seed is not None:
            add("razor again", lambda: f"again: {self.again()}")
        return found

    def again(self) -> str:
        """The command that repeats the test, with its seed."""
        config = self._item.config
        words = [sys.executable, "-m", "pytest"] if sys.argv[0].endswith("__main__.py") else ["pytest"]
        words.append(self._item.nodeid)
        if self._seed is not None:
            words += ["--razor-seed", str(self._seed.number)]
        for option in ("node", "plan"):
            if given := config.getoption(f"razor_{option}"):
                words += [f"--razor-{option}", str(given)]
        command = shlex.join(words)
        if config.invocation_params.dir != config.rootpath:
            return f"cd {shlex.quote(str(config.rootpath))} && {command}"
        return command

    def clean(self) -> None:
        """Removes the output of a test that passed, which may be large, unless it is to be kept."""
        if self._directory is not None and not self.failed and not self._item.config.getoption("razor_keep"):
            shutil.rmtree(self._directory, ignore_errors=True)


def _timeline(source: Any) -> str:
    """Of a cluster or a proxy."""
    lines: list[str] = source.timeline()
    left_out = len(lines) - TIMELINE_LINES_MAX
    return "\n".join([f"... {left_out} before", *lines[-TIMELINE_LINES_MAX:]] if left_out > 0 else lines)
