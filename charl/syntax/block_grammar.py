"""Blocks, and the expressions made of them: `if`, `match`, `with`.

Everything in braces is a sequence of lines: statements, match arms, fields, rules. `parse_lines`
reads them all, and is the place where reading resumes after a broken one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from charl.diagnostics.diagnostic import Label, error
from charl.source import Span
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.cursor import Failure
from charl.syntax.expression_grammar import ExpressionGrammar
from charl.syntax.nesting import MAX_HEIGHT
from charl.syntax.slips import ELSE_IF_WORDS, STATEMENT_WORDS, TYPE_WORDS
from charl.syntax.tokens import Token, describe

T = TypeVar("T")


class BlockGrammar(ExpressionGrammar):
    def parse_statement(self) -> ast.Statement:
        """Defined by the statement grammar above this layer."""
        raise NotImplementedError

    def maybe_assign(self, target: ast.Expr, start: int) -> ast.Statement | None:
        """Defined by the statement grammar above this layer."""
        raise NotImplementedError

    def report_foreign(self, meant: str) -> None:
        """The current token is a word that other languages write where Charl writes `meant`."""
        self.report(
            error(
                "E0117",
                f"`{self.token.text}` is a word of other languages",
                self.token_span(self.token),
                "not a keyword here",
                helps=(f"write `{meant}`",),
            )
        )

    # --- Lines in braces ---

    # Block = "{" { Statement end } "}"
    def parse_block(self) -> ast.Block:
        opening = self.advance()
        lines = self.parse_braced(opening, self.parse_statement)
        return self.make_block(self.span(opening.start), lines)

    def make_block(self, span: Span, lines: list[ast.Statement]) -> ast.Block:
        if lines and isinstance(lines[-1], ast.ExprStatement):
            return ast.Block(span, tuple(lines[:-1]), lines[-1].value)
        return ast.Block(span, tuple(lines), None)

    def parse_braced(
        self, opening: Token, parse_line: Callable[[], T], *, commas: bool = False
    ) -> list[T]:
        """The lines up to the `}` of `opening`, which has been read."""
        outer, position = self.context(), self.position - 1
        self.brackets += 1
        self.lines, self.in_index, self.no_block = True, False, False
        bar, self.bar_separates = self.bar_separates, False
        self.enter()
        indentation = self.indentation(opening) if self.by_indentation else -1
        lines = self.parse_lines(
            parse_line,
            commas=commas,
            ended=lambda: (
                self.column(self.token) <= indentation and not self.bracket(position).closed
            ),
        )
        if self.token.kind == "}":
            self.advance()
        else:
            self.report_unclosed_brace(opening, position)
        self.bar_separates = bar
        self.restore(outer)
        return lines

    def parse_lines(
        self,
        parse_line: Callable[[], T],
        *,
        commas: bool = False,
        ended: Callable[[], bool] = lambda: False,
    ) -> list[T]:
        """Lines up to a `}`, the end, or where `ended` says so; a broken one is left out."""
        lines: list[T] = []
        tallest, outer_first = 0, self.first
        context = self.context()
        while True:
            while self.token.kind == ";" or (commas and self.token.kind == ","):
                self.advance()
            first = self.token
            if first.kind == "}" or first.kind in t.BARRIERS or (first.newline and ended()):
                break
            self.first = position = self.position
            try:
                lines.append(parse_line())
                tallest = max(tallest, self.height)
                self.first = position
                self.expect_line_end(position, commas)
            except Failure:
                self.resume_at_statement(first, context, commas=commas)
                if self.position == position and self.token.kind not in t.BARRIERS:
                    self.advance()
        self.height = tallest + 1
        self.first = outer_first
        return lines

    def expect_line_end(self, first: int, commas: bool) -> None:
        """A line ends at a newline, `;` (or `,`), or before `}`."""
        token = self.token
        if token.newline or token.kind in (";", "}") or (commas and token.kind == ","):
            return
        if token.kind in t.BARRIERS:
            return
        if self.maybe_comment():
            return
        if token.kind in (")", "]"):
            raise self.fail(
                error(
                    "E0113",
                    f"this `{token.kind}` closes nothing",
                    self.token_span(token),
                    f"no open `{t.CLOSING[token.kind]}`",
                )
            )
        previous = self.tokens[self.position - 1]
        if previous.kind == t.NAME and previous.text in STATEMENT_WORDS:
            raise self.fail(
                error(
                    "E0117",
                    f"`{previous.text}` is a word of other languages",
                    self.token_span(previous),
                    "not a keyword here",
                    helps=(STATEMENT_WORDS[previous.text],),
                )
            )
        what = "`,` or a new line" if commas else "a new line or `;`"
        raise self.fail(
            error(
                "E0114",
                f"expected {what} here, found {describe(token)}",
                self.token_span(token),
                "does not continue what stands before it",
                helps=self.line_end_helps(self.tokens[first], previous),
            )
        )

    def line_end_helps(self, start: Token, previous: Token) -> tuple[str, ...]:
        """What may have been meant by a line that goes on when it should have ended."""
        token, before = self.token, self.source.text[start.start : previous.stop]
        if any(k.kind == "//" for k in self.tokens[self.first : self.position]):
            return ("before a comment on the same line put two spaces; `a // b` divides",)
        match token.kind:
            case ":" if previous.kind in (t.STRING, t.INT):
                return ("there are no literals for dictionaries: use a struct or a list of pairs",)
            case ":" if start is previous and start.kind == t.NAME:
                return (f"a name with its type is bound by `let {before}: ... = ...`",)
            case "if" if previous.kind != "}":
                return ("`if` stands first: `if condition { a } else { b }`",)
            case "else":
                return ("`else` follows the `}` of an `if`",)
            case "=":
                return ("to compare write `==`",)
            case "=>" | "->":
                return ("a closure is written `|x| x + 1`",)
            case "{":
                return self.record_helps()
            case "?":
                return ("there is no `?` operator: take an `Option` or `Result` apart by `match`",)
            case t.NAME if previous.text == "mut":
                return (f"a name is bound by `let mut {token.text} = ...`",)
            case t.NAME if start.text in TYPE_WORDS and self.peek().kind in ("=", ";"):
                return (f"a name with its type is bound by `let {token.text}: {before} = ...`",)
            case t.STRING if previous.text == '""' and previous.stop == token.start:
                return (
                    "there are no triple quotes: comments start with `//`, documentation `///`",
                )
            case t.STRING | t.FORMAT_START | t.INT | t.FLOAT if start is previous:
                return (f"a function is called with parentheses: `{before}(...)`",)
        return ()

    def report_unclosed_brace(self, opening: Token, position: int) -> None:
        if self.reported_at == self.position:
            return
        place = Span(self.source, self.stop, self.stop)
        secondary = [Label(self.token_span(opening), "opened here")]
        suspect = self.misplaced_brace(position)
        if suspect is not None:
            text = "perhaps this one is left open: its `}` is less indented"
            secondary.append(Label(self.token_span(suspect), text))
        self.report(
            error(
                "E0112",
                "this `{` is never closed",
                place,
                "expected `}`",
                secondary=tuple(secondary),
            )
        )

    def misplaced_brace(self, position: int) -> Token | None:
        """The first `{` after this position whose `}` seems to be that of another one."""
        for inner in range(position + 1, self.position):
            token, bracket = self.tokens[inner], self.bracket(inner)
            close = self.tokens[bracket.close]
            if token.kind != "{" or not bracket.closed or not close.newline:
                continue
            if self.column(close) < self.indentation(token):
                return token
        return None

    # --- Bodies ---

    def parse_body(self, owner: Token, word: str = "") -> ast.Block:
        """The block that must follow the head of `owner`, a keyword such as `while`.

        `word` is the keyword meant, if `owner` is a word of another language.
        """
        if self.token.kind == "{":
            return self.parse_block()
        word = word or owner.text
        if self.brace_on_line() and self.token.kind != ":":
            self.report(
                error(
                    "E0111",
                    f"expected `{{` before the body of `{word}`, found {describe(self.token)}",
                    self.here(),
                    "does not continue what stands before it",
                )
            )
            while self.token.kind != "{":
                self.advance()
            return self.parse_block()
        self.report_no_braces(word)
        start = self.token.stop if self.token.kind == ":" else self.token.start
        lines = self.parse_indented(owner, self.parse_statement)
        return self.make_block(self.span(start), lines)

    def report_no_braces(self, word: str) -> None:
        self.report(
            error(
                "E0118",
                f"the body of `{word}` stands in braces",
                self.here(),
                "expected `{`",
                helps=(f"write `{word} ... {{ ... }}`",),
            )
        )

    def brace_on_line(self) -> bool:
        return not self.at_line_start and self.tokens[self.line_stop()].kind == "{"

    def parse_indented(self, owner: Token, parse_line: Callable[[], T]) -> list[T]:
        """A body without braces, already reported: the rest of the line, or deeper lines below."""
        if self.token.kind == ":" or self.at_word("then"):
            self.advance()
        if self.token.newline:
            indentation = self.indentation(owner)
            self.enter()
            lines = self.parse_lines(
                parse_line, ended=lambda: self.column(self.token) <= indentation
            )
            self.depth -= 1
            return lines
        return [] if self.token.kind in ("}", ";", ")", *t.BARRIERS) else [parse_line()]

    # --- Expressions with bodies ---

    def parse_block_expression(self) -> ast.Expr:
        kind = self.token.kind
        if kind == "if":
            return self.parse_if()
        if kind == "match":
            return self.parse_match()
        if kind == "with":
            return self.parse_with()
        return self.parse_block()

    # If = "if" Expression Block { "else" "if" Expression Block } [ "else" Block ]
    def parse_if(self) -> ast.Expr:
        branches: list[tuple[int, ast.Expr, ast.Block]] = []
        otherwise: ast.Block | ast.If | None = None
        tallest = 0
        while True:
            owner = self.advance()
            condition = self.parse_head(self.parse_condition)
            tallest = max(tallest, self.height)
            branches.append((owner.start, condition, self.parse_body(owner, "if")))
            tallest = max(tallest, self.height)
            if self.token.kind == "else":
                word = self.advance()
                if self.token.kind == "if" and not self.token.newline:
                    continue
                otherwise = self.parse_body(word)
                tallest = max(tallest, self.height)
            elif self.at_foreign_else_if():
                self.report_foreign("else if")
                continue
            break
        self.height = tallest + len(branches)
        if self.height > MAX_HEIGHT:
            raise self.fail_too_deep("more branches than can be compiled")
        for start, condition, then in reversed(branches):
            otherwise = ast.If(self.span(start), condition, then, otherwise)
        assert isinstance(otherwise, ast.If)
        return otherwise

    def at_foreign_else_if(self) -> bool:
        is_word = self.token.kind == t.NAME and self.token.text in ELSE_IF_WORDS
        return is_word and self.peek().kind not in ("=", ".", ",", ":")

    # Match = "match" Expression "{" { Arm ( "," | end ) } "}"
    def parse_match(self) -> ast.Expr:
        owner = self.advance()
        subject = self.parse_head(self.parse_expression)
        opening = self.expect("{", "before the arms of `match`")
        arms = self.parse_braced(opening, self.parse_arm, commas=True)
        return ast.Match(self.span(owner.start), subject, tuple(arms))

    # Arm = Pattern [ "if" Expression ] "=>" ( Expression | Assign | Return | Break | Continue )
    def parse_arm(self) -> ast.Arm:
        start = self.token.start
        if self.at_word("case") and self.peek().kind not in ("=>", "|", "if", "(", "."):
            self.report_foreign("pattern => result")
            self.advance()
        if self.token.kind == "else":
            raise self.fail_expected(
                "E0120", "a pattern", "the arm for all other values is `_ => ...`"
            )
        pattern = self.parse_pattern()
        if self.token.kind == "{" and isinstance(pattern, ast.NamePattern):
            raise self.fail_expected(
                "E0111",
                "`=>` after the pattern",
                f"the fields of a struct are matched as `{pattern.name}(field: name)`",
            )
        guard = None
        if self.maybe("if"):
            guard = self.parse_condition()
        if self.token.kind in ("->", ":", "="):
            self.report(
                error(
                    "E0111",
                    f"a pattern is followed by `=>`, not `{self.token.kind}`",
                    self.here(),
                    "expected `=>`",
                )
            )
            self.advance()
        else:
            self.expect("=>", "after the pattern")
        body = self.parse_arm_body()
        return ast.Arm(self.span(start), pattern, guard, body)

    def parse_arm_body(self) -> ast.Expr:
        """An expression; a short statement is read as a block of one."""
        start = self.token.start
        if self.token.kind in ("return", "break", "continue"):
            statement: ast.Statement | None = self.parse_statement()
        else:
            value = self.parse_expression()
            statement = self.maybe_assign(value, start)
            if statement is None:
                return value
        assert statement is not None
        return ast.Block(statement.span, (statement,), None)

    # With = "with" Setting { "," Setting } Block;  Setting = Name [ "=" ] Expression
    def parse_with(self) -> ast.Expr:
        owner = self.advance()
        settings: list[tuple[ast.Identifier, ast.Expr]] = []

        def parse_settings() -> ast.Expr:
            while True:
                name = self.expect_name("an ambient parameter, as in `with mode = training`")
                if not self.maybe("=") and self.token.kind in ("{", ","):
                    raise self.fail_expected("E0111", f"`=` after `{name.name}`")
                value = self.parse_expression()
                settings.append((name, value))
                if not self.maybe(","):
                    return value

        self.parse_head(parse_settings)
        body = self.parse_body(owner)
        return ast.With(self.span(owner.start), tuple(settings), body)
