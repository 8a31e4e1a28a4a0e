"""The terminal rendering, as a reader sees it."""

from __future__ import annotations

import re
from textwrap import dedent

from charl.diagnostics.diagnostic import Diagnostic, Frame, Label, error
from charl.diagnostics.render import render
from charl.source import Source, Span


def source(text: str, name: str = "train.ch") -> Source:
    return Source(name, text)


def at(where: Source, text: str, nth: int = 0) -> Span:
    """The span of the nth occurrence of a text."""
    start = -1
    for _ in range(nth + 1):
        start = where.text.index(text, start + 1)
    return Span(where, start, start + len(text))


def shows(diagnostic: Diagnostic, expected: str, width: int = 100) -> None:
    assert render([diagnostic], colour=False, width=width) == dedent(expected).strip("\n")


def test_the_picture_of_the_style_guide() -> None:
    text = source(
        "\n" * 11 + "let w: float32[784, 10] = random_normal([784, 10])\n\n    let logits = x @ w\n"
    )
    shows(
        error(
            "E0312",
            "these matrices do not chain",
            at(text, "@"),
            "needs `x` to have 784 columns, but it has 768",
            secondary=(
                Label(at(text, "float32[784, 10]"), "784 rows here"),
                Label(at(text, "x"), "float32[B, 768]"),
            ),
            helps=("`x` comes from `flatten(images)` on line 9; its images are 24 by 32",),
        ),
        """
        error[E0312]: these matrices do not chain
          --> train.ch:14:20
           |
        12 | let w: float32[784, 10] = random_normal([784, 10])
           |        ---------------- 784 rows here
        14 |     let logits = x @ w
           |                  - ^ needs `x` to have 784 columns, but it has 768
           |                  |
           |                  float32[B, 768]
           = help: `x` comes from `flatten(images)` on line 9; its images are 24 by 32
        """,
    )


def test_without_a_place_there_is_only_the_message_and_remarks() -> None:
    shows(
        error("E0701", "there is no file `a.ch`", helps=("look\nhere",), notes=("a fact",)),
        """
        error[E0701]: there is no file `a.ch`
          = help: look
                  here
          = note: a fact
        """,
    )


def test_three_labels_on_a_line_stack_right_to_left() -> None:
    text = source("let y = f(a, b)\n")
    shows(
        error(
            "E0301",
            "mixed",
            at(text, "b"),
            "a string",
            secondary=(Label(at(text, "a"), "an int"), Label(at(text, "f"), "defined here")),
        ),
        """
        error[E0301]: mixed
         --> train.ch:1:14
          |
        1 | let y = f(a, b)
          |         - -  ^ a string
          |         | |
          |         | an int
          |         defined here
        """,
    )


def test_a_label_inside_another_is_spoken_below() -> None:
    text = source("let y = sum(abc)\n")
    shows(
        error(
            "E0301",
            "m",
            at(text, "abc"),
            "inner",
            secondary=(Label(at(text, "sum(abc)"), "outer"),),
        ),
        """
        error[E0301]: m
         --> train.ch:1:13
          |
        1 | let y = sum(abc)
          |         ----^^^-
          |         |   |
          |         |   inner
          |         outer
        """,
    )


def test_a_label_without_text_only_underlines() -> None:
    text = source("a + b\n")
    shows(
        error("E0301", "m", at(text, "a"), "this", secondary=(Label(at(text, "b")),)),
        """
        error[E0301]: m
         --> train.ch:1:1
          |
        1 | a + b
          | ^   -
          | |
          | this
        """,
    )


def test_lines_far_apart_are_separated() -> None:
    text = source("one\ntwo\nthree\nfour\n")
    shows(
        error("E0301", "m", at(text, "four"), secondary=(Label(at(text, "one"), "here"),)),
        """
        error[E0301]: m
         --> train.ch:4:1
          |
        1 | one
          | --- here
        ...
        4 | four
          | ^^^^
        """,
    )


def test_a_label_over_several_lines() -> None:
    text = source("let x = f(\n    1,\n    2\n)\n")
    shows(
        error("E0301", "m", at(text, "f(\n    1,\n    2\n)"), "this call"),
        """
        error[E0301]: m
         --> train.ch:1:9
          |
        1 |   let x = f(
          |  _________^
        2 | |     1,
        3 | |     2
        4 | | )
          | |_^ this call
        """,
    )


def test_a_long_label_opening_its_line_is_elided_and_nested_labels_take_lanes() -> None:
    body = "".join(f"    line{n}\n" for n in range(2, 10))
    text = source(f"fn f() {{\n{body}}}\n")
    shows(
        error(
            "E0301",
            "m",
            Span(text, 0, len(text.text)),
            "all of it",
            secondary=(Label(at(text, "line2\n    line3"), "two"),),
        ),
        """
        error[E0301]: m
          --> train.ch:1:1
           |
         1 | /   fn f() {
         2 | | /     line2
         3 | | |     line3
           | | |_________- two
        ...  |
         9 | |       line9
        10 | |   }
           | |___^ all of it
        """,
    )


def test_other_files_have_their_own_snippet() -> None:
    text, other = source("use(x)\n"), source("fn use(a: int) {}\n", "lib.ch")
    shows(
        error(
            "E0301", "m", at(text, "x"), "a string", secondary=(Label(at(other, "a: int"), "int"),)
        ),
        """
        error[E0301]: m
         --> train.ch:1:5
          |
        1 | use(x)
          |     ^ a string
         ::: lib.ch:1:8
          |
        1 | fn use(a: int) {}
          |        ------ int
        """,
    )


