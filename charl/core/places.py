"""Where in the user's program a value is made, as reports show it: the line and what is there."""

from __future__ import annotations

from charl.core.clone import calls_of
from charl.core.control import FUSED
from charl.core.ir import Statement
from charl.source import Source, Span

# How much of a line is shown.
WIDTH = 44


def span_of_result(statement: Statement, position: int) -> Span | None:
    """Where a result is made; of a fused statement, by the part of it that makes it."""
    if statement.op is FUSED:
        (block,) = statement.blocks
        made = {v: part.span for part in block.statements for v in part.results}
        return made[block.results[position]] or statement.span
    return statement.span


def shown_at(span: Span | None, source: Source | None = None) -> Span | None:
    """The user's own code that a place belongs to: for one in the library, where that was called
    from; in `source`, if it is called from there."""
    around = [] if span is None else [span, *(f.span for f in calls_of(span) if f.span is not None)]
    for place in around:
        if not place.source.library and (source is None or place.source.name == source.name):
            return place
    return span if source is None else shown_at(span)


def quoted(span: Span | None, source: Source | None) -> str:
    """`line 6  dense(784, 128)`: the user's place and the beginning of what stands there; with the
    file's name where it is not `source`."""
    span = shown_at(span, source)
    if span is None:
        return ""
    line = span.source.location(span.start)[0]
    same = source is not None and span.source.name == source.name
    place = f"line {line}" if same else f"{span.source.name}:{line}"
    text = " ".join(span.text.split())
    return f"{place}  {text if len(text) <= WIDTH else text[: WIDTH - 3] + '...'}"
