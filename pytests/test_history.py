"""Histories: what was written survives SIGKILL, and what is not as history.md says is refused with its place.

Fails when a line is lost or torn by a kill, when threads mix their lines, or when a bad file is taken for a good one.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from razor_testing import calls, edn, history_lines
from razor_testing.calls import parse
from razor_testing.history import FAILED, MAYBE, OK, OPEN, History, HistoryError, Recorder
from razor_testing.node import ROOT
from razor_testing.waiting import wait_until

START = '{"type":"start","process":"p","at_ns":1,"format":1}\n'
INVOKE = '{"type":"invoke","process":"p","id":"1","op":"read","at_ns":5}\n'
COMPLETE = '{"type":"complete","process":"p","id":"1","at_ns":9,"outcome":"ok","ran":"yes","result":7}\n'


def changed(line: str, **fields: Any) -> str:
    said = {**json.loads(line), **fields}
    return json.dumps({name: value for name, value in said.items() if value is not ...}) + "\n"


# --- Writing ------------------------------------------------------------------------------------------------------------


def test_what_is_recorded_is_read(tmp_path: Path) -> None:
    with History(tmp_path / "history.jsonl") as history:
        recorder = history.recorder("test")
        with recorder.call("write", [1, {"größe": [None, True]}], key="x", client="a", timeout=2) as call:
            call.ok("done")
        with recorder.call("write", [2], key="x", client="a") as call:
            call.failed("refused")
        with recorder.call("write", [3], key="x", client="a") as call:
            call.maybe("connection_lost")
        recorder.invoke("read", key=7, client="b", call_id="mine")
        recorder.ran("mine")
        recorder.applied("mine")
        recorder.stored("mine")
        done, refused, lost, still_open = history.calls
        assert (done.outcome, done.ran, done.result, done.args) == (OK, "yes", "done", (1, {"größe": [None, True]}))
        assert done.completed_ns is not None and done.deadline_ns == done.invoked_ns + 2 * 10**9
        assert done.invoked_ns <= done.completed_ns <= refused.invoked_ns
        assert (refused.outcome, refused.ran, refused.error) == (FAILED, "no", "refused")
        assert (lost.outcome, lost.ran, lost.error) == (MAYBE, "maybe", "connection_lost")
        assert (still_open.id, still_open.outcome, still_open.key) == ("mine", OPEN, 7)
        recorded = history.read()
        assert [line.id for line in (*recorded.ran, *recorded.applied, *recorded.stored)] == ["mine"] * 3
        described = history.describe()
        assert "4 calls: 1 ok, 1 failed, 1 maybe, 1 open; 0 torn lines" in described and "connection_lost" in described
    assert History.load([history.path]).calls == (done, refused, lost, still_open)
    with pytest.raises(ValueError, match="closed"):
        recorder.invoke("read")


class Refused(Exception):
    ran = "no"


class SaidByHandler(Exception):
    ran = "yes"
    is_of_application = True


class TimedOut(Exception):
    ran = "maybe"
    code = "deadline_exceeded"


class Undecodable(Exception):
    ran = "yes"


@pytest.mark.parametrize(
    "escaped, outcome, ran",
    [
        (Refused("r"), FAILED, "no"),
        (SaidByHandler("s"), FAILED, "yes"),
        (Undecodable("u"), MAYBE, "yes"),
        (TimedOut("no response within 2 s"), MAYBE, "maybe"),
        (OSError(), MAYBE, "maybe"),
    ],
    ids=["refused", "the handler's", "undecodable", "in no time", "unknown"],
)
def test_an_exception_says_how_a_call_ended(tmp_path: Path, escaped: Exception, outcome: str, ran: str) -> None:
    with History(tmp_path / "h") as history:
        with pytest.raises(type(escaped)), history.recorder("test").call("read"):
            raise escaped
        (call,) = history.calls
        said = getattr(escaped, "code", "") or str(escaped) or type(escaped).__name__
        assert (call.outcome, call.ran, call.error) == (outcome, ran, said)


def test_threads_and_recorders_share_a_file(tmp_path: Path) -> None:
    count = 200
    path = tmp_path / "h"
    with Recorder(path, "one") as one, Recorder(path, "two") as two:

        def write(recorder: Recorder, client: str) -> None:
            for index in range(count):
                with recorder.call("op", ["x" * index], client=client) as call:
                    call.ok(index)

        writers = [threading.Thread(target=write, args=(recorder, f"{at}")) for at in range(4) for recorder in (one, two)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    history = History.load([path])
    assert history.read().torn_lines == 0
    assert [call.outcome for call in history.calls] == [OK] * (8 * count)


def test_lines_outlive_a_kill(tmp_path: Path) -> None:
    """The writer also says on another path which calls it has recorded: none of those may be missing."""
    program = f"""
import sys; sys.path.insert(0, {str(ROOT / "pytests")!r})
from razor_testing.history import Recorder
recorder = Recorder({str(tmp_path / "h")!r}, "victim")
while True:
    with recorder.call("op", ["x" * 3000], client="a") as call:
        call.ok()
    print(call.id, flush=True)
