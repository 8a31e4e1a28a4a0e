"""Expressions: a Pratt parser that climbs the one precedence table.

`parse_expression(minimum)` reads an operand, then every operator at least as tight as `minimum`
together with its right side. A node's span begins where the operand began, parentheses included, so
the formatter can see which operands stood in parentheses although the tree has no node for them.
"""

from __future__ import annotations

from charl.diagnostics.diagnostic import error
from charl.source import Span
from charl.syntax import ast
from charl.syntax import precedence as p
from charl.syntax import tokens as t
from charl.syntax.cursor import CONTINUATIONS, Failure
from charl.syntax.nesting import MAX_HEIGHT, MAX_NESTING
from charl.syntax.operand_grammar import OperandGrammar
from charl.syntax.precedence import COMPARISONS, INFIX, SPELLED
from charl.syntax.slips import BITS, OPERATORS, SHIFTS
from charl.syntax.tokens import Token

# After `..`, what shows that the range has no end.
_RANGE_STOPS = frozenset(("]", ",", ")", "{", "}", ";", "=>", "=", t.END))


class ExpressionGrammar(OperandGrammar):
    # Expression = Pipe;  Pipe = Or { "|>" Or };  Or = And { "or" And };  And = Not { "and" Not }
    # Not = "not" Not | Comparison;  Comparison = Range { ( "==" | "<" | ... ) Range | "in" Range }
    # Range = Sum [ ".." [ Sum ] [ "step" Sum ] ];  Sum = Product { ( "+" | "-" | "++" ) Product }
    # Product = Negation { ( "*" | "/" | "//" | "%" | "@" ) Negation }
    # Negation = "-" Negation | Power
    # Power = Cast [ "**" Negation ];  Cast = Postfix { "as" Type }
    # Postfix = Operand { Arguments | Items | "." ( Name | int ) }
    def parse_expression(self, minimum: int = 0) -> ast.Expr:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.fail_too_deep(f"more than {MAX_NESTING} levels")
        start = self.token.start
        left = self.parse_operand()
        height = self.height
        while True:
            token = self.token
            kind = token.kind
            if token.newline and self.lines and kind not in CONTINUATIONS:
                break
            level = INFIX.get(kind)
            if level is None:
                if (kind in OPERATORS or kind == "?") and self.mend_operator():
                    continue
                if token.text == "is" and kind == t.NAME and not self.at_line_end:
                    self.mend_is()
                    continue
                break
            if level < minimum:
                break
            if level == p.POSTFIX:
                left = self.parse_postfix(left, start)
            elif level == p.COMPARISON:
                if kind == "not" and self.peek().kind != "in":
                    break
                left = self.parse_comparison(left, start)
            elif level == p.RANGE:
                left = self.parse_range(left, start)
            elif level == p.CAST:
                self.advance()
                type_expr = self.parse_type(cast=True)
                left = ast.Cast(self.span(start), left, type_expr)
            else:
                self.advance()
                right = self.parse_expression(level if level == p.POWER else level + 1)
                left = ast.Binary(
                    Span(self.source, start, self.stop),
                    SPELLED.get(kind, kind),
                    left,
                    right,
                    Span(self.source, token.start, token.stop),
                )
            height = (self.height if self.height > height else height) + 1
            if height > MAX_HEIGHT:
                raise self.fail_too_deep(f"more than {MAX_HEIGHT} operations in one expression")
        self.height = height
        self.depth -= 1
        return left

    def mend_operator(self) -> bool:
        """Report an operator of another language, and put the one meant in its place.

        False when the mark means something to whoever reads on (`|` in a fact).
        """
        token = self.token
        if token.kind == "?":
            return self.mend_conditional()
        if token.kind == "|" and self.bar_separates:
            return False
        meant = OPERATORS[token.kind]
        self.report(
            error(
                "E0116",
                f"`{token.kind}` is not an operator",
                self.token_span(token),
                "not an operator",
                helps=(written_for(token.kind),),
            )
        )
        self.token = token._replace(kind=meant)
        self.tokens[self.position] = self.token
        return True

    def mend_is(self) -> None:
        """`x is y` and `x is not y`, as Python compares with its one empty value."""
        token = self.advance()
        meant = "=="
        if self.token.kind == "not":
            self.advance()
            meant = "!="
        self.report(
            error(
                "E0116",
                "`is` is not an operator",
                self.token_span(token),
                "not an operator",
                helps=(f"write `{meant}`; `match` takes an `Option` apart",),
            )
        )
        self.position -= 1
        self.token = token._replace(kind=meant)
        self.tokens[self.position] = self.token

    def mend_conditional(self) -> bool:
        """`c ? a : b`, as C writes it."""
        if self.peek().newline or self.peek().kind in (")", "]", "}", ",", ";", ".", t.END):
            return False
        self.report(
            error(
                "E0116",
                "there is no `? :` operator",
                self.token_span(self.token),
                "not an operator",
                helps=("`if` is an expression: `if condition { a } else { b }`",),
            )
        )
        self.advance()
        self.parse_expression()
        if self.maybe(":"):
            self.parse_expression()
        return True

    # --- Comparisons and ranges ---

    def parse_comparison(self, left: ast.Expr, start: int) -> ast.Expr:
        if self.token.kind in ("in", "not"):
            return self.parse_membership(left, start)
        operands, operators, tallest = [left], [], 0
        while self.token.kind in COMPARISONS and not self.at_line_start:
            operators.append(self.advance().kind)
            operands.append(self.parse_expression(p.COMPARISON + 1))
            tallest = max(tallest, self.height)
        self.height = tallest
        return ast.Comparison(self.span(start), tuple(operands), tuple(operators))

    def parse_membership(self, left: ast.Expr, start: int) -> ast.Expr:
        first = self.advance()
        if first.kind == "not":
            self.advance()
        operator_span = self.span(first.start)
        right = self.parse_expression(p.COMPARISON + 1)
        contained = ast.Binary(self.span(start), "in", left, right, operator_span)
        if first.kind == "not":
            return ast.Unary(contained.span, "not", contained)
        return contained

    def parse_range(self, left: ast.Expr, start: int) -> ast.Expr:
        mark = self.advance()
        stop = None
        if self.token.kind in _RANGE_STOPS or self.at_line_start:
            if not self.in_index or self.token.kind not in ("]", ","):
                raise self.fail_open_range(mark, "end")
        elif not (self.in_index and self.at_word("step")):
            stop = self.parse_expression(p.RANGE + 1)
        return ast.Range(self.span(start), left, stop, mark.kind == "..=", self.maybe_step())

    def maybe_step(self) -> ast.Expr | None:
        if not self.at_word("step") or self.at_line_start:
            return None
        self.advance()
        return self.parse_expression(p.RANGE + 1)

    def fail_open_range(self, mark: Token, what: str) -> Failure:
        raise self.fail(
            error(
                "E0128",
                f"this range has no {what}",
                self.token_span(mark),
                f"no {what}",
                helps=("only an index may leave out the ends: `t[2..]`, `t[..n]`, `t[..]`",),
            )
        )

    # --- Calls, indexing, fields ---

    def parse_postfix(self, base: ast.Expr, start: int) -> ast.Expr:
        mark = self.advance()
        if mark.kind == "(":
            arguments = self.parse_list(mark, self.parse_argument)
            return ast.Call(Span(self.source, start, self.stop), base, tuple(arguments))
        if mark.kind == "[":
            errors = len(self.diagnostics)
            items = self.parse_list(mark, self.parse_index_item, index=True)
            if not items and len(self.diagnostics) == errors:
                self.report_inside(
                    error("E0110", "an index is missing", self.span(mark.start), "nothing here")
                )
            return ast.Index(self.span(start), base, tuple(items))
        return self.parse_field(base, start)

    # Argument = [ Name ":" ] Expression
    def parse_argument(self) -> ast.Argument:
        token = self.token
        if token.kind == t.NAME:
            following = self.tokens[self.position + 1].kind
            if following in (":", ":-", "=", "::"):
                self.advance()
                mark = self.token
                self.read_half("=" if following == "=" else ":")
                name = ast.Identifier(self.token_span(token), token.text)
                value = self.parse_expression()
                if following == "=":
                    self.report_equals(mark, f"`{token.text}: {value.span.text}`")
                return ast.Argument(Span(self.source, token.start, self.stop), name, value)
        value = self.parse_expression()
        return ast.Argument(Span(self.source, token.start, self.stop), None, value)

    def report_equals(self, mark: Token, instead: str) -> None:
        self.report_inside(
            error(
                "E0124",
                "arguments are named with a colon",
                self.token_span(mark),
                "not `=`",
                helps=(f"write {instead}",) if len(instead) < 50 else (),
            )
        )

    # Items = IndexItem { "," IndexItem }
    # IndexItem = Expression | [ Sum ] ".." [ Sum ] [ "step" Sum ]
    def parse_index_item(self) -> ast.Expr:
        if self.token.kind not in ("..", "..="):
            return self.parse_expression()
        mark = self.advance()
        stop = None
        if self.token.kind not in ("]", ",") and not self.at_word("step"):
            stop = self.parse_expression(p.RANGE + 1)
        step = self.maybe_step()
        return ast.Range(self.span(mark.start), None, stop, mark.kind == "..=", step)

    def parse_field(self, base: ast.Expr, start: int) -> ast.Expr:
        token = self.token
        if token.kind == t.NAME:
            self.advance()
            name = ast.Identifier(self.token_span(token), token.text)
            return ast.Field(Span(self.source, start, self.stop), base, name)
        digits = token.text.split(".")
        if token.kind not in (t.INT, t.FLOAT) or not all(d.isdigit() for d in digits):
            previous = self.tokens[self.position - 2]
            helps: tuple[str, ...] = ()
            if previous.kind == t.INT:
                helps = (f"a number with a point has a digit behind it: `{previous.text}.0`",)
            elif token.kind in t.KEYWORDS:
                self.expect_name("a field's name")
            raise self.fail_expected("E0111", "a field's name or number after `.`", *helps)
        self.advance()  # `t.0`, or `t.0.1`, which the lexer takes for a float
        position = token.start
        for piece in digits:
            span = Span(self.source, position, position + len(piece))
            base = ast.Field(Span(self.source, start, span.stop), base, ast.Identifier(span, piece))
            position = span.stop + 1
        return base


def written_for(mark: str) -> str:
    """What Charl writes for an operator of another language."""
    if mark in BITS:
        bits = f"`{BITS[mark]}(a, b)`"
        return (
            f"write {bits}" if mark in SHIFTS else f"write `{OPERATORS[mark]}`, or {bits} for bits"
        )
    return f"write `{OPERATORS[mark]}`"