def test_wide_and_combining_characters_and_tabs_keep_underlines_in_place() -> None:
    for prefix, cells in [("日本", 4), ("🙂", 2), ("e\u0301", 1), ("\t", 4), ("ｆ", 2), ("ß", 1)]:
        text = source(f"{prefix}@\n")
        rows = render([error("E0101", "m", at(text, "@"))], colour=False).split("\n")
        assert rows[-1] == "  | " + " " * cells + "^", prefix
    text = source("let 名前 = 1\n")
    rows = render([error("E0101", "m", at(text, "名前"))], colour=False).split("\n")
    assert rows[-1] == "  |     ^^^^"


def test_control_characters_never_reach_the_terminal() -> None:
    text = source("a\x1b[31m\x07\u202eb\x7f\n", "evil\x1b.ch")
    shown = render([error("E0101", "odd \x1b[2J text", at(text, "b"))], colour=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", shown)
    assert shown.split("\n")[-1].index("^") == shown.split("\n")[-2].index("b")


def test_long_lines_are_windowed_around_the_label() -> None:
    text = source("x" * 5000 + "@" + "y" * 5000 + "\n")
    shown = render([error("E0101", "m", at(text, "@"), "here")], colour=False, width=60)
    line, under = shown.split("\n")[-2:]
    assert len(line) <= 60 and line.startswith("1 | ...x") and line.endswith("y...")
    assert under.index("^") == line.index("@")


def test_a_name_of_a_megabyte_is_told_by_its_ends() -> None:
    text = source("x" * 1_000_000 + "\n")
    shown = render(
        [error("E0201", f"no `{text.text}`", Span(text, 0, 1_000_000), text.text)], colour=False
    )
    assert len(shown) < 5000 and shown.startswith("error[E0201]: no `xxx")


def test_labels_too_far_apart_on_a_long_line_are_shown_apart() -> None:
    text = source("<" + "x" * 500 + ">\n")
    shown = render(
        [error("E0101", "m", at(text, ">"), "end", secondary=(Label(at(text, "<"), "start"),))],
        colour=False,
        width=60,
    ).split("\n")
    assert [row[:3] for row in shown[-4:]] == ["1 |", "  |", "1 |", "  |"]
    assert shown[-3] == "  | - start"
    assert shown[-1].index("^") == shown[-2].index(">")


def test_empty_spans_and_the_end_of_the_file() -> None:
    text = source("x = (\n\n")
    end = len(text.text)
    shows(
        error("E0101", "m", Span(text, end, end), "expected `)`"),
        """
        error[E0101]: m
         --> train.ch:1:6
          |
        1 | x = (
          |      ^ expected `)`
        """,
    )
    shows(
        error("E0101", "m", Span(text, 2, 2), "here"),
        """
        error[E0101]: m
         --> train.ch:1:3
          |
        1 | x = (
          |   ^ here
        """,
    )
    empty = source("")
    shows(
        error("E0101", "m", Span(empty, 0, 0), "empty"),
        """
        error[E0101]: m
         --> train.ch:1:1
          |
        1 |
          | ^ empty
        """,
    )


def test_crlf_is_not_seen() -> None:
    text = source("one\r\ntwo\r\n")
    shows(
        error("E0101", "m", Span(text, 0, 5), "line"),
        """
        error[E0101]: m
         --> train.ch:1:1
          |
        1 | one
          | ^^^ line
        """,
    )


def test_a_recursion_is_folded() -> None:
    text = source("f(x)\n")
    span = at(text, "f(x)")
    frames = (*[Frame("f", span)] * 999, *[Frame("even", None), Frame("odd", None)] * 3)
    shown = render(
        [Diagnostic("E0501", "too deep", frames=(*frames, Frame("main", span)))], colour=False
    )
    assert shown.split("\n")[1:] == [
        "  in `f` at train.ch:1:1",
        "  ... 998 more calls of `f`",
        "  in `even`",
        "  in `odd`",
        "  ... 4 more calls of `even` and `odd`",
        "  in `main` at train.ch:1:1",
    ]


def test_a_long_stack_without_repeats_keeps_both_ends() -> None:
    frames = tuple(Frame(f"f{n}", None) for n in range(100))
    lines = render([Diagnostic("E0501", "m", frames=frames)], colour=False).split("\n")[1:]
    assert len(lines) == 20
    assert lines[0].endswith("`f0`") and lines[-1].endswith("`f99`")
    assert "81 more lines" in lines[13]


def test_the_closing_line_counts() -> None:
    one, warning = error("E0101", "m"), Diagnostic("W0101", "w")
    assert render([one], colour=False) == "error[E0101]: m"
    assert render([one, one, warning], colour=False).endswith("\n\n2 errors, 1 warning")
    assert render([warning, warning], colour=False).endswith("\n\n2 warnings")
    assert render([warning], colour=False) == "warning[W0101]: w"


def test_colours_only_add_escapes() -> None:
    text = source("let y = f(a,\n b)\n")
    d = error(
        "E0301",
        "m",
        at(text, "f(a,\n b)"),
        "x",
        secondary=(Label(at(text, "a"), "y"),),
        helps=("h",),
    )
    plain, coloured = render([d], colour=False), render([d], colour=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain
    assert coloured.startswith("\x1b[1;31merror[E0301]") and coloured.endswith("\x1b[0m h")