"""
    told: list[str] = []
    for _ in range(2):  # the second one continues the file
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as victim:
            assert victim.stdout is not None
            told += [victim.stdout.readline().strip() for _ in range(50)]
            os.kill(victim.pid, signal.SIGKILL)
            told += [line.strip() for line in victim.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    history = History.load([tmp_path / "h"])
    completed = {call.id for call in history.calls if call.outcome == OK}
    assert set(told) <= completed
    assert len([call for call in history.calls if call.outcome == OPEN]) <= 2
    assert len(history.read().starts) == 2


def test_a_torn_line_is_counted_and_closed_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_text(START + INVOKE + COMPLETE[:-20])
    history = History.load([path])
    assert (history.read().torn_lines, [call.outcome for call in history.calls]) == (1, [OPEN])
    with Recorder(path, "p") as recorder:
        recorder.ran("1")
    assert path.read_text().splitlines()[2].endswith("#torn")
    assert (history.read().torn_lines, len(history.read().ran)) == (1, 1)
    assert history.calls[0].is_abandoned
    path.write_text("")
    with Recorder(path, "p"):
        pass
    assert History.load([path]).read().torn_lines == 0


def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    with Recorder(tmp_path / "h", "p") as recorder:
        too_much: list[list[object]] = [[float("nan")], ["x" * history_lines.LINE_BYTES_MAX]]
        for args in too_much:
            with pytest.raises(ValueError):
                recorder.invoke("op", args)
        with pytest.raises(TypeError):
            recorder.invoke("op", [b"bytes"])
    assert History.load([tmp_path / "h"]).calls == ()


def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(OSError, match="No space"):
        Recorder("/dev/full", "p")


def test_files_of_other_processes_are_read_along(tmp_path: Path) -> None:
    with History(tmp_path / "history.jsonl") as history:
        server_file = history.file_for("s1")
        assert server_file.name == "history.s1.jsonl"
        call_id = history.recorder("test").invoke("op")
        assert len(history.calls) == 1
        with Recorder(server_file, "s1") as server:
            server.ran(call_id)
            assert [line.id for line in history.read().ran] == [call_id]
            server.applied(call_id)
            wait_until("the file to have grown", lambda: len(history.read().applied) == 1)
        assert history.file_for("s1") == server_file and history.paths == [history.path, server_file]
        assert history.recorder("test") is history.recorder("test")


# --- Reading ------------------------------------------------------------------------------------------------------------

GOOD = START + INVOKE + COMPLETE
BAD: list[tuple[str, str, str]] = [
    ("no JSON", START + "hello\n", "h:2: not JSON"),
    ("an empty line", START + "\n" + INVOKE, "h:2: not JSON"),
    ("a list", "[1]\n", "h:1: not an object"),
    ("half a line inside", START + INVOKE[:20] + "\n" + COMPLETE, "h:2: not JSON"),
    ("too deep", "[" * 100_000 + "\n", "h:1: not JSON"),
    ("a number too long to read", '{"type":"start","process":"p","at_ns":' + "9" * 5000 + "}\n", "h:1: not JSON"),
    ("NaN", START + INVOKE.replace('"read"', '"read","args":[NaN]'), "h:2: not JSON: NaN"),
    ("a field twice", START.replace('"at_ns":1', '"at_ns":1,"at_ns":2'), "h:1: not JSON: a field comes twice"),
    ("no type", changed(START, type=...), "h:1: `type` is None"),
    ("an unknown type", changed(START, type="begin"), "h:1: `type` is 'begin'"),
    ("a list for a type", changed(START, type=["start"]), r"h:1: `type` is \['start'\]"),
    ("an unknown format", changed(START, format=2), "h:1: `format` is '2'"),
    ("a format that is true", changed(START, format=True), "h:1: `format` is 'True'"),
    ("a missing field", START + changed(INVOKE, op=...), "h:2: `invoke` lacks op"),
    ("an unknown field", START + changed(INVOKE, opp="x"), "h:2: `opp` is no field of `invoke`"),
    ("a negative time", START + changed(INVOKE, at_ns=-1), "h:2: `at_ns` is '-1'"),
    ("a fraction for a time", START + changed(INVOKE, at_ns=1.5), "h:2: `at_ns`"),
    ("a bool for a time", START + changed(INVOKE, at_ns=True), "h:2: `at_ns`"),
    ("a time too large", START + changed(INVOKE, deadline_ns=2**63), "h:2: `deadline_ns`"),
    ("an empty name", START + changed(INVOKE, client=""), "h:2: `client`"),
    ("a long name", START + changed(INVOKE, id="x" * 257), "h:2: `id`"),
    ("half a surrogate pair", START + changed(INVOKE, id="\ud800"), "h:2: `id`"),
    ("a list for a key", START + changed(INVOKE, key=[1]), "h:2: `key`"),
    ("a fraction for a key", START + changed(INVOKE, key=1.0), "h:2: `key`"),
    ("no list of args", START + changed(INVOKE, args={}), "h:2: `args`"),
    ("an unknown outcome", START + INVOKE + changed(COMPLETE, outcome="fine"), "h:3: `outcome`"),
    ("ok that did not run", START + INVOKE + changed(COMPLETE, ran="no"), "h:3: outcome ok with ran no"),
    ("ok that may have run", START + INVOKE + changed(COMPLETE, ran="maybe"), "h:3: outcome ok with ran maybe"),
    ("failed that may have run", START + INVOKE + changed(COMPLETE, outcome=FAILED, ran="maybe"), "h:3: outcome failed"),
    ("maybe that did not run", START + INVOKE + changed(COMPLETE, outcome=MAYBE, ran="no"), "h:3: outcome maybe"),
    ("ok with an error", START + INVOKE + changed(COMPLETE, error="x"), "h:3: outcome ok with an error"),
    ("failed without error", START + INVOKE + changed(COMPLETE, outcome=FAILED), "h:3: outcome failed without"),
    ("a line too long", START + changed(INVOKE, args=["x" * (1 << 20)]), "h:2: a line has"),
    ("no start", INVOKE, "h:1: process p has no `start`"),
    ("an id twice", START + INVOKE + changed(INVOKE, at_ns=6), "h:3: the id 1 was invoked before, at h:2"),
    (
        "two calls of a client at a time",
        START + changed(INVOKE, client="a") + changed(INVOKE, client="a", id="2"),
        "h:3: client a has another call open, 1 of h:2",
    ),
    (
        "completed by another process",
        START + changed(START, process="q") + INVOKE + changed(COMPLETE, process="q"),
        "h:4: q completes 1, which p invoked at h:3",
    ),
    ("completed after a restart", START + INVOKE + changed(START, at_ns=7) + COMPLETE, "h:4: 1 is completed though"),
]


@pytest.mark.parametrize("text, why", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_history_is_refused_with_its_place(text: str, why: str) -> None:
    assert len(parse(GOOD).calls) == 1
    with pytest.raises(HistoryError, match=f"^{why}"):
        parse(text, "h")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_bytes(START.encode() + b'{"\xff\xfe"}\n')
    with pytest.raises(HistoryError, match="h:2: not JSON"):
        History.load([path])
    assert "cannot be read" in History(path).describe()
    with pytest.raises(OSError):
        History.load([tmp_path / "nothing"])
    with pytest.raises(ValueError):
        History.load([])
    assert History(tmp_path / "nothing").calls == ()


def test_a_client_may_go_on_after_a_restart() -> None:
    again = changed(START, at_ns=6) + changed(INVOKE, client="a", id="2", at_ns=7)
    first, second = parse(START + changed(INVOKE, client="a") + again).calls
    assert (first.is_abandoned, first.outcome) == (True, OPEN)
    assert not second.is_abandoned


def test_lines_are_put_in_the_order_of_time() -> None:
    recorded = calls.read([("late", (INVOKE + COMPLETE).encode()), ("early", START.encode())])
    assert [call.result for call in recorded.calls] == [7]
    assert recorded.last_ns == {"p": 9}


def test_the_example_of_the_document_is_a_history() -> None:
    document = (ROOT / "pytests" / "history.md").read_text(encoding="utf-8").splitlines()
    recorded = parse("".join(f"{line.strip()}\n" for line in document if line.startswith("    {")))
    assert [call.outcome for call in recorded.calls] == [OK]
    assert len(recorded.ran) == len(recorded.applied) == len(recorded.stored) == 1


def test_export_for_jepsen() -> None:
    told = START
    told += changed(INVOKE, id="w", op="write", key="x", args=['a"b\n'], client="c", at_ns=2)
    told += changed(COMPLETE, id="w", at_ns=3, result=None)
    told += changed(INVOKE, id="r", op="Kv.read it", key="x", client="c", at_ns=4)
    told += changed(COMPLETE, id="r", at_ns=5, result={"v": [1, True, None]})
    told += changed(INVOKE, id="l", op="cas", args=[1, 2], client="c", at_ns=6)
    told += changed(COMPLETE, id="l", at_ns=7, outcome=MAYBE, ran="maybe", error="lost", result=...)
    told += changed(INVOKE, id="o", client="c", at_ns=8)
    assert edn.exported(parse(told).calls).splitlines() == [
        r'{:index 0, :type :invoke, :f :write, :value ["x" "a\"b\n"], :process 0, :time 2}',
        r'{:index 1, :type :ok, :f :write, :value ["x" "a\"b\n"], :process 0, :time 3}',
        '{:index 2, :type :invoke, :f :Kv.read-it, :value ["x" nil], :process 0, :time 4}',
        '{:index 3, :type :ok, :f :Kv.read-it, :value ["x" {"v" [1 true nil]}], :process 0, :time 5}',
        "{:index 4, :type :invoke, :f :cas, :value [1 2], :process 0, :time 6}",
        '{:index 5, :type :info, :f :cas, :value [1 2], :process 0, :time 7, :error "lost"}',
        "{:index 6, :type :invoke, :f :read, :value nil, :process 1, :time 8}",
    ]
