"""Layout: documents that can be printed on one line or broken over several.

A document is a string, a sequence, or one of the records below. A `Group` is printed flat when it
fits into the width, else its own lines break (those of the groups inside it are decided again, from
outside in). After P. Wadler, "A prettier printer" (2003), in the strict form of C. Lindig.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from charl.records import record

WIDTH = 100
INDENT = 4


@record
class Line:
    """A place to break: `flat` is printed instead where the line is not broken."""

    flat: str
    hard: bool = False


SPACE = Line(" ")
SOFT = Line("")
HARD = Line("", hard=True)
BLANK = Line("blank", hard=True)  # a hard line with an empty one before it


@record
class Indent:
    body: Document


@record
class Group:
    """`broken` forces the break; so does a hard line anywhere inside."""

    body: Document
    broken: bool
    hard: bool

    def __init__(self, body: Document, broken: bool = False) -> None:
        object.__setattr__(self, "body", body)
        object.__setattr__(self, "broken", broken)
        object.__setattr__(self, "hard", broken or is_hard(body))


@record
class IfBroken:
    """Text that depends on whether the group around it is broken."""

    text: str
    flat: str = ""


@record
class Trailing:
    """A comment at the end of a line: it takes no part in deciding what fits."""

    text: str


@record
class Choice:
    """The first document whose first line fits, else the last."""

    options: tuple[Document, ...]


Document: TypeAlias = (
    "str | Line | Indent | Group | IfBroken | Trailing | Choice | Sequence[Document]"
)

_Entry = tuple[int, bool, Document]  # indentation, broken, document


def is_hard(document: Document) -> bool:
    """Whether a document cannot be printed on one line."""
    stack = [document]
    while stack:
        item = stack.pop()
        match item:
            case str():
                if "\n" in item:
                    return True
            case Line():
                if item.hard:
                    return True
            case Indent():
                stack.append(item.body)
            case Group():
                if item.hard:
                    return True
            case Choice():
                stack.append(item.options[0])
            case IfBroken():
                pass
            case Trailing():
                return True
            case _:
                stack.extend(item)
    return False


def render(document: Document, width: int = WIDTH) -> str:
    """Print a document within the width where it can be."""
    out: list[str] = []
    column = 0
    stack: list[_Entry] = [(0, True, document)]
    while stack:
        indent, broken, item = stack.pop()
        match item:
            case str():
                out.append(item)
                newline = item.rfind("\n")
                column = column + len(item) if newline < 0 else len(item) - newline - 1
            case Line():
                if broken or item.hard:
                    out.append("\n\n" if item is BLANK else "\n")
                    out.append(" " * indent)
                    column = indent
                else:
                    out.append(item.flat)
                    column += len(item.flat)
            case Indent():
                stack.append((indent + INDENT, broken, item.body))
            case Group():
                flat = not item.hard and _fits((indent, False, item.body), stack, width - column)
                stack.append((indent, not flat, item.body))
            case IfBroken():
                text = item.text if broken else item.flat
                out.append(text)
                column += len(text)
            case Trailing():
                out.append(item.text)
            case Choice():
                chosen = next(
                    (
                        option
                        for option in item.options[:-1]
                        if _fits((indent, True, option), stack, width - column)
                    ),
                    item.options[-1],
                )
                stack.append((indent, True, chosen))
            case _:
                stack.extend((indent, broken, part) for part in reversed(item))
    return "\n".join(line.rstrip(" ") for line in "".join(out).split("\n"))


def _fits(entry: _Entry, rest: list[_Entry], room: int) -> bool:
    """Whether what comes up to the next line break fits into `room` columns.

    Groups inside `entry` count flat unless they must break; in what follows it, every
    line may break.
    """
    stack = [entry]
    following = len(rest)
    inside = 1  # entries of `stack` above this height belong to `entry`
    while room >= 0:
        if not stack:
            inside = 0
            if following == 0:
                return True
            following -= 1
            stack.append(rest[following])
        indent, broken, item = stack.pop()
        match item:
            case str():
                newline = item.find("\n")
                if newline >= 0:
                    return newline <= room
                room -= len(item)
            case Line():
                if item.hard or broken:
                    return True
                room -= len(item.flat)
            case Indent():
                stack.append((indent, broken, item.body))
            case Group():
                flat = inside == 1 and not item.hard
                stack.append((indent, not flat and (broken or item.hard), item.body))
            case IfBroken():
                room -= len(item.text if broken else item.flat)
            case Trailing():
                return True
            case Choice():
                stack.append((indent, broken, item.options[0]))
            case _:
                stack.extend((indent, broken, part) for part in reversed(item))
    return False


def join(separator: Document, documents: Sequence[Document]) -> list[Document]:
    """The documents with the separator between them."""
    result: list[Document] = []
    for index, document in enumerate(documents):
        if index:
            result.append(separator)
        result.append(document)
    return result
