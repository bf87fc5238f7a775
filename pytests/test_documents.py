"""Documents keep up with the tree: links and paths lead somewhere, commands name programs that there are, the contract has
the sentences that failure pages show, and the code in them is quoted from compiled files.

Fails when a file is moved or renamed and a guide still names the old place.
"""

import functools
import operator
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from razor_testing.node import ROOT

sys.path.insert(0, str(ROOT / "tests/examples"))

import check_guides  # noqa: E402  # lies with the examples

DOCUMENTS = check_guides.documents()
README_LINES_MAX = 130
RULES = 39

LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FILE = re.compile(r"(?:[\w.+-]+/)*[\w+-]+\.(?:h|cc|py|md|txt|json|planted|plan|cmake)\b")
FOLDER = re.compile(r"(?:lib|sim|faults|tests|pytests|bench|ci)/[\w/.-]*\w(?![\w<*{/-])")
# Names of the code: of several words, or of the library's namespace.
WORD = re.compile(r"(?<![\w/-])(?:(?<=razor::)\w+|\w+_\w+|[A-Z][a-z]+[A-Z]\w*)(?![\w./-]*[/.])")
SOURCES = ("lib", "sim", "faults", "tests", "pytests", "bench", "ci")
# Words of these are examples, good and bad, or names that were.
WITH_WORDS_OF_THEIR_OWN = {
    ".github/style.md",
    "lib/CHANGELOG.md",
    "lib/razor/wire/types.md",
    "lib/razor/wire/changing_types.md",
}
# Names that stand for any file.
PLACEHOLDERS = {"x.h", "x.cc", "x_test.cc", "NN_name.planted"}
MACHINE = re.compile(r"(?<![\w.:/])/(?:home|root|work|tmp|mnt|opt|Users)\b")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(document: str) -> str:
    """Without blocks of code, neither fenced nor indented."""
    fenced = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?:(?<=\n\n)|\A)(?: {4}.*\n)+", "", fenced)


def commands(document: str) -> Iterator[str]:
    """Lines of indented blocks."""
    fenced = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    for line in fenced.splitlines():
        if re.match(r" {4}(ci/|build/|/usr/bin/python3 |\$bank |bank=|ctest )", line):
            yield line.strip()


