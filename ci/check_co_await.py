#!/usr/bin/env python3
"""Finds expressions with co_await whose conditional parts g++ 12 may evaluate although they are not chosen.

Where a full expression contains a co_await, g++ 12.2 makes the temporaries of class type of the whole expression, those
in the branch of `?:` that is not chosen, and behind `&&` and `||`, before it decides anything: `co_await sleep_for(a ?
x : draw())` always draws. Where such a temporary has a destructor that does something, it is then destroyed without
having been made. Branches that contain the co_await themselves are compiled rightly.

The types are not known here, so this refuses more than it must:
  - any `?:` inside the operand of a co_await;
  - a branch of `?:`, or what stands behind `&&` or `||`, anywhere in an expression with a co_await, that calls something or
    makes something with braces, and does not contain a co_await itself.
Give such a part a name in a statement of its own. The bodies of lambdas are expressions of their own, and `||` and `&&` of
Asio's awaitables are functions, which evaluate both sides.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("lib", "sim", "faults", "tests", "bench")
SUFFIXES = {".h", ".cc"}

TOKEN = re.compile(
    r"""
    (?P<skip>\s+ | //[^\n]* | /\*.*?\*/ | ^[ \t]*\#(?:\\\n|[^\n])*)     # a directive is skipped, to its last line
  | (?P<literal>(?:u8|[uUL])?R"(?P<delimiter>[^()\s\\]{0,16})\(.*?\)(?P=delimiter)"
      | (?:u8|[uUL])?"(?:\\.|[^"\\\n])*" | (?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:'?[\w.])*)
  | (?P<operator>->|::|&&|\|\||\?|<=>|<<=|>>=|[-+*/%&|^=!<>]=|<<|\+\+|--|.)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
