"""The page of a timeline: well formed, all its texts escaped, nothing loaded, and every call and fault on it.

Fails when a text of a history becomes markup, or when a call, a mark or a fault is missing or in a wrong place.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

from razor_testing import timeline
from razor_testing.calls import Call, parse

VOID = {"meta"}
EVIL = """</div><script>alert("1")</script>'"&<img src=x onerror=y>"""


class Page(HTMLParser):
    """Its elements, in order; asserts that they are closed as they were opened."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of_class(self, name: str) -> list[dict[str, str]]:
        """Without those of the legend."""
        return [found for tag, found in self.elements if tag == "div" and name in found.get("class", "").split()]


def call(call_id: str, begin: int, end: int | None, outcome: str = "ok", client: str | None = "a", op: str = "read") -> Call:
    return Call(call_id, "test", client, op, "x", (1,), begin, None, end, outcome, "yes", 7, None)


def place(found: dict[str, str], what: str) -> float:
    match = re.search(rf"{what}: ([0-9.]+)", found["style"])
    assert match is not None
    return float(match.group(1))


def test_calls_marks_and_faults_are_where_they_belong(tmp_path: Path) -> None:
    server = "".join(
        f'{{"type":"{kind}","process":"s1","at_ns":{at},{more}}}\n'
        for kind, at, more in (
            ("start", 1, '"format":1'),
            ("ran", 1500, '"id":"one"'),
            ("applied", 1600, '"id":"one"'),
            ("ran", 1700, '"id":"another"'),
        )
    )
    calls = [
        call("one", 1000, 2000),
        call("two", 1500, 2500),
        call("three", 2000, 3000),
        call("four", 2500, None, "open", "b"),
    ]
    file = timeline.write(
        tmp_path / "t.html", calls, history=parse(server), faults=[(2000, "killed s1"), (1000, "cut")], title="T"
    )
    page = Page(file.read_text(encoding="utf-8"))
    one, two, three, four = page.of_class("bar")
    assert [place(bar, "left") for bar in (one, two, three, four)] == [0, 23.8095, 47.6190, 71.4286]
    assert [place(bar, "width") for bar in (one, two, three)] == [47.6190] * 3
    assert place(four, "left") + place(four, "width") == 100, "an open call reaches to the edge"
    assert [place(bar, "top") for bar in (one, two, three, four)] == [3, 22, 3, 3], "what overlaps has a lane of its own"
    assert [bar["class"] for bar in (one, four)] == ["bar ok", "bar open"]
    assert "one: read(1) of x = 7" in one["title"]
    assert [mark["title"] for mark in page.of_class("ran") + page.of_class("applied")] == ["ran one", "applied one"]
    assert [place(fault, "left") for fault in page.of_class("fault")] == [0, 47.6190]
    told = "\n".join(page.texts)
    assert told.index("0.000 ms: cut") < told.index("0.001 ms: killed s1")
    assert {"test: a", "test: b", "s1"} <= {text.strip() for text in page.texts}


def test_texts_are_escaped_and_nothing_runs() -> None:
    evil = Call(EVIL, EVIL, EVIL, EVIL, EVIL, (EVIL,), 1, None, 2, "maybe", "maybe", EVIL, EVIL)
    page = Page(timeline.page([evil], faults=[(1, EVIL)], title=EVIL))
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "link", "iframe", "a"})
    assert all(name not in ("src", "href") and not name.startswith("on") for _, found in page.elements for name in found)
    assert EVIL in "".join(page.texts)
    assert {"content": "default-src 'none'; style-src 'unsafe-inline'"}.items() <= page.elements[4][1].items()


def test_a_page_of_nothing_and_one_of_too_much(tmp_path: Path) -> None:
    assert Page(timeline.page([])).of_class("bar") == []
    many = [call(str(index), index, index + 5) for index in range(timeline.CALLS_MAX + 3)]
    page = Page(timeline.page(many, faults=[(1, "x" * 10_000)] * (timeline.FAULTS_MAX + 1)))
    assert len(page.of_class("bar")) == timeline.CALLS_MAX
    assert "Not shown: 3 more calls, 1 more faults." in "".join(page.texts)
    assert max(map(len, page.texts)) < 5_000
    odd = call("half a pair of surrogates: \ud800", 1, 2)
    assert "\\ud800" in timeline.write(tmp_path / "t.html", [odd]).read_text(encoding="utf-8")
