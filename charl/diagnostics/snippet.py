"""Source excerpts: labels laid out under the lines they mark.

One snippet shows one file. Labels that fit on a line are underlined below it; the rightmost one
says its text beside its underline, the others are stacked under it on bars, right to left:

    12 | let y = f(a, b)
       |           -  ^ this is a string
       |           |
       |           this is an int

A label over several lines takes a lane at the left of the text: it opens with `/` (or with an
underscore row when code stands before it) and closes with `|___^`. Long lines are cut to a window
(`cells.window`); labels too far apart for one window show the line again, once for each group.

Rows are lists of (text, style) pieces; `render.py` paints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from charl.diagnostics.cells import Window, told, window
from charl.diagnostics.diagnostic import Label
from charl.records import record
from charl.source import Source, Span

Piece = tuple[str, str]
Row = list[Piece]

# A label over more lines than this shows only its first and last ones.
LONG_LABEL = 6
LANE = 2  # cells a lane takes: its bar and a space


@record
class Mark:
    """A label placed in lines (from 1) and code point columns (from 0, `stop` past the end)."""

    text: str
    primary: bool
    first_line: int
    start: int
    last_line: int
    stop: int

    @property
    def style(self) -> str:
        return "primary" if self.primary else "secondary"

    @property
    def underline(self) -> str:
        return "^" if self.primary else "-"

    @property
    def single(self) -> bool:
        return self.first_line == self.last_line


def visible_span(span: Span) -> Span:
    """The span as a reader sees it: without trailing line ends, and never past the last text.

    An empty span after the last line of a file is moved to the end of the last line that has
    something on it, so that "expected `}`" points at a place one can look at.
    """
    text = span.source.text
    start, stop = min(span.start, len(text)), min(span.stop, len(text))
    while stop > start and text[stop - 1] in "\r\n":
        stop -= 1
    if start == stop == len(text) and start > 0 and text[start - 1] in " \t\r\n":
        start = stop = len(text.rstrip())
    return Span(span.source, start, stop)


def place(label: Label, primary: bool) -> Mark:
    span = visible_span(label.span)
    first_line, start = span.source.location(span.start)
    last_line, stop = span.source.location(span.stop)
    # An underline never reaches into the carriage return of a CRLF line.
    start = min(start - 1, len(span.source.line(first_line)))
    stop = min(stop - 1, len(span.source.line(last_line)))
    if first_line == last_line:
        stop = max(stop, start + 1)
    return Mark(label.text, primary, first_line, start, last_line, stop)


def layout(source: Source, marks: Sequence[Mark], gutter: int, width: int) -> list[Row]:
    """The rows of one snippet, gutter included; `width` is the terminal's, in cells."""
    lanes = assign_lanes([mark for mark in marks if not mark.single])
    depth = LANE * (1 + max(lanes.values(), default=-1))
    budget = max(width - gutter - 3 - depth, 20)
    rows: list[Row] = [[(" " * (gutter + 1) + "|", "gutter")]]
    previous = 0
    for number in shown_lines(marks):
        if previous and number > previous + 2:
            bars = lane_bars(lanes, depth, previous, number)
            rows.append([("...".ljust(gutter + 3), "gutter"), *bars])
        rows += line_rows(source, number, marks, lanes, depth, gutter, budget)
        previous = number
    return [strip_row(row) for row in rows]


def shown_lines(marks: Iterable[Mark]) -> list[int]:
    lines: set[int] = set()
    for mark in marks:
        first, last = mark.first_line, mark.last_line
        if last - first < LONG_LABEL:
            lines.update(range(first, last + 1))
        else:
            lines.update((first, first + 1, last - 1, last))
    return sorted(lines)


def assign_lanes(marks: Sequence[Mark]) -> dict[Mark, int]:
    """The lane of each label over several lines: the first one free over all its lines."""
    lanes: dict[Mark, int] = {}
    for mark in sorted(marks, key=lambda m: (m.first_line, -m.last_line)):
        taken = {
            lane
            for other, lane in lanes.items()
            if other.first_line <= mark.last_line and mark.first_line <= other.last_line
        }
        lanes[mark] = next(lane for lane in range(len(marks)) if lane not in taken)
    return lanes


def opens_line(source: Source, mark: Mark) -> bool:
    """Whether nothing but space stands before a label's first character."""
    return not source.line(mark.first_line)[: mark.start].strip()


def lane_bars(lanes: dict[Mark, int], depth: int, after: int, before: int) -> Row:
    """The lanes of the labels open over the whole gap between two shown lines."""
    cells = [(" ", "")] * depth
    for mark, lane in lanes.items():
        if mark.first_line <= after and before <= mark.last_line:
            cells[LANE * lane] = ("|", mark.style)
    return cells


