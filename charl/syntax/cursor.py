"""The parser's cursor: where it stands in the tokens, and how it reports and resumes.

Panic mode. A grammar function that cannot go on reports one diagnostic and raises `Failure`. It is
caught where reading can resume without guessing: at the next element of a bracketed list, at the
body of a statement whose head is broken, or at the next statement. Only diagnostics say what is
wrong; `Failure` carries nothing. Since everything between the failure and the place of resumption
is skipped, one mistake gives one error. A slip whose meaning is plain (`&` for `and`, `def` for
`fn`) is reported without failing.

Newlines. Tokens only say that a newline stands before them; `lines` says whether it matters: yes
in a file and inside `{ }`, no inside `( )` and `[ ]`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from charl.diagnostics.diagnostic import Diagnostic, Label, error
from charl.source import Source, Span
from charl.syntax import tokens as t
from charl.syntax.ast import Comment, Identifier
from charl.syntax.lexer import MAX_ERRORS
from charl.syntax.nesting import MAX_NESTING
from charl.syntax.tokens import Token, describe

T = TypeVar("T")


class Failure(Exception):
    """Reading cannot go on here, and a diagnostic says why."""


class TooManyErrors(Exception):
    """MAX_ERRORS diagnostics have been reported; the rest of the file is not read."""


# A newline before one of these never ends a statement.
CONTINUATIONS = frozenset((".", "|>"))
# A line that starts with one of these starts a statement, whatever brackets seem open before it.
STATEMENT_STARTS = frozenset(
    ("let", "const", "fn", "return", "for", "while", "break", "continue")
    + ("struct", "enum", "import")
)


class Bracket(NamedTuple):
    """Where a bracket closes, and the first `,` `:` or `;` directly inside it ("" if none)."""

    close: int
    separator: str
    closed: bool = True


def find_brackets(tokens: list[Token]) -> dict[int, Bracket]:
    """All brackets of a file by the position where they open, in one walk."""
    table: dict[int, Bracket] = {}
    stack: list[list[int]] = []  # [position, position of the first separator or 0]
    opened = dict.fromkeys(t.OPENING, 0)  # how many of each kind are on the stack
    for position, token in enumerate(tokens):
        kind = token.kind
        if kind in t.OPENING:
            stack.append([position, 0])
            opened[kind] += 1
        elif kind in t.CLOSING and opened[t.CLOSING[kind]]:
            while True:  # those of other kinds above it are never closed
                start, separator = stack.pop()
                opened[tokens[start].kind] -= 1
                if tokens[start].kind == t.CLOSING[kind]:
                    break
            table[start] = Bracket(position, tokens[separator].kind if separator else "")
        elif kind in (",", ":", ";") and stack and not stack[-1][1]:
            stack[-1][1] = position
    return table


# What saves a place to resume: brackets open, lines, in_index, no_block, depth.
Context = tuple[int, bool, bool, bool, int]


class Cursor:
    """The parser's state. `token` is the one to read next, `stop` the end of the one last read."""

    def __init__(self, source: Source, tokens: list[Token], comments: list[Comment]) -> None:
        self.source = source
        self.tokens = tokens
        self.comments = comments
        self.diagnostics: list[Diagnostic] = []
        self.position = 0
        self.token = tokens[0]
        self.stop = 0
        self.lines = True  # newlines end statements here
        self.in_index = False  # directly inside the brackets of an index
        self.no_block = False  # in a head (`if`, `for`...), where `{` starts the body
        self.bar_separates = False  # in a fact, where `|` stands between alternatives
        self.in_alternatives = False  # in a rule, in parentheses where `or` joins bodies
        self.brackets = 0  # brackets open
        self.depth = 0  # nesting of what is being read
        self.height = 0  # a bound on the height of the tree last read
        self.first = 0  # the position of the first token of the line being read
        self.by_indentation = True  # an open brace may be noticed by the indentation below it
        self.reported_at = -1  # the position of the token last reported
        self.incomplete = False  # the first error was that the source ends
        self.docs_taken: set[int] = set()  # starts of the `///` comments that became docs
        self.line_stopped = -1  # what `line_stop` found last
        self.bracket_table: dict[int, Bracket] | None = None  # made when first needed
        self.first_comment = 0  # comments before this one precede `stop`

    # --- Reading ---

    def advance(self) -> Token:
        """Read the current token (END is never passed)."""
        token = self.token
        if token.kind != t.END:
            self.stop = token.stop
            self.position += 1
            self.token = self.tokens[self.position]
        return token

    def peek(self, ahead: int = 1) -> Token:
        """The token `ahead` places after the current one."""
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else self.tokens[-1]

    def maybe(self, kind: str) -> Token | None:
        """Read the current token if it is of this kind."""
        return self.advance() if self.token.kind == kind else None

    def at_word(self, word: str) -> bool:
        """Whether the current token is this soft keyword (or ordinary name)."""
        return self.token.kind == t.NAME and self.token.text == word

    @property
    def at_line_start(self) -> bool:
        """Whether a newline that matters stands before the current token."""
        return self.token.newline and self.lines

    @property
    def at_line_end(self) -> bool:
        """Whether the line being read has come to its end."""
        return self.token.newline and self.lines and self.position > self.first

    def read_half(self, first: str) -> None:
        """Read `first`, which is the current mark or its beginning: `||` is two bars to a lambda,
        and `:-`, a rule's mark, is a colon and a minus in `f(axis:-1)`."""
        token = self.token
        if token.kind == first:
            self.advance()
            return
        rest, middle = token.text[len(first) :], token.start + len(first)
        self.stop = middle
        self.token = Token(rest, rest, middle, token.stop, False)
        self.tokens[self.position] = self.token

    def line_stop(self) -> int:
        """The position of the next `{` or `}`, or where the line ends before one.

        Remembered, since a line of many broken heads asks again and again.
        """
        if self.line_stopped < self.position:
            ahead = self.position
            while self.tokens[ahead].kind not in ("{", "}", *t.BARRIERS):
                ahead += 1
                if self.tokens[ahead].newline:
                    break
            self.line_stopped = ahead
        ahead = self.line_stopped
        # A brace that starts the next line is not on this one.
        if self.tokens[ahead].newline and ahead > self.position:
            return ahead - 1
        return ahead

    def bracket(self, position: int) -> Bracket:
        """The bracket that opens at this position of the tokens."""
        if self.bracket_table is None:
            self.bracket_table = find_brackets(self.tokens)
        return self.bracket_table.get(position, Bracket(len(self.tokens) - 1, "", closed=False))

    def maybe_comment(self) -> bool:
        """Where no expression can go on, `//` was no division but starts a comment: read it."""
        start = self.token.start
        if self.token.kind != "//":
            return False
        stop, line = self.stop, self.source.text.find("\n", start)
        line = len(self.source.text) if line < 0 else line
        while self.token.start < line and self.token.kind not in t.BARRIERS:
            self.advance()
        self.stop = stop
        text = self.source.text[start:line].rstrip()
        comment = Comment(Span(self.source, start, start + len(text)), text, False)
        first = bisect_left(self.comments, start, key=lambda c: c.span.start)
        last = bisect_left(self.comments, line, key=lambda c: c.span.start)
        self.comments[first:last] = [comment]
        return True

    def span(self, start: int) -> Span:
        """From `start` to the end of the token last read."""
        return Span(self.source, start, max(start, self.stop))

    def token_span(self, token: Token) -> Span:
        return Span(self.source, token.start, token.stop)

    def here(self) -> Span:
        """The current token; at the end of a line, the place right behind the last token."""
        token = self.token
        if token.kind == t.END or self.at_line_end:
            return Span(self.source, self.stop, self.stop)
        return Span(self.source, token.start, token.stop)

    # --- Reporting ---

    def report(self, diagnostic: Diagnostic) -> None:
        """Add a diagnostic; at one token only the first counts."""
        if self.reported_at == self.position or self.token.kind == t.ERROR:
            return
        self.reported_at = self.position
        if not self.diagnostics and self.token.kind == t.END:
            self.incomplete = True
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MAX_ERRORS:
            raise TooManyErrors

    def report_inside(self, diagnostic: Diagnostic) -> None:
        """Add a diagnostic about the inside of a token that is otherwise well placed."""
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MAX_ERRORS:
            raise TooManyErrors

    def fail(self, diagnostic: Diagnostic) -> Failure:
        """Report, and return what the caller raises."""
        self.report(diagnostic)
        return Failure()

    def fail_expected(self, code: str, what: str, *helps: str) -> Failure:
        """`what` was to come here, and something else did."""
        return self.fail(self.expected(code, what, *helps))

    def expected(self, code: str, what: str, *helps: str) -> Diagnostic:
        message = f"expected {what}, found {describe(self.token)}"
        if self.at_line_end and self.token.kind != t.END:
            message = f"expected {what} before the line ends"
        return error(code, message, self.here(), f"expected {what}", helps=helps)

    # --- Expecting ---

    def expect(self, kind: str, where: str, *helps: str) -> Token:
        """Read a token of this kind or fail; `where` completes the sentence: `after the name`."""
        if self.token.kind != kind:
            raise self.fail_expected("E0111", f"`{kind}` {where}", *helps)
        return self.advance()

    def expect_name(self, what: str) -> Identifier:
        """Read a name; `what` says whose: `a function's name`."""
        token = self.token
        if token.kind != t.NAME:
            if token.kind in t.KEYWORDS and not self.at_line_start:
                raise self.fail(
                    error(
                        "E0122",
                        f"`{token.text}` is a keyword and cannot be {what}",
                        self.token_span(token),
                        "a name is needed here",
                        helps=(f"another name, such as `{token.text}_`",),
                    )
                )
            raise self.fail_expected("E0111", what)
        self.advance()
        return Identifier(self.token_span(token), token.text)

    # --- Nesting ---

    def enter(self) -> None:
        """Go one level deeper, or fail when that is too deep. `depth` is set back by the caller."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.fail_too_deep(f"more than {MAX_NESTING} levels")

    def fail_too_deep(self, label: str) -> Failure:
        return self.fail(
            error(
                "E0109",
                "this is nested too deeply",
                self.token_span(self.token),
                label,
                helps=("bind parts of it to names with `let`",),
            )
        )

    def context(self) -> Context:
        return self.brackets, self.lines, self.in_index, self.no_block, self.depth

    def restore(self, context: Context) -> None:
        self.brackets, self.lines, self.in_index, self.no_block, self.depth = context

    # --- Bracketed lists ---

    def parse_list(
        self, opening: Token, parse_item: Callable[[], T], *, index: bool = False
    ) -> list[T]:
        """Items separated by commas up to the bracket that closes `opening`, which has been read.

        A broken item is left out. Newlines do not matter inside.
        """
        outer = self.context()
        self.brackets += 1
        self.lines = self.no_block = False
        self.in_index = index
        self.enter()
        inner = self.context()
        close = t.OPENING[opening.kind]
        items: list[T] = []
        tallest = 0
        while self.token.kind != close:
            if self.token.kind == "}" or self.token.kind in t.BARRIERS:
                raise self.fail_unclosed(opening)
            try:
                items.append(parse_item())
            except Failure:
                self.resume_in_list(opening, close, inner)
            tallest = max(tallest, self.height)
            if self.token.kind == ",":
                self.advance()
            elif self.token.kind == "//":
                self.maybe_comment()
            elif self.token.kind != close and not self.mend_separator(opening, close):
                break
        else:
            self.advance()
        self.height = tallest + 1
        self.restore(outer)
        return items

    def mend_separator(self, opening: Token, close: str) -> bool:
        """After an item neither `,` nor the closing bracket came: report it, and whether to go on.

        False when a wrong bracket was read in place of the closing one.
        """
        token = self.token
        if token.kind in t.CLOSING and token.kind != "}":
            self.report(
                error(
                    "E0113",
                    f"`{token.text}` does not close `{opening.text}`",
                    self.token_span(token),
                    f"expected `{close}`",
                    secondary=(Label(self.token_span(opening), "opened here"),),
                )
            )
            self.advance()
            return False
        if token.kind == "}" or token.kind in t.BARRIERS or self.starts_statement(opening):
            raise self.fail_unclosed(opening)
        self.report(self.separator_diagnostic(opening, close))
        if self.can_start_item():
            return True
        self.resume_in_list(opening, close, self.context())
        if self.token.kind == ",":
            self.advance()
        return True

    def separator_diagnostic(self, opening: Token, close: str) -> Diagnostic:
        """What to say of a token after an item."""
        helps: tuple[str, ...] = ()
        if self.token.kind == "for":
            helps = ("there are no comprehensions: use `map` and `filter`, or a loop",)
        elif self.token.kind == "if":
            helps = ("`if` stands first: `if condition { a } else { b }`",)
        elif self.token.kind == "{":
            helps = self.record_helps()
        elif self.token.kind in (":", "::") and close == "]":
            helps = ("a slice is written `a..b`, or `a..b step k`",)
        return error(
            "E0111",
            f"expected `,` or `{close}`, found {describe(self.token)}",
            self.token_span(self.token),
            f"expected `,` or `{close}`",
            helps=helps,
            secondary=(Label(self.token_span(opening), "opened here"),),
        )

    def record_helps(self) -> tuple[str, ...]:
        """For `Point { x: 1 }`, the way other languages make a struct."""
        name, bracket = self.tokens[self.position - 1], self.bracket(self.position)
        if name.kind != t.NAME or not bracket.closed or bracket.separator != ":":
            return ()
        inside = self.source.text[self.token.stop : self.tokens[bracket.close].start]
        fields = " ".join(inside.split())
        return (f"a struct is made by a call: `{name.text}({fields})`",) if len(fields) < 60 else ()

    def can_start_item(self) -> bool:
        kind = self.token.kind
        return kind in (t.NAME, t.INT, t.FLOAT, t.STRING, t.FORMAT_START, "(", "[")

    def fail_unclosed(self, opening: Token) -> Failure:
        return self.fail(
            error(
                "E0112",
                f"this `{opening.text}` is never closed",
                Span(self.source, self.stop, self.stop)
                if self.token.newline or self.token.kind == t.END
                else self.token_span(self.token),
                f"expected `{t.OPENING[opening.kind]}`",
                secondary=(Label(self.token_span(opening), "opened here"),),
            )
        )

    def starts_statement(self, opening: Token) -> bool:
        """Whether the current token seems to start a new statement, `opening` being left open."""
        token = self.token
        if not token.newline:
            return False
        if token.kind in STATEMENT_STARTS:
            return True
        return token.kind not in t.CLOSING and self.column(token) <= self.indentation(opening)

    def column(self, token: Token) -> int:
        return token.start - (self.source.text.rfind("\n", 0, token.start) + 1)

    def indentation(self, token: Token) -> int:
        """The width of the white space at the start of the token's line."""
        text = self.source.text
        start = text.rfind("\n", 0, token.start) + 1
        stop = start
        while stop < token.start and text[stop] in " \t":
            stop += 1
        return stop - start

    # --- Resuming ---

    def resume_in_list(self, opening: Token, close: str, context: Context) -> None:
        """After a failure in an item: skip to the next `,` or closing bracket, or fail again."""
        depth = self.brackets - context[0]
        self.restore(context)
        while True:
            kind = self.token.kind
            if kind in t.BARRIERS or self.starts_statement(opening):
                self.reported_at = self.position  # whatever is wrong, it has been said
                raise Failure
            if kind in t.OPENING:
                depth += 1
            elif kind in t.CLOSING:
                if depth <= 0:
                    if kind == "}" != close:
                        raise Failure
                    return
                depth -= 1
            elif kind == "," and depth <= 0:
                return
            elif kind == t.FORMAT_START:
                self.skip_format_string()
                continue
            self.advance()

    def skip_format_string(self) -> None:
        """Skip a formatted string, which the lexer has balanced."""
        depth = 0
        while True:
            kind = self.advance().kind
            depth += (kind == t.FORMAT_START) - (kind == t.FORMAT_STOP)
            if depth <= 0 or self.token.kind == t.END:
                return

    def resume_at_statement(self, first: Token, context: Context, *, commas: bool = False) -> None:
        """After a failure in a statement that began with `first`: skip to the start of the next."""
        depth = self.brackets - context[0]
        braces = 0
        self.restore(context)
        indentation = self.indentation(first)
        while True:
            token = self.token
            kind = token.kind
            if kind in t.BARRIERS:
                return
            if token.newline and braces == 0 and token.start > first.start:
                if depth <= 0 or kind in STATEMENT_STARTS:
                    return
                if kind not in t.CLOSING and self.column(token) <= indentation:
                    return
            if (kind == ";" or (commas and kind == ",")) and depth <= 0 and braces == 0:
                return
            if kind == "}":
                if braces == 0:
                    return
                braces -= 1
            elif kind == "{":
                braces += 1
            elif kind in t.OPENING:
                depth += 1
            elif kind in t.CLOSING:
                depth -= 1
            elif kind == t.FORMAT_START:
                self.skip_format_string()
                continue
            self.advance()
