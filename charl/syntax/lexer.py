"""The lexer: text to tokens, in one walk of one compiled pattern.

Every position of the text matches some alternative of PATTERN, so the walk cannot get stuck;
repetitions are possessive, so it cannot backtrack. Two things are not regular and are done by
hand: block comments, which nest, and formatted strings, whose holes `{...}` hold tokens again,
which may hold formatted strings again. For these the lexer keeps a stack of open holes and
reads the text between holes with a second pattern.

`//` is both a comment and floor division. It divides when it stands behind a value with the same
spacing on both sides (none, or one space) and a divisor follows. What cannot be a program is a
comment still: `x = 3 // three of them`. The formatter sets trailing comments off by two spaces,
after which `//` never divides.
"""

from __future__ import annotations

import re
import unicodedata

from charl.diagnostics.diagnostic import Diagnostic, error
from charl.source import Source, Span
from charl.syntax import tokens as t
from charl.syntax.ast import Comment
from charl.syntax.tokens import Token

_MARKS = "|".join(re.escape(mark) for mark in sorted(t.MARKS, key=len, reverse=True))

PATTERN = re.compile(
    rf"""[ \t\r\f]*+(?:
      (?P<newline>\n)
    | (?P<format>f")
    | (?P<name>[^\W\d]\w*+)
    | (?P<float>[0-9][0-9_]*+(?:\.[0-9][0-9_]*+(?:[eE][+-]?[0-9][0-9_]*+)?
        | [eE][+-]?[0-9][0-9_]*+)(?!\w))
    | (?P<int>(?:0[xX][0-9a-fA-F_]++|0[oO][0-7_]++|0[bB][01_]++|[0-9][0-9_]*+)(?!\w))
    | (?P<number>[0-9]\w*+)
    | (?P<string>"(?:[^"\\\n]++|\\[^\n])*+")
    | (?P<open>"(?:[^"\\\n]++|\\[^\n])*+)
    | (?P<comment>//)
    | (?P<block>/\*)
    | (?P<mark>{_MARKS})
    | (?P<end>\Z)
    | (?P<stray>(?:[^\x00-\x7f\w\s]|[\x00-\x08\x0e-\x1f\x7f])++|.)
    )""",
    re.VERBOSE | re.DOTALL,
)

# The text of a formatted string up to a hole, its closing quote, the line's end, or a lone brace.
FORMAT_TEXT = re.compile(r'(?:[^"\\{}\n]++|\\u\{[0-9a-fA-F_]*+\}|\\[^\n]|\{\{|\}\})*+')
FORMAT_SPEC = re.compile(r'[^{}"\n]*+')
BLOCK_MARK = re.compile(r"/\*|\*/")
SINGLE_QUOTED = re.compile(r"'(?:[^'\\\n]++|\\[^\n])*+'")

# What can stand behind a floor division: an operand, unless what comes cannot be a program, such as
# two words in a row of which the second is no operator, or a word at the end of a sentence.
DIVISOR = re.compile(r"(?!(?:and|or|in|as|if|else|not|with|for|while|match)\b)(?:[\w(\[]|-[\w(\[])")
PROSE = re.compile(
    r"""\(?(?!(?:query|not|if|match|with)\b)[\w.]++(?:
        [ ]++(?!(?:and|or|in|as|step|not|for)\b)[\w"']  # two words
      | [ ]++=(?![=>])
      | (?<=\.)(?=\s|\Z)
      | :(?=\s|\Z)
      | [?'\u2019]
      | !(?!=)
    )""",
    re.VERBOSE,
)
_VALUE_ENDS = frozenset((t.NAME, t.INT, t.FLOAT, ")", "]"))

MAX_ERRORS = 100
MAX_TOKENS = 2_000_000

# Characters that editors and web pages put where a plain one is meant.
# fmt: off
LOOKALIKES = {
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"',
    "\u00bb": '"', "\u2212": "-", "\u2013": "-", "\u2014": "-", "\u00d7": "*", "\u00b7": "*",
    "\u22c5": "*", "\u00f7": "/", "\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\u2192": "->",
    "\u21d2": "=>", "\u2026": "..", "\uff08": "(", "\uff09": ")", "\uff0c": ",", "\uff1a": ":",
    "\uff1b": ";", "\u2227": "and", "\u2228": "or", "\u00ac": "not", "\u2208": "in",
    "\u221a": "sqrt",
}
# fmt: on


