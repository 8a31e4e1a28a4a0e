"""Colours: every character of a program gets a token, and the right kind of one."""

from __future__ import annotations

import pytest

pytest.importorskip("pygments")

from hypothesis import given
from hypothesis import strategies as st
from pygments.token import Token

from charl.tools.highlight import CharlLexer

PROGRAM = """\
/// A layer.
model Net { layers { dense(2, 0x1f, activation: relu) } } /* a /* nested */ comment */
fn train(model: Net, step: int) -> float32[2, N] { f"loss {x:.3}\\n" |> print } // end
let m = model
rule path(x, y) :- edge(x, y)
"""


def kinds(text: str) -> list[tuple[str, str]]:
    return [
        (str(kind).removeprefix("Token."), value) for kind, value in CharlLexer().get_tokens(text)
    ]


def test_kinds_of_tokens() -> None:
    found = kinds(PROGRAM)
    for expected in [
        ("Literal.String.Doc", "/// A layer."),
        ("Keyword", "model"),
        ("Name.Class", "Net"),
        ("Keyword", "layers"),
        ("Name.Function", "dense"),
        ("Literal.Number.Hex", "0x1f"),
        ("Keyword", "fn"),
        ("Name.Function", "train"),
        ("Keyword.Type", "float32"),
        ("Literal.String.Interpol", "{x:.3}"),
        ("Literal.String.Escape", "\\n"),
        ("Operator", "|>"),
        ("Operator", ":-"),
        ("Comment.Single", "// end"),
    ]:
        assert expected in found
    # `model` and `step` are ordinary names where no clause can start.
    assert found.count(("Keyword", "model")) == 1
    assert ("Keyword", "step") not in found
    comment = "".join(value for kind, value in found if kind == "Comment.Multiline")
    assert comment == "/* a /* nested */ comment */"


@given(st.text(alphabet='ab1"{}/*\\f .:\n', max_size=60))
def test_nothing_is_lost_and_nothing_is_an_error(text: str) -> None:
    tokens = list(CharlLexer(stripnl=False, ensurenl=False).get_tokens(text))
    assert "".join(value for _, value in tokens) == text
    # An unfinished string ends with its line; Pygments itself resumes there.
    assert not [value for kind, value in tokens if kind is Token.Error]
