"""Operands: what an expression is made of before any operator.

Literals, names, brackets, closures, and the expressions that have blocks: `if`, `match`, `with`.
A head (`if condition`) is read with `no_block` set, so that `{` ends it and starts the body.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.diagnostics.diagnostic import Label, error
from charl.source import Span
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.cursor import Failure
from charl.syntax.format_spec import is_format_spec
from charl.syntax.literals import float_value, integer_value, string_value
from charl.syntax.precedence import INFIX, NEGATION, NOT
from charl.syntax.slips import NULLS
from charl.syntax.tokens import Token
from charl.syntax.type_grammar import TypeGrammar


class OperandGrammar(TypeGrammar):
    def parse_block_expression(self) -> ast.Expr:
        """`if`, `match`, `with` or `{`; defined by the layer above."""
        raise NotImplementedError

    # Operand = Name | Constant | FormatString | Parenthesised | ListLiteral | Lambda | Query
    #         | "-" Negation | "not" Not | Block | If | Match | With
    def parse_operand(self) -> ast.Expr:
        token = self.token
        kind = token.kind
        self.height = 0
        if kind == t.NAME:
            if token.text == "query" and self.starts_query():
                return self.parse_query()
            self.advance()
            if token.text in NULLS:
                self.report_null(token)
            return ast.Name(Span(self.source, token.start, token.stop), token.text)
        if kind == t.INT:
            self.advance()
            span = Span(self.source, token.start, token.stop)
            return ast.IntLiteral(span, integer_value(token.text, span, self.report_inside))
        if kind == t.FLOAT:
            self.advance()
            span = Span(self.source, token.start, token.stop)
            return ast.FloatLiteral(span, float_value(token.text, span, self.report_inside))
        if kind == "(":
            return self.parse_parenthesised()
        if kind == "[":
            items = self.parse_list(self.advance(), self.parse_expression)
            return ast.ListLiteral(self.span(token.start), tuple(items))
        if kind == "-":
            self.advance()
            operand = self.parse_expression(NEGATION)
            return ast.Unary(self.span(token.start), "-", operand)
        if kind in ("not", "!"):
            self.advance()
            operand = self.parse_expression(NOT)
            return ast.Unary(self.span(token.start), "not", operand)
        if kind == t.STRING:
            self.advance()
            value = string_value(self.source, token.start + 1, token.stop - 1, self.report_inside)
            return ast.StringLiteral(self.token_span(token), value)
        if kind in ("true", "false"):
            self.advance()
            return ast.BoolLiteral(self.token_span(token), kind == "true")
        if kind in ("if", "match", "with") or (kind == "{" and not self.no_block):
            return self.parse_block_expression()
        if kind in ("|", "||"):
            return self.parse_lambda()
        if kind == t.FORMAT_START:
            return self.parse_format_string()
        raise self.fail_operand()

    # --- Brackets ---

    # Parenthesised = "(" Expression ")"
    # TupleLiteral = "(" [ Expression "," [ Expression { "," Expression } [ "," ] ] ] ")"
    def parse_parenthesised(self) -> ast.Expr:
        opening, errors = self.advance(), len(self.diagnostics)
        items = self.parse_list(opening, self.parse_expression)
        if len(items) == 1 and self.tokens[self.position - 2].kind != ",":
            return items[0]
        if len(self.diagnostics) > errors:
            return ast.ErrorExpr(self.span(opening.start))
        return ast.TupleLiteral(self.span(opening.start), tuple(items))

    # --- Formatted strings ---

    # FormatString = 'f"' { text | "{" Expression [ ":" spec ] "}" } '"'
    def parse_format_string(self) -> ast.Expr:
        start = self.advance().start
        parts: list[str | ast.FormatPiece] = []
        tallest = 0
        while True:
            token = self.token
            if token.kind == t.TEXT:
                self.advance()
                parts.append(self.format_text(token))
            elif token.kind == t.HOLE_START:
                parts.append(self.parse_format_piece())
                tallest = max(tallest, self.height)
            elif token.kind == t.FORMAT_STOP:
                self.advance()
                break
            else:  # an ERROR where the string is not closed; what ends it follows
                while self.advance().kind != t.FORMAT_STOP:
                    pass
                raise Failure
        self.height = tallest + 1
        return ast.FormatString(self.span(start), tuple(parts))

    def format_text(self, token: Token) -> str:
        text = string_value(self.source, token.start, token.stop, self.report_inside)
        return text.replace("{{", "{").replace("}}", "}")

    def parse_format_piece(self) -> ast.FormatPiece:
        opening = self.advance()
        context = self.context()
        self.brackets += 1
        self.lines = self.in_index = self.no_block = False
        spec = ""
        value: ast.Expr
        try:
            value = self.parse_expression()
            if self.token.kind == t.SPEC:
                spec = self.parse_spec()
            if self.token.kind != t.HOLE_STOP:
                raise self.fail_expected("E0107", "`}` after the value")
        except Failure:
            depth = 0
            while depth > 0 or self.token.kind != t.HOLE_STOP:
                depth += (self.token.kind == t.HOLE_START) - (self.token.kind == t.HOLE_STOP)
                self.advance()
            value = ast.ErrorExpr(self.span(opening.start))
        self.advance()
        self.restore(context)
        return ast.FormatPiece(self.span(opening.start), value, spec)

    def parse_spec(self) -> str:
        token = self.advance()
        spec = token.text[1:]
        if not is_format_spec(spec):
            self.report_inside(
                error(
                    "E0108",
                    f"`{spec}` is not a format" if spec else "the format after `:` is missing",
                    self.token_span(token),
                    "unknown format",
                    helps=("as in `{x:.4}`, `{x:8.3f}`, `{n:05d}`, `{x:e}`, `{name:>10}`",),
                )
            )
        return spec

    # --- Closures ---

    # Lambda = "|" [ LambdaParameter { "," LambdaParameter } ] "|" Expression
    def parse_lambda(self) -> ast.Expr:
        opening = self.token
        start = opening.start
        self.read_half("|")
        parameters: list[ast.Parameter] = []
        while self.token.kind not in ("|", "||"):
            parameters.append(self.parse_lambda_parameter())
            if not self.maybe(","):
                break
        if self.token.kind not in ("|", "||"):
            raise self.fail(
                error(
                    "E0112",
                    "the parameters of this closure are not closed",
                    self.here(),
                    "expected `,` or `|`",
                    secondary=(Label(Span(self.source, start, start + 1), "opened here"),),
                )
            )
        self.read_half("|")
        body = self.parse_expression()
        self.height += 1
        return ast.Lambda(self.span(start), tuple(parameters), body)

    # LambdaParameter = SimplePattern [ ":" Type ]
    def parse_lambda_parameter(self) -> ast.Parameter:
        start = self.token.start
        pattern = self.parse_binding_pattern()
        type_expr = self.parse_type() if self.maybe(":") else None
        return ast.Parameter(self.span(start), pattern, type_expr, None)

    def parse_binding_pattern(self) -> ast.NamePattern | ast.TuplePattern | ast.WildcardPattern:
        """What a parameter may be: a name, `_`, or a tuple of patterns."""
        if self.token.kind not in (t.NAME, "(", *t.KEYWORDS):
            raise self.fail_expected("E0111", "a parameter's name")
        pattern = self.parse_simple_pattern()
        if isinstance(pattern, ast.NamePattern | ast.TuplePattern | ast.WildcardPattern):
            return pattern
        raise self.fail(
            error(
                "E0120",
                "a parameter is a name or a tuple of names",
                pattern.span,
                "cannot be a parameter",
            )
        )

    # --- Queries ---

    def starts_query(self) -> bool:
        following = self.peek()
        return following.kind == t.NAME and not (following.newline and self.lines)

    # Query = "query" Atom
    def parse_query(self) -> ast.Expr:
        start = self.advance().start
        atom = self.parse_atom()
        return ast.Query(self.span(start), atom)

    # Atom = Name "(" [ Expression { "," Expression } ] ")"
    def parse_atom(self) -> ast.Atom:
        start = self.token.start
        name = self.expect_name("a relation's name")
        if self.token.kind != "(":
            raise self.fail_expected("E0111", f"`(` after the relation `{name.name}`")
        terms = self.parse_list(self.advance(), self.parse_expression)
        return ast.Atom(self.span(start), name, tuple(terms))

    # --- What is no operand ---

    def report_null(self, token: Token) -> None:
        self.report_inside(
            error(
                "E0134",
                f"there is no `{token.text}`",
                self.token_span(token),
                "every value is present",
                helps=("a value that may be absent is an `Option`: `Some(x)` or `None`",),
            )
        )

    def fail_operand(self) -> Failure:
        """No expression starts here: say what was expected, and the slip it may be."""
        token = self.token
        previous = self.tokens[self.position - 1] if self.position else token
        before = self.tokens[self.position - 2].kind if self.position > 1 else ""
        if token.kind == t.HOLE_STOP:
            hole = Span(self.source, previous.start, token.stop)
            raise self.fail(
                error(
                    "E0107",
                    "nothing stands between these braces",
                    hole,
                    "a value is missing",
                    helps=("write `{{}}` for braces in the text",),
                )
            )
        if token.kind == "++":
            raise self.fail_increment(token)
        ends = token.newline or token.kind in (")", ";", "}", t.END)
        if ends and (previous.kind == "++" or (previous.kind == before == "-")):
            raise self.fail_increment(previous)
        if token.kind == "fn":
            raise self.fail_expected("E0110", "an expression", "a closure is written `|x| x + 1`")
        if token.kind in ("..", "..="):
            raise self.fail(
                error(
                    "E0128",
                    "this range has no beginning",
                    self.token_span(token),
                    "no beginning",
                    helps=("only an index may leave out the ends: `t[2..]`, `t[..n]`, `t[..]`",),
                )
            )
        if token.kind == "{":
            raise self.fail_expected(
                "E0110", f"an expression between `{previous.text}` and the body"
            )
        helps: tuple[str, ...] = ()
        if token.kind in ("return", "break", "continue", "let", "const", "while", "for"):
            helps = (
                f"`{token.text}` is a statement: put it in a block `{{ }}` or on its own line",
            )
        elif token.kind in (":", "::") and previous.kind in ("[", ","):
            helps = ("a slice is written `a..b`, and the whole of an axis `..`",)
        elif token.kind in ("*", "&", "**", "..."):
            helps = (f"`{token.text}` stands between two values only",)
        if previous.kind in INFIX and previous.kind not in ("(", "[", ".") and not helps:
            raise self.fail_expected("E0110", f"an expression after `{previous.text}`")
        raise self.fail_expected("E0110", "an expression", *helps)

    def fail_increment(self, mark: Token) -> Failure:
        raise self.fail(
            error(
                "E0116",
                "there is no increment or decrement operator",
                self.token_span(mark),
                "joins lists and strings" if mark.kind == "++" else "a minus sign",
                helps=("write `x += 1` or `x -= 1`",),
            )
        )

    # --- Heads ---

    def parse_head(self, parse: Callable[[], ast.Expr]) -> ast.Expr:
        """Read what stands between a keyword and the `{` of its body; a broken head is skipped."""
        context = self.context()
        start = self.token.start
        self.no_block, self.in_index = True, False
        try:
            head = parse()
        except Failure:
            self.resume_at_body(context)
            head = ast.ErrorExpr(self.span(start))
        self.restore(context)
        return head

    def resume_at_body(self, context: tuple[int, bool, bool, bool, int]) -> None:
        """Skip to a `{` on this line, or fail again."""
        self.restore(context)
        ahead = self.line_stop()
        if self.at_line_start or self.tokens[ahead].kind != "{":
            raise Failure
        while self.position < ahead:
            self.advance()

    def parse_condition(self) -> ast.Expr:
        """An expression in a head; `=` where `==` is meant is told apart here."""
        start = self.token.start
        condition = self.parse_expression()
        if self.token.kind != "=" or self.at_line_start:
            return condition
        self.report(
            error(
                "E0115",
                "`=` binds a value; it does not compare",
                self.token_span(self.token),
                "",
                helps=("to compare write `==`",),
            )
        )
        self.advance()
        right = self.parse_expression()
        return ast.Comparison(self.span(start), (condition, right), ("==",))