def line_rows(
    source: Source,
    number: int,
    marks: Sequence[Mark],
    lanes: dict[Mark, int],
    depth: int,
    gutter: int,
    budget: int,
) -> list[Row]:
    """A source line with everything drawn under it."""
    line = source.line(number)
    singles = [mark for mark in marks if mark.single and mark.first_line == number]
    opening = [m for m in lanes if m.first_line == number and not opens_line(source, m)]
    closing = [m for m in lanes if m.last_line == number]
    head: Row = [(str(number).rjust(gutter) + " | ", "gutter")]
    blank: Row = [(" " * (gutter + 1) + "| ", "gutter")]
    bars: Row = [(" ", "")] * depth
    for mark, lane in lanes.items():
        if mark.first_line < number <= mark.last_line:
            bars[LANE * lane] = ("|", mark.style)
        elif mark.first_line == number and opens_line(source, mark):
            bars[LANE * lane] = ("/", mark.style)
    if not (singles or opening or closing):
        return [[*head, *bars, (window(line, 0, 0, budget).text, "")]]
    under: Row = [("|" if bar == "/" else bar, style) for bar, style in bars]

    rows: list[Row] = []
    for group in groups(singles, opening, closing, budget):
        view = window(line, group[0][0], group[-1][1], budget)
        rows.append([*head, *bars, (view.text, "")])
        here = [mark for *_, mark in group]
        rows += [[*blank, *under, *row] for row in label_rows([m for m in here if m.single], view)]
        for mark in here:
            if mark in opening:
                edge = depth + view.column(mark.start)
                row = edge_row(under, lanes[mark], edge, mark, " ", "")
                rows.append([*blank, *row])
                under[LANE * lanes[mark]] = ("|", mark.style)
        for mark in here:
            if mark in closing:
                edge = depth + view.column(max(mark.stop - 1, 0))
                row = edge_row(under, lanes[mark], edge, mark, "|", mark.text)
                rows.append([*blank, *row])
                under[LANE * lanes[mark]] = (" ", "")
        bars = under
    return rows


def groups(
    singles: Sequence[Mark], opening: Sequence[Mark], closing: Sequence[Mark], budget: int
) -> list[list[tuple[int, int, Mark]]]:
    """What is drawn under one line as (start, stop, mark), split where no window shows it all."""
    places = [(mark.start, mark.stop, mark) for mark in singles]
    places += [(mark.start, mark.start + 1, mark) for mark in opening]
    places += [(max(mark.stop - 1, 0), mark.stop, mark) for mark in closing]
    places.sort(key=lambda item: item[:2])
    result: list[list[tuple[int, int, Mark]]] = []
    for item in places:
        if result and item[0] - result[-1][0][0] < budget // 2:
            result[-1].append(item)
        else:
            result.append([item])
    return result


def edge_row(bars: Row, lane: int, edge: int, mark: Mark, corner: str, text: str) -> Row:
    """The row that opens or closes a lane: `corner`, underscores, and the mark at `edge`."""
    cells = list(bars) + [(" ", "")] * (edge - len(bars))
    for column in range(LANE * lane + 1, edge):
        cells[column] = ("_", mark.style)
    cells[LANE * lane] = (corner, mark.style)
    cells = [*cells[:edge], (mark.underline, mark.style)]
    lines = told(text).split("\n") if text else [""]
    return [*cells, (" " + " ".join(lines) if text else "", mark.style)]


def label_rows(marks: Sequence[Mark], view: Window) -> list[Row]:
    """The underlines of the labels on one line, and their texts."""
    if not marks:
        return []
    placed = []
    for mark in marks:
        start = view.column(mark.start)
        placed.append((start, max(view.column(mark.stop), start + 1), mark))
    # Primary underlines are drawn last, over the others.
    canvas: Row = [(" ", "")] * max(stop for _, stop, _ in placed)
    for start, stop, mark in sorted(placed, key=lambda item: item[2].primary):
        canvas[start:stop] = [(mark.underline, mark.style)] * (stop - start)

    # Ties put the primary label beside its underline.
    spoken = sorted(
        (item for item in placed if item[2].text), key=lambda item: (item[0], item[2].primary)
    )
    rows = [canvas]
    if spoken and spoken[-1][1] >= len(canvas):
        _, _, last = spoken.pop()
        first, *rest = told(last.text).split("\n")
        inline = len(canvas) + 1
        canvas.append((" " + first, last.style))
        rows += [[*bars_at(spoken, inline), (text, last.style)] for text in rest]
    if spoken:
        rows.append(bars_at(spoken, spoken[-1][0] + 1))
    while spoken:
        start, _, mark = spoken.pop()
        for text in told(mark.text).split("\n"):
            rows.append([*bars_at(spoken, start), (text, mark.style)])
    return rows


def bars_at(placed: Sequence[tuple[int, int, Mark]], stop: int) -> Row:
    """A row `stop` cells wide with a bar at the start of each label placed before it."""
    row: Row = [(" ", "")] * stop
    for start, _, mark in placed:
        if start < stop:
            row[start] = ("|", mark.style)
    return row


def strip_row(row: Row) -> Row:
    """The row without the blanks at its end."""
    row = list(row)
    while row:
        text, style = row.pop()
        if text.rstrip():
            return [*row, (text.rstrip(), style)]
    return row
