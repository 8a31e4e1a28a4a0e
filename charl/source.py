"""Source text and spans: every later thing (token, tree, type, Core statement) carries a Span.

Offsets count Unicode code points of `Source.text`; lines and columns are computed only when a
diagnostic is rendered, so carrying a span costs one small object.
"""

from __future__ import annotations

from charl.records import field, record


@record(frozen=False, eq=False)
class Source:
    """One source text. `name` is what a user is shown: a path, or `<stdin>`, `<repl 3>`.

    `library` is true for the standard library's own files: diagnostics prefer to point at the
    user's code when both are at hand.
    """

    name: str
    text: str
    library: bool = False
    _line_starts: list[int] = field(default_factory=list, compare=False)

    @property
    def line_starts(self) -> list[int]:
        if not self._line_starts:
            starts = [0]
            position = self.text.find("\n")
            while position >= 0:
                starts.append(position + 1)
                position = self.text.find("\n", position + 1)
            self._line_starts = starts
        return self._line_starts

    def location(self, offset: int) -> tuple[int, int]:
        """The (line, column) of an offset, both counted from 1, columns in code points."""
        from bisect import bisect_right  # only where something is shown

        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its newline."""
        start = self.line_starts[number - 1]
        stop = self.line_starts[number] - 1 if number < len(self.line_starts) else len(self.text)
        return self.text[start:stop].rstrip("\r")


@record
class Span:
    """The half-open range `start..stop` of a source's text."""

    source: Source
    start: int
    stop: int

    def to(self, other: Span) -> Span:
        """The smallest span that covers both."""
        return Span(self.source, min(self.start, other.start), max(self.stop, other.stop))

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.stop]

    def __str__(self) -> str:
        line, column = self.source.location(self.start)
        return f"{self.source.name}:{line}:{column}"
