"""How the hub of a network drops packets between two hosts: by nftables where `nft` is installed, else by rules of routing.

Both drop in silence, one way, also what is on open connections. nftables counts what it drops, and a set of pairs is changed
at once, however many there are; rules of routing need nothing but `ip`.
"""

import re
import shutil
from collections.abc import Callable, Sequence
from typing import Protocol

# The addresses of a sender and a receiver.
Pair = tuple[str, str]
# Runs a command in the hub and returns what it prints; the text is its stdin. Raises NoNetwork when it fails.
RunInHub = Callable[[Sequence[str], str], str]


class NoNetwork(Exception):
    """Namespaces, or links between them, cannot be made here; the text says why."""


RULES = """
table ip razor {
    set cuts { type ipv4_addr . ipv4_addr; }
    counter dropped { }
    chain forward {
        type filter hook forward priority filter; policy accept;
        ip saddr . ip daddr @cuts counter name dropped drop
    }
}
"""
# Before those of emulated links, so that a cut also stops what is under way there.
RULE_PRIORITY = "100"


class Cuts(Protocol):
    """Which packets the hub drops."""

    # For people: what drops them.
    kind: str

    def add(self, pairs: Sequence[Pair]) -> None:
        """Drops packets of these, which are not cut yet."""

    def remove(self, pairs: Sequence[Pair]) -> None:
        """Lets packets of these through, which are cut."""

    def dropped(self) -> int | None:
        """How many packets so far; None where that is not known."""


class NftCuts:
    kind = "nftables"

    def __init__(self, run: RunInHub):
        self._run = run
        run(["nft", "-f", "-"], RULES)

    def add(self, pairs: Sequence[Pair]) -> None:
        self._change("add", pairs)

    def remove(self, pairs: Sequence[Pair]) -> None:
        self._change("delete", pairs)

    def dropped(self) -> int:
        listed = self._run(["nft", "list", "counter", "ip", "razor", "dropped"], "")
        found = re.search(r"packets (\d+)", listed)
        assert found is not None, listed
        return int(found[1])

    def _change(self, what: str, pairs: Sequence[Pair]) -> None:
        elements = ", ".join(f"{sender} . {receiver}" for sender, receiver in pairs)
        self._run(["nft", "-f", "-"], f"{what} element ip razor cuts {{ {elements} }}\n")


class RouteCuts:
    kind = "ip rule"

    def __init__(self, run: RunInHub):
        self._run = run

    def add(self, pairs: Sequence[Pair]) -> None:
        self._change("add", pairs)

    def remove(self, pairs: Sequence[Pair]) -> None:
        self._change("delete", pairs)

    def dropped(self) -> None:
        return None

    def _change(self, what: str, pairs: Sequence[Pair]) -> None:
        for sender, receiver in pairs:
            rule = ["from", sender, "to", receiver, "priority", RULE_PRIORITY, "blackhole"]
            self._run(["ip", "rule", what, *rule], "")


def make_cuts(run: RunInHub) -> Cuts:
    """nftables, unless it is not installed, or the kernel has none."""
    if shutil.which("nft") is not None:
        try:
            return NftCuts(run)
        except NoNetwork:
            pass
    return RouteCuts(run)