CLOSING = {"(": ")", "[": "]", "{": "}"}
# Where an expression ends, on its own level. A comma parts the arguments of one full expression, or declarators: it is
# looked at apart.
ENDS = {";"}
# Weaker than && and ||, so that what stands behind those ends there.
WEAKER = {"?", ":", ",", ";", "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "co_return", "return"}
# Words in front of a parenthesis that call nothing.
NO_CALLS = {"if", "while", "for", "switch", "sizeof", "alignof", "decltype", "noexcept", "static_cast", "reinterpret_cast",
            "const_cast", "requires", "return", "co_return", "co_await", "co_yield", "operator"}  # fmt: skip


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int


def tokens_of(text: str) -> list[Token]:
    tokens = []
    line = 1
    for match in TOKEN.finditer(text):
        kind = str(match.lastgroup if match.lastgroup != "delimiter" else "literal")
        if kind != "skip":
            tokens.append(Token(kind, match[0], line))
        line += match[0].count("\n")
    return tokens


def partners(tokens: list[Token]) -> dict[int, int]:
    """Each opening bracket's closing one, and the other way round. Brackets that match nothing are left out."""
    pairs: dict[int, int] = {}
    open_ones: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind != "operator":
            continue
        if token.text in CLOSING:
            open_ones.append(index)
        elif token.text in CLOSING.values():
            while open_ones and CLOSING[tokens[open_ones[-1]].text] != token.text:
                open_ones.pop()
            if open_ones:
                pairs[index] = open_ones[-1]
                pairs[open_ones.pop()] = index
    return pairs


class Source:
    def __init__(self, text: str) -> None:
        self.tokens = tokens_of(text)
        self.pairs = partners(self.tokens)
        self.bodies = dict(self._lambda_bodies())

    def text(self, index: int) -> str:
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def _lambda_bodies(self) -> Iterator[tuple[int, int]]:
        for index, token in enumerate(self.tokens):
            if token.text != "[" or index not in self.pairs:
                continue
            before = self.tokens[index - 1] if index > 0 else None
            subscript = before is not None and (
                before.text in {")", "]"}
                or (before.kind == "word" and before.text not in NO_CALLS)
                or before.kind == "literal"
            )
            if subscript or self.text(index + 1) == "[":
                continue
            at = self.pairs[index] + 1
            while self.text(at) not in {"{", ";", ")", "}", ",", ""}:
                at = self.pairs.get(at, at) + 1 if self.text(at) in CLOSING else at + 1
            if self.text(at) == "{" and at in self.pairs:
                yield at, self.pairs[at]

    def operand(self, awaiting: int) -> tuple[int, int]:
        """The tokens behind a co_await that it applies to."""
        at = awaiting + 1
        while self.text(at) in {"*", "&", "!", "~", "-", "+"}:
            at += 1
        begin = at
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.text in {"(", "["} and at in self.pairs:
                at = self.pairs[at] + 1
            elif token.text == "{" and at in self.pairs and (at in self.bodies or self.tokens[at - 1].kind == "word"):
                at = self.pairs[at] + 1
            elif token.text == "<" and self.tokens[at - 1].kind == "word" and (end := self._template_end(at)):
                at = end
            elif token.text in {"::", ".", "->"} or (
                token.kind in {"word", "literal", "number"}
                and (
                    at == begin
                    or self.text(at - 1) in {"::", ".", "->"}
                    or at - 1 in self.pairs
                    and self._in_lambda(at, begin)
                )
            ):
                at += 1
            else:
                break
        return begin, at

    def _in_lambda(self, at: int, begin: int) -> bool:
        return self.text(begin) == "[" and self.text(at - 1) == ")" and self.text(at) in {"mutable", "noexcept"}

    def _template_end(self, at: int) -> int:
        depth = 0
        for index in range(at, min(at + 60, len(self.tokens))):
            token = self.tokens[index]
            if token.text == "<":
                depth += 1
            elif token.text == ">":
                depth -= 1
                if depth == 0:
                    return index + 1
            elif token.kind == "operator" and token.text not in {"::", ",", "*", "&", "&&", ".", "(", ")"}:
                return 0
        return 0

    def full_expression(self, awaiting: int) -> tuple[int, int]:
        """From the beginning to the end of the statement, or of the parentheses of an `if` or `while`, around a co_await."""
        begin = awaiting
        while begin > 0:
            text = self.text(begin - 1)
            if text in ENDS or text == "}" and begin - 1 in self.pairs and not self._is_part(self.pairs[begin - 1]):
                break
            if text == "{" and not self._is_part(begin - 1):
                break
            if text == "(" and self.text(begin - 2) in {"if", "while", "switch", "for", "constexpr"}:
                break
            begin = self.pairs[begin - 1] if text in CLOSING.values() and begin - 1 in self.pairs else begin - 1
        end = awaiting
        while end < len(self.tokens):
            text = self.text(end)
            if text in ENDS or text == "}" and end in self.pairs and not self._is_part(self.pairs[end]):
                break
            if text == ")" and end in self.pairs and self.pairs[end] < begin:
                break
            end = self.pairs[end] + 1 if text in CLOSING and end in self.pairs else end + 1
        return begin, end

    def _is_part(self, brace: int) -> bool:
        """Whether `{` makes a value, and no block."""
        if brace in self.bodies:
            return False
        before = self.tokens[brace - 1] if brace > 0 else None
        if before is None or before.text in {")", ";", "{", "}", "else", "do", "try", ":", "const", "override", "noexcept"}:
            return False
        return before.kind == "word" or before.text in {",", "(", "=", "{", ">", "return", "co_return"}

    def visible(self, begin: int, end: int) -> Iterator[int]:
        """The tokens of a range, without the bodies of lambdas in it."""
        at = begin
        while at < end:
            if at in self.bodies:
                at = self.bodies[at] + 1
                continue
            yield at
            at += 1

    def may_make_temporaries(self, begin: int, end: int) -> bool:
        """Something is called or made with braces there, and no co_await is."""
        called = False
        for index in self.visible(begin, end):
            if self.text(index) == "co_await":
                return False
            before = self.tokens[index - 1]
            if self.text(index) in {"(", "{"} and index > begin:
                called |= before.text in {")", "]", ">"} or (before.kind == "word" and before.text not in NO_CALLS)
        return called

    def branch_end(self, begin: int, limit: int) -> int:
        """Where what stands behind `?`, `:`, `&&` or `||` ends."""
        at = begin
        questions = 0
        while at < limit:
            text = self.text(at)
            if text in CLOSING and at in self.pairs:
                at = self.pairs[at] + 1
                continue
            if text in CLOSING.values():
                return at
            if text == "?":
                questions += 1
            elif text == ":" and questions > 0:
                questions -= 1
            elif text in WEAKER and questions == 0:
                return at
            at += 1
        return limit

    def findings(self) -> Iterator[tuple[int, str]]:
        """The line and the reason of each, in the order of the text."""
        found: set[tuple[int, str]] = set()
        for index, token in enumerate(self.tokens):
            if token.text != "co_await" or self.text(index - 1) == "operator":
                continue
            operand = range(*self.operand(index))
            begin, end = self.full_expression(index)
            asio = any(self.text(at) == "use_awaitable" for at in self.visible(begin, end))
            for at in self.visible(begin, end):
                text = self.text(at)
                if text == "?" and at in operand:
                    found.add((self.tokens[at].line, "`?:` in the operand of a co_await"))
                if text == "?" or text in {"&&", "||"} and not self._is_reference(at) and not asio:
                    for branch in self._branches(at, end):
                        if self.may_make_temporaries(*branch):
                            found.add(
                                (self.tokens[at].line, f"a call in a branch of `{text}`, in an expression with co_await")
                            )
        return iter(sorted(found))

    def _is_reference(self, at: int) -> bool:
        """`auto&& x`, `T&&>`: no operator."""
        return self.text(at) == "&&" and (self.text(at - 1) in {"auto", ">"} or self.text(at + 1) in {")", ">", ",", "..."})

    def _branches(self, at: int, limit: int) -> Iterator[tuple[int, int]]:
        first = at + 1, self.branch_end(at + 1, limit)
        yield first
        if self.text(at) == "?" and self.text(first[1]) == ":":
            yield first[1] + 1, self.branch_end(first[1] + 1, limit)


# --- What is checked before the tree is ---------------------------------------------------------------------------------

REFUSED = (
    "void f() { co_await sleep_for(a ? x : draw()); }",
    "void f() { co_await (a ? x : y); }",
    "void f() { auto r = co_await g(1,\n  h(b ? 1 : 2)); }",
    "void f() { co_await std::move(stream).get<int>(a)->call(b ? x : y).then(c); }",
    "void f() { if (co_await g(a ? 1 : 2)) return; }",
    "void f() { co_await g(a || text().empty()); }",
    "void f() { co_await g(a && make{1}.ok()); }",
    "void f() { int n = co_await g(x) + (a ? 0 : draw().value); }",
    "void f() { EXPECT_EQ(co_await g(a ? x : y), 1); }",
    "void f() { co_await Item{a ? x : y}; }",
    'void f() { log("co_await?"); co_await g(a ? "x" : "y"); }',
    "auto l = [] { co_await g(a ? 1 : 2); };",
)  # fmt: skip
ALLOWED = (
    "void f() { co_await g(x); int n = a ? x : draw(); }",
    "void f() { int n = co_await g(x) ? 1 : 2; }",
    "void f() { int n = a ? 1 : co_await g(draw()); }",
    "void f() { if (a || (co_await g(draw()))) return; }",
    "void f() { co_await g([&] { return a ? x : draw(); }); }",
    "void f() { co_await g(a && b); }",
    "void f() { co_await (use(call()) || timer.async_wait(use_awaitable)); }",
    "void f() { auto&& r = co_await g(x); }",
    'void f() { co_await g("a ? b : c"); /* ? */ co_await g(\'?\'); // ?\n }',
    "void f() { for (auto& x : a ? b() : c()) { co_await g(x); } }",
    "void f() { if (a && b()) { co_await g(x); } }",
    "void f() { while (!done()) co_await g(R\"(a ? b : \"c\")\"); int n = a ? b() : c(); }",
    "auto l = [] { if (a) co_return; co_await g(1); }; auto m = a ? b() : c();",
    "#define X(a) a ? b() : c()\nvoid f() { co_await g(x); }",
)  # fmt: skip


def self_test() -> list[str]:
    wrong = [f"not refused: {text}" for text in REFUSED if not list(Source(text).findings())]
    wrong += [f"refused: {text}: {found}" for text in ALLOWED if (found := list(Source(text).findings()))]
    return [f"check_co_await is wrong about itself: {text}" for text in wrong]


def main() -> int:
    errors = self_test()
    files = 0
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            files += 1
            text = path.read_text(encoding="utf-8")
            if "co_await" not in text:
                continue
            for line, why in Source(text).findings():
                errors.append(f"{path.relative_to(ROOT)}:{line}: {why}: g++ 12 may evaluate it though it is not chosen")
    for error in errors:
        print(error, file=sys.stderr)
    print(f"check_co_await: {files} files, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
