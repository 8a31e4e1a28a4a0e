"""Terminal cells: how many columns a character takes, and which part of a long line to show.

Underlines must sit under what they mark, so everything drawn below a source line is placed in
cells, not code points: East Asian wide characters and emoji take two cells, combining marks none
(Unicode TR 11), a tab takes four. Control and direction-changing characters are shown as a visible
substitute: a source file must not be able to move the cursor of whoever reads its errors.

A line wider than the terminal is cut to a window around what is marked. The window is found
walking outwards from the mark, so a line of ten megabytes costs no more than a short one.
"""

from __future__ import annotations

import unicodedata

from charl.records import record

TAB = "    "
ELLIPSIS = "..."
LONGEST_TOLD = 1000

# Bidirectional embeddings, overrides and isolates ("Trojan Source", Boucher and Anderson 2021).
DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def shown(character: str) -> str:
    """The text that stands for one character on the terminal."""
    if "\x20" <= character < "\x7f":
        return character
    if character == "\t":
        return TAB
    if character < "\x20":
        return chr(0x2400 + ord(character))  # the control pictures block: U+2400 is NUL's
    if character == "\x7f":
        return "\u2421"
    if character in DIRECTION or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return "\ufffd"
    return character


def cell_width(character: str) -> int:
    """Columns one character of a source line takes once `shown`."""
    if "\x20" <= character < "\x7f":
        return 1
    if character == "\t":
        return len(TAB)
    if character in DIRECTION:
        return 1
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def text_width(text: str) -> int:
    return sum(map(cell_width, text))


def shown_text(text: str) -> str:
    """Any text made safe for the terminal; its own newlines are kept."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c == "\n" else shown(c) for c in text)


def told(text: str) -> str:
    """A sentence of ours made safe for the terminal, whatever names of the user's are in it.

    A name of a megabyte is told by its two ends.
    """
    if len(text) > 2 * LONGEST_TOLD:
        text = text[:LONGEST_TOLD] + ELLIPSIS + text[-LONGEST_TOLD:]
    return shown_text(text)


@record
class Window:
    """The part `start..stop` (code points) of a line that is shown, and its text in cells."""

    start: int
    stop: int
    text: str
    offset: int  # cells before the first shown character: the width of the leading ellipsis
    line: str

    def column(self, position: int) -> int:
        """The cell, from 0, where a code point of the line is drawn; clamped to the window."""
        position = min(max(position, self.start), self.stop)
        return self.offset + text_width(self.line[self.start : position])


def window(line: str, first: int, last: int, budget: int) -> Window:
    """Cuts `line` to at most about `budget` cells around the code points `first..last`."""
    if len(line) <= budget and text_width(line) <= budget:
        return Window(0, len(line), shown_text(line), 0, line)
    room = max(budget - 2 * len(ELLIPSIS), 8)
    start = _walk(line, first, -1, room // 4)
    stop = _walk(line, start, 1, room)
    if stop == len(line):
        start = _walk(line, stop, -1, room)
    leading = ELLIPSIS if start > 0 else ""
    trailing = ELLIPSIS if stop < len(line) else ""
    text = leading + shown_text(line[start:stop]) + trailing
    return Window(start, stop, text, len(leading), line)


def _walk(line: str, position: int, step: int, room: int) -> int:
    """The position reached from `position` in direction `step` over at most `room` cells."""
    position = min(position, len(line))
    while True:
        index = position if step > 0 else position - 1
        if not 0 <= index < len(line):
            return position
        room -= cell_width(line[index])
        if room < 0:
            return position
        position += step
