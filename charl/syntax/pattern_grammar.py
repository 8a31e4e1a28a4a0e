"""Patterns: what may stand left of `=`, between `for` and `in`, and left of `=>`.

A bare name is a variable or a variant without fields; which one, names decide later.
"""

from __future__ import annotations

from charl.diagnostics.diagnostic import error
from charl.source import Span
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.cursor import Cursor
from charl.syntax.literals import float_value, integer_value, string_value


class PatternGrammar(Cursor):
    # Pattern = SimplePattern { "|" SimplePattern }
    def parse_pattern(self) -> ast.Pattern:
        start = self.token.start
        first = self.parse_simple_pattern()
        if self.token.kind != "|" or self.at_line_start:
            return first
        options = [first]
        while self.maybe("|"):
            options.append(self.parse_simple_pattern())
        return ast.OrPattern(self.span(start), tuple(options))

    # SimplePattern = "_" | Name | string | "true" | "false" | Number | IntRange | TuplePattern
    #               | ConstructorPattern
    def parse_simple_pattern(self) -> ast.Pattern:
        token = self.token
        kind = token.kind
        if kind == t.NAME:
            if self.peek().kind in ("(", ".") and not self.peek().newline:
                return self.parse_constructor_pattern()
            self.advance()
            span = self.token_span(token)
            if token.text == "_":
                return ast.WildcardPattern(span)
            return ast.NamePattern(span, token.text)
        if kind == "(":
            return self.parse_tuple_pattern()
        if kind in (t.INT, t.FLOAT, "-"):
            return self.parse_number_pattern()
        if kind == t.STRING:
            self.advance()
            value = string_value(self.source, token.start + 1, token.stop - 1, self.report_inside)
            return ast.LiteralPattern(self.token_span(token), value)
        if kind in ("true", "false"):
            self.advance()
            return ast.LiteralPattern(self.token_span(token), kind == "true")
        helps: tuple[str, ...] = ()
        if kind == "[":
            helps = ("lists have no patterns; match on their length or elements with guards",)
        elif kind == t.FORMAT_START:
            helps = ('a pattern is known before the run; compare in a guard: `s if s == f"..."`',)
        if kind in t.KEYWORDS and not self.at_line_end:
            self.expect_name("a variable's name")
        raise self.fail_expected("E0120", "a pattern", *helps)

    # TuplePattern = "(" [ Pattern { "," Pattern } [ "," ] ] ")"
    def parse_tuple_pattern(self) -> ast.Pattern:
        opening = self.advance()
        items = self.parse_list(opening, self.parse_pattern)
        comma = self.tokens[self.position - 2].kind == ","
        if len(items) == 1 and not comma:
            return items[0]
        return ast.TuplePattern(self.span(opening.start), tuple(items))

    # IntRange = Integer ( ".." | "..=" ) Integer
    def parse_number_pattern(self) -> ast.Pattern:
        start = self.token.start
        value = self.parse_signed_number()
        if self.token.kind not in ("..", "..=") or self.at_line_start:
            return ast.LiteralPattern(self.span(start), value)
        inclusive = self.advance().kind == "..="
        if self.token.kind not in (t.INT, t.FLOAT, "-"):
            raise self.fail_expected("E0120", "the end of the range", "both ends are whole numbers")
        stop = self.parse_signed_number()
        if isinstance(value, float) or isinstance(stop, float):
            self.report_inside(
                error(
                    "E0120",
                    "a range in a pattern goes from one whole number to another",
                    self.span(start),
                    "not whole",
                    helps=("compare in a guard: `x if 0.0 <= x < 1.0 => ...`",),
                )
            )
            return ast.WildcardPattern(self.span(start))
        return ast.RangePattern(self.span(start), value, stop, inclusive)

    # Integer = [ "-" ] int;  Number = [ "-" ] ( int | float )
    def parse_signed_number(self) -> int | float:
        sign = -1 if self.maybe("-") else 1
        token = self.token
        if token.kind not in (t.INT, t.FLOAT):
            raise self.fail_expected("E0120", "a number after `-`")
        self.advance()
        span = self.token_span(token)
        if token.kind == t.INT:
            return sign * integer_value(token.text, span, self.report_inside)
        return sign * float_value(token.text, span, self.report_inside)

    # ConstructorPattern = Path [ "(" [ Fields ] ")" ];  Path = Name { "." Name }
    def parse_constructor_pattern(self) -> ast.Pattern:
        start = self.token.start
        path = self.parse_path("a pattern's name")
        arguments: list[tuple[ast.Identifier | None, ast.Pattern]] = []
        if self.token.kind == "(" and not self.token.newline:
            arguments = self.parse_list(self.advance(), self.parse_pattern_field)
        return ast.ConstructorPattern(self.span(start), path, tuple(arguments))

    # Path = Name { "." Name }
    def parse_path(self, what: str) -> tuple[ast.Identifier, ...]:
        path = [self.expect_name(what)]
        while self.token.kind == "." and not self.token.newline:
            self.advance()
            path.append(self.expect_name(what))
        return tuple(path)

    # PatternField = [ Name ":" ] Pattern
    def parse_pattern_field(self) -> tuple[ast.Identifier | None, ast.Pattern]:
        if self.token.kind == t.NAME and self.peek().kind in (":", ":-"):
            name = self.expect_name("a field's name")
            self.read_half(":")
            return name, self.parse_pattern()
        return None, self.parse_pattern()

    def parse_let_pattern(self) -> ast.Pattern:
        """A pattern in a binding: `i, row` without parentheses is told to have them."""
        start = self.token.start
        first = self.parse_pattern()
        if self.token.kind != "," or self.at_line_start:
            return first
        items = [first]
        comma = self.position
        while self.token.kind == ",":
            self.advance()
            items.append(self.parse_pattern())
        span = Span(self.source, start, self.stop)
        if self.reported_at < comma:
            self.report_inside(
                error(
                    "E0120",
                    "several names are bound in parentheses",
                    span,
                    "a tuple pattern needs `( )`",
                    helps=(f"write `({span.text})`",),
                )
            )
        return ast.TuplePattern(span, tuple(items))
