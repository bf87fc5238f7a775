"""Plans as text, in Python: what the programs of faults/ print is read and printed back, byte for byte, and what they
refuse is refused, with the line and the column.

Fails when a plan that was minimised in simulation cannot be tried on processes, or would be tried as another one.
"""

import random
import subprocess
import time
from pathlib import Path

import pytest

from razor_testing import node
from razor_testing.plan import Plan, PlanError, PlannedFault
from razor_testing.plan_kinds import KINDS, what_is_wrong
from razor_testing.plan_values import NANOSECONDS_MAX, UNITS, duration_text, parse_duration, parse_number

DRAWN = Path(__file__).parent / "drawn.plan"
ACTIONS = {"restart_gracefully", "lead", "attack", "close_and_reopen", "update_addresses"}


def test_what_was_drawn_reads_back() -> None:
    text = DRAWN.read_text()
    plan = Plan.load(DRAWN)
    assert str(plan) == text.partition("\n")[2]  # without the comment
    assert {fault.what for fault in plan.faults} == set(KINDS) | ACTIONS
    for fault in plan.faults:
        assert what_is_wrong(fault) == "", fault


def test_what_a_program_prints_reads_back() -> None:
    """Where one is built."""
    programs = [node.binary().parent / name for name in ("toy_scenarios", "swarm_scenarios")]
    scenarios = {"toy_scenarios": "pays_twice", "swarm_scenarios": "cluster"}
    built = [program for program in programs if program.is_file()]
    if not built:
        pytest.skip(f"neither toy_scenarios nor swarm_scenarios is in {programs[0].parent}")
    for program in built:
        for seed in range(1, 6):
            command = [str(program), "--print-plan", "--scenario", scenarios[program.name], "--seed", str(seed)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            plan = Plan.parse(printed)
            assert str(plan) == printed and plan.seed == seed and plan.faults


def test_reads_what_people_write() -> None:
    plan = Plan.parse(
        "# mine\n#\n\n  at 2s\tkill  server1 for 500ms\r\n#1 at 1s cut a b for 1s way=there way=back\n# at 3s kill x\n"
        "at 0.5s reset a b\nset b 2\nset a 1=2\nset b 3\nscenario first\nscenario second\nseed 18446744073709551615"
    )
    assert str(plan) == (
        "scenario second\nseed 18446744073709551615\nset a 1=2\nset b 3\n"
        "#3 at 500ms reset a b\n#1 at 1s cut a b for 1s way=back\n#2 at 2s kill server1 for 500ms\n"
    )
    assert Plan.parse("") == Plan() and str(Plan()) == ""
    assert plan.hosts == ["a", "b", "server1"]


WRONG: list[tuple[str, int, int, str]] = [
    ("bogus", 1, 1, "bogus: want 'scenario NAME'"),
    ("\nscenario", 2, 1, "scenario: want"),
    ("scenario a b", 1, 1, "scenario: want"),
    ("set a", 1, 1, "set: want"),
    ("seed x", 1, 6, "seed x: want a whole number"),
    ("seed -1", 1, 6, "want a whole number"),
    ("seed 18446744073709551616", 1, 6, "want a whole number"),
    ("seed \u0663", 1, 6, "want a whole number"),
    ("seed 1_0", 1, 6, "want a whole number"),
    ("at x cut a", 1, 4, "at x: want a time, as 1.25s"),
    ("#1 at 1 cut a", 1, 7, "want a time"),
    ("at -1s cut a", 1, 4, "want a time"),
    ("at 1.s cut a", 1, 4, "want a time"),
    ("at 1.0123456789s cut a", 1, 4, "want a time"),
    ("at 9223372036.854775808s cut a", 1, 4, "want a time"),
    ("at 99999999999999999999999999h cut a", 1, 4, "want a time"),
    ("at 1s", 1, 6, "want: [#NUMBER] at TIME WHAT"),
    ("#2 at", 1, 6, "want: [#NUMBER] at TIME WHAT"),
    ("#0 at 1s cut a", 1, 1, "#0: want a number from 1"),
    ("#x at 1s cut a", 1, 1, "#x: want a number from 1"),
    ("#4294967296 at 1s cut a", 1, 1, "want a number from 1"),
    ("#1 at 1s cut a\n\n  #1 at 2s cut a", 3, 3, "two faults are called #1, the other one in line 1"),
    ("at 1s cut a for", 1, 16, "for: want a time, as 250ms"),
    ("at 1s cut a for long", 1, 17, "for: want a time"),
    ("at 1s cut a =x", 1, 13, "=x: want NAME=VALUE"),
    ("at 1s cut a x=", 1, 13, "x=: want NAME=VALUE"),
]


@pytest.mark.parametrize("text, line, column, message", WRONG, ids=[repr(row[0]) for row in WRONG])
def test_wrong_lines_are_named(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(PlanError) as raised:
        Plan.parse(text)
    assert (raised.value.line, raised.value.column) == (line, column), raised.value
    assert message in raised.value.message
    assert str(raised.value).startswith(f"line {line}, column {column}: ")


def test_files_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.plan"
    path.write_bytes(b"seed 1\nat 1s \xff")
    with pytest.raises(PlanError, match="line 2, column 7: byte 0xff: want UTF-8"):
        Plan.load(path)
    with pytest.raises(FileNotFoundError):
        Plan.load(tmp_path / "none.plan")


def test_hostile_texts_end_soon() -> None:
    """With a plan that prints and reads back as itself, or with an error; whatever was done to a good one."""
    chance = random.Random(1)
    good = DRAWN.read_text()
    pieces = [b"#", b"at", b"for", b"=", b"\0", b" ", b"\n", b"1e9", b"9" * 400, "\u2028".encode(), b"\r", b"#1 at 1s x"]
    errors = 0
    for _ in range(1000):
        start = chance.randrange(len(good))
        data = bytearray(good[start : start + 300].encode())
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.randrange(3)] = chance.choice(pieces)
        try:
            plan = Plan.parse(data.decode(errors="replace"))
        except PlanError:
            errors += 1
        else:
            assert Plan.parse(str(plan)) == plan
    assert 100 < errors < 1000
    begun = time.process_time()
    with pytest.raises(PlanError):
        Plan.parse("#" * 1_000_000 + " at 1s x")
    many = Plan.parse("at 1s x\n" * 50_000)
    assert len(many.faults) == 50_000
    Plan.parse("at 1s x " + "y " * 200_000)
    assert time.process_time() - begun < 10  # each is linear


def test_times_read_back() -> None:
    chance = random.Random(2)
    spans = [0, 1, 999, NANOSECONDS_MAX, *(unit * 90 for unit in UNITS.values())]
    spans += [
        chance.randrange(10 ** chance.randint(1, 18)) // 10**digits * 10**digits
        for digits in range(12)
        for _ in range(50)
    ]
    for span in spans:
        assert parse_duration(duration_text(span)) == span
    texts = {
        "0s": 0,
        "1.25s": 1_250_000_000,
        "90s": 90 * UNITS["s"],
        "2min": 120 * UNITS["s"],
        "1h": 3600 * UNITS["s"],
        "1.5us": 1500,
        "1234.567us": 1_234_567,
    }
    for text, span in texts.items():
        assert (parse_duration(text), duration_text(span)) == (span, text)
    for text in ("", "1", "s", "1 s", "1S", "+1s", "1e3s", ".5s", "\u0661s", "1s\n"):
        assert parse_duration(text) is None, text
    for text in ("", "+1", "1.0", "9223372036854775808", "\u0661", "1 ", "-"):
        assert parse_number(text) is None, text
    assert parse_number("-9223372036854775808") == -(1 << 63)


FAULTS: list[tuple[str, str]] = [
    ("cut a b c for 1s", "want hosts: 1 .. 2, not 3"),
    ("cut a a for 1s", "host a is named twice"),
    ("cut a", "want how long it lasts: for TIME"),
    ("cut a for 1s way=up", "way=up: want one of both, there, back"),
    ("cut a for 1s speed=1", "cut has no parameter speed"),
    ("slow_link a for 1s", "want latency=..."),
    ("slow_link a for 1s latency=11min", "latency=11min: want a time, 1ns .. 10min"),
    ("bandwidth a for 1s bytes_per_second=0", "want a whole number, 1 .. 1000000000000"),
    ("reset a b for 1s", "is over at once: want no `for`"),
    ("reset a b byte=5", "want how long it lasts: for TIME"),
    ("reset a", "want hosts: 2, not 1"),
    ("kill for 1s", "want hosts: 1 or more, not 0"),
    ("crash a b for 1s when=handshake", "want hosts: 1, not 2"),
    ("partition a b for 1s first=2", "first=2: want a whole number, 1 .. 1"),
]


@pytest.mark.parametrize("line, message", FAULTS, ids=[line for line, _ in FAULTS])
def test_faults_that_are_wrong_are_explained(line: str, message: str) -> None:
    """In the words of the programs of faults/."""
    (fault,) = Plan.parse(f"at 1s {line}").faults
    assert message in what_is_wrong(fault)


def test_idle_time_is_left_out() -> None:
    plan = Plan.parse(
        "at 58s kill a for 2s\nat 59s pause b for 3s\nat 61.5s reset a b\nat 300s kill a for 1s\nat 302s reset a b"
    )
    assert [str(fault) for fault in plan.without_idle(0.5).faults] == [
        "#1 at 500ms kill a for 2s",
        "#2 at 1.5s pause b for 3s",
        "#3 at 4s reset a b",
        "#4 at 5s kill a for 1s",
        "#5 at 6.5s reset a b",
    ]
    assert plan.faults[0] == PlannedFault("kill", ["a"], 58 * UNITS["s"], 2 * UNITS["s"], {}, 1)
