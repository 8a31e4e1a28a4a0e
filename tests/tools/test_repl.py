"""The conversation of the REPL: entries in, answers out."""

from __future__ import annotations

import io

import pytest

from charl.tools.repl import is_complete, piped_entries


@pytest.mark.parametrize(
    "entry",
    ["1 + 1", "let x = 1\n", "fn f(x) {\n x\n}\n", ")", "let x = 1 1", '"abc', ":type f(", "@"],
)
def test_complete_entries(entry: str) -> None:
    assert is_complete(entry)


@pytest.mark.parametrize(
    "entry", ["1 +\n", "let x =\n", "fn f(x) {\n", "[1,\n", "f(\n1,", "/* abc", "match x {\n 1 =>"]
)
def test_incomplete_entries(entry: str) -> None:
    assert not is_complete(entry)


def test_a_stream_is_cut_into_entries() -> None:
    stream = io.StringIO("let x = 1\n\nfn f(a) {\n    a\n}\n:type x\nf(\n")
    assert list(piped_entries(stream)) == [
        "let x = 1\n",
        "\n",
        "fn f(a) {\n    a\n}\n",
        ":type x\n",
        "f(\n",
    ]