def lex(source: Source) -> tuple[list[Token], list[Comment], list[Diagnostic]]:
    """Cut a source into tokens (the last is END), its comments, and what is wrong with it."""
    lexer = _Lexer(source)
    lexer.run()
    return lexer.tokens, lexer.comments, lexer.diagnostics


class _Lexer:
    """The state of one walk.

    `holes` has, for each open hole, [start, braces open in it, other brackets open in it].
    """

    __slots__ = (
        "comments",
        "diagnostics",
        "holes",
        "newline",
        "silent_until",
        "source",
        "text",
        "tokens",
    )

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.tokens: list[Token] = []
        self.comments: list[Comment] = []
        self.diagnostics: list[Diagnostic] = []
        self.holes: list[list[int]] = []
        self.silent_until = 0  # up to here a stray character has been reported
        self.newline = True  # a newline has been passed since the last token

    def run(self) -> None:
        """Walk the text. This loop is the hot one: it makes each token by hand."""
        match_at, text, append, holes = PATTERN.match, self.text, self.tokens.append, self.holes
        new, keywords, name = tuple.__new__, t.KEYWORDS, t.NAME
        position = 1 if text.startswith("\ufeff") else 0
        checkpoint = MAX_TOKENS  # a position that cannot be passed with fewer tokens
        while True:
            if position > checkpoint:
                checkpoint = position + MAX_TOKENS - len(self.tokens)
                if checkpoint <= position:
                    self.too_large(position)
                    return
            match = match_at(text, position)
            assert match is not None, "PATTERN matches at every position"
            kind = match.lastgroup
            start, position = match.span(match.lastindex or 0)
            if kind == "name":
                word = text[start:position]
                if not word.isascii() and not word.isidentifier():
                    position = self.stray(start, word)
                    continue
                key = word if word in keywords else name
                append(new(Token, (key, word, start, position, self.newline)))
                self.newline = False
            elif kind == "mark":
                mark = text[start:position]
                if holes:
                    position = self.mark_in_hole(mark, start, position)
                else:
                    append(new(Token, (mark, mark, start, position, self.newline)))
                    self.newline = False
            elif kind == "newline":
                self.newline = True
                if holes:
                    self.unclosed_hole(start)
            elif kind == "end":
                self.finish(start)
                return
            else:
                assert kind is not None
                position = self.rare(kind, start, position)

    def finish(self, stop: int) -> None:
        if self.holes:
            self.unclosed_hole(stop)
        self.add(t.END, stop, stop)

    def rare(self, kind: str, start: int, stop: int) -> int:
        """The less frequent kinds. Returns where to go on."""
        text = self.text
        match kind:
            case "int" | "float":
                self.add(t.INT if kind == "int" else t.FLOAT, start, stop)
                digits = text[start:stop]
                if "_" in digits and ("__" in digits or digits[-1] == "_" or digits[1:3] == "x_"):
                    self.malformed_number(start, stop)
            case "string":
                self.add(t.STRING, start, stop)
            case "format":
                self.add(t.FORMAT_START, start, stop)
                return self.format_text(stop)
            case "comment":
                return self.comment_or_division(start)
            case "block":
                return self.block_comment(start)
            case "number":
                self.malformed_number(start, stop)
                self.add(t.ERROR, start, stop)
            case "open":
                self.unclosed_string(start, stop)
            case _:
                return self.stray(start, text[start:stop])
        return stop

    def add(self, kind: str, start: int, stop: int) -> None:
        self.tokens.append(Token(kind, self.text[start:stop], start, stop, self.newline))
        self.newline = False

    def report(self, diagnostic: Diagnostic) -> None:
        if len(self.diagnostics) < MAX_ERRORS:
            self.diagnostics.append(diagnostic)

    def span(self, start: int, stop: int) -> Span:
        return Span(self.source, start, stop)

    # --- Comments ---

    def comment_or_division(self, start: int) -> int:
        if self.is_division(start):
            stop = start + (3 if self.text.startswith("//=", start) else 2)
            self.add(self.text[start:stop], start, stop)
            return stop
        stop = self.text.find("\n", start)
        stop = len(self.text) if stop < 0 else stop
        if self.holes:  # the rest of the line would swallow the string's end
            self.report(
                error(
                    "E0107",
                    "a comment cannot stand inside a formatted string",
                    self.span(start, start + 2),
                    "this starts a comment",
                )
            )
        text = self.text[start:stop].rstrip()
        self.comments.append(Comment(self.span(start, start + len(text)), text, False))
        return stop

    def is_division(self, start: int) -> bool:
        text = self.text
        if self.newline or not self.tokens or self.tokens[-1].kind not in _VALUE_ENDS:
            return False
        before = text[self.tokens[-1].stop : start]
        after = start + 2
        if text.startswith("=", after):
            return before in ("", " ") and not text.startswith(("==", "=/"), after)
        if before == " " and text[after : after + 1] == " ":
            after += 1
        elif before != "":
            return False
        if DIVISOR.match(text, after) is None:
            return False
        return bool(self.holes) or PROSE.match(text, after) is None

    def block_comment(self, start: int) -> int:
        depth, position = 0, start
        while True:
            mark = BLOCK_MARK.search(self.text, position)
            if mark is None:
                self.report(
                    error(
                        "E0102",
                        "this comment is never closed",
                        self.span(start, start + 2),
                        "opened here",
                        helps=("close it with `*/`; block comments nest",),
                    )
                )
                return len(self.text)
            depth += 1 if mark[0] == "/*" else -1
            position = mark.end()
            if depth == 0:
                break
        text = self.text[start:position]
        self.comments.append(Comment(self.span(start, position), text, True))
        if "\n" in text:
            self.newline = True
        return position

    # --- Formatted strings ---

    def format_text(self, start: int) -> int:
        """Read text from `start` up to the next hole or the closing quote."""
        text = self.text
        match = FORMAT_TEXT.match(text, start)
        assert match is not None
        stop = match.end()
        if stop > start:
            self.add(t.TEXT, start, stop)
        following = text[stop : stop + 1]
        if following == '"':
            self.add(t.FORMAT_STOP, stop, stop + 1)
            return stop + 1
        if following == "{":
            self.add(t.HOLE_START, stop, stop + 1)
            self.holes.append([stop, 0, 0])
            return stop + 1
        if following == "}":
            self.report(
                error(
                    "E0107",
                    "a `}` stands alone in a formatted string",
                    self.span(stop, stop + 1),
                    "closes no `{`",
                    helps=("write `}}` for a brace in the text",),
                )
            )
            return self.format_text(stop + 1)
        opening = next(k for k in reversed(self.tokens) if k.kind == t.FORMAT_START)
        self.report(
            error(
                "E0101",
                "this string is never closed",
                self.span(opening.start, stop),
                'the line ends before a closing `"`',
            )
        )
        self.add(t.ERROR, stop, stop)
        self.add(t.FORMAT_STOP, stop, stop)
        return self.leave_outer_hole(stop)

    def leave_outer_hole(self, position: int) -> int:
        """After an unclosed inner string, close every string around it, silently."""
        while self.holes:
            self.holes.pop()
            self.add(t.HOLE_STOP, position, position)
            self.add(t.FORMAT_STOP, position, position)
        return position

    def mark_in_hole(self, mark: str, start: int, stop: int) -> int:
        hole = self.holes[-1]
        if mark == "}" and hole[1] == 0:
            self.holes.pop()
            self.add(t.HOLE_STOP, start, stop)
            return self.format_text(stop)
        if mark.startswith(":") and hole[1] == hole[2] == 0:
            match = FORMAT_SPEC.match(self.text, start + 1)
            assert match is not None
            self.add(t.SPEC, start, match.end())
            if self.text[match.end() : match.end() + 1] != "}":
                self.unclosed_hole(match.end())
                return self.skip_line(match.end())
            return match.end()
        if mark in t.OPENING:
            hole[1 if mark == "{" else 2] += 1
        elif mark in t.CLOSING:
            kind = 1 if mark == "}" else 2
            hole[kind] = max(0, hole[kind] - 1)
        self.add(mark, start, stop)
        return stop

    def unclosed_hole(self, stop: int) -> None:
        start = self.holes[-1][0]
        self.report(
            error(
                "E0107",
                "this `{` of a formatted string is never closed",
                self.span(start, start + 1),
                "opened here",
                helps=("write `{{` for a brace in the text",),
            )
        )
        newline, self.newline = self.newline, False
        self.add(t.ERROR, stop, stop)
        self.leave_outer_hole(stop)
        self.newline = newline

    def skip_line(self, position: int) -> int:
        stop = self.text.find("\n", position)
        return len(self.text) if stop < 0 else stop

    # --- What is wrong ---

    def unclosed_string(self, start: int, stop: int) -> None:
        if self.holes:  # most likely the quote that was to end the string around the hole
            self.unclosed_hole(stop)
            return
        self.report(
            error(
                "E0101",
                "this string is never closed",
                self.span(start, stop),
                'the line ends before a closing `"`',
                helps=("a string ends on its line; write `\\n` for a line break in it",),
            )
        )
        self.add(t.ERROR, start, stop)

    def malformed_number(self, start: int, stop: int) -> None:
        text = self.text[start:stop]
        split = re.match(r"([0-9]+(?:_[0-9]+)*)([^\W\d_]\w*)$", text)
        helps: tuple[str, ...] = ()
        if "_" in text and split is None:
            helps = ("single underscores may stand between digits: `1_000`",)
        elif split is not None and re.fullmatch(r"[iuf](8|16|32|64)", split[2]):
            helps = (
                f"numbers take their type from the context; write `{split[1]}`"
                f" or `{split[1]} as float32`",
            )
        elif split is not None and split[2] not in ("e", "E") and text[0] != "0":
            helps = (f"for a product write `{split[1]} * {split[2]}`",)
        self.report(
            error(
                "E0103",
                f"`{text}` is not a number",
                self.span(start, stop),
                "neither a number nor a name",
                helps=helps,
            )
        )

    def stray(self, start: int, text: str) -> int:
        """A character that starts no token."""
        first = text[0]
        if first == "'":
            quoted = SINGLE_QUOTED.match(self.text, start)
            if quoted is not None:
                self.report(
                    error(
                        "E0106",
                        "strings are written in double quotes",
                        self.span(start, quoted.end()),
                        "single quotes",
                        helps=(f'write `"{quoted[0][1:-1]}"`',),
                    )
                )
                self.add(t.STRING, start, quoted.end())
                return quoted.end()
        if first == "#":
            if not any(d.code == "E0100" and d.message.startswith("`#`") for d in self.diagnostics):
                self.report(
                    error(
                        "E0100",
                        "`#` does not start a comment",
                        self.span(start, start + 1),
                        "",
                        helps=("write comments as `// ...`",),
                    )
                )
            return self.skip_line(start)
        if first.isspace() or unicodedata.category(first) == "Cf":
            self.report(
                error(
                    "E0100",
                    f"an invisible character (U+{ord(first):04X}) stands here",
                    self.span(start, start + 1),
                    unicodedata.name(first, "control").lower(),
                    helps=("replace it by a plain space",),
                )
            )
            return start + 1
        plain = LOOKALIKES.get(first)
        helps = () if plain is None else (f"write `{plain}`",)
        stop = start + (len(text) if plain is None else 1)
        shown = text[:20] if plain is None else first
        if not first.isprintable():
            shown = f"U+{ord(first):04X}"
        if start >= self.silent_until:  # one report per line is enough
            self.silent_until = self.skip_line(start)
            self.report(
                error(
                    "E0100",
                    f"the character `{shown}` has no meaning here",
                    self.span(start, stop),
                    "",
                    helps=helps,
                )
            )
        if not self.tokens or self.tokens[-1].kind != t.ERROR:
            self.add(t.ERROR, start, stop)
        return stop

    def too_large(self, position: int) -> None:
        """Give up: so many tokens would take minutes and gigabytes."""
        self.tokens[:] = [Token(t.END, "", position, position, True)]
        self.diagnostics[:] = [
            error(
                "E0109",
                "this file is too large to compile",
                self.span(position, position),
                f"more than {MAX_TOKENS:,} words and marks before this place",
                helps=("load large tables from a data file",),
            )
        ]
