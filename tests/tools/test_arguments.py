"""The command line as data: what fits, and how what does not is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from charl.diagnostics.diagnostic import CharlError
from charl.diagnostics.render import render
from charl.tools.arguments import (
    JSON,
    Command,
    Invocation,
    Option,
    command_line,
    help_page,
    parse_words,
)

COMMAND = Command(
    name="go",
    summary="go somewhere",
    usage="charl go [OPTIONS] PLACE [-- ARGUMENTS]",
    description="Goes.",
    run=lambda invocation: 0,
    options=(
        Option("--speed", "how fast", "WORD", short="-s", choices=("slow", "fast")),
        Option("--name", "who", "TEXT"),
        JSON,
    ),
    operands=(1, 2),
    passes_rest=True,
)


def parse(*words: str) -> Invocation:
    line = command_line(["go", *words])
    return parse_words(COMMAND, line[1:], line[0].span)


def problems(*words: str) -> Sequence[str]:
    with pytest.raises(CharlError) as caught:
        parse(*words)
    return render(caught.value.diagnostics, colour=False).split("\n")


def test_options_operands_and_the_rest() -> None:
    given = parse("--speed=slow", "here", "--json", "--name", "-x", "there", "--", "--json", "a b")
    assert [word.text for word in given.operands] == ["here", "there"]
    assert given.value("--speed", "fast") == "slow"
    assert given.value("--name", "") == "-x"
    assert given.has("--json")
    assert given.rest == ("--json", "a b")
    assert parse("here").value("--speed", "fast") == "fast"
    assert parse("-s", "fast", "-").value("--speed", "") == "fast"


def test_spans_survive_quoting() -> None:
    words = command_line(["go", "a b", "c"])
    assert [word.span.text for word in words] == ["go", "'a b'", "c"]
    assert words[0].span.source.text == "charl go 'a b' c"


def test_an_unknown_option_is_underlined() -> None:
    assert problems("--sped", "slow", "x") == [
        "error[E0704]: `charl go` has no option `--sped`",
        " --> <command line>:1:10",
        "  |",
        "1 | charl go --sped slow x",
        "  |          ^^^^^^ did you mean `--speed`?",
        "  = help: `charl go --help` lists its options",
    ]


def test_all_wrong_options_are_told_at_once() -> None:
    assert problems("--sped", "--speed", "quick", "--json=1", "x")[-1] == "3 errors"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("x", "--speed", "quick"), "E0706", "`--speed` cannot be `quick`"),
        (("x", "--speed"), "E0706", "`--speed` needs a value"),
        (("x", "--name", "--", "y"), "E0706", "`--name` needs a value"),
        (("x", "--json=yes"), "E0706", "`--json` takes no value"),
        ((), "E0705", "`charl go` needs to know what to work on"),
        (("a", "b", "c"), "E0705", "`charl go` does not know what to do with `c`"),
    ],
)
def test_what_does_not_fit(words: tuple[str, ...], code: str, message: str) -> None:
    assert problems(*words)[0] == f"error[{code}]: {message}"


def test_help_asks_for_no_operands() -> None:
    assert parse("-h").has("--help")


def test_the_help_page() -> None:
    assert help_page(COMMAND).split("\n") == [
        "usage: charl go [OPTIONS] PLACE [-- ARGUMENTS]",
        "",
        "Goes.",
        "",
        "options:",
        "  -s, --speed WORD  how fast (slow or fast)",
        "      --name TEXT   who",
        "      --json        print diagnostics as JSON, one object per line",
        "  -h, --help        show this page",
    ]
