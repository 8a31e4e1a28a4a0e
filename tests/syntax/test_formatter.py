"""The formatter: its style by example, and that it keeps program and comments."""

from __future__ import annotations

import pytest
from programs import CORPUS, module, source

from charl.diagnostics.diagnostic import CharlError
from charl.syntax.equal import first_difference
from charl.syntax.formatter import format_source


def formatted(text: str) -> str:
    return format_source(source(text))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_is_kept(path) -> None:
    text = path.read_text("utf-8")
    once = formatted(text)
    assert first_difference(module(text), module(once)) is None
    assert formatted(once) == once
    words = sorted(comment.text.lstrip("/").strip() for comment in module(text).comments)
    assert sorted(comment.text.lstrip("/").strip() for comment in module(once).comments) == words


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("let  x=1", "let x = 1\n"),
        ("a&&b||!c", "a and b or not c\n"),
        ("let x: tensor<float32, [2,3]> = y", "let x: float32[2, 3] = y\n"),
        ("a; b", "a\nb\n"),
        ("\n\n\na\n\n\n\nb\n\n", "a\n\nb\n"),
        ("return (x)", "return x\n"),
        ("(a * b) + c", "(a * b) + c\n"),
        ("((a)) + ((b + c))", "a + (b + c)\n"),
        ("if (x) { y }", "if x { y }\n"),
        ("assert (||x)", "assert (|| x)\n"),
        ('assert (|a|a), "b"', 'assert (|a| a), "b"\n'),
        ("while true\n{\nbreak }", "while true {\n    break\n}\n"),
        ("if a { b }\nelse\n{ c }", "if a { b } else { c }\n"),
        ("let x = 1 // a word of it", "let x = 1  // a word of it\n"),
        ("f(a, // first one\nb)", "f(\n    a,  // first one\n    b,\n)\n"),
        ("f(/* x */ a)", "f(/* x */ a)\n"),
        ("f(/* x *//* y */ a)", "f(/* x */ /* y */ a)\n"),
        ("f(/* x */ /* y\n*/ a)", "f(\n    /* x */\n    /* y\n*/\n    a,\n)\n"),
        (
            f"f({'a' * 60}, {'b' * 60}/* x */ /* y */)",
            f"f(\n    {'a' * 60},\n    {'b' * 60} /* x */ /* y */,\n)\n",
        ),
        ("f(/* x */ -/* y */a)", "f(\n    /* x */\n    /* y */\n    -a,\n)\n"),
        ("not x in y", "x not in y\n"),
        ("a|>b", "a |> b\n"),
        ("a\n|> b", "a\n    |> b\n"),
        ("struct P{x:int,y:int=2}", "struct P { x: int, y: int = 2 }\n"),
        ("///doc\nfn f(){}", "/// doc\nfn f() { }\n"),
        ("let x = 0xFF + 1_000", "let x = 0xFF + 1_000\n"),
        ('f"{a+b:.2} {{}}"', 'f"{a + b:.2} {{}}"\n'),
        ("with mode=training{f()}", "with mode = training { f() }\n"),
    ],
)
def test_style(before: str, after: str) -> None:
    assert formatted(before) == after
    assert formatted(after) == after


def test_if_branches_break_together() -> None:
    text = "let x = if a { b } else {\n    c\n}\n"
    assert formatted(text) == "let x = if a {\n    b\n} else {\n    c\n}\n"


def test_long_calls_break_one_argument_to_a_line() -> None:
    names = [f"a_rather_long_argument_{n}" for n in range(6)]
    expected = "f(\n" + "".join(f"    {name},\n" for name in names) + ")\n"
    assert formatted(f"f({', '.join(names)})") == expected


def test_a_last_closure_stays_on_the_line_of_its_call() -> None:
    text = "map(values, |value| {\n    let twice = 2 * value\n    twice\n})\n"
    assert formatted(text) == text


def test_a_line_never_breaks_at_a_floor_division() -> None:
    name = "a_rather_long_name_of_a_variable"
    text = formatted(f"let x = {name} // {name} // {name} // {name}")
    assert (
        text.count("//") == 4 - 1
        and first_difference(module(text), module(f"let x = {name} // {name} // {name} // {name}"))
        is None
    )


def test_lines_fit_where_they_can() -> None:
    for path in CORPUS:
        for line in formatted(path.read_text("utf-8")).splitlines():
            assert len(line) <= 100 or "//" in line


def test_a_broken_program_is_not_formatted() -> None:
    with pytest.raises(CharlError) as caught:
        formatted("let x = )\nlet y = ]")
    assert [d.code for d in caught.value.diagnostics] == ["E0110", "E0110"]