def anchors(document: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def wrong_links(path: Path) -> list[str]:
    document = path.read_text(encoding="utf-8")
    wrong = []
    for target in LINK.findall(prose(document)):
        if re.match(r"https?://", target):
            continue
        where, _, anchor = target.partition("#")
        led_to = (path.parent / where).resolve() if where else path
        if not led_to.exists():
            wrong.append(target)
        elif anchor and (led_to.suffix != ".md" or anchor not in anchors(led_to.read_text(encoding="utf-8"))):
            wrong.append(target)
    return wrong


def is_there(named: str, folder: Path, root: Path) -> bool:
    """A guide names files from its own folder, from the root, or as they are included; compilers by their names alone."""
    if Path(named).name in PLACEHOLDERS:
        return True
    places = [base / named for base in (folder, root, root / "lib", root / "lib/razor")]
    if folder == root / "lib/razor/api":
        places += [layer / named for layer in (root / "lib/razor").iterdir()]
    return any(place.exists() for place in places)


def wrong_paths(path: Path) -> list[str]:
    document = path.read_text(encoding="utf-8")
    named: set[str] = set()
    for span in SPAN.findall(prose(document)):
        if "<" in span.removeprefix("<") or "*" in span or "..." in span:
            continue
        named.update(FILE.findall(span))
        if (folder := FOLDER.match(span)) is not None:
            named.add(folder[0])
    return sorted(one for one in named if not is_there(one, path.parent, ROOT))


@functools.cache
def words_of_the_code() -> set[str]:
    files = [path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix != ".md" and path.is_file()]
    files = [path for path in files if path != Path(__file__) and "__pycache__" not in path.parts]
    return {word for path in files for word in re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace"))}


def wrong_words(document: str) -> list[str]:
    words = {word for span in SPAN.findall(prose(document)) if "/" not in span for word in WORD.findall(span)}
    return sorted(words - words_of_the_code())


def targets() -> set[str]:
    """Names of programs and tests that the build knows."""
    lists = [*ROOT.glob("*/CMakeLists.txt"), *ROOT.glob("*/*/CMakeLists.txt")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in lists)
    found = set(re.findall(r"(?:add_executable|razor_test|razor_bench)\((\w+)", text))
    benches = re.findall(r"foreach\(\w+ ((?:\w+[ \n]*)+)\)", text)
    return found | {name for names in benches for name in names.split()}


def wrong_commands(document: str) -> list[str]:
    known = targets()
    wrong = []
    for command in commands(document):
        words = re.split(r"\s{2,}", command)[0].removeprefix("bank=").split()
        for at, word in enumerate(words):
            if (program := re.fullmatch(r"build/(?:tests|bench)/(?:examples/)?(\w+)", word)) and program[1] not in known:
                wrong.append(command)
            if re.fullmatch(r"(?:ci|bench|pytests)/[\w.]+", word) and not (ROOT / word).exists():
                wrong.append(command)
            is_target = words[0] == "ci/build" and at > 0 and "&&" not in words and not word.startswith(("-", "["))
            if is_target and word not in known and not word.isupper():
                wrong.append(command)
    return wrong


def meanings() -> list[str]:
    """The sentences of faults/page_rules.h."""
    text = (ROOT / "faults/page_rules.h").read_text(encoding="utf-8").split("kRuleMeanings{")[1]
    joined = re.sub(r'"\s*\n\s*"', "", text)
    return re.findall(r'^\s*"(.*)",?$', joined, re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    assert wrong_links(path) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_paths_that_are_named_exist(path: Path) -> None:
    assert wrong_paths(path) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_names_of_the_code_are_those_that_it_has(path: Path) -> None:
    if name_of(path) not in WITH_WORDS_OF_THEIR_OWN:
        assert wrong_words(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_name_scripts_and_programs_that_there_are(path: Path) -> None:
    assert wrong_commands(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_path_of_somebody_s_machine(path: Path) -> None:
    assert MACHINE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_code_is_in_a_language_that_is_checked(path: Path) -> None:
    blocks = check_guides.blocks(path.read_text(encoding="utf-8"))
    assert {block.language for block in blocks} <= set(check_guides.QUOTED_LANGUAGES)


def test_code_is_quoted_from_compiled_files() -> None:
    assert check_guides.wrong_guides() == []


def test_readme_is_read_in_two_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES_MAX


def test_every_document_is_led_to() -> None:
    """From README.md, by links."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        for target in LINK.findall(prose(path.read_text(encoding="utf-8"))):
            led_to = (path.parent / target.partition("#")[0]).resolve()
            if led_to.suffix == ".md" and led_to.is_file():
                waiting.append(led_to)
    assert [name_of(path) for path in DOCUMENTS if path not in reached] == []


def test_contract_has_each_rule_by_number_and_name() -> None:
    contract = (ROOT / "faults/contract.md").read_text(encoding="utf-8")
    paragraphs = [paragraph.replace("\n", " ") for paragraph in contract.split("\n\n")]
    rules = [rule.groups() for one in paragraphs if (rule := re.match(r"\*\*(\d+)\. ([^*]+)\.\*\* (.+?)\\ ", one))]
    assert [int(number) for number, _, _ in rules] == list(range(1, RULES + 1))
    assert len({name for _, name, _ in rules}) == RULES
    assert [sentence for _, _, sentence in rules] == meanings()


def test_guide_of_services_says_what_to_do_about_every_error() -> None:
    header = (ROOT / "lib/razor/base/error.h").read_text(encoding="utf-8")
    errors = set(re.findall(r"^  (\w+)(?: = 1)?,\s*///<", header, re.MULTILINE))
    assert len(errors) >= 15
    guide = (ROOT / "lib/razor/api/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| [^|]+ \| (?:no|maybe|yes)", guide, re.MULTILINE)
    assert {error for row in rows for error in re.findall(r"\w+", row)} == errors


def test_every_divergence_of_the_simulator_is_in_its_guide() -> None:
    guide = (ROOT / "sim/README.md").read_text(encoding="utf-8")
    headers = [*ROOT.glob("sim/*.h"), *ROOT.glob("faults/*.h"), *ROOT.glob("tests/support/*.h")]
    diverging = [path for path in headers if re.search(r"^// Divergence:", path.read_text(encoding="utf-8"), re.MULTILINE)]
    assert len(diverging) >= 5
    rows = re.findall(r"^\| `([\w/.]+)` \|", guide, re.MULTILINE)
    assert [name_of(path) for path in diverging if name_of(path).removeprefix("sim/") not in rows] == []


# --- The checks themselves -------------------------------------------------------------------------------------------


def test_a_link_and_an_anchor_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("# The Map, again\n\n[a](gone.md) [b](#the-map-again) [c](#map) [d](https://example.org/gone)\n")
    assert wrong_links(guide) == ["gone.md", "#map"]


@pytest.mark.parametrize("named", ["lib/razor/stream/gone.h", "stream/gone.h", "ci/gone", "gone.cc", "<razor/gone.h>"])
def test_a_path_that_is_not_there_is_found(named: str) -> None:
    guide = ROOT / "build/guide.md"
    guide.write_text(f"See `stream/channel.h`, `ci/test` and `{named}`.\n")
    try:
        assert wrong_paths(guide) == [named.strip("<>")]
    finally:
        guide.unlink()


def test_a_name_that_the_code_does_not_have_is_found() -> None:
    document = (
        "Of `razor::Reply<int>`, `GonePool`, `pool.gone_for_ever()` and `ClientPool`; `razor::Goneling` and GoneToo.\n"
    )
    assert wrong_words(document) == ["GonePool", "Goneling", "gone_for_ever"]


def test_a_program_that_is_not_built_is_found() -> None:
    document = "Text:\n\n    ci/build gone_test\n    build/tests/gone_node serve\n    ci/build razor_node\n    ci/gone\n"
    assert wrong_commands(document) == ["ci/build gone_test", "build/tests/gone_node serve", "ci/gone"]


PROGRAM = "int main() {\n  // [quote:inside]\n  one();\n  // [/quote]\n  two();\n}\n"


@pytest.mark.parametrize(
    "comment, code, said",
    [
        ("<!-- quote: tests/examples/a.cc#inside -->", "one();", ""),
        ("<!-- quote: tests/examples/a.cc -->", "one();\ntwo();", ""),
        ("<!-- quote: tests/examples/a.cc#inside -->", "one();\ntwo();", "is not what tests/examples/a.cc has"),
        ("<!-- quote: tests/examples/a.cc -->", "two();\none();", "shows what tests/examples/a.cc does not have"),
        ("<!-- quote: tests/examples/a.cc#gone -->", "one();", "has no line `// [quote:gone]`"),
        ("<!-- quote: tests/examples/gone.cc -->", "one();", "which is not there"),
        ("", "one();", "quoted from no file"),
    ],
    ids=operator.itemgetter(slice(0, 60)),
)
def test_code_that_is_not_in_its_file_is_found(tmp_path: Path, comment: str, code: str, said: str) -> None:
    (tmp_path / "tests/examples").mkdir(parents=True)
    (tmp_path / "tests/examples/a.cc").write_text(PROGRAM)
    (tmp_path / "guide.md").write_text(f"{comment}\n\n```cpp\n{code}\n```\n")
    wrong = [complaint for complaint in check_guides.wrong_guides(tmp_path) if complaint.startswith("guide.md")]
    assert (wrong == []) == (said == "")
    assert all(said in complaint for complaint in wrong)


def test_code_is_quoted_anew(tmp_path: Path) -> None:
    (tmp_path / "tests/examples").mkdir(parents=True)
    (tmp_path / "tests/examples/a.cc").write_text(PROGRAM)
    guide = tmp_path / "guide.md"
    guide.write_text("Text.\n\n<!-- quote: tests/examples/a.cc#inside -->\n\n```cpp\nold();\nolder();\n```\n\nMore.\n")
    assert check_guides.fix(guide, tmp_path)
    assert guide.read_text() == "Text.\n\n<!-- quote: tests/examples/a.cc#inside -->\n\n```cpp\none();\n```\n\nMore.\n"
    assert not check_guides.fix(guide, tmp_path)
