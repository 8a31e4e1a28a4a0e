"""What is wrong with a program: the code, the place, and no cascades."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from programs import codes, errors, source

import charl.syntax
from charl.syntax.parser import parse

# One mistake each: its code, the program, and the text under the primary label.
MISTAKES = [
    ("E0100", "let a = §", "§"),
    ("E0100", "# comment", "#"),
    ("E0101", 'let a = "b', '"b'),
    ("E0101", 'let a = f"b', 'f"b'),
    ("E0102", "/* a", "/*"),
    ("E0103", "let a = 12abc", "12abc"),
    ("E0103", "let a = 1__0", "1__0"),
    ("E0104", "let a = 1e999", "1e999"),
    ("E0104", "let a = " + "9" * 5000, "9" * 5000),
    ("E0105", r'let a = "\q"', r"\q"),
    ("E0105", r'let a = "\u{110000}"', r"\u{110000}"),
    ("E0106", "let a = 'b'", "'b'"),
    ("E0107", 'let a = f"}"', "}"),
    ("E0107", 'let a = f"{}"', "{}"),
    ("E0107", 'let a = f"{b"', "{"),
    ("E0107", 'let a = f"{b c}"', "c"),
    ("E0108", 'let a = f"{b:zz}"', ":zz"),
    ("E0110", "let a = )", ")"),
    ("E0110", "t[]", "[]"),
    ("E0110", "while { }", "{"),
    ("E0111", "f(a b)", "b"),
    ("E0111", "fn f(int x) { }", "x"),
    ("E0111", "for i of xs { }", "of"),
    ("E0111", "match a { 0 -> 1 }", "->"),
    ("E0111", "for (i = 0; i < 3; i += 1) { }", "(i = 0; i < 3; i += 1)"),
    ("E0112", "let a = (1\nlet b = 2", ""),
    ("E0112", "fn f() {\n    1\nfn g() { 2 }", ""),
    ("E0113", "f(a]", "]"),
    ("E0113", "let a = 1)", ")"),
    ("E0113", "}", "}"),
    ("E0114", "a b", "b"),
    ("E0115", "if a = 1 { }", "="),
    ("E0116", "let c = a & b", "&"),
    ("E0116", "let c = a ? 1 : 2", "?"),
    ("E0116", "a++", "++"),
    ("E0116", "a := 1", ":="),
    ("E0117", "def f() { }", "def"),
    ("E0117", "var a = 1", "var"),
    ("E0117", "if a { } elif b { }", "elif"),
    ("E0117", "let a = lambda x: x", "lambda"),
    ("E0118", "if a:\n    b", ":"),
    ("E0118", "if a b()", "b"),
    ("E0118", "fn f() = 1", "="),
    ("E0119", "let a: = 1", "="),
    ("E0119", "let a: List<int> = 1", "<"),
    ("E0119", "let a: int? = 1", "?"),
    ("E0120", "for i, a in b { }", "i, a"),
    ("E0120", "match a { [b] => 1 }", "["),
    ("E0121", "f(a) = 1", "f(a)"),
    ("E0122", "let fn = 1", "fn"),
    ("E0123", "let a", "a"),
    ("E0124", "f(a = 1)", "="),
    ("E0126", "from a import *", "*"),
    ("E0126", "import a, b", ","),
    ("E0127", "fn f(): int { 1 }", ":"),
    ("E0127", "fn f() int { 1 }", "int"),
    ("E0128", "for i in 0.. { }", ".."),
    ("E0129", "let a = b\n    + c\n    + d", "+"),
    ("E0130", "struct S { print(1) }", "print"),
    ("E0130", "enum E { A = 1 }", "="),
    ("E0131", "rule p(x) :- q(x) and r(x)", "and"),
    ("E0131", "fact p", "p"),
    ("E0132", "struct S { fn f(self) { } }", "self"),
    ("E0133", "model M {\n    layers { a }\n    layers { b }\n}", "layers { b }"),
    ("E0134", "let a = null", "null"),
    ("E0135", "else { }", "else"),
]


@pytest.mark.parametrize(("code", "program", "place"), MISTAKES)
def test_one_mistake_gives_one_error_at_its_place(code: str, program: str, place: str) -> None:
    (diagnostic,) = errors(program)
    assert diagnostic.code == code
    assert diagnostic.primary is not None and diagnostic.primary.span.text == place


def test_every_code_of_the_syntax_has_a_test() -> None:
    folder = Path(charl.syntax.__file__).parent
    used = {
        code
        for path in folder.glob("*.py")
        for code in re.findall(r'"(E01\d\d)"', path.read_text("utf-8"))
    }
    assert used == {code for code, _, _ in MISTAKES} | {"E0109"}


@pytest.mark.parametrize(("code", "program", "place"), MISTAKES)
def test_a_mistake_does_not_hide_the_next(code: str, program: str, place: str) -> None:
    if code == "E0102":
        pytest.skip("what follows is inside the comment")
    assert codes(program + "\nlet last = ]")[-1] == "E0110"


@pytest.mark.parametrize(
    ("text", "opening"),
    [("f(1, 2", "("), ("let a = [1\nlet b = 2", "["), ("fn f() {\n    1\nfn g() { }", "{")],
)
def test_an_unclosed_bracket_shows_where_it_was_opened(text: str, opening: str) -> None:
    (diagnostic,) = errors(text)
    assert diagnostic.code == "E0112"
    assert [label.span.text for label in diagnostic.secondary] == [opening]


def test_the_brace_left_open_is_found_by_indentation() -> None:
    (diagnostic,) = errors("fn f(a) {\n    if a {\n        1\n}\nfn g() { 2 }\n")
    assert [str(label.span) for label in diagnostic.secondary] == ["case.ch:1:9", "case.ch:2:10"]


def test_the_bodies_of_broken_heads_are_read() -> None:
    assert codes("if a ** { let b = ] }\nwhile ] { let c = ) }") == [
        "E0110",
        "E0110",
        "E0110",
        "E0110",
    ]
    assert codes("fn f(a b) { let c = ] }") == ["E0111", "E0110"]


def test_python_blocks_do_not_cascade() -> None:
    program = "for a in b:\n    c = a\n    d = c\nprint(d)\n"
    assert codes(program) == ["E0118"]


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000 + "1" + ")" * 10_000, "[" * 10_000, "{" * 10_000, "not " * 10_000 + "a",
     "a" + " + a" * 10_000, "a" + ".b" * 10_000, "|x| " * 10_000 + "x", "2 ** " * 10_000 + "2",
     "let x: " + "[" * 10_000, "let " + "(" * 10_000, "rule p(x) :- " + "(" * 10_000,
     'f"{' * 3_000, "if a { } " + "else if b { } " * 10_000],
)  # fmt: skip
def test_deep_nesting_is_an_error(text: str) -> None:
    assert codes(text)[0] == "E0109"


@pytest.mark.parametrize("piece", ["(", "a+", "1.5, ", "'", "\x01", '"', "x = 1; "])
def test_ten_megabytes_on_one_line(piece: str) -> None:
    _, diagnostics = parse(source(piece * (10_000_000 // len(piece))))
    assert diagnostics and all(d.primary is not None for d in diagnostics)


def test_errors_are_bounded() -> None:
    assert len(errors("let a = ]\n" * 10_000)) <= 200
