"""The ledger: forged histories with each kind of broken promise.

Fails when one is not found or not shown, or when a kept promise is called broken.
"""

import time

import pytest

from razor_testing import ledger
from razor_testing.calls import parse
from razor_testing.ledger import Rules

MS = 1_000_000
STRICT = Rules(is_ran_recorded=True, changes=frozenset({"put"}), exactly_once=True, copies=2, deadline_slack=0.1)


class Forged:
    """Lines of a history that is in order: each test breaks one thing."""

    def __init__(self) -> None:
        self.lines = [f'{{"type":"start","process":"{name}","at_ns":1,"format":1}}' for name in ("c", "s1", "s2")]

    def invoke(self, call_id: str, at: int, more: str = "") -> "Forged":
        self.lines.append(f'{{"type":"invoke","process":"c","id":"{call_id}","op":"put","at_ns":{at * MS}{more}}}')
        return self

    def complete(self, call_id: str, at: int, outcome: str = "ok", ran: str = "yes", error: str = "") -> "Forged":
        end = f',"error":"{error}"' if error else ""
        told = f'"outcome":"{outcome}","ran":"{ran}"{end}'
        self.lines.append(f'{{"type":"complete","process":"c","id":"{call_id}","at_ns":{at * MS},{told}}}')
        return self

    def server(self, kind: str, call_id: str, at: int, process: str = "s1") -> "Forged":
        self.lines.append(f'{{"type":"{kind}","process":"{process}","id":"{call_id}","at_ns":{at * MS}}}')
        return self

    def start(self, process: str, at: int) -> "Forged":
        self.lines.append(f'{{"type":"start","process":"{process}","at_ns":{at * MS},"format":1}}')
        return self

    def without(self, kind: str, process: str = "") -> "Forged":
        self.lines = [
            line for line in self.lines if f'"type":"{kind}"' not in line or f'"process":"{process or "s1"}"' not in line
        ]
        return self

    def findings(self, rules: Rules = STRICT) -> list[ledger.Finding]:
        return ledger.check(parse("\n".join(self.lines) + "\n", "h"), rules)

    def broken(self, rules: Rules = STRICT) -> list[str]:
        return [finding.rule for finding in self.findings(rules)]


def kept() -> Forged:
    """One acknowledged change."""
    forged = Forged().invoke("a", 10, ',"deadline_ns":1000000000').server("ran", "a", 11).server("applied", "a", 12)
    return forged.complete("a", 13).server("stored", "a", 5000).server("stored", "a", 5000, "s2")


def failed_call(outcome: str, ran: str, error: str = "x", at: int = 13) -> Forged:
    return Forged().invoke("a", 10, ',"deadline_ns":1000000000').complete("a", at, outcome, ran, error)


def test_kept_promises_are_no_findings() -> None:
    assert kept().findings() == []
    assert failed_call("failed", "no").findings() == []
    assert failed_call("failed", "yes").server("ran", "a", 11).findings() == []
    assert failed_call("maybe", "maybe").findings() == []
    assert failed_call("maybe", "maybe").server("ran", "a", 11).server("applied", "a", 6000).findings() == []
    assert failed_call("maybe", "maybe", "deadline_exceeded", at=1001).findings() == []
    assert Forged().invoke("a", 10).findings() == []


def killed_while_open() -> Forged:
    return Forged().invoke("a", 10, ',"deadline_ns":1000000000').start("c", 500).invoke("b", 9000)


