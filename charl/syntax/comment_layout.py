"""Where the formatter puts comments back.

The tree knows nothing of comments; they are placed by their offsets. Wherever a construct is a
sequence (statements, arguments, fields, operands of a chain), the comments between two elements
are put there again: behind the element whose line they end, or on lines of their own before the
next. A comment at any other place moves up, to the nearest element or statement that contains it.
No comment is lost: `take` hands each out once, and every element takes what is left inside it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from charl.records import field, record
from charl.source import Source
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.layout import (
    BLANK,
    HARD,
    SOFT,
    SPACE,
    Document,
    Group,
    IfBroken,
    Indent,
    Trailing,
)
from charl.syntax.tokens import Token

BLOCK_COMMENT = re.compile(r"/\*[^\n]*?\*/")


@record(frozen=False)
class Row:
    """An element with its comments: own lines before it, with their offsets, and at its end."""

    document: Document
    before: list[tuple[int, str]] = field(default_factory=list)
    trailing: list[str] = field(default_factory=list)
    start: int = 0


# An element: where it starts and stops in the source, and its document.
Element = tuple[int, int, Document]


class CommentLayout:
    def __init__(
        self, source: Source, tokens: list[Token], comments: Sequence[ast.Comment]
    ) -> None:
        self.source = source
        self.text = source.text
        self.tokens = tokens
        self.token_starts = [token.start for token in tokens]
        self.comments = comments
        self.comment_starts = [comment.span.start for comment in comments]
        self.taken = [False] * len(comments)

    # --- The source ---

    def token_at(self, offset: int) -> int:
        """The position of the first token that starts at `offset` or later."""
        return bisect_left(self.token_starts, offset)

    def breaks(self, start: int, stop: int) -> bool:
        """Whether the source has a newline in this range."""
        return self.text.find("\n", start, stop) >= 0

    def blank_before(self, offset: int) -> bool:
        """Whether an empty line stands right before this place."""
        newlines, index = 0, offset - 1
        while index >= 0 and self.text[index] in " \t\r\n\f;,":
            newlines += self.text[index] == "\n"
            index -= 1
        return newlines >= 2

    def take(self, start: int, stop: int) -> list[ast.Comment]:
        """The comments in a range of the source that have not been placed yet."""
        found: list[ast.Comment] = []
        index = bisect_left(self.comment_starts, start)
        while index < len(self.comments) and self.comment_starts[index] < stop:
            if not self.taken[index]:
                self.taken[index] = True
                found.append(self.comments[index])
            index += 1
        return found

    def has_comments(self, start: int, stop: int) -> bool:
        """Whether comments in a range of the source wait to be placed."""
        first = bisect_left(self.comment_starts, start)
        last = bisect_left(self.comment_starts, stop)
        return not all(self.taken[first:last])

    def own_line(self, comment: ast.Comment, *, moved: bool = False) -> str:
        """The text of a comment that gets a line of its own.

        A `///` that was no doc because of where it stood must not become one.
        """
        text, start = comment.text, comment.span.start
        before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        if (moved or before.strip()) and text.startswith("///") and not text.startswith("////"):
            return "//" + text[3:]
        return text

    # --- Sequences ---

    def rows(
        self,
        elements: Sequence[Element],
        start: int,
        stop: int,
        *,
        inner: bool = True,
        bracketed: bool = True,
    ) -> tuple[list[Row], list[ast.Comment]]:
        """The elements between two offsets with their comments, and the comments after the last.

        `inner`: comments left inside an element move before it; else they move further up.
        `bracketed`: a comment before the closing bracket may stay on its line.
        """
        rows: list[Row] = []
        previous = start
        for first, last, document in elements:
            row = Row(document, start=first)
            beside: list[ast.Comment] = []  # on the element's own line, in front of it
            for comment in self.take(previous, first):
                ends_line = self.breaks(comment.span.stop, first) or not comment.block
                if rows and ends_line and not self.breaks(previous, comment.span.start):
                    rows[-1].trailing.append(comment.text)
                    continue
                beside.append(comment)
                if ends_line or "\n" in comment.text:  # what stands before it moves up with it
                    row.before += [(c.span.start, self.own_line(c)) for c in beside]
                    beside = []
            if inside := self.take(first, last) if inner else []:
                row.before += [(c.span.start, self.own_line(c)) for c in beside]
                row.before += [(c.span.start, self.own_line(c, moved=True)) for c in inside]
            elif beside:
                row.document = [" ".join(c.text for c in beside), " ", document]
                row.start = beside[0].span.start
            rows.append(row)
            previous = last
        tail: list[ast.Comment] = []
        for comment in self.take(previous, stop):
            same_line = bool(rows) and not tail and not self.breaks(previous, comment.span.start)
            inline = bracketed and is_inline(comment) and self.holds(comment.span.stop, stop)
            if same_line and inline:
                rows[-1].document = [rows[-1].document, " ", comment.text]
            elif same_line:
                rows[-1].trailing.append(comment.text)
            else:
                tail.append(comment)
        return rows, tail

    def holds(self, start: int, stop: int) -> bool:
        """Whether a comma, or the closing bracket at `stop`, stands on the line of `start`, with
        nothing but comments between."""
        rest = BLOCK_COMMENT.sub("", self.text[start:stop])
        return rest.lstrip(" \t").startswith(",") or not self.breaks(start, stop)

    def delimited(
        self,
        opening: str,
        elements: Sequence[Element],
        closing: str,
        region: tuple[int, int],
        *,
        one: bool = False,
        fill: bool = False,
    ) -> Document:
        """Elements between brackets, on one line or one below the other.

        `one`: a single element keeps its comma (a tuple). `fill`: as many as fit on each line.
        """
        rows, tail = self.rows(elements, *region)
        if not rows and all(is_inline(comment) for comment in tail):
            return opening + " ".join(comment.text for comment in tail) + closing
        if tail or any(row.before or row.trailing for row in rows):
            lines: list[Document] = []
            for row in rows:
                for _, text in row.before:
                    lines += [HARD, text]
                lines += [HARD, row.document, ",", *trailing(row)]
            for comment in tail:
                lines += [HARD, self.own_line(comment)]
            return Group([opening, Indent(lines), HARD, closing])
        parts: list[Document] = []
        for index, row in enumerate(rows):
            space = SPACE if index else SOFT
            comma: Document = "," if index < len(rows) - 1 or one else IfBroken(",")
            if fill and index:
                parts.append(Group([space, row.document, comma]))
            else:
                parts.append([space, row.document, comma])
        return Group([opening, Indent(parts), SOFT, closing])

    def lines(
        self, elements: Sequence[Element], start: int, stop: int
    ) -> list[tuple[bool, Document]]:
        """Elements on lines of their own; with each line, whether an empty one precedes it."""
        rows, tail = self.rows(elements, start, stop, bracketed=False)
        result: list[tuple[bool, Document]] = []
        for row in rows:
            for offset, text in row.before:
                result.append((self.blank_before(offset), text))
            blank = self.blank_before(self.doc_start(row.start))
            result.append((blank, [row.document, *trailing(row)]))
        for comment in tail:
            result.append((self.blank_before(comment.span.start), self.own_line(comment)))
        return result

    def doc_start(self, offset: int) -> int:
        """Where the `///` lines right above an offset begin."""
        while True:
            line = self.text.rfind("\n", 0, offset)
            above = self.text.rfind("\n", 0, max(line, 0)) + 1
            text = self.text[above : max(line, 0)].strip()
            if line < 0 or not text.startswith("///") or text.startswith("////"):
                return offset
            comment = bisect_left(self.comment_starts, above)
            if comment < len(self.comments) and self.comment_starts[comment] < line:
                return offset  # a comment still: what follows it has no doc
            offset = above

    def braced(self, lines: list[tuple[bool, Document]]) -> Document:
        """Lines in braces, each on its own."""
        return ["{", Indent([HARD, stacked(lines)]), HARD, "}"] if lines else "{ }"

    # --- Small readings of the source ---

    def in_parentheses(self, offset: int) -> bool:
        """Whether the token right before this offset is an opening parenthesis."""
        position = self.token_at(offset)
        return position > 0 and self.tokens[position - 1].kind == "("

    def closing(self, position: int) -> int:
        """The offset of the bracket that closes the one at this position of the tokens."""
        depth = 0
        for token in self.tokens[position:]:
            depth += (token.kind in t.OPENING) - (token.kind in t.CLOSING)
            if depth == 0:
                return token.start
        return len(self.text)


def is_inline(comment: ast.Comment) -> bool:
    """Whether a comment may stand within a line."""
    return comment.block and "\n" not in comment.text


def trailing(row: Row) -> list[Document]:
    return [Trailing("  " + " ".join(row.trailing))] if row.trailing else []


def stacked(lines: list[tuple[bool, Document]]) -> Document:
    """Lines below one another; empty lines are kept, one at a time, but not at the start."""
    parts: list[Document] = []
    for index, (blank, line) in enumerate(lines):
        if index:
            parts.append(BLANK if blank else HARD)
        parts.append(line)
    return parts
