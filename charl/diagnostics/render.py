"""Diagnostics as text for a terminal.

    error[E0312]: these matrices do not chain
      --> train.ch:14:19
       |
    12 | let w: float32[784, 10] = random_normal([784, 10])
       |        ---------------- 784 rows here
    14 |     let logits = x @ w
       |                  - ^ needs `x` to have 784 columns, but it has 768
       |                  |
       |                  float32[B, 768]
       = help: `x` comes from `flatten(images)` on line 9; its images are 24 by 32

The layout follows rustc's. The file of the primary label comes first, then one snippet for each
other file; `help` and `note` lines; the call stack, or the chain of template uses, innermost first,
with the repeats of a recursion folded into one line. The excerpts are made in `snippet.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from charl.diagnostics.cells import told
from charl.diagnostics.diagnostic import Diagnostic, Frame, Label
from charl.diagnostics.snippet import Mark, Row, layout, place, visible_span
from charl.source import Source, Span

RESET = "\x1b[0m"
COLOURS = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "message": "\x1b[1m",
    "gutter": "\x1b[1;34m",
    "secondary": "\x1b[1;34m",
    "help": "\x1b[1;36m",
    "note": "\x1b[1m",
}

# The longest cycle of calls that is recognised as one recursion, and the most frames shown.
LONGEST_CYCLE = 8
MOST_FRAMES = 20


def render(diagnostics: Sequence[Diagnostic], *, colour: bool, width: int = 100) -> str:
    """The text of all diagnostics, without a newline at the end; `width` is in cells."""
    parts = ["\n".join(_lines(diagnostic, colour, width)) for diagnostic in diagnostics]
    if len(diagnostics) > 1:
        parts.append(summary(diagnostics))
    return "\n\n".join(parts)


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    errors = sum(diagnostic.is_error for diagnostic in diagnostics)
    counts = [(errors, "error"), (len(diagnostics) - errors, "warning")]
    return ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in counts if n)


def place_name(span: Span) -> str:
    """`file:line:column` of what a reader sees of the span."""
    return told(str(visible_span(span)))


def _lines(diagnostic: Diagnostic, colour: bool, width: int) -> Iterator[str]:
    severity = "error" if diagnostic.is_error else "warning"
    for row in _rows(diagnostic, severity, width):
        yield _paint(row, severity, colour)


def _paint(row: Row, severity: str, colour: bool) -> str:
    if not colour:
        return "".join(text for text, _ in row)
    text, active = "", ""
    for piece, style in row:
        wanted = COLOURS.get(severity if style == "primary" else style, "")
        if piece and wanted != active:
            text += (RESET if active else "") + wanted
            active = wanted
        text += piece
    return text + (RESET if active else "")


def _rows(diagnostic: Diagnostic, severity: str, width: int) -> Iterator[Row]:
    message = told(diagnostic.message)
    yield [(f"{severity}[{diagnostic.code}]", severity), (f": {message}", "message")]
    snippets = _snippets(diagnostic)
    gutter = max((mark.last_line for _, _, marks in snippets for mark in marks), default=0)
    gutter = len(str(gutter))
    arrow = "-->"
    for source, where, marks in snippets:
        yield [(" " * gutter + arrow + " ", "gutter"), (place_name(where), "")]
        yield from layout(source, marks, gutter, width)
        arrow = ":::"
    for text in diagnostic.helps:
        yield from _remark("help", text, gutter)
    for text in diagnostic.notes:
        yield from _remark("note", text, gutter)
    for text in fold_frames(diagnostic.frames):
        yield [(" " * (gutter + 1) + text, "")]


def _snippets(diagnostic: Diagnostic) -> list[tuple[Source, Span, list[Mark]]]:
    """The labels grouped by file, the primary's first, with the place each header names."""
    labels: list[tuple[Label, bool]] = []
    if diagnostic.primary is not None:
        labels.append((diagnostic.primary, True))
    labels += [(label, False) for label in diagnostic.secondary]
    grouped: dict[int, tuple[Source, Span, list[Mark]]] = {}
    for label, primary in labels:
        source = label.span.source
        group = grouped.setdefault(id(source), (source, label.span, []))
        group[2].append(place(label, primary))
    return list(grouped.values())


def _remark(kind: str, text: str, gutter: int) -> Iterator[Row]:
    first, *rest = told(text).split("\n")
    margin = " " * (gutter + 1)
    yield [(margin + "= ", "gutter"), (f"{kind}:", kind), (f" {first}", "")]
    for line in rest:
        yield [(f"{margin}  {' ' * len(kind)}  {line}".rstrip(), "")]


def fold_frames(frames: Sequence[Frame]) -> list[str]:
    """The lines of a call stack, a cycle of calls told once with the count of its repeats."""
    lines: list[str] = []
    index = 0
    while index < len(frames):
        period, repeats = _cycle(frames, index)
        cycle = frames[index : index + period]
        lines += [_frame_line(frame) for frame in cycle]
        if repeats > 1:
            names = " and ".join(dict.fromkeys(_frame_name(frame) for frame in cycle))
            lines.append(f"... {(repeats - 1) * period} more calls of {names}")
        index += period * repeats
    if len(lines) > MOST_FRAMES:
        head, tail = MOST_FRAMES * 2 // 3, MOST_FRAMES // 3
        omitted = len(lines) - head - tail
        lines[head:-tail] = [f"... {omitted} more lines of the call stack"]
    return lines


def _cycle(frames: Sequence[Frame], index: int) -> tuple[int, int]:
    """The (period, repeats) of the cycle of names that starts here; (1, 1) when there is none."""
    for period in range(1, LONGEST_CYCLE + 1):
        run = index + period
        while run < len(frames) and frames[run].what == frames[run - period].what:
            run += 1
        repeats = (run - index) // period
        # Folding pays only when it hides more than one line.
        if repeats >= 2 and (repeats - 1) * period > 1:
            return period, repeats
    return 1, 1


def _frame_name(frame: Frame) -> str:
    what = told(frame.what).removeprefix("in ")
    return f"`{what}`" if what.removeprefix("fn ").isidentifier() else what


def _frame_line(frame: Frame) -> str:
    where = f" at {place_name(frame.span)}" if frame.span is not None else ""
    return f"in {_frame_name(frame)}{where}"
