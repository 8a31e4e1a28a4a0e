"""Properties of the syntax over arbitrary text and over mutated programs.

`CHARL_FUZZ` is the total number of inputs, shared by the properties: 5,000 unless set, and
1,000,000 for the long run.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from charl.source import Source
from charl.syntax import tokens as t
from charl.syntax.equal import first_difference
from charl.syntax.formatter import format_source
from charl.syntax.lexer import lex
from charl.syntax.parser import is_incomplete, parse, parse_expression

TOTAL = int(os.environ.get("CHARL_FUZZ", "5000"))
CORPUS = Path(__file__).parent.parent / "syntax" / "corpus"

PIECE = re.compile(r'\w+|\s+|//[^\n]*|"[^"\n]*"|[^\w\s]')
SNIPPETS = [
    statement.span.text
    for path in sorted(CORPUS.glob("*.ch"))
    for statement in parse(Source(path.name, path.read_text("utf-8")))[0].statements
]
FRAGMENTS = sorted(
    {*t.MARKS, *t.KEYWORDS, *t.SOFT_KEYWORDS, "x", "3", "2.5", '"s"', 'f"{x}"', '"', 'f"', "'", "#"}
    | {"\n", "\n\n", " ", "\t", "// c\n", "/* c */", "///d\n", "{{", "}}", "0x", "1_", "\\", "é"}
)


def share(part: float) -> settings:
    return settings(
        max_examples=max(1, int(TOTAL * part)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


fragments = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Statements of the corpus, with a few pieces removed, inserted, swapped or doubled."""
    snippets = draw(st.lists(st.sampled_from(SNIPPETS), min_size=1, max_size=2))
    pieces = PIECE.findall("\n".join(snippets))
    for _ in range(draw(st.integers(0, 4))):
        index = draw(st.integers(0, len(pieces) - 1)) if pieces else 0
        match draw(st.integers(0, 3)):
            case 0:
                del pieces[index : index + 1]
            case 1:
                pieces.insert(index, draw(st.sampled_from(FRAGMENTS)))
            case 2:
                other = draw(st.integers(0, max(0, len(pieces) - 1)))
                if pieces:
                    pieces[index], pieces[other] = pieces[other], pieces[index]
            case _:
                pieces[index:index] = pieces[index : index + draw(st.integers(1, 4))]
    return "".join(pieces)


def check_diagnostics(text: str) -> None:
    source = Source("case.ch", text)
    for reported in (parse(source)[1], parse_expression(source)[1]):
        for diagnostic in reported:
            assert diagnostic.code.startswith("E01") and diagnostic.primary is not None
            span = diagnostic.primary.span
            assert 0 <= span.start <= span.stop <= len(text)
    is_incomplete(source)


@given(st.text(max_size=200))
@share(0.2)
def test_any_text_gives_diagnostics(text: str) -> None:
    check_diagnostics(text)


@given(fragments)
@share(0.2)
def test_any_tokens_give_diagnostics(text: str) -> None:
    check_diagnostics(text)


@given(st.one_of(st.text(max_size=200), fragments, mutated()))
@share(0.1)
def test_tokens_are_exact_and_in_order(text: str) -> None:
    tokens, _, _ = lex(Source("case.ch", text))
    position = 0
    for token in tokens:
        assert position <= token.start <= token.stop
        assert text[token.start : token.stop] == token.text
        position = token.stop
    assert [token.kind for token in tokens].count(t.END) == 1 and tokens[-1].kind == t.END


@given(mutated())
@share(0.2)
def test_mutated_programs_give_diagnostics(text: str) -> None:
    check_diagnostics(text)


@given(mutated())
@example("///d\nlet/* c */ a = 1")  # no doc of the file: the comment comes to stand right below it
@share(0.3)
def test_formatting_keeps_the_program_and_is_idempotent(text: str) -> None:
    source = Source("case.ch", text)
    tree, diagnostics = parse(source)
    if diagnostics:
        return
    once = format_source(source)
    again, problems = parse(Source("once.ch", once))
    assert not problems
    assert first_difference(tree, again) is None
    assert format_source(Source("once.ch", once)) == once

    def words(comments: tuple[object, ...]) -> list[str]:
        return sorted("".join(str(c.text).lstrip("/").split()) for c in comments)  # type: ignore[attr-defined]

    assert words(tree.comments) == words(again.comments)