FORGED: list[tuple[str, Forged, list[str]]] = [
    ("run twice", kept().server("ran", "a", 12, "s2"), ["at most once"]),
    ("run again later", kept().server("ran", "a", 900), ["at most once"]),
    ("applied twice", kept().server("applied", "a", 12, "s2"), ["at most once"]),
    ("stored twice in one process", kept().server("stored", "a", 5001), ["at most once"]),
    ("acknowledged and lost everywhere", kept().without("stored").without("stored", "s2"), ["acknowledged means stored"]),
    ("acknowledged and lost in one", kept().without("stored", "s2"), ["acknowledged means stored"]),
    ("acknowledged and never applied", kept().without("applied"), ["exactly once"]),
    ("acknowledged before", kept().without("applied").server("applied", "a", 14), ["acknowledged means done"]),
    ("says it ran, did not", kept().without("ran"), ["ran is truthful"]),
    ("lost, says it ran, did not", failed_call("maybe", "yes"), ["ran is truthful"]),
    ("says it did not run, did", failed_call("failed", "no").server("ran", "a", 12), ["ran is truthful"]),
    ("says it did not run, ran later", failed_call("failed", "no").server("ran", "a", 4000), ["ran is truthful"]),
    (
        "refused, and stored",
        failed_call("failed", "yes").server("ran", "a", 11).server("stored", "a", 5000),
        ["failed means no effect"],
    ),
    ("did not run, and applied", failed_call("failed", "no").server("applied", "a", 12), ["failed means no effect"]),
    ("ran without a call", kept().server("ran", "b", 20), ["a cause for everything"]),
    ("applied without a call", kept().server("applied", "b", 20), ["a cause for everything"]),
    ("stored without a call", kept().server("stored", "b", 5000), ["a cause for everything"]),
    ("ran before it was called", kept().without("ran").server("ran", "a", 9), ["a cause for everything"]),
    ("completed twice", kept().complete("a", 14), ["one completion"]),
    ("completed with two outcomes", kept().complete("a", 14, "maybe", "maybe", "x"), ["one completion"]),
    ("completed without a call", kept().complete("b", 14), ["one completion"]),
    ("told too late", failed_call("maybe", "maybe", "deadline_exceeded", at=1101), ["deadlines"]),
    ("gave up too early", failed_call("maybe", "maybe", "deadline_exceeded", at=999), ["deadlines"]),
    ("never told", Forged().invoke("a", 10, ',"deadline_ns":1000000000').invoke("b", 1101), ["one completion"]),
]


@pytest.mark.parametrize("forged, rules", [row[1:] for row in FORGED], ids=[row[0] for row in FORGED])
def test_a_forged_break_is_found_and_shown(forged: Forged, rules: list[str]) -> None:
    findings = forged.findings()
    assert [finding.rule for finding in findings] == rules
    told = ledger.describe(findings)
    assert "h:" in told and '"type"' in told, "the lines are shown"


def test_rules_are_off_where_their_lines_are_not_written() -> None:
    bare = kept().without("ran").without("applied").without("stored").without("stored", "s2")
    assert bare.broken() == ["ran is truthful", "exactly once", "acknowledged means stored"]
    assert bare.broken(Rules()) == []
    assert kept().server("ran", "a", 12).broken(Rules(runs_max=None)) == []
    assert kept().server("ran", "a", 12).broken(Rules(runs_max=2)) == []


def test_open_calls_are_excused_by_the_death_of_their_process() -> None:
    assert killed_while_open().findings() == []
    assert Forged().invoke("a", 10, ',"deadline_ns":1000000000').findings() == []
    assert Forged().invoke("a", 10, ',"deadline_ns":1000000000').invoke("b", 1099).findings() == []
    assert killed_while_open().broken(Rules(is_all_complete=True)) == ["one completion"]  # the second call


def test_many_findings_are_told_shortly() -> None:
    forged = Forged()
    for index in range(100):
        forged.server("ran", f"x{index}", 20)
    told = ledger.describe(forged.findings())
    assert "and 90 findings more" in told and len(told.splitlines()) < 30


def test_the_ledger_takes_time_in_proportion() -> None:
    forged = Forged()
    for index in range(5_000):
        call_id = f"{index}"
        forged.invoke(call_id, 10 + index).server("ran", call_id, 11 + index).complete(call_id, 12 + index)
    recorded = parse("\n".join(forged.lines) + "\n")
    begun = time.monotonic()
    assert ledger.check(recorded, Rules(is_ran_recorded=True)) == []
    assert time.monotonic() - begun < 2
