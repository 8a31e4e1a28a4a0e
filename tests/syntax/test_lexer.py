"""Tokens, comments and spans."""

from __future__ import annotations

import pytest
from programs import codes, source

from charl.syntax import tokens as t
from charl.syntax.lexer import lex


def kinds(text: str) -> list[str]:
    return [token.kind for token in lex(source(text))[0]]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("42", t.INT),
        ("1_000", t.INT),
        ("0xff", t.INT),
        ("0b1010", t.INT),
        ("3.14", t.FLOAT),
        ("1e-5", t.FLOAT),
        ("2.5E+10", t.FLOAT),
        ("name", t.NAME),
        ("größe", t.NAME),
        ("model", t.NAME),
        ("let", "let"),
        ('"text"', t.STRING),
        ("..=", "..="),
        ("|>", "|>"),
    ],
)
def test_one_token(text: str, kind: str) -> None:
    tokens, comments, diagnostics = lex(source(text))
    assert [(k.kind, k.text, k.start, k.stop) for k in tokens[:-1]] == [(kind, text, 0, len(text))]
    assert not comments and not diagnostics


def test_a_point_without_digits_is_no_float() -> None:
    assert kinds(".5") == [".", t.INT, t.END]
    assert kinds("1..10") == [t.INT, "..", t.INT, t.END]
    assert kinds("1.max") == [t.INT, ".", t.NAME, t.END]


def test_a_token_knows_whether_a_newline_stands_before_it() -> None:
    tokens = lex(source("a b\nc  // comment\nd"))[0]
    assert [token.newline for token in tokens] == [True, False, True, True, False]


def test_block_comments_nest() -> None:
    tokens, comments, diagnostics = lex(source("a /* b /* c */ d */ e"))
    assert [token.text for token in tokens] == ["a", "e", ""]
    assert [comment.text for comment in comments] == ["/* b /* c */ d */"]
    assert not diagnostics


def test_a_formatted_string_is_cut_into_text_and_holes() -> None:
    tokens = lex(source('f"a {x:.4} {{b}} {f"{y}"}"'))[0]
    assert [token.kind for token in tokens] == [
        t.FORMAT_START, t.TEXT, t.HOLE_START, t.NAME, t.SPEC, t.HOLE_STOP, t.TEXT,
        t.HOLE_START, t.FORMAT_START, t.HOLE_START, t.NAME, t.HOLE_STOP, t.FORMAT_STOP,
        t.HOLE_STOP, t.FORMAT_STOP, t.END,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "n // 2",
        "n//2",
        "(a) // (b)",
        "t[0] // k + 1",
        "n // k in xs",
        "n // -k",
        "n // k!=0",
        "n // (not a)",
        "n // (if a { b } else { c })",
        "n // (a in b)",
        "x //= 2",
        "n // 2 => a",
    ],
)
def test_floor_division(text: str) -> None:
    tokens, comments, _ = lex(source(text))
    assert not comments
    assert any(token.kind in ("//", "//=") for token in tokens)


@pytest.mark.parametrize(
    "text",
    [
        "n  // 2",
        "n // two halves",
        "n // (two halves)",
        "n // done.",
        "n // why?",
        "n //comment",
        "n// comment",
        "n // note: this",
        "n // --- a line ---",
        "f(x) /// doc",
        '"text" // comment',
        "{ } // comment",
        "x =\n// comment",
        "+ // comment",
    ],
)
def test_comment(text: str) -> None:
    tokens, comments, _ = lex(source(text))
    assert len(comments) == 1
    assert not any(token.kind == "//" for token in tokens)


def test_a_comment_behind_a_type_needs_no_second_space() -> None:
    assert codes("struct Ball {\n    mass: float // kg\n    radius: float // metres\n}") == []
    assert codes("fn f(\n    a: int // first\n) { }") == []


def test_a_byte_order_mark_is_skipped() -> None:
    assert kinds("\ufefflet") == ["let", t.END]


def test_carriage_returns_are_white_space() -> None:
    assert codes("let a = 1\r\nlet b = 2\r\n") == []
