"""Rendering is total: any spans over any text give lines that fit the terminal and align."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from charl.diagnostics.as_json import to_json
from charl.diagnostics.cells import text_width
from charl.diagnostics.diagnostic import Diagnostic, Label
from charl.diagnostics.render import render
from charl.source import Source, Span

TEXTS = st.text(alphabet="ab (){}\n\r\t日🙂\u0301\x1b\u2028", max_size=300)


@st.composite
def labels(draw: st.DrawFn, source: Source) -> Label:
    start = draw(st.integers(0, len(source.text)))
    stop = draw(st.integers(start, len(source.text)))
    return Label(Span(source, start, stop), draw(st.sampled_from(["", "a label", "two\nlines"])))


@settings(max_examples=300, deadline=None)
@given(st.data(), TEXTS, st.integers(30, 120))
def test_any_labels_render(data: st.DataObject, text: str, width: int) -> None:
    source = Source("a.ch", text)
    primary = data.draw(labels(source))
    secondary = tuple(data.draw(st.lists(labels(source), max_size=4)))
    diagnostic = Diagnostic("E0101", "m", primary, secondary)
    shown = render([diagnostic], colour=False, width=width)
    assert "\x1b" not in shown and "\r" not in shown
    assert all(line == line.rstrip(" ") for line in shown.split("\n"))
    # Source rows fit; a row with a label's text may run on to the right.
    for line in shown.split("\n"):
        if line.lstrip()[:1].isdigit() and " | " in line:
            assert text_width(line) <= max(width, 20 + 3 + 3 + 2 * 6), line
    assert to_json([diagnostic]).count("\n") == 1
